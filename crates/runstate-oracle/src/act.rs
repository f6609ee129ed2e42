//! What can be done to a VM, by the names of the scenario format: every input that makes a difference to run states, with the
//! arguments that make one.

use runstate::{
    BlockErrorAction, Capability, Channel, Command, Guest, Host, Input, Load, MemoryFailure,
    MemoryFailureAction, MemoryFailureFlags, MemoryFailureRecipient, MigrationStatus, RunState, SetAction,
    Stream, WatchdogAction,
};

/// An input with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// As the scenario format or the monitor calls it: `guest panic`, `system_reset`, `host gdb attach`.
    pub name: String,
    /// The input itself.
    pub input: Input,
    /// What it is, in a few words, where the name does not say it.
    pub note: &'static str,
}

impl Act {
    fn new(name: impl Into<String>, input: Input, note: &'static str) -> Self {
        Self {
            name: name.into(),
            input,
            note,
        }
    }

    /// Whether a person who types `text` means this one: the whole name, the name without `guest` or `host`, or its first words.
    #[must_use]
    pub fn answers_to(&self, text: &str) -> bool {
        let plain = |s: &str| s.to_ascii_lowercase().replace('_', "-");
        let (text, name) = (plain(text.trim()), plain(&self.name));
        let short = name
            .strip_prefix("guest ")
            .or_else(|| name.strip_prefix("host "))
            .unwrap_or(&name);
        [name.as_str(), short].into_iter().any(|n| {
            n.strip_prefix(text.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ',']))
        })
    }

    /// Whether the monitor answers it.
    #[must_use]
    pub const fn is_command(&self) -> bool {
        matches!(self.input, Input::Command(_))
    }

    /// Whether it is a command of the human monitor, whose errors come as the text of an ordinary return.
    #[must_use]
    pub const fn is_hmp(&self) -> bool {
        matches!(self.input, Input::Command(Command::Savevm | Command::Loadvm(_)))
    }
}

/// Every act: guest, commands, host.
#[must_use]
pub fn acts() -> Vec<Act> {
    let mut acts = guest();
    acts.extend(everyday_commands());
    acts.extend(migration_commands());
    acts.extend(snapshot_commands());
    acts.extend(host());
    acts.extend(arrivals());
    acts
}

fn guest() -> Vec<Act> {
    let one = |name: &str, guest, note| Act::new(format!("guest {name}"), Input::Guest(guest), note);
    let mut acts = vec![
        one("shutdown", Guest::Shutdown, "ACPI S5"),
        one(
            "reset",
            Guest::Reset,
            "port 0xcf9, keyboard controller, triple fault",
        ),
        one("panic", Guest::Panic, "pvpanic, or the hypervisor's interface"),
        one(
            "crashloaded",
            Guest::Crashloaded,
            "pvpanic: a crash kernel was loaded",
        ),
        one("pvshutdown", Guest::Pvshutdown, "pvpanic: an orderly shutdown"),
        one("watchdog", Guest::Watchdog, "its timer expires"),
        one("suspend", Guest::Suspend, "ACPI S3"),
        one("suspend-disk", Guest::SuspendDisk, "ACPI S4"),
        one("wakeup", Guest::Wakeup, "its clock, a timer or a key"),
    ];
    for (action, note) in [
        (
            BlockErrorAction::Stop,
            "a request failed and the error policy is stop",
        ),
        (BlockErrorAction::Report, "a request failed and the guest is told"),
        (BlockErrorAction::Ignore, "a request failed and nobody is told"),
    ] {
        acts.push(one(&format!("io-error {action}"), Guest::IoError(action), note));
    }
    acts.extend([
        one(
            "internal-error",
            Guest::InternalError,
            "the hypervisor cannot go on",
        ),
        one("debug", Guest::Debug, "a breakpoint, watchpoint or step"),
    ]);
    use MemoryFailureAction::{Fatal, Ignore, Inject, Reset};
    use MemoryFailureRecipient::{Guest as ToGuest, Hypervisor};
    for (recipient, action) in [
        (Hypervisor, Ignore),
        (Hypervisor, Fatal),
        (ToGuest, Ignore),
        (ToGuest, Inject),
        (ToGuest, Reset),
    ] {
        let flags = MemoryFailureFlags {
            action_required: matches!(action, Fatal | Inject | Reset),
            recursive: false,
        };
        let failure = MemoryFailure {
            recipient,
            action,
            flags,
        };
        let name = format!("memory-failure {recipient} {action}");
        acts.push(one(&name, Guest::MemoryFailure(failure), "a machine check"));
    }
    acts.extend([
        one(
            "notify-vmexit",
            Guest::NotifyVmexit,
            "the vCPU did not exit for too long",
        ),
        one("debug-exit 3", Guest::DebugExit(3), "isa-debug-exit, value 3"),
        one("subsystem-reset", Guest::SubsystemReset, "s390: a partial reset"),
    ]);
    acts
}

fn command(name: impl Into<String>, command: Command, note: &'static str) -> Act {
    Act::new(name, Input::Command(command), note)
}

fn everyday_commands() -> Vec<Act> {
    vec![
        command("query-status", Command::QueryStatus, ""),
        command("stop", Command::Stop, ""),
        command("cont", Command::Cont, ""),
        command("quit", Command::Quit, ""),
        command("system_reset", Command::SystemReset, ""),
        command("system_powerdown", Command::SystemPowerdown, ""),
        command("system_wakeup", Command::SystemWakeup, ""),
        command("inject-nmi", Command::InjectNmi, ""),
        command(
            "set-action",
            Command::SetAction(SetAction::default()),
            "nothing to change",
        ),
        command(
            "watchdog-set-action",
            Command::WatchdogSetAction(WatchdogAction::None),
            "to none",
        ),
        command("x-exit-preconfig", Command::ExitPreconfig, ""),
    ]
}

fn migration_commands() -> Vec<Act> {
    let incoming = |channel, exit_on_error| Command::MigrateIncoming {
        channel,
        exit_on_error,
    };
    let unknown = "a protocol that QEMU does not know";
    vec![
        command("migrate", Command::Migrate(Channel::Good), ""),
        command(
            "migrate, unknown protocol",
            Command::Migrate(Channel::UnknownProtocol),
            unknown,
        ),
        command(
            "migrate, no connection",
            Command::Migrate(Channel::FailsAtOnce),
            "a channel that fails while the command runs",
        ),
        command("migrate resume", Command::MigrateResume, ""),
        command("migrate_cancel", Command::MigrateCancel, ""),
        command(
            "migrate-continue",
            Command::MigrateContinue(MigrationStatus::PreSwitchover),
            "from pre-switchover",
        ),
        command("migrate-start-postcopy", Command::MigrateStartPostcopy, ""),
        command("migrate-pause", Command::MigratePause, ""),
        command("migrate-recover", Command::MigrateRecover, ""),
        command(
            "migrate-set-capabilities",
            Command::MigrateSetCapability(Capability::Events, true),
            "events on",
        ),
        command("migrate-incoming", incoming(Channel::Good, true), ""),
        command(
            "migrate-incoming, unknown protocol",
            incoming(Channel::UnknownProtocol, true),
            unknown,
        ),
        command(
            "x-colo-lost-heartbeat",
            Command::ColoLostHeartbeat,
            "a COLO failover",
        ),
    ]
}

fn snapshot_commands() -> Vec<Act> {
    let found = |suspended| Load::Found { suspended };
    vec![
        command("savevm", Command::Savevm, "human monitor"),
        command(
            "loadvm",
            Command::Loadvm(found(false)),
            "a snapshot of a running VM",
        ),
        command(
            "loadvm, of suspended",
            Command::Loadvm(found(true)),
            "a snapshot of a suspended VM",
        ),
        command(
            "loadvm, missing",
            Command::Loadvm(Load::Missing),
            "no such snapshot",
        ),
        command("snapshot-save", Command::SnapshotSave { succeeds: true }, ""),
        command(
            "snapshot-save, failing",
            Command::SnapshotSave { succeeds: false },
            "",
        ),
        command(
            "snapshot-load",
            Command::SnapshotLoad(found(false)),
            "a snapshot of a running VM",
        ),
        command(
            "snapshot-load, of suspended",
            Command::SnapshotLoad(found(true)),
            "a snapshot of a suspended VM",
        ),
        command(
            "snapshot-load, missing",
            Command::SnapshotLoad(Load::Missing),
            "no such snapshot",
        ),
        command("snapshot-delete", Command::SnapshotDelete { succeeds: true }, ""),
        command("job-dismiss", Command::JobDismiss, "of the snapshot job"),
        command(
            "dump-guest-memory",
            Command::DumpGuestMemory { detach: false },
            "",
        ),
        command(
            "dump-guest-memory, detached",
            Command::DumpGuestMemory { detach: true },
            "",
        ),
        command("xen-save-devices-state", Command::XenSaveDevicesState, ""),
    ]
}

fn host() -> Vec<Act> {
    let one = |name: &str, host, note| Act::new(format!("host {name}"), Input::Host(host), note);
    vec![
        one("signal", Host::Signal, "SIGTERM, SIGINT or SIGHUP"),
        one("ui-close", Host::UiClose, "the window is closed"),
        one("gdb attach", Host::GdbAttach, ""),
        one("gdb interrupt", Host::GdbInterrupt, ""),
        one("gdb continue", Host::GdbContinue, ""),
        one("gdb detach", Host::GdbDetach, ""),
        one("gdb kill", Host::GdbKill, ""),
        one(
            "migration converges",
            Host::MigrationConverges,
            "as far as it can go",
        ),
        one("migration fails", Host::MigrationFails, "the other end breaks"),
        one(
            "migration settles",
            Host::MigrationSettles,
            "what a cancel or failover left to do",
        ),
        one("incoming fails", Host::IncomingFails, "the stream breaks"),
        one("dump completes", Host::DumpCompletes, "a detached dump"),
        one("job completes", Host::JobCompletes, "a snapshot job"),
    ]
}

/// The incoming stream, by what it says of its source.
fn arrivals() -> Vec<Act> {
    let one = |name: &str, status, suspended, postcopy, note| {
        let stream = Stream {
            status,
            suspended,
            postcopy,
        };
        Act::new(
            format!("host incoming arrives, {name}"),
            Input::Host(Host::IncomingArrives(stream)),
            note,
        )
    };
    let mut acts: Vec<Act> = RunState::ALL
        .iter()
        .map(|&status| one(status.name(), status, false, false, "what the source was"))
        .collect();
    acts.push(one(
        "paused while suspended",
        RunState::Paused,
        true,
        false,
        "what the source was",
    ));
    acts.push(one(
        "postcopy",
        RunState::Running,
        false,
        true,
        "a postcopy of a running VM",
    ));
    acts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_inputs_are_unique() {
        let acts = acts();
        for (i, act) in acts.iter().enumerate() {
            for other in &acts[i + 1..] {
                assert_ne!(act.name, other.name);
                assert_ne!(act.input, other.input, "{} and {}", act.name, other.name);
            }
        }
    }

    #[test]
    fn people_name_them_in_short() {
        let named = |text: &str| -> Vec<String> {
            let all = acts().into_iter().filter(|act| act.answers_to(text));
            all.map(|act| act.name).collect()
        };
        assert_eq!(named("panic"), ["guest panic"]);
        assert_eq!(named("guest panic"), ["guest panic"]);
        assert_eq!(named("System-Reset"), ["system_reset"]);
        assert_eq!(named("gdb").len(), 5);
        assert_eq!(named("io-error").len(), 3);
        assert_eq!(named("migrate").len(), 4);
        assert!(named("pan").is_empty());
    }
}
