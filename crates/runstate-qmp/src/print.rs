//! Values as QEMU prints them: qobject/json-writer.c, byte for byte.
//!
//! Members come in the order of QEMU's hash table ([`Object::iter_as_qemu`]), the output is pure ASCII, doubles
//! have 17 significant digits. On a monitor each message ends in CR LF, and every line end within it is CR LF.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::unicode::is_noncharacter;
use crate::{Error, Object, Value};

/// How a value is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "QEMU's option `pretty` is on or off")]
pub enum Layout {
    /// In one line.
    #[default]
    Compact,
    /// `pretty=on`: one member or element a line, indented by four spaces a level.
    Pretty,
}

/// When an event happened: host real time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "the protocol closes it")]
pub struct Timestamp {
    /// Seconds since 1970.
    pub seconds: i64,
    /// Microseconds within the second.
    pub microseconds: i64,
}

impl Timestamp {
    /// What QEMU says when it could not read its clock.
    pub const UNKNOWN: Self = Self {
        seconds: -1,
        microseconds: -1,
    };

    /// From microseconds since 1970.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        // Both fit: u64::MAX / 10^6 is below i64::MAX.
        Self {
            seconds: (micros / 1_000_000) as i64,
            microseconds: (micros % 1_000_000) as i64,
        }
    }
}

impl Value {
    /// Appends the value to `out`, without a line end after it.
    pub fn print_into(&self, layout: Layout, out: &mut Vec<u8>) {
        Printer::new(layout, "\n", out).value(self);
    }

    /// The value as text, without a line end after it.
    #[must_use]
    pub fn print(&self, layout: Layout) -> String {
        let mut out = Vec::new();
        self.print_into(layout, &mut out);
        ascii(out)
    }
}

impl fmt::Display for Value {
    /// As QEMU prints it; `{:#}` is [`Layout::Pretty`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.print(if f.alternate() {
            Layout::Pretty
        } else {
            Layout::Compact
        }))
    }
}

impl Object {
    /// Appends the object to `out`, without a line end after it.
    pub fn print_into(&self, layout: Layout, out: &mut Vec<u8>) {
        Printer::new(layout, "\n", out).object(self);
    }
}

impl fmt::Display for Object {
    /// As QEMU prints it; `{:#}` is [`Layout::Pretty`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::new();
        self.print_into(
            if f.alternate() {
                Layout::Pretty
            } else {
                Layout::Compact
            },
            &mut out,
        );
        f.write_str(&ascii(out))
    }
}

/// Appends `message` as a monitor sends it: with CR LF at every line end and after it.
pub fn message(message: &Object, layout: Layout, out: &mut Vec<u8>) {
    Printer::new(layout, "\r\n", out).object(message);
    out.extend_from_slice(b"\r\n");
}

/// Appends an event as a monitor sends it, CR LF included. Same bytes as [`message`] for the same members,
/// without building an [`Object`].
pub fn event(name: &str, data: Option<&Object>, timestamp: Timestamp, layout: Layout, out: &mut Vec<u8>) {
    let mut printer = Printer::new(layout, "\r\n", out);
    // The order of the buckets: timestamp 26, event 361, data 505; seconds 5, microseconds 374.
    printer.open(b'{');
    printer.key("timestamp", true);
    printer.open(b'{');
    printer.key("seconds", true);
    printer.integer(timestamp.seconds);
    printer.key("microseconds", false);
    printer.integer(timestamp.microseconds);
    printer.close(b'}');
    printer.key("event", false);
    printer.string(name);
    if let Some(data) = data {
        printer.key("data", false);
        printer.object(data);
    }
    printer.close(b'}');
    out.extend_from_slice(b"\r\n");
}

/// Appends a reply as a monitor sends it, CR LF included: `{"return": ..}` or `{"error": ..}`, with the command's
/// `id` if it had one. Same bytes as [`message`] for the same members, without building an [`Object`].
pub fn reply(id: Option<&Value>, answer: Result<&Value, &Error>, layout: Layout, out: &mut Vec<u8>) {
    let mut printer = Printer::new(layout, "\r\n", out);
    // The order of the buckets: return 401, id 486, error 489; class 211, desc 377.
    printer.open(b'{');
    if let Ok(value) = answer {
        printer.key("return", true);
        printer.value(value);
    }
    if let Some(id) = id {
        printer.key("id", answer.is_err());
        printer.value(id);
    }
    if let Err(error) = answer {
        printer.key("error", id.is_none());
        printer.open(b'{');
        printer.key("class", true);
        printer.string(error.class().name());
        printer.key("desc", false);
        printer.string(error.desc());
        printer.close(b'}');
    }
    printer.close(b'}');
    out.extend_from_slice(b"\r\n");
}

/// What is printed is ASCII.
fn ascii(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("the printer writes ASCII only")
}

struct Printer<'a> {
    out: &'a mut Vec<u8>,
    line_end: &'static str,
    layout: Layout,
    depth: usize,
    /// The places of the members of the objects being printed, innermost last.
    order: Vec<u32>,
}

impl<'a> Printer<'a> {
    fn new(layout: Layout, line_end: &'static str, out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            line_end,
            layout,
            depth: 0,
            order: Vec::new(),
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.out.extend_from_slice(b"null"),
            Value::Bool(true) => self.out.extend_from_slice(b"true"),
            Value::Bool(false) => self.out.extend_from_slice(b"false"),
            Value::Int(value) => self.integer(*value),
            Value::Uint(value) => self.unsigned(*value),
            Value::Double(value) => self.out.extend_from_slice(double(*value).as_bytes()),
            Value::String(value) => self.string(value),
            Value::Array(values) => {
                self.open(b'[');
                for (at, value) in values.iter().enumerate() {
                    self.separate(at == 0);
                    self.value(value);
                }
                self.close(b']');
            }
            Value::Object(object) => self.object(object),
        }
    }

    fn object(&mut self, object: &Object) {
        self.open(b'{');
        let members = object.members();
        let from = self.order.len();
        object.order_as_qemu(&mut self.order);
        for at in 0..members.len() {
            let member = &members[self.order[from + at] as usize];
            self.key(&member.key, at == 0);
            self.value(&member.value);
        }
        self.order.truncate(from);
        self.close(b'}');
    }

    fn open(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.depth += 1;
    }

    /// In pretty mode the closing bracket is on its own line even when there is nothing to close:
    /// `json_writer_end_object()`.
    fn close(&mut self, bracket: u8) {
        self.depth -= 1;
        self.new_line();
        self.out.push(bracket);
    }

    fn key(&mut self, key: &str, first: bool) {
        self.separate(first);
        self.string(key);
        self.out.extend_from_slice(b": ");
    }

    fn separate(&mut self, first: bool) {
        if !first {
            self.out.push(b',');
            if self.layout == Layout::Compact {
                self.out.push(b' ');
            }
        }
        self.new_line();
    }

    fn new_line(&mut self) {
        if self.layout == Layout::Pretty {
            self.out.extend_from_slice(self.line_end.as_bytes());
            self.out.resize(self.out.len() + 4 * self.depth, b' ');
        }
    }

    fn integer(&mut self, value: i64) {
        if value < 0 {
            self.out.push(b'-');
        }
        self.unsigned(value.unsigned_abs());
    }

    fn unsigned(&mut self, mut value: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[at..]);
    }

    /// `quoted_str()`, qobject/json-writer.c.
    fn string(&mut self, text: &str) {
        self.out.push(b'"');
        let mut rest = text;
        loop {
            // What needs no escape, as one piece.
            let plain = |byte: &u8| matches!(byte, 0x20..=0x7E) && !matches!(byte, b'"' | b'\\');
            let end = rest
                .as_bytes()
                .iter()
                .position(|byte| !plain(byte))
                .unwrap_or(rest.len());
            self.out.extend_from_slice(&rest.as_bytes()[..end]);
            let mut chars = rest[end..].chars();
            let Some(char) = chars.next() else { break };
            self.escape(char);
            rest = chars.as_str();
        }
        self.out.push(b'"');
    }

    fn escape(&mut self, char: char) {
        let short = match char {
            '"' | '\\' => char as u8,
            '\u{8}' => b'b',
            '\u{C}' => b'f',
            '\n' => b'n',
            '\r' => b'r',
            '\t' => b't',
            _ => {
                let mut units = [0; 2];
                let char = if is_noncharacter(u32::from(char)) {
                    char::REPLACEMENT_CHARACTER
                } else {
                    char
                };
                for unit in char.encode_utf16(&mut units) {
                    self.hexadecimal(*unit);
                }
                return;
            }
        };
        self.out.extend_from_slice(&[b'\\', short]);
    }

    fn hexadecimal(&mut self, unit: u16) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let digit = |shift: u16| DIGITS[usize::from(unit >> shift & 0xF)];
        self.out
            .extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
    }
}

/// C's `%.17g`.
fn double(value: f64) -> String {
    const PRECISION: i32 = 17;

    if value.is_nan() {
        return String::from(if value.is_sign_negative() { "-nan" } else { "nan" });
    }
    if value.is_infinite() {
        return String::from(if value < 0.0 { "-inf" } else { "inf" });
    }
    // One digit, a point, sixteen digits, `e`, the exponent: rounded as C rounds.
    let scientific = format!("{value:.16e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("`e` is in the format");
    let exponent: i32 = exponent.parse().expect("a number is in the format");
    if (-4..PRECISION).contains(&exponent) {
        let decimals =
            usize::try_from(PRECISION - 1 - exponent).expect("the exponent is below the precision");
        return without_trailing_zeros(&format!("{value:.decimals$}"));
    }
    let mantissa = without_trailing_zeros(mantissa);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

fn without_trailing_zeros(number: &str) -> String {
    let number = if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    };
    String::from(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object;

    /// Recorded: protocol.md 3.1; the last five are printf's.
    #[test]
    fn doubles_are_printed_with_17_significant_digits() {
        for (value, expected) in [
            (1.0, "1"),
            (0.1, "0.10000000000000001"),
            (18_446_744_073_709_551_616.0, "1.8446744073709552e+19"),
            (-9_223_372_036_854_775_809.0, "-9.2233720368547758e+18"),
            (123_456_789.123_456_79, "123456789.12345679"),
            (1e3, "1000"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (-0.0, "-0"),
            (1e-400, "0"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "4.9406564584124654e-324"),
            (99_999_999_999_999_999.0, "1e+17"),
        ] {
            assert_eq!(double(value), expected);
        }
    }

    #[test]
    fn strings_are_escaped_to_ascii() {
        let text = "\"\\\u{8}\u{C}\n\r\t\u{1}\u{0}\u{7F}é€\u{1F600}\u{FFFF}/'<% ~";
        assert_eq!(
            Value::from(text).to_string(),
            r#""\"\\\b\f\n\r\t\u0001\u0000\u007F\u00E9\u20AC\uD83D\uDE00\uFFFD/'<% ~""#
        );
    }

    #[test]
    fn integers_reach_their_ends() {
        for (value, expected) in [
            (Value::Int(0), "0"),
            (Value::Int(i64::MIN), "-9223372036854775808"),
            (Value::Int(i64::MAX), "9223372036854775807"),
            (Value::Uint(u64::MAX), "18446744073709551615"),
        ] {
            assert_eq!(value.to_string(), expected);
        }
    }

    #[test]
    fn compact_is_one_line() {
        let value = Value::from(object! {
            "return": object! {}, "id": Value::Array(vec![Value::Null, true.into(), Value::Array(Vec::new())])
        });
        assert_eq!(value.to_string(), r#"{"return": {}, "id": [null, true, []]}"#);
    }

    /// Recorded on QEMU 7.2.22 and 10.0.0: protocol.md 1.4.
    #[test]
    fn pretty_gives_even_an_empty_object_two_lines() {
        let reply = object! {
            "return": object! { "status": "running", "running": true },
            "id": object! {
                "a": Value::Array(Vec::new()),
                "b": object! {},
                "c": Value::Array(vec![1.into(), [2].into()]),
            },
        };
        let expected = "\
{
    \"return\": {
        \"status\": \"running\",
        \"running\": true
    },
    \"id\": {
        \"a\": [
        ],
        \"b\": {
        },
        \"c\": [
            1,
            [
                2
            ]
        ]
    }
}
";
        let mut out = Vec::new();
        message(&reply, Layout::Pretty, &mut out);
        assert_eq!(
            String::from_utf8(out).expect("ASCII"),
            expected.replace('\n', "\r\n")
        );
        assert_eq!(format!("{reply:#}\n"), expected);
    }

    #[test]
    fn an_event_is_the_same_bytes_as_its_object() {
        let data = object! { "guest": false, "reason": "host-qmp-quit" };
        let timestamp = Timestamp {
            seconds: 1_795_334_438,
            microseconds: 608_351,
        };
        let stamp = object! { "seconds": timestamp.seconds, "microseconds": timestamp.microseconds };
        for layout in [Layout::Compact, Layout::Pretty] {
            for data in [None, Some(&data)] {
                let mut object = object! { "event": "SHUTDOWN", "timestamp": stamp.clone() };
                if let Some(data) = data {
                    object.insert("data", data.clone());
                }
                let (mut fast, mut slow) = (Vec::new(), Vec::new());
                event("SHUTDOWN", data, timestamp, layout, &mut fast);
                message(&object, layout, &mut slow);
                assert_eq!(String::from_utf8(fast), String::from_utf8(slow));
            }
        }
        let mut out = Vec::new();
        event("SHUTDOWN", Some(&data), timestamp, Layout::Compact, &mut out);
        // Recorded on QEMU 7.2.22.
        assert_eq!(
            String::from_utf8(out).expect("ASCII"),
            "{\"timestamp\": {\"seconds\": 1795334438, \"microseconds\": 608351}, \"event\": \"SHUTDOWN\", \
             \"data\": {\"guest\": false, \"reason\": \"host-qmp-quit\"}}\r\n"
        );
    }

    #[test]
    fn a_reply_is_the_same_bytes_as_its_object() {
        let error = Error::generic("no");
        let value = Value::from(object! { "b": 1 });
        for layout in [Layout::Compact, Layout::Pretty] {
            for id in [None, Some(&Value::Null)] {
                for answer in [Ok(&value), Err(&error)] {
                    let mut object = Object::new();
                    match answer {
                        Ok(value) => object.insert("return", value.clone()),
                        Err(error) => object.insert("error", error.to_object()),
                    };
                    if let Some(id) = id {
                        object.insert("id", id.clone());
                    }
                    let (mut fast, mut slow) = (Vec::new(), Vec::new());
                    reply(id, answer, layout, &mut fast);
                    message(&object, layout, &mut slow);
                    assert_eq!(String::from_utf8(fast), String::from_utf8(slow));
                }
            }
        }
    }
}
