//! A path of the oracle as a scenario that a person can read and a QEMU can replay.

use runstate::{
    Actions, Channel, Command, Host, IncomingOption, Input, Launch, Load, Machine, RunState, SetAction,
    Thread,
};
use runstate_monitor::scenario::{Action, Note, ReleaseRange, Scenario, Step, With};
use runstate_oracle::{explore::End, path::Path};
use runstate_qmp::{Object, Value, object};

/// Where a stream comes from and where it goes to.
const STREAM: &str = "exec:cat state";
const DESTINATION: &str = "exec:cat > state";
/// The snapshots that a load finds.
const SNAPSHOT: &str = "s1";
const SUSPENDED_SNAPSHOT: &str = "s2";

/// A scenario.
#[derive(Debug)]
pub(crate) struct Story {
    /// With what QEMU says.
    pub(crate) scenario: Scenario,
    /// Whether the scenario's player comes to the same end. Not where a migration's thread has to be slower than all else, or
    /// where something happens after a command's handler and before the pass: no scenario can hold these back.
    pub(crate) replays: bool,
}

/// Tells a path.
pub(crate) fn tell(path: &Path, name: Option<String>, about: &str) -> Story {
    let launch = &path.launch;
    let script = Scenario {
        name,
        notes: Note::lines(about),
        releases: ReleaseRange::only(launch.release),
        launch: arguments(launch),
        with: things(path),
        steps: steps(path),
        ..Scenario::default()
    };
    let report = script.transcribe(launch.release);
    let end = report.end.map(|end| match end {
        runstate_monitor::machine::End::Exit(status) => End::Exit(status),
        runstate_monitor::machine::End::Abort { from, to } => End::Abort { from, to },
    });
    let mut told: Vec<_> = report.taken.iter().collect();
    let mut walked = transitions(path);
    told.sort_unstable();
    walked.sort_unstable();
    walked.dedup();
    Story {
        scenario: report.transcript,
        replays: end == path.end() && told == walked,
    }
}

/// The changes of run state, those of the launch too.
fn transitions(path: &Path) -> Vec<(RunState, RunState)> {
    let mut launched = Vec::new();
    runstate::Vm::launch(&path.launch, &mut |output| launched.push(output));
    let outputs = launched.into_iter().chain(path.outputs());
    outputs
        .filter_map(|output| match output {
            runstate::Output::State { from, to } => Some((from, to)),
            runstate::Output::Event(_) | runstate::Output::Exit(_) | runstate::Output::Abort { .. } => None,
        })
        .collect()
}

fn arguments(launch: &Launch) -> Vec<String> {
    let mut all = Vec::new();
    let mut add = |words: &[&str]| all.extend(words.iter().map(|&word| word.to_owned()));
    if launch.thread == Thread::MainLoop {
        add(&["-accel", "qtest"]);
    }
    if !launch.autostart {
        add(&["-S"]);
    }
    if launch.preconfig {
        add(&["-preconfig"]);
    }
    let actions = changed(launch.actions);
    if !actions.is_empty() {
        add(&["-action", &actions]);
    }
    match launch.incoming {
        IncomingOption::None => {}
        IncomingOption::Defer => add(&["-incoming", "defer"]),
        IncomingOption::Uri => add(&["-incoming", STREAM]),
    }
    match launch.loadvm {
        None | Some(Load::Missing | Load::NoDisk) => {}
        Some(Load::Found { suspended: false }) => add(&["-loadvm", SNAPSHOT]),
        Some(Load::Found { suspended: true }) => add(&["-loadvm", SUSPENDED_SNAPSHOT]),
    }
    all
}

/// What of the actions is not the default, as `-action` takes it.
pub(crate) fn changed(actions: Actions) -> String {
    let default = Actions::DEFAULT;
    let mut said = Vec::new();
    if actions.reboot() != default.reboot() {
        said.push(format!("reboot={}", actions.reboot()));
    }
    if actions.shutdown() != default.shutdown() {
        said.push(format!("shutdown={}", actions.shutdown()));
    }
    if actions.panic() != default.panic() {
        said.push(format!("panic={}", actions.panic()));
    }
    if actions.watchdog() != default.watchdog() {
        said.push(format!("watchdog={}", actions.watchdog()));
    }
    said.join(",")
}

/// What the options do not say: the machine, and the snapshots that are there.
fn things(path: &Path) -> Vec<With> {
    let Machine {
        cpus_resettable,
        wakeup_support,
        nmi,
        snapshot_disk,
        notify_vmexit: _,
        replay_play: _,
    } = path.launch.machine;
    let mut things = Vec::new();
    if snapshot_disk {
        things.push(With::Disk);
    }
    let loads = path.steps.iter().filter_map(|step| match step.input {
        Input::Command(Command::Loadvm(load) | Command::SnapshotLoad(load)) => Some(load),
        Input::Command(_) | Input::Guest(_) | Input::Host(_) => None,
    });
    let loads: Vec<_> = loads.chain(path.launch.loadvm).collect();
    for (suspended, tag, status) in [
        (false, SNAPSHOT, RunState::Running),
        (true, SUSPENDED_SNAPSHOT, RunState::Suspended),
    ] {
        if loads.contains(&Load::Found { suspended }) {
            let tag = tag.to_owned();
            things.push(With::Snapshot { tag, status });
        }
    }
    if !cpus_resettable {
        things.push(With::CpusNotResettable);
    }
    if !wakeup_support {
        things.push(With::WakeupOff);
    }
    if !nmi {
        things.push(With::NmiOff);
    }
    things
}

fn steps(path: &Path) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for group in path.steps.split_inclusive(|step| step.pass.is_some()) {
        let begin = steps.len();
        for step in group {
            match step.input {
                // Its handler is to run with the requests of the group pending: then it is already being dispatched when the
                // others happen, and stands before them.
                Input::Command(command) => steps.insert(begin, Action::Send(message(command)).into()),
                Input::Guest(guest) => steps.push(Action::guest(guest).into()),
                // It comes by itself, as soon as it can.
                Input::Host(Host::MigrationSettles) => {}
                Input::Host(host) => steps.push(Action::host(host).into()),
            }
        }
        if let [held @ .., _] = &mut steps[begin..] {
            for step in held {
                step.hold = true;
            }
        }
    }
    steps
}

/// A command as the host sends it.
pub(crate) fn message(command: Command) -> Value {
    let (name, arguments) = match hmp_line(command) {
        Some(line) => ("human-monitor-command", object! { "command-line": line }),
        None => (command.name(), spelled(command)),
    };
    let message = Object::new().with("execute", name);
    if arguments.is_empty() {
        message.into()
    } else {
        message.with("arguments", arguments).into()
    }
}

/// What only the human monitor takes.
fn hmp_line(command: Command) -> Option<String> {
    let argument = if command == Command::Savevm {
        SNAPSHOT
    } else if let Command::Loadvm(load) = command {
        tag(load)
    } else {
        return None;
    };
    Some(format!("{} {argument}", command.name()))
}

fn spelled(command: Command) -> Object {
    let none = Object::new();
    match command {
        Command::QueryStatus
        | Command::Stop
        | Command::Cont
        | Command::Quit
        | Command::SystemReset
        | Command::SystemPowerdown
        | Command::SystemWakeup
        | Command::InjectNmi
        | Command::ExitPreconfig
        | Command::MigrateCancel
        | Command::MigrateStartPostcopy
        | Command::MigratePause
        | Command::ColoLostHeartbeat
        | Command::Savevm
        | Command::Loadvm(_) => none,
        Command::SetAction(change) => set_action(change),
        Command::WatchdogSetAction(action) => none.with("action", action.name()),
        Command::SnapshotSave { succeeds } => {
            job(if succeeds { "new" } else { SNAPSHOT }).with("vmstate", "disk0")
        }
        Command::SnapshotLoad(load) => job(tag(load)).with("vmstate", "disk0"),
        Command::SnapshotDelete { succeeds } => job(if succeeds { SNAPSHOT } else { "nothere" }),
        Command::JobDismiss => none.with("id", "job0"),
        Command::DumpGuestMemory { detach } => {
            let dump = none.with("paging", false).with("protocol", "file:dump");
            if detach { dump.with("detach", true) } else { dump }
        }
        Command::XenSaveDevicesState => none.with("filename", "devices"),
        Command::Migrate(channel) => none.with("uri", uri(channel, DESTINATION)),
        Command::MigrateResume => none.with("uri", DESTINATION).with("resume", true),
        Command::MigrateContinue(status) => none.with("state", status.name()),
        Command::MigrateRecover => none.with("uri", STREAM),
        Command::MigrateSetCapability(capability, on) => set_capability(capability, on),
        Command::MigrateSetCprReboot(on) => none.with("mode", if on { "cpr-reboot" } else { "normal" }),
        Command::MigrateIncoming {
            channel,
            exit_on_error,
        } => {
            let arguments = none.with("uri", uri(channel, STREAM));
            if exit_on_error {
                arguments
            } else {
                arguments.with("exit-on-error", false)
            }
        }
    }
}

fn set_capability(capability: runstate::Capability, on: bool) -> Object {
    let name = runstate::Capability::ALL.iter().find(|(c, _)| *c == capability);
    let name = name.map_or("", |(_, name)| name);
    let one = |name: &str| -> Value { Object::new().with("capability", name).with("state", on).into() };
    // Since 11.0 the one is refused without the other, which changes nothing else.
    let all = if capability == runstate::Capability::Colo && on {
        vec![one("return-path"), one(name)]
    } else {
        vec![one(name)]
    };
    Object::new().with("capabilities", all)
}

fn set_action(change: SetAction) -> Object {
    let mut arguments = Object::new();
    let mut set = |key: &str, value: Option<&'static str>| {
        if let Some(value) = value {
            arguments.insert(key, value);
        }
    };
    set("reboot", change.reboot.map(runstate::RebootAction::name));
    set("shutdown", change.shutdown.map(runstate::ShutdownAction::name));
    set("panic", change.panic.map(runstate::PanicAction::name));
    set("watchdog", change.watchdog.map(runstate::WatchdogAction::name));
    arguments
}

fn job(tag: &str) -> Object {
    let devices: Vec<Value> = vec!["disk0".into()];
    Object::new()
        .with("job-id", "job0")
        .with("tag", tag)
        .with("devices", devices)
}

const fn tag(load: Load) -> &'static str {
    match load {
        Load::Found { suspended: false } => SNAPSHOT,
        Load::Found { suspended: true } => SUSPENDED_SNAPSHOT,
        Load::Missing | Load::NoDisk => "nothere",
    }
}

const fn uri(channel: Channel, good: &'static str) -> &'static str {
    match channel {
        Channel::Good => good,
        Channel::UnknownProtocol => "nonsense:x",
        Channel::FailsAtOnce => "fd:none",
    }
}
