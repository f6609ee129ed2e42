//! Monitors come and go while the VM runs, and character devices go.

use mio::Registry;
use runstate::Time;
use runstate_monitor::monitor::Carries;

use super::super::links;
use super::super::open::OpenError;
use super::{Link, Role, Vm};

impl Vm {
    /// Opens the socket that a command waits for. Whether there was one.
    pub(super) fn open_chardev(&mut self, registry: &Registry) -> bool {
        let Some(chardev) = self.monitor.opening().cloned() else {
            return false;
        };
        let outcome = links::open_further(&chardev, self.openness, self.index, registry, &mut self.links);
        // QEMU's hints are for a terminal.
        let words = |error: OpenError| error.to_string().lines().next().unwrap_or_default().to_owned();
        let is_open = outcome.is_ok();
        self.monitor.opened(outcome.map_err(words));
        let at = self
            .links
            .iter()
            .position(|link| link.role == Role::Idle && link.id == chardev.id);
        if let Some(at) = at.filter(|_| is_open) {
            if self.links[at].stream.is_some() {
                self.opened(at);
            } else if let Some((_, millis)) = self.links[at].reconnect {
                self.links[at].reconnect_at = Some(self.clock.now().plus(Time::from_millis(millis)));
            }
        }
        true
    }

    /// Gives every character device its part after something was added or removed. Whether a client may have sent what
    /// nobody has read yet.
    pub(super) fn rewire(&mut self, registry: &Registry) -> bool {
        if !self.monitor.rewired() {
            return false;
        }
        let mut unread = false;
        for at in 0..self.links.len() {
            let link = &mut self.links[at];
            if !link.id.is_empty() && link.role != Role::Control && !self.monitor.has_chardev(&link.id) {
                remove(link, registry);
                continue;
            }
            let role = match (link.role, self.monitor.carries(&link.id)) {
                (Role::Idle | Role::Qmp(_) | Role::Hmp, Some(Carries::Qmp(port))) => Role::Qmp(port),
                (Role::Idle | Role::Qmp(_) | Role::Hmp, Some(Carries::Hmp)) => Role::Hmp,
                // Its client stays, and what it sends waits.
                (Role::Qmp(_) | Role::Hmp, None) => Role::Idle,
                (Role::Idle | Role::Qtest | Role::Agent | Role::Control, _) => continue,
            };
            if role == link.role {
                continue;
            }
            link.role = role;
            link.line = Vec::new();
            link.wake_at = None;
            if link.stream.is_some() && role != Role::Idle {
                self.opened(at);
                unread = true;
            }
        }
        unread
    }
}

/// Its place is free for another.
fn remove(link: &mut Link, registry: &Registry) {
    link.id.clear();
    link.role = Role::Idle;
    link.shut(registry);
}
