//! Misbehaviour on demand, each kind as a client sees it.

use super::{Client, Room, Running};

/// A stand-in that misbehaves so, and a client that has been greeted.
fn start(room: &Room, fault: &str) -> (Running, Client) {
    let running = room.start(&format!(
        "-qmp unix:{{}}/q,server=on,wait=off -runstate fault={fault}"
    ));
    (running, room.client("q"))
}

/// The names of the events and `return`, in the order they come.
fn names(lines: &[String]) -> Vec<&str> {
    let known = ["RTC_CHANGE", "RESET", "SHUTDOWN", "STOP", "RESUME", "return"];
    lines
        .iter()
        .map(|line| {
            known
                .into_iter()
                .find(|name| line.contains(&format!("\"{name}\"")))
                .unwrap_or("?")
        })
        .collect()
}

#[test]
fn events_come_before_and_in_the_handshake() {
    let room = Room::new();
    let (_running, mut client) = start(&room, "event-before-handshake");
    assert!(client.line().expect("an event").contains("RTC_CHANGE"));
    assert_eq!(names(&client.ask("qmp_capabilities")), ["return"]);
    let room = Room::new();
    let (_running, mut client) = start(&room, "event-in-handshake");
    assert_eq!(names(&client.ask("qmp_capabilities")), ["RTC_CHANGE", "return"]);
    assert_eq!(names(&client.ask("stop")), ["STOP", "return"], "only there");
}

#[test]
fn replies_are_late_or_never_come() {
    let reset = r#"{"execute": "x-guest", "arguments": {"action": "reset"}}"#;
    for (fault, expected) in [("", ["return", "RESET"]), ("late-reply:100", ["RESET", "return"])] {
        let room = Room::new();
        let (_running, mut client) = if fault.is_empty() {
            start(&room, "coalesce")
        } else {
            start(&room, fault)
        };
        client.ask("qmp_capabilities");
        client.send(reset.as_bytes());
        let said = [client.line(), client.line()].map(|line| line.expect("a message"));
        assert_eq!(names(&said), expected, "{fault}");
    }
    let room = Room::new();
    let (_running, mut client) = start(&room, "no-reply");
    client.ask("qmp_capabilities");
    client.send(br#"{"execute": "stop"}{"execute": "query-status"}{"execute": "cont"}"#);
    let said = [client.line(), client.line()].map(|line| line.expect("a message"));
    assert_eq!(names(&said), ["STOP", "RESUME"], "executed, and not answered");
}

#[test]
fn the_end_is_not_told_as_it_should_be() {
    for (fault, expected) in [
        ("no-quit-reply", &["SHUTDOWN"][..]),
        ("early-close", &[]),
        ("eof-after-shutdown", &["SHUTDOWN"]),
        ("second-shutdown", &["SHUTDOWN", "SHUTDOWN", "return"]),
        ("coalesce", &["SHUTDOWN", "return"]),
        ("fragment:3", &["SHUTDOWN", "return"]),
    ] {
        let room = Room::new();
        let (running, mut client) = start(&room, fault);
        client.ask("qmp_capabilities");
        client.send(br#"{"execute": "quit"}"#);
        assert_eq!(names(&client.rest()), expected, "{fault}");
        assert!(running.finish().0.success(), "{fault}");
    }
}

#[test]
fn the_process_outlives_what_it_said() {
    let room = Room::new();
    let (mut running, mut client) = start(&room, "late-exit:700");
    client.ask("qmp_capabilities");
    assert_eq!(names(&client.ask("quit")), ["SHUTDOWN", "return"]);
    let status = running.child.try_wait().expect("it is our child");
    assert!(status.is_none(), "it lives on: {status:?}");
    assert!(running.finish().0.success());
}

#[test]
fn clients_are_lost_and_may_come_again() {
    let room = Room::new();
    let (_running, mut client) = start(&room, "lost-client:3");
    client.ask("qmp_capabilities");
    client.send(br#"{"execute": "stop"}{"execute": "cont"}"#);
    assert_eq!(
        client.rest(),
        [r#"{"event": "STOP"}"#],
        "the third message is the last"
    );
    room.negotiated("q");
}

#[test]
fn replies_have_members_that_no_schema_knows() {
    let room = Room::new();
    let (_running, mut client) = start(&room, "unknown-member");
    client.ask("qmp_capabilities");
    assert_eq!(
        client.ask("query-status"),
        [r#"{"x-unknown": null, "return": {"status": "running", "running": true}}"#]
    );
}
