//! The graph for Mermaid, which code hosts draw in Markdown.

use super::{Format, Picture, by_words};

/// `stateDiagram-v2`. Names with hyphens get identifiers of their own.
#[derive(Clone, Copy, Debug)]
pub struct Mermaid;

impl Format for Mermaid {
    fn draw(&self, picture: &Picture) -> String {
        let mut text = format!(
            "---\ntitle: \"{}\"\n---\nstateDiagram-v2\n",
            picture.title.replace('"', "'")
        );
        for &state in runstate::RunState::ALL {
            let shown = picture
                .edges
                .iter()
                .any(|edge| edge.from == state || edge.to == state);
            if shown && state.name().contains('-') {
                text.push_str(&format!("    state \"{state}\" as {}\n", id(state.name())));
            }
        }
        let labelled = picture.around.is_some() || !picture.ends.is_empty();
        for edge in &picture.edges {
            let label = match edge.untaken {
                _ if !labelled => String::new(),
                Some(_) => "(nothing)".to_owned(),
                None => by_words(&edge.by, 2),
            };
            text.push_str(&line(&id(edge.from.name()), &id(edge.to.name()), &label));
        }
        for ending in &picture.ends {
            let label = format!("{}: {}", ending.end.words(), by_words(&ending.by, 2));
            text.push_str(&line(&id(ending.from.name()), "[*]", &label));
        }
        text
    }
}

fn line(from: &str, to: &str, label: &str) -> String {
    // A semicolon or colon would end a label; an arrow would begin another pair.
    let label = label
        .replace("; ", " / ")
        .replace([';', ':'], ",")
        .replace("->", "to");
    if label.is_empty() {
        format!("    {from} --> {to}\n")
    } else {
        format!("    {from} --> {to}: {label}\n")
    }
}

fn id(name: &str) -> String {
    name.replace('-', "_")
}
