//! Kata Containers' runtime (Go): logrus' `time=".." level=info msg="{\"execute\":\"quit\"}" .. sandbox=.. subsystem=qmp`.
//!
//! Its QMP library (govmm) logs every message in both directions as `msg`; the runtime logs events once more, as
//! `msg="got QMP event" event="{SHUTDOWN map[guest:true reason:guest-shutdown] TIME}"` at level debug (`loopQMPEvent()`,
//! virtcontainers/qemu.go). Those are read only where the messages themselves are not in the log. `sandbox` tells the VMs apart.

use memchr::memmem::{Finder, find};

use super::message::{Data, Member};
use super::out::Out;
use super::record::{EventKind, Heard, VmId};
use super::unescape;

#[derive(Debug)]
pub(super) struct Kata {
    message: Finder<'static>,
    text: Vec<u8>,
    /// By VM: are the messages in the log?
    has_messages: Vec<bool>,
}

impl Default for Kata {
    fn default() -> Self {
        Self {
            message: Finder::new(b"msg=\""),
            text: Vec::new(),
            has_messages: Vec::new(),
        }
    }
}

const EVENT: &[u8] = b"got QMP event\"";
const CLOSED: &[u8] = b"QMP event channel closed\"";
const LAUNCH: &[u8] = b"launching ";

impl super::FormatReader for Kata {
    fn line(&mut self, line: &[u8], out: &mut Out<'_>) -> bool {
        let Some(at) = self.message.find(line) else {
            return true;
        };
        let start = at + 5;
        let text = &line[start..];
        let is_message = text.starts_with(b"{") && find(text, b"subsystem=qmp").is_some();
        let is_launch = text.starts_with(LAUNCH) && find(text, b" with: [").is_some();
        if !(is_message || is_launch || text.starts_with(EVENT) || text.starts_with(CLOSED)) {
            return true;
        }
        let key = sandbox(line);
        let vm = if is_launch { out.new_vm(key) } else { out.vm(key) };
        let Some(vm) = vm else { return true };
        if is_message {
            self.saw_messages(vm);
            self.text.clear();
            unescape::string(text, &mut self.text);
            out.messages(vm, &self.text, start);
        } else if is_launch {
            self.text.clear();
            unescape::string(text, &mut self.text);
            if let Ok(text) = core::str::from_utf8(&self.text)
                && let Some((_, options)) = text.split_once(" with: [")
            {
                out.heard(
                    vm,
                    start,
                    Heard::Launched(options.strip_suffix(']').unwrap_or(options)),
                );
            }
        } else if text.starts_with(CLOSED) {
            out.heard(vm, start, Heard::Disconnected);
        } else if !self.has_messages.get(vm.0 as usize).copied().unwrap_or(false) {
            go_event(vm, line, start, out);
        }
        true
    }

    fn finish(&mut self, _out: &mut Out<'_>) {}
}

impl Kata {
    fn saw_messages(&mut self, vm: VmId) {
        let index = vm.0 as usize;
        if self.has_messages.len() <= index {
            self.has_messages.resize(index + 1, false);
        }
        self.has_messages[index] = true;
    }
}

fn sandbox(line: &[u8]) -> &[u8] {
    let start = [&b" sandbox="[..], b" sandbox-id="]
        .iter()
        .find_map(|key| find(line, key).map(|at| at + key.len()));
    let Some(start) = start else { return b"" };
    let id = &line[start..];
    &id[..id
        .iter()
        .position(|&b| b == b' ' || b == b'\r')
        .unwrap_or(id.len())]
}

/// An event as Go prints the struct: name, map, time. Its own time is without a fixed form and is not read.
fn go_event(vm: VmId, line: &[u8], column: usize, out: &mut Out<'_>) {
    let Some(at) = find(line, b" event=\"{") else {
        return;
    };
    let Ok(text) = core::str::from_utf8(&line[at + 9..]) else {
        return;
    };
    let Some((name, rest)) = text.split_once(' ') else {
        return;
    };
    let map = rest
        .strip_prefix("map[")
        .and_then(|map| map.split_once(']'))
        .map_or("", |(map, _)| map);
    let mut data = Data::default();
    for (key, value) in map.split(' ').filter_map(|pair| pair.split_once(':')) {
        match key {
            "guest" => data.guest = value.parse().map_or(Member::Wrong, Member::Found),
            "reason" => data.reason = Member::Found(value),
            "action" => data.action = Member::Found(value),
            "status" => data.status = Member::Found(value),
            "operation" => data.operation = Member::Found(value),
            "recipient" => data.recipient = Member::Found(value),
            "mode" => data.mode = Member::Found(value),
            "pass" => data.pass = value.parse().map_or(Member::Wrong, Member::Found),
            _ => {}
        }
    }
    let kind = EventKind::from_name(name);
    data.event(kind, name, None, !map.is_empty(), &mut |heard: Heard<'_>| {
        out.heard(vm, column, heard);
    });
}
