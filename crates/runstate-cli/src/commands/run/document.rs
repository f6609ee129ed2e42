//! What came of scenarios, for programs: `--output=json`.

use std::path::Path;

use runstate_monitor::machine::End;
use runstate_monitor::scenario::run::{Difference, Outcome as Verdict, Saw};
use runstate_monitor::scenario::{AsWritten, Error, Exit};
use runstate_qmp::{Object, Value, object};

use super::{Class, Ran};
use crate::ui::name_of;

/// `{"scenarios": [..], "unreadable": [..], "summary": {..}}`
#[derive(Debug, Default)]
pub(super) struct Document {
    scenarios: Vec<Value>,
    unreadable: Vec<Value>,
}

impl Document {
    /// A scenario was run.
    pub(super) fn ran(&mut self, ran: &Ran<'_>) {
        let messages = ran
            .report
            .messages
            .iter()
            .map(|message| Value::parse(message.as_bytes()).expect("QEMU prints JSON"));
        let mut entry = object! {
            "file": &ran.file.name,
            "name": ran.file.title(ran.scenario),
            "line": ran.scenario.line,
            "release": ran.report.release.name(),
            "result": ran.result.name(),
            "messages": messages.collect::<Value>(),
            "end": ran.report.end.map_or(Value::Null, end),
        };
        if !ran.report.stderr.is_empty() {
            entry.insert("stderr", ran.report.stderr.iter().collect::<Value>());
        }
        match &ran.report.outcome {
            Verdict::AsExpected => {}
            Verdict::Differs(difference) => {
                entry.insert("difference", self::difference(difference));
            }
            Verdict::Impossible { line, why } => {
                entry.insert("error", object! { "line": *line, "message": why.words() });
            }
        }
        self.scenarios.push(entry.into());
    }

    /// A file has no scenarios that could be run.
    pub(super) fn unreadable(&mut self, error: &Error) {
        let mut entry = object! {
            "file": error.file(), "line": error.line(), "column": error.column(), "message": error.message(),
        };
        if let Some(hint) = error.hint() {
            entry.insert("hint", hint);
        }
        self.unreadable.push(entry.into());
    }

    /// A file cannot be read.
    pub(super) fn missing(&mut self, path: &Path, message: &str) {
        self.unreadable
            .push(object! { "file": name_of(path), "message": message }.into());
    }

    /// The document.
    pub(super) fn finish(self, classes: &[Class]) -> String {
        let mut summary = object! { "scenarios": classes.len(), "unreadable": self.unreadable.len() };
        for class in Class::ALL {
            let count = classes.iter().filter(|other| *other == class).count();
            summary.insert(class.name(), count);
        }
        let document = object! {
            "scenarios": self.scenarios, "unreadable": self.unreadable, "summary": summary,
        };
        AsWritten(&document.into()).to_string()
    }
}

/// `{"exit": 0}` or `{"abort": {"from": .., "to": ..}}`
fn end(end: End) -> Value {
    match end {
        End::Exit(status) => object! { "exit": status.0 }.into(),
        End::Abort { from, to } => {
            object! { "abort": object! { "from": from.name(), "to": to.name() } }.into()
        }
    }
}

fn difference(difference: &Difference) -> Object {
    let expected = match (&difference.expected, difference.expected_exit) {
        (Some(message), _) => message.clone(),
        (None, Some(Exit::Status(status))) => object! { "exit": status }.into(),
        (None, Some(Exit::Abort)) => object! { "exit": "abort" }.into(),
        (None, None) => Value::Null,
    };
    let said = match &difference.saw {
        Saw::Message(message) => message.clone(),
        Saw::Nothing => Value::Null,
        Saw::End(ended) => end(*ended),
    };
    object! { "line": difference.line, "expected": expected, "said": said }
}
