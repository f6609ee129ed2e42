//! Where QEMU says something else, for people.

use runstate_monitor::machine::End;
use runstate_monitor::scenario::run::{Difference, Saw};
use runstate_monitor::scenario::{Action, AsWritten, Error, Exit, Step};
use runstate_qmp::Value;

use super::Ran;

/// What differs, with the line, what was expected and what came.
pub(super) fn describe(ran: &Ran<'_>, difference: &Difference) -> String {
    let mut message = format!("QEMU {} {}", ran.report.release, what(ran, difference));
    if let Some(name) = &ran.scenario.name {
        message += &format!(" (scenario {name})");
    }
    let error = Error::on_line(&ran.file.name, ran.text, difference.line, message, None);
    let mut text = error.to_string();
    if let Some(expected) = &difference.expected {
        text += &format!("\nexpected {}", AsWritten(expected));
    } else if let Some(exit) = difference.expected_exit {
        text += &format!("\nexpected exit {exit}");
    }
    if let Saw::Message(said) = &difference.saw {
        let said = without_timestamp(said, difference.expected.as_ref());
        text += &format!("\n    says {}", AsWritten(&said));
    }
    text
}

fn what(ran: &Ran<'_>, difference: &Difference) -> String {
    let expected = difference.expected.is_some();
    match &difference.saw {
        Saw::Message(_) if expected => "says something else".to_owned(),
        Saw::Message(_) if is_done(ran, difference.line) => "says more than this".to_owned(),
        Saw::Message(_) => "says more before this".to_owned(),
        Saw::Nothing if expected => "says nothing more".to_owned(),
        Saw::Nothing => "has not ended".to_owned(),
        Saw::End(end) if expected || difference.expected_exit.is_some() => ended(*end),
        Saw::End(end) => format!("{}, and the scenario has no `exit`", ended(*end)),
    }
}

/// Whether the step on that line was come to, so that what is too much came after it.
fn is_done(ran: &Ran<'_>, line: usize) -> bool {
    let done = &ran.report.transcript.steps;
    let on_line = |step: &&Step| step.line == line;
    match ran.scenario.steps.iter().find(on_line).map(|step| &step.action) {
        Some(Action::Expect(_)) => true,
        Some(Action::Send(_) | Action::Guest { .. } | Action::Host { .. } | Action::Wait(_)) => {
            done.iter().any(|step| step.line == line)
        }
        Some(Action::Exit(_)) | None => false,
    }
}

/// How QEMU ended, in words.
fn ended(end: End) -> String {
    match end {
        End::Exit(status) => format!("has ended with status {}", Exit::Status(status.0)),
        End::Abort { from, to } if from == to => format!("has aborted in '{from}': an assertion failed"),
        End::Abort { from, to } => format!("has aborted: invalid runstate transition: '{from}' -> '{to}'"),
    }
}

/// The timestamp is of interest only where one was expected.
fn without_timestamp(said: &Value, expected: Option<&Value>) -> Value {
    let mut said = said.clone();
    if expected.is_none_or(|expected| expected.get("timestamp").is_none())
        && let Some(object) = said.as_object_mut()
    {
        object.remove("timestamp");
    }
    said
}
