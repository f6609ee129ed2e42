//! QMP as far as a property test needs it: what an input is called, and an endpoint that is driven by inputs.

use std::io::{self, BufRead, Write};

use runstate::{Answer, Command, Guest, Input};
use serde_json::{Value, json};

use super::Reference;

/// The QMP command that brings an input about: a command is itself, and the guest acts by the stand-in's `x-guest`.
///
/// `None` for what takes more than a name: disks that fail, files, migrations.
#[must_use]
pub fn message(input: Input) -> Option<Value> {
    let command = match input {
        Input::Guest(Guest::IoError(_) | Guest::MemoryFailure(_) | Guest::DebugExit(_)) | Input::Host(_) => {
            return None;
        }
        Input::Guest(guest) => {
            return Some(json!({ "execute": "x-guest", "arguments": { "action": guest.name() } }));
        }
        Input::Command(command) => command,
    };
    let arguments = match command {
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
        | Command::ColoLostHeartbeat => None,
        Command::SetAction(change) => Some(json!(change)),
        Command::WatchdogSetAction(action) => Some(json!({ "action": action })),
        Command::Migrate(_)
        | Command::MigrateResume
        | Command::MigrateContinue(_)
        | Command::MigrateRecover
        | Command::MigrateSetCapability(..)
        | Command::MigrateSetCprReboot(_)
        | Command::MigrateIncoming { .. }
        | Command::Savevm
        | Command::Loadvm(_)
        | Command::SnapshotSave { .. }
        | Command::SnapshotLoad(_)
        | Command::SnapshotDelete { .. }
        | Command::JobDismiss
        | Command::DumpGuestMemory { .. }
        | Command::XenSaveDevicesState => return None,
    };
    let name = command.name();
    Some(match arguments {
        None => json!({ "execute": name }),
        Some(arguments) => json!({ "execute": name, "arguments": arguments }),
    })
}

/// An endpoint that speaks QMP: a VMM that wants to be as QEMU is, or the stand-in.
#[derive(Debug)]
pub struct Endpoint<R, W> {
    from: R,
    to: W,
}

impl<R: BufRead, W: Write> Endpoint<R, W> {
    /// Takes the greeting, and negotiates.
    ///
    /// # Errors
    ///
    /// It does not speak QMP.
    pub fn open(from: R, to: W) -> io::Result<Self> {
        let mut endpoint = Self { from, to };
        match endpoint.message()? {
            Some(greeting) if greeting.get("QMP").is_some() => {}
            other => return Err(io::Error::other(format!("no greeting: {other:?}"))),
        }
        let (_, reply) = endpoint.execute(&json!({ "execute": "qmp_capabilities" }))?;
        match reply {
            Some(reply) if reply.get("return").is_some() => Ok(endpoint),
            other => Err(io::Error::other(format!("no negotiation: {other:?}"))),
        }
    }

    fn message(&mut self) -> io::Result<Option<Value>> {
        let mut line = String::new();
        if self.from.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        serde_json::from_str(&line).map(Some).map_err(io::Error::other)
    }

    /// Sends a command; the events that come, and the reply after them. No reply: the endpoint has closed.
    ///
    /// # Errors
    ///
    /// What comes is no QMP.
    pub fn execute(&mut self, command: &Value) -> io::Result<(Vec<Value>, Option<Value>)> {
        // Who has gone cannot be written to, and its last words can still be read.
        let _ = writeln!(self.to, "{command}").and_then(|()| self.to.flush());
        let mut events = Vec::new();
        while let Some(message) = self.message()? {
            if message.get("event").is_none() {
                return Ok((events, Some(message)));
            }
            events.push(message);
        }
        Ok((events, None))
    }

    /// Brings the input about, and sees that the endpoint does as QEMU does: the same events in the same order, a reply or an error,
    /// the same run state. Events that come after the reply are found by the question for the state that follows.
    ///
    /// # Panics
    ///
    /// The endpoint does otherwise, or the input is none that a command brings about.
    pub fn step(&mut self, input: Input, qemu: &Reference) {
        let command = message(input).expect("an input that a command brings about");
        let (mut said, reply) = self.execute(&command).expect("QMP comes");
        let expected = qemu.events();
        let names = |events: &[Value]| -> Vec<String> {
            let name = |event: &Value| event["event"].as_str().unwrap_or_default().to_owned();
            events.iter().map(name).collect()
        };
        let mut late = Vec::new();
        if qemu.vm.is_gone() {
            // Its last words.
            while reply.is_some()
                && let Some(message) = self.message().expect("QMP comes")
            {
                late.push(message);
            }
        } else {
            let reply = reply.expect("it is there, and so it replies");
            let done = qemu.answer == Answer::Done;
            assert_eq!(
                reply.get("return").is_some(),
                done,
                "the reply to {command}: {reply}"
            );
            let asked = self.execute(&json!({ "execute": "query-status" }));
            let (events, status) = asked.expect("QMP comes");
            let status = status.expect("it is there, and so it replies");
            let state = qemu.vm.run_state().name();
            assert_eq!(status["return"]["status"], state, "the state after {command}");
            late = events;
        }
        let in_time = said.len();
        said.extend(late);
        let expected: Vec<_> = expected.iter().map(|event| event.name()).collect();
        assert_eq!(names(&said), expected, "the events of {command}");
        // A command's events come before its reply where the release says so; a guest's have no reply to be compared with.
        if matches!(input, Input::Command(_)) && qemu.vm.release().reply_after_pass() {
            assert_eq!(
                in_time,
                said.len(),
                "the events of {command} come after its reply"
            );
        }
    }
}
