//! What may happen to a VM: the letters of every story that the explorer tells.
//!
//! Where many inputs differ only in what is told (the reason of a reset, the code of isa-debug-exit, the flags of a memory
//! failure), one stands for all; each such choice is named here, and none hides a run state.

use runstate::{
    BlockErrorAction, Capability, Channel, Command, Guest, Host, Input, Load, MemoryFailure,
    MemoryFailureAction, MemoryFailureFlags, MemoryFailureRecipient, MigrationStatus, Release, RunState,
    Stream,
};

/// Kinds of inputs that an exploration may leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// What a guest can do by itself.
    Guest,
    /// What happens to a guest: its disks, its memory, its host's hypervisor.
    Hardware,
    /// stop, cont, quit, system_reset and their like; signals and windows.
    Lifecycle,
    /// A debugger.
    Debugger,
    /// Snapshots and memory dumps.
    Snapshot,
    /// The same as jobs.
    Job,
    /// Outgoing migration.
    Migration,
    /// Incoming migration.
    Incoming,
    /// Pairs of VMs that run in lockstep, where there is migration.
    Colo,
    /// Incoming streams that no QEMU of the same release writes.
    EditedStream,
}

/// A set of [`Family`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Families(u16);

impl Families {
    /// The guest and nobody else.
    pub const GUEST: Self = Self(1 << Family::Guest as u16);
    /// All that needs no migration: a space small enough for every interleaving.
    pub const WITHOUT_MIGRATION: Self = Self(
        1 << Family::Guest as u16
            | 1 << Family::Hardware as u16
            | 1 << Family::Lifecycle as u16
            | 1 << Family::Debugger as u16
            | 1 << Family::Snapshot as u16,
    );
    /// All but edited streams and jobs, which bring the VM nowhere else than HMP's savevm and loadvm do.
    pub const ALL: Self = Self::WITHOUT_MIGRATION
        .with(Family::Migration)
        .with(Family::Incoming)
        .with(Family::Colo);

    /// What is easiest to follow: no debugger, no migration.
    pub const SIMPLE: Self = Self::WITHOUT_MIGRATION.without(Family::Debugger);

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// These and one more.
    #[must_use]
    pub const fn with(self, family: Family) -> Self {
        Self(self.0 | 1 << family as u16)
    }

    /// These without one.
    #[must_use]
    pub const fn without(self, family: Family) -> Self {
        Self(self.0 & !(1 << family as u16))
    }

    /// Whether `family` is one of them.
    #[must_use]
    pub const fn contains(self, family: Family) -> bool {
        self.0 & (1 << family as u16) != 0
    }
}

/// An input, or a few that come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Letter {
    /// The input.
    pub input: Input,
    /// The migration's capabilities and mode are set to just this before it. So nothing need be remembered of them while no
    /// migration is at work.
    pub setup: Option<Setup>,
}

/// Capabilities, and whether the mode is cpr-reboot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Setup {
    capabilities: u8,
    cpr_reboot: bool,
}

/// The capabilities that have a say in run states; `events` is about what is told.
const CAPABILITIES: [Capability; 4] = [
    Capability::PauseBeforeSwitchover,
    Capability::PostcopyRam,
    Capability::Colo,
    Capability::BackgroundSnapshot,
];

impl Setup {
    /// The commands that lead here from `before`: what is switched off comes first.
    pub fn commands(self, before: Self) -> impl Iterator<Item = Command> {
        let switch = move |on: bool| {
            CAPABILITIES.into_iter().filter_map(move |capability| {
                let bit = capability as u8;
                let changes = (self.capabilities ^ before.capabilities) & bit != 0;
                let now = self.capabilities & bit != 0;
                (changes && now == on).then_some(Command::MigrateSetCapability(capability, on))
            })
        };
        let mode =
            (self.cpr_reboot != before.cpr_reboot).then_some(Command::MigrateSetCprReboot(self.cpr_reboot));
        switch(false).chain(switch(true)).chain(mode)
    }

    /// What is in force after `command`, which QEMU has taken.
    #[must_use]
    pub const fn after(mut self, command: Command) -> Self {
        if let Command::MigrateSetCapability(capability, on) = command {
            let bit = capability as u8;
            self.capabilities = if on {
                self.capabilities | bit
            } else {
                self.capabilities & !bit
            };
        } else if let Command::MigrateSetCprReboot(on) = command {
            self.cpr_reboot = on;
        }
        self
    }

    /// Whether that capability is on.
    #[must_use]
    pub const fn has(self, capability: Capability) -> bool {
        self.capabilities & capability as u8 != 0
    }

    /// Whether the mode is cpr-reboot.
    #[must_use]
    pub const fn is_cpr_reboot(self) -> bool {
        self.cpr_reboot
    }

    /// The opposite in everything.
    #[must_use]
    pub const fn opposite(self) -> Self {
        Self {
            capabilities: !self.capabilities,
            cpr_reboot: !self.cpr_reboot,
        }
    }

    /// All that QEMU takes: background-snapshot stands alone, and beside cpr-reboot only the pause before switchover. The plain one
    /// comes first.
    fn all(release: Release) -> Vec<Self> {
        let background = Capability::BackgroundSnapshot as u8;
        let mut all: Vec<_> = (0..=u8::MAX)
            .filter(|bits| CAPABILITIES.iter().fold(0, |all, &c| all | c as u8) & bits == *bits)
            .filter(|bits| bits & background == 0 || *bits == background)
            .map(|capabilities| Self {
                capabilities,
                cpr_reboot: false,
            })
            .collect();
        all.sort_by_key(|setup| setup.capabilities.count_ones());
        if release >= Release::V9_0 {
            let alone = |setup: &Self| setup.capabilities & !(Capability::PauseBeforeSwitchover as u8) == 0;
            let with_cpr = all.clone().into_iter().filter(alone);
            all.extend(with_cpr.map(|setup| Self {
                cpr_reboot: true,
                ..setup
            }));
        }
        all
    }
}

/// The letters of these families in that release, those that are simplest to explain first.
#[must_use]
pub fn alphabet(families: Families, release: Release) -> Vec<Letter> {
    let mut letters = Vec::new();
    let mut add = |family: Family, inputs: Vec<Input>| {
        if families.contains(family) {
            letters.extend(inputs.into_iter().map(|input| Letter { input, setup: None }));
        }
    };
    add(Family::Guest, guest());
    add(Family::Lifecycle, lifecycle());
    add(Family::Snapshot, snapshots(release));
    add(Family::Debugger, debugger());
    add(Family::Hardware, hardware());
    add(Family::Migration, migration());
    add(Family::Incoming, incoming(release));
    add(Family::Colo, colo(families));
    add(Family::EditedStream, edited_streams(release));
    add(Family::Job, jobs(release));
    if families.contains(Family::Migration) {
        let setups = Setup::all(release).into_iter();
        let setups = setups.filter(|setup| families.contains(Family::Colo) || !setup.has(Capability::Colo));
        letters.extend(setups.map(|setup| Letter {
            input: Input::Command(Command::Migrate(Channel::Good)),
            setup: Some(setup),
        }));
    }
    letters
}

fn commands<const N: usize>(commands: [Command; N]) -> Vec<Input> {
    commands.map(Input::Command).to_vec()
}

fn guest() -> Vec<Input> {
    [
        Guest::Shutdown,
        Guest::Reset,
        Guest::Panic,
        Guest::Suspend,
        Guest::Wakeup,
        Guest::Watchdog,
        Guest::SuspendDisk,
        Guest::Pvshutdown,
        Guest::Crashloaded,
        // Any value: the status is odd, and so never 0.
        Guest::DebugExit(1),
        Guest::SubsystemReset,
        // A hypervisor that cannot emulate what the guest does, or is kept waiting by it.
        Guest::InternalError,
        Guest::NotifyVmexit,
    ]
    .map(Input::Guest)
    .to_vec()
}

fn hardware() -> Vec<Input> {
    let failure = |recipient, action| {
        Guest::MemoryFailure(MemoryFailure {
            recipient,
            action,
            flags: MemoryFailureFlags::default(),
        })
    };
    [
        Guest::IoError(BlockErrorAction::Stop),
        Guest::IoError(BlockErrorAction::Report),
        Guest::IoError(BlockErrorAction::Ignore),
        failure(MemoryFailureRecipient::Guest, MemoryFailureAction::Inject),
        failure(MemoryFailureRecipient::Guest, MemoryFailureAction::Reset),
        failure(MemoryFailureRecipient::Hypervisor, MemoryFailureAction::Ignore),
        failure(MemoryFailureRecipient::Hypervisor, MemoryFailureAction::Fatal),
    ]
    .map(Input::Guest)
    .to_vec()
}

fn lifecycle() -> Vec<Input> {
    let mut letters = commands([
        Command::Stop,
        Command::Cont,
        Command::SystemReset,
        Command::SystemPowerdown,
        Command::SystemWakeup,
        Command::Quit,
        Command::InjectNmi,
        Command::QueryStatus,
        Command::ExitPreconfig,
    ]);
    letters.extend([Host::Signal, Host::UiClose].map(Input::Host));
    letters
}

/// `detach` does the same as `continue` and is left out.
fn debugger() -> Vec<Input> {
    let mut letters: Vec<_> = [
        Host::GdbAttach,
        Host::GdbInterrupt,
        Host::GdbContinue,
        Host::GdbKill,
    ]
    .map(Input::Host)
    .to_vec();
    letters.push(Input::Guest(Guest::Debug));
    letters
}

/// What loads can find: before 9.0 a snapshot does not say whether its guest was suspended.
fn loads(release: Release) -> impl Iterator<Item = Load> {
    let found = |suspended| Load::Found { suspended };
    [
        Some(found(false)),
        release.suspended_is_live().then(|| found(true)),
        Some(Load::Missing),
    ]
    .into_iter()
    .flatten()
}

fn snapshots(release: Release) -> Vec<Input> {
    let mut letters = commands([Command::Savevm]);
    letters.extend(loads(release).map(|load| Input::Command(Command::Loadvm(load))));
    letters.extend(commands([
        Command::DumpGuestMemory { detach: false },
        Command::DumpGuestMemory { detach: true },
    ]));
    letters.push(Input::Host(Host::DumpCompletes));
    letters.extend(commands([Command::XenSaveDevicesState]));
    letters
}

fn jobs(release: Release) -> Vec<Input> {
    let mut letters = commands([
        Command::SnapshotSave { succeeds: true },
        Command::SnapshotSave { succeeds: false },
    ]);
    letters.extend(loads(release).map(|load| Input::Command(Command::SnapshotLoad(load))));
    letters.extend(commands([
        Command::SnapshotDelete { succeeds: true },
        Command::SnapshotDelete { succeeds: false },
        Command::JobDismiss,
    ]));
    letters.push(Input::Host(Host::JobCompletes));
    letters
}

/// `migrate` itself comes with its [`Setup`].
fn migration() -> Vec<Input> {
    let mut letters = commands([
        Command::Migrate(Channel::FailsAtOnce),
        Command::Migrate(Channel::UnknownProtocol),
        Command::MigrateCancel,
        Command::MigrateContinue(MigrationStatus::PreSwitchover),
        Command::MigrateStartPostcopy,
        Command::MigratePause,
        Command::MigrateRecover,
        Command::MigrateResume,
    ]);
    letters.extend(
        [
            Host::MigrationConverges,
            Host::MigrationFails,
            Host::MigrationSettles,
        ]
        .map(Input::Host),
    );
    letters
}

/// A destination becomes a secondary by its own capability.
fn colo(families: Families) -> Vec<Input> {
    let mut letters = commands([Command::ColoLostHeartbeat]);
    if families.contains(Family::Incoming) {
        letters.extend(commands([
            Command::MigrateSetCapability(Capability::Colo, true),
            Command::MigrateSetCapability(Capability::Colo, false),
        ]));
    }
    letters
}

fn incoming(release: Release) -> Vec<Input> {
    let incoming = |channel, exit_on_error| Command::MigrateIncoming {
        channel,
        exit_on_error,
    };
    let mut letters = commands([
        incoming(Channel::Good, true),
        incoming(Channel::Good, false),
        incoming(Channel::FailsAtOnce, true),
        incoming(Channel::UnknownProtocol, true),
    ]);
    letters.extend(streams(release).map(|stream| Input::Host(Host::IncomingArrives(stream))));
    letters.push(Input::Host(Host::IncomingFails));
    letters
}

/// What a source of the same release writes; `tests/run/reach.rs` holds this against the sources that were explored.
pub fn streams(release: Release) -> impl Iterator<Item = Stream> {
    const STOPPED: [RunState; 8] = [
        RunState::Paused,
        RunState::Prelaunch,
        RunState::Shutdown,
        RunState::InternalError,
        RunState::IoError,
        RunState::Watchdog,
        RunState::GuestPanicked,
        RunState::Debug,
    ];
    let stream = |status, suspended, postcopy| Stream {
        status,
        suspended,
        postcopy,
    };
    // The destination of a postcopy looks at the suspended flag only.
    let live = [
        stream(RunState::Running, false, false),
        stream(RunState::Running, false, true),
    ];
    let remembered = [
        stream(RunState::Suspended, true, false),
        stream(RunState::Suspended, true, true),
    ];
    let with_flag = release.suspended_is_live();
    live.into_iter()
        .chain(remembered.into_iter().filter(move |_| with_flag))
        .chain(
            STOPPED
                .into_iter()
                .map(move |status| stream(status, false, false)),
        )
        .chain(
            STOPPED
                .into_iter()
                .filter(move |_| with_flag)
                .map(move |status| stream(status, true, false)),
        )
}

/// What only another release or an editor writes.
fn edited_streams(release: Release) -> Vec<Input> {
    let ordinary: Vec<_> = streams(release).map(|stream| stream.status).collect();
    RunState::ALL
        .iter()
        .filter(|status| !ordinary.contains(status))
        .map(|&status| {
            Input::Host(Host::IncomingArrives(Stream {
                status,
                suspended: false,
                postcopy: false,
            }))
        })
        .collect()
}
