//! QEMU's own trace, from the `log` backend: `-trace runstate_set,monitor_qmp_respond,handle_qmp_command`, to standard
//! error or `-D FILE`.
//!
//! The lines are NAME and the arguments as trace-events formats them (the same in 6.0 to 11.1):
//!
//! | file | line |
//! | --- | --- |
//! | softmmu/trace-events, since 8.2 system/ | `runstate_set current_run_state %d (%s) new_state %d (%s)` |
//! | monitor/trace-events | `monitor_protocol_event_emit event=%d data=%p` |
//! | | `monitor_qmp_respond mon %p resp: %s` (replies and events) |
//! | | `handle_qmp_command mon %p req: %s` |
//!
//! With `-msg timestamp=on` and, before 7.1, always, `TID@SECONDS.MICROSECONDS:` stands before the name. TID is a
//! thread's id, so that it does not tell VMs apart: a trace is of one VM. An event goes to every monitor and so may be
//! there once for each; only the first is a record. With `-qmp stdio` the messages themselves may stand between the
//! lines; they are read unless `monitor_qmp_respond` is there too.

use memchr::{memchr, memrchr};

use super::detect::opens_message;
use super::out::Out;
use super::record::{EventKind, Heard, VmId};

#[derive(Debug, Default)]
pub(super) struct Trace {
    /// Are there `monitor_qmp_respond` lines?
    responds: bool,
    /// The last event, and the monitor it went to.
    event: Vec<u8>,
    monitor: Vec<u8>,
}

const STATE: &[u8] = b"runstate_set current_run_state ";
const EMIT: &[u8] = b"monitor_protocol_event_emit event=";
const RESPOND: &[u8] = b"monitor_qmp_respond mon ";
const COMMAND: &[u8] = b"handle_qmp_command mon ";

impl super::FormatReader for Trace {
    fn line(&mut self, line: &[u8], out: &mut Out<'_>) -> bool {
        let start = name_start(line);
        let text = &line[start..];
        // Nearly all lines of a trace are others'.
        if !matches!(text.first(), Some(b'r' | b'm' | b'h' | b'{')) {
            return true;
        }
        let Some(vm) = out.vm(b"") else { return true };
        if let Some(rest) = text.strip_prefix(STATE) {
            if let Some((from, to)) = states(rest) {
                out.heard(vm, start, Heard::RunStateSet { from, to });
            }
        } else if let Some(rest) = text.strip_prefix(EMIT) {
            let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
            let number = core::str::from_utf8(&rest[..digits])
                .ok()
                .and_then(|n| n.parse().ok());
            if let Some(number) = number {
                out.heard(
                    vm,
                    start,
                    Heard::Emitted {
                        number,
                        kind: EventKind::from_number(number),
                    },
                );
            }
        } else if let Some(rest) = text.strip_prefix(RESPOND) {
            self.responds = true;
            self.respond(vm, rest, start + RESPOND.len(), out);
        } else if let Some(rest) = text.strip_prefix(COMMAND) {
            if let Some((_, json, column)) = message(rest, b" req: ") {
                out.messages(vm, json, start + COMMAND.len() + column);
            }
        } else if !self.responds && opens_message(text) {
            out.messages(vm, text, start);
        }
        true
    }

    fn finish(&mut self, _out: &mut Out<'_>) {}
}

impl Trace {
    fn respond(&mut self, vm: VmId, rest: &[u8], column: usize, out: &mut Out<'_>) {
        let Some((monitor, json, at)) = message(rest, b" resp: ") else {
            return;
        };
        if json.starts_with(b"{\"timestamp\"") {
            // Its time is exact to the microsecond and the same on every monitor.
            if self.event == json && self.monitor != monitor {
                return;
            }
            self.event.clear();
            self.event.extend_from_slice(json);
            self.monitor.clear();
            self.monitor.extend_from_slice(monitor);
        }
        out.messages(vm, json, column + at);
    }
}

/// Where the trace point's name begins: behind `TID@TIME:` or `TID@[TIME] `, if that is there.
fn name_start(line: &[u8]) -> usize {
    let digits = line.iter().take(20).take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 || line.get(digits) != Some(&b'@') {
        return 0;
    }
    let time = &line[digits + 1..];
    let end = if time.first() == Some(&b'[') {
        memchr(b']', time).map(|at| at + 2)
    } else {
        memchr(b':', time).map(|at| at + 1)
    };
    end.map_or(0, |end| (digits + 1 + end).min(line.len()))
}

/// `9 (running) new_state 11 (shutdown)`
fn states(text: &[u8]) -> Option<(&str, &str)> {
    let open = memchr(b'(', text)?;
    let close = open + memchr(b')', &text[open..])?;
    let last = memrchr(b'(', text).filter(|&last| last > close)?;
    let end = last + memchr(b')', &text[last..])?;
    Some((
        core::str::from_utf8(&text[open + 1..close]).ok()?,
        core::str::from_utf8(&text[last + 1..end]).ok()?,
    ))
}

/// The monitor's pointer, the message, and at which byte it begins.
fn message<'a>(text: &'a [u8], word: &[u8]) -> Option<(&'a [u8], &'a [u8], usize)> {
    let end = memchr(b' ', text)?;
    let json = text[end..].strip_prefix(word)?;
    Some((&text[..end], json, end + word.len()))
}

/// A trace of the backend `simple`: it is not read, whatever messages are among its bytes.
///
/// It depends on the list of events that its QEMU was built with, which is not in it
/// (scripts/simpletrace.py, 6.0 to 11.1).
#[derive(Debug)]
pub(super) struct Binary;

impl Binary {
    /// Does a log whose first line this is begin like one? With a word of ones and a magic number in the byte order of
    /// the host, of which one byte is a line end (`st_set_trace_file_enabled()`, trace/simple.c).
    pub(super) fn begins(first_line: &[u8]) -> bool {
        const ONES: &[u8] = &[0xff; 8];
        const MAGIC: u64 = 0xf2b1_77cb_0aa4_29b4;
        first_line.strip_prefix(ONES).is_some_and(|start| {
            let magic = [MAGIC.to_le_bytes(), MAGIC.to_be_bytes()];
            magic
                .iter()
                .any(|magic| magic.split(|&byte| byte == b'\n').next() == Some(start))
        })
    }
}

impl super::FormatReader for Binary {
    fn line(&mut self, _line: &[u8], _out: &mut Out<'_>) -> bool {
        true
    }

    fn finish(&mut self, _out: &mut Out<'_>) {}
}

/// Is this a line of the trace points read here?
pub(super) fn is_trace(line: &[u8]) -> bool {
    let text = &line[name_start(line)..];
    [
        STATE,
        EMIT,
        RESPOND,
        COMMAND,
        b"monitor_protocol_event_queue event=",
        b"vm_state_notify running ",
    ]
    .iter()
    .any(|name| text.starts_with(name))
}
