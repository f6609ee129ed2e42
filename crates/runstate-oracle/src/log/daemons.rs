//! The logs of Incus and Multipass.

use super::out::Out;
use super::record::{Heard, VmId};

/// Incus' `qemu.qmp.log`: `[2026-04-30T10:47:51Z] QUERY: {..}`, `REPLY: {..}`, `Event: {..}`.
///
/// One VM a file. Written by `Monitor.RunJSON()` and `qemuMachineProtocol.listen()`
/// (internal/server/instance/drivers/qmp, 6.7 to 7.0): a command that fails has no REPLY, `ringbuf-read` and the event
/// VSERPORT_CHANGE are left out, so are greeting and negotiation, and as the two write independently an event may stand
/// before or behind a reply that was on the other side of it on the wire.
#[derive(Debug, Default)]
pub(super) struct Incus;

impl super::FormatReader for Incus {
    fn line(&mut self, line: &[u8], out: &mut Out<'_>) -> bool {
        if let Some(start) = incus(line)
            && let Some(vm) = out.vm(b"")
        {
            out.messages(vm, &line[start..], start);
        }
        true
    }

    fn finish(&mut self, _out: &mut Out<'_>) {}
}

/// Where the message begins, if this is a line of Incus' log.
pub(super) fn incus(line: &[u8]) -> Option<usize> {
    // [2026-04-30T10:47:51Z] or with an offset of +02:00; the words are short.
    let text = line.strip_prefix(b"[")?;
    let close = text.iter().take(40).position(|&b| b == b']')?;
    let text = text[close + 1..].strip_prefix(b" ")?;
    let words = [&b"QUERY: "[..], b"REPLY: ", b"Event: ", b"EVENT: "];
    let word = words.iter().find(|word| text.starts_with(word))?;
    Some(close + 3 + word.len())
}

/// Multipass' log: `[2024-02-08T21:05:53.447] [debug] [primary] QMP: {..}`.
///
/// Only what QEMU says. Each entry is what one read of QEMU's standard output gave, so there may be several messages in
/// one (on lines of their own) and parts of a message in two; a blank line follows. Commands are not logged.
/// (`QemuVirtualMachine::initialize_vm_process()`, src/platform/backends/qemu/qemu_virtual_machine.cpp, 1.8 to 1.16)
#[derive(Debug, Default)]
pub(super) struct Multipass {
    /// Whose message lines without a head go on.
    vm: Option<VmId>,
    /// A message that is not complete, and whose it is.
    part: Vec<u8>,
}

/// A part of a message is kept up to this size; QEMU's answers to Multipass' commands are short.
const MAX_PART: usize = 1 << 16;

impl super::FormatReader for Multipass {
    fn line(&mut self, line: &[u8], out: &mut Out<'_>) -> bool {
        let line = line.trim_ascii_end();
        let Some(entry) = Entry::of(line) else {
            if let (Some(vm), Some(b'{')) = (self.vm, line.first()) {
                self.chunk(vm, line, 0, out);
            }
            return true;
        };
        self.vm = None;
        if let Some(text) = entry.text.strip_prefix(b"QMP: ") {
            let Some(vm) = out.vm(entry.vm) else { return true };
            self.vm = Some(vm);
            self.chunk(vm, text, entry.column + 5, out);
        } else if let Some(arguments) = entry.text.strip_prefix(b"process arguments '") {
            let arguments = arguments.strip_suffix(b"'").unwrap_or(arguments);
            if let (Some(vm), Ok(arguments)) = (out.new_vm(entry.vm), core::str::from_utf8(arguments)) {
                out.heard(vm, entry.column, Heard::Launched(arguments));
            }
        } else if let Some(status) = entry.text.strip_prefix(b"process finished with exit code ")
            && let (Some(vm), Ok(status)) = (out.vm(entry.vm), core::str::from_utf8(status))
        {
            out.heard(vm, entry.column, Heard::Exited(status));
        }
        true
    }

    fn finish(&mut self, _out: &mut Out<'_>) {}
}

impl Multipass {
    fn chunk(&mut self, vm: VmId, text: &[u8], column: usize, out: &mut Out<'_>) {
        if !self.part.is_empty() && text.first() != Some(&b'{') {
            let mut whole = core::mem::take(&mut self.part);
            whole.extend_from_slice(text);
            out.messages(vm, &whole, column);
        } else if super::scan::depth(text) == Some(0) || text.len() > MAX_PART {
            self.part.clear();
            out.messages(vm, text, column);
        } else {
            self.part.clear();
            self.part.extend_from_slice(text);
        }
    }
}

/// One entry of Multipass' log.
pub(super) struct Entry<'a> {
    vm: &'a [u8],
    text: &'a [u8],
    column: usize,
}

impl<'a> Entry<'a> {
    pub(super) fn of(line: &'a [u8]) -> Option<Self> {
        let (_time, rest) = bracket(line)?;
        let (_level, rest) = bracket(rest.strip_prefix(b" ")?)?;
        let (vm, rest) = bracket(rest.strip_prefix(b" ")?)?;
        let text = rest.strip_prefix(b" ")?;
        Some(Self {
            vm,
            text,
            column: line.len() - text.len(),
        })
    }

    pub(super) fn is_qmp(&self) -> bool {
        self.text.starts_with(b"QMP: ") || self.text.starts_with(b"process arguments '")
    }
}

fn bracket(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inside = text.strip_prefix(b"[")?;
    let close = inside.iter().take(256).position(|&b| b == b']')?;
    Some((&inside[..close], &inside[close + 1..]))
}
