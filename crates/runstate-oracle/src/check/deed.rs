//! What can have happened between two things heard.

mod told;

use runstate::{
    Actions, BlockErrorAction, Capability, Channel, Command, Guest, Host, Input, Load, MemoryFailure,
    MemoryFailureAction, MemoryFailureFlags, MemoryFailureRecipient, MigrationStatus, PanicAction,
    RebootAction, Release, RunState, SetAction, ShutdownAction, Stream, Vm, WatchdogAction,
};

/// Who does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The guest, on a vCPU.
    Vcpu,
    /// Something around the guest: its disks, its timers.
    Device,
    /// A client of the monitor.
    Command,
    /// Anything else on the host.
    Host,
}

/// Which VMs a deed is for, by how their migrations are told. With the capability `events` off they are silent, and go in large
/// steps; with it on they are told by MIGRATION, and go from one thing told to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// All.
    Either,
    /// Those in which it is off.
    Off,
    /// Those in which it is on; the deed begins a migration, or is over at once.
    Begins,
    /// What a client does to a migration that is told, and has this status.
    Steers(Option<MigrationStatus>),
    /// What the migration's thread does next.
    Goes(From),
    /// What comes of an incoming migration.
    Arrives,
}

/// From where the migration's thread goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// From `active`, before the switchover.
    Active,
    /// From wherever it is after that.
    Later,
    /// From anywhere, but not where it was going.
    Aside,
    /// From `active`, when it was cancelled: that is told first.
    Cancelled,
}

/// Something that can have happened, with a name a person understands.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The actions under which it happens.
    pub(super) actions: Actions,
    /// Which of them it looks at.
    pub(super) looks_at: SetAction,
    pub(super) inputs: Vec<Input>,
    /// Whether its event may be held back by a rate limit.
    pub(super) held_back: bool,
    pub(super) told: Told,
    /// What was set before the migration began.
    pub(super) capabilities: &'static [Capability],
    /// What of its events is not said: an input of the machine that is longer than the deed goes this far only.
    pub(super) unsaid: &'static [MigrationStatus],
}

/// The actions of which a pass makes a difference.
pub(super) mod actions {
    use runstate::{Actions, SetAction, ShutdownAction};

    /// The default, and a shutdown that pauses.
    pub(in super::super) const SHUTDOWN: [Actions; 2] = [
        Actions::DEFAULT,
        Actions::DEFAULT.with(SetAction {
            shutdown: Some(ShutdownAction::Pause),
            reboot: None,
            panic: None,
            watchdog: None,
        }),
    ];
}

fn deed(name: impl Into<String>, kind: Kind, inputs: &[Input]) -> Deed {
    Deed {
        name: name.into(),
        kind,
        actions: Actions::DEFAULT,
        looks_at: SetAction::default(),
        inputs: inputs.to_vec(),
        held_back: false,
        told: Told::Either,
        capabilities: &[],
        unsaid: &[],
    }
}

fn guest(name: &str, guest: Guest) -> Deed {
    deed(format!("guest {name}"), Kind::Vcpu, &[Input::Guest(guest)])
}

impl Deed {
    fn under(mut self, looks_at: SetAction) -> Self {
        self.looks_at = looks_at;
        self.actions = self.actions.with(looks_at);
        self
    }

    const fn held_back(mut self) -> Self {
        self.held_back = true;
        self
    }

    const fn told(mut self, told: Told) -> Self {
        self.told = told;
        self
    }

    const fn with(mut self, capabilities: &'static [Capability]) -> Self {
        self.capabilities = capabilities;
        self
    }

    const fn without(mut self, unsaid: &'static [MigrationStatus]) -> Self {
        self.unsaid = unsaid;
        self
    }

    /// Whether it can be done to this VM, as far as it depends on how its migrations are told.
    pub(super) const fn is_for(&self, vm: &Vm) -> bool {
        let under_way = vm.migration_in_flight();
        match self.told {
            Told::Either => true,
            Told::Off => !(under_way && vm.announces_migration()),
            Told::Begins => !under_way,
            Told::Arrives => {
                matches!(vm.run_state(), RunState::Inmigrate) && (!under_way || vm.announces_migration())
            }
            Told::Steers(status) => {
                under_way
                    && vm.announces_migration()
                    && match status {
                        None => true,
                        Some(status) => status as u8 == vm.migration_status() as u8,
                    }
            }
            Told::Goes(from) => {
                let active = matches!(vm.migration_status(), MigrationStatus::Active);
                under_way
                    && vm.announces_migration()
                    && match from {
                        From::Active => active,
                        From::Cancelled => active && !matches!(vm.run_state(), RunState::FinishMigrate),
                        From::Later => !active,
                        From::Aside => true,
                    }
            }
        }
    }

    /// Whether it is for VMs whose migrations are told.
    pub(super) const fn is_told(&self) -> bool {
        !matches!(self.told, Told::Either | Told::Off)
    }

    /// Whether it is a step of a migration's thread that is told as it goes.
    pub(super) const fn is_a_step(&self) -> bool {
        matches!(self.told, Told::Goes(_) | Told::Arrives)
    }

    /// The VM as it must have been set up for this.
    pub(super) fn prepared(&self, vm: Vm) -> Vm {
        let mut vm = vm.with_actions(self.actions);
        let events = match self.told {
            Told::Either => return vm,
            Told::Off if vm.migration_in_flight() => return vm,
            Told::Off => false,
            Told::Begins | Told::Steers(_) | Told::Goes(_) | Told::Arrives => true,
        };
        for &(capability, _) in Capability::ALL {
            let on = if capability == Capability::Events {
                events
            } else {
                self.capabilities.contains(&capability)
            };
            vm = vm.with_capability(capability, on);
        }
        vm
    }

    /// Whether it belongs to a migration or a dump: something that is under way for long.
    pub(super) fn is_long(&self) -> bool {
        self.inputs.iter().any(|input| match input {
            Input::Command(command) => matches!(
                command,
                Command::Migrate(_)
                    | Command::MigrateContinue(_)
                    | Command::MigrateCancel
                    | Command::MigrateResume
                    | Command::MigrateStartPostcopy
                    | Command::ColoLostHeartbeat
                    | Command::DumpGuestMemory { .. }
            ),
            Input::Host(host) => matches!(
                host,
                Host::MigrationConverges
                    | Host::MigrationFails
                    | Host::MigrationSettles
                    | Host::IncomingArrives(_)
            ),
            Input::Guest(_) => false,
        })
    }

    /// How seldom it happens: `stop` and `cont` every day, a load of a snapshot hardly ever.
    pub(super) fn rarity(&self) -> u32 {
        let everyday = self.inputs.iter().all(|input| {
            matches!(
                input,
                Input::Command(
                    Command::Stop
                        | Command::Cont
                        | Command::Quit
                        | Command::SystemReset
                        | Command::SystemPowerdown
                ) | Input::Guest(
                    Guest::Shutdown | Guest::Reset | Guest::Suspend | Guest::Wakeup | Guest::Panic
                ) | Input::Host(Host::Signal)
            )
        });
        let plain = self.inputs.len() == 1 && self.kind != Kind::Host;
        match (everyday, plain) {
            (true, _) => 2,
            (false, true) => 5,
            (false, false) => 6,
        }
    }

    /// Its name, with the actions that it looks at.
    pub(super) fn words(&self) -> String {
        let action = |name: &str, value: Option<&'static str>| value.map(|value| format!("{name}={value}"));
        let looks: Vec<String> = [
            action("reboot", self.looks_at.reboot.map(RebootAction::name)),
            action("shutdown", self.looks_at.shutdown.map(ShutdownAction::name)),
            action("panic", self.looks_at.panic.map(PanicAction::name)),
            action("watchdog", self.looks_at.watchdog.map(WatchdogAction::name)),
        ]
        .into_iter()
        .flatten()
        .collect();
        if looks.is_empty() {
            self.name.clone()
        } else {
            format!("{} (action {})", self.name, looks.join(","))
        }
    }

    const fn of(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }
}

/// Under each reboot action.
fn rebooting(deed: &Deed) -> impl Iterator<Item = Deed> {
    RebootAction::ALL.iter().map(move |&reboot| {
        let looks_at = SetAction {
            reboot: Some(reboot),
            ..deed.looks_at
        };
        deed.clone().under(looks_at)
    })
}

/// Every deed.
pub(super) fn deeds(release: Release) -> Vec<Deed> {
    let mut deeds = acts_of_guests();
    deeds.extend(hardware());
    deeds.extend(host());
    deeds.extend(commands());
    deeds.extend(outgoing(release));
    deeds.extend(incoming());
    deeds.extend(told::deeds(release));
    // Of several that are heard alike the first is told.
    deeds.sort_by_key(Deed::rarity);
    deeds
}

fn acts_of_guests() -> Vec<Deed> {
    let mut deeds = vec![
        guest("shutdown", Guest::Shutdown),
        guest("crashloaded", Guest::Crashloaded),
        guest("pvshutdown", Guest::Pvshutdown),
        guest("suspend", Guest::Suspend),
        guest("suspend-disk", Guest::SuspendDisk),
        guest("wakeup", Guest::Wakeup).of(Kind::Device),
        guest("internal-error", Guest::InternalError),
        guest("debug", Guest::Debug),
        guest("debug-exit 0", Guest::DebugExit(0)),
        guest("subsystem-reset", Guest::SubsystemReset),
    ];
    deeds.extend(rebooting(&guest("reset", Guest::Reset)));
    let panic = |panic, shutdown| {
        guest("panic", Guest::Panic).under(SetAction {
            panic: Some(panic),
            shutdown,
            ..SetAction::default()
        })
    };
    deeds.extend([
        panic(PanicAction::Shutdown, Some(ShutdownAction::Poweroff)),
        panic(PanicAction::Pause, None),
        panic(PanicAction::Shutdown, Some(ShutdownAction::Pause)),
        panic(PanicAction::None, None),
    ]);
    deeds
}

/// What happens to a guest.
fn hardware() -> Vec<Deed> {
    let mut deeds = Vec::new();
    for &watchdog in WatchdogAction::ALL {
        let deed = guest("watchdog", Guest::Watchdog)
            .of(Kind::Device)
            .held_back()
            .under(SetAction {
                watchdog: Some(watchdog),
                ..SetAction::default()
            });
        if watchdog == WatchdogAction::Reset {
            deeds.extend(rebooting(&deed));
        } else {
            deeds.push(deed);
        }
    }
    for &action in BlockErrorAction::ALL {
        let name = format!("io-error ({action})");
        deeds.push(guest(&name, Guest::IoError(action)).of(Kind::Device).held_back());
    }
    for &action in MemoryFailureAction::ALL {
        let recipient = if action == MemoryFailureAction::Fatal {
            MemoryFailureRecipient::Hypervisor
        } else {
            MemoryFailureRecipient::Guest
        };
        let failure = MemoryFailure {
            recipient,
            action,
            flags: MemoryFailureFlags::default(),
        };
        let deed = guest(
            &format!("memory-failure ({action})"),
            Guest::MemoryFailure(failure),
        );
        if action == MemoryFailureAction::Reset {
            deeds.extend(rebooting(&deed));
        } else {
            deeds.push(deed);
        }
    }
    deeds
}

fn host() -> Vec<Deed> {
    [
        ("signal", Host::Signal),
        ("ui-close", Host::UiClose),
        ("gdb attach", Host::GdbAttach),
        ("gdb interrupt", Host::GdbInterrupt),
        ("gdb continue", Host::GdbContinue),
        ("gdb kill", Host::GdbKill),
        ("dump completes", Host::DumpCompletes),
    ]
    .into_iter()
    .map(|(name, host)| deed(format!("host {name}"), Kind::Host, &[Input::Host(host)]))
    .collect()
}

fn commands() -> Vec<Deed> {
    let one = |name: &str, command| deed(name, Kind::Command, &[Input::Command(command)]);
    let found = |suspended| Load::Found { suspended };
    let mut deeds = vec![
        one("stop", Command::Stop),
        one("cont", Command::Cont),
        one("quit", Command::Quit),
        one("system_powerdown", Command::SystemPowerdown),
        one("system_wakeup", Command::SystemWakeup),
        one("savevm", Command::Savevm),
        one("loadvm", Command::Loadvm(found(false))),
        one("loadvm of a suspended snapshot", Command::Loadvm(found(true))),
        one("loadvm of a missing snapshot", Command::Loadvm(Load::Missing)),
        one("dump-guest-memory", Command::DumpGuestMemory { detach: false }),
        one(
            "dump-guest-memory, detached",
            Command::DumpGuestMemory { detach: true },
        ),
        one("xen-save-devices-state", Command::XenSaveDevicesState),
    ];
    deeds.extend(rebooting(&one("system_reset", Command::SystemReset)));
    deeds.extend(jobs());
    deeds
}

/// A job and its end as one deed: what is between is told by JOB_STATUS_CHANGE, which is not followed.
fn jobs() -> Vec<Deed> {
    let found = |suspended| Load::Found { suspended };
    [
        ("snapshot-save", Command::SnapshotSave { succeeds: true }),
        ("snapshot-load", Command::SnapshotLoad(found(false))),
        (
            "snapshot-load of a suspended snapshot",
            Command::SnapshotLoad(found(true)),
        ),
        (
            "snapshot-load of a missing snapshot",
            Command::SnapshotLoad(Load::Missing),
        ),
    ]
    .into_iter()
    .map(|(name, command)| {
        let inputs = [
            Input::Command(command),
            Input::Host(Host::JobCompletes),
            Input::Command(Command::JobDismiss),
        ];
        deed(name, Kind::Command, &inputs)
    })
    .collect()
}

/// The capabilities and the mode with which a migration is begun.
///
/// Postcopy is heard like a pause before the switchover: what differs between them is said by MIGRATION alone.
const MODES: [(&str, &[Capability], bool); 5] = [
    ("", &[], false),
    (
        " with pause-before-switchover",
        &[Capability::PauseBeforeSwitchover],
        false,
    ),
    (
        " with background-snapshot",
        &[Capability::BackgroundSnapshot],
        false,
    ),
    (" with x-colo", &[Capability::Colo], false),
    (" with the mode cpr-reboot", &[], true),
];

/// Migrations in large steps: what is between them is silent.
fn outgoing(release: Release) -> Vec<Deed> {
    let host = |host| Input::Host(host);
    let command = |command| Input::Command(command);
    let mut deeds = Vec::new();
    for (name, capabilities, cpr) in MODES {
        if cpr && release < Release::V9_0 {
            continue;
        }
        let mut inputs = vec![
            command(Command::MigrateSetCprReboot(cpr)),
            command(Command::Migrate(Channel::Good)),
        ];
        let name = format!("a migration{name}");
        if cpr {
            deeds.push(deed(format!("{name} begins"), Kind::Host, &inputs).with(capabilities));
        }
        inputs.push(host(Host::MigrationConverges));
        let name = format!("{name} goes on as far as it can");
        deeds.push(deed(name, Kind::Host, &inputs).with(capabilities));
    }
    let go_on = command(Command::MigrateContinue(MigrationStatus::PreSwitchover));
    let steps: [(&str, &[Input]); 6] = [
        ("the migration goes on", &[host(Host::MigrationConverges)]),
        (
            "migrate-continue, and the migration goes on",
            &[go_on, host(Host::MigrationConverges)],
        ),
        ("the migration fails", &[host(Host::MigrationFails)]),
        (
            "migrate-continue, and the migration fails",
            &[go_on, host(Host::MigrationFails)],
        ),
        (
            "the migration is cancelled",
            &[command(Command::MigrateCancel), host(Host::MigrationSettles)],
        ),
        ("the failover ends", &[host(Host::MigrationSettles)]),
    ];
    deeds.extend(steps.map(|(name, inputs)| deed(name, Kind::Host, inputs)));
    for deed in &mut deeds {
        deed.told = Told::Off;
    }
    deeds.push(deed(
        "x-colo-lost-heartbeat",
        Kind::Host,
        &[command(Command::ColoLostHeartbeat)],
    ));
    deeds
}

/// What an incoming migration can be when it arrives.
fn streams() -> impl Iterator<Item = (String, Stream)> {
    RunState::ALL.iter().flat_map(|&status| {
        [(false, false), (true, false), (false, true), (true, true)].map(|(suspended, postcopy)| {
            let stream = Stream {
                status,
                suspended,
                postcopy,
            };
            let name = format!("an incoming migration arrives, its source was {status}");
            (name, stream)
        })
    })
}

fn incoming() -> Vec<Deed> {
    let mut deeds: Vec<Deed> = streams()
        .map(|(name, stream)| deed(name, Kind::Host, &[Input::Host(Host::IncomingArrives(stream))]))
        .collect();
    deeds.push(deed(
        "host incoming fails",
        Kind::Host,
        &[Input::Host(Host::IncomingFails)],
    ));
    deeds.push(
        deed(
            "a secondary of a COLO pair comes to life",
            Kind::Host,
            &[Input::Host(Host::IncomingArrives(FROM_A_RUNNING_VM))],
        )
        .with(&[Capability::Colo]),
    );
    for exit_on_error in [true, false] {
        let inputs = [Input::Command(Command::MigrateIncoming {
            channel: Channel::Good,
            exit_on_error,
        })];
        deeds.push(deed("migrate-incoming", Kind::Host, &inputs));
    }
    for deed in &mut deeds {
        deed.told = Told::Off;
    }
    deeds
}

const FROM_A_RUNNING_VM: Stream = Stream {
    status: RunState::Running,
    suspended: false,
    postcopy: false,
};
