//! [`Error`]: what is wrong with a scenario, where, and what would be right.

use core::fmt;
use core::ops::Range;

/// What is wrong with a file of scenarios.
///
/// It prints as a message that begins with the place, the line in question with carets under what is meant, and a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Box<Details>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Details {
    file: String,
    line: usize,
    column: usize,
    message: String,
    hint: Option<String>,
    excerpt: Excerpt,
}

/// A line of the text, shortened around the place in question.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Excerpt {
    text: String,
    /// How many characters of `text` stand before the carets.
    indent: usize,
    carets: usize,
}

impl Error {
    /// An error at a statement of a text, by the number of its line (from 1): for what only shows when it runs.
    #[must_use]
    pub fn on_line(
        file: &str,
        text: &str,
        line: usize,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Self {
        let start = match line.checked_sub(2) {
            None => 0,
            Some(breaks) => text
                .match_indices('\n')
                .nth(breaks)
                .map_or(text.len(), |(at, _)| at + 1),
        };
        let end = start + text[start..].find('\n').unwrap_or(text.len() - start);
        let statement = text[start..end].trim();
        let from = start + text[start..end].find(statement).unwrap_or_default();
        let mut fault = Fault::new(from..from + statement.len(), message);
        fault.hint = hint;
        Self::new(file, text, fault)
    }

    /// An error in `text`.
    pub(super) fn new(file: &str, text: &str, fault: Fault) -> Self {
        let start = char_boundary(text, fault.span.start.min(text.len()));
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = start + text[start..].find('\n').unwrap_or(text.len() - start);
        let end = char_boundary(text, fault.span.end.clamp(start, line_end));
        let before = text[line_start..start].chars().count();
        Self(Box::new(Details {
            file: file.to_owned(),
            line: text[..line_start].matches('\n').count() + 1,
            column: before + 1,
            message: clean(&fault.message),
            hint: fault.hint.as_deref().map(clean),
            excerpt: Excerpt::new(
                &text[line_start..line_end],
                before,
                text[start..end].chars().count(),
            ),
        }))
    }

    /// The error of a file that is not UTF-8 from byte `valid` on.
    pub(super) fn not_utf8(file: &str, bytes: &[u8], valid: usize) -> Self {
        let line_start = bytes[..valid]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let line_end = bytes[valid..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(bytes.len(), |at| valid + at);
        // What is shown is short, so what is converted may be.
        let shown = &bytes[line_start..line_end.min(valid + Excerpt::WIDTH)];
        let before = String::from_utf8_lossy(&bytes[line_start..valid]).chars().count();
        Self(Box::new(Details {
            file: file.to_owned(),
            line: bytes[..valid].iter().filter(|byte| **byte == b'\n').count() + 1,
            column: before + 1,
            message: format!(
                "byte {valid} of the file, 0x{:02x}, is not UTF-8 text",
                bytes[valid]
            ),
            hint: Some("a scenario is text; is this the right file?".to_owned()),
            excerpt: Excerpt::new(&String::from_utf8_lossy(shown), before, 1),
        }))
    }

    /// How the file was called.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.0.file
    }

    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.0.line
    }

    /// The column, from 1, in characters.
    #[must_use]
    pub fn column(&self) -> usize {
        self.0.column
    }

    /// What is wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What would be right, where that can be said.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details {
            file,
            line,
            column,
            message,
            hint,
            excerpt,
        } = &*self.0;
        let margin = line.to_string().len();
        writeln!(f, "{file}:{line}:{column}: {message}")?;
        writeln!(f, "{:margin$} |", "")?;
        writeln!(f, "{line} | {}", excerpt.text)?;
        write!(
            f,
            "{:margin$} | {:indent$}{}",
            "",
            "",
            "^".repeat(excerpt.carets),
            indent = excerpt.indent
        )?;
        if let Some(hint) = hint {
            write!(f, "\nHint: {hint}")?;
        }
        Ok(())
    }
}

impl core::error::Error for Error {}

impl Excerpt {
    /// How much of a line is shown, in characters.
    const WIDTH: usize = 110;
    /// How much is shown before what is meant, where the line is too long.
    const LEAD: usize = 40;

    /// The line, of which `carets` characters after the first `before` are meant.
    fn new(line: &str, before: usize, carets: usize) -> Self {
        let line = line.trim_end_matches('\r');
        let skipped = if line.chars().nth(Self::WIDTH).is_some() {
            before.saturating_sub(Self::LEAD)
        } else {
            0
        };
        let mut rest = line.chars().skip(skipped);
        let mut text = String::new();
        if skipped > 0 {
            text.push('…');
        }
        text.extend(rest.by_ref().take(Self::WIDTH).map(printable));
        if rest.next().is_some() {
            text.push('…');
        }
        let indent = before - skipped + usize::from(skipped > 0);
        Self {
            indent,
            carets: carets.clamp(1, (Self::WIDTH + 1).saturating_sub(indent).max(1)),
            text,
        }
    }
}

/// A message may quote what somebody else wrote: it is kept short, and from commanding the terminal.
fn clean(message: &str) -> String {
    const MOST: usize = 400;

    let mut short: String = message.chars().take(MOST).map(printable).collect();
    if message.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short
}

/// One column on a terminal, and nothing that commands it.
pub(super) fn printable(char: char) -> char {
    match char {
        '\t' => ' ',
        char if char.is_control() => char::REPLACEMENT_CHARACTER,
        char => char,
    }
}

/// The last boundary of characters up to byte `at`.
fn char_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// What is wrong with a part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The bytes that are meant.
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Fault {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, span: Range<usize>) -> String {
        Error::new("f", text, Fault::new(span, "no").hint("yes")).to_string()
    }

    #[test]
    fn the_line_is_shown_with_carets() {
        assert_eq!(
            shown("guest reset\n\tguest panik\r\n", 19..24),
            "f:2:8: no\n  |\n2 |  guest panik\n  |        ^^^^^\nHint: yes"
        );
        assert_eq!(
            shown("é\u{1b}x", 3..4),
            "f:1:3: no\n  |\n1 | é\u{FFFD}x\n  |   ^\nHint: yes"
        );
    }

    #[test]
    fn the_end_of_the_text_is_a_place() {
        assert_eq!(shown("", 0..0), "f:1:1: no\n  |\n1 | \n  | ^\nHint: yes");
        assert_eq!(shown("a\n", 2..9), "f:2:1: no\n  |\n2 | \n  | ^\nHint: yes");
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let text = "x".repeat(1_000_000);
        let shown = shown(&text, 500_000..999_999);
        assert_eq!(shown.lines().map(|line| line.chars().count()).max(), Some(116));
        let carets = shown.lines().nth(3).expect("carets");
        assert_eq!(carets.find('^'), Some("  | …".chars().count() + 40));
    }

    #[test]
    fn bytes_that_are_no_text_have_a_place() {
        let error = Error::not_utf8("f", b"guest reset\nab\xFFc\n", 14);
        assert_eq!(
            error.to_string(),
            "f:2:3: byte 14 of the file, 0xff, is not UTF-8 text\n  |\n2 | ab\u{FFFD}c\n  |   ^\n\
             Hint: a scenario is text; is this the right file?"
        );
    }

    #[test]
    fn a_statement_is_found_by_its_line() {
        let error = Error::on_line("f", "guest reset\n  guest panic  \n", 2, "no", None);
        assert_eq!(
            error.to_string(),
            "f:2:3: no\n  |\n2 |   guest panic  \n  |   ^^^^^^^^^^^"
        );
        let beyond = Error::on_line("f", "guest reset", 7, "no", None);
        assert_eq!((beyond.line(), beyond.column()), (1, 12));
    }
}
