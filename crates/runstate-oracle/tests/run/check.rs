//! The checker against logs that are possible, and logs that are not.

use std::collections::BTreeSet;

use runstate::{Release, RunState};
use runstate_oracle::{
    check::{Checker, Happened, Verdict},
    log::Reader,
};

fn check(log: &str) -> Vec<Verdict> {
    let (mut reader, mut checker) = (Reader::new(None), Checker::new());
    reader.feed(log.as_bytes(), &mut |record| checker.hear(record));
    reader.finish(&mut |record| checker.hear(record));
    checker.finish()
}

fn one(log: &str) -> Verdict {
    let mut verdicts = check(log);
    assert_eq!(verdicts.len(), 1, "{log}");
    verdicts.remove(0)
}

fn event(name: &str, data: &str) -> String {
    let data = if data.is_empty() {
        String::new()
    } else {
        format!(", \"data\": {data}")
    };
    format!("{{\"timestamp\": {{\"seconds\": 1, \"microseconds\": 2}}, \"event\": \"{name}\"{data}}}\n")
}

fn events(list: &[(&str, &str)]) -> String {
    list.iter().map(|(name, data)| event(name, data)).collect()
}

const GUEST_SHUTDOWN: &str = r#"{"guest": true, "reason": "guest-shutdown"}"#;
const GUEST_RESET: &str = r#"{"guest": true, "reason": "guest-reset"}"#;
const QUIT: &str = r#"{"guest": false, "reason": "host-qmp-quit"}"#;

#[test]
fn stop_and_resume_alternate() {
    assert!(one(&events(&[("STOP", ""), ("RESUME", ""), ("STOP", "")])).is_possible());
    let verdict = one(&events(&[("STOP", ""), ("STOP", "")]));
    assert_eq!(verdict.contradictions, 1);
    let first = &verdict.first[0];
    assert_eq!(first.line, 2);
    assert!(
        first
            .could_come
            .iter()
            .any(|letter| letter.to_string() == "RESUME"),
        "{first:?}"
    );
    assert!(!first.believed.contains(&RunState::Running) || first.believed.len() > 1);
}

#[test]
fn nothing_comes_after_the_last_shutdown() {
    let verdict = one(&events(&[("SHUTDOWN", QUIT), ("RESET", GUEST_RESET)]));
    assert_eq!(verdict.contradictions, 1);
    assert!(verdict.first[0].gone);
    // With -no-shutdown a guest's shutdown is not the last word.
    assert!(
        one(&events(&[
            ("SHUTDOWN", GUEST_SHUTDOWN),
            ("STOP", ""),
            ("RESET", GUEST_RESET),
            ("RESUME", "")
        ]))
        .is_possible()
    );
}

#[test]
fn what_another_client_says_after_quit_does_not_keep_qemu() {
    // Its cont is still dispatched, before the pass or while QEMU leaves (monitor_cleanup(), monitor/monitor.c).
    for log in [
        [("STOP", ""), ("RESUME", ""), ("SHUTDOWN", QUIT)],
        [("STOP", ""), ("SHUTDOWN", QUIT), ("RESUME", "")],
    ] {
        let verdict = one(&events(&log));
        assert!(verdict.is_possible() && verdict.gone, "{log:?}: {verdict:?}");
    }
    // Its set-action shutdown=pause comes too late: a command is dispatched a pass later.
    let paused = "{\"return\": {\"status\": \"shutdown\", \"running\": false}}\n";
    let kept = |reason| events(&[("SHUTDOWN", reason), ("STOP", "")]) + paused;
    assert!(!one(&kept(QUIT)).is_possible());
    assert!(one(&kept(GUEST_SHUTDOWN)).is_possible());
}

#[test]
fn unknown_words_are_named() {
    let verdict = one(&events(&[("SHUTDOWN", r#"{"guest": false, "reason": "quit"}"#)]));
    let why = verdict.first[0].why.clone().expect("the message alone is wrong");
    assert!(why.contains("\"quit\"") && why.contains("host-qmp-quit"), "{why}");
    let verdict = one(&events(&[("STOP", r#"{"reason": "pause"}"#)]));
    assert!(
        verdict.first[0]
            .why
            .as_deref()
            .is_some_and(|why| why.contains("STOP has data"))
    );
    let verdict = one(&events(&[(
        "RESET",
        r#"{"guest": false, "reason": "guest-reset"}"#,
    )]));
    assert!(
        verdict.first[0]
            .why
            .as_deref()
            .is_some_and(|why| why.contains("true"))
    );
    let verdict = one(&events(&[("SHUTDOWN", "")]));
    assert!(
        verdict.first[0]
            .why
            .as_deref()
            .is_some_and(|why| why.contains("no data"))
    );
}

#[test]
fn releases_are_told_apart() {
    // Only since 9.0 a suspended guest is stopped.
    let stopped = events(&[("SUSPEND", ""), ("STOP", ""), ("RESUME", "")]);
    let status = "{\"return\": {\"status\": \"suspended\", \"running\": false}}\n";
    let verdict = one(&(stopped + status));
    assert!(verdict.is_possible());
    assert!(
        verdict.releases.iter().all(|release| *release >= Release::V9_0),
        "{:?}",
        verdict.releases
    );
    // GUEST_PVSHUTDOWN came with 9.1.
    let verdict = one(&event("GUEST_PVSHUTDOWN", ""));
    let expected: BTreeSet<Release> = Release::WITH_POINTS
        .iter()
        .copied()
        .filter(|release| *release >= Release::V9_1)
        .collect();
    assert_eq!(verdict.releases, expected);
    // A greeting says which it is.
    let greeting = r#"{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 8}, "package": ""}, "capabilities": []}}"#;
    let verdict = one(&format!("{greeting}\n{}", event("GUEST_PVSHUTDOWN", "")));
    assert_eq!(verdict.contradictions, 1);
}

#[test]
fn a_rate_limit_may_turn_the_order_round() {
    let watchdog = ("WATCHDOG", r#"{"action": "pause"}"#);
    assert!(
        one(&events(&[
            watchdog,
            ("STOP", ""),
            ("RESUME", ""),
            ("STOP", ""),
            watchdog
        ]))
        .is_possible()
    );
}

#[test]
fn the_account_is_short_and_true() {
    let verdict = one(&events(&[("STOP", ""), ("RESUME", "")]));
    let inferred: Vec<&str> = verdict
        .explanation
        .iter()
        .filter_map(|happened| match happened {
            Happened::Inferred(deed) => Some(deed.as_str()),
            Happened::Begins { .. } | Happened::Heard { .. } => None,
        })
        .collect();
    // Other pairs are as short; two deeds there are at the most.
    assert!(inferred.len() <= 2, "{:?}", verdict.explanation);
    assert!(matches!(
        verdict.explanation[0],
        Happened::Begins {
            state: RunState::Running,
            ..
        }
    ));
}

#[test]
fn a_shutdown_that_stops_means_no_shutdown() {
    let verdict = one(&events(&[("SHUTDOWN", GUEST_SHUTDOWN), ("STOP", "")]));
    assert!(
        matches!(
            &verdict.explanation[0],
            Happened::Begins { options, .. } if options.contains("-no-shutdown")
        ),
        "{:?}",
        verdict.explanation
    );
}

#[test]
fn the_status_agrees_with_the_events() {
    let paused = "{\"return\": {\"status\": \"paused\", \"running\": false}}\n";
    let running = "{\"return\": {\"status\": \"running\", \"running\": true}}\n";
    assert!(one(&format!("{}{paused}", event("STOP", ""))).is_possible());
    assert!(
        !one(&format!("{paused}{running}")).is_possible(),
        "no RESUME in between"
    );
    let verdict = one("{\"return\": {\"status\": \"paused\", \"running\": true}}\n");
    assert!(verdict.first[0].why.is_some());
}

#[test]
fn other_subsystems_pass() {
    let other = events(&[
        ("STOP", ""),
        ("RTC_CHANGE", r#"{"offset": 1}"#),
        ("NIC_RX_FILTER_CHANGED", "{}"),
        ("RESUME", ""),
    ]);
    assert!(one(&other).is_possible());
}

#[test]
fn a_new_client_has_not_heard_what_came_before() {
    let greeting = r#"{"QMP": {"version": {"qemu": {"micro": 13, "minor": 0, "major": 10}, "package": ""}, "capabilities": []}}"#;
    let paused = "{\"return\": {\"status\": \"paused\", \"running\": false}}\n";
    let running = "{\"return\": {\"status\": \"running\", \"running\": true}}\n";
    let verdict = one(&format!("{paused}{greeting}\n{running}"));
    assert!(verdict.is_possible(), "the RESUME in between was lost to it");
    assert!(verdict.releases.contains(&Release::V10_0) && !verdict.releases.contains(&Release::V8_2));
}

#[test]
fn what_cannot_be_read_may_have_been_anything() {
    let log = format!(
        "{}{{\"event\": \"RE{{\"event\": \"RESUME\"}}\n{}",
        event("STOP", ""),
        event("STOP", "")
    );
    assert!(one(&log).is_possible(), "a RESUME is in the half lines");
    // What is known of the release is kept.
    let log = format!(
        "{}{{\"event\": \n{}",
        event("GUEST_PVSHUTDOWN", ""),
        event("STOP", "")
    );
    let verdict = one(&log);
    assert!(
        verdict.is_possible() && verdict.releases.first() == Some(&Release::V9_1),
        "{verdict:?}"
    );
}

#[test]
fn groups_of_any_size_are_possible() {
    // A panic, a reset, a suspend and a shutdown from four vCPUs, a key for the power button and a signal, before one pass.
    let group = events(&[
        ("GUEST_PANICKED", r#"{"action": "pause"}"#),
        (
            "BLOCK_IO_ERROR",
            r#"{"device": "d", "operation": "read", "action": "stop"}"#,
        ),
        ("SUSPEND", ""),
        ("SHUTDOWN", GUEST_SHUTDOWN),
        ("STOP", ""),
        ("RESET", GUEST_RESET),
        ("POWERDOWN", ""),
    ]);
    assert!(one(&group).is_possible());
}

#[test]
fn a_part_of_a_long_log_is_explained() {
    let log: String = (0..3000)
        .map(|at| event(if at % 2 == 0 { "STOP" } else { "RESUME" }, ""))
        .collect();
    let heard = |verdict: &Verdict| -> Vec<u64> {
        let lines = verdict.explanation.iter().filter_map(|happened| match happened {
            Happened::Heard { line, .. } => Some(*line),
            Happened::Begins { .. } | Happened::Inferred(_) => None,
        });
        lines.collect()
    };
    let verdict = one(&log);
    assert_eq!((verdict.letters, verdict.explained), (3000, 1000));
    assert_eq!(heard(&verdict), (2001..=3000).collect::<Vec<u64>>());
    let (mut reader, mut checker) = (Reader::new(None), Checker::new());
    checker.explain_from(501);
    reader.feed(log.as_bytes(), &mut |record| checker.hear(record));
    reader.finish(&mut |record| checker.hear(record));
    assert_eq!(heard(&checker.finish()[0]), (501..=1500).collect::<Vec<u64>>());
    let (mut reader, mut checker) = (Reader::new(None), Checker::new());
    checker.explain_all();
    reader.feed(log.as_bytes(), &mut |record| checker.hear(record));
    reader.finish(&mut |record| checker.hear(record));
    let verdict = &checker.finish()[0];
    assert_eq!((verdict.letters, verdict.explained), (3000, 3000));
    assert_eq!(heard(verdict), (1..=3000).collect::<Vec<u64>>());
    let begins = |happened: &&Happened| matches!(happened, Happened::Begins { .. });
    assert_eq!(verdict.explanation.iter().filter(begins).count(), 1);
    let inferred = |happened: &&Happened| matches!(happened, Happened::Inferred(_));
    assert_eq!(
        verdict.explanation.iter().filter(inferred).count(),
        3000,
        "each has a cause"
    );
}

#[test]
fn every_client_has_its_account() {
    let log = told("STOP RESUME @10.0 RESUME STOP @7.2 POWERDOWN");
    let (mut reader, mut checker) = (Reader::new(None), Checker::new());
    checker.explain_all();
    reader.feed(log.as_bytes(), &mut |record| checker.hear(record));
    reader.finish(&mut |record| checker.hear(record));
    let verdict = &checker.finish()[0];
    let begins = |happened: &&Happened| matches!(happened, Happened::Begins { .. });
    assert_eq!(verdict.explanation.iter().filter(begins).count(), 3);
    assert_eq!((verdict.letters, verdict.explained), (5, 5));
}

fn migration(status: &str) -> String {
    event("MIGRATION", &format!("{{\"status\": \"{status}\"}}"))
}

/// A log in short: statuses of migrations, the numbers of their passes, `exit-primary` for COLO_EXIT, names of events, `=state` what query-status says, `@9.1` a greeting.
fn told(log: &str) -> String {
    log.split(' ')
        .map(|word| {
            if let Some(state) = word.strip_prefix('=') {
                let running = state == "running";
                format!("{{\"return\": {{\"status\": \"{state}\", \"running\": {running}}}}}\n")
            } else if let Some(version) = word.strip_prefix('@') {
                let (major, minor) = version.split_once('.').expect("a version");
                format!(
                    "{{\"QMP\": {{\"version\": {{\"qemu\": {{\"micro\": 9, \"minor\": {minor}, \"major\": {major}}}, \"package\": \"\"}}, \"capabilities\": []}}}}\n"
                )
            } else if let Ok(pass) = word.parse::<u32>() {
                event("MIGRATION_PASS", &format!("{{\"pass\": {pass}}}"))
            } else if let Some(mode) = word.strip_prefix("exit-") {
                event("COLO_EXIT", &format!("{{\"mode\": \"{mode}\", \"reason\": \"error\"}}"))
            } else if word == "quit" {
                event("SHUTDOWN", QUIT)
            } else if word.chars().all(|letter| letter.is_ascii_uppercase()) {
                event(word, "")
            } else {
                migration(word)
            }
        })
        .collect()
}

#[test]
fn migrations_are_told_as_they_go() {
    for log in [
        "@7.2 =running setup active STOP completed =postmigrate",
        "@10.0 =running setup active STOP device completed =postmigrate",
        "@10.0 =running setup active STOP pre-switchover =finish-migrate device completed =postmigrate",
        "@10.0 =running setup active STOP device =finish-migrate completed =finish-migrate =postmigrate",
        "@10.0 =running setup STOP active RESUME STOP device completed RESUME setup",
        "@7.2 =paused setup active failed =paused",
        "@10.0 =running setup active STOP device failed =finish-migrate RESUME =running setup",
        "@11.0 =running setup active STOP device failing RESUME =running failed setup",
        "@11.0 =running setup failing failed setup",
        "@10.0 =running setup active cancelling cancelled =running setup",
        "@10.0 =running setup active cancelling STOP RESUME cancelled",
        "@10.0 =running setup active STOP pre-switchover cancelling RESUME cancelled setup",
        "@7.2 =running setup cancelling =running quit cancelling",
        "@10.0 =running setup active cancelling =running cancelling cancelled setup",
        "@11.1 =running setup active STOP device cancelling cancelling RESUME cancelled =running",
        "@11.1 =running setup active STOP pre-switchover device postcopy-device failing RESUME failed =running",
        "@11.0 =running setup active STOP device failing cancelling RESUME cancelled",
        "@10.0 =running setup wait-unplug active STOP device completed",
        "@10.0 =running setup active STOP device postcopy-active =finish-migrate postcopy-paused postcopy-recover-setup postcopy-recover postcopy-active completed =postmigrate",
        "@10.0 =running setup active quit cancelling cancelled",
        "@10.0 =running setup quit active cancelling",
        "@10.0 =running setup active STOP RESUME completed",
        "@10.0 =running STOP setup completed RESUME =running",
        "@10.0 =inmigrate active RESUME completed setup",
        "@10.0 =inmigrate active postcopy-active RESUME STOP postcopy-paused postcopy-recover postcopy-active RESUME completed",
        "@10.2 =running setup active STOP device colo RESUME STOP RESUME STOP completed RESUME =running",
        "@10.0 =running setup 1 active 2 3 STOP device 4 completed setup 1",
        "@11.1 =running setup active 2 3 STOP device completed",
        "@10.2 =running setup 1 active STOP device 2 colo RESUME STOP 3 RESUME exit-primary STOP completed RESUME",
        "@10.2 =running setup active STOP device colo RESUME cancelling exit-primary =running",
        "@10.2 =running setup active STOP device colo RESUME quit cancelling exit-primary cancelled",
        "=running exit-primary =running",
        "@7.2 =running setup 1 active STOP 2 =finish-migrate colo RESUME STOP 3 RESUME =running",
        "@10.0 =prelaunch setup cancelling cancelled 1 =prelaunch",
        "7 8 STOP device completed",
        // A log that begins in the middle of one.
        "STOP device completed =postmigrate",
        "@10.2 =running cancelled =running",
        "@7.2 =running completed =running setup",
        // Paused by a client, a background snapshot, and a migration that is not told.
        "@10.0 =running setup active STOP completed =postmigrate",
        "@11.0 device completed =postmigrate",
        "@9.0 cancelling RESUME cancelled",
    ] {
        let verdict = one(&told(log));
        assert!(verdict.is_possible(), "{log}: {:?}", verdict.first);
    }
}

#[test]
fn migrations_that_cannot_go_like_this_are_found() {
    for (log, line) in [
        ("@8.0 =running setup completed", 4),
        ("@7.2 =running setup active STOP completed =running", 7),
        ("@10.0 =running setup active STOP device completed =paused", 8),
        ("@10.0 =running setup active RESUME", 5),
        ("@9.1 =running setup active cancelled", 5),
        ("@10.2 =running setup active cancelling cancelled completed", 7),
        ("@7.0 =running setup active setup", 5),
        ("@9.2 =running setup active pre-switchover", 5),
        ("@10.0 =running setup active STOP pre-switchover completed", 7),
        ("@10.0 =running setup failing", 4),
        ("@11.0 =running setup active failed", 5),
        ("@9.0 =running setup active STOP postcopy-device", 6),
        ("@11.0 =running setup active quit completed", 6),
        ("@10.0 =running setup 1 active 3", 6),
        ("@10.0 =running setup 1 active 1", 6),
        ("@11.1 =running setup active 1", 5),
        ("@10.2 =running setup active 2", 5),
        ("@10.0 =running setup 1 active failed 2", 7),
        ("@10.0 =running setup 0", 4),
        ("@10.0 =running setup 1 active exit-primary", 6),
        (
            "@10.2 =running setup active STOP device colo RESUME exit-primary exit-primary",
            10,
        ),
        ("@10.0 =running setup none", 4),
        ("@10.0 =running setup perhaps", 4),
        ("@10.0 =inmigrate setup active active", 5),
    ] {
        let verdict = one(&told(log));
        let lines: Vec<u64> = verdict.first.iter().map(|found| found.line).collect();
        assert_eq!(lines.first(), Some(&line), "{log}: {:?}", verdict.first);
    }
}
