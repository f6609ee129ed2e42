//! QMP as it is on the wire, one message a line or pretty-printed; and qmp-shell's log.
//!
//! Something may stand before the message (syslog's date, a daemon's own words): the message begins at the first brace
//! that is followed by a member of QMP's. `qmp-shell -l` writes one object for a command and its reply, the members of
//! both together, and no events (`QMPShell._execute_cmd()`, python/qemu/qmp/qmp_shell.py, 7.2 to 11.0); with `-p` it is
//! pretty-printed.

use super::detect::message_start;
use super::lines::{Pending, Progress};
use super::out::Out;
use super::trouble::TroubleKind;

#[derive(Debug, Default)]
pub(super) struct Raw {
    pending: Pending,
}

impl super::FormatReader for Raw {
    fn line(&mut self, line: &[u8], out: &mut Out<'_>) -> bool {
        if self.pending.is_active() {
            // QEMU and jq indent what is inside: a brace here begins the next message.
            if line.first() != Some(&b'{') {
                self.go_on(line, out);
                return true;
            }
            self.finish(out);
        }
        let text = line.trim_ascii_end();
        if let [b'{', .., b'}'] = text {
            if let Some(vm) = out.vm(b"") {
                out.messages(vm, text, 0);
            }
            return true;
        }
        if text.is_empty() {
            return true;
        }
        let Some(start) = message_start(text) else {
            return false;
        };
        let text = &text[start..];
        if text.last() == Some(&b'}') || !self.pending.begin(text, out.line, out.offset, start) {
            let Some(vm) = out.vm(b"") else { return true };
            out.messages(vm, text, start);
        }
        true
    }

    fn finish(&mut self, out: &mut Out<'_>) {
        cut(&mut self.pending, b"", out);
    }
}

impl Raw {
    fn go_on(&mut self, line: &[u8], out: &mut Out<'_>) {
        go_on(&mut self.pending, b"", line, out);
    }
}

/// One more line of a message on several.
pub(super) fn go_on(pending: &mut Pending, key: &[u8], line: &[u8], out: &mut Out<'_>) {
    let (at_line, at_offset) = (pending.line, pending.offset);
    let column = pending.column;
    let here = (out.line, out.offset);
    let Some(vm) = out.vm(key) else {
        return pending.give_up();
    };
    match pending.push(line.trim_ascii_end()) {
        Progress::More => {}
        Progress::Complete(text) => {
            (out.line, out.offset) = (at_line, at_offset);
            out.messages(vm, text, column);
        }
        Progress::Broken => {
            out.trouble(vm, TroubleKind::Cut, line.trim_ascii_end().len());
        }
        Progress::TooLong => {
            (out.line, out.offset) = (at_line, at_offset);
            out.trouble(vm, TroubleKind::TooLong, 0);
        }
    }
    (out.line, out.offset) = here;
}

/// The message that was begun does not go on.
pub(super) fn cut(pending: &mut Pending, key: &[u8], out: &mut Out<'_>) {
    if !pending.is_active() {
        return;
    }
    let here = (out.line, out.offset);
    (out.line, out.offset) = (pending.line, pending.offset);
    if let Some(vm) = out.vm(key) {
        out.trouble(vm, TroubleKind::Cut, pending.column);
    }
    (out.line, out.offset) = here;
    pending.give_up();
}
