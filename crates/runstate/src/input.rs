//! What can happen to a VM: commands, what the guest does, what happens on the host.

use crate::{
    BlockErrorAction, MemoryFailure, MigrationStatus, PanicAction, RebootAction, RunState, ShutdownAction,
    WatchdogAction,
};

/// One thing that happens to the VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// The host sends a monitor command. Its reply is the [`Answer`](crate::Answer).
    Command(Command),
    /// The guest does something.
    Guest(Guest),
    /// Something happens on the host outside the monitor.
    Host(Host),
}

/// A monitor command, its arguments already checked for shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Command {
    /// `query-status`: always done; [`Vm::query_status`](crate::Vm::query_status) has the answer.
    QueryStatus,
    /// `stop`
    Stop,
    /// `cont`
    Cont,
    /// `quit`
    Quit,
    /// `system_reset`
    SystemReset,
    /// `system_powerdown`
    SystemPowerdown,
    /// `system_wakeup`
    SystemWakeup,
    /// `inject-nmi`
    InjectNmi,
    /// `set-action`
    SetAction(SetAction),
    /// `watchdog-set-action`
    WatchdogSetAction(WatchdogAction),
    /// `x-exit-preconfig`
    ExitPreconfig,
    /// `migrate`
    Migrate(Channel),
    /// `migrate` with `resume: true`, after a broken postcopy
    MigrateResume,
    /// `migrate_cancel`
    MigrateCancel,
    /// `migrate-continue`; the argument is the status the caller believes in
    MigrateContinue(MigrationStatus),
    /// `migrate-start-postcopy`
    MigrateStartPostcopy,
    /// `migrate-pause`
    MigratePause,
    /// `migrate-recover`
    MigrateRecover,
    /// `migrate-set-capabilities`, one capability
    MigrateSetCapability(Capability, bool),
    /// `migrate-set-parameters` with `mode`: whether it is `cpr-reboot` (9.0)
    MigrateSetCprReboot(bool),
    /// `migrate-incoming`
    MigrateIncoming {
        /// Where the stream shall come from.
        channel: Channel,
        /// Whether a failure ends QEMU; the default, and before 9.1 always.
        exit_on_error: bool,
    },
    /// HMP `savevm`
    Savevm,
    /// HMP `loadvm`
    Loadvm(Load),
    /// `snapshot-save`
    SnapshotSave {
        /// Whether the job will do its work.
        succeeds: bool,
    },
    /// `snapshot-load`
    SnapshotLoad(Load),
    /// `snapshot-delete`
    SnapshotDelete {
        /// Whether the job will do its work.
        succeeds: bool,
    },
    /// `job-dismiss` of the snapshot job
    JobDismiss,
    /// `dump-guest-memory`
    DumpGuestMemory {
        /// Whether the command returns while the dump is being written.
        detach: bool,
    },
    /// `xen-save-devices-state`
    XenSaveDevicesState,
    /// `x-colo-lost-heartbeat`
    ColoLostHeartbeat,
}

impl Command {
    /// What the monitor calls it: `savevm` and `loadvm` the human one, all others QMP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::QueryStatus => "query-status",
            Self::Stop => "stop",
            Self::Cont => "cont",
            Self::Quit => "quit",
            Self::SystemReset => "system_reset",
            Self::SystemPowerdown => "system_powerdown",
            Self::SystemWakeup => "system_wakeup",
            Self::InjectNmi => "inject-nmi",
            Self::SetAction(_) => "set-action",
            Self::WatchdogSetAction(_) => "watchdog-set-action",
            Self::ExitPreconfig => "x-exit-preconfig",
            Self::Migrate(_) | Self::MigrateResume => "migrate",
            Self::MigrateCancel => "migrate_cancel",
            Self::MigrateContinue(_) => "migrate-continue",
            Self::MigrateStartPostcopy => "migrate-start-postcopy",
            Self::MigratePause => "migrate-pause",
            Self::MigrateRecover => "migrate-recover",
            Self::MigrateSetCapability(..) => "migrate-set-capabilities",
            Self::MigrateSetCprReboot(_) => "migrate-set-parameters",
            Self::MigrateIncoming { .. } => "migrate-incoming",
            Self::Savevm => "savevm",
            Self::Loadvm(_) => "loadvm",
            Self::SnapshotSave { .. } => "snapshot-save",
            Self::SnapshotLoad(_) => "snapshot-load",
            Self::SnapshotDelete { .. } => "snapshot-delete",
            Self::JobDismiss => "job-dismiss",
            Self::DumpGuestMemory { .. } => "dump-guest-memory",
            Self::XenSaveDevicesState => "xen-save-devices-state",
            Self::ColoLostHeartbeat => "x-colo-lost-heartbeat",
        }
    }
}

/// `set-action`: what to change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct SetAction {
    /// What a guest reset does.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub reboot: Option<RebootAction>,
    /// What a shutdown does.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub shutdown: Option<ShutdownAction>,
    /// What a panic does.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub panic: Option<PanicAction>,
    /// What an expired watchdog does.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub watchdog: Option<WatchdogAction>,
}

/// Where a migration shall go to or come from, as far as it matters before a byte flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Channel {
    /// It can be tried; whether it works, the host's actions will tell.
    #[default]
    Good,
    /// The protocol is none that QEMU knows.
    UnknownProtocol,
    /// It fails while the command runs: a file that cannot be made, a name that is no descriptor.
    FailsAtOnce,
}

/// A migration capability that matters to run states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Capability {
    /// `events`: MIGRATION and MIGRATION_PASS are sent.
    Events = 1,
    /// `pause-before-switchover`
    PauseBeforeSwitchover = 2,
    /// `postcopy-ram`
    PostcopyRam = 4,
    /// `background-snapshot`
    BackgroundSnapshot = 8,
    /// `x-colo`
    Colo = 16,
}

impl Capability {
    /// Every capability that matters, with the schema's name.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::Events, "events"),
        (Self::PauseBeforeSwitchover, "pause-before-switchover"),
        (Self::PostcopyRam, "postcopy-ram"),
        (Self::BackgroundSnapshot, "background-snapshot"),
        (Self::Colo, "x-colo"),
    ];

    /// The capability of that name, if it matters to run states.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, n)| *n == name)
            .map(|(capability, _)| *capability)
    }
}

/// What a load of a snapshot will find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Load {
    /// The snapshot is there.
    Found {
        /// Whether the VM was suspended, or paused while suspended, when it was saved. Before 9.0 this is not stored.
        suspended: bool,
    },
    /// No snapshot of that name.
    Missing,
    /// No disk that can hold snapshots.
    NoDisk,
}

/// What the guest does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Guest {
    /// ACPI S5.
    Shutdown,
    /// A reset by port 0xcf9, the keyboard controller, a triple fault.
    Reset,
    /// A panic, told by pvpanic or the hypervisor.
    Panic,
    /// pvpanic: a crash kernel was loaded.
    Crashloaded,
    /// pvpanic: an orderly shutdown (9.1; before, the write is ignored).
    Pvshutdown,
    /// A watchdog timer expires.
    Watchdog,
    /// ACPI S3.
    Suspend,
    /// ACPI S4.
    SuspendDisk,
    /// The guest is woken by its clock, power management timer or a key.
    Wakeup,
    /// A block request failed; the action is the outcome of the error policy.
    IoError(BlockErrorAction),
    /// The hypervisor cannot go on running the guest.
    InternalError,
    /// A breakpoint, watchpoint or step of an attached debugger.
    Debug,
    /// Memory failed.
    MemoryFailure(MemoryFailure),
    /// The vCPU did not exit for too long (KVM `notify-vmexit`).
    NotifyVmexit,
    /// isa-debug-exit: the value that the guest writes.
    DebugExit(u8),
    /// s390: a partial reset.
    SubsystemReset,
}

impl Guest {
    /// The action's name in scenarios.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shutdown => "shutdown",
            Self::Reset => "reset",
            Self::Panic => "panic",
            Self::Crashloaded => "crashloaded",
            Self::Pvshutdown => "pvshutdown",
            Self::Watchdog => "watchdog",
            Self::Suspend => "suspend",
            Self::SuspendDisk => "suspend-disk",
            Self::Wakeup => "wakeup",
            Self::IoError(_) => "io-error",
            Self::InternalError => "internal-error",
            Self::Debug => "debug",
            Self::MemoryFailure(_) => "memory-failure",
            Self::NotifyVmexit => "notify-vmexit",
            Self::DebugExit(_) => "debug-exit",
            Self::SubsystemReset => "subsystem-reset",
        }
    }

    /// Whether it comes from outside the vCPUs, and so may happen while none runs.
    #[must_use]
    pub const fn from_outside(self) -> bool {
        match self {
            Self::Wakeup | Self::MemoryFailure(_) => true,
            Self::Shutdown
            | Self::Reset
            | Self::Panic
            | Self::Crashloaded
            | Self::Pvshutdown
            | Self::Watchdog
            | Self::Suspend
            | Self::SuspendDisk
            | Self::IoError(_)
            | Self::InternalError
            | Self::Debug
            | Self::NotifyVmexit
            | Self::DebugExit(_)
            | Self::SubsystemReset => false,
        }
    }
}

/// What happens on the host outside the monitor, or is the outcome of what a command began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Host {
    /// SIGTERM, SIGINT or SIGHUP.
    Signal,
    /// The window is closed, as SDL and Cocoa do it.
    UiClose,
    /// A debugger connects.
    GdbAttach,
    /// The debugger interrupts.
    GdbInterrupt,
    /// The debugger continues.
    GdbContinue,
    /// The debugger detaches.
    GdbDetach,
    /// The debugger kills.
    GdbKill,
    /// The outgoing migration goes on as far as it can: to the pause before switchover, to postcopy, or to its end; a
    /// migration in COLO makes a checkpoint.
    MigrationConverges,
    /// The outgoing migration finds that its other end is gone: not while it waits before its switchover.
    MigrationFails,
    /// The migration's threads finish what a `migrate_cancel` or `x-colo-lost-heartbeat` has begun. Needs no cause on the
    /// host; it happens some time after the command's reply.
    MigrationSettles,
    /// The incoming stream is complete; on the secondary of a COLO pair: a checkpoint.
    IncomingArrives(Stream),
    /// The incoming stream breaks.
    IncomingFails,
    /// A detached dump is written.
    DumpCompletes,
    /// A snapshot job is done.
    JobCompletes,
}

/// What an incoming stream says about its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stream {
    /// The source's run state when it stopped.
    pub status: RunState,
    /// The source's suspended flag (9.0).
    pub suspended: bool,
    /// Whether the destination was started by postcopy.
    pub postcopy: bool,
}
