//! `x-guest` and `x-host`: the client says what the guest does, or what happens on the host.
//!
//! `{"execute": "x-guest", "arguments": {"action": "panic", "data": {..}}}`, with the actions of scenarios.

use runstate_qmp::{Error, Layout, Object, Value, arguments::Arguments};

use super::super::Monitor;
use super::Action;
use crate::scenario;

pub(super) fn guest(monitor: &mut Monitor, arguments: &Object) -> Result<Value, Error> {
    act(monitor, arguments, "guest")
}

pub(super) fn host(monitor: &mut Monitor, arguments: &Object) -> Result<Value, Error> {
    act(monitor, arguments, "host")
}

fn act(monitor: &mut Monitor, arguments: &Object, who: &str) -> Result<Value, Error> {
    let mut checked = Arguments::new(arguments);
    let action = checked.required("action")?.string()?;
    let data = checked
        .optional("data")
        .map(|data| data.any().print(Layout::Compact));
    checked.finish()?;
    let action = read(&format!("{who} {action} {}", data.unwrap_or_default())).map_err(Error::generic)?;
    monitor.own.actions.push(action);
    Ok(Value::empty())
}

/// Reads a line of a scenario that says what the guest does or what happens on the host: `guest panic`.
pub(crate) fn read(line: &str) -> Result<Action, String> {
    let no_action = || format!("'{}' is no action of a guest or a host", line.trim());
    if line.chars().any(char::is_control) {
        return Err(no_action());
    }
    let file = scenario::File::parse("action", line.as_bytes()).map_err(|error| match error.hint() {
        Some(hint) => format!("{}; {hint}", error.message()),
        None => error.message().to_owned(),
    })?;
    let step = file
        .scenarios
        .into_iter()
        .flat_map(|scenario| scenario.steps)
        .next()
        .ok_or_else(no_action)?;
    match step.action {
        scenario::Action::Guest { action, data } => Ok(Action::Guest(action, data)),
        scenario::Action::Host { action, .. } => Ok(Action::Host(action)),
        scenario::Action::Send(_)
        | scenario::Action::Expect(_)
        | scenario::Action::Wait(_)
        | scenario::Action::Exit(_) => Err(no_action()),
    }
}
