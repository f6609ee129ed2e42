//! Modified UTF-8, as QEMU's util/unicode.c reads and writes it: UTF-8 in which U+0000 is the bytes C0 80, and
//! in which Unicode's 66 noncharacters do not exist.

use alloc::string::String;

/// Whether QEMU takes the code point for a character.
pub(crate) fn is_character(code: u32) -> bool {
    char::from_u32(code).is_some() && !is_noncharacter(code)
}

/// U+FDD0..U+FDEF and the last two code points of each plane.
pub(crate) fn is_noncharacter(code: u32) -> bool {
    (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
}

/// Reads one sequence. The result is the character, if the sequence is valid, and how many bytes it has: at
/// least one, unless `bytes` is empty. `mod_utf8_codepoint()`, util/unicode.c.
///
/// A byte 00 is not expected here: QEMU's strings end there.
pub(crate) fn decode(bytes: &[u8]) -> (Option<char>, usize) {
    const SMALLEST: [u32; 5] = [0x80, 0x800, 0x1_0000, 0x20_0000, 0x400_0000];

    let Some(&first) = bytes.first() else {
        return (None, 0);
    };
    if first < 0x80 {
        return (Some(char::from(first)), 1);
    }
    // FE and FF never occur, and 80..BF do not begin a sequence.
    if first >= 0xFE || first & 0x40 == 0 {
        return (None, 1);
    }
    let length = first.leading_ones() as usize;
    let mut code = u32::from(first) & (0x7F >> length);
    for at in 1..length {
        match bytes.get(at) {
            Some(&byte) if byte & 0xC0 == 0x80 => code = (code << 6) | u32::from(byte & 0x3F),
            Some(_) | None => return (None, at),
        }
    }
    let overlong = code < SMALLEST[length - 2] && !(code == 0 && length == 2);
    if overlong || !is_character(code) {
        return (None, length);
    }
    (char::from_u32(code), length)
}

/// Decodes `bytes` up to a byte 00, with U+FFFD for each sequence that is not valid: what becomes of bytes that
/// QEMU puts into an error message once it prints that.
pub(crate) fn decode_lossy(bytes: &[u8]) -> String {
    let mut rest = match bytes.iter().position(|byte| *byte == 0) {
        Some(end) => &bytes[..end],
        None => bytes,
    };
    let mut text = String::with_capacity(rest.len());
    while !rest.is_empty() {
        let (char, length) = decode(rest);
        text.push(char.unwrap_or(char::REPLACEMENT_CHARACTER));
        rest = &rest[length..];
    }
    text
}

/// The bytes of `text` as QEMU holds them: U+0000 is C0 80.
pub(crate) fn modified_utf8(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().flat_map(|byte| {
        let (first, second) = if byte == 0 {
            (0xC0, Some(0x80))
        } else {
            (byte, None)
        };
        core::iter::once(first).chain(second)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_as_qemu_does() {
        for (bytes, char, length) in [
            (&b"a"[..], Some('a'), 1),
            (b"\xC3\xA9x", Some('é'), 2),
            (b"\xE2\x82\xAC", Some('€'), 3),
            (b"\xF0\x9F\x98\x80", Some('\u{1F600}'), 4),
            (b"\xC0\x80", Some('\0'), 2),
            (b"\xC1\xBF", None, 2),
            (b"\xE0\x80\x80", None, 3),
            (b"\xED\xA0\x80", None, 3),
            (b"\xEF\xBF\xBF", None, 3),
            (b"\xEF\xB7\x90", None, 3),
            (b"\xF4\x90\x80\x80", None, 4),
            (b"\xF8\x88\x80\x80\x80", None, 5),
            (b"\xFC\x84\x80\x80\x80\x80", None, 6),
            (b"\xE2\x82", None, 2),
            (b"\xE2\x28\xA1", None, 1),
            (b"\x80", None, 1),
            (b"\xFE", None, 1),
            (b"\xFF", None, 1),
            (b"", None, 0),
        ] {
            assert_eq!(decode(bytes), (char, length), "{bytes:x?}");
        }
    }

    #[test]
    fn lossy_stops_at_nul() {
        assert_eq!(decode_lossy(b"\"a\xFF\xC3(\0b"), "\"a\u{FFFD}\u{FFFD}(");
    }

    #[test]
    fn nul_has_two_bytes() {
        assert_eq!(modified_utf8("a\0é").collect::<Vec<u8>>(), b"a\xC0\x80\xC3\xA9");
    }
}
