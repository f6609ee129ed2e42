//! Commands that have little to do with run states: what they return where no profile says better.

use runstate_qmp::{Error, ErrorClass, Object, Value, arguments::Arguments, object};

use crate::profile::Profile;

/// Commands that the machine answers, and the profile better.
pub(super) const PROFILE_FIRST: &[&str] = &["query-target", "query-version"];

/// Commands that return an empty list: there is none of what they ask for.
const EMPTY_LISTS: &[&str] = &[
    "query-block",
    "query-block-exports",
    "query-block-jobs",
    "query-blockstats",
    "query-fdsets",
    "query-iothreads",
    "query-memdev",
    "query-memory-devices",
    "query-mice",
    "query-named-block-nodes",
    "query-pci",
    "query-pr-managers",
    "query-rx-filter",
    "query-tpm-models",
    "query-tpm-types",
    "query-yank",
];

/// Commands that change what has nothing to do with run states: they are taken and return nothing.
const TAKEN: &[&str] = &[
    "add_client",
    "announce-self",
    "block_set_io_throttle",
    "blockdev-add",
    "blockdev-del",
    "closefd",
    "eject",
    "expire_password",
    "getfd",
    "netdev_add",
    "netdev_del",
    "set_link",
    "set_password",
];

/// Commands that look something up by name.
const LOOKUPS: &[&str] = &[
    "device-list-properties",
    "qom-get",
    "qom-list",
    "qom-list-properties",
    "query-cpu-model-expansion",
];

/// Other commands that [`unknown`] answers.
const OTHERS: &[&str] = &[
    "balloon",
    "query-balloon",
    "query-command-line-options",
    "qom-list-types",
    "ringbuf-read",
];

/// Commands of this module and of profiles that may run before the machine exists. `allow-preconfig` in the schema.
pub(super) const ALLOWED_IN_PRECONFIG: &[&str] = &[
    "blockdev-add",
    "blockdev-del",
    "device-list-properties",
    "netdev_add",
    "netdev_del",
    "qom-get",
    "qom-list",
    "qom-list-properties",
    "qom-list-types",
    "query-block",
    "query-block-exports",
    "query-block-jobs",
    "query-blockstats",
    "query-command-line-options",
    "query-iothreads",
    "query-memdev",
    "query-named-block-nodes",
    "query-pr-managers",
    "query-version",
];

/// The names of all commands here.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    [EMPTY_LISTS, TAKEN, LOOKUPS, OTHERS]
        .into_iter()
        .flatten()
        .copied()
}

/// Whether a command of this name is here.
pub(super) fn is_lookup(name: &str) -> bool {
    names().any(|known| known == name)
}

/// What a profile has to say to a question that nearly is one of its own: a CPU model with properties set otherwise; a
/// command that takes no arguments, with some.
pub(super) fn near(profile: &Profile, command: &str, arguments: &Object) -> Option<Result<Value, Error>> {
    if command == "query-cpu-model-expansion" {
        let model = arguments.get("model")?;
        let name = model.get("name")?.as_str()?;
        let plain = object! { "type": arguments.get("type")?.clone(), "model": object! { "name": name } };
        let mut answer = profile.answer(command, &plain)?.clone();
        if let (Ok(Value::Object(answer)), Some(Value::Object(props))) = (&mut answer, model.get("props"))
            && let Some(Value::Object(model)) = answer.get_mut("model")
            && let Some(Value::Object(expanded)) = model.get_mut("props")
        {
            for (key, value) in props.iter() {
                expanded.insert(key, value.clone());
            }
        }
        return Some(answer);
    }
    let plain = profile.answer(command, &Object::new())?;
    let mut checked = Arguments::new(arguments);
    // What narrows or widens an answer that was recorded without it is taken, and changes nothing.
    for member in optional_members(profile, command) {
        let _ = checked.optional(member);
    }
    if command == "query-machines" {
        // Since 9.1; the small profile's schema does not say so.
        let _ = checked.optional("compat-props");
    }
    Some(checked.finish().and_then(|()| plain.clone()))
}

/// The members that a command takes and does not need, where the profile has the schema.
fn optional_members<'a>(profile: &'a Profile, command: &str) -> impl Iterator<Item = &'a str> {
    let schema = profile.answer("query-qmp-schema", &Object::new());
    let entries = schema.and_then(|schema| schema.as_ref().ok()?.as_array());
    let named = move |name: &str| {
        let is_it = |entry: &&Value| entry.get("name").and_then(Value::as_str) == Some(name);
        entries.unwrap_or_default().iter().find(is_it)
    };
    let members = named(command)
        .and_then(|entry| {
            named(entry.get("arg-type")?.as_str()?)?
                .get("members")?
                .as_array()
        })
        .unwrap_or_default();
    let optional = members.iter().filter(|member| member.get("default").is_some());
    optional.filter_map(|member| member.get("name")?.as_str())
}

/// What a command returns about what nothing is recorded of. `None`: there is no such command.
pub(super) fn unknown(command: &str, arguments: &Object) -> Option<Result<Value, Error>> {
    let text = |key: &str| arguments.get(key).and_then(Value::as_str);
    if EMPTY_LISTS.contains(&command) {
        return Some(Ok(Value::Array(Vec::new())));
    }
    if TAKEN.contains(&command) {
        return Some(Ok(Value::empty()));
    }
    Some(match command {
        "qom-list" | "qom-get" => match (text("path"), text("property")) {
            (None, _) => Err(missing("path")),
            (_, None) if command == "qom-get" => Err(missing("property")),
            (Some(path), _) => Err(not_found(path)),
        },
        "device-list-properties" | "qom-list-properties" => match text("typename") {
            None => Err(missing("typename")),
            Some(name) if command == "qom-list-properties" => Err(Error::new(
                ErrorClass::DeviceNotFound,
                format!("Class '{name}' not found"),
            )),
            Some(name) => Err(not_found(name)),
        },
        "query-cpu-model-expansion" => match arguments
            .get("model")
            .and_then(|model| model.get("name")?.as_str())
        {
            None => Err(missing("model")),
            Some(name) => Err(Error::generic(format!("CPU model '{name}' not found"))),
        },
        "balloon" | "query-balloon" => Err(Error::new(
            ErrorClass::DeviceNotActive,
            "No balloon device has been activated",
        )),
        "ringbuf-read" => Ok(Value::from("")),
        "query-command-line-options" => match text("option") {
            None => Ok(Value::Array(Vec::new())),
            Some(name) => Err(Error::generic(format!("invalid option name: {name}"))),
        },
        "qom-list-types" => Ok(Value::Array(Vec::new())),
        _ => return None,
    })
}

fn missing(parameter: &str) -> Error {
    Error::generic(format!("Parameter '{parameter}' is missing"))
}

fn not_found(name: &str) -> Error {
    Error::new(ErrorClass::DeviceNotFound, format!("Device '{name}' not found"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// libvirt asks `query-named-block-nodes` with `flat`, and it was recorded without.
    #[test]
    fn what_may_be_left_out_was_left_out_when_it_was_recorded() {
        let schema = br#"[
            {"name": "query-a", "meta-type": "command", "arg-type": "1", "ret-type": "0"},
            {"name": "1", "meta-type": "object", "members": [
                {"name": "flat", "type": "bool", "default": null}, {"name": "needed", "type": "int"}]}
        ]"#;
        let mut profile = Profile::default();
        let schema = Value::parse(schema).expect("it is JSON");
        profile.insert("query-qmp-schema", &Object::new(), Ok(schema));
        profile.insert("query-a", &Object::new(), Ok(Value::empty()));
        let asked = |arguments: Object| near(&profile, "query-a", &arguments);
        assert_eq!(asked(object! { "flat": true }), Some(Ok(Value::empty())));
        let refused = asked(object! { "needed": 1 }).expect("it is known");
        assert!(refused.is_err(), "it is not optional: {refused:?}");
    }
}
