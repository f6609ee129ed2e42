//! `-object`. Most objects are remembered by their id and change nothing; monitors are objects since 11.1.

use runstate::Release;
use runstate_qmp::{Error, Value, arguments::Arguments};

use super::keyval::{self, Keys, Kind, Pairs, Syntax};
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

/// The types of objects of QEMU for x86, of all releases, but for monitors. `ObjectType`, qapi/qom.json; those for other boards
/// are left out.
const TYPES: &[&str] = &[
    "acpi-generic-initiator",
    "acpi-generic-port",
    "authz-list",
    "authz-listfile",
    "authz-pam",
    "authz-simple",
    "can-bus",
    "can-host-socketcan",
    "colo-compare",
    "cryptodev-backend",
    "cryptodev-backend-builtin",
    "cryptodev-backend-lkcf",
    "cryptodev-vhost-user",
    "dbus-vmstate",
    "filter-buffer",
    "filter-dump",
    "filter-mirror",
    "filter-redirector",
    "filter-replay",
    "filter-rewriter",
    "igvm-cfg",
    "input-barrier",
    "input-linux",
    "iommufd",
    "iothread",
    "main-loop",
    "memory-backend-epc",
    "memory-backend-file",
    "memory-backend-memfd",
    "memory-backend-ram",
    "memory-backend-shm",
    "pr-manager-helper",
    "qtest",
    "rng-builtin",
    "rng-egd",
    "rng-random",
    "secret",
    "secret_keyring",
    "sev-guest",
    "sev-snp-guest",
    "tdx-guest",
    "thread-context",
    "throttle-group",
    "tls-cipher-suites",
    "tls-creds-anon",
    "tls-creds-psk",
    "tls-creds-x509",
    "x-remote-object",
    "x-vfio-user-server",
];

/// Whether there is such a type. Only of monitors it is known since when.
pub(crate) fn is_known(release: Release, kind: &str) -> bool {
    match monitor_mode(kind) {
        Some(_) => release >= Release::V11_1,
        None => TYPES.contains(&kind),
    }
}

/// The type, if there is such a one. `visit_type_ObjectOptions()`, which looks at it before it looks at the id.
fn known(release: Release, kind: Option<&str>) -> Result<&str, Report> {
    let kind = kind.ok_or_else(|| Report::error("Parameter 'qom-type' is missing"))?;
    if is_known(release, kind) {
        Ok(kind)
    } else {
        Err(bad_value(release, "qom-type", kind))
    }
}

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
    let kind = text("qom-type");
    let kind = known(release, kind.as_deref())?;
    let id = text("id").ok_or_else(|| Report::error("Parameter 'id' is missing"))?;
    let Some(mode) = monitor_mode(kind) else {
        return Ok((id, None));
    };
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
    let pairs = keyval::parse(argument, syntax(&[]), &mut parser.options.warnings)?;
    if let Some(id) = &pairs.id {
        if parser.pending.object_ids.contains(id) {
            return Err(Report::error(format!("Duplicate ID '{id}' for object")));
        }
        parser.pending.object_ids.push(id.clone());
    }
    let kind = known(parser.release, pairs.get("qom-type"))?;
    let Some(mode) = monitor_mode(kind) else {
        return Ok((id_of(&pairs)?, None));
    };
    // Once more, now that it is known what it takes. What was warned of is not warned of again.
    let pairs = keyval::parse(argument, syntax(keys_of(mode)), &mut Vec::new())?;
    let monitor = of_pairs(parser.release, mode, &pairs)?;
    Ok((id_of(&pairs)?, Some(monitor)))
}

fn id_of(pairs: &Pairs) -> Result<String, Report> {
    let id = pairs.id.clone();
    id.ok_or_else(|| Report::error("Parameter 'id' is missing"))
}

const fn keys_of(mode: MonitorMode) -> Keys {
    match mode {
        MonitorMode::Control => QMP_KEYS,
        MonitorMode::Readline => HMP_KEYS,
    }
}

/// Takes a section `[object "ID"]` of a configuration file. `qemu_parse_config_group()`, system/vl.c.
pub(crate) fn take_section(
    parser: &mut Parser<'_>,
    location: &str,
    id: Option<String>,
    list: Vec<(String, String)>,
) -> Result<(), Report> {
    let kind = list.iter().find(|(key, _)| key == "qom-type");
    let kind = known(parser.release, kind.map(|(_, kind)| kind.as_str()))?;
    let mode = monitor_mode(kind);
    let mut pairs = Pairs {
        id,
        ..Pairs::default()
    };
    for (key, value) in list {
        pairs.push(mode.map_or(&[], keys_of), key, value)?;
    }
    let id = id_of(&pairs)?;
    match mode {
        Some(mode) => {
            let monitor = of_pairs(parser.release, mode, &pairs)?;
            parser.pending.object_monitors.push(MonitorOption {
                location: location.to_owned(),
                ..monitor
            });
        }
        None => parser.options.ignored.push(format!("[object] of {location}")),
    }
    parser.options.objects.push(id);
    Ok(())
}

fn of_pairs(release: Release, mode: MonitorMode, pairs: &Pairs) -> Result<MonitorOption, Report> {
    let id = id_of(pairs)?;
    let chardev = pairs.get("chardev").map(str::to_owned);
    let chardev = chardev.ok_or_else(|| Report::error("Parameter 'chardev' is missing"))?;
    let action = pairs.get("close-action").unwrap_or("none");
    let deletes_on_close = close_action(action).ok_or_else(|| bad_value(release, "close-action", action))?;
    Ok(MonitorOption {
        location: String::new(),
        chardev,
        mode,
        pretty: pairs.is_on("pretty", false),
        id: Some(id),
        deletes_on_close,
    })
}
