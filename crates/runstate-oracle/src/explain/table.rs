//! A text table: columns as wide as they must be, long cells wrapped between words.

/// Lays out rows of equally many cells, two blanks between columns, in at most `width` columns where that is possible.
///
/// What does not fit is taken from the widest columns first. Width is counted in characters.
#[must_use]
pub fn lay_out(rows: &[Vec<String>], indent: usize, width: usize) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let mut widths = vec![0; columns];
    for row in rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(cell.chars().count());
        }
    }
    fit(
        &mut widths,
        width.saturating_sub(indent + 2 * columns.saturating_sub(1)),
    );
    let mut text = String::new();
    for row in rows {
        let cells: Vec<Vec<String>> = row.iter().zip(&widths).map(|(cell, &w)| wrap(cell, w)).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let mut out = " ".repeat(indent);
            for (cell, &w) in cells.iter().zip(&widths) {
                let part = cell.get(line).map_or("", String::as_str);
                out.push_str(part);
                out.push_str(&" ".repeat(w.saturating_sub(part.chars().count()) + 2));
            }
            text.push_str(out.trim_end());
            text.push('\n');
        }
    }
    text
}

/// The narrowest that a wrapped column gets.
const NARROWEST: usize = 16;

/// What the first column gives first: it tells where, and others tell what.
const FIRST_COLUMN: usize = 28;

fn fit(widths: &mut [usize], room: usize) {
    let over = widths.iter().sum::<usize>().saturating_sub(room);
    if let Some(first) = widths.first_mut()
        && *first > FIRST_COLUMN
    {
        *first = FIRST_COLUMN.max(first.saturating_sub(over));
    }
    while widths.iter().sum::<usize>() > room {
        let Some(widest) = widths.iter_mut().max() else {
            return;
        };
        if *widest <= NARROWEST {
            return;
        }
        *widest -= 1;
    }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always one");
        let longer = line.chars().count() + 1 + word.chars().count();
        if line.is_empty() {
            line.push_str(word);
        } else if longer <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            // What goes on is set off.
            lines.push(format!("  {word}"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_tables_are_aligned_and_wide_ones_wrapped() {
        let row = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        let rows = [row("a", "one"), row("bcd", "two")];
        assert_eq!(lay_out(&rows, 2, 80), "  a    one\n  bcd  two\n");
        let rows = [row("a", "one two three four five six")];
        assert_eq!(lay_out(&rows, 0, 20), "a  one two three\n     four five six\n");
        assert_eq!(lay_out(&[], 0, 20), "");
    }
}
