//! Events and commands are the schema's, as far as `qapi/run-state.json` defines them.

use std::collections::{BTreeMap, BTreeSet};

use runstate::Release;
use runstate_monitor::{
    commands,
    machine::{Machine, Setup},
    scenario::{File, run},
};
use runstate_qmp::{Value, object};

const SCHEMA: &str = include_str!("../../../runstate/tests/data/run-state.schema");

fn definitions(wanted: &str) -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    SCHEMA.lines().filter_map(move |line| {
        let (kind, rest) = line.split_once(' ')?;
        let (name, data) = rest.split_once(": ").unwrap_or((rest, ""));
        (kind == wanted).then(|| (name, data.split_whitespace().collect()))
    })
}

/// Every event of the schema, said by somebody.
const SCRIPTS: &str = r#"
scenario a
qemu -action panic=none
guest panic {"type": "hyper-v", "arg1": 1, "arg2": 2, "arg3": 3, "arg4": 4, "arg5": 18446744073709551615}
guest panic
guest crashloaded
guest memory-failure
guest watchdog
-> {"execute": "system_powerdown"}
-> {"execute": "stop"}
-> {"execute": "cont"}
guest suspend
guest wakeup
guest suspend-disk

scenario b
qemu
guest pvshutdown
"#;

#[test]
fn every_event_has_the_schemas_members() {
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for scenario in &File::parse("events", SCRIPTS.as_bytes())
        .expect("it parses")
        .scenarios
    {
        for message in run::run(scenario, Release::V10_0).messages {
            let message = Value::parse(message.as_bytes()).expect("QEMU's own JSON");
            let Some(name) = message.get("event").and_then(Value::as_str) else {
                continue;
            };
            let data = message.get("data").and_then(Value::as_object);
            seen.entry(name.to_owned())
                .or_default()
                .extend(data.into_iter().flat_map(|data| data.keys().map(str::to_owned)));
        }
    }
    let mut count = 0;
    for (name, members) in definitions("event") {
        count += 1;
        let seen = seen.get(name).unwrap_or_else(|| panic!("nobody said {name}"));
        let all: BTreeSet<String> = members
            .iter()
            .filter_map(|member| member.split_once('='))
            .map(|(name, _)| name.trim_start_matches('*').to_owned())
            .collect();
        let optional = |member: &str| {
            members
                .iter()
                .any(|m| m.strip_prefix('*').is_some_and(|m| m.starts_with(member)))
        };
        assert!(seen.is_subset(&all), "{name}: {seen:?}");
        assert!(
            all.difference(seen).all(|member| optional(member)),
            "{name}: {seen:?}"
        );
    }
    assert_eq!(count, 13);
}

#[test]
fn every_command_takes_the_schemas_arguments() {
    let setup = Setup::parse(Release::V10_0, &[]).expect("no option is wrong");
    for (name, members) in definitions("command") {
        let info = commands::find(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(
            info.allow_preconfig,
            members.contains(&"allow-preconfig"),
            "{name}"
        );
        let mut machine = Machine::launch(&setup);
        for member in members
            .iter()
            .filter_map(|member| member.split_once('='))
            .map(|(name, _)| name)
        {
            let argument = member.trim_start_matches('*');
            let refusal = machine
                .dispatch(name, &object! { argument: "bad" })
                .expect_err("no enum has it")
                .to_string();
            assert_eq!(
                refusal,
                format!("Parameter '{argument}' does not accept value 'bad'"),
                "{name}"
            );
        }
        let refusal = machine
            .dispatch(name, &object! { "foo": 1 })
            .expect_err("no command has it")
            .to_string();
        let missing = members
            .iter()
            .find(|member| member.contains('=') && !member.starts_with('*'));
        match missing.and_then(|member| member.split_once('=')) {
            Some((argument, _)) => {
                assert_eq!(refusal, format!("Parameter '{argument}' is missing"), "{name}");
            }
            None => assert_eq!(refusal, "Parameter 'foo' is unexpected", "{name}"),
        }
    }
}
