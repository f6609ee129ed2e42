//! What was told, in words: short for people, QMP's own shape for programs.

use runstate::{Event, MigrationStatus, Refusal, RunState};
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{
    act::Act,
    told::{Form, Reply, Step},
};

/// An event in short: its name, and what tells it from others of that name.
#[must_use]
pub fn event(event: Event) -> String {
    let name = event.name();
    match event {
        Event::Shutdown(cause) | Event::Reset(cause) => format!("{name} {cause}"),
        Event::Watchdog(action) => format!("{name} {action}"),
        Event::GuestPanicked(action) | Event::GuestCrashloaded(action) => format!("{name} {action}"),
        Event::MemoryFailure(failure) => format!("{name} {} {}", failure.recipient, failure.action),
        Event::BlockIoError(action) => format!("{name} {action}"),
        Event::Migration(status) => format!("{name} {status}"),
        Event::MigrationPass(pass) => format!("{name} {pass}"),
        Event::ColoExit(mode, reason) => format!("{name} {mode} {reason}"),
        Event::JobStatusChange(status) => format!("{name} {status}"),
        Event::Powerdown
        | Event::Stop
        | Event::Resume
        | Event::Suspend
        | Event::SuspendDisk
        | Event::Wakeup
        | Event::GuestPvshutdown
        | Event::DumpCompleted => name.to_owned(),
    }
}

/// QEMU's words for a refusal of that act, with what the core leaves open filled in or named in capitals.
#[must_use]
pub fn refusal(refusal: Refusal, act: &Act) -> String {
    let open = if let Refusal::NotInExpectedState(status) = refusal {
        MigrationStatus::name(status)
    } else if refusal == Refusal::OnlyAfterInitialization {
        if act.is_hmp() {
            "human-monitor-command"
        } else {
            act.name.split([' ', ',']).next().unwrap_or_default()
        }
    } else {
        let named = [
            (Refusal::UnknownProtocol, "URI"),
            (Refusal::NotSnapshottable, "DEVICE"),
            (Refusal::SnapshotMissing, "TAG"),
            (Refusal::ChannelFailed, "REASON"),
        ];
        named
            .iter()
            .find(|(known, _)| *known == refusal)
            .map_or("ID", |(_, name)| name)
    };
    refusal.words().replace("{}", open)
}

/// A step in short, where it is told to a client or ends QEMU; a change of state is silent and has no words here.
#[must_use]
pub fn step(step: &Step, act: &Act) -> Option<String> {
    Some(match step {
        Step::Event {
            event: what,
            limited,
            form,
        } => {
            let mut text = event(*what);
            match form {
                Form::Plain => {}
                Form::QomPath => text.push_str(" with qom-path"),
                Form::QomPathSwapped => text.push_str(" with device and qom-path swapped"),
            }
            if *limited {
                text.push_str(" (at most 1/s)");
            }
            text
        }
        Step::Return(Reply::Empty) => "return".to_owned(),
        Step::Return(Reply::Status { singlestep: false }) => "return status, running".to_owned(),
        Step::Return(Reply::Status { singlestep: true }) => "return status, singlestep, running".to_owned(),
        Step::Refused(why) if act.is_hmp() && *why != Refusal::OnlyAfterInitialization => {
            format!("return \"Error: {}\"", refusal(*why, act))
        }
        Step::Refused(why) => format!("error \"{}\"", refusal(*why, act)),
        Step::Impossible(why) => format!("cannot happen: {}", why.words()),
        Step::State(_) | Step::Exit(_) | Step::Abort(_) => return None,
    })
}

/// What QEMU says, in order: the steps that have words.
#[must_use]
pub fn says(told: &[Step], act: &Act) -> Vec<String> {
    told.iter().filter_map(|s| step(s, act)).collect()
}

/// How it ends: a state, an exit, an abort.
#[must_use]
pub fn ends(told: &[Step]) -> String {
    match told.last() {
        Some(Step::Exit(status)) => format!("exits {}", status.0),
        Some(Step::Abort(to)) => format!("aborts (-> {to})"),
        Some(Step::Impossible(_)) => String::new(),
        Some(Step::Event { .. } | Step::State(_) | Step::Return(_) | Step::Refused(_)) | None => {
            crate::told::final_state(told).map_or_else(|| "stays".to_owned(), |state| state.name().to_owned())
        }
    }
}

/// A step as programs read it: `{"event": .., "data": ..}`, `{"state": ..}`, `{"return": ..}`, `{"error": ..}`, `{"exit": ..}`,
/// `{"abort": ..}`, `{"impossible": ..}`.
#[derive(Debug)]
pub struct StepJson<'a> {
    /// The step.
    pub step: &'a Step,
    /// The act it came of.
    pub act: &'a Act,
}

impl Serialize for StepJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.step {
            Step::Event { event, limited, form } => {
                map.serialize_entry("event", event.name())?;
                let data = data(*event, *form);
                if !data.is_empty() {
                    map.serialize_entry("data", &Members(&data))?;
                }
                if *limited {
                    map.serialize_entry("rate-limited", &true)?;
                }
            }
            Step::State(state) => map.serialize_entry("state", state.name())?,
            Step::Return(Reply::Empty) => map.serialize_entry("return", &Members(&[]))?,
            Step::Return(Reply::Status { singlestep }) => {
                let members: &[&str] = if *singlestep {
                    &["running", "singlestep", "status"]
                } else {
                    &["running", "status"]
                };
                map.serialize_entry("return-members", members)?;
            }
            Step::Refused(why) => {
                let text = refusal(*why, self.act);
                if self.act.is_hmp() && *why != Refusal::OnlyAfterInitialization {
                    map.serialize_entry("return", &format!("Error: {text}"))?;
                } else {
                    let error = [
                        ("class", Value::Text("GenericError")),
                        ("desc", Value::Owned(text)),
                    ];
                    map.serialize_entry("error", &Members(&error))?;
                }
            }
            Step::Impossible(why) => map.serialize_entry("impossible", why.words())?,
            Step::Exit(status) => map.serialize_entry("exit", &status.0)?,
            Step::Abort(to) => map.serialize_entry("abort", RunState::name(*to))?,
        }
        map.end()
    }
}

/// A member's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A name of the schema.
    Text(&'static str),
    /// Other text.
    Owned(String),
    /// A flag.
    Bool(bool),
    /// A number.
    Number(u8),
    /// Members again.
    Flags(runstate::MemoryFailureFlags),
}

struct Members<'a>(&'a [(&'static str, Value)]);

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// The members of an event's data that the core decides; what travels with the input (panic information, a device) is not among
/// them, except by name where releases differ.
#[must_use]
pub fn data(event: Event, form: Form) -> Vec<(&'static str, Value)> {
    match event {
        Event::Shutdown(cause) | Event::Reset(cause) => vec![
            ("guest", Value::Bool(cause.by_guest())),
            ("reason", Value::Text(cause.name())),
        ],
        Event::Watchdog(action) => vec![("action", Value::Text(action.name()))],
        Event::GuestPanicked(action) | Event::GuestCrashloaded(action) => {
            vec![("action", Value::Text(action.name()))]
        }
        Event::MemoryFailure(failure) => vec![
            ("recipient", Value::Text(failure.recipient.name())),
            ("action", Value::Text(failure.action.name())),
            ("flags", Value::Flags(failure.flags)),
        ],
        Event::BlockIoError(action) => {
            let mut data = vec![("action", Value::Text(action.name()))];
            match form {
                Form::Plain => data.push(("device", Value::Text("DEVICE"))),
                Form::QomPath => {
                    data.push(("device", Value::Text("DEVICE")));
                    data.push(("qom-path", Value::Text("QOM-PATH")));
                }
                Form::QomPathSwapped => {
                    data.push(("device", Value::Text("QOM-PATH")));
                    data.push(("qom-path", Value::Text("DEVICE")));
                }
            }
            data
        }
        Event::Migration(status) => vec![("status", Value::Text(status.name()))],
        Event::MigrationPass(pass) => vec![("pass", Value::Number(pass))],
        Event::ColoExit(mode, reason) => vec![
            ("mode", Value::Text(mode.name())),
            ("reason", Value::Text(reason.name())),
        ],
        Event::JobStatusChange(status) => vec![("status", Value::Text(status.name()))],
        Event::Powerdown
        | Event::Stop
        | Event::Resume
        | Event::Suspend
        | Event::SuspendDisk
        | Event::Wakeup
        | Event::GuestPvshutdown
        | Event::DumpCompleted => Vec::new(),
    }
}
