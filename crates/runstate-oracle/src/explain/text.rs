//! The matrix as text: one table for each act, or, of one situation, one table for all.

use runstate::Release;

use super::{label, table};
use crate::{
    matrix::{Matrix, Row},
    told::Step,
    words,
};

/// How the text is laid out.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// The most columns of a line.
    pub width: usize,
    /// Whether rows that say that something cannot happen are shown.
    pub impossible: bool,
    /// Whether it is said how each situation was reached.
    pub recipes: bool,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            width: 120,
            impossible: false,
            recipes: false,
        }
    }
}

/// The whole answer as text.
#[must_use]
pub fn text(matrix: &Matrix, layout: Layout) -> String {
    let mut text = if matrix.query.situations.len() == 1 && matrix.query.acts.len() > 1 {
        by_situation(matrix, layout)
    } else {
        by_act(matrix, layout)
    };
    if layout.recipes {
        text.push('\n');
        text.push_str(&recipes(matrix, layout));
    }
    let mut notes = String::new();
    if matrix.rows.iter().any(|row| matrix.moved.contains(&row.outcome)) {
        notes.push_str(&reply_note(&matrix.query.releases));
    }
    if label::mentions_points(matrix) {
        notes.push_str(label::POINTS);
        notes.push('\n');
    }
    if !notes.is_empty() {
        text.push('\n');
        text.push_str(&notes);
    }
    text
}

/// Where an early reply is: [`Detail::Glance`](crate::matrix::Detail) leaves it to this line.
fn reply_note(releases: &[Release]) -> String {
    let early: Vec<Release> = releases
        .iter()
        .copied()
        .filter(|r| !r.reply_after_pass())
        .collect();
    let early = label::releases(&early, releases);
    if early == "all" {
        "return*: in these releases it comes before the events.\n".to_owned()
    } else {
        format!("return*: {early} it comes before the events of the main loop's pass.\n")
    }
}

/// Whether the row says that the act cannot happen.
#[must_use]
pub fn is_impossible(matrix: &Matrix, row: &Row) -> bool {
    matches!(matrix.outcome(row.outcome).last(), Some(Step::Impossible(_)))
}

fn shown(matrix: &Matrix, act: usize, layout: Layout) -> Vec<&Row> {
    let of_act = matrix.rows.iter().filter(|row| row.act == act);
    of_act
        .filter(|row| layout.impossible || !is_impossible(matrix, row))
        .collect()
}

fn by_situation(matrix: &Matrix, layout: Layout) -> String {
    let mut cells = Vec::new();
    for (place, act) in matrix.query.acts.iter().enumerate() {
        for (i, row) in shown(matrix, place, layout).into_iter().enumerate() {
            let name = if i == 0 { act.name.clone() } else { String::new() };
            let mut line = vec![name];
            line.extend(row_cells(matrix, row));
            cells.push(line);
        }
    }
    let mut text = format!("In {}:\n\n", label::title(&matrix.query.situations[0]));
    let header = ["what happens", "with", "release", "QEMU says", "then"];
    text.push_str(&lay_out(cells, &header, layout.width, 0));
    text
}

fn by_act(matrix: &Matrix, layout: Layout) -> String {
    let mut text = String::new();
    for (place, act) in matrix.query.acts.iter().enumerate() {
        let rows = shown(matrix, place, layout);
        let hidden = matrix.rows.iter().filter(|row| row.act == place).count() - rows.len();
        // Among all acts, one that cannot happen anywhere is left out.
        if rows.is_empty() && matrix.query.acts.len() > 1 {
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&act.name);
        if !act.note.is_empty() {
            text.push_str(&format!(" ({})", act.note));
        }
        text.push('\n');
        if rows.is_empty() && hidden > 0 {
            text.push_str(&why_not(matrix, place));
        } else {
            text.push_str(&states_of(matrix, &rows, layout));
        }
    }
    text
}

/// Rows of the same states under one heading, all in one table.
fn states_of(matrix: &Matrix, rows: &[&Row], layout: Layout) -> String {
    let mut cells = Vec::new();
    let mut last = None;
    for row in rows {
        let states = label::states(&row.situations, &matrix.query);
        let first = last.as_ref() != Some(&states);
        let mut line = vec![if first { states.clone() } else { String::new() }];
        line.extend(row_cells(matrix, row));
        cells.push(line);
        last = Some(states);
    }
    lay_out(
        cells,
        &["in", "with", "release", "QEMU says", "then"],
        layout.width,
        2,
    )
}

fn why_not(matrix: &Matrix, act: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for row in matrix.rows.iter().filter(|row| row.act == act) {
        for said in words::says(matrix.outcome(row.outcome), &matrix.query.acts[act]) {
            let line = format!("  {said}\n");
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines.concat()
}

/// Lays out a table without the columns that say nothing.
fn lay_out(mut cells: Vec<Vec<String>>, header: &[&str], width: usize, indent: usize) -> String {
    cells.insert(0, header.iter().map(|&h| h.to_owned()).collect());
    for column in (1..header.len()).rev() {
        let telling = |row: &Vec<String>| !(row[column].is_empty() || column == 2 && row[column] == "all");
        if !cells[1..].iter().any(telling) {
            for row in &mut cells {
                row.remove(column);
            }
        }
    }
    table::lay_out(&cells, indent, width)
}

/// The cells of a row: conditions, releases, what is said, the end.
fn row_cells(matrix: &Matrix, row: &Row) -> Vec<String> {
    let told = matrix.outcome(row.outcome);
    let mut says = words::says(told, &matrix.query.acts[row.act]);
    if matrix.moved.contains(&row.outcome)
        && let Some(last) = says.last_mut()
    {
        last.push('*');
    }
    vec![
        label::conditions(row, &matrix.query).join(" "),
        label::releases(&row.releases, &matrix.query.releases),
        if says.is_empty() {
            "nothing".to_owned()
        } else {
            says.join(", ")
        },
        words::ends(told),
    ]
}

fn recipes(matrix: &Matrix, layout: Layout) -> String {
    let newest = matrix.query.releases.last().copied().unwrap_or(Release::DEFAULT);
    let row = |situation: &crate::situation::Situation| {
        let steps = situation.steps(newest.max(situation.since));
        vec![label::title(situation), steps.join("; ")]
    };
    let rows: Vec<Vec<String>> = matrix.query.situations.iter().map(row).collect();
    format!("Reached by:\n{}", table::lay_out(&rows, 2, layout.width))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Query;

    fn ask(change: impl FnOnce(&mut Query)) -> String {
        let mut query = Query::usual();
        change(&mut query);
        text(&Matrix::of(query), Layout::default())
    }

    #[test]
    fn a_panic_at_a_glance() {
        let text = ask(|query| query.acts.retain(|act| act.name == "guest panic"));
        let expected = "\
guest panic (pvpanic, or the hypervisor's interface)
  in       with                                   QEMU says                                          then
  running  panic=pause                            GUEST_PANICKED pause, STOP                         guest-panicked
           panic=shutdown shutdown=poweroff       GUEST_PANICKED poweroff, SHUTDOWN guest-panic      exits 0
           panic=shutdown shutdown=pause          GUEST_PANICKED pause, STOP                         guest-panicked
           panic=exit-failure shutdown=poweroff   GUEST_PANICKED poweroff, SHUTDOWN guest-panic      exits 1
           panic=exit-failure shutdown=pause      GUEST_PANICKED poweroff, SHUTDOWN guest-panic, STOP  shutdown
           panic=none                             GUEST_PANICKED run                                 stays

";
        let squeezed = |s: &str| s.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeezed(&text), squeezed(expected), "{text}");
    }

    #[test]
    fn the_place_of_the_reply_is_a_note_where_it_does_not_matter() {
        let text = ask(|query| {
            query.acts.retain(|act| act.name == "system_powerdown");
            query.situations.retain(|situation| situation.name == "running");
            query.detail = crate::matrix::Detail::Glance;
        });
        assert!(text.contains("POWERDOWN, return*"), "{text}");
        assert!(
            text.contains("return*: up to 7.2.0, 8.0 to 8.2 it comes before"),
            "{text}"
        );
    }

    #[test]
    fn what_cannot_happen_says_why() {
        let text = ask(|query| {
            query.acts.retain(|act| act.name == "guest panic");
            query.situations.retain(|situation| situation.name == "paused");
        });
        assert!(text.contains("cannot happen: the guest is not running"), "{text}");
    }
}
