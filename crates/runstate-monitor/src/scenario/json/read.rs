//! Scenarios from JSON.

use core::num::NonZeroU16;
use std::collections::HashMap;

use runstate::{Guest, Host};
use runstate_qmp::{Object, Value};

use crate::scenario::error::Fault;
use crate::scenario::names::{self, Wrong};
use crate::scenario::shape::{self, Misshapen, Shaped};
use crate::scenario::statement::{self, Piece};
use crate::scenario::{
    Action, Exit, IoErrors, Note, RangeError, ReleaseRange, Scenario, Step, With, locate, parse, payload,
    suggest,
};

const DOCUMENT: &str = "a scenario";
const LAYOUT: &str = "a file has one document, or one a line";
const STEP: &str = "a step";
/// What a step may be.
const ACTIONS: &[&str] = &["send", "expect", "guest", "host", "wait", "exit"];

/// The scenarios of a text: one document, or one a line.
pub(in crate::scenario) fn read(file: &str, text: &str) -> Result<Vec<Scenario>, Fault> {
    let whole = Piece::new(text);
    let error = match Value::parse(text.as_bytes()) {
        Ok(value) => return Ok(vec![document(whole, 1, &value)?]),
        Err(error) => error,
    };
    let first = text.trim_start().lines().next().unwrap_or_default();
    if Value::parse(first.as_bytes()).is_err() {
        let fault = statement::not_json(whole, &error);
        return Err(fault.hint(LAYOUT));
    }
    lines(file, text)
}

/// One document a line.
fn lines(file: &str, text: &str) -> Result<Vec<Scenario>, Fault> {
    let mut scenarios = Vec::new();
    let mut names = HashMap::new();
    let mut start = 0;
    for (index, line) in text.split('\n').enumerate() {
        let number = index + 1;
        let piece = Piece { text: line, start };
        start += line.len() + 1;
        if line.trim().is_empty() {
            continue;
        }
        let value = Value::parse(line.as_bytes()).map_err(|error| statement::not_json(piece, &error))?;
        let mut scenario = document(piece, number, &value)?;
        let name = scenario
            .name
            .get_or_insert_with(|| format!("{}:{number}", crate::scenario::ast::stem(file)));
        if let Some(first) = names.insert(name.clone(), number) {
            let (message, hint) = parse::name_taken(name, first);
            let misshapen = Misshapen::new(message).hint(hint).member("name");
            return Err(locate::fault(line, piece.start, misshapen));
        }
        scenarios.push(scenario);
    }
    Ok(scenarios)
}

/// The scenario of a document that begins on line `line`.
fn document(piece: Piece<'_>, line: usize, value: &Value) -> Result<Scenario, Fault> {
    let mut scenario =
        scenario(value).map_err(|misshapen| locate::fault(piece.text, piece.start, misshapen))?;
    // Where the steps stand, all in one go.
    let breaks = |text: &str| text.matches('\n').count();
    let begin = piece.text.len() - piece.text.trim_start().len();
    scenario.line = line + breaks(&piece.text[..begin]);
    let (mut at, mut number) = (0, line);
    let mut lines = Vec::new();
    for element in locate::elements(piece.text, "steps") {
        number += breaks(&piece.text[at..element.start]);
        at = element.start;
        lines.push(number);
    }
    // An element that is only a comment has become a note.
    let steps = value.get("steps").and_then(Value::as_array).unwrap_or_default();
    let lines = lines.into_iter().zip(steps).filter(|(_, step)| !is_comment(step));
    for (step, (line, _)) in scenario.steps.iter_mut().zip(lines) {
        step.line = line;
    }
    Ok(scenario)
}

fn scenario(value: &Value) -> Shaped<Scenario> {
    if value.as_array().is_some() {
        return Err(Misshapen::new("a scenario is an object, and this is an array").hint(LAYOUT));
    }
    let object = shape::object(
        value,
        DOCUMENT,
        &["name", "comment", "release", "qemu", "with", "steps"],
    )?;
    let mut scenario = Scenario {
        name: shape::string(object, "name")?.map(name).transpose()?,
        notes: comment(object)?,
        ..Scenario::default()
    };
    if let Some(range) = shape::string(object, "release")? {
        scenario.releases = releases(range)?;
    }
    for (index, argument) in array(object, "qemu")?.iter().enumerate() {
        let argument = self::argument(argument).map_err(|error| error.element(index).member("qemu"))?;
        scenario.launch.push(argument);
    }
    for (index, thing) in array(object, "with")?.iter().enumerate() {
        let with = with(thing)
            .and_then(|with| match parse::excluded(&scenario.with, &with) {
                None => Ok(with),
                Some(wrong) => Err(misshapen(wrong)),
            })
            .map_err(|error| error.element(index).member("with"))?;
        scenario.with.push(with);
    }
    for (index, element) in array(object, "steps")?.iter().enumerate() {
        let within = |error: Misshapen| error.element(index).member("steps");
        if is_comment(element) {
            let object = shape::object(element, STEP, &["comment"]).map_err(within)?;
            scenario.below.extend(comment(object).map_err(within)?);
            continue;
        }
        parse::after_exit(&scenario.steps)
            .map_err(misshapen)
            .map_err(within)?;
        let mut step = step(element).map_err(within)?;
        step.notes.splice(..0, scenario.below.drain(..));
        scenario.steps.push(step);
    }
    Ok(scenario)
}

/// Whether it is a step that only comments.
fn is_comment(step: &Value) -> bool {
    step.as_object()
        .is_some_and(|object| object.len() == 1 && object.contains_key("comment"))
}

fn misshapen((message, hint): Wrong) -> Misshapen {
    Misshapen::new(message).hint(hint)
}

fn array<'a>(object: &'a Object, key: &str) -> Shaped<&'a [Value]> {
    let Some(value) = object.get(key) else {
        return Ok(&[]);
    };
    value.as_array().ok_or_else(|| {
        Misshapen::new(format!("`{key}` is an array, and this is {}", shape::kind(value))).member(key)
    })
}

fn comment(object: &Object) -> Shaped<Vec<Note>> {
    let text = shape::string(object, "comment")?;
    Ok(text.map(Note::lines).unwrap_or_default())
}

fn name(name: &str) -> Shaped<String> {
    let wrong = if name.is_empty() {
        "the scenario has no name"
    } else if name.trim_matches([' ', '\t']) != name {
        "a name neither begins nor ends with a blank"
    } else if name.chars().any(char::is_control) {
        "a name has no control characters"
    } else {
        return Ok(name.to_owned());
    };
    Err(Misshapen::new(wrong).member("name"))
}

fn releases(range: &str) -> Shaped<ReleaseRange> {
    range.parse().map_err(|error: RangeError| {
        misshapen((names::range_error(&error), names::range_hint(&error))).member("release")
    })
}

fn argument(value: &Value) -> Shaped<String> {
    let text = value.as_str().ok_or_else(|| {
        Misshapen::new(format!(
            "an argument is a string, and this is {}",
            shape::kind(value)
        ))
    })?;
    if text.contains(['\n', '\0']) {
        return Err(Misshapen::new("an argument has neither line breaks nor U+0000"));
    }
    Ok(text.to_owned())
}

fn with(value: &Value) -> Shaped<With> {
    let Some(object) = value.as_object() else {
        return match value.as_str() {
            Some("disk") => Ok(With::Disk),
            Some(thing) => Err(Misshapen::new(format!(
                "`{}` says too little about the machine",
                names::shortened(thing)
            ))
            .hint("there are `\"disk\"`, and objects such as `{\"vcpus\": 1}`")),
            None => Err(Misshapen::new(format!(
                "an element of `with` is a string or an object, and this is {}",
                shape::kind(value)
            ))),
        };
    };
    let thing = one_of(object, "an element of `with`", With::THINGS)?;
    let key = thing.unwrap_or("disk");
    let more: &[&str] = if key == "snapshot" {
        &["snapshot", "status"]
    } else {
        &[key]
    };
    shape::object(value, &format!("`{key}`"), more)?;
    let word = |choices: &[&'static str]| {
        let value = shape::required(object, "it", key)?;
        shape::name(value, key, choices, |name| name)
    };
    Ok(match key {
        "io-errors" => With::IoErrors(match word(&["once", "always"])? {
            "once" => IoErrors::Once,
            _ => IoErrors::Always,
        }),
        "vcpus" => {
            let number = shape::number(object, "it", key, u64::from(u16::MAX))?;
            let number = u16::try_from(number).ok().and_then(NonZeroU16::new);
            With::Vcpus(number.ok_or_else(|| Misshapen::new("a machine has at least one vCPU").member(key))?)
        }
        "snapshot" => With::Snapshot {
            tag: shape::string(object, key)?
                .filter(|tag| !tag.is_empty() && !tag.chars().any(char::is_control))
                .ok_or_else(|| Misshapen::new("the snapshot has no name that can be written").member(key))?
                .to_owned(),
            status: payload::status(object)?.unwrap_or(runstate::RunState::Running),
        },
        "cpus" => word(&["not-resettable"]).map(|_| With::CpusNotResettable)?,
        "wakeup" => word(&["off"]).map(|_| With::WakeupOff)?,
        "nmi" => word(&["off"]).map(|_| With::NmiOff)?,
        _ => {
            return Err(Misshapen::new("`disk` has no value")
                .hint("write `\"disk\"`")
                .at_key("disk"));
        }
    })
}

/// The only member of `keys` that the object has.
fn one_of<'a>(object: &Object, what: &str, keys: &[&'a str]) -> Shaped<Option<&'a str>> {
    let mut found = keys.iter().copied().filter(|key| object.contains_key(key));
    let first = found.next();
    if let Some(second) = found.next() {
        let message = format!("{what} is either `{}` or `{second}`", first.unwrap_or_default());
        return Err(Misshapen::new(message).at_key(second));
    }
    if first.is_none()
        && let Some(key) = object.keys().next()
    {
        return Err(
            Misshapen::new(format!("{what} has no member `{}`", names::shortened(key)))
                .hint(suggest::hint(key, keys))
                .at_key(key),
        );
    }
    match first {
        Some(_) => Ok(first),
        None => Err(Misshapen::new(format!("{what} is empty here")).hint(suggest::hint("", keys))),
    }
}

fn step(value: &Value) -> Shaped<Step> {
    let object = value
        .as_object()
        .ok_or_else(|| Misshapen::new(format!("{STEP} is an object, and this is {}", shape::kind(value))))?;
    let kind = action_key(object)?;
    let more: &[&str] = match kind {
        "guest" => &["data", "code"],
        "host" => &["data", "signal"],
        _ => &[],
    };
    let what = format!("{STEP} with `{kind}`");
    shape::object(value, &what, &[&[kind, "hold", "comment"][..], more].concat())?;
    let action = action(object, kind)?;
    let hold = shape::truth(object, "hold")?.unwrap_or(false);
    if hold && !action.can_be_held() {
        return Err(Misshapen::new(format!("`{kind}` cannot be held back"))
            .hint("what happens can be: `send`, `guest` and `host`")
            .at_key("hold"));
    }
    Ok(Step {
        line: 0,
        notes: comment(object)?,
        hold,
        action,
    })
}

/// Which of the actions it is.
fn action_key(object: &Object) -> Shaped<&'static str> {
    let mut plain = object.clone();
    plain.remove("hold");
    plain.remove("comment");
    Ok(one_of(&plain, STEP, ACTIONS)?.unwrap_or_default())
}

fn action(object: &Object, kind: &str) -> Shaped<Action> {
    let value = shape::required(object, STEP, kind)?;
    match kind {
        "send" => Ok(Action::Send(value.clone())),
        "expect" => {
            statement::message(value).map_err(|error| error.member(kind))?;
            Ok(Action::Expect(value.clone()))
        }
        "guest" => guest(object, value),
        "host" => host(object, value),
        "wait" => names::duration_in(shape::text(value, kind)?)
            .map(Action::Wait)
            .map_err(|wrong| misshapen(wrong).member(kind)),
        _ => exit(value).map(Action::Exit).map_err(|error| error.member(kind)),
    }
}

fn guest(object: &Object, name: &Value) -> Shaped<Action> {
    let name = shape::text(name, "guest")?;
    let action = names::guest_action(name).map_err(|wrong| misshapen(wrong).member("guest"))?;
    if let Guest::DebugExit(_) = action {
        let code = shape::number(object, "`debug-exit`", "code", u64::from(u8::MAX))?;
        refuse(object, "data", name)?;
        return Ok(Action::Guest {
            action: Guest::DebugExit(u8::try_from(code).expect("it is at most u8::MAX")),
            data: None,
        });
    }
    refuse(object, "code", name)?;
    let Some(data) = object.get("data") else {
        return Ok(Action::Guest { action, data: None });
    };
    if !names::takes_data(action) {
        refuse(object, "data", name)?;
    }
    let action = names::guest_with(action, data).map_err(|error| error.member("data"))?;
    Ok(Action::Guest {
        action,
        data: Some(data.clone()),
    })
}

fn host(object: &Object, name: &Value) -> Shaped<Action> {
    let name = shape::text(name, "host")?;
    let action = names::host_action(name).map_err(|wrong| misshapen(wrong).member("host"))?;
    let mut signal = None;
    match shape::string(object, "signal")? {
        Some(written) if action == Host::Signal => {
            signal = Some(names::signal_named(written).map_err(|wrong| misshapen(wrong).member("signal"))?);
        }
        Some(_) | None => {}
    }
    if action != Host::Signal {
        refuse(object, "signal", name)?;
    }
    let action = match (action, object.get("data")) {
        (Host::IncomingArrives(_), Some(data)) => {
            Host::IncomingArrives(payload::stream(data).map_err(|error| error.member("data"))?)
        }
        (action, _) => {
            refuse(object, "data", name)?;
            action
        }
    };
    Ok(Action::Host { action, signal })
}

/// The member may not be there with this action.
fn refuse(object: &Object, key: &str, name: &str) -> Shaped<()> {
    let refused = match object.get(key) {
        Some(_) if key == "data" => !matches!(name, "incoming arrives"),
        Some(_) => true,
        None => false,
    };
    if refused {
        return Err(Misshapen::new(format!("`{name}` has no `{key}`")).at_key(key));
    }
    Ok(())
}

fn exit(value: &Value) -> Shaped<Exit> {
    if *value == *"abort" {
        return Ok(Exit::Abort);
    }
    value
        .as_u64()
        .and_then(|status| u8::try_from(status).ok())
        .map(Exit::Status)
        .ok_or_else(|| Misshapen::new("`exit` is a status from 0 to 255, or `\"abort\"`"))
}
