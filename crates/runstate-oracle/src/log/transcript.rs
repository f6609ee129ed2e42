//! Transcripts: the notation of QEMU's documentation and of scenarios, `->` from the client, `<-` from QEMU.
//!
//! A message may go over several lines, as in QEMU's documentation. A time or a connection's name may stand before the
//! arrow, quotes and a line end in words (`'..\r\n'`, as Python shows bytes) around the message; the Python library's
//! debug log has `-->` and `<--`. `EOF` instead of a message closes the monitor. Of a scenario's statements, those that
//! say what happened are records: `qemu`, `guest`, `host`, `exit`.

use super::detect::arrow;
use super::lines::Pending;
use super::out::Out;
use super::raw::{cut, go_on};
use super::record::{Actor, Heard};
use super::trouble::TroubleKind;

#[derive(Debug, Default)]
pub(super) struct Transcript {
    pending: Pending,
    /// The VM is of this scenario.
    scenario: Vec<u8>,
}

impl super::FormatReader for Transcript {
    fn line(&mut self, line: &[u8], out: &mut Out<'_>) -> bool {
        let text = line.trim_ascii();
        if text.is_empty() || text.first() == Some(&b'#') {
            return true;
        }
        if let Some(start) = arrow(line) {
            self.finish(out);
            self.message(line, start, out);
            return true;
        }
        if let Some(known) = self.statement(text, out) {
            return known;
        }
        if self.pending.is_active() {
            go_on(&mut self.pending, &self.scenario, line, out);
            return true;
        }
        false
    }

    fn finish(&mut self, out: &mut Out<'_>) {
        cut(&mut self.pending, &self.scenario, out);
    }
}

impl Transcript {
    fn message(&mut self, line: &[u8], start: usize, out: &mut Out<'_>) {
        let Some(vm) = out.vm(&self.scenario) else { return };
        let blanks = line[start..].len() - line[start..].trim_ascii_start().len();
        let start = start + blanks;
        let mut text = line[start..].trim_ascii_end();
        if text == b"EOF" {
            return out.heard(vm, start, Heard::Disconnected);
        }
        let mut column = start;
        if let Some(&quote @ (b'\'' | b'"')) = text.first() {
            text = &text[1..];
            column += 1;
            text = text.strip_suffix(&[quote]).unwrap_or(text);
            text = text.strip_suffix(b"\\n").unwrap_or(text);
            text = text.strip_suffix(b"\\r").unwrap_or(text);
        } else if let Some(held) = text.strip_suffix(b"&") {
            // A scenario's way to say that the main loop does not run yet.
            text = held.trim_ascii_end();
        }
        if !self.pending.begin(text, out.line, out.offset, column) {
            out.messages(vm, text, column);
        }
    }

    /// A scenario's statement that is no message; `None` if it is none.
    fn statement(&mut self, text: &[u8], out: &mut Out<'_>) -> Option<bool> {
        let (word, rest) = statement(text)?;
        cut(&mut self.pending, &self.scenario, out);
        if word == "scenario" {
            self.scenario = rest.as_bytes().to_vec();
            out.new_vm(&self.scenario);
            return Some(true);
        }
        let Some(vm) = out.vm(&self.scenario) else {
            return Some(true);
        };
        match word {
            "qemu" => out.heard(vm, 0, Heard::Launched(rest)),
            "exit" => out.heard(vm, 0, Heard::Exited(rest)),
            "guest" => out.heard(
                vm,
                0,
                Heard::Acted {
                    actor: Actor::Guest,
                    action: rest,
                },
            ),
            "host" => out.heard(
                vm,
                0,
                Heard::Acted {
                    actor: Actor::Host,
                    action: rest,
                },
            ),
            "release" | "with" | "wait" => {}
            _ => out.trouble(vm, TroubleKind::NotAMessage, 0),
        }
        Some(true)
    }
}

/// A scenario's statement that is no message: its first word and the rest, without the ` &` that holds the main loop.
pub(super) fn statement(text: &[u8]) -> Option<(&str, &str)> {
    let text = core::str::from_utf8(text).ok()?.trim();
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim();
    let rest = rest.strip_suffix('&').unwrap_or(rest).trim_end();
    let known = match word {
        "qemu" => rest.is_empty() || rest.starts_with('-'),
        "scenario" | "guest" | "host" | "exit" | "wait" | "release" | "with" => !rest.is_empty(),
        _ => false,
    };
    known.then_some((word, rest))
}
