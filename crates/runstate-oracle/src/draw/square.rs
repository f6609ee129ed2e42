//! The matrix: from which state (rows) to which (columns). States that belong together stand together.

use runstate::{Release, RunState};

use super::{
    Edge, GROUPS, Picture, by_words, grouped_states,
    svg::{escape, image},
};

const CELL: usize = 34;
const GAP: usize = 10;
const LEFT: usize = 150;
const TOP: usize = 170;

/// Where a state's row or column begins, counted from the first.
fn offset(state: RunState) -> usize {
    let (mut before, mut groups) = (0, 0);
    for (_, states) in GROUPS {
        if let Some(at) = states.iter().position(|other| *other == state) {
            return (before + at) * CELL + groups * GAP;
        }
        before += states.len();
        groups += 1;
    }
    unreachable!("every state is in a group, as a test says");
}

pub(super) fn draw(picture: &Picture) -> String {
    let size = 16 * CELL + (GROUPS.len() - 1) * GAP;
    let ends = !picture.ends.is_empty();
    let mut marks = axes(size, ends);
    for from in grouped_states() {
        for to in grouped_states() {
            let (x, y) = (LEFT + offset(to), TOP + offset(from));
            marks.push_str(&cell(picture, from, to, x, y));
        }
        if ends {
            marks.push_str(&ending_cell(picture, from, LEFT + size + GAP, TOP + offset(from)));
        }
    }
    marks.push_str(&legend(picture, TOP + size + 34));
    let width = LEFT + size + if ends { GAP + CELL } else { 0 } + 90;
    image(width, TOP + size + 100, &picture.title, &marks)
}

fn axes(size: usize, ends: bool) -> String {
    let mut marks = String::new();
    marks.push_str(&format!(
        "<text class=\"faint\" x=\"20\" y=\"{}\">from \u{2193}  to \u{2192}</text>\n",
        TOP - 12
    ));
    for state in grouped_states() {
        let middle = offset(state) + CELL / 2;
        let (row, column) = (TOP + middle + 4, LEFT + middle + 4);
        marks.push_str(&format!(
            "<text text-anchor=\"end\" x=\"{}\" y=\"{row}\">{state}</text>\n\
             <text transform=\"translate({column} {}) rotate(-50)\">{state}</text>\n",
            LEFT - 8,
            TOP - 8
        ));
    }
    if ends {
        let column = LEFT + size + GAP + CELL / 2 + 4;
        marks.push_str(&format!(
            "<text transform=\"translate({column} {}) rotate(-50)\">exits, aborts</text>\n",
            TOP - 8
        ));
    }
    marks
}

fn cell(picture: &Picture, from: RunState, to: RunState, x: usize, y: usize) -> String {
    let rect = |class: &str, inset: usize| {
        format!(
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"4\"/>",
            x + inset,
            y + inset,
            CELL - 2 * inset,
            CELL - 2 * inset
        )
    };
    let Some(edge) = picture.edge(from, to) else {
        let class = if from == to { "self" } else { "cell" };
        return format!("{}\n", rect(class, 2));
    };
    let title = escape(&edge_title(edge));
    let class = if edge.untaken.is_some() {
        "untaken"
    } else if edge.since > Release::FIRST {
        "later"
    } else {
        "first"
    };
    let mut marks = format!("<g><title>{title}</title>{}{}", rect("cell", 2), rect(class, 4));
    if edge.since > Release::FIRST {
        let colour = if edge.untaken.is_some() { "faint" } else { "mark" };
        marks.push_str(&format!(
            "<text class=\"{colour}\" text-anchor=\"middle\" x=\"{}\" y=\"{}\">{}</text>",
            x + CELL / 2,
            y + CELL / 2 + 4,
            edge.since
        ));
    }
    marks.push_str("</g>\n");
    marks
}

fn edge_title(edge: &Edge) -> String {
    let mut title = format!("{} \u{2192} {}", edge.from, edge.to);
    if edge.since > Release::FIRST {
        title.push_str(&format!(", since {}", edge.since));
    }
    match edge.untaken {
        Some(why) => title.push_str(&format!(". Nothing takes it: {why}")),
        None if edge.by.is_empty() => title.push_str(". It takes more than one input"),
        None => title.push_str(&format!(": {}", by_words(&edge.by, 12))),
    }
    title
}

fn ending_cell(picture: &Picture, from: RunState, x: usize, y: usize) -> String {
    let here = || picture.ends.iter().filter(|ending| ending.from == from);
    if here().next().is_none() {
        return String::new();
    }
    let titles: Vec<String> = here()
        .map(|e| format!("{}: {}", e.end.words(), by_words(&e.by, 12)))
        .collect();
    let statuses: Vec<String> = here()
        .map(|ending| match ending.end {
            super::End::Exit(status) => status.0.to_string(),
            super::End::Abort(_) => "!".to_owned(),
        })
        .collect();
    let mut shown: Vec<String> = statuses;
    shown.dedup();
    format!(
        "<g><title>{}</title><rect class=\"ends\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"4\"/>\
         <text class=\"mark\" text-anchor=\"middle\" x=\"{}\" y=\"{}\">{}</text></g>\n",
        escape(&titles.join("; ")),
        x + 4,
        y + 4,
        CELL + 12,
        CELL - 8,
        x + CELL / 2 + 10,
        y + CELL / 2 + 4,
        escape(&shown.join(" "))
    )
}

fn legend(picture: &Picture, y: usize) -> String {
    let untaken = picture.edges.iter().filter(|edge| edge.untaken.is_some()).count();
    let mut entries = vec![("first", "", "allowed since 6.0".to_owned())];
    if picture.edges.iter().any(|edge| edge.since > Release::FIRST) {
        entries.push(("later", "9.0", "allowed since that release".to_owned()));
    }
    if untaken > 0 {
        entries.push((
            "untaken",
            "",
            format!("allowed, and nothing takes it ({untaken})"),
        ));
    }
    if !picture.ends.is_empty() {
        entries.push(("ends", "0", "QEMU exits with that status; ! it aborts".to_owned()));
    }
    let mut marks = String::new();
    for (number, (class, mark, text)) in entries.iter().enumerate() {
        let (x, y) = (LEFT + number % 2 * 250, y + number / 2 * 28);
        marks.push_str(&format!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"22\" height=\"18\" rx=\"4\"/>\
             <text class=\"mark\" text-anchor=\"middle\" x=\"{}\" y=\"{}\">{mark}</text>\
             <text class=\"axis\" x=\"{}\" y=\"{}\">{}</text>\n",
            x + 11,
            y + 13,
            x + 30,
            y + 13,
            escape(text)
        ));
    }
    marks
}
