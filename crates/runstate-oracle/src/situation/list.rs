//! The situations, state by state.

use runstate::{
    BlockErrorAction, Capability, Channel, Command, Guest, Host, Input, Load, MigrationStatus, PanicAction,
    Release, RunState, SetAction, ShutdownAction, Stream, WatchdogAction,
};

use RunState::{
    Colo, Debug, FinishMigrate, GuestPanicked, Inmigrate, InternalError, IoError, Paused, Postmigrate,
    Prelaunch, RestoreVm, Running, SaveVm, Shutdown, Suspended, Watchdog,
};

use super::{
    Situation,
    Start::{
        self, Bare, Defer, Incoming, IncomingStopped, NotResettable, NotifyVmexit, Plain, Preconfig, Stopped,
    },
};

const fn command(command: Command) -> Input {
    Input::Command(command)
}

const fn set(set: SetAction) -> Input {
    Input::Command(Command::SetAction(set))
}

const fn capability(capability: Capability) -> Input {
    Input::Command(Command::MigrateSetCapability(capability, true))
}

const NONE: SetAction = SetAction {
    reboot: None,
    shutdown: None,
    panic: None,
    watchdog: None,
};
const EVENTS: Input = capability(Capability::Events);
const MIGRATE: Input = command(Command::Migrate(Channel::Good));
const CONVERGES: Input = Input::Host(Host::MigrationConverges);
const GOES_ON: Input = command(Command::MigrateContinue(MigrationStatus::PreSwitchover));
const STOP: Input = command(Command::Stop);
const SUSPEND: Input = Input::Guest(Guest::Suspend);
const ARRIVES: Input = Input::Host(Host::IncomingArrives(Stream {
    status: Running,
    suspended: false,
    postcopy: false,
}));
const DETACHED_DUMP: Input = command(Command::DumpGuestMemory { detach: true });

const V6: Release = Release::FIRST;
const V9: Release = Release::V9_0;

const fn one(
    name: &'static str,
    state: RunState,
    variant: &'static str,
    since: Release,
    start: Start,
    recipe: &'static [Input],
) -> Situation {
    Situation {
        name,
        state,
        variant,
        since,
        start,
        recipe,
    }
}

/// Every situation, in schema order of the states.
#[must_use]
pub fn situations() -> Vec<Situation> {
    ALL.to_vec()
}

static ALL: &[Situation] = &[
    one("debug", Debug, "", V6, Plain, &[Input::Guest(Guest::Debug)]),
    one("inmigrate", Inmigrate, "", V6, Incoming, &[]),
    one(
        "inmigrate-stopped",
        Inmigrate,
        "with -S",
        V6,
        IncomingStopped,
        &[],
    ),
    one(
        "inmigrate-deferred",
        Inmigrate,
        "with -incoming defer",
        V6,
        Defer,
        &[EVENTS],
    ),
    one(
        "internal-error",
        InternalError,
        "",
        V6,
        Plain,
        &[Input::Guest(Guest::InternalError)],
    ),
    one(
        "io-error",
        IoError,
        "",
        V6,
        Plain,
        &[Input::Guest(Guest::IoError(BlockErrorAction::Stop))],
    ),
    one("paused", Paused, "", V6, Plain, &[STOP]),
    one(
        "paused-while-suspended",
        Paused,
        "while suspended",
        V9,
        Plain,
        &[SUSPEND, STOP],
    ),
    one(
        "paused-dumping",
        Paused,
        "while a dump is written",
        V6,
        Plain,
        &[STOP, DETACHED_DUMP],
    ),
    one("postmigrate", Postmigrate, "", V6, Plain, &[MIGRATE, CONVERGES]),
    one(
        "postmigrate-while-suspended",
        Postmigrate,
        "migrated while suspended",
        V9,
        Plain,
        &[SUSPEND, MIGRATE, CONVERGES],
    ),
    one("prelaunch", Prelaunch, "", V6, Stopped, &[]),
    one("preconfig", Prelaunch, "with -preconfig", V6, Preconfig, &[]),
    one(
        "prelaunch-reset",
        Prelaunch,
        "reset while paused",
        V6,
        Plain,
        &[STOP, command(Command::SystemReset)],
    ),
    one(
        "finish-migrate",
        FinishMigrate,
        "at pre-switchover",
        V6,
        Plain,
        &[
            EVENTS,
            capability(Capability::PauseBeforeSwitchover),
            MIGRATE,
            CONVERGES,
        ],
    ),
    one(
        "finish-migrate-device",
        FinishMigrate,
        "after the pause before switchover",
        V6,
        Plain,
        &[
            EVENTS,
            capability(Capability::PauseBeforeSwitchover),
            MIGRATE,
            CONVERGES,
            GOES_ON,
        ],
    ),
    one(
        "finish-migrate-paused",
        FinishMigrate,
        "at pre-switchover, was paused",
        V6,
        Plain,
        &[
            EVENTS,
            capability(Capability::PauseBeforeSwitchover),
            STOP,
            MIGRATE,
            CONVERGES,
        ],
    ),
    one(
        "finish-migrate-cancelling",
        FinishMigrate,
        "being cancelled",
        V6,
        Plain,
        &[
            EVENTS,
            capability(Capability::PauseBeforeSwitchover),
            MIGRATE,
            CONVERGES,
            command(Command::MigrateCancel),
        ],
    ),
    one(
        "finish-migrate-postcopy",
        FinishMigrate,
        "in postcopy",
        V6,
        Plain,
        &[
            EVENTS,
            capability(Capability::PostcopyRam),
            MIGRATE,
            command(Command::MigrateStartPostcopy),
            CONVERGES,
        ],
    ),
    one(
        "restore-vm",
        RestoreVm,
        "after a failed loadvm",
        V6,
        Plain,
        &[command(Command::Loadvm(Load::Missing))],
    ),
    one(
        "restore-vm-while-suspended",
        RestoreVm,
        "after a failed loadvm while suspended",
        V9,
        Plain,
        &[SUSPEND, command(Command::Loadvm(Load::Missing))],
    ),
    one("running", Running, "", V6, Plain, &[]),
    one(
        "running-migrating",
        Running,
        "migrating out",
        V6,
        Plain,
        &[EVENTS, MIGRATE],
    ),
    one(
        "running-cancelling",
        Running,
        "cancelling a migration",
        V6,
        Plain,
        &[EVENTS, MIGRATE, command(Command::MigrateCancel)],
    ),
    one(
        "running-background",
        Running,
        "migrating a background snapshot",
        V6,
        Plain,
        &[EVENTS, capability(Capability::BackgroundSnapshot), MIGRATE],
    ),
    one(
        "running-colo",
        Running,
        "COLO primary",
        V6,
        Plain,
        &[EVENTS, capability(Capability::Colo), MIGRATE, CONVERGES],
    ),
    one(
        "running-job",
        Running,
        "with a snapshot job at work",
        V6,
        Plain,
        &[command(Command::SnapshotDelete { succeeds: true })],
    ),
    one(
        "running-job-concluded",
        Running,
        "with a concluded snapshot job",
        V6,
        Plain,
        &[
            command(Command::SnapshotDelete { succeeds: true }),
            Input::Host(Host::JobCompletes),
        ],
    ),
    one(
        "running-not-resettable",
        Running,
        "with vCPUs that cannot be reset",
        V6,
        NotResettable,
        &[],
    ),
    one(
        "running-notify-vmexit",
        Running,
        "with notify-vmexit=internal-error",
        Release::V7_2_0,
        NotifyVmexit,
        &[],
    ),
    one(
        "running-bare",
        Running,
        "without disk, NMI and wakeup support",
        V6,
        Bare,
        &[],
    ),
    one(
        "save-vm",
        SaveVm,
        "while a dump is written",
        V6,
        Plain,
        &[DETACHED_DUMP],
    ),
    one(
        "save-vm-suspended",
        SaveVm,
        "after xen-save-devices-state while suspended",
        V9,
        Plain,
        &[SUSPEND, command(Command::XenSaveDevicesState)],
    ),
    one(
        "shutdown",
        Shutdown,
        "",
        V6,
        Plain,
        &[
            set(SetAction {
                shutdown: Some(ShutdownAction::Pause),
                ..NONE
            }),
            Input::Guest(Guest::Shutdown),
        ],
    ),
    one("suspended", Suspended, "", V6, Plain, &[SUSPEND]),
    one(
        "suspended-migrating",
        Suspended,
        "migrating out",
        V6,
        Plain,
        &[EVENTS, MIGRATE, SUSPEND],
    ),
    one(
        "watchdog",
        Watchdog,
        "",
        V6,
        Plain,
        &[
            set(SetAction {
                watchdog: Some(WatchdogAction::Pause),
                ..NONE
            }),
            Input::Guest(Guest::Watchdog),
        ],
    ),
    one(
        "guest-panicked",
        GuestPanicked,
        "",
        V6,
        Plain,
        &[
            set(SetAction {
                panic: Some(PanicAction::Pause),
                ..NONE
            }),
            Input::Guest(Guest::Panic),
        ],
    ),
    one(
        "colo",
        Colo,
        "secondary, during a failover",
        V6,
        Incoming,
        &[
            EVENTS,
            capability(Capability::Colo),
            ARRIVES,
            command(Command::ColoLostHeartbeat),
        ],
    ),
];
