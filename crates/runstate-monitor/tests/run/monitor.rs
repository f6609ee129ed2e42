//! A whole QEMU: monitors and qtest together, against what QEMU said.

use std::io;
use std::sync::Arc;

use runstate::{Release, Time};
use runstate_monitor::faults::{Fault, Send};
use runstate_monitor::machine::{End, Setup};
use runstate_monitor::monitor::{Monitor, Settings};
use runstate_monitor::options::Options;
use runstate_monitor::profile;
use runstate_qmp::{Value, Version};

use crate::transcript::{self, Recording, Step};

pub(crate) fn launch(release: Release, options: &[String], faults: Vec<Fault>) -> Monitor {
    let read = &mut |_: &str| Err(io::ErrorKind::NotFound.into());
    let options = Options::parse(options, release, read).expect("QEMU takes them");
    let (major, minor, micro) = release.version();
    Monitor::launch(Arc::new(Settings {
        setup: Setup::new(release, options),
        profile: profile::small(release),
        version: Version::new(major.into(), minor.into(), micro.into()),
        epoch: 1_000_000_000_000_000,
        pid: 4711,
        faults,
        agent: true,
    }))
}

pub(crate) fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// Everything that is ready for the client of a monitor.
pub(crate) fn sent(monitor: &mut Monitor, port: usize) -> Vec<String> {
    let mut text = String::new();
    while let Send::Bytes(bytes) = monitor.send(port) {
        text.push_str(core::str::from_utf8(&bytes).expect("ASCII"));
    }
    text.split_terminator("\r\n").map(str::to_owned).collect()
}

pub(crate) fn ask(monitor: &mut Monitor, port: usize, text: &str) -> Vec<String> {
    monitor.receive(port, text.as_bytes());
    while monitor.run(16) {}
    sent(monitor, port)
}

/// A monitor with one client that has negotiated.
pub(crate) fn negotiated(release: Release, options: &str) -> Monitor {
    let mut line = words(options);
    line.extend(words("-qmp unix:/a,server=on,wait=off"));
    let mut monitor = launch(release, &line, Vec::new());
    monitor.connect(0);
    ask(&mut monitor, 0, r#"{"execute":"qmp_capabilities"}"#);
    monitor
}

/// Each command with its arguments is refused with these words, or done where there are none.
pub(crate) fn answers(monitor: &mut Monitor, commands: &[(&str, &str, &str)]) {
    for (command, arguments, error) in commands {
        let said = ask(
            monitor,
            0,
            &format!("{{'execute':'{command}','arguments':{{{arguments}}}}}"),
        );
        let [reply] = &said[..] else {
            panic!("one answer to {command} {arguments}: {said:?}")
        };
        let reply = plain(reply);
        let desc = reply.get("error").and_then(|error| error.get("desc")?.as_str());
        assert_eq!(desc.unwrap_or_default(), *error, "{command} {arguments}");
    }
}

/// A message without its timestamp, as the recordings have it.
pub(crate) fn plain(message: &str) -> Value {
    let mut value = Value::parse(message.as_bytes()).expect("the monitor prints JSON");
    if let Some(object) = value.as_object_mut() {
        object.remove("timestamp");
    }
    value
}

fn replay(recording: &Recording, release: Release) {
    let title = &recording.title;
    let mut line = words("-qmp unix:/a,server=on,wait=off -qtest unix:/q -accel qtest");
    line.extend_from_slice(&recording.options);
    let mut monitor = launch(release, &line, Vec::new());
    monitor.connect(0);
    ask(&mut monitor, 0, r#"{"execute":"qmp_capabilities"}"#);
    let (mut lines, mut messages, mut aborted) = (Vec::new(), Vec::new(), false);
    for step in &recording.steps {
        match step {
            Step::ToQtest(text) => {
                let reply = monitor.qtest(format!("{text}\n").as_bytes(), |_, _| {});
                lines.extend(reply.lines.lines().map(str::to_owned));
                aborted |= reply.abort.is_some();
                messages.extend(sent(&mut monitor, 0));
            }
            Step::ToQmp(text) => messages.extend(ask(&mut monitor, 0, text)),
            Step::FromQtest(line) => {
                assert!(!lines.is_empty(), "{title}: qtest is silent instead of {line}");
                assert_eq!(lines.remove(0), *line, "{title}");
            }
            Step::FromQmp(message) => {
                assert!(
                    !messages.is_empty(),
                    "{title}: the monitor is silent instead of {message}"
                );
                assert_eq!(plain(&messages.remove(0)), plain(message), "{title}");
            }
            Step::Exit(-6) => assert!(aborted, "{title}"),
            Step::Exit(status) => {
                let Some(End::Exit(exit)) = monitor.end() else {
                    panic!("{title}: it lives")
                };
                assert_eq!(i32::from(exit.0), *status, "{title}");
            }
        }
    }
    assert_eq!(messages, [""; 0], "{title}");
    assert_eq!(lines, [""; 0], "{title}");
}

#[test]
fn guests_act_through_their_devices_as_qemus_do() {
    for (release, text) in [
        (Release::V10_0, include_str!("../recorded/qtest-devices-10.0.txt")),
        (
            Release::V7_2_0,
            include_str!("../recorded/qtest-devices-7.2.0.txt"),
        ),
        (Release::V10_0, include_str!("../recorded/qtest-basic-10.0.txt")),
        (Release::V7_2_0, include_str!("../recorded/qtest-basic-7.2.0.txt")),
    ] {
        // A reply that quotes a CR was recorded on two lines.
        let recordings = transcript::read(text)
            .into_iter()
            .filter(|recording| recording.title != "CRLF line");
        recordings.for_each(|recording| replay(&recording, release));
    }
}

#[test]
fn monitors_hear_of_each_other() {
    let mut monitor = launch(
        Release::V10_0,
        &words("-S -qmp unix:/a,server=on,wait=off -qmp unix:/b,server=on,wait=off"),
        Vec::new(),
    );
    monitor.connect(0);
    monitor.connect(1);
    ask(&mut monitor, 0, "{'execute':'qmp_capabilities'}");
    let first = ask(&mut monitor, 0, "{'execute':'cont'}");
    assert_eq!(first.len(), 2, "{first:?}");
    assert_eq!(sent(&mut monitor, 1).len(), 1, "only its greeting");
    ask(&mut monitor, 1, "{'execute':'qmp_capabilities'}");
    let first = ask(&mut monitor, 0, "{'execute':'stop'}");
    assert_eq!(
        sent(&mut monitor, 1),
        first[..1],
        "the event, with the same timestamp"
    );
}

#[test]
fn clients_take_turns() {
    let mut monitor = launch(
        Release::V10_0,
        &words("-qmp unix:/a,server=on,wait=off -qmp unix:/b,server=on,wait=off"),
        Vec::new(),
    );
    for port in [0, 1] {
        monitor.connect(port);
        ask(&mut monitor, port, "{'execute':'qmp_capabilities'}");
    }
    monitor.receive(0, "{'execute':'stop'} {'execute':'stop'}".as_bytes());
    monitor.receive(1, "{'execute':'cont'}".as_bytes());
    while monitor.run(1) {}
    let names: Vec<_> = sent(&mut monitor, 0)
        .iter()
        .filter_map(|m| plain(m).get("event").cloned())
        .collect();
    assert_eq!(
        names,
        [Value::from("STOP"), Value::from("RESUME"), Value::from("STOP")]
    );
}

#[test]
fn nothing_is_executed_after_quit() {
    let mut monitor = negotiated(Release::V10_0, "-no-shutdown");
    let said = ask(&mut monitor, 0, "{'execute':'quit'} {'execute':'query-status'}");
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("host-qmp-quit") && said[1] == r#"{"return": {}}"#);
    assert!(matches!(monitor.end(), Some(End::Exit(status)) if status.0 == 0));
    assert_eq!(monitor.wants_input(0), 0);
}

#[test]
fn the_client_may_play_the_guest() {
    let mut monitor = negotiated(Release::V10_0, "-no-shutdown");
    let said = ask(
        &mut monitor,
        0,
        "{'execute':'x-guest','arguments':{'action':'panic'}}",
    );
    let said: Vec<_> = said.iter().map(|message| plain(message)).collect();
    assert_eq!(said[0], plain(r#"{"return": {}}"#));
    assert_eq!(
        said[1],
        plain(r#"{"event": "GUEST_PANICKED", "data": {"action": "pause"}}"#)
    );
    assert_eq!(said[2], plain(r#"{"event": "STOP"}"#));
    let error = ask(
        &mut monitor,
        0,
        "{'execute':'x-guest','arguments':{'action':'panik'}}",
    );
    assert!(
        error[0].contains("panic"),
        "it says what would be right: {error:?}"
    );
}

#[test]
fn commands_that_are_listed_exist() {
    let mut monitor = negotiated(Release::V10_0, "");
    let list = plain(&ask(&mut monitor, 0, "{'execute':'query-commands'}")[0]);
    let list = list
        .get("return")
        .and_then(Value::as_array)
        .expect("a list")
        .to_vec();
    assert!(list.len() > 50);
    for command in list {
        let name = command
            .get("name")
            .and_then(Value::as_str)
            .expect("a name")
            .to_owned();
        if ["quit", "qmp_capabilities"].contains(&name.as_str()) {
            continue;
        }
        let said = ask(&mut monitor, 0, &format!("{{'execute':'{name}'}}"));
        assert!(
            !said.iter().any(|message| message.contains("has not been found")),
            "{name}: {said:?}"
        );
    }
}

#[test]
fn objects_and_character_devices_come_and_go() {
    let mut monitor = negotiated(
        Release::V10_0,
        "-object secret,id=s0,data=x -chardev null,id=c0 -device isa-serial,chardev=c0",
    );
    // Recorded on 7.2.22 and 11.1.3.
    answers(
        &mut monitor,
        &[
            ("object-add", "'id':'x'", "Parameter 'qom-type' is missing"),
            (
                "object-add",
                "'qom-type':'nope','id':'x'",
                "Parameter 'qom-type' does not accept value 'nope'",
            ),
            (
                "object-add",
                "'qom-type':'memory-backend-ram','size':1",
                "Parameter 'id' is missing",
            ),
            (
                "object-add",
                "'qom-type':'memory-backend-ram','id':'r'",
                "Parameter 'size' is missing",
            ),
            (
                "object-add",
                "'qom-type':'memory-backend-ram','id':'r','size':'1'",
                "Parameter 'size' expects uint64",
            ),
            (
                "object-add",
                "'qom-type':'memory-backend-ram','id':'r','size':1,'sized':1",
                "Parameter 'sized' is unexpected",
            ),
            (
                "object-add",
                "'qom-type':'memory-backend-ram','id':'r','size':0",
                "property 'size' of memory-backend-ram doesn't take value '0'",
            ),
            (
                "object-add",
                "'qom-type':'memory-backend-ram','id':'r','size':4096",
                "",
            ),
            (
                "object-add",
                "'qom-type':'memory-backend-ram','id':'r','size':4096",
                "attempt to add duplicate property 'r' to object (type 'container')",
            ),
            ("object-del", "'ida':'r'", "Parameter 'id' is missing"),
            ("object-del", "'id':'r'", ""),
            ("object-del", "'id':'r'", "object 'r' not found"),
            ("object-del", "'id':'s0'", ""),
            ("chardev-add", "'id':'c1','backend':{'type':'null','data':{}}", ""),
            (
                "chardev-add",
                "'id':'c1','backend':{'type':'null','data':{}}",
                "Chardev with id 'c1' already exists",
            ),
            (
                "chardev-add",
                "'id':'c2','backend':{'type':'nope','data':{}}",
                "Parameter 'type' does not accept value 'nope'",
            ),
            (
                "chardev-add",
                "'id':'c2','backend':{}",
                "Parameter 'backend.type' is missing",
            ),
            ("chardev-remove", "'id':'c1'", ""),
            ("chardev-remove", "'id':'c1'", "Chardev 'c1' not found"),
            ("chardev-remove", "'id':'c0'", "Chardev 'c0' is busy"),
            (
                "qom-set",
                "'path':'/machine','property':'rtc-time'",
                "Parameter 'value' is missing",
            ),
            (
                "qom-set",
                "'path':'/nope','property':'x','value':1",
                "Device '/nope' not found",
            ),
            (
                "qom-list-properties",
                "'typename':'nope'",
                "Class 'nope' not found",
            ),
            (
                "device-list-properties",
                "'typename':'nope'",
                "Device 'nope' not found",
            ),
            (
                "query-cpu-model-expansion",
                "'type':'full','model':{'name':'nope'}",
                "CPU model 'nope' not found",
            ),
        ],
    );
}

#[test]
fn cpu_models_are_expanded_with_their_properties() {
    let mut monitor = negotiated(Release::V10_0, "");
    let said = ask(
        &mut monitor,
        0,
        "{'execute':'query-cpu-model-expansion','arguments':{'type':'full','model':{'name':'qemu64','props':{'lm':false}}}}",
    );
    let reply = plain(&said[0]);
    let model = reply
        .get("return")
        .and_then(|value| value.get("model"))
        .expect("it is one of the profile's");
    let props = model.get("props").expect("a model has some");
    assert_eq!(
        (props.get("lm"), props.get("fpu")),
        (Some(&false.into()), Some(&true.into()))
    );
    let said = ask(
        &mut monitor,
        0,
        "{'execute':'query-cpu-definitions','arguments':{'x':1}}",
    );
    assert!(said[0].contains("Parameter 'x' is unexpected"), "{said:?}");
}

#[test]
fn a_watchdog_of_a_real_clock_expires() {
    let options = "-accel tcg -device ib700 -action watchdog=pause -qtest unix:/q";
    let mut monitor = negotiated(Release::V10_0, options);
    let reply = monitor.qtest(b"outb 0x443 0xe\nclock_step 5\n", |_, _| {});
    assert_eq!(reply.lines, "OK\nFAIL Unknown command 'clock_step'\n");
    assert_eq!(monitor.deadline(), Some(Time(2_000_000_000)));
    monitor.advance(Time(1_999_999_999));
    assert_eq!(sent(&mut monitor, 0), [""; 0]);
    monitor.advance(Time(2_000_000_000));
    let said = sent(&mut monitor, 0);
    assert!(
        said[0].contains("WATCHDOG") && said[1].contains("STOP"),
        "{said:?}"
    );
    assert!(
        said[0].contains("\"seconds\": 1000000002, \"microseconds\": 0"),
        "{said:?}"
    );
}

#[test]
fn faults_are_committed() {
    let line = words("-qmp unix:/a,server=on,wait=off");
    let mut monitor = launch(
        Release::V10_0,
        &line,
        vec![Fault::NoQuitReply, Fault::EventInHandshake],
    );
    monitor.connect(0);
    let said = ask(&mut monitor, 0, "{'execute':'qmp_capabilities'}");
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[1].contains("RTC_CHANGE"));
    let said = ask(&mut monitor, 0, "{'execute':'quit'}");
    assert!(said.len() == 1 && said[0].contains("SHUTDOWN"), "{said:?}");
}
