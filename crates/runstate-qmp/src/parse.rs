//! [`Value::parse`]: one value from text, in QEMU's dialect.

use alloc::string::String;
use core::fmt;

use crate::Value;
use crate::parser::Fault;
use crate::streamer::Streamer;

/// Why text is not a value, in QEMU's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    words: String,
    offset: usize,
}

impl ParseError {
    /// The byte of the input, from 0, at which the problem is.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// What QEMU says about it, `JSON parse error, expecting value` for example.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.words, self.offset)
    }
}

impl core::error::Error for ParseError {}

impl From<Fault> for ParseError {
    fn from(fault: Fault) -> Self {
        Self {
            words: fault.words,
            offset: fault.offset,
        }
    }
}

impl Value {
    /// Parses text that is exactly one value in QEMU's JSON dialect: strings may be in single quotes, keys may not
    /// repeat, nesting is limited to 1024, U+0000 and the noncharacters are not text. `qobject_from_json()`,
    /// qobject/qjson.c.
    ///
    /// # Errors
    ///
    /// The first problem, in QEMU's words, and the byte at which it is.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut streamer = Streamer::default();
        let mut rest = text;
        let Some(first) = streamer.next(&mut rest).or_else(|| streamer.flush()) else {
            return Err(ParseError {
                words: String::from("Expecting a JSON value"),
                offset: text.len(),
            });
        };
        let value = first?;
        let second = rest
            .iter()
            .position(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
        match second {
            None => Ok(value),
            Some(at) => Err(ParseError {
                words: String::from("Expecting at most one JSON value"),
                offset: text.len() - rest.len() + at,
            }),
        }
    }
}

impl core::str::FromStr for Value {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Object, object};

    #[test]
    fn single_quotes_are_quotes() {
        let value = Value::parse(br#" {'execute': 'a"b\'c', "id": [1, -0, 1.5, true, null]} "#);
        let id = Value::Array(vec![1.into(), 0.into(), 1.5.into(), true.into(), Value::Null]);
        assert_eq!(value, Ok(object! { "execute": "a\"b'c", "id": id }.into()));
    }

    #[test]
    fn a_value_may_end_with_the_text() {
        assert_eq!(Value::parse(b"5"), Ok(Value::Int(5)));
        assert_eq!(Value::parse(b"true"), Ok(Value::Bool(true)));
        assert_eq!("-1e400".parse(), Ok(Value::Double(f64::NEG_INFINITY)));
    }

    #[test]
    fn numbers_keep_64_bits() {
        for text in [
            "-9223372036854775808",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551615",
        ] {
            assert_eq!(Value::parse(text.as_bytes()).expect("a number").to_string(), text);
        }
        assert_eq!(
            Value::parse(b"18446744073709551616")
                .expect("a number")
                .to_string(),
            "1.8446744073709552e+19"
        );
    }

    #[test]
    fn errors_say_where() {
        for (text, words, offset) in [
            (&b""[..], "Expecting a JSON value", 0),
            (b"  ", "Expecting a JSON value", 2),
            (b"1 2", "Expecting at most one JSON value", 2),
            (b"{} x", "Expecting at most one JSON value", 3),
            (b"{\"a\": @}", "JSON parse error, stray '@'", 6),
            (b"{\"a\": nul}", "JSON parse error, invalid keyword 'nul'", 6),
            (b"{\"a\": 1", "JSON parse error, premature EOI", 7),
            (b"[1, 2", "JSON parse error, premature EOI", 5),
            (b" \"ab", "JSON parse error, stray '\"ab'", 1),
            (b"{\"a\" 1}", "JSON parse error, missing : in object pair", 5),
            (
                b"{\"a\": 1 \"b\": 2}",
                "JSON parse error, expected separator in dict",
                8,
            ),
            (b"[1 2]", "JSON parse error, expected separator in list", 3),
            (
                b"[1, {2: 3}]",
                "JSON parse error, key is not a string in object",
                5,
            ),
            (b"[ ,]", "JSON parse error, expecting value", 2),
            (
                b"[\"\\x\"]",
                "JSON parse error, invalid escape sequence in string",
                1,
            ),
            (b"{\"a\": 1, \"a\": 2}", "JSON parse error, duplicate key", 14),
        ] {
            let error = Value::parse(text).expect_err("not a value");
            assert_eq!(
                (error.words(), error.offset()),
                (words, offset),
                "{}",
                text.escape_ascii()
            );
        }
    }

    #[test]
    fn what_is_printed_parses_again() {
        for text in [
            r#"{"a": [{}, [], "\u0000\uD83D\uDE00", 0.10000000000000001, -5], "id": null}"#,
            "\"\\u007F'\"",
        ] {
            assert_eq!(
                Value::parse(text.as_bytes()).expect("it is JSON").to_string(),
                text
            );
        }
    }

    #[test]
    fn nesting_is_limited_and_needs_no_call_stack() {
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        Value::parse(nested(1024).as_bytes()).expect("as deep as it may be");
        let error = Value::parse(nested(1025).as_bytes()).expect_err("too deep");
        assert_eq!(
            (error.words(), error.offset()),
            ("JSON nesting depth limit exceeded", 1024)
        );
    }

    #[test]
    fn many_keys_are_still_compared() {
        let mut text = String::from("{");
        for n in 0..100_000 {
            text += &format!("\"{n}\": {n}, ");
        }
        let last = |key: &str| format!("{text}\"{key}\": 0}}");
        let value = Value::parse(last("x").as_bytes()).expect("all keys differ");
        assert_eq!(value.as_object().map(Object::len), Some(100_001));
        let error = Value::parse(last("77777").as_bytes()).expect_err("a key repeats");
        assert_eq!(error.words(), "JSON parse error, duplicate key");
    }
}
