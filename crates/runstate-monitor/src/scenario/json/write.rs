//! Scenarios to JSON.

use core::fmt::Write as _;

use runstate::{Guest, Host};
use runstate_qmp::{Object, Value, object};

use crate::scenario::print::{AsWritten, host_name};
use crate::scenario::{Action, Exit, File, Note, Scenario, Step, With, payload};

impl File {
    /// The file as JSON, one document a line.
    #[must_use]
    pub fn to_json_lines(&self) -> String {
        let mut lines = String::new();
        for scenario in &self.scenarios {
            writeln!(lines, "{}", AsWritten(&scenario.to_json())).expect("a string takes all");
        }
        lines
    }
}

impl Scenario {
    /// The scenario as a JSON document.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut document = Object::new();
        if let Some(name) = &self.name {
            document.insert("name", name);
        }
        comment(self.above.iter().chain(&self.notes), &mut document);
        if !self.releases.is_all() {
            document.insert("release", self.releases.to_string());
        }
        let arguments: Value = self.launch.iter().collect();
        document.insert("qemu", arguments);
        if !self.with.is_empty() {
            document.insert("with", self.with.iter().map(with).collect::<Value>());
        }
        let mut steps: Vec<Value> = self.steps.iter().map(|one| step(one).into()).collect();
        let mut below = Object::new();
        comment(self.below.iter(), &mut below);
        if !below.is_empty() {
            steps.push(below.into());
        }
        document.insert("steps", steps);
        document.into()
    }
}

/// The comments among `notes` as the member `comment`, if there are any.
fn comment<'a>(notes: impl Iterator<Item = &'a Note>, object: &mut Object) {
    let lines: Vec<&str> = notes
        .filter_map(|note| match note {
            Note::Blank => None,
            Note::Comment(text) => Some(text.as_str()),
        })
        .collect();
    if !lines.is_empty() {
        object.insert("comment", lines.join("\n"));
    }
}

fn with(with: &With) -> Value {
    let key = with.thing();
    match with {
        With::Disk => key.into(),
        With::IoErrors(errors) => object! { key: errors.name() }.into(),
        With::Vcpus(number) => object! { key: number.get() }.into(),
        With::Snapshot { tag, status } => object! { key: tag, "status": status.name() }.into(),
        With::CpusNotResettable => object! { key: "not-resettable" }.into(),
        With::WakeupOff | With::NmiOff => object! { key: "off" }.into(),
    }
}

fn step(step: &Step) -> Object {
    let mut object = Object::new();
    comment(step.notes.iter(), &mut object);
    action(&step.action, &mut object);
    if step.hold {
        object.insert("hold", true);
    }
    object
}

fn action(action: &Action, object: &mut Object) {
    match action {
        Action::Send(message) => {
            object.insert("send", message.clone());
        }
        Action::Expect(message) => {
            object.insert("expect", message.clone());
        }
        Action::Guest { action, data } => {
            object.insert("guest", action.name());
            if let Guest::DebugExit(code) = action {
                object.insert("code", *code);
            }
            if let Some(data) = data.clone().or_else(|| payload::data_of(*action)) {
                object.insert("data", data);
            }
        }
        Action::Host { action, signal } => {
            object.insert("host", host_name(*action));
            if let Some(signal) = signal {
                object.insert("signal", signal.name());
            }
            if let Host::IncomingArrives(stream) = action {
                object.insert("data", payload::stream_data(*stream));
            }
        }
        Action::Wait(duration) => {
            object.insert("wait", duration.to_string());
        }
        Action::Exit(Exit::Status(status)) => {
            object.insert("exit", *status);
        }
        Action::Exit(Exit::Abort) => {
            object.insert("exit", "abort");
        }
    }
}
