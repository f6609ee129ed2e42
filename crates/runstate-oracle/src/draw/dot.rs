//! The graph for Graphviz.

use super::{Format, GROUPS, Picture, by_words};

/// `digraph`, the groups of states as clusters. Dashed: nothing is known to take it.
#[derive(Clone, Copy, Debug)]
pub struct Dot;

impl Format for Dot {
    fn draw(&self, picture: &Picture) -> String {
        let mut dot = format!("digraph runstate {{\n  label={};\n", quoted(&picture.title));
        dot.push_str("  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n");
        dot.push_str("  edge [fontname=\"sans-serif\", fontsize=10];\n");
        let shown = |state: &runstate::RunState| {
            picture
                .edges
                .iter()
                .any(|edge| edge.from == *state || edge.to == *state)
                || picture.ends.iter().any(|ending| ending.from == *state)
        };
        for (number, (name, states)) in GROUPS.iter().enumerate() {
            let states: Vec<String> = states
                .iter()
                .filter(|state| shown(state))
                .map(|s| quoted(s.name()))
                .collect();
            if !states.is_empty() {
                let states = states.join("; ");
                dot.push_str(&format!(
                    "  subgraph cluster_{number} {{ label={}; {states}; }}\n",
                    quoted(name)
                ));
            }
        }
        for edge in &picture.edges {
            let mut attributes = Vec::new();
            let by = by_words(&edge.by, 3);
            if !by.is_empty() {
                let kind = if picture.around.is_some() || !picture.ends.is_empty() {
                    "label"
                } else {
                    "tooltip"
                };
                attributes.push(format!("{kind}={}", quoted(&by)));
            }
            if let Some(why) = edge.untaken {
                attributes.push(format!("style=dashed, tooltip={}", quoted(why)));
            }
            if edge.since > runstate::Release::FIRST {
                attributes.push(format!("taillabel={}", quoted(edge.since.name())));
            }
            dot.push_str(&line(edge.from.name(), edge.to.name(), &attributes));
        }
        for ending in &picture.ends {
            let attributes = [format!("label={}", quoted(&by_words(&ending.by, 3)))];
            dot.push_str(&line(ending.from.name(), &ending.end.words(), &attributes));
        }
        dot.push_str("}\n");
        dot
    }
}

fn line(from: &str, to: &str, attributes: &[String]) -> String {
    let attributes = if attributes.is_empty() {
        String::new()
    } else {
        format!(" [{}]", attributes.join(", "))
    };
    format!("  {} -> {}{attributes};\n", quoted(from), quoted(to))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
