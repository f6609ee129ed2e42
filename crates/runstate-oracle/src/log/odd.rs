//! Messages of an unusual shape, read slowly: escapes in names, single quotes (which QMP takes), Python's notation of
//! a dictionary (which qmp-shell prints), and what is no message at all, with an error text.

use serde_json::{Deserializer, Value};

use super::message::{Data, Member, Parts};
use super::record::{Greeting, Heard, Status, Timestamp};
use super::trouble::{Trouble, TroubleKind};

/// Longer ones are not read this way: a tree of the text takes many times its size.
const LIMIT: usize = 1 << 20;

/// Reads every message in the text; `emit` gets each with the byte at which it begins.
pub(super) fn read(text: &[u8], emit: &mut dyn FnMut(usize, Heard<'_>)) {
    if text.len() > LIMIT {
        emit(
            0,
            trouble(TroubleKind::Malformed("too long for its unusual shape")),
        );
        return;
    }
    let requoted = memchr::memchr(b'\'', text).map(|_| requote(text));
    // As it stands first: an apostrophe may be part of a text.
    let first = Deserializer::from_slice(text).into_iter::<Value>().next();
    let text = match (&requoted, first) {
        (Some(requoted), None | Some(Err(_))) => requoted,
        (Some(_), Some(Ok(_))) | (None, _) => text,
    };
    let mut values = Deserializer::from_slice(text).into_iter::<Value>();
    loop {
        let at = values.byte_offset();
        match values.next() {
            None => return,
            Some(Ok(value)) => message(&value, &mut |heard| emit(at, heard)),
            Some(Err(error)) if error.is_eof() => return emit(at, trouble(TroubleKind::Cut)),
            Some(Err(error)) => {
                let at = at + error.column().saturating_sub(1);
                let text = error.to_string();
                // serde_json's place counts from this text's beginning, ours from the line's.
                let reason = text
                    .rsplit_once(" at line ")
                    .map_or(text.as_str(), |(reason, _)| reason);
                return emit(at, trouble(TroubleKind::Malformed(reason)));
            }
        }
    }
}

const fn trouble(kind: TroubleKind<'_>) -> Heard<'_> {
    Heard::Trouble(Trouble { kind, column: 0 })
}

fn message(value: &Value, emit: &mut dyn FnMut(Heard<'_>)) {
    let id = value.get("id").map(Value::to_string);
    let arguments = value.get("arguments").map(Value::to_string);
    let oob = value.get("exec-oob");
    let parts = Parts {
        event: value.get("event").and_then(Value::as_str),
        timestamp: value.get("timestamp").and_then(timestamp),
        data: value.get("data").map_or_else(Data::default, data),
        has_data: value.get("data").is_some(),
        execute: value.get("execute").or(oob).and_then(Value::as_str),
        oob: oob.is_some(),
        arguments: arguments.as_deref(),
        id: id.as_deref(),
        returned: value.get("return").map(status),
        error: value.get("error").and_then(error),
        greeting: value.get("QMP").map(greeting),
    };
    if parts.emit(&mut |heard| emit(heard)).is_err() {
        emit(trouble(TroubleKind::NotQmp));
    }
}

fn timestamp(value: &Value) -> Option<Timestamp> {
    Some(Timestamp {
        seconds: value.get("seconds")?.as_i64()?,
        microseconds: value.get("microseconds")?.as_i64()?,
    })
}

fn data(value: &Value) -> Data<'_> {
    let string = |name| match value.get(name) {
        None => Member::Absent,
        Some(Value::String(text)) => Member::Found(text.as_str()),
        Some(_) => Member::Wrong,
    };
    Data {
        guest: match value.get("guest") {
            None => Member::Absent,
            Some(&Value::Bool(guest)) => Member::Found(guest),
            Some(_) => Member::Wrong,
        },
        reason: string("reason"),
        action: string("action"),
        status: string("status"),
        operation: string("operation"),
        recipient: string("recipient"),
        mode: string("mode"),
        pass: match value.get("pass") {
            None => Member::Absent,
            Some(pass) => match pass.as_u64().map(u32::try_from) {
                Some(Ok(pass)) => Member::Found(pass),
                _ => Member::Wrong,
            },
        },
    }
}

fn status(value: &Value) -> Option<Status<'_>> {
    Some(Status {
        status: value.get("status")?.as_str()?,
        running: value.get("running")?.as_bool()?,
    })
}

fn error(value: &Value) -> Option<(&str, &str)> {
    Some((value.get("class")?.as_str()?, value.get("desc")?.as_str()?))
}

fn greeting(value: &Value) -> Greeting<'_> {
    let version = value.get("version");
    let number = |name| {
        let number = version.and_then(|v| v.get("qemu")?.get(name)?.as_u64());
        number.and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
    };
    Greeting {
        version: [number("major"), number("minor"), number("micro")],
        package: version.and_then(|v| v.get("package")?.as_str()).unwrap_or(""),
    }
}

/// The text with double quotes, and with JSON's words for Python's. Of the same length but for `True`, `False`, `None`,
/// of which only the last differs from JSON's in more than case (`null`, as long).
fn requote(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut quote = None;
    while let Some((&byte, tail)) = rest.split_first() {
        let mut taken = 1;
        match (quote, byte) {
            (Some(_), b'\\') => {
                // `\'` is QMP's; JSON has no such escape.
                match tail.first() {
                    Some(b'\'') => out.push(b'\''),
                    Some(&next) => out.extend([b'\\', next]),
                    None => out.push(b'\\'),
                }
                taken = 2;
            }
            (Some(open), _) if byte == open => {
                out.push(b'"');
                quote = None;
            }
            (Some(b'\''), b'"') => out.extend(*b"\\\""),
            (None, b'\'' | b'"') => {
                out.push(b'"');
                quote = Some(byte);
            }
            (None, b'T' | b'F' | b'N') => {
                let words = [
                    (&b"True"[..], &b"true"[..]),
                    (b"False", b"false"),
                    (b"None", b"null"),
                ];
                match words.iter().find(|(python, _)| rest.starts_with(python)) {
                    Some((python, json)) => {
                        out.extend(*json);
                        taken = python.len();
                    }
                    None => out.push(byte),
                }
            }
            (Some(_) | None, _) => out.push(byte),
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_changed_outside_strings_only() {
        let requote = |text: &str| String::from_utf8(requote(text.as_bytes())).expect("UTF-8 in, UTF-8 out");
        assert_eq!(requote("{'execute': 'stop'}"), r#"{"execute": "stop"}"#);
        assert_eq!(
            requote(r#"{'a': 'it\'s "x"', "b": "c'd"}"#),
            r#"{"a": "it's \"x\"", "b": "c'd"}"#
        );
        assert_eq!(
            requote("{'guest': True, 'x': None}"),
            r#"{"guest": true, "x": null}"#
        );
    }
}
