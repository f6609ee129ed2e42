//! A VM as a number, for those who keep many: an explorer, a log checker.

use crate::{
    Capability, RunState, Vm,
    requests::Requests,
    rules::{incoming::Incoming, migration::Migration},
    vm::{Flags, Life},
};

/// Which differences a [`Vm::key`] keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// All that decides any later output.
    Full,
    /// All that decides the run state, where migration capabilities can be set before they matter. Not: what is only told
    /// (the reason of a pending RESET or SHUTDOWN, a pending WAKEUP or POWERDOWN, how the last migration ended, whether there
    /// was an incoming one), the status with which QEMU would exit, capabilities that nothing will look at before they
    /// can be set again.
    RunState,
}

/// Fields, packed from the lowest bit up.
struct Packed {
    bits: u64,
    used: u32,
}

impl Packed {
    const fn with(self, value: u64, width: u32) -> Self {
        debug_assert!(value >> width == 0, "the field is wide enough");
        Self {
            bits: self.bits | value << self.used,
            used: self.used + width,
        }
    }
}

impl Vm {
    /// How many bits of a [`key`](Self::key) are used, from the lowest up.
    pub const KEY_BITS: u32 = 55;

    /// A number that two VMs of the same release, thread and machine share just if, under equal actions, they behave alike
    /// from now on, whatever happens.
    ///
    /// Values that nobody reads before they are written again are left out, so that VMs which differ only in them are one.
    /// The actions are not in it.
    #[must_use]
    #[inline]
    pub const fn key(&self, detail: Detail) -> u64 {
        let full = matches!(detail, Detail::Full);
        let packed = Packed { bits: 0, used: 0 }
            .with(self.run as u64, 4)
            .with(self.life as u64, 2)
            .with(self.flags_key(full), 8)
            .with(self.shutdown_key(full), 4)
            .with(self.reset_key(full), 4)
            .with(
                // Nobody asks for a stop in the last of them, `colo`.
                match self.requests.vmstop() {
                    None => 0,
                    Some(state) => 1 + state as u64,
                },
                4,
            )
            .with(if full { self.exit_code as u64 } else { 0 }, 8)
            .with(self.migration_key(full), 5)
            .with(self.old_state_key(), 4)
            .with((self.capabilities & self.capabilities_read(full)) as u64, 6)
            .with(self.incoming_key(full), 3)
            .with(self.job as u64, 2)
            .with(self.disks_key(full), 1);
        debug_assert!(packed.used == Self::KEY_BITS, "the fields add up");
        packed.bits
    }

    const fn flags_key(&self, full: bool) -> u64 {
        let mut kept = Flags::WAS_SUSPENDED | Flags::DUMPING | Flags::DUMP_RESUMES;
        // Read when the machine becomes ready and when an incoming migration ends.
        if matches!(self.life, Life::Preconfig) || self.awaits_incoming() {
            kept |= Flags::AUTOSTART;
        }
        let requests = self.requests;
        (self.flags.bits() & kept) as u64
            | (requests.has(Requests::DEBUG) as u64) << 4
            | (requests.has(Requests::SUSPEND) as u64) << 5
            | ((full && requests.has(Requests::WAKEUP)) as u64) << 6
            | ((full && requests.has(Requests::POWERDOWN)) as u64) << 7
    }

    /// Asked by who saves or loads snapshots.
    const fn disks_key(&self, full: bool) -> u64 {
        (self.disks_given_away() && (full || self.flags.has(Flags::SNAPSHOT_DISK))) as u64
    }

    const fn shutdown_key(&self, full: bool) -> u64 {
        match self.requests.shutdown() {
            None => 0,
            Some(cause) if full => 1 + cause as u64,
            Some(_) => 1,
        }
    }

    const fn reset_key(&self, full: bool) -> u64 {
        match self.requests.reset() {
            None => 0,
            Some(cause) if full => 1 + cause as u64,
            Some(_) => 1,
        }
    }

    const fn migration_key(&self, full: bool) -> u64 {
        if full || self.migration.in_flight() {
            self.migration as u64
        } else {
            Migration::None as u64
        }
    }

    /// The run state in which a stop for switchover found the VM, where something can still lead back to it.
    ///
    /// Read only by the return from a switchover, and written at each stop for one.
    #[must_use]
    pub const fn switchover_from(&self) -> Option<RunState> {
        let read = match self.migration {
            Migration::PreSwitchover
            | Migration::PreSwitchoverPostcopy
            | Migration::Device
            | Migration::DevicePostcopy
            | Migration::Postcopy
            | Migration::PostcopyPaused
            | Migration::PostcopyRecover
            | Migration::CancellingStopped => true,
            Migration::Active | Migration::ActivePostcopy | Migration::Cancelling => {
                matches!(self.run, RunState::FinishMigrate)
            }
            // COLO ends without one.
            Migration::None
            | Migration::Completed
            | Migration::Failed
            | Migration::Cancelled
            | Migration::Colo
            | Migration::ColoBroken
            | Migration::ColoFailover
            | Migration::ColoFailoverBroken
            | Migration::CancellingColo
            | Migration::CancellingForever
            | Migration::SetupForever
            | Migration::DeviceForever
            | Migration::PostcopyForever => false,
        };
        if read { Some(self.old_state) } else { None }
    }

    const fn old_state_key(&self) -> u64 {
        match self.switchover_from() {
            Some(state) => state as u64,
            None => 0,
        }
    }

    /// Whether it is the secondary of a COLO pair.
    #[must_use]
    pub const fn is_colo_secondary(&self) -> bool {
        matches!(self.incoming, Incoming::Colo | Incoming::ColoBroken)
    }

    /// The capabilities that something reads before `migrate-set-capabilities` is possible again.
    const fn capabilities_read(&self, full: bool) -> u8 {
        const PAUSE: u8 = Capability::PauseBeforeSwitchover as u8;
        const POSTCOPY: u8 = Capability::PostcopyRam as u8;
        const COLO: u8 = Capability::Colo as u8;
        if full {
            return u8::MAX;
        }
        // At its end a postcopy asks for it.
        let postcopy = if self.release.colo_may_end_nowhere() {
            COLO
        } else {
            0
        };
        let outgoing = match self.migration {
            Migration::Active => PAUSE | POSTCOPY | COLO | Capability::BackgroundSnapshot as u8,
            Migration::ActivePostcopy => PAUSE | postcopy,
            Migration::PreSwitchover => POSTCOPY | COLO,
            Migration::Device => COLO,
            Migration::None
            | Migration::Completed
            | Migration::Failed
            | Migration::Cancelled
            | Migration::Colo
            | Migration::ColoBroken
            | Migration::ColoFailover
            | Migration::ColoFailoverBroken
            | Migration::Cancelling
            | Migration::CancellingStopped
            | Migration::CancellingColo
            | Migration::CancellingForever
            | Migration::SetupForever
            | Migration::DeviceForever
            | Migration::PostcopyForever => 0,
            Migration::PreSwitchoverPostcopy
            | Migration::DevicePostcopy
            | Migration::Postcopy
            | Migration::PostcopyPaused
            | Migration::PostcopyRecover => postcopy,
        };
        // An incoming stream asks for it when it comes.
        if self.awaits_incoming() {
            outgoing | COLO
        } else {
            outgoing
        }
    }

    const fn incoming_key(&self, full: bool) -> u64 {
        if full || self.awaits_incoming() || self.is_colo_secondary() {
            self.incoming as u64
        } else {
            Incoming::None as u64
        }
    }

    const fn awaits_incoming(&self) -> bool {
        match self.incoming {
            // Once it has left inmigrate, it never comes back.
            Incoming::Deferred => matches!(self.run, RunState::Inmigrate),
            Incoming::Started | Incoming::StartedAndStays => true,
            Incoming::None | Incoming::Colo | Incoming::ColoBroken | Incoming::Ended => false,
        }
    }
}
