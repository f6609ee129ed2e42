//! Which character device carries which monitor. Since 11.1 monitors are objects that come and go.

use runstate_qmp::{Config, Error, Layout, Session};

use super::{Monitor, Port, PortState, Settings};
use crate::faults::Outbox;
use crate::options::{Chardev, MonitorMode, MonitorOption};

/// What a character device carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// QMP.
    Qmp(Port),
    /// HMP.
    Hmp,
}

/// A monitor and its character device.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    id: Option<String>,
    chardev: String,
    carries: Carries,
    deletes_on_close: bool,
}

impl PortState {
    /// A monitor that nobody is connected to yet.
    fn new(option: &MonitorOption, settings: &Settings) -> Self {
        Self {
            session: Session::new(Config {
                layout: if option.pretty {
                    Layout::Pretty
                } else {
                    Layout::Compact
                },
                ..Config::new(settings.version.clone())
            }),
            connected: false,
            outbox: (!settings.faults.is_empty()).then(|| Box::new(Outbox::new(&settings.faults))),
        }
    }
}

impl Monitor {
    /// A further monitor begins.
    pub(super) fn attach(&mut self, option: &MonitorOption) {
        let carries = match option.mode {
            MonitorMode::Readline => Carries::Hmp,
            MonitorMode::Control => {
                let state = PortState::new(option, &self.settings);
                let port = (0..self.ports.len()).find(|port| self.wire_of(*port).is_none());
                match port {
                    // The place of one that has gone.
                    Some(port) => {
                        self.ports[port] = state;
                        Carries::Qmp(port)
                    }
                    None => {
                        self.ports.push(state);
                        Carries::Qmp(self.ports.len() - 1)
                    }
                }
            }
        };
        self.wires.push(Wire {
            id: option.id.clone(),
            chardev: option.chardev.clone(),
            carries,
            deletes_on_close: option.deletes_on_close,
        });
        self.rewired = true;
    }

    fn wire_of(&self, port: Port) -> Option<&Wire> {
        self.wires.iter().find(|wire| wire.carries == Carries::Qmp(port))
    }

    /// What a character device carries, if it carries a monitor.
    #[must_use]
    pub fn carries(&self, chardev: &str) -> Option<Carries> {
        let wire = self.wires.iter().find(|wire| wire.chardev == chardev);
        wire.map(|wire| wire.carries)
    }

    /// Whether there is a character device of this id.
    #[must_use]
    pub fn has_chardev(&self, id: &str) -> bool {
        self.own.has_chardev(id, &self.settings.setup.options)
    }

    /// The character device of this id.
    #[must_use]
    pub fn chardev(&self, id: &str) -> Option<&Chardev> {
        let options = &self.settings.setup.options;
        self.own
            .added_chardev(id)
            .or_else(|| options.chardev(id).filter(|_| self.has_chardev(id)))
    }

    /// Whether monitors or character devices have come or gone since this was last asked.
    pub fn rewired(&mut self) -> bool {
        core::mem::take(&mut self.rewired)
    }

    /// The monitor goes that is the object `id`, if there is one: `monitor_qmp_prepare_delete()`, monitor/qmp.c, and
    /// `monitor_hmp_prepare_delete()`, monitor/hmp.c.
    pub(super) fn detach(&mut self, id: &str) -> Result<(), Error> {
        let Some(at) = self.wires.iter().position(|wire| wire.id.as_deref() == Some(id)) else {
            return Ok(());
        };
        match self.wires[at].carries {
            Carries::Hmp => return Err(Error::generic("Deleting HMP monitors is not supported")),
            Carries::Qmp(port) if port == self.serving => {
                return Err(Error::generic("Cannot delete the current QMP monitor"));
            }
            Carries::Qmp(port) => self.disconnect(port),
        }
        self.wires.remove(at);
        self.rewired = true;
        Ok(())
    }

    /// The client of a monitor has gone: with `close-action=delete` so does the monitor, and its character device.
    /// `monitor_qmp_self_delete_bh()`, monitor/qmp.c.
    pub(super) fn delete_closed(&mut self, port: Port) {
        let closed = |wire: &Wire| wire.deletes_on_close && wire.carries == Carries::Qmp(port);
        let Some(at) = self.wires.iter().position(closed) else {
            return;
        };
        let wire = self.wires.remove(at);
        if let Some(id) = wire.id {
            self.own.forget_object(&id);
        }
        self.own
            .remove_chardev(&wire.chardev, &self.settings.setup.options);
        self.rewired = true;
    }
}
