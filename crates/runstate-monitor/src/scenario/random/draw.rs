//! What happens next in a random scenario.

use rand::Rng;
use rand::seq::IndexedRandom as _;
use runstate::{
    BlockErrorAction, Guest, Host, MemoryFailure, MemoryFailureAction, MemoryFailureFlags,
    MemoryFailureRecipient, MigrationStatus, Release, RunState, Stream,
};
use runstate_qmp::{Value, object};

use super::{Acting, Growing, Profile};
use crate::scenario::{Action, Nanoseconds, Step, With};

/// A kind of thing that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Query,
    Command,
    Policy,
    Monitor,
    Guest,
    Group,
    IoError,
    Memory,
    Wakeup,
    Debugger,
    Migrate,
    MigrationGoesOn,
    Incoming,
    Snapshot,
    End,
    Wait,
}

/// How often each kind comes.
const fn weights(profile: Profile) -> [(Kind, u32); 16] {
    let [actions, groups, migration, snapshots] = match profile {
        Profile::Everything => [1, 1, 1, 1],
        Profile::Actions => [3, 0, 0, 0],
        Profile::Groups => [0, 4, 0, 0],
        Profile::Migration => [0, 0, 4, 0],
        Profile::Snapshots => [0, 0, 0, 4],
    };
    [
        (Kind::Query, 20),
        (Kind::Command, 24),
        (Kind::Policy, 4),
        (Kind::Monitor, 2),
        (Kind::Guest, 24),
        (Kind::Group, 8 * groups),
        (Kind::IoError, 2 * actions),
        (Kind::Memory, actions),
        (Kind::Wakeup, 3),
        (Kind::Debugger, 2 * actions),
        (Kind::Migrate, 2 * migration),
        (Kind::MigrationGoesOn, 4 * migration),
        (Kind::Incoming, 6 * migration),
        (Kind::Snapshot, 4 * snapshots),
        (Kind::End, 1),
        (Kind::Wait, 1),
    ]
}

/// What could come next: one step, or a group.
pub(super) fn steps(rng: &mut impl Rng, profile: Profile, growing: &Growing) -> Vec<Step> {
    if growing.state.run_state == Some(RunState::Prelaunch) && is_preconfig(growing) && rng.random_bool(0.5) {
        return vec![command("x-exit-preconfig").into()];
    }
    let (kind, _) = *weights(profile)
        .choose_weighted(rng, |(_, weight)| *weight)
        .expect("a query has weight");
    let action = match kind {
        Kind::Group => return group(rng, growing),
        Kind::Query => command("query-status"),
        Kind::Command => command(pick(
            rng,
            &[
                "stop",
                "stop",
                "cont",
                "cont",
                "cont",
                "system_reset",
                "system_powerdown",
                "system_wakeup",
                "inject-nmi",
            ],
        )),
        Kind::Policy => policy(rng),
        Kind::Monitor => hmp(pick(
            rng,
            &["info status", "stop", "cont", "system_reset", "system_wakeup"],
        )),
        Kind::Guest => guest(rng, growing),
        Kind::IoError => io_error(growing),
        Kind::Memory => memory(rng),
        Kind::Wakeup => Action::guest(Guest::Wakeup),
        Kind::Debugger => debugger(rng, growing),
        Kind::Migrate => return migrate(rng),
        Kind::MigrationGoesOn => return migration_goes_on(rng, growing),
        Kind::Incoming => incoming(rng, growing),
        Kind::Snapshot if !growing.has(&With::Disk) => command("query-status"),
        // Beside a migration a load is refused too late: QEMU then aborts at its end.
        Kind::Snapshot if growing.state.migrates => hmp("savevm s1"),
        Kind::Snapshot => hmp(pick(
            rng,
            &["savevm s1", "loadvm s1", "loadvm s1", "loadvm nothere"],
        )),
        Kind::End => end(rng),
        Kind::Wait => Action::Wait(Nanoseconds(1_200_000_000)),
    };
    vec![action.into()]
}

fn is_preconfig(growing: &Growing) -> bool {
    growing.scenario.launch.iter().any(|word| word == "-preconfig")
}

fn pick<'a>(rng: &mut impl Rng, from: &[&'a str]) -> &'a str {
    from.choose(rng).expect("the list is not empty")
}

fn command(name: &str) -> Action {
    Action::Send(object! { "execute": name }.into())
}

fn command_with(name: &str, arguments: runstate_qmp::Object) -> Action {
    Action::Send(object! { "execute": name, "arguments": arguments }.into())
}

fn hmp(line: &str) -> Action {
    command_with("human-monitor-command", object! { "command-line": line })
}

const WATCHDOG: [&str; 7] = [
    "reset",
    "shutdown",
    "poweroff",
    "pause",
    "debug",
    "none",
    "inject-nmi",
];

fn policy(rng: &mut impl Rng) -> Action {
    if rng.random_bool(0.3) {
        return command_with("watchdog-set-action", object! { "action": pick(rng, &WATCHDOG) });
    }
    let mut arguments = runstate_qmp::Object::new();
    for (member, values) in [
        ("reboot", &["reset", "shutdown"][..]),
        ("shutdown", &["poweroff", "pause"]),
        ("panic", &["pause", "shutdown", "none", "exit-failure"]),
        ("watchdog", &WATCHDOG),
    ] {
        if rng.random_bool(0.4) {
            arguments.insert(member, pick(rng, values));
        }
    }
    command_with("set-action", arguments)
}

/// An action that the guest performs by one port write.
fn guest(rng: &mut impl Rng, growing: &Growing) -> Action {
    let mut actions = vec![
        Guest::Shutdown,
        Guest::Reset,
        Guest::Reset,
        Guest::Panic,
        Guest::Panic,
        Guest::Crashloaded,
        Guest::Pvshutdown,
        Guest::Suspend,
        Guest::Suspend,
        Guest::SuspendDisk,
    ];
    if watchdog_can_expire(growing) {
        // Who adds a watchdog to the machine wants to see it.
        let i6300esb = growing.scenario.launch.iter().any(|word| word == "i6300esb");
        let count = if i6300esb { 6 } else { 2 };
        actions.extend(core::iter::repeat_n(Guest::Watchdog, count));
    }
    if rng.random_bool(0.05) {
        // Before 9.1 it ends QEMU while a vCPU goes on: too seldom to be worth every second scenario.
        actions = vec![Guest::DebugExit(rng.random_range(0..=3))];
    }
    Action::guest(*actions.choose(rng).expect("there are some"))
}

/// A real watchdog counts virtual time, which passes only while the VM runs; and on the main loop's thread the limit on
/// its event counts virtual time in a QEMU under qtest, real time in one under TCG: there it is not to be held back.
///
/// Before 9.0 a snapshot of a suspended VM has a virtual clock that goes on from far in the past; qtest's own clock does not.
fn watchdog_can_expire(growing: &Growing) -> bool {
    match growing.acting {
        Acting::MainLoop if growing.has(&With::Disk) && growing.release < Release::V9_0 => false,
        Acting::MainLoop => growing.state.run_state == Some(RunState::Running) && !growing.state.watchdog,
        Acting::Vcpu => true,
    }
}

/// Whether the guest has done such a thing since the last wait, which is longer than the limit on the events of it.
pub(super) fn since_time_passed<'a>(
    steps: impl Iterator<Item = &'a Step>,
    is: impl Fn(Guest) -> bool,
) -> bool {
    let mut done = false;
    for step in steps {
        match &step.action {
            Action::Guest { action, .. } => done |= is(*action),
            Action::Wait(_) => done = false,
            Action::Host { .. } | Action::Send(_) | Action::Expect(_) | Action::Exit(_) => {}
        }
    }
    done
}

/// Two or three things that one pass of the main loop finds: what vCPUs do, perhaps a command or a signal.
fn group(rng: &mut impl Rng, growing: &Growing) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let count = if rng.random_bool(0.3) { 3 } else { 2 };
    let mut with_last = 0;
    match rng.random_range(0..10) {
        0 if growing.acting == Acting::MainLoop => steps.push(Action::host(Host::Signal).into()),
        0 | 1 => with_last = 1,
        2..=4 => with_last = 2,
        _ => {}
    }
    while steps.len() + usize::from(with_last > 0) < count {
        let action = guest(rng, growing);
        // These come last, or not at all.
        let last = matches!(
            action,
            Action::Guest {
                action: Guest::Watchdog | Guest::DebugExit(_),
                ..
            }
        );
        if !last {
            steps.push(action.into());
        }
    }
    match with_last {
        1 if growing.acting == Acting::Vcpu => steps.push(Action::host(Host::Signal).into()),
        1 if watchdog_can_expire(growing) => steps.push(Action::guest(Guest::Watchdog).into()),
        1 => steps.push(Action::guest(Guest::Reset).into()),
        2 => {
            let names = [
                "stop",
                "cont",
                "system_reset",
                "query-status",
                "system_wakeup",
                "system_powerdown",
            ];
            steps.push(command(pick(rng, &names)).into());
        }
        _ => {}
    }
    let last = steps.len().saturating_sub(1);
    for step in &mut steps[..last] {
        step.hold = true;
    }
    steps
}

/// Errors of one drive with one policy.
fn io_error(growing: &Growing) -> Action {
    let outcome = match growing.scenario.launch.len() % 4 {
        0 => BlockErrorAction::Report,
        1 => BlockErrorAction::Ignore,
        _ => BlockErrorAction::Stop,
    };
    let mut data = object! {
        "device": "drive0",
        "node-name": "node0",
        "operation": "write",
        "action": outcome.name(),
        "reason": "Input/output error",
    };
    if outcome == BlockErrorAction::Stop {
        data.insert("nospace", false);
    }
    if growing.release.block_io_error_has_qom_path() {
        data.insert("qom-path", "/machine/peripheral/ide0");
    }
    let action = Guest::IoError(outcome);
    // The limit on its event runs by the same clocks as that on WATCHDOG.
    let clocks_differ = growing.acting == Acting::MainLoop
        && (growing.state.run_state != Some(RunState::Running) || growing.state.io_error);
    // A drive with errors has no snapshots, and then no other has.
    if clocks_differ || growing.has(&With::Disk) {
        return command("query-status");
    }
    Action::Guest {
        action,
        data: Some(data.into()),
    }
}

fn memory(rng: &mut impl Rng) -> Action {
    let action = if rng.random_bool(0.5) {
        MemoryFailureAction::Inject
    } else {
        MemoryFailureAction::Reset
    };
    Action::guest(Guest::MemoryFailure(MemoryFailure {
        recipient: MemoryFailureRecipient::Guest,
        action,
        flags: MemoryFailureFlags {
            action_required: rng.random_bool(0.5),
            recursive: false,
        },
    }))
}

fn debugger(rng: &mut impl Rng, growing: &Growing) -> Action {
    let used = growing.scenario.steps.iter().filter(|step| {
        let action = &step.action;
        matches!(
            action,
            Action::Guest {
                action: Guest::Debug,
                ..
            }
        )
    });
    // The guest has so many breakpoints.
    let early = is_preconfig(growing) || growing.state.run_state == Some(RunState::Inmigrate);
    if growing.acting == Acting::MainLoop || early || used.count() >= 4 {
        return command("query-status");
    }
    // A debugger can do nothing to a VM that runs but interrupt it.
    if growing.state.run_state != Some(RunState::Running) {
        Action::host(Host::GdbContinue)
    } else if rng.random_bool(0.7) {
        Action::guest(Guest::Debug)
    } else {
        Action::host(Host::GdbInterrupt)
    }
}

fn migrate(rng: &mut impl Rng) -> Vec<Step> {
    let migrate = command_with("migrate", object! { "uri": "exec:cat > state" });
    if rng.random_bool(0.4) {
        vec![capability("pause-before-switchover").into(), migrate.into()]
    } else {
        vec![migrate.into()]
    }
}

fn capability(name: &str) -> Action {
    let capability = object! { "capability": name, "state": true };
    let list = vec![Value::from(capability)];
    command_with("migrate-set-capabilities", object! { "capabilities": list })
}

fn migration_goes_on(rng: &mut impl Rng, growing: &Growing) -> Vec<Step> {
    let waits = growing.state.migration == MigrationStatus::PreSwitchover;
    let action = match rng.random_range(0..10) {
        // A real one goes on, or finds that the other end is gone, before anything else can happen.
        0..=5 if waits => return vec![go_on(), Action::host(Host::MigrationConverges).into()],
        6 if waits => return vec![go_on(), Action::host(Host::MigrationFails).into()],
        0..=5 => Action::host(Host::MigrationConverges),
        6 => Action::host(Host::MigrationFails),
        7 => command("migrate_cancel"),
        // Refused.
        8 if !waits => return vec![go_on()],
        _ => capability(pick(rng, &["pause-before-switchover", "events"])),
    };
    vec![action.into()]
}

fn go_on() -> Step {
    command_with("migrate-continue", object! { "state": "pre-switchover" }).into()
}

fn incoming(rng: &mut impl Rng, growing: &Growing) -> Action {
    if growing.scenario.launch.iter().any(|word| word == "defer") && rng.random_bool(0.4) {
        return command_with("migrate-incoming", object! { "uri": "exec:cat state" });
    }
    let states = [
        RunState::Running,
        RunState::Running,
        RunState::Paused,
        RunState::Prelaunch,
        RunState::GuestPanicked,
        RunState::Shutdown,
        RunState::IoError,
        RunState::Watchdog,
        RunState::InternalError,
    ];
    if rng.random_bool(0.1) {
        return Action::host(Host::IncomingFails);
    }
    Action::host(Host::IncomingArrives(Stream {
        status: *states.choose(rng).expect("there are some"),
        suspended: false,
        postcopy: false,
    }))
}

fn end(rng: &mut impl Rng) -> Action {
    if rng.random_bool(0.5) {
        command("quit")
    } else {
        Action::host(Host::Signal)
    }
}
