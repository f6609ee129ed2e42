//! `-object`. Most objects are remembered by their id and change nothing; monitors are objects since 11.1.

use runstate::Release;
use runstate_qmp::{Error, Value, arguments::Arguments};

use super::keyval::{self, Keys, Kind, Syntax};
use super::parse::Parser;
use super::report::Report;
use super::{MonitorMode, MonitorOption};

/// `MonitorQMPProperties`, qapi/qom.json.
const QMP_KEYS: Keys = &[
    ("qom-type", Kind::Text),
    ("chardev", Kind::Text),
    ("pretty", Kind::Bool),
    ("close-action", Kind::Text),
];
/// `MonitorHMPProperties`, qapi/qom.json.
const HMP_KEYS: Keys = &[
    ("qom-type", Kind::Text),
    ("chardev", Kind::Text),
    ("readline", Kind::Bool),
];

/// What an object of this type speaks, if it is a monitor.
pub(crate) fn monitor_mode(kind: &str) -> Option<MonitorMode> {
    match kind {
        "monitor-qmp" => Some(MonitorMode::Control),
        "monitor-hmp" => Some(MonitorMode::Readline),
        _ => None,
    }
}

/// The words for a second object of the same id. `object_property_try_add()`, qom/object.c.
pub(crate) fn duplicate(id: &str) -> String {
    format!("attempt to add duplicate property '{id}' to object (type 'container')")
}

/// The words for a value that an enum does not have.
pub(crate) fn bad_value(release: Release, key: &str, value: &str) -> Report {
    Report::error(if release.enum_error_names_parameter() {
        format!("Parameter '{key}' does not accept value '{value}'")
    } else {
        format!("Invalid parameter '{value}'")
    })
}

/// Takes one `-object`, in either spelling. `object_option_parse()`, system/vl.c.
pub(crate) fn take(parser: &mut Parser<'_>, location: &str, argument: &str) -> Result<(), Report> {
    let (id, monitor) = if argument.starts_with('{') {
        from_json(parser.release, argument)?
    } else {
        from_pairs(parser, argument)?
    };
    match monitor {
        Some(monitor) => parser.pending.object_monitors.push(MonitorOption {
            location: location.to_owned(),
            ..monitor
        }),
        None => parser.options.ignored.push(location.to_owned()),
    }
    parser.options.objects.push(id);
    Ok(())
}

/// No two objects have the same id.
pub(crate) fn check_ids(parser: &Parser<'_>) -> Result<(), Report> {
    let ids = &parser.options.objects;
    let again = ids.iter().enumerate().find(|(at, id)| ids[..*at].contains(id));
    again.map_or(Ok(()), |(_, id)| Err(Report::error(duplicate(id))))
}

fn from_json(release: Release, argument: &str) -> Result<(String, Option<MonitorOption>), Report> {
    let value = Value::parse(argument.as_bytes()).map_err(|error| Report::error(error.words()))?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let (kind, id) = (text("qom-type").unwrap_or_default(), text("id"));
    let id = id.ok_or_else(|| Report::error("Parameter 'id' is missing"))?;
    let Some(mode) = monitor_mode(&kind) else {
        return Ok((id, None));
    };
    if release < Release::V11_1 {
        return Err(bad_value(release, "qom-type", &kind));
    }
    let object = value.as_object().cloned().unwrap_or_default();
    let mut arguments = Arguments::new(&object);
    for key in ["qom-type", "id"] {
        let _ = arguments.optional(key);
    }
    let monitor = monitor(mode, &id, arguments).map_err(|error| Report::error(error.desc()))?;
    Ok((id, Some(monitor)))
}

/// A monitor of what is left of the arguments of an object after its type and id.
///
/// # Errors
///
/// What is missing, wrong or too much, in QEMU's words.
pub(crate) fn monitor(
    mode: MonitorMode,
    id: &str,
    mut arguments: Arguments<'_>,
) -> Result<MonitorOption, Error> {
    let chardev = arguments.required("chardev")?.string()?.to_owned();
    let mut pretty = false;
    let mut deletes_on_close = false;
    match mode {
        MonitorMode::Control => {
            if let Some(value) = arguments.optional("pretty") {
                pretty = value.boolean()?;
            }
            if let Some(value) = arguments.optional("close-action") {
                deletes_on_close = value.one_of(close_action)?;
            }
        }
        MonitorMode::Readline => {
            if let Some(value) = arguments.optional("readline") {
                value.boolean()?;
            }
        }
    }
    arguments.finish()?;
    Ok(MonitorOption {
        location: String::new(),
        chardev,
        mode,
        pretty,
        id: Some(id.to_owned()),
        deletes_on_close,
    })
}

/// `MonitorQMPCloseAction`, qapi/qom.json: whether it is `delete`.
fn close_action(name: &str) -> Option<bool> {
    match name {
        "none" => Some(false),
        "delete" => Some(true),
        _ => None,
    }
}

fn from_pairs(parser: &mut Parser<'_>, argument: &str) -> Result<(String, Option<MonitorOption>), Report> {
    let syntax = |keys| Syntax {
        implied: Some("qom-type"),
        keys,
    };
    let mut pairs = keyval::parse(argument, syntax(&[]), &mut parser.options.warnings)?;
    let id = pairs.id.clone();
    let id = id.ok_or_else(|| Report::error("Parameter 'id' is missing"))?;
    if parser.pending.object_ids.contains(&id) {
        return Err(Report::error(format!("Duplicate ID '{id}' for object")));
    }
    parser.pending.object_ids.push(id.clone());
    let kind = pairs.get("qom-type").unwrap_or_default();
    let Some(mode) = monitor_mode(kind) else {
        return Ok((id, None));
    };
    if parser.release < Release::V11_1 {
        return Err(bad_value(parser.release, "qom-type", kind));
    }
    let keys = match mode {
        MonitorMode::Control => QMP_KEYS,
        MonitorMode::Readline => HMP_KEYS,
    };
    // Once more, now that it is known what it takes. What was warned of is not warned of again.
    pairs = keyval::parse(argument, syntax(keys), &mut Vec::new())?;
    let chardev = pairs.get("chardev").map(str::to_owned);
    let chardev = chardev.ok_or_else(|| Report::error("Parameter 'chardev' is missing"))?;
    let action = pairs.get("close-action").unwrap_or("none");
    let deletes_on_close =
        close_action(action).ok_or_else(|| bad_value(parser.release, "close-action", action))?;
    let monitor = MonitorOption {
        location: String::new(),
        chardev,
        mode,
        pretty: pairs.is_on("pretty", false),
        id: Some(id.clone()),
        deletes_on_close,
    };
    Ok((id, Some(monitor)))
}
