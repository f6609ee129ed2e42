//! The differences as text.

use runstate::RunState;

use super::{
    Diff, Group, Kind, Row,
    group::{act_of, conditions, said_and_ends},
};
use crate::explain::{label, table};

/// How much is told.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// The most columns of a line.
    pub width: usize,
    /// The most rows of a group; others are counted.
    pub rows: usize,
}

impl Default for Layout {
    fn default() -> Self {
        Self { width: 120, rows: 24 }
    }
}

/// The whole difference.
#[must_use]
pub fn text(diff: &Diff, layout: Layout) -> String {
    let (from, to) = (diff.from, diff.to);
    if diff.is_empty() {
        return format!("QEMU {from} and {to} do not differ.\n");
    }
    let mut text = format!("QEMU {from} and {to} differ:\n");
    for (release, pairs) in [(to, &diff.added), (from, &diff.removed)] {
        if !pairs.is_empty() {
            text.push_str(&format!("\nTransitions that only {release} allows:\n"));
            text.push_str(&transitions(pairs));
        }
    }
    if !diff.names.is_empty() {
        text.push_str("\nNames of the schema:\n");
        for name in &diff.names {
            text.push_str(&format!("  {} {} (since {})\n", name.of, name.name, name.since));
        }
    }
    for &kind in Kind::ALL {
        let groups: Vec<&Group> = diff.groups.iter().filter(|group| group.kind == kind).collect();
        if groups.is_empty() {
            continue;
        }
        text.push_str(&format!("\n{}\n", heading(kind)));
        for group in groups {
            text.push_str(&group_text(diff, group, layout));
        }
    }
    text
}

const fn heading(kind: Kind) -> &'static str {
    match kind {
        Kind::Order => "ORDER",
        Kind::Data => "DATA",
        Kind::Words => "WORDS OF ERRORS",
        Kind::Abort => "ABORTS",
        Kind::Behaviour => "BEHAVIOUR",
    }
}

fn transitions(pairs: &[(RunState, RunState)]) -> String {
    let mut text = String::new();
    let mut last = None;
    for (from, to) in pairs {
        if last == Some(from) {
            text.push_str(&format!(", {to}"));
        } else {
            let end = if last.is_some() { "\n" } else { "" };
            text.push_str(&format!("{end}  {from} -> {to}"));
        }
        last = Some(from);
    }
    text.push('\n');
    text
}

fn group_text(diff: &Diff, group: &Group, layout: Layout) -> String {
    let since = group
        .since
        .map_or_else(String::new, |since| format!(" (since {since})"));
    let mut text = format!("\n{}{since}\n", group.title);
    match group.kind {
        Kind::Order | Kind::Data | Kind::Words => text.push_str(&inputs(diff, group, layout)),
        Kind::Abort | Kind::Behaviour => text.push_str(&rows(diff, group, layout)),
    }
    if let Some(sequence) = group.sequences.first() {
        let act = act_of(&diff.query, sequence);
        let mut steps = vec![sequence.launch.as_str()];
        steps.extend(sequence.steps.iter().map(String::as_str));
        text.push_str(&format!("  {}\n", steps.join("; ")));
        // What one row says is not said again.
        if group.rows.len() != 1 {
            for (release, told) in [(diff.from, &sequence.from), (diff.to, &sequence.to)] {
                text.push_str(&format!("    {release:<6} {}\n", said_and_ends(told, &act)));
            }
        }
    }
    text
}

/// The inputs that differ, and where: of these it does not matter how.
fn inputs(diff: &Diff, group: &Group, layout: Layout) -> String {
    let mut names: Vec<&str> = Vec::new();
    for row in &group.rows {
        let name = diff.query.acts[row.act].name.as_str();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return String::new();
    }
    table::lay_out(&[vec![names.join(", ")]], 2, layout.width)
}

fn rows(diff: &Diff, group: &Group, layout: Layout) -> String {
    let mut cells: Vec<Vec<String>> = Vec::new();
    for row in &group.rows {
        if !group.of_input && !is_usual(diff, row) {
            // A state's heading stands for its usual situation, if that differs too.
            let usual = |other: &&Row| other.act == row.act && is_usual(diff, other);
            if group.rows.iter().any(|other| usual(&other)) {
                continue;
            }
        }
        let line = line(diff, group, row);
        // Inputs that differ alike are one line.
        match cells.iter_mut().find(|other| other[1..] == line[1..]) {
            Some(other) => {
                if other[0] != line[0] {
                    other[0] = format!("{}, {}", other[0], line[0]);
                }
            }
            None => cells.push(line),
        }
    }
    let more = cells.len().saturating_sub(layout.rows);
    cells.truncate(layout.rows);
    if cells.is_empty() {
        return String::new();
    }
    let first = if group.of_input { "in" } else { "what" };
    let header = [
        first.to_owned(),
        "with".to_owned(),
        diff.from.to_string(),
        diff.to.to_string(),
    ];
    cells.insert(0, header.to_vec());
    if cells[1..].iter().all(|row| row[1].is_empty()) {
        for row in &mut cells {
            row.remove(1);
        }
    }
    let mut text = table::lay_out(&cells, 2, layout.width);
    if more > 0 {
        text.push_str(&format!("  and {more} more\n"));
    }
    text
}

fn is_usual(diff: &Diff, row: &Row) -> bool {
    row.situations
        .iter()
        .any(|&s| diff.query.situations[s].is_usual())
}

fn line(diff: &Diff, group: &Group, row: &Row) -> Vec<String> {
    let act = &diff.query.acts[row.act];
    let place = if group.of_input {
        label::states(&row.situations, &diff.query)
    } else {
        let plain = row
            .situations
            .iter()
            .any(|&s| diff.query.situations[s].is_usual());
        // A state's heading stands for its usual situation.
        if plain {
            act.name.clone()
        } else {
            let variants: Vec<&str> = row
                .situations
                .iter()
                .map(|&s| diff.query.situations[s].variant)
                .collect();
            format!("{} ({})", act.name, variants.join("; "))
        }
    };
    vec![
        place,
        conditions(&diff.query, row),
        said_and_ends(&row.from, act),
        said_and_ends(&row.to, act),
    ]
}
