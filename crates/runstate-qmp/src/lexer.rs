//! Bytes to tokens: qobject/json-lexer.c.

use alloc::vec::Vec;

/// One token, and a whole message's tokens together, may have this many bytes: `MAX_TOKEN_SIZE`.
pub(crate) const MAX_TOKEN_SIZE: usize = 64 << 20;

/// The kinds of tokens: `JSONTokenType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// `{`
    LeftCurly,
    /// `}`
    RightCurly,
    /// `[`
    LeftSquare,
    /// `]`
    RightSquare,
    /// `:`
    Colon,
    /// `,`
    Comma,
    /// A number without point and exponent.
    Integer,
    /// Any other number.
    Float,
    /// Lower-case letters.
    Keyword,
    /// A string in either kind of quotes.
    String,
}

/// What the lexer found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lexeme {
    /// [`Lexer::text`] is a token.
    Token(TokenKind),
    /// [`Lexer::text`] can not become a token: its last byte is wrong. Input is now skipped up to a byte that may
    /// begin a new message.
    Stray,
    /// [`Lexer::text`] has grown beyond [`MAX_TOKEN_SIZE`]. Lexing goes on with the next byte.
    TooLong,
}

/// The lexer's states, named as in json-lexer.c.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    Recovery,
    String(u8),
    StringEscape(u8),
    Zero,
    Digits,
    Sign,
    Mantissa,
    MantissaDigits,
    ExpE,
    ExpSign,
    ExpDigits,
    Keyword,
}

/// What a byte does in a state.
enum Next {
    /// The byte belongs to the token, which goes on.
    Go(State),
    /// The byte is the token's last.
    End(TokenKind),
    /// The token ended before the byte.
    Ended(TokenKind),
    /// The byte belongs to nothing.
    Skip,
    /// Recovery is over; the byte is looked at again.
    Recovered,
    Stray,
}

/// The lexer: the state and the bytes of the token so far.
#[derive(Debug, Default)]
pub(crate) struct Lexer {
    state: State,
    text: Vec<u8>,
    /// The last lexeme has been handed out, so that its text is to go before the next byte.
    done: bool,
}

impl Lexer {
    /// Takes bytes from the front of `bytes` until something is found or they are used up.
    /// `json_lexer_feed_char()`.
    pub(crate) fn next(&mut self, bytes: &mut &[u8]) -> Option<Lexeme> {
        self.forget_token();
        while let Some((&byte, rest)) = bytes.split_first() {
            let mut consumed = true;
            match self.step(byte) {
                Next::Go(state) => {
                    self.state = state;
                    self.text.push(byte);
                    *bytes = rest;
                    if let State::String(quote) = state {
                        self.plain_run(quote, bytes);
                    }
                    if self.text.len() > MAX_TOKEN_SIZE {
                        return self.found(State::Start, Lexeme::TooLong);
                    }
                    continue;
                }
                Next::End(kind) => {
                    self.text.push(byte);
                    *bytes = rest;
                    return self.found(State::Start, Lexeme::Token(kind));
                }
                Next::Ended(kind) => return self.found(State::Start, Lexeme::Token(kind)),
                Next::Skip => {}
                Next::Recovered => {
                    self.state = State::Start;
                    consumed = false;
                }
                Next::Stray => {
                    self.text.push(byte);
                    *bytes = rest;
                    return self.found(State::Recovery, Lexeme::Stray);
                }
            }
            if consumed {
                *bytes = rest;
            }
        }
        None
    }

    /// Ends the input, as `json_lexer_flush()` does: a token that could end here ends, another is stray.
    pub(crate) fn flush(&mut self) -> Option<Lexeme> {
        self.forget_token();
        match self.step(0) {
            Next::Ended(kind) => self.found(State::Start, Lexeme::Token(kind)),
            Next::Stray if self.state != State::Start => self.found(State::Start, Lexeme::Stray),
            Next::Go(_) | Next::End(_) | Next::Skip | Next::Recovered | Next::Stray => {
                self.state = State::Start;
                None
            }
        }
    }

    /// The bytes of the token last found.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    fn found(&mut self, state: State, lexeme: Lexeme) -> Option<Lexeme> {
        self.state = state;
        self.done = true;
        Some(lexeme)
    }

    fn forget_token(&mut self) {
        if core::mem::take(&mut self.done) {
            self.text.clear();
            // One long token shall not occupy its memory for the rest of the session.
            self.text.shrink_to(256);
        }
    }

    /// Takes what is in a string without meaning to the lexer, as one piece.
    fn plain_run(&mut self, quote: u8, bytes: &mut &[u8]) {
        let room = (MAX_TOKEN_SIZE + 1).saturating_sub(self.text.len());
        let window = &bytes[..bytes.len().min(room)];
        let plain = |byte: &u8| matches!(byte, 0x20..=0xFD) && *byte != quote && *byte != b'\\';
        let length = window
            .iter()
            .position(|byte| !plain(byte))
            .unwrap_or(window.len());
        self.text.extend_from_slice(&window[..length]);
        *bytes = &bytes[length..];
    }

    /// The table `json_lexer[][256]`.
    fn step(&self, byte: u8) -> Next {
        use State as S;

        match (self.state, byte) {
            (S::Start, _) => start(byte),
            (S::Recovery, b'\t') => Next::Skip,
            (S::Recovery, 0..=0x1F | 0xFE | 0xFF | b'[' | b']' | b'{' | b'}' | b':' | b',') => {
                Next::Recovered
            }
            (S::Recovery, _) => Next::Skip,
            (S::String(quote), b'\\') => Next::Go(S::StringEscape(quote)),
            (S::String(quote), _) if byte == quote => Next::End(TokenKind::String),
            (S::String(quote) | S::StringEscape(quote), 0x20..=0xFD) => Next::Go(S::String(quote)),
            (S::String(_) | S::StringEscape(_), _) => Next::Stray,
            (S::Sign, b'0') => Next::Go(S::Zero),
            (S::Sign, b'1'..=b'9') | (S::Digits, b'0'..=b'9') => Next::Go(S::Digits),
            (S::Zero, b'0'..=b'9') => Next::Stray,
            (S::Zero | S::Digits, b'.') => Next::Go(S::Mantissa),
            (S::Mantissa | S::MantissaDigits, b'0'..=b'9') => Next::Go(S::MantissaDigits),
            (S::Digits | S::MantissaDigits, b'e' | b'E') => Next::Go(S::ExpE),
            (S::ExpE, b'+' | b'-') => Next::Go(S::ExpSign),
            (S::ExpE | S::ExpSign | S::ExpDigits, b'0'..=b'9') => Next::Go(S::ExpDigits),
            (S::Zero | S::Digits, _) => Next::Ended(TokenKind::Integer),
            (S::MantissaDigits | S::ExpDigits, _) => Next::Ended(TokenKind::Float),
            (S::Sign | S::Mantissa | S::ExpE | S::ExpSign, _) => Next::Stray,
            (S::Keyword, b'a'..=b'z') => Next::Go(S::Keyword),
            (S::Keyword, _) => Next::Ended(TokenKind::Keyword),
        }
    }
}

/// Between tokens.
fn start(byte: u8) -> Next {
    match byte {
        b'"' | b'\'' => Next::Go(State::String(byte)),
        b'0' => Next::Go(State::Zero),
        b'1'..=b'9' => Next::Go(State::Digits),
        b'-' => Next::Go(State::Sign),
        b'{' => Next::End(TokenKind::LeftCurly),
        b'}' => Next::End(TokenKind::RightCurly),
        b'[' => Next::End(TokenKind::LeftSquare),
        b']' => Next::End(TokenKind::RightSquare),
        b':' => Next::End(TokenKind::Colon),
        b',' => Next::End(TokenKind::Comma),
        b'a'..=b'z' => Next::Go(State::Keyword),
        b' ' | b'\t' | b'\r' | b'\n' => Next::Skip,
        _ => Next::Stray,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lex(input: &[u8]) -> Vec<(Lexeme, Vec<u8>)> {
        let mut lexer = Lexer::default();
        let mut rest = input;
        let mut found = Vec::new();
        while let Some(lexeme) = lexer.next(&mut rest) {
            found.push((lexeme, lexer.text().to_vec()));
        }
        assert_eq!(rest, b"");
        found
    }

    #[test]
    fn a_number_ends_with_the_byte_after_it() {
        assert_eq!(lex(b"5"), []);
        assert_eq!(lex(b"5 "), [(Lexeme::Token(TokenKind::Integer), b"5".to_vec())]);
        let float = (Lexeme::Token(TokenKind::Float), b"-1.5e+3".to_vec());
        assert_eq!(
            lex(b"-1.5e+3]"),
            [float, (Lexeme::Token(TokenKind::RightSquare), b"]".to_vec())]
        );
    }

    #[test]
    fn recovery_stops_at_a_byte_that_may_begin_a_message() {
        for resume in *b"[]{}:,\n\r\x01\xFE\xFF" {
            let found = lex(&[b'@', b'x', b' ', b'\t', b'"', b'5', resume]);
            assert_eq!(found[0], (Lexeme::Stray, b"@".to_vec()));
            let expected = usize::from(!matches!(resume, b'\n' | b'\r'));
            assert_eq!(found.len() - 1, expected, "{resume:#x}");
        }
    }

    #[test]
    fn a_stray_byte_takes_the_token_with_it() {
        assert_eq!(lex(b"\"abc\n"), [(Lexeme::Stray, b"\"abc\n".to_vec())]);
        assert_eq!(lex(b"05"), [(Lexeme::Stray, b"05".to_vec())]);
        assert_eq!(lex(b"'a\\\n"), [(Lexeme::Stray, b"'a\\\n".to_vec())]);
    }

    #[test]
    fn flushing_ends_a_number_and_refuses_half_a_string() {
        let flush = |input: &[u8]| {
            let mut lexer = Lexer::default();
            let mut rest = input;
            while lexer.next(&mut rest).is_some() {}
            lexer.flush()
        };
        assert_eq!(flush(b"12"), Some(Lexeme::Token(TokenKind::Integer)));
        assert_eq!(flush(b"\"a"), Some(Lexeme::Stray));
        assert_eq!(flush(b" "), None);
        assert_eq!(flush(b"@ "), None);
        assert_eq!(flush(b""), None);
    }
}
