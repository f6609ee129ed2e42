//! Which log is this? Decided by the first line that only one of them has.

use memchr::memmem::find;

use super::Format;
use super::daemons::{Entry, incus};
use super::trace::is_trace;
use super::transcript::statement;

/// What every line of libvirt's monitor probes has.
pub(super) const MONITOR_EVENT: &[u8] = b"QEMU_MONITOR_";
/// Before the text of an entry of virt-launcher.
pub(super) const KUBEVIRT_MESSAGE: &[u8] = b"\"msg\":\"";

/// The format that this line gives away, if it does.
pub(super) fn format_of(line: &[u8]) -> Option<Format> {
    let text = line.trim_ascii();
    if text.is_empty() {
        return None;
    }
    if is_trace(text) {
        return Some(Format::Trace);
    }
    if text.starts_with(b"[") {
        if incus(text).is_some() {
            return Some(Format::Incus);
        }
        if Entry::of(text).is_some_and(|entry| entry.is_qmp()) {
            return Some(Format::Multipass);
        }
    }
    if find(text, KUBEVIRT_MESSAGE).is_some() && find(text, b"\"component\":\"virt-").is_some() {
        return Some(Format::Kubevirt);
    }
    if find(text, MONITOR_EVENT).is_some() {
        return Some(Format::Libvirt);
    }
    if find(text, b"level=").is_some()
        && (find(text, b"subsystem=qmp").is_some() || find(text, b"msg=\"got QMP event").is_some())
    {
        return Some(Format::Kata);
    }
    if arrow(text).is_some()
        || statement(text).is_some_and(|(word, _)| matches!(word, "scenario" | "qemu" | "release"))
    {
        return Some(Format::Transcript);
    }
    message_start(text)?;
    let both = find(text, b"\"execute\"").is_some()
        && (find(text, b"\"return\"").is_some() || find(text, b"\"error\"").is_some());
    Some(if both { Format::QmpShell } else { Format::Raw })
}

/// Where behind an arrow the message begins: `->` and `<-`, and the Python library's `-->` and `<--`.
pub(super) fn arrow(line: &[u8]) -> Option<usize> {
    // What may stand before the arrow is short: a time, a connection.
    let head = &line[..line.len().min(64)];
    for (at, pair) in head.windows(2).enumerate() {
        let end = match pair {
            b"->" => at + 2,
            b"<-" => at + 2 + usize::from(head.get(at + 2) == Some(&b'-')),
            _ => continue,
        };
        let text = line[end..].trim_ascii();
        let quoted =
            text.first().is_some_and(|quote| matches!(quote, b'\'' | b'"')) && text.get(1) == Some(&b'{');
        if text.first() == Some(&b'{') || quoted || text == b"EOF" {
            return Some(end);
        }
    }
    None
}

/// Where a message begins on this line, which may have something before it.
pub(super) fn message_start(text: &[u8]) -> Option<usize> {
    let blanks = text.len() - text.trim_ascii_start().len();
    if text.get(blanks) == Some(&b'{') {
        let rest = &text[blanks..];
        // A brace alone begins a pretty-printed message.
        return (opens_message(rest) || rest.len() == 1 || blanks == 0).then_some(blanks);
    }
    let mut from = 0;
    while let Some(at) = memchr::memchr(b'{', &text[from..]) {
        if opens_message(&text[from + at..]) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// Does this text begin with a brace and a member of QMP's?
pub(super) fn opens_message(text: &[u8]) -> bool {
    let Some(text) = text.strip_prefix(b"{") else {
        return false;
    };
    let text = text.trim_ascii_start();
    let Some((&quote @ (b'"' | b'\''), text)) = text.split_first() else {
        return false;
    };
    let Some(end) = text.iter().take(16).position(|&b| b == quote) else {
        return false;
    };
    matches!(
        &text[..end],
        b"timestamp"
            | b"return"
            | b"execute"
            | b"event"
            | b"id"
            | b"error"
            | b"QMP"
            | b"data"
            | b"arguments"
            | b"exec-oob"
    )
}
