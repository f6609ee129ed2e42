//! Text inside a JSON or Go string literal.

use memchr::memchr2;

/// Appends the text of the string whose inside begins here, up to its closing quote (or the end, where the line is cut).
///
/// Understands JSON's and Go's escapes (`strconv.Quote()`: `\xNN` too). Surrogate pairs are not joined: no word of QMP's
/// lifecycle has them.
pub(super) fn string(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = memchr2(b'"', b'\\', text) {
        out.extend_from_slice(&text[..at]);
        if text[at] == b'"' {
            return;
        }
        let Some(&escape) = text.get(at + 1) else { return };
        let mut taken = 2;
        match escape {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'x' => taken += code(&text[at + 2..], 2, out),
            b'u' => taken += code(&text[at + 2..], 4, out),
            _ => out.push(escape),
        }
        text = text.get(at + taken..).unwrap_or_default();
    }
    out.extend_from_slice(text);
}

/// A code point in this many hexadecimal digits, as UTF-8 (a byte, if there are two). Returns the digits taken.
fn code(text: &[u8], digits: usize, out: &mut Vec<u8>) -> usize {
    let Some(number) = text.get(..digits).and_then(|hex| {
        let hex = core::str::from_utf8(hex).ok()?;
        u32::from_str_radix(hex, 16).ok()
    }) else {
        return 0;
    };
    if digits == 2 {
        out.extend(u8::try_from(number));
    } else {
        let point = char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER);
        out.extend_from_slice(point.encode_utf8(&mut [0; 4]).as_bytes());
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unescaped(text: &str) -> String {
        let mut out = Vec::new();
        string(text.as_bytes(), &mut out);
        String::from_utf8(out).expect("these are UTF-8")
    }

    #[test]
    fn json_inside_a_string_becomes_json() {
        assert_eq!(unescaped(r#"{\"a\": \"b\\\"c\"}","pos":"x""#), r#"{"a": "b\"c"}"#);
        assert_eq!(unescaped(r"a\r\n\t\u00e9\x41"), "a\r\n\té A".replace(' ', ""));
    }

    #[test]
    fn what_is_cut_ends_there() {
        assert_eq!(unescaped(r"ab\"), "ab");
        assert_eq!(unescaped(r"ab\u00"), "ab00");
        assert_eq!(unescaped("ab"), "ab");
    }
}
