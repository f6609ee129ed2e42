//! A cursor over JSON text that reads what QMP messages are made of, copies nothing and takes the usual way only.
//!
//! Whatever is unusual (an escape in a string that is wanted, single quotes, a syntax error) is [`Odd`]: the caller goes
//! back to the beginning of the message and lets [`odd`](super::odd) read it, slowly and with an error text.

use memchr::{memchr_iter, memchr2, memrchr};

/// Not the usual shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Odd;

/// What is left of the text.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    /// Skips white space.
    ///
    /// Like the other methods a branch that is guessed, not arithmetic with what was read: so the CPU goes on to the
    /// next member before it has read this one.
    #[inline(always)]
    pub(super) fn blank(&mut self) {
        if let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.rest = self.rest.trim_ascii_start();
        }
    }

    /// Skips this byte and the white space on both sides.
    #[inline(always)]
    fn separator(&mut self, byte: u8) -> Result<(), Odd> {
        // QEMU's way, most others' way, any way.
        match self.rest {
            [first, b' ', rest @ ..] if *first == byte && rest.first() > Some(&b' ') => self.rest = rest,
            [first, rest @ ..] if *first == byte && rest.first() > Some(&b' ') => self.rest = rest,
            _ => {
                self.blank();
                self.expect(byte)?;
                self.blank();
            }
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    #[inline(always)]
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Odd> {
        if self.eat(byte) { Ok(()) } else { Err(Odd) }
    }

    /// Skips exactly this text, if it is here.
    #[inline(always)]
    pub(super) fn literal<const N: usize>(&mut self, text: &[u8; N]) -> bool {
        match self.rest.split_first_chunk() {
            Some((first, rest)) if first == text => {
                self.rest = rest;
                true
            }
            Some(_) | None => false,
        }
    }

    /// A string without escapes, quotes not included.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<&'a [u8], Odd> {
        self.expect(b'"')?;
        self.closed_string()
    }

    /// The same, behind the opening quote.
    #[inline(always)]
    pub(super) fn closed_string(&mut self) -> Result<&'a [u8], Odd> {
        let (string, rest) = self.rest.split_at(string_length(self.rest)?);
        self.rest = &rest[1..];
        Ok(string)
    }

    /// The same as UTF-8.
    #[inline(always)]
    pub(super) fn text(&mut self) -> Result<&'a str, Odd> {
        utf8(self.string()?)
    }

    /// Digits. Of a number with a fraction or an exponent the rest is left over, where no caller takes it.
    #[inline(always)]
    pub(super) fn integer(&mut self) -> Result<i64, Odd> {
        let negative = self.eat(b'-');
        let (mut digits, mut value) = eight_digits(self.rest);
        self.rest = &self.rest[digits..];
        if digits == 8 {
            // A time in seconds has ten: two more are quicker by themselves.
            while let [digit @ b'0'..=b'9', rest @ ..] = self.rest {
                // 18 digits fit; what has more is no time and no version.
                if digits == 18 {
                    return Err(Odd);
                }
                value = value * 10 + i64::from(digit - b'0');
                digits += 1;
                self.rest = rest;
            }
        }
        if digits == 0 {
            return Err(Odd);
        }
        Ok(if negative { -value } else { value })
    }

    #[inline(always)]
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
    #[inline(always)]
    pub(super) fn value(&mut self) -> Result<&'a [u8], Odd> {
        let (value, rest) = self.rest.split_at(value_length(self.rest)?);
        self.rest = rest;
        Ok(value)
    }

    /// Enters an object. Has it a first member?
    #[inline(always)]
    pub(super) fn open(&mut self) -> Result<bool, Odd> {
        self.expect(b'{')?;
        if self.peek() == Some(b'"') {
            return Ok(true);
        }
        self.blank();
        Ok(!self.eat(b'}'))
    }

    /// Behind a member: is there another? Leaves the object if not.
    #[inline(always)]
    pub(super) fn more(&mut self) -> Result<bool, Odd> {
        if self.eat(b'}') {
            return Ok(false);
        }
        if self.peek() != Some(b',') {
            self.blank();
            if self.eat(b'}') {
                return Ok(false);
            }
        }
        self.separator(b',')?;
        Ok(true)
    }

    /// Is this (in its quotes) the member's name? Then its value is next. A comparison of known length is much quicker
    /// than finding out where the name ends.
    #[inline(always)]
    pub(super) fn key<const N: usize>(&mut self, quoted: &[u8; N]) -> bool {
        let start = self.rest;
        if !self.literal(quoted) {
            return false;
        }
        if self.separator(b':').is_err() {
            self.rest = start;
            return false;
        }
        true
    }

    /// The member's name, whatever it is; its value is next.
    #[inline(always)]
    pub(super) fn other_key(&mut self) -> Result<&'a [u8], Odd> {
        let key = self.string()?;
        self.separator(b':')?;
        Ok(key)
    }

    /// Skips a member that does not matter.
    pub(super) fn other_member(&mut self) -> Result<(), Odd> {
        self.other_key()?;
        self.value()?;
        Ok(())
    }

    #[inline(always)]
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }
}

/// How long the value is that begins here.
fn value_length(text: &[u8]) -> Result<usize, Odd> {
    match text.first() {
        Some(b'"') => string_end(text, 1),
        Some(b'{' | b'[') => container_length(text),
        Some(b'-' | b'0'..=b'9' | b'a'..=b'z') => {
            let end = text
                .iter()
                .position(|b| !matches!(b, b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E'));
            Ok(end.unwrap_or(text.len()))
        }
        Some(_) | None => Err(Odd),
    }
}

/// Where the string ends whose inside begins here: behind its closing quote.
fn string_end(bytes: &[u8], mut at: usize) -> Result<usize, Odd> {
    loop {
        let rest = bytes.get(at..).ok_or(Odd)?;
        let found = memchr2(b'"', b'\\', rest).ok_or(Odd)?;
        if rest[found] == b'"' {
            return Ok(at + found + 1);
        }
        at += found + 2;
    }
}

/// How long the object or array is that begins here. Which bracket closes which is not looked at: what passes through is
/// not validated.
fn container_length(bytes: &[u8]) -> Result<usize, Odd> {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => at = string_end(bytes, at)?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Ok(at);
                }
            }
            _ => {}
        }
    }
    Err(Odd)
}

/// The byte in every place of a word.
const fn everywhere(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The bytes of a word that are zero, by their highest bits; exact up to the first one.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(everywhere(1)) & !word & everywhere(0x80)
}

/// How long the string is that ends in this text. Names and reasons are short: looking at eight bytes at a time beats
/// setting up a vector search.
#[inline]
fn string_length(text: &[u8]) -> Result<usize, Odd> {
    let (words, tail) = text.as_chunks::<8>();
    let mut at = 0;
    for word in words.iter().take(4) {
        let word = u64::from_le_bytes(*word);
        let ends = zeros(word ^ everywhere(b'"')) | zeros(word ^ everywhere(b'\\'));
        if ends != 0 {
            at += (ends.trailing_zeros() / 8) as usize;
            return if text[at] == b'"' { Ok(at) } else { Err(Odd) };
        }
        at += 8;
    }
    let end = if words.len() <= 4 {
        tail.iter().position(|b| matches!(b, b'"' | b'\\'))
    } else {
        memchr2(b'"', b'\\', &text[at..])
    };
    match end {
        Some(end) if text[at + end] == b'"' => Ok(at + end),
        Some(_) | None => Err(Odd),
    }
}

/// The first digits of the text, at most eight: how many, and their value. All at once: there is no loop whose length
/// must be guessed.
#[inline]
fn eight_digits(text: &[u8]) -> (usize, i64) {
    let Some(word) = text.first_chunk() else {
        // The last bytes of a line.
        let count = text.iter().take_while(|b| b.is_ascii_digit()).count();
        let value = text[..count]
            .iter()
            .fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
        return (count, value);
    };
    // A digit's value; for other bytes more than 9. The first that is none is found exactly.
    let values = u64::from_le_bytes(*word) ^ everywhere(b'0');
    let others = (values.wrapping_add(everywhere(0x76)) | values) & everywhere(0x80);
    let count = (others.trailing_zeros() / 8) as usize;
    if count == 0 {
        return (0, 0);
    }
    // As if zeros stood before them, so that there are eight.
    let values = values << (64 - 8 * count);
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8);
    let mask = 0x0000_00ff_0000_00ff;
    let high = (pairs & mask).wrapping_mul(100 + (1_000_000 << 32));
    let low = (pairs >> 16 & mask).wrapping_mul(1 + (10_000 << 32));
    (count, (high.wrapping_add(low) >> 32).cast_signed())
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
    let mut at = 0;
    let mut depth = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => at = string_end(text, at).ok()?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
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
    fn strings_end_where_they_end() {
        for length in 0..80 {
            let text = "x".repeat(length);
            for tail in ["\"", "\"}", "\", \"data\": {\"a\": 1}}", "\"\\"] {
                assert_eq!(
                    string_length(format!("{text}{tail}").as_bytes()),
                    Ok(length),
                    "{text}{tail}"
                );
            }
            for tail in ["", "\\\"", "\\n\""] {
                assert_eq!(
                    string_length(format!("{text}{tail}").as_bytes()),
                    Err(Odd),
                    "{text}{tail}"
                );
            }
        }
    }

    #[test]
    fn digits_are_read_as_str_parse_does() {
        let digits = "123456789012345678";
        for count in 1..=digits.len() {
            for tail in ["", ",", "}", ", \"microseconds\": 5", "/", ":", "x", "\u{ff}"] {
                let text = format!("{}{tail}", &digits[..count]);
                let mut cursor = Cursor::new(text.as_bytes());
                assert_eq!(
                    cursor.integer(),
                    digits[..count].parse().map_err(|_| Odd),
                    "{text}"
                );
                assert_eq!(cursor.rest, &text.as_bytes()[count..], "{text}");
            }
        }
    }

    #[test]
    fn numbers_that_are_no_times_are_odd() {
        for text in ["", "-", "1234567890123456789", "9999999999999999999"] {
            assert_eq!(Cursor::new(text.as_bytes()).integer(), Err(Odd), "{text}");
        }
        for text in ["1.5}", "1e3,", "1E3}"] {
            let mut cursor = Cursor::new(text.as_bytes());
            assert_eq!((cursor.integer(), cursor.more()), (Ok(1), Err(Odd)), "{text}");
        }
        assert_eq!(Cursor::new(b"-1,").integer(), Ok(-1));
        assert_eq!(
            Cursor::new(b"123456789012345678").integer(),
            Ok(123_456_789_012_345_678)
        );
    }
}
