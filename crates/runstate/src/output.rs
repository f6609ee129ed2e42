//! What a VM does that can be seen from outside.

use crate::{
    BlockErrorAction, Capability, ColoExitReason, ColoMode, GuestPanicAction, JobStatus, MemoryFailure,
    MigrationStatus, RunState, ShutdownCause, WatchdogAction,
};

/// One thing the VM did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// A QMP event. Whether a rate limit holds it back is not decided here: see [`Throttle`](crate::Throttle).
    Event(Event),
    /// The run state changed.
    State {
        /// It was.
        from: RunState,
        /// It is.
        to: RunState,
    },
    /// QEMU leaves its main loop, or exits at once, and its process ends with this status.
    Exit(ExitStatus),
    /// QEMU calls `abort()`: the transition is not in the graph. Where both states are the same it is an assertion about
    /// something else than the run state.
    Abort {
        /// The state it was in, and stays in.
        from: RunState,
        /// The state that is not allowed, or the same.
        to: RunState,
    },
}

/// The status with which QEMU's process ends. What a parent sees: 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExitStatus(pub u8);

/// The events of `qapi/run-state.json`, and those of others that belong to the same flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// SHUTDOWN
    Shutdown(ShutdownCause),
    /// POWERDOWN
    Powerdown,
    /// RESET
    Reset(ShutdownCause),
    /// STOP
    Stop,
    /// RESUME
    Resume,
    /// SUSPEND
    Suspend,
    /// SUSPEND_DISK
    SuspendDisk,
    /// WAKEUP
    Wakeup,
    /// WATCHDOG
    Watchdog(WatchdogAction),
    /// GUEST_PANICKED; the panic's information travels with the input.
    GuestPanicked(GuestPanicAction),
    /// GUEST_CRASHLOADED
    GuestCrashloaded(GuestPanicAction),
    /// GUEST_PVSHUTDOWN
    GuestPvshutdown,
    /// MEMORY_FAILURE
    MemoryFailure(MemoryFailure),
    /// BLOCK_IO_ERROR (block-core.json); its other members travel with the input.
    BlockIoError(BlockErrorAction),
    /// MIGRATION (migration.json)
    Migration(MigrationStatus),
    /// MIGRATION_PASS (migration.json)
    MigrationPass(u8),
    /// COLO_EXIT (migration.json)
    ColoExit(ColoMode, ColoExitReason),
    /// DUMP_COMPLETED (dump.json)
    DumpCompleted,
    /// JOB_STATUS_CHANGE (job.json)
    JobStatusChange(JobStatus),
}

/// The names, once: by event, and all of them.
macro_rules! event_names {
    ($($event:ident $(($($any:tt),+))? => $name:literal,)+) => {
        impl Event {
            /// The name of every event, in the order of the variants.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The event's name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$event $(($($any),+))? => $name,)+
                }
            }
        }
    };
}

event_names! {
    Shutdown(_) => "SHUTDOWN",
    Powerdown => "POWERDOWN",
    Reset(_) => "RESET",
    Stop => "STOP",
    Resume => "RESUME",
    Suspend => "SUSPEND",
    SuspendDisk => "SUSPEND_DISK",
    Wakeup => "WAKEUP",
    Watchdog(_) => "WATCHDOG",
    GuestPanicked(_) => "GUEST_PANICKED",
    GuestCrashloaded(_) => "GUEST_CRASHLOADED",
    GuestPvshutdown => "GUEST_PVSHUTDOWN",
    MemoryFailure(_) => "MEMORY_FAILURE",
    BlockIoError(_) => "BLOCK_IO_ERROR",
    Migration(_) => "MIGRATION",
    MigrationPass(_) => "MIGRATION_PASS",
    ColoExit(_, _) => "COLO_EXIT",
    DumpCompleted => "DUMP_COMPLETED",
    JobStatusChange(_) => "JOB_STATUS_CHANGE",
}

/// What came of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Answer {
    /// It was done, or it is done by the next pass of the main loop.
    Done,
    /// QEMU refuses the command, with these words.
    Refused(Refusal),
    /// It cannot happen to a VM in this state: a mistake of whoever made the input, and nothing changed.
    Impossible(Impossible),
}

/// QEMU's reasons to refuse a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// `cont`, `stop`, `dump-guest-memory` while a dump is being written.
    DumpInProgress,
    /// `cont` in `internal-error` and `shutdown`.
    ResetRequired,
    /// `cont` in `finish-migrate`.
    MigrationNotFinalized,
    /// `cont` in `colo` (11.0).
    ColoCheckpoint,
    /// `system_wakeup` when not suspended.
    NotSuspended,
    /// `system_wakeup` on a machine that cannot.
    WakeupNotSupported,
    /// `inject-nmi` on a machine without, from 8.0 on.
    NoNmi,
    /// The same before 8.0.
    NmiUnsupported,
    /// A command that needs the machine, in preconfig. `{}` is the command.
    OnlyAfterInitialization,
    /// `x-exit-preconfig` when the machine exists.
    OnlyBeforeInitialization,
    /// `migrate` in `inmigrate`.
    WaitingForIncoming,
    /// `migrate` in `postmigrate`.
    PausedByMigration,
    /// `migrate` while one is at work.
    MigrationInProgress,
    /// `migrate` or `migrate-incoming` with a protocol that QEMU does not know. `{}` is the uri.
    UnknownProtocol,
    /// The same before 8.2.
    InvalidProtocol,
    /// `migrate-set-capabilities`: `background-snapshot` beside what cannot be beside it. `{}` is the latter.
    BackgroundSnapshotConflict(Capability),
    /// `migrate` in the mode `cpr-reboot` beside what it does not go with. `{}` is the latter, in other words than its name.
    CprConflict(Capability),
    /// The channel could not be opened. `{}` is the reason.
    ChannelFailed,
    /// `migrate` with `resume` and nothing to resume.
    NoPausedMigration,
    /// `migrate-continue` with another status than the migration's. `{}` is the migration's.
    NotInExpectedState(MigrationStatus),
    /// `migrate_cancel` in postcopy (10.0).
    CancelInPostcopy,
    /// `migrate-start-postcopy` without the capability.
    PostcopyNotEnabled,
    /// `migrate-start-postcopy` before a migration.
    PostcopyNotStarted,
    /// `migrate-pause` out of postcopy, from 9.1 on.
    PauseOnlyInPostcopyOrRecover,
    /// The same before.
    PauseOnlyInPostcopy,
    /// `migrate-recover` when no postcopy is paused.
    RecoverOnlyWhenPaused,
    /// `migrate-incoming` without `-incoming`.
    NoIncoming,
    /// `migrate-incoming` a second time.
    IncomingStarted,
    /// `savevm`, `loadvm` without a disk that can hold snapshots.
    NoSnapshotDisk,
    /// `savevm`, `loadvm` whose disk does not take part. `{}` is the device.
    NotSnapshottable,
    /// `loadvm` of a name that is not there. `{}` is the tag.
    SnapshotMissing,
    /// `loadvm` while a migration is at work.
    DuplicateYank,
    /// `dump-guest-memory` in `inmigrate`.
    DumpInIncoming,
    /// `dump-guest-memory` while a migration is at work.
    DumpBlockedByMigration,
    /// `migrate`, `savevm` while a dump is being written.
    BlockedByDump,
    /// `x-colo-lost-heartbeat` outside COLO.
    NotInColo,
    /// `x-colo-lost-heartbeat` twice.
    FailoverActive,
    /// `job-dismiss` without a job. `{}` is its name.
    JobNotFound,
    /// `job-dismiss` of a job that is not concluded. `{}` is its name.
    JobNotConcluded,
    /// `snapshot-*` while the job of that name exists.
    JobExists,
}

impl Refusal {
    /// QEMU's words. Where they name something that the core does not know (a command, a uri, a tag), that stands as `{}`.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::DumpInProgress => "There is a dump in process, please wait.",
            Self::ResetRequired => "Resetting the Virtual Machine is required",
            Self::MigrationNotFinalized => "Migration is not finalized yet",
            Self::ColoCheckpoint => "COLO checkpoint in progress",
            Self::NotSuspended => "Unable to wake up: guest is not in suspended state",
            Self::WakeupNotSupported => "wake-up from suspend is not supported by this guest",
            Self::NoNmi => "machine does not provide NMIs",
            Self::NmiUnsupported => "this feature or command is not currently supported",
            Self::OnlyAfterInitialization => {
                "The command '{}' is permitted only after machine initialization has completed"
            }
            Self::OnlyBeforeInitialization => "The command is permitted only before machine initialization",
            Self::WaitingForIncoming => "Guest is waiting for an incoming migration",
            Self::PausedByMigration => "Can't migrate the vm that was paused due to previous migration",
            Self::MigrationInProgress => "There's a migration process in progress",
            Self::UnknownProtocol => "unknown migration protocol: {}",
            Self::InvalidProtocol => "Parameter 'uri' expects a valid migration protocol",
            Self::BackgroundSnapshotConflict(_) => "Background-snapshot is not compatible with {}",
            Self::CprConflict(Capability::PostcopyRam) => "Cannot use postcopy with CPR",
            Self::CprConflict(Capability::BackgroundSnapshot) => "Cannot use background snapshot with CPR",
            Self::CprConflict(Capability::Colo) => "Cannot use COLO with CPR",
            // Nothing else stands in its way.
            Self::CprConflict(Capability::Events | Capability::PauseBeforeSwitchover) => {
                "Cannot use {} with CPR"
            }
            Self::ChannelFailed => "{}",
            Self::NotInExpectedState(_) => "Migration not in expected state: {}",
            Self::NoPausedMigration => "Cannot resume if there is no paused migration",
            Self::CancelInPostcopy => "Postcopy migration in progress, cannot cancel.",
            Self::PostcopyNotEnabled => {
                "Enable postcopy with migrate_set_capability before the start of migration"
            }
            Self::PostcopyNotStarted => "Postcopy must be started after migration has been started",
            Self::PauseOnlyInPostcopyOrRecover => {
                "migrate-pause is currently only supported during postcopy-active or postcopy-recover state"
            }
            Self::PauseOnlyInPostcopy => {
                "migrate-pause is currently only supported during postcopy-active state"
            }
            Self::RecoverOnlyWhenPaused => "Migrate recover can only be run when postcopy is paused.",
            Self::NoIncoming => "'-incoming' was not specified on the command line",
            Self::IncomingStarted => "The incoming migration has already been started",
            Self::NoSnapshotDisk => "no block device can store vmstate for snapshot",
            Self::NotSnapshottable => "Device '{}' is writable but does not support snapshots",
            Self::SnapshotMissing => "Snapshot '{}' does not exist in one or more devices",
            Self::DuplicateYank => "duplicate yank instance",
            Self::DumpInIncoming => "Dump not allowed during incoming migration.",
            Self::DumpBlockedByMigration => {
                "disallowing migration blocker (migration/snapshot in progress) for: Live migration disabled: dump-guest-memory in progress"
            }
            Self::BlockedByDump => "Live migration disabled: dump-guest-memory in progress",
            Self::NotInColo => "VM is not in COLO mode",
            Self::FailoverActive => "COLO failover is already activated",
            Self::JobNotFound => "Job not found",
            Self::JobNotConcluded => "Job '{}' in state 'running' cannot accept command verb 'dismiss'",
            Self::JobExists => "Job ID '{}' already in use",
        }
    }
}

/// Why an input cannot happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Impossible {
    /// QEMU's process has ended.
    Gone,
    /// The guest acts on a vCPU thread, and no vCPU runs.
    GuestNotRunning,
    /// The machine does not exist yet (`-preconfig`).
    NoMachine,
    /// No outgoing migration is at work.
    NoMigration,
    /// The outgoing migration waits before its switchover, and looks at its channel only when it goes on.
    MigrationWaits,
    /// Nothing waits for an incoming stream.
    NoIncoming,
    /// No dump is being written in the background.
    NoDump,
    /// No snapshot job is at work.
    NoJob,
}

impl Impossible {
    /// What is wrong, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Gone => "QEMU has already exited",
            Self::GuestNotRunning => {
                "the guest is not running, so it cannot act (with -accel qtest it could)"
            }
            Self::NoMachine => "the machine does not exist yet: x-exit-preconfig comes first",
            Self::NoMigration => "no outgoing migration is at work: migrate comes first",
            Self::MigrationWaits => {
                "a migration that waits before its switchover does not notice a break: migrate-continue comes first"
            }
            Self::NoIncoming => {
                "no incoming migration is awaited: -incoming, and with defer a migrate-incoming, come first"
            }
            Self::NoDump => "no detached dump is being written: dump-guest-memory with detach comes first",
            Self::NoJob => "no snapshot job is at work: snapshot-save, -load or -delete comes first",
        }
    }
}
