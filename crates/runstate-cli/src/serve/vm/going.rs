//! How a VM goes, once its QEMU has ended.

use mio::Registry;
use runstate::Time;
use runstate_monitor::machine::End;

use super::{Link, Role, Vm};

/// How long the last messages may take to leave, in milliseconds.
const LAST_WORDS: u64 = 2000;

/// Milliseconds; of real QEMUs it takes ten and more.
const FAREWELL: u64 = 2;

impl Vm {
    /// How long it takes QEMU to go: a client that writes the end of the line after `quit` by itself is not told that the pipe is
    /// broken. An abort takes no time.
    fn farewell(&self) -> Time {
        let is_read = |link: &Link| matches!(link.role, Role::Qmp(_)) && link.stream.is_some();
        match self.monitor.end() {
            Some(End::Exit(_)) if self.links.iter().any(is_read) => Time::from_millis(FAREWELL),
            Some(_) | None => Time::default(),
        }
    }

    pub(super) fn is_gone(&mut self, registry: &Registry) -> bool {
        if self.abort.is_some() {
            return true;
        }
        if self.monitor.end().is_none() {
            return false;
        }
        let now = self.clock.now();
        let overtime = self.monitor.overtime().unwrap_or_default();
        let farewell = self.farewell();
        let going_at = *self
            .going_at
            .get_or_insert_with(|| now.plus(overtime.max(farewell)));
        let silent = self.links.iter().all(|link| {
            let unsent = if let Role::Qmp(port) = link.role {
                self.monitor.unsent(port)
            } else {
                0
            };
            link.stream.is_none() || link.unwritten.is_empty() && unsent == 0
        });
        // A client that does not read its last messages does not keep the VM.
        let last = going_at.plus(Time::from_millis(LAST_WORDS));
        let gone = now >= last || silent && now >= going_at;
        if gone {
            self.remove(registry);
        } else if now >= going_at {
            self.gone_at = Some(last);
        } else {
            self.gone_at = Some(going_at);
        }
        gone
    }
}
