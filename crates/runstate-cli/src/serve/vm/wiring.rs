//! Monitors come and go while the VM runs, and character devices go.

use mio::Registry;
use runstate_monitor::monitor::Carries;

use super::{Link, Role, Vm};

impl Vm {
    /// Gives every character device its part after something was added or removed. Whether a client may have sent what
    /// nobody has read yet.
    pub(super) fn rewire(&mut self, registry: &Registry) -> bool {
        if !self.monitor.rewired() {
            return false;
        }
        let mut unread = false;
        for at in 0..self.links.len() {
            let link = &mut self.links[at];
            if link.role != Role::Control && !self.monitor.has_chardev(&link.id) {
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

fn remove(link: &mut Link, registry: &Registry) {
    link.role = Role::Idle;
    link.shut(registry);
}
