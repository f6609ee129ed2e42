//! Monitors as objects, as 11.1 has them. What is refused, and how, was recorded on 11.1.3.

use std::io;

use runstate::Release;
use runstate_monitor::monitor::Carries;
use runstate_monitor::options::{MonitorMode, Options};

use crate::monitor::{answers, ask, launch, negotiated, sent, words};

fn parse(release: Release, line: &str) -> Result<Options, String> {
    let read = &mut |_: &str| Err(io::ErrorKind::NotFound.into());
    Options::parse(&words(line), release, read).map_err(|bad| bad.to_stderr("qemu"))
}

#[test]
fn options_in_both_spellings() {
    for line in [
        "-object monitor-qmp,id=m,chardev=c,pretty=on,close-action=delete -chardev null,id=c",
        r#"-chardev null,id=c -object {"qom-type":"monitor-qmp","id":"m","chardev":"c","pretty":true,"close-action":"delete"}"#,
    ] {
        let options = parse(Release::V11_1, line).expect("QEMU takes it");
        let [monitor] = &options.monitors[..] else {
            panic!("one monitor: {options:?}")
        };
        assert_eq!(monitor.mode, MonitorMode::Control);
        assert_eq!(monitor.id.as_deref(), Some("m"));
        assert_eq!(monitor.chardev, "c");
        assert!(monitor.pretty && monitor.deletes_on_close);
    }
    let line = "-qmp null -chardev null,id=c -object monitor-hmp,id=h,chardev=c,readline=off";
    let options = parse(Release::V11_1, line).expect("QEMU takes it");
    let monitors = options.monitors.iter();
    let monitors: Vec<_> = monitors.map(|made| (made.id.as_deref(), made.mode)).collect();
    assert_eq!(
        monitors,
        [
            (Some("h"), MonitorMode::Readline),
            (Some("compat_monitor0"), MonitorMode::Control)
        ],
        "objects are made first"
    );
}

#[test]
fn options_that_are_refused() {
    for (line, said) in [
        (
            "-object monitor-qmp,chardev=x",
            "-object monitor-qmp,chardev=x: Parameter 'id' is missing",
        ),
        ("-object monitor-qmp,id=a,chardev=x", "chardev \"x\" not found"),
        (
            "-object monitor-qmp,id=a,chardev=x,foo=1",
            "-object monitor-qmp,id=a,chardev=x,foo=1: Invalid parameter 'foo'",
        ),
        (
            r#"-object {"qom-type":"monitor-qmp","id":"a","chardev":"x"}"#,
            "chardev \"x\" not found",
        ),
        (
            r#"-object {"qom-type":"monitor-qmp","id":"a"}"#,
            r#"-object {"qom-type":"monitor-qmp","id":"a"}: Parameter 'chardev' is missing"#,
        ),
        (
            "-chardev null,id=c -object monitor-qmp,id=a,chardev=c -object monitor-qmp,id=b,chardev=c",
            "chardev 'c' is already in use",
        ),
        (
            "-chardev null,id=c -object monitor-qmp,id=a,chardev=c -object iothread,id=a",
            "-object iothread,id=a: Duplicate ID 'a' for object",
        ),
        (
            r#"-object {"qom-type":"iothread","id":"a"} -object iothread,id=a"#,
            "attempt to add duplicate property 'a' to object (type 'container')",
        ),
        (
            "-chardev socket,id=c,path=/x,reconnect=1",
            "-chardev socket,id=c,path=/x,reconnect=1: Invalid parameter 'reconnect'",
        ),
        (
            "-object iothread,id=compat_monitor0 -qmp null",
            "-qmp null: attempt to add duplicate property 'compat_monitor0' to object (type 'container')",
        ),
        (
            "-chardev null,id=c -object monitor-qmp,id=a,chardev=c,pretty=foo",
            "-object monitor-qmp,id=a,chardev=c,pretty=foo: Parameter 'pretty' expects 'on' or 'off'",
        ),
        (
            "-chardev null,id=c -object monitor-qmp,id=a,chardev=c,close-action=foo",
            "-object monitor-qmp,id=a,chardev=c,close-action=foo: Parameter 'close-action' does not accept value 'foo'",
        ),
        (
            r#"-chardev null,id=c -object {"qom-type":"monitor-qmp","id":"b","chardev":"c","pretty":"on"}"#,
            r#"-object {"qom-type":"monitor-qmp","id":"b","chardev":"c","pretty":"on"}: Invalid parameter type for 'pretty', expected: boolean"#,
        ),
    ] {
        let refusal = parse(Release::V11_1, line).expect_err("QEMU refuses it");
        let last = refusal.lines().last().unwrap_or_default();
        assert!(
            last.strip_prefix("qemu: ")
                .is_some_and(|last| last.starts_with(said)),
            "{line}: {refusal}"
        );
    }
}

#[test]
fn mon_is_deprecated_once() {
    let line = "-chardev null,id=a -chardev null,id=b -mon chardev=a,mode=control -mon chardev=b";
    let options = parse(Release::V11_1, line).expect("QEMU takes it");
    let warnings: Vec<String> = options
        .warnings
        .iter()
        .map(|report| report.message.clone())
        .collect();
    let deprecated = "'-mon' is deprecated, use '-object' with 'monitor-hmp' or 'monitor-qmp' types instead";
    assert_eq!(warnings, [deprecated]);
    assert!(
        parse(Release::V11_0, line)
            .expect("QEMU takes it")
            .warnings
            .is_empty()
    );
}

#[test]
fn no_monitor_is_an_object_before_11_1() {
    let refusal = parse(
        Release::V10_0,
        "-chardev null,id=c -object monitor-qmp,id=a,chardev=c",
    );
    let said = "qemu: -object monitor-qmp,id=a,chardev=c: Parameter 'qom-type' does not accept value 'monitor-qmp'\n";
    assert_eq!(refusal.as_ref().map_err(String::as_str), Err(said));
    let mut monitor = negotiated(Release::V11_0, "-chardev null,id=c");
    let add = "{'execute':'object-add','arguments':{'qom-type':'monitor-qmp','id':'a','chardev':'c'}}";
    let said = ask(&mut monitor, 0, add);
    assert!(
        said[0].contains("does not accept value 'monitor-qmp'"),
        "{said:?}"
    );
    let said = ask(
        &mut monitor,
        0,
        "{'execute':'object-del','arguments':{'id':'compat_monitor0'}}",
    );
    assert!(said[0].contains("object 'compat_monitor0' not found"), "{said:?}");
}

#[test]
fn monitors_come_and_go() {
    let mut monitor = negotiated(
        Release::V11_1,
        "-chardev null,id=n0 -chardev null,id=n1 -object monitor-hmp,id=h0,chardev=n0",
    );
    let add = "object-add";
    answers(
        &mut monitor,
        &[
            (
                add,
                "'qom-type':'monitor-qmp','id':'m'",
                "Parameter 'chardev' is missing",
            ),
            (
                add,
                "'qom-type':'monitor-qmp','id':'m','chardev':'zz'",
                "chardev \"zz\" not found",
            ),
            (
                add,
                "'qom-type':'monitor-qmp','id':'m','chardev':'n0'",
                "chardev 'n0' is already in use",
            ),
            (
                add,
                "'qom-type':'monitor-qmp','id':'m','chardev':'n1','bogus':1",
                "Parameter 'bogus' is unexpected",
            ),
            (
                add,
                "'qom-type':'monitor-qmp','id':'m','chardev':'n1','pretty':'on'",
                "Invalid parameter type for 'pretty', expected: boolean",
            ),
            (
                add,
                "'qom-type':'monitor-qmp','id':'m','chardev':'n1','close-action':'foo'",
                "Parameter 'close-action' does not accept value 'foo'",
            ),
            (add, "'qom-type':'monitor-qmp','id':'m','chardev':'n1'", ""),
            (
                add,
                "'qom-type':'monitor-qmp','id':'m','chardev':'n1'",
                "attempt to add duplicate property 'm' to object (type 'container')",
            ),
            (
                add,
                "'qom-type':'monitor-qmp','id':'o','chardev':'n1'",
                "chardev 'n1' is already in use",
            ),
            // What failed left nothing behind.
            ("object-del", "'id':'o'", "object 'o' not found"),
            ("chardev-remove", "'id':'n1'", "Chardev 'n1' is busy"),
            (
                "object-del",
                "'id':'compat_monitor0'",
                "Cannot delete the current QMP monitor",
            ),
            (
                "object-del",
                "'id':'h0'",
                "Deleting HMP monitors is not supported",
            ),
            ("object-del", "'id':'m'", ""),
            ("object-del", "'id':'m'", "object 'm' not found"),
            ("chardev-remove", "'id':'n1'", ""),
        ],
    );
}

#[test]
fn a_further_monitor_hears_and_says_what_others_do() {
    let mut monitor = negotiated(Release::V11_1, "-S -chardev null,id=c");
    let add = "{'execute':'object-add','arguments':{'qom-type':'monitor-qmp','id':'m','chardev':'c'}}";
    let del = "{'execute':'object-del','arguments':{'id':'m'}}";
    // The place of the one that has gone is used again.
    for _ in 0..3 {
        ask(&mut monitor, 0, add);
        assert!(monitor.rewired());
        assert_eq!(monitor.carries("c"), Some(Carries::Qmp(1)));
        assert_eq!(monitor.ports(), 2);
        monitor.connect(1);
        let said = ask(&mut monitor, 1, "{'execute':'qmp_capabilities'}");
        assert_eq!(said.len(), 2, "{said:?}");
        ask(&mut monitor, 0, "{'execute':'cont'}");
        ask(&mut monitor, 0, "{'execute':'stop'}");
        assert_eq!(sent(&mut monitor, 1).len(), 2, "RESUME and STOP");
        let said = ask(&mut monitor, 1, del);
        assert!(
            said[0].contains("Cannot delete the current QMP monitor"),
            "{said:?}"
        );
        assert_eq!(ask(&mut monitor, 0, del), [r#"{"return": {}}"#]);
        assert_eq!(monitor.carries("c"), None);
    }
}

#[test]
fn close_action_takes_the_character_device_along() {
    let mut monitor = negotiated(
        Release::V11_1,
        "-chardev null,id=c -object monitor-qmp,id=m,chardev=c,close-action=delete",
    );
    // Objects are made first: the monitor that is one is the first of them.
    monitor.connect(1);
    ask(&mut monitor, 1, "{'execute':'qmp_capabilities'}");
    monitor.disconnect(0);
    assert!(monitor.rewired());
    assert!(!monitor.has_chardev("c"));
    let said = ask(&mut monitor, 1, "{'execute':'object-del','arguments':{'id':'m'}}");
    assert!(said[0].contains("object 'm' not found"), "{said:?}");
}

#[test]
fn a_monitor_of_an_object_has_the_layout_it_was_made_with() {
    let line = words("-chardev null,id=c -object monitor-qmp,id=m,chardev=c,pretty=on");
    let mut monitor = launch(Release::V11_1, &line, Vec::new());
    monitor.connect(0);
    assert!(sent(&mut monitor, 0).len() > 1, "many lines");
}

#[test]
fn types_that_no_qemu_has_are_refused() {
    for (line, said) in [
        (
            "-object nonsense",
            "Parameter 'qom-type' does not accept value 'nonsense'",
        ),
        (
            "-object nonsense,id=a",
            "Parameter 'qom-type' does not accept value 'nonsense'",
        ),
        (
            r#"-object {"qom-type":"nonsense","id":"a"}"#,
            "Parameter 'qom-type' does not accept value 'nonsense'",
        ),
        ("-object id=a", "Parameter 'qom-type' is missing"),
        (r#"-object {"id":"a"}"#, "Parameter 'qom-type' is missing"),
        ("-object iothread", "Parameter 'id' is missing"),
    ] {
        for release in [Release::V7_2, Release::V10_0, Release::V11_1] {
            assert_eq!(
                parse(release, line),
                Err(format!("qemu: {line}: {said}\n")),
                "{release}"
            );
        }
    }
    let options = parse(Release::V7_2, "-object iothread,id=a").expect("QEMU takes it");
    assert_eq!(options.objects, ["a"]);
}

/// As [`parse`], with a configuration file.
fn parse_file(release: Release, text: &str) -> Result<Options, String> {
    let read = &mut |_: &str| Ok(text.to_owned());
    Options::parse(&words("-readconfig f"), release, read).map_err(|bad| bad.to_stderr("qemu"))
}

#[test]
fn sections_of_a_configuration_file_make_objects() {
    let monitor = "[chardev \"c\"]\n  backend = \"null\"\n[object \"m\"]\n  qom-type = \"monitor-qmp\"\n  \
        chardev = \"c\"\n  pretty = \"on\"\n";
    let options = parse_file(Release::V11_1, monitor).expect("QEMU takes it");
    let [made] = &options.monitors[..] else {
        panic!("one monitor: {options:?}")
    };
    assert_eq!(
        (made.id.as_deref(), made.mode, made.pretty),
        (Some("m"), MonitorMode::Control, true)
    );
    assert_eq!(options.objects, ["m"]);
    assert_eq!(
        parse_file(Release::V10_0, monitor),
        Err("qemu:f:6: Parameter 'qom-type' does not accept value 'monitor-qmp'\n".to_owned())
    );
    for (text, said) in [
        (
            "[object \"m\"]\n  qom-type = \"nonsense\"\n",
            "Parameter 'qom-type' does not accept value 'nonsense'",
        ),
        (
            "[object]\n  qom-type = \"iothread\"\n",
            "Parameter 'id' is missing",
        ),
    ] {
        for release in [Release::V7_2, Release::V11_1] {
            assert_eq!(parse_file(release, text), Err(format!("qemu:f:2: {said}\n")));
        }
    }
}
