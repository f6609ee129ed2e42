//! What commands and events there are.

use std::collections::BTreeMap;

use runstate_qmp::{Error, Object, Value, arguments::Arguments, object};

use super::super::{Monitor, values};
use super::names;
use crate::commands::COMMANDS;

/// Events that a client may hear here, and whether they have data.
const EVENTS: &[(&str, bool)] = &[
    ("BLOCK_IO_ERROR", true),
    ("COLO_EXIT", true),
    ("DUMP_COMPLETED", true),
    ("GUEST_CRASHLOADED", true),
    ("GUEST_PANICKED", true),
    ("GUEST_PVSHUTDOWN", false),
    ("JOB_STATUS_CHANGE", true),
    ("MEMORY_FAILURE", true),
    ("MIGRATION", true),
    ("MIGRATION_PASS", true),
    ("POWERDOWN", false),
    ("RESET", true),
    ("RESUME", false),
    ("SHUTDOWN", true),
    ("STOP", false),
    ("SUSPEND", false),
    ("SUSPEND_DISK", false),
    ("WAKEUP", false),
    ("WATCHDOG", true),
];

/// Every command, and whether it may be executed out of band.
fn commands(monitor: &Monitor) -> BTreeMap<&str, bool> {
    let machine = COMMANDS.iter().map(|info| (info.name, info.allow_oob));
    let own = names().map(|own| (own.name, own.allow_oob));
    let values = values::names().map(|name| (name, false));
    let recorded = monitor.profile().commands().map(|(name, _)| (name, false));
    machine
        .chain(own)
        .chain(values)
        .chain(recorded)
        .chain([("qmp_capabilities", false)])
        .collect()
}

/// The commands that there really are; those of a recorded QEMU where its profile has the list.
pub(super) fn query_commands(monitor: &mut Monitor, arguments: &Object) -> Result<Value, Error> {
    Arguments::new(arguments).finish()?;
    if let Some(recorded) = monitor.profile().returned("query-commands") {
        return Ok(recorded.clone());
    }
    // QEMU lists the one registered last first.
    Ok(commands(monitor)
        .into_keys()
        .rev()
        .map(|name| Value::from(object! { "name": name }))
        .collect())
}

/// The schema of a recorded QEMU, or else the commands and events without their arguments.
pub(super) fn query_qmp_schema(monitor: &mut Monitor, arguments: &Object) -> Result<Value, Error> {
    Arguments::new(arguments).finish()?;
    if let Some(recorded) = monitor.profile().returned("query-qmp-schema") {
        return Ok(recorded.clone());
    }
    let empty = object! { "name": "0", "meta-type": "object", "members": Value::Array(Vec::new()) };
    let any = object! { "name": "any", "meta-type": "builtin", "json-type": "value" };
    let commands = commands(monitor).into_iter().map(|(name, oob)| {
        let command = object! { "name": name, "meta-type": "command", "arg-type": "0", "ret-type": "0" };
        if oob {
            command.with("allow-oob", true)
        } else {
            command
        }
    });
    let events = EVENTS
        .iter()
        .map(|(name, _)| object! { "name": *name, "meta-type": "event", "arg-type": "0" });
    Ok(commands
        .chain(events)
        .chain([empty, any])
        .map(Value::from)
        .collect::<Value>())
}
