//! The arguments behind `qemu`: words as a shell splits and quotes them.

use core::ops::Range;

use super::error::Fault;

/// A word of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// What it says, quotes removed.
    pub(super) text: String,
    /// Where it stands.
    pub(super) span: Range<usize>,
    /// Whether it stands there as it is.
    pub(super) plain: bool,
}

/// All words of `text`, which begins at `offset`.
pub(super) fn split(text: &str, offset: usize) -> Result<Vec<Word>, Fault> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(word) = first(&text[at..], offset + at)? {
        at = word.span.end - offset;
        words.push(word);
    }
    Ok(words)
}

/// The first word of `text`, which begins at `offset`; `None` where only blanks are left.
///
/// Between single quotes everything is itself; between double quotes a backslash takes `"` and `\` as they are; outside
/// quotes it does so with any character.
pub(super) fn first(text: &str, offset: usize) -> Result<Option<Word>, Fault> {
    let start = text.len() - text.trim_start_matches([' ', '\t']).len();
    let mut word = Word {
        text: String::new(),
        span: offset + start..offset + text.len(),
        plain: true,
    };
    let mut chars = text[start..].char_indices();
    let fault = |at: usize, message: &str| {
        let at = offset + start + at;
        Fault::new(at..at + 1, message)
    };
    while let Some((at, char)) = chars.next() {
        match char {
            ' ' | '\t' => {
                word.span.end = offset + start + at;
                return Ok(Some(word));
            }
            '\'' => {
                word.plain = false;
                loop {
                    match chars.next() {
                        Some((_, '\'')) => break,
                        Some((_, char)) => word.text.push(char),
                        None => {
                            return Err(
                                fault(at, "this quote is not closed").hint("put a `'` behind the word")
                            );
                        }
                    }
                }
            }
            '"' => {
                word.plain = false;
                loop {
                    match chars.next() {
                        Some((_, '"')) => break,
                        Some((_, '\\')) => match chars.next() {
                            Some((_, char @ ('"' | '\\'))) => word.text.push(char),
                            Some((_, char)) => word.text.extend(['\\', char]),
                            None => word.text.push('\\'),
                        },
                        Some((_, char)) => word.text.push(char),
                        None => {
                            return Err(
                                fault(at, "this quote is not closed").hint("put a `\"` behind the word")
                            );
                        }
                    }
                }
            }
            '\\' => {
                word.plain = false;
                match chars.next() {
                    Some((_, char)) => word.text.push(char),
                    None => {
                        return Err(
                            fault(at, "nothing follows the backslash").hint("write `\\\\` for a backslash")
                        );
                    }
                }
            }
            char => word.text.push(char),
        }
    }
    Ok((start < text.len()).then_some(word))
}

/// Appends `word` so that it is split off again as it is. It must be one line.
pub(super) fn quote(word: &str, out: &mut impl core::fmt::Write) -> core::fmt::Result {
    let plain = |char: char| char.is_alphanumeric() || "-_.,:=/+@%^".contains(char);
    if !word.is_empty() && word.chars().all(plain) {
        return out.write_str(word);
    }
    out.write_char('"')?;
    for char in word.chars() {
        if matches!(char, '"' | '\\') {
            out.write_char('\\')?;
        }
        out.write_char(char)?;
    }
    out.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        split(line, 0)
            .expect("words")
            .into_iter()
            .map(|word| word.text)
            .collect()
    }

    #[test]
    fn words_are_split_as_by_a_shell() {
        assert_eq!(
            texts(r#" -incoming "exec:cat state"  -S"#),
            ["-incoming", "exec:cat state", "-S"]
        );
        assert_eq!(
            texts(r#"a'b c'd "e\"f\\g\h" i\ j '\' "" ''"#),
            ["ab cd", r#"e"f\g\h"#, "i j", r"\", "", ""]
        );
        assert_eq!(texts(" \t "), [""; 0]);
    }

    #[test]
    fn words_know_where_they_stand() {
        let words = split(r#" ab "c d""#, 10).expect("words");
        assert_eq!(words[0].span, 11..13);
        assert_eq!(words[1].span, 14..19);
        assert!(words[0].plain && !words[1].plain);
    }

    #[test]
    fn what_is_open_is_refused_where_it_opens() {
        for (line, at) in [("a 'b c", 2), ("a \"b c", 2), ("\"a\\", 0), ("a\\", 1)] {
            assert_eq!(split(line, 0).expect_err("open").span, at..at + 1, "{line}");
        }
    }

    #[test]
    fn what_is_quoted_is_split_again() {
        let words = [
            "",
            "-S",
            "exec:cat state",
            r#"a"b\c"#,
            "'",
            "\\",
            "é",
            "a\tb",
            "&",
            "`",
        ];
        let mut line = String::new();
        for word in words {
            quote(word, &mut line).expect("a string takes all");
            line.push(' ');
        }
        assert_eq!(texts(&line), words);
        assert!(line.contains("-S \"exec:cat state\""));
    }
}
