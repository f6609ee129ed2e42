//! What can have happened between two things heard: single deeds, and groups of them before one pass of the main loop.

use runstate::{
    BlockErrorAction, Capability, Channel, Command, Guest, Host, Input, Load, MemoryFailure,
    MemoryFailureAction, MemoryFailureFlags, MemoryFailureRecipient, MigrationStatus, PanicAction,
    RebootAction, RunState, SetAction, ShutdownAction, Stream, WatchdogAction,
};

/// A step of a deed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Something happens.
    Do(Input),
    /// A pass of the main loop.
    Pass,
}

/// Something that can have happened, with a name a person understands. A pass follows it.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    pub(super) name: String,
    pub(super) steps: Vec<Step>,
    /// Whether it leaves a request, so that it makes a difference with what else it shares its pass.
    pub(super) groups: bool,
    /// Whether its last event may be held back by a rate limit.
    pub(super) held_back: bool,
}

fn deed(name: impl Into<String>, inputs: &[Input]) -> Deed {
    let steps = inputs.iter().map(|input| Step::Do(*input)).collect();
    Deed {
        name: name.into(),
        steps,
        groups: false,
        held_back: false,
    }
}

fn guest(name: &str, guest: Guest) -> Deed {
    Deed {
        groups: true,
        ..deed(format!("guest {name}"), &[Input::Guest(guest)])
    }
}

fn set_action(change: SetAction) -> Input {
    Input::Command(Command::SetAction(change))
}

/// The panic and watchdog actions do not matter between deeds: each deed that looks at one brings its own.
pub(super) fn forget_actions() -> Input {
    set_action(SetAction {
        panic: Some(PanicAction::Shutdown),
        watchdog: Some(WatchdogAction::Reset),
        ..SetAction::default()
    })
}

/// Every deed.
pub(super) fn deeds() -> Vec<Deed> {
    let mut deeds = vec![
        guest("shutdown", Guest::Shutdown),
        guest("reset", Guest::Reset),
        deed("guest crashloaded", &[Input::Guest(Guest::Crashloaded)]),
        deed("guest pvshutdown", &[Input::Guest(Guest::Pvshutdown)]),
        guest("suspend", Guest::Suspend),
        guest("suspend-disk", Guest::SuspendDisk),
        deed("guest wakeup", &[Input::Guest(Guest::Wakeup)]),
        guest("internal-error", Guest::InternalError),
        guest("debug", Guest::Debug),
        deed("guest debug-exit 0", &[Input::Guest(Guest::DebugExit(0))]),
        Deed {
            groups: true,
            ..deed("host signal", &[Input::Host(Host::Signal)])
        },
        deed("host ui-close", &[Input::Host(Host::UiClose)]),
        deed("host gdb attach", &[Input::Host(Host::GdbAttach)]),
        deed("host gdb interrupt", &[Input::Host(Host::GdbInterrupt)]),
        deed("host gdb continue", &[Input::Host(Host::GdbContinue)]),
        deed("host gdb kill", &[Input::Host(Host::GdbKill)]),
    ];
    for &panic in PanicAction::ALL {
        let change = set_action(SetAction {
            panic: Some(panic),
            ..SetAction::default()
        });
        let name = format!("guest panic (panic action {panic})");
        let groups = panic != PanicAction::None;
        deeds.push(Deed {
            groups,
            ..deed(name, &[change, Input::Guest(Guest::Panic)])
        });
    }
    for &watchdog in WatchdogAction::ALL {
        let change = set_action(SetAction {
            watchdog: Some(watchdog),
            ..SetAction::default()
        });
        let name = format!("guest watchdog (watchdog action {watchdog})");
        let steps = [change, Input::Guest(Guest::Watchdog)];
        let groups = matches!(
            watchdog,
            WatchdogAction::Reset | WatchdogAction::Shutdown | WatchdogAction::Pause
        );
        deeds.push(Deed {
            groups,
            held_back: true,
            ..deed(name, &steps)
        });
    }
    for &action in BlockErrorAction::ALL {
        let name = format!("guest io-error ({action})");
        let steps = [Input::Guest(Guest::IoError(action))];
        let groups = action == BlockErrorAction::Stop;
        deeds.push(Deed {
            groups,
            held_back: true,
            ..deed(name, &steps)
        });
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
        let groups = action == MemoryFailureAction::Reset;
        let name = format!("guest memory-failure ({action})");
        deeds.push(Deed {
            groups,
            ..deed(name, &[Input::Guest(Guest::MemoryFailure(failure))])
        });
    }
    deeds.extend(commands());
    deeds.extend(migrations());
    deeds
}

fn commands() -> Vec<Deed> {
    let one = |name: &str, command| deed(name, &[Input::Command(command)]);
    let mut deeds = vec![
        one("stop", Command::Stop),
        one("cont", Command::Cont),
        one("quit", Command::Quit),
        one("system_reset", Command::SystemReset),
        one("system_powerdown", Command::SystemPowerdown),
        one("system_wakeup", Command::SystemWakeup),
        one("savevm", Command::Savevm),
        one("loadvm", Command::Loadvm(Load::Found { suspended: false })),
        one(
            "loadvm of a suspended snapshot",
            Command::Loadvm(Load::Found { suspended: true }),
        ),
        one("loadvm of a missing snapshot", Command::Loadvm(Load::Missing)),
        one("dump-guest-memory", Command::DumpGuestMemory { detach: false }),
        one(
            "dump-guest-memory detached",
            Command::DumpGuestMemory { detach: true },
        ),
        deed("host dump completes", &[Input::Host(Host::DumpCompletes)]),
        one("xen-save-devices-state", Command::XenSaveDevicesState),
    ];
    for &reboot in RebootAction::ALL {
        let change = SetAction {
            reboot: Some(reboot),
            ..SetAction::default()
        };
        deeds.push(one(
            &format!("set-action reboot={reboot}"),
            Command::SetAction(change),
        ));
    }
    for &shutdown in ShutdownAction::ALL {
        let change = SetAction {
            shutdown: Some(shutdown),
            ..SetAction::default()
        };
        deeds.push(one(
            &format!("set-action shutdown={shutdown}"),
            Command::SetAction(change),
        ));
    }
    deeds
}

/// Migrations as wholes: what is between their steps is silent, or told by MIGRATION, which is not followed.
fn migrations() -> Vec<Deed> {
    let command = |command| Step::Do(Input::Command(command));
    let host = |host| Step::Do(Input::Host(host));
    let capability = |capability, on| command(Command::MigrateSetCapability(capability, on));
    let pause = Capability::PauseBeforeSwitchover;
    let whole = |name: &str, steps: Vec<Step>| Deed {
        name: name.to_owned(),
        steps,
        groups: false,
        held_back: false,
    };
    let begin = |last: Vec<Step>| {
        let mut steps = vec![
            command(Command::Migrate(Channel::Good)),
            Step::Pass,
            host(Host::MigrationConverges),
        ];
        steps.extend(last);
        steps
    };
    let mut paused = vec![capability(pause, true)];
    paused.extend(begin(vec![]));
    let mut background = vec![capability(Capability::BackgroundSnapshot, true)];
    background.extend(begin(vec![capability(Capability::BackgroundSnapshot, false)]));
    let go_on = [
        command(Command::MigrateContinue(MigrationStatus::PreSwitchover)),
        Step::Pass,
    ];
    let end = capability(pause, false);
    let mut deeds = vec![
        whole("a migration completes", begin(vec![])),
        whole("a migration stops the VM for switchover", paused),
        whole(
            "the migration completes",
            [&go_on[..], &[host(Host::MigrationConverges), end]].concat(),
        ),
        whole("the migration fails", vec![host(Host::MigrationFails), end]),
        whole(
            "the migration is cancelled",
            vec![
                command(Command::MigrateCancel),
                Step::Pass,
                host(Host::MigrationSettles),
                end,
            ],
        ),
        whole("a background snapshot", background),
    ];
    for &status in RunState::ALL {
        let stream = Stream {
            status,
            suspended: false,
            postcopy: false,
        };
        deeds.push(deed(
            format!("an incoming migration arrives, its source was {status}"),
            &[Input::Host(Host::IncomingArrives(stream))],
        ));
    }
    deeds
}
