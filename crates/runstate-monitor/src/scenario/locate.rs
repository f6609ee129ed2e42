//! Where a part of a JSON value stands in its text.
//!
//! A [`Value`] does not know where it was written; when something is wrong with it, its text is read a second time. The
//! text is known to be JSON in QEMU's dialect.

use core::ops::Range;

use runstate_qmp::Value;

use super::error::Fault;
use super::shape::{Misshapen, Part};

/// The fault in `text`, which is the JSON that was misshapen and begins at `offset`.
pub(super) fn fault(text: &str, offset: usize, misshapen: Misshapen) -> Fault {
    let Misshapen {
        mut path,
        key,
        message,
        hint,
    } = misshapen;
    path.reverse();
    let span = part(text, &path, key);
    Fault {
        span: offset + span.start..offset + span.end,
        message,
        hint,
    }
}

/// Where each element of the array stands that is the member `key` of the object in `text`.
pub(super) fn elements(text: &str, key: &str) -> Vec<Range<usize>> {
    let array = part(text, &[Part::Member(key.to_owned())], false);
    let mut reader = Reader {
        text: &text[..array.end],
        at: array.start,
    };
    let mut elements = Vec::new();
    if reader.open(b'[') {
        while let Some(element) = reader.element() {
            elements.push(element);
        }
    }
    elements
}

/// Where the part stands, outermost step first; the way's deepest part that is there.
fn part(text: &str, path: &[Part], key: bool) -> Range<usize> {
    let mut reader = Reader { text, at: 0 };
    let mut found = reader.value();
    for (depth, part) in path.iter().enumerate() {
        let mut inner = Reader {
            text,
            at: found.start,
        };
        let step = match part {
            Part::Element(index) => inner.open(b'[').then(|| inner.nth(*index)).flatten(),
            Part::Member(name) => inner
                .open(b'{')
                .then(|| inner.member(name))
                .flatten()
                .map(|member| {
                    if key && depth + 1 == path.len() {
                        member.0
                    } else {
                        member.1
                    }
                }),
        };
        match step {
            Some(range) => found = range,
            None => return found,
        }
    }
    found
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    /// Enters an array or object.
    fn open(&mut self, bracket: u8) -> bool {
        self.blanks();
        let open = self.peek() == Some(bracket);
        self.at += usize::from(open);
        open
    }

    fn nth(&mut self, index: usize) -> Option<Range<usize>> {
        for _ in 0..index {
            self.element()?;
        }
        self.element()
    }

    /// The next element of the array that was entered.
    fn element(&mut self) -> Option<Range<usize>> {
        self.separator()?;
        Some(self.value())
    }

    /// The member `name` of the object that was entered: its key and its value.
    fn member(&mut self, name: &str) -> Option<(Range<usize>, Range<usize>)> {
        loop {
            self.separator()?;
            let key = self.value();
            self.blanks();
            self.at += usize::from(self.peek() == Some(b':'));
            let value = self.value();
            let written = Value::parse(self.text[key.clone()].as_bytes());
            if written.is_ok_and(|written| written == *name) {
                return Some((key, value));
            }
        }
    }

    /// Goes to the next element or member; `None` at the end.
    fn separator(&mut self) -> Option<()> {
        self.blanks();
        if self.peek() == Some(b',') {
            self.at += 1;
            self.blanks();
        }
        (!matches!(self.peek(), None | Some(b']' | b'}'))).then_some(())
    }

    /// Goes over one value.
    fn value(&mut self) -> Range<usize> {
        self.blanks();
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                None => break,
                Some(quote @ (b'"' | b'\'')) => self.string(quote),
                Some(b'[' | b'{') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b']' | b'}') if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                Some(b']' | b'}' | b',' | b':' | b' ' | b'\t' | b'\r' | b'\n') if depth == 0 => break,
                Some(_) => {
                    self.at += 1;
                    continue;
                }
            }
            if depth == 0 {
                break;
            }
        }
        start..self.at
    }

    fn string(&mut self, quote: u8) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            if byte == quote {
                return;
            }
            if byte == b'\\' {
                self.at += 1;
            }
        }
        self.at = self.at.min(self.text.len());
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#" {"a": [1, "x,]", {'b"': -2.5}], "c\u0064": null, "e":{}} "#;

    fn at(path: &[Part], key: bool) -> &'static str {
        &TEXT[part(TEXT, path, key)]
    }

    fn member(name: &str) -> Part {
        Part::Member(name.to_owned())
    }

    #[test]
    fn parts_are_found() {
        Value::parse(TEXT.as_bytes()).expect("it is JSON");
        assert_eq!(at(&[], false), TEXT.trim());
        assert_eq!(at(&[member("a"), Part::Element(1)], false), r#""x,]""#);
        assert_eq!(at(&[member("a"), Part::Element(2), member("b\"")], false), "-2.5");
        assert_eq!(at(&[member("a"), Part::Element(2), member("b\"")], true), "'b\"'");
        assert_eq!(at(&[member("cd")], false), "null");
        assert_eq!(at(&[member("cd")], true), r#""c\u0064""#);
        assert_eq!(at(&[member("e")], false), "{}");
    }

    #[test]
    fn what_is_missing_is_shown_where_it_would_be() {
        assert_eq!(at(&[member("e"), member("x")], false), "{}");
        assert_eq!(at(&[member("x")], true), TEXT.trim());
        assert_eq!(at(&[member("a"), Part::Element(0), member("x")], false), "1");
        assert_eq!(
            at(&[member("a"), Part::Element(3)], false),
            r#"[1, "x,]", {'b"': -2.5}]"#
        );
    }

    #[test]
    fn all_elements_are_found_in_one_go() {
        let found: Vec<&str> = elements(TEXT, "a")
            .into_iter()
            .map(|range| &TEXT[range])
            .collect();
        assert_eq!(found, ["1", r#""x,]""#, r#"{'b"': -2.5}"#]);
        assert_eq!(elements(TEXT, "e"), []);
        assert_eq!(elements("5", "e"), []);
    }
}
