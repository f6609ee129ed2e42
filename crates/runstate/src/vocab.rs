//! The vocabulary of `qapi/run-state.json`, under its schema names, in schema order.
//!
//! One list per type gives the enum, [`ALL`](RunState::ALL), `name`, parsing and the release that brought each value.
//! The schema of QEMU 10.0 is the base; what other releases add says so with `since`.

use crate::Release;

/// Declares a closed set of QAPI names: enum, `ALL`, `name`, `from_name`, `since`, `Display`, `FromStr`.
macro_rules! vocabulary {
    ($(#[$meta:meta])* pub enum $Name:ident {
        $($(#[$vmeta:meta])* $Variant:ident = $text:literal $(since $Since:ident)?,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[repr(u8)]
        pub enum $Name { $($(#[$vmeta])* #[cfg_attr(feature = "serde", serde(rename = $text))] $Variant,)+ }

        impl $Name {
            /// Every value, in schema order.
            pub const ALL: &'static [Self] = &[$(Self::$Variant),+];

            /// The name the schema gives it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$Variant => $text),+ }
            }

            /// The value that the schema calls `name`, if there is one.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$Variant),)+ _ => None }
            }

            /// The first release that knows the value.
            #[must_use]
            pub const fn since(self) -> Release {
                match self { $(Self::$Variant => $crate::vocab::vocabulary!(@since $($Since)?)),+ }
            }
        }

        impl core::fmt::Display for $Name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.name())
            }
        }

        impl core::str::FromStr for $Name {
            type Err = $crate::vocab::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                Self::from_name(name).ok_or($crate::vocab::UnknownName { expected: &[$($text),+] })
            }
        }
    };
    (@since) => { $crate::Release::FIRST };
    (@since $Since:ident) => { $crate::Release::$Since };
}
pub(crate) use vocabulary;

/// A name that the vocabulary does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownName {
    /// The names that would have been right.
    pub expected: &'static [&'static str],
}

impl core::fmt::Display for UnknownName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("expected one of ")?;
        for (i, name) in self.expected.iter().enumerate() {
            write!(f, "{}{name}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl core::error::Error for UnknownName {}

vocabulary! {
    /// `RunState`: what the VM is doing. The order is the schema's and has not changed from 6.0 to 11.1.
    pub enum RunState {
        /// Stopped by a debugger's breakpoint, watchpoint or step.
        Debug = "debug",
        /// Waiting for an incoming migration.
        Inmigrate = "inmigrate",
        /// Something in QEMU or the hypervisor failed; the VM needs a reset.
        InternalError = "internal-error",
        /// A guest I/O request failed and the error policy says stop.
        IoError = "io-error",
        /// Stopped by `stop` or a debugger.
        Paused = "paused",
        /// Stopped because it was migrated away.
        Postmigrate = "postmigrate",
        /// Not started yet, or reset while it was not running.
        Prelaunch = "prelaunch",
        /// Stopped to send the last of its state to the migration's destination.
        FinishMigrate = "finish-migrate",
        /// Stopped to load a snapshot; also where a failed load leaves it.
        RestoreVm = "restore-vm",
        /// vCPUs run.
        Running = "running",
        /// Stopped to save a snapshot or dump memory.
        SaveVm = "save-vm",
        /// The guest has shut down and the shutdown action is pause; the VM needs a reset.
        Shutdown = "shutdown",
        /// ACPI S3.
        Suspended = "suspended",
        /// Stopped by the watchdog action pause.
        Watchdog = "watchdog",
        /// Stopped because the guest panicked.
        GuestPanicked = "guest-panicked",
        /// Stopped for a COLO checkpoint.
        Colo = "colo",
    }
}

vocabulary! {
    /// `ShutdownCause`: why a SHUTDOWN or a RESET. The order matters: see [`by_guest`](Self::by_guest).
    pub enum ShutdownCause {
        /// No shutdown is pending.
        None = "none",
        /// An error of the host prevents further use of the guest.
        HostError = "host-error",
        /// `quit`.
        HostQmpQuit = "host-qmp-quit",
        /// `system_reset`.
        HostQmpSystemReset = "host-qmp-system-reset",
        /// SIGTERM, SIGINT or SIGHUP.
        HostSignal = "host-signal",
        /// The window was closed (SDL, Cocoa).
        HostUi = "host-ui",
        /// The guest shut down by ACPI or other hardware.
        GuestShutdown = "guest-shutdown",
        /// The guest reset, or a watchdog did.
        GuestReset = "guest-reset",
        /// The guest panicked and the panic action shuts down.
        GuestPanic = "guest-panic",
        /// A partial reset on s390 (kexec, kdump); no event, and it ignores the reboot action.
        SubsystemReset = "subsystem-reset",
        /// A snapshot is being loaded; used inside QEMU only.
        SnapshotLoad = "snapshot-load" since V7_2_0,
    }
}

impl ShutdownCause {
    /// The `guest` member of SHUTDOWN and RESET: true from guest-shutdown on, by enum order.
    ///
    /// `shutdown_caused_by_guest()`, system/runstate.c.
    #[must_use]
    pub const fn by_guest(self) -> bool {
        self as u8 >= Self::GuestShutdown as u8
    }

    /// Whether a reset for this cause is announced by RESET.
    ///
    /// `qemu_system_reset()`, system/runstate.c: none and subsystem-reset are not, nor is snapshot-load
    /// (which was `none` before 7.2).
    #[must_use]
    pub const fn announced(self) -> bool {
        !matches!(self, Self::None | Self::SubsystemReset | Self::SnapshotLoad)
    }
}

vocabulary! {
    /// `WatchdogAction`: what happens when a watchdog timer expires.
    pub enum WatchdogAction {
        /// Reset the VM.
        Reset = "reset",
        /// Ask the guest to power down (a POWERDOWN, not a SHUTDOWN).
        Shutdown = "shutdown",
        /// Exit at once.
        Poweroff = "poweroff",
        /// Stop the VM in the state `watchdog`.
        Pause = "pause",
        /// Only a line on stderr.
        Debug = "debug",
        /// Nothing.
        None = "none",
        /// A non-maskable interrupt to the guest.
        InjectNmi = "inject-nmi",
    }
}

vocabulary! {
    /// `RebootAction`: what a guest reset does.
    pub enum RebootAction {
        /// Reset the VM.
        Reset = "reset",
        /// Shut down, according to the shutdown action.
        Shutdown = "shutdown",
    }
}

vocabulary! {
    /// `ShutdownAction`: what a shutdown does.
    pub enum ShutdownAction {
        /// QEMU exits.
        Poweroff = "poweroff",
        /// The VM stops in the state `shutdown`.
        Pause = "pause",
    }
}

vocabulary! {
    /// `PanicAction`: what a guest panic does.
    pub enum PanicAction {
        /// Stop in the state `guest-panicked`.
        Pause = "pause",
        /// Shut down, according to the shutdown action.
        Shutdown = "shutdown",
        /// Shut down and exit with status 1.
        ExitFailure = "exit-failure" since V7_1,
        /// Go on.
        None = "none",
    }
}

vocabulary! {
    /// `GuestPanicAction`: what GUEST_PANICKED and GUEST_CRASHLOADED say was done.
    pub enum GuestPanicAction {
        /// The VM is stopped.
        Pause = "pause",
        /// QEMU will exit.
        Poweroff = "poweroff",
        /// The guest goes on.
        Run = "run",
    }
}

vocabulary! {
    /// `GuestPanicInformationType`: which hypervisor interface told of the panic.
    pub enum GuestPanicInformationType {
        /// Hyper-V crash MSRs.
        HyperV = "hyper-v",
        /// s390 disabled wait or interrupt loop.
        S390 = "s390",
        /// Intel TDX fatal error report.
        Tdx = "tdx" since V10_1,
        /// AMD SEV termination request.
        Sev = "sev" since V11_0,
    }
}

vocabulary! {
    /// `S390CrashReason`: why an s390 CPU stopped.
    pub enum S390CrashReason {
        /// No reason was set.
        Unknown = "unknown",
        /// A disabled wait PSW was loaded.
        DisabledWait = "disabled-wait",
        /// External interrupt loop.
        ExtintLoop = "extint-loop",
        /// Program interrupt loop.
        PgmintLoop = "pgmint-loop",
        /// Operation exception loop.
        OpintLoop = "opint-loop",
    }
}

vocabulary! {
    /// `MemoryFailureRecipient`: whose memory failed.
    pub enum MemoryFailureRecipient {
        /// QEMU's own.
        Hypervisor = "hypervisor",
        /// The guest's.
        Guest = "guest",
    }
}

vocabulary! {
    /// `MemoryFailureAction`: what QEMU did about it.
    pub enum MemoryFailureAction {
        /// Nothing.
        Ignore = "ignore",
        /// A machine check was injected.
        Inject = "inject",
        /// QEMU exits with status 1, without SHUTDOWN.
        Fatal = "fatal",
        /// The guest is reset.
        Reset = "reset",
    }
}

vocabulary! {
    /// `NotifyVmexitOption`: the KVM option `notify-vmexit`.
    pub enum NotifyVmexitOption {
        /// Warn and go on.
        Run = "run",
        /// Stop in the state `internal-error`.
        InternalError = "internal-error",
        /// The feature is off.
        Disable = "disable",
    }
}

vocabulary! {
    /// `MigrationStatus` (qapi/migration.json): the status that MIGRATION announces.
    pub enum MigrationStatus {
        /// No migration has happened.
        None = "none",
        /// Begun; the channel is being set up.
        Setup = "setup",
        /// Being cancelled.
        Cancelling = "cancelling",
        /// Cancelled.
        Cancelled = "cancelled",
        /// Transferring.
        Active = "active",
        /// The destination runs; the source sends pages on demand.
        PostcopyActive = "postcopy-active",
        /// Device state of a postcopy is being sent.
        PostcopyDevice = "postcopy-device" since V10_2,
        /// The postcopy channel broke.
        PostcopyPaused = "postcopy-paused",
        /// A new postcopy channel is being set up.
        PostcopyRecoverSetup = "postcopy-recover-setup" since V9_1,
        /// A paused postcopy is going on.
        PostcopyRecover = "postcopy-recover",
        /// Finished.
        Completed = "completed",
        /// About to fail; the VM is being restarted.
        Failing = "failing" since V11_0,
        /// Failed.
        Failed = "failed",
        /// COLO checkpoints.
        Colo = "colo",
        /// Waiting for `migrate-continue`.
        PreSwitchover = "pre-switchover",
        /// Device state is being sent.
        Device = "device",
        /// Waiting for a failover NIC to be unplugged.
        WaitUnplug = "wait-unplug",
    }
}

vocabulary! {
    /// `JobStatus` (qapi/job.json), as far as JOB_STATUS_CHANGE shows it for snapshot jobs.
    pub enum JobStatus {
        /// Made.
        Created = "created",
        /// At work.
        Running = "running",
        /// Work done, others of the transaction are not.
        Waiting = "waiting",
        /// Ready to be finalized.
        Pending = "pending",
        /// Failed.
        Aborting = "aborting",
        /// Finished.
        Concluded = "concluded",
        /// Dismissed.
        Null = "null",
    }
}

vocabulary! {
    /// `COLOMode` (qapi/migration.json): which side of a COLO pair.
    pub enum ColoMode {
        /// Source.
        Primary = "primary",
        /// Destination.
        Secondary = "secondary",
    }
}

vocabulary! {
    /// `COLOExitReason` (qapi/migration.json): why COLO ended.
    pub enum ColoExitReason {
        /// By `x-colo-lost-heartbeat`.
        Request = "request",
        /// The link broke.
        Error = "error",
    }
}

vocabulary! {
    /// `BlockErrorAction` (qapi/block-core.json): the outcome of a device's error policy.
    pub enum BlockErrorAction {
        /// The error is ignored.
        Ignore = "ignore",
        /// The guest is told.
        Report = "report",
        /// The VM stops in the state `io-error`.
        Stop = "stop",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_order_is_declaration_order() {
        for (i, &state) in RunState::ALL.iter().enumerate() {
            assert_eq!(RunState::from_name(state.name()), Some(state));
            assert_eq!(state as usize, i);
        }
        assert_eq!(
            "quit".parse::<ShutdownCause>().map_err(|e| e.expected.len()),
            Err(11)
        );
    }

    #[test]
    fn guest_flag_is_by_enum_order() {
        let guest: [ShutdownCause; 5] = [
            ShutdownCause::GuestShutdown,
            ShutdownCause::GuestReset,
            ShutdownCause::GuestPanic,
            ShutdownCause::SubsystemReset,
            ShutdownCause::SnapshotLoad,
        ];
        for &cause in ShutdownCause::ALL {
            assert_eq!(cause.by_guest(), guest.contains(&cause), "{cause}");
        }
    }
}
