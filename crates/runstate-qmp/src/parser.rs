//! The tokens of a message to a value: qobject/json-parser.c.
//!
//! QEMU's parser is recursive; this one keeps its own stack, so that 1024 levels need no deep call stack.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::hash::{BuildHasher as _, BuildHasherDefault};
use std::collections::HashSet;
use std::hash::DefaultHasher;

use crate::lexer::TokenKind;
use crate::streamer::Tokens;
use crate::unicode;
use crate::{Object, Value};

/// Why a message is not a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// QEMU's words.
    pub(crate) words: String,
    /// The byte of the input at which the offending token begins.
    pub(crate) offset: usize,
}

/// Parses one message. `json_parser_parse()`. QEMU does not look at what follows a value that ends before the
/// message does, and neither is anything left to look at: what balances is one value or an error.
pub(crate) fn parse(tokens: &Tokens) -> Result<Value, Fault> {
    let mut parser = Parser {
        tokens,
        at: 0,
        stack: Vec::new(),
    };
    parser.message()
}

struct Parser<'a> {
    tokens: &'a Tokens,
    /// The next token.
    at: usize,
    /// The arrays and objects that are open, innermost last.
    stack: Vec<Open>,
}

enum Open {
    Array(Vec<Value>),
    Object {
        object: Object,
        keys: Keys,
        /// Where the key that is being read began, or the key, once it has been read.
        key: Result<Box<str>, usize>,
    },
}

/// The keys of an object, once there are so many that looking through them takes too long.
#[derive(Default)]
struct Keys(HashSet<u64, BuildHasherDefault<DefaultHasher>>);

/// What comes next.
enum Expect {
    /// A value.
    Value,
    /// A value, or the end of the array or object, which is empty so far.
    ValueOrEnd,
    /// What follows a complete value.
    After(Value),
}

impl Parser<'_> {
    fn message(&mut self) -> Result<Value, Fault> {
        let mut expect = Expect::Value;
        loop {
            expect = match expect {
                Expect::Value => self.value()?,
                Expect::ValueOrEnd => match self.close_empty() {
                    Some(value) => Expect::After(value),
                    None => {
                        self.begin_key();
                        self.value()?
                    }
                },
                Expect::After(value) => match self.stack.pop() {
                    None => return Ok(value),
                    Some(open) => self.after(open, value)?,
                },
            };
        }
    }

    /// `parse_value()`.
    fn value(&mut self) -> Result<Expect, Fault> {
        let (kind, text, offset) = self.token()?;
        match kind {
            TokenKind::LeftCurly => {
                let (object, keys) = (Object::new(), Keys::default());
                self.stack.push(Open::Object {
                    object,
                    keys,
                    key: Err(offset),
                });
                Ok(Expect::ValueOrEnd)
            }
            TokenKind::LeftSquare => {
                self.stack.push(Open::Array(Vec::new()));
                Ok(Expect::ValueOrEnd)
            }
            TokenKind::Integer => Ok(Expect::After(integer(text))),
            TokenKind::Float => Ok(Expect::After(Value::Double(double(text)))),
            TokenKind::Keyword => match text {
                b"true" => Ok(Expect::After(Value::Bool(true))),
                b"false" => Ok(Expect::After(Value::Bool(false))),
                b"null" => Ok(Expect::After(Value::Null)),
                _ => fault(
                    &format!("invalid keyword '{}'", String::from_utf8_lossy(text)),
                    offset,
                ),
            },
            TokenKind::String => match string(text) {
                Ok(string) => Ok(Expect::After(Value::String(string))),
                Err(words) => fault(&words, offset),
            },
            TokenKind::RightCurly | TokenKind::RightSquare | TokenKind::Colon | TokenKind::Comma => {
                fault("expecting value", offset)
            }
        }
    }

    /// The innermost array or object, if it ends before it has begun.
    fn close_empty(&mut self) -> Option<Value> {
        let (kind, ..) = self.tokens.get(self.at)?;
        match (self.stack.last()?, kind) {
            (Open::Array(_), TokenKind::RightSquare) => {
                self.stack.pop();
                self.at += 1;
                Some(Value::Array(Vec::new()))
            }
            (Open::Object { .. }, TokenKind::RightCurly) => {
                self.stack.pop();
                self.at += 1;
                Some(Value::empty())
            }
            (Open::Array(_) | Open::Object { .. }, _) => None,
        }
    }

    /// Notes where a key begins, if it is a key that comes next.
    fn begin_key(&mut self) {
        let offset = self.tokens.get(self.at).map(|(.., offset)| offset);
        if let (Some(Open::Object { key, .. }), Some(offset)) = (self.stack.last_mut(), offset) {
            *key = Err(offset);
        }
    }

    /// Puts a complete value where it belongs, and reads what follows it. The latter halves of `parse_pair()`,
    /// `parse_object()` and `parse_array()`.
    fn after(&mut self, open: Open, value: Value) -> Result<Expect, Fault> {
        match open {
            Open::Array(mut values) => {
                values.push(value);
                let (kind, _, offset) = self.token()?;
                if kind == TokenKind::RightSquare {
                    return Ok(Expect::After(Value::Array(values)));
                } else if kind != TokenKind::Comma {
                    return fault("expected separator in list", offset);
                }
                self.stack.push(Open::Array(values));
            }
            Open::Object {
                object,
                keys,
                key: Err(offset),
            } => {
                let Value::String(key) = value else {
                    return fault("key is not a string in object", offset);
                };
                let (kind, _, offset) = self.token()?;
                if kind != TokenKind::Colon {
                    return fault("missing : in object pair", offset);
                }
                self.stack.push(Open::Object {
                    object,
                    keys,
                    key: Ok(key.into_boxed_str()),
                });
            }
            Open::Object {
                mut object,
                mut keys,
                key: Ok(key),
            } => {
                if !keys.insert(&key, &object) {
                    // QEMU reports it at the colon, which is the last token it still has.
                    let (.., offset) = self.tokens.get(self.at - 1).expect("the value's last token");
                    return fault("duplicate key", offset);
                }
                object.push_new(key, value);
                let (kind, _, offset) = self.token()?;
                if kind == TokenKind::RightCurly {
                    return Ok(Expect::After(Value::Object(object)));
                } else if kind != TokenKind::Comma {
                    return fault("expected separator in dict", offset);
                }
                self.stack.push(Open::Object {
                    object,
                    keys,
                    key: Err(offset),
                });
                self.begin_key();
            }
        }
        Ok(Expect::Value)
    }

    fn token(&mut self) -> Result<(TokenKind, &[u8], usize), Fault> {
        let at = self.at;
        match self.tokens.get(at) {
            Some(token) => {
                self.at += 1;
                Ok(token)
            }
            None => {
                let last = at.checked_sub(1).and_then(|last| self.tokens.get(last));
                let offset = last.map_or(0, |(_, text, offset)| offset + text.len());
                fault("premature EOI", offset)
            }
        }
    }
}

impl Keys {
    /// More keys than this are looked up by hash.
    const FEW: usize = 32;

    /// Whether `key` is not yet in `object`; notes it.
    fn insert(&mut self, key: &str, object: &Object) -> bool {
        if object.len() < Self::FEW {
            return !object.contains_key(key);
        }
        if self.0.is_empty() {
            for key in object.keys() {
                let hash = self.0.hasher().hash_one(key);
                self.0.insert(hash);
            }
        }
        let hash = self.0.hasher().hash_one(key);
        self.0.insert(hash) || !object.contains_key(key)
    }
}

/// `parse_error()`: QEMU's message is cut at 1023 bytes. Before the cut it is ASCII, or valid UTF-8 that QEMU
/// would cut within a character and then print as U+FFFD.
fn fault<T>(words: &str, offset: usize) -> Result<T, Fault> {
    const ROOM: usize = 1023;

    let cut: Vec<u8> = unicode::modified_utf8(words).take(ROOM).collect();
    let words = unicode::decode_lossy(&cut);
    Err(Fault {
        words: format!("JSON parse error, {words}"),
        offset,
    })
}

/// An `i64` if it fits, else a `u64`, else a double. `parse_literal()`.
fn integer(text: &[u8]) -> Value {
    let text = core::str::from_utf8(text).expect("the lexer found digits");
    if let Ok(value) = text.parse() {
        Value::Int(value)
    } else if let Ok(value) = text.parse() {
        Value::Uint(value)
    } else {
        Value::Double(double(text.as_bytes()))
    }
}

/// C's `strtod()`. What is too large is infinite.
fn double(text: &[u8]) -> f64 {
    let text = core::str::from_utf8(text).expect("the lexer found digits");
    text.parse().expect("what the lexer takes for a number is one")
}

/// The text of a string token without its quotes and escapes. `parse_string()`.
fn string(token: &[u8]) -> Result<String, String> {
    let mut rest = token
        .get(1..token.len() - 1)
        .expect("a string token has two quotes");
    let mut text = String::with_capacity(rest.len());
    while !rest.is_empty() {
        // What is plain ASCII, as one piece.
        let plain = rest
            .iter()
            .position(|byte| !byte.is_ascii() || *byte == b'\\')
            .unwrap_or(rest.len());
        text.push_str(core::str::from_utf8(&rest[..plain]).expect("ASCII"));
        rest = &rest[plain..];
        let length = match rest {
            [] => 0,
            [b'\\', escape @ ..] => 1 + unescape(escape, token, &mut text)?,
            _ => {
                let (char, length) = unicode::decode(rest);
                text.push(char.ok_or("invalid UTF-8 sequence in string")?);
                length
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(text)
}

/// Reads what follows a backslash, and says how many bytes that was.
fn unescape(escape: &[u8], token: &[u8], text: &mut String) -> Result<usize, String> {
    let char = match escape.first() {
        Some(byte @ (b'"' | b'\'' | b'\\' | b'/')) => char::from(*byte),
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{C}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => {
            let (char, length) = unescape_unicode(&escape[1..]);
            let Some(char) = char else {
                // QEMU prints as many bytes from the backslash on, beyond the string's end if it must: the quote
                // still is there, what follows is a byte 00.
                let begin = token.len() - 1 - escape.len() - 1;
                let end = (begin + 2 + length).min(token.len());
                let sequence = unicode::decode_lossy(&token[begin..end]);
                return Err(format!("{sequence} is not a valid Unicode character"));
            };
            text.push(char);
            return Ok(1 + length);
        }
        Some(_) | None => return Err(String::from("invalid escape sequence in string")),
    };
    text.push(char);
    Ok(1)
}

/// Reads four hexadecimal digits, or a surrogate pair's twice four with `\u` between.
fn unescape_unicode(digits: &[u8]) -> (Option<char>, usize) {
    let hexadecimal = |digits: Option<&[u8]>| {
        digits?.iter().try_fold(0, |code, digit| {
            Some(code << 4 | char::from(*digit).to_digit(16)?)
        })
    };
    let character = |code: u32| char::from_u32(code).filter(|_| unicode::is_character(code));

    let Some(code) = hexadecimal(digits.get(..4)) else {
        return (None, 4);
    };
    if (0xD800..=0xDBFF).contains(&code) && digits.get(4..6) == Some(b"\\u") {
        return match hexadecimal(digits.get(6..10)) {
            Some(trailing @ 0xDC00..=0xDFFF) => (
                character(0x1_0000 + ((code & 0x3FF) << 10 | trailing & 0x3FF)),
                10,
            ),
            Some(_) | None => (None, 4),
        };
    }
    (character(code), 4)
}
