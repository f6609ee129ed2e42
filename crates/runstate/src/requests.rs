//! What is asked for and not yet done.

use crate::{RunState, ShutdownCause};

/// The requests that wait for the next pass of the main loop. Each is a single slot; the last one wins.
///
/// `debug_requested`, `suspend_requested`, `shutdown_requested`, `reset_requested`, `wakeup_reason`, `powerdown_requested`,
/// `vmstop_requested`, system/runstate.c. One bit each, so that "nothing is pending" is one comparison; a cause or state
/// beside it says something only while the bit is set, and is the same otherwise, so that equal VMs are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Requests {
    pending: u8,
    shutdown: ShutdownCause,
    reset: ShutdownCause,
    vmstop: RunState,
}

impl Requests {
    /// Nothing is asked for.
    pub const NONE: Self = Self {
        pending: 0,
        shutdown: ShutdownCause::None,
        reset: ShutdownCause::None,
        vmstop: RunState::Running,
    };

    // In the order in which a pass services them.
    pub(crate) const DEBUG: u8 = 1;
    pub(crate) const SUSPEND: u8 = 1 << 1;
    const SHUTDOWN: u8 = 1 << 2;
    const RESET: u8 = 1 << 3;
    pub(crate) const WAKEUP: u8 = 1 << 4;
    pub(crate) const POWERDOWN: u8 = 1 << 5;
    const VMSTOP: u8 = 1 << 6;

    /// How many slots there are.
    pub const SLOTS: u8 = 7;

    /// Whether the slot of that number, counted in the order in which a pass services them, is taken.
    #[must_use]
    pub const fn takes(self, slot: u8) -> bool {
        self.has(1 << slot)
    }

    /// What stands in that slot alone.
    #[must_use]
    pub const fn only(self, slot: u8) -> Self {
        self.among(1 << slot)
    }

    /// The same without what stands in that slot.
    #[must_use]
    pub const fn without(self, slot: u8) -> Self {
        self.among(self.pending & !(1 << slot))
    }

    const fn among(self, slots: u8) -> Self {
        let pending = self.pending & slots;
        Self {
            pending,
            shutdown: if pending & Self::SHUTDOWN != 0 {
                self.shutdown
            } else {
                Self::NONE.shutdown
            },
            reset: if pending & Self::RESET != 0 {
                self.reset
            } else {
                Self::NONE.reset
            },
            vmstop: if pending & Self::VMSTOP != 0 {
                self.vmstop
            } else {
                Self::NONE.vmstop
            },
        }
    }

    /// These, and then those asked for later, which win where both take a slot.
    #[must_use]
    pub const fn then(self, later: Self) -> Self {
        Self {
            pending: self.pending | later.pending,
            shutdown: if later.pending & Self::SHUTDOWN != 0 {
                later.shutdown
            } else {
                self.shutdown
            },
            reset: if later.pending & Self::RESET != 0 {
                later.reset
            } else {
                self.reset
            },
            vmstop: if later.pending & Self::VMSTOP != 0 {
                later.vmstop
            } else {
                self.vmstop
            },
        }
    }

    pub(crate) const fn any(self) -> bool {
        self.pending != 0
    }

    /// Whether one that has nothing beside it is pending.
    pub(crate) const fn has(self, request: u8) -> bool {
        self.pending & request != 0
    }

    pub(crate) const fn ask(&mut self, request: u8) {
        self.pending |= request;
    }

    pub(crate) const fn take(&mut self, request: u8) -> bool {
        let asked = self.has(request);
        if asked {
            self.pending &= !request;
        }
        asked
    }

    /// Why QEMU is to shut down, if it is.
    #[must_use]
    pub const fn shutdown(self) -> Option<ShutdownCause> {
        if self.has(Self::SHUTDOWN) {
            Some(self.shutdown)
        } else {
            None
        }
    }

    pub(crate) const fn ask_shutdown(&mut self, cause: ShutdownCause) {
        self.ask(Self::SHUTDOWN);
        self.shutdown = cause;
    }

    pub(crate) const fn take_shutdown(&mut self) -> Option<ShutdownCause> {
        let asked = self.shutdown();
        if self.take(Self::SHUTDOWN) {
            self.shutdown = Self::NONE.shutdown;
        }
        asked
    }

    pub(crate) const fn reset(self) -> Option<ShutdownCause> {
        if self.has(Self::RESET) {
            Some(self.reset)
        } else {
            None
        }
    }

    pub(crate) const fn ask_reset(&mut self, cause: ShutdownCause) {
        self.ask(Self::RESET);
        self.reset = cause;
    }

    pub(crate) const fn take_reset(&mut self) -> Option<ShutdownCause> {
        let asked = self.reset();
        if self.take(Self::RESET) {
            self.reset = Self::NONE.reset;
        }
        asked
    }

    pub(crate) const fn vmstop(self) -> Option<RunState> {
        if self.has(Self::VMSTOP) {
            Some(self.vmstop)
        } else {
            None
        }
    }

    /// `qemu_system_vmstop_request()`, system/runstate.c.
    pub(crate) const fn ask_vmstop(&mut self, to: RunState) {
        self.ask(Self::VMSTOP);
        self.vmstop = to;
    }

    pub(crate) const fn take_vmstop(&mut self) -> Option<RunState> {
        let asked = self.vmstop();
        if self.take(Self::VMSTOP) {
            self.vmstop = Self::NONE.vmstop;
        }
        asked
    }
}
