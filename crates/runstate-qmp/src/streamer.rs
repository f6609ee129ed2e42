//! Tokens to messages: qobject/json-streamer.c.

use alloc::string::String;
use alloc::vec::Vec;

use crate::Value;
use crate::lexer::{Lexeme, Lexer, MAX_TOKEN_SIZE, TokenKind};
use crate::parser::{self, Fault};
use crate::unicode;

/// A message may have this many tokens: `MAX_TOKEN_COUNT`.
const MAX_TOKEN_COUNT: usize = 2 << 20;
/// A message may have this many brackets and braces open at a time: `MAX_NESTING`.
const MAX_NESTING: i32 = 1 << 10;

/// A message: a value, or QEMU's words for why it is none, and where.
pub(crate) type Message = Result<Value, Fault>;

/// Collects tokens until braces and brackets balance, and parses them: `JSONMessageParser`.
#[derive(Debug, Default)]
pub(crate) struct Streamer {
    lexer: Lexer,
    tokens: Tokens,
    braces: i32,
    brackets: i32,
    /// How many bytes have been fed.
    offset: usize,
}

/// The tokens of a message, their text in one buffer.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    list: Vec<Token>,
    text: Vec<u8>,
}

/// A token: its kind, where its text ends in [`Tokens::text`], and where it ends in the input.
#[derive(Clone, Copy, Debug)]
struct Token {
    kind: TokenKind,
    end: u32,
    offset: usize,
}

impl Streamer {
    /// Takes bytes from the front of `bytes` up to the end of a message, or all.
    pub(crate) fn next(&mut self, bytes: &mut &[u8]) -> Option<Message> {
        loop {
            let before = bytes.len();
            let lexeme = self.lexer.next(bytes);
            self.offset += before - bytes.len();
            if let Some(message) = self.process(lexeme?) {
                return Some(message);
            }
        }
    }

    /// Ends the input. A message that is not complete is an error. `json_message_parser_flush()`.
    pub(crate) fn flush(&mut self) -> Option<Message> {
        if let Some(lexeme) = self.lexer.flush() {
            let message = match lexeme {
                Lexeme::Token(_) => self.process(lexeme),
                Lexeme::Stray | Lexeme::TooLong => Some(self.stray(self.lexer.text().len())),
            };
            if message.is_some() {
                return message;
            }
        }
        if self.tokens.list.is_empty() {
            return None;
        }
        Some(self.emit())
    }

    /// `json_message_process_token()`.
    fn process(&mut self, lexeme: Lexeme) -> Option<Message> {
        let kind = match lexeme {
            Lexeme::Token(kind) => kind,
            Lexeme::Stray => return Some(self.stray(1)),
            Lexeme::TooLong => return Some(self.refuse(String::from("JSON token size limit exceeded"), 1)),
        };
        match kind {
            TokenKind::LeftCurly => self.braces += 1,
            TokenKind::RightCurly => self.braces -= 1,
            TokenKind::LeftSquare => self.brackets += 1,
            TokenKind::RightSquare => self.brackets -= 1,
            TokenKind::Colon
            | TokenKind::Comma
            | TokenKind::Integer
            | TokenKind::Float
            | TokenKind::Keyword
            | TokenKind::String => {}
        }
        if let Some(limit) = self.limit_exceeded() {
            let length = self.lexer.text().len();
            return Some(self.refuse(format!("JSON {limit} limit exceeded"), length));
        }
        self.tokens.push(kind, self.lexer.text(), self.offset);
        let open = (self.braces > 0 || self.brackets > 0) && self.braces >= 0 && self.brackets >= 0;
        if open { None } else { Some(self.emit()) }
    }

    /// Whether the message with the token that is being looked at is larger than QEMU allows.
    fn limit_exceeded(&self) -> Option<&'static str> {
        if self.tokens.text.len() + self.lexer.text().len() + 1 > MAX_TOKEN_SIZE {
            Some("token size")
        } else if self.tokens.list.len() + 1 > MAX_TOKEN_COUNT {
            Some("token count")
        } else if self.braces + self.brackets > MAX_NESTING {
            Some("nesting depth")
        } else {
            None
        }
    }

    fn emit(&mut self) -> Message {
        let message = parser::parse(&self.tokens);
        self.forget();
        message
    }

    fn stray(&mut self, back: usize) -> Message {
        let text = unicode::decode_lossy(self.lexer.text());
        self.refuse(format!("JSON parse error, stray '{text}'"), back)
    }

    /// Drops the message so far. `back` is how far before the end of what was read the problem began.
    fn refuse(&mut self, words: String, back: usize) -> Message {
        self.forget();
        Err(Fault {
            words,
            offset: self.offset.saturating_sub(back),
        })
    }

    fn forget(&mut self) {
        self.braces = 0;
        self.brackets = 0;
        self.tokens.list.clear();
        self.tokens.text.clear();
        // One large message shall not occupy its memory for the rest of the session.
        self.tokens.list.shrink_to(64);
        self.tokens.text.shrink_to(1024);
    }
}

impl Tokens {
    fn push(&mut self, kind: TokenKind, text: &[u8], offset: usize) {
        self.text.extend_from_slice(text);
        let end = u32::try_from(self.text.len()).expect("the limit is 64 MiB");
        self.list.push(Token { kind, end, offset });
    }

    /// The kind and text of the token at `at`, and where it begins in the input.
    pub(crate) fn get(&self, at: usize) -> Option<(TokenKind, &[u8], usize)> {
        let token = self.list.get(at)?;
        let begin = if at == 0 {
            0
        } else {
            self.list[at - 1].end as usize
        };
        let text = &self.text[begin..token.end as usize];
        Some((token.kind, text, token.offset - text.len()))
    }
}
