//! A cursor over JSON text that reads what QMP messages are made of, copies nothing and takes the usual way only.
//!
//! Whatever is unusual (an escape in a string that is wanted, single quotes, a syntax error) is [`Odd`]: the caller goes
//! back to the beginning of the message and lets [`odd`](super::odd) read it, slowly and with an error text.

use memchr::{memchr_iter, memchr2, memrchr};

/// Not the usual shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Odd;

#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Skips white space.
    #[inline]
    pub(super) fn blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Odd> {
        if self.eat(byte) { Ok(()) } else { Err(Odd) }
    }

    /// Skips exactly this text, if it is here.
    #[inline]
    pub(super) fn literal(&mut self, text: &[u8]) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// A string without escapes, quotes not included.
    #[inline]
    pub(super) fn string(&mut self) -> Result<&'a [u8], Odd> {
        self.expect(b'"')?;
        self.closed_string()
    }

    /// The same, behind the opening quote.
    #[inline]
    pub(super) fn closed_string(&mut self) -> Result<&'a [u8], Odd> {
        let rest = self.rest();
        // Names and reasons are short: a plain loop beats setting up a vector search.
        for (i, &byte) in rest.iter().enumerate().take(24) {
            match byte {
                b'"' => {
                    self.at += i + 1;
                    return Ok(&rest[..i]);
                }
                b'\\' => return Err(Odd),
                _ => {}
            }
        }
        match memchr2(b'"', b'\\', rest) {
            Some(i) if rest[i] == b'"' => {
                self.at += i + 1;
                Ok(&rest[..i])
            }
            Some(_) | None => Err(Odd),
        }
    }

    /// The same as UTF-8.
    #[inline]
    pub(super) fn text(&mut self) -> Result<&'a str, Odd> {
        utf8(self.string()?)
    }

    #[inline]
    pub(super) fn integer(&mut self) -> Result<i64, Odd> {
        let negative = self.eat(b'-');
        let start = self.at;
        let mut value = 0_i64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            value = value.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            self.at += 1;
        }
        // 18 digits fit; what has more is no time and no version.
        let digits = self.at - start;
        if digits == 0 || digits > 18 || matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return Err(Odd);
        }
        Ok(if negative { -value } else { value })
    }

    #[inline]
    pub(super) fn boolean(&mut self) -> Result<bool, Odd> {
        if self.literal(b"true") {
            Ok(true)
        } else if self.literal(b"false") {
            Ok(false)
        } else {
            Err(Odd)
        }
    }

    /// Skips a value of any kind and returns its text.
    pub(super) fn value(&mut self) -> Result<&'a [u8], Odd> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => self.skip_string()?,
            Some(b'{' | b'[') => self.skip_container()?,
            Some(b'-' | b'0'..=b'9' | b'a'..=b'z') => {
                while let Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E') = self.peek() {
                    self.at += 1;
                }
            }
            Some(_) | None => return Err(Odd),
        }
        Ok(&self.bytes[start..self.at])
    }

    /// The members of an object, one call each; the callback takes the value.
    #[inline]
    pub(super) fn members(
        &mut self,
        mut each: impl FnMut(&'a [u8], &mut Self) -> Result<(), Odd>,
    ) -> Result<(), Odd> {
        self.expect(b'{')?;
        self.blank();
        if self.eat(b'}') {
            return Ok(());
        }
        loop {
            let key = self.string()?;
            self.blank();
            self.expect(b':')?;
            self.blank();
            each(key, self)?;
            self.blank();
            if self.eat(b'}') {
                return Ok(());
            }
            self.expect(b',')?;
            self.blank();
        }
    }

    fn skip_string(&mut self) -> Result<(), Odd> {
        self.expect(b'"')?;
        loop {
            let rest = self.rest();
            let i = memchr2(b'"', b'\\', rest).ok_or(Odd)?;
            if rest[i] == b'"' {
                self.at += i + 1;
                return Ok(());
            }
            self.at += i + 2;
            if self.at > self.bytes.len() {
                return Err(Odd);
            }
        }
    }

    /// Skips to the bracket that closes the one here. Which kind closes which is not looked at: pass-through text is
    /// not validated.
    fn skip_container(&mut self) -> Result<(), Odd> {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.skip_string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return Ok(());
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
        Err(Odd)
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub(super) fn finish(&mut self) {
        self.at = self.bytes.len();
    }
}

#[inline]
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Odd> {
    core::str::from_utf8(bytes).map_err(|_| Odd)
}

/// Can the rest of a message be taken for its end without looking inside? It must close, and no other message may begin
/// behind a closing brace: `}{`, also with white space between. (Inside a string that is no beginning, but there is no
/// harm in looking closer.)
pub(super) fn ends_message(rest: &[u8]) -> bool {
    rest.last() == Some(&b'}')
        && !memchr_iter(b'}', rest).any(|i| match rest.get(i + 1) {
            Some(b'{') => true,
            Some(b' ' | b'\t' | b'\r' | b'\n') => rest[i + 1..].trim_ascii_start().first() == Some(&b'{'),
            Some(_) | None => false,
        })
}

/// The `id`, where it is the last member of the message that ends this text. `None` if another member is the last.
///
/// A message ends in `"id": VALUE}`. As a quote inside a string is always written with a backslash, these cannot be the
/// characters of a string.
pub(super) fn trailing_id(message: &[u8]) -> Option<&[u8]> {
    let body = message.strip_suffix(b"}")?.trim_ascii_end();
    let start = match body.last()? {
        b'"' => {
            let open = memrchr(b'"', &body[..body.len() - 1])?;
            if body[open..].contains(&b'\\') {
                return None;
            }
            open
        }
        b'0'..=b'9' => body.iter().rposition(|b| !matches!(b, b'0'..=b'9' | b'-'))? + 1,
        _ => return None,
    };
    let before = body[..start]
        .trim_ascii_end()
        .strip_suffix(b":")?
        .trim_ascii_end();
    let before = before.strip_suffix(b"\"id\"")?.trim_ascii_end();
    matches!(before.last(), Some(b',' | b'{')).then(|| &body[start..])
}

/// How many braces and brackets are open behind this text; `None` inside a string. Negative if too many are closed.
pub(super) fn depth(text: &[u8]) -> Option<isize> {
    let mut cursor = Cursor::new(text);
    let mut depth = 0;
    while let Some(byte) = cursor.peek() {
        match byte {
            b'"' => {
                cursor.skip_string().ok()?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        cursor.at += 1;
    }
    Some(depth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trailing_id_is_the_messages_own() {
        let id = |text: &'static str| {
            trailing_id(text.as_bytes()).map(|id| core::str::from_utf8(id).expect("text"))
        };
        assert_eq!(
            id(r#"{"return": [{}], "id": "libvirt-15"}"#),
            Some(r#""libvirt-15""#)
        );
        assert_eq!(id(r#"{"return": {}, "id": 26}"#), Some("26"));
        assert_eq!(id(r#"{"return":{},"id":-1 }"#), Some("-1"));
        assert_eq!(id(r#"{"return": {"id": "inner"}}"#), None);
        assert_eq!(id(r#"{"return": "a \"id\": \"x\""}"#), None);
        assert_eq!(id(r#"{"return": {"a": 1}}"#), None);
        assert_eq!(id(r#"{"return": {}, "id": {"a": 1}}"#), None);
        assert_eq!(id(r#"{"x-id": 26}"#), None);
        assert_eq!(id(r#"{"return": {}, "id": 26"#), None);
    }

    #[test]
    fn another_message_behind_this_one_is_seen() {
        assert!(ends_message(br#", "data": {"offset": 1}}"#));
        assert!(!ends_message(br#"}{"event": "STOP"}"#));
        assert!(!ends_message(br#"}  {"event": "STOP"}"#));
        assert!(!ends_message(br#", "data": {"offset": 1"#));
        assert!(ends_message(br#", "data": [{}, {}] }"#));
    }

    #[test]
    fn depth_counts_outside_strings() {
        assert_eq!(depth(br#"{"a": [1, {"b": "}"#), None);
        assert_eq!(depth(br#"{"a": [1, {"b": "}]\"" "#), Some(3));
        assert_eq!(depth(b"}"), Some(-1));
    }

    #[test]
    fn numbers_that_are_no_times_are_odd() {
        for text in ["", "-", "1.5", "1e3", "1234567890123456789"] {
            assert_eq!(Cursor::new(text.as_bytes()).integer(), Err(Odd), "{text}");
        }
        assert_eq!(Cursor::new(b"-1,").integer(), Ok(-1));
        assert_eq!(
            Cursor::new(b"123456789012345678").integer(),
            Ok(123_456_789_012_345_678)
        );
    }
}
