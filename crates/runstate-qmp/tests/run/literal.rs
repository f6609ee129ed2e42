//! Python's literals of bytes and text: the recordings are written in them.

/// Reads the literal at the front of `text`, and returns its bytes and what follows it.
pub(crate) fn literal(text: &str) -> Option<(Vec<u8>, &str)> {
    let text = text.strip_prefix('b').unwrap_or(text);
    let quote = text.chars().next().filter(|char| matches!(char, '\'' | '"'))?;
    let mut bytes = Vec::new();
    let mut chars = text[1..].chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next()? {
                'n' => bytes.push(b'\n'),
                'r' => bytes.push(b'\r'),
                't' => bytes.push(b'\t'),
                'x' => {
                    let digits = chars.as_str().get(..2)?;
                    bytes.push(u8::from_str_radix(digits, 16).ok()?);
                    chars = chars.as_str()[2..].chars();
                }
                char => bytes.extend(char.to_string().bytes()),
            },
            _ if char == quote => return Some((bytes, chars.as_str())),
            _ => bytes.extend(char.to_string().bytes()),
        }
    }
    None
}

#[test]
fn literals_are_pythons() {
    assert_eq!(literal(r#"b'a\x00\n"' (x)"#), Some((b"a\0\n\"".to_vec(), " (x)")));
    assert_eq!(literal(r#""a'\\é""#), Some(("a'\\é".into(), "")));
    assert_eq!(literal("b'a"), None);
    assert_eq!(literal("a"), None);
}
