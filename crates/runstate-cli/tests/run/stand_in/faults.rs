//! Misbehaviour on demand, each kind as a client sees it.

use std::os::fd::{AsRawFd as _, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::{Client, PATIENCE, Room, Running};

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

/// A monitor on a socket that keeps writes apart: what is read at once was written at once.
struct Packets {
    _running: Running,
    socket: OwnedFd,
}

impl Packets {
    fn start(room: &Room, faults: &str) -> Self {
        let (socket, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::empty(),
            None,
        )
        .expect("a pair");
        // Only the other end is for the stand-in.
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC).expect("it is open");
        let line = format!(
            "-chardev socket,id=c,fd={} -mon c,mode=control -runstate fault={faults}",
            theirs.as_raw_fd()
        );
        Self {
            _running: room.start(&line),
            socket,
        }
    }

    fn send(&self, text: &str) {
        rustix::io::write(&self.socket, text.as_bytes()).expect("it is read");
    }

    fn read(&self) -> String {
        let patience = Timespec::try_from(PATIENCE).expect("some seconds");
        let mut ready = [PollFd::new(&self.socket, PollFlags::IN)];
        let count = poll(&mut ready, Some(&patience)).expect("it can be waited for");
        assert_eq!(count, 1, "it says something");
        let mut bytes = vec![0; 0x1_0000];
        let length = rustix::io::read(&self.socket, &mut bytes).expect("it can be read");
        bytes.truncate(length);
        String::from_utf8(bytes).expect("text")
    }

    /// Reads until so many messages are there; the messages in each read.
    fn messages(&self, count: usize) -> Vec<usize> {
        let mut reads = Vec::new();
        while reads.iter().sum::<usize>() < count {
            reads.push(self.read().matches("\r\n").count());
        }
        reads
    }
}

#[test]
fn messages_arrive_together_or_each_on_its_own() {
    for (faults, reads) in [("coalesce", &[2][..]), ("late-exit:1", &[1, 1])] {
        let room = Room::new();
        let client = Packets::start(&room, faults);
        assert_eq!(client.messages(1), [1], "the greeting");
        client.send(r#"{"execute": "qmp_capabilities"}"#);
        assert_eq!(client.messages(1), [1]);
        client.send(r#"{"execute": "stop"}"#);
        assert_eq!(client.messages(2), reads, "{faults}: STOP and the reply");
    }
}

#[test]
fn fragments_are_as_small_as_was_asked_for() {
    let room = Room::new();
    let client = Packets::start(&room, "fragment:5");
    let mut greeting = String::new();
    while !greeting.ends_with("\r\n") {
        let piece = client.read();
        assert!(piece.len() == 5 || piece.ends_with('\n'), "{piece:?}");
        greeting.push_str(&piece);
    }
    assert!(greeting.starts_with(r#"{"QMP": {"version""#), "{greeting}");
}

#[test]
fn every_fault_is_committed_here() {
    let tests = include_str!("faults.rs");
    for name in runstate_monitor::faults::Fault::names() {
        let name = name.trim_end_matches('N');
        assert!(tests.contains(&format!("\"{name}")), "no test commits {name}");
    }
}
