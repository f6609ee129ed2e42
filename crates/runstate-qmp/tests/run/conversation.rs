//! Whole conversations: QEMU's own qmp-test, and the life of a monitor.

use runstate_qmp::{Chunk, ChunkKind, Config, Layout, Mode, Session, Timestamp, Value, Version, object};

use crate::monitor::{Few, Monitor};

/// QEMU's tests/qtest/qmp-test.c, the protocol test, as recorded on 10.0.0.
#[test]
fn qmp_test_protocol() {
    let expecting = "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"Expecting capabilities negotiation with \
                     'qmp_capabilities'\"}}\r\n";
    let mut monitor = Monitor::connect();
    assert_eq!(monitor.send("{\"execute\": \"query-version\"}"), [expecting]);
    assert_eq!(
        malformed(
            &mut monitor,
            "Expecting capabilities negotiation with 'qmp_capabilities'"
        ),
        13
    );
    assert_eq!(
        monitor.send("{\"execute\": \"qmp_capabilities\"}"),
        ["{\"return\": {}}\r\n"]
    );
    let again = "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"Capabilities negotiation is already \
                 complete, command ignored\"}}\r\n";
    assert_eq!(monitor.send("{\"execute\": \"qmp_capabilities\"}"), [again]);
    assert_eq!(
        malformed(&mut monitor, "The command no-such-cmd has not been found"),
        13
    );
    assert_eq!(
        monitor.send("{\"execute\": \"query-name\", \"id\": \"cookie#1\"}"),
        ["{\"return\": {}, \"id\": \"cookie#1\"}\r\n"]
    );
    assert_eq!(
        monitor.send("{\"execute\": \"human-monitor-command\", \"id\": 2}"),
        [
            "{\"id\": 2, \"error\": {\"class\": \"GenericError\", \"desc\": \"Parameter 'command-line' is missing\"}}\r\n"
        ]
    );
}

/// The malformed inputs of qmp-test, each followed by a command that does not exist.
fn malformed(monitor: &mut Monitor, not_found: &str) -> usize {
    let inputs: [(&[u8], &str); 13] = [
        (b"{]\n", "JSON parse error, expecting value"),
        (b"{\xFF\n", "JSON parse error, stray '\\uFFFD'"),
        (b"{\x01\n", "JSON parse error, stray '\\u0001'"),
        (b"{'bad \xFF\n", "JSON parse error, stray ''bad \\uFFFD'"),
        (
            b"{'execute': 'nonexistent', 'id':'\n",
            "JSON parse error, stray ''\\n'",
        ),
        (b"%p\n", "JSON parse error, stray '%'"),
        (b"null\n", "QMP input must be a JSON object"),
        (b"{}", "QMP input lacks member 'execute'"),
        (
            b"{\"execute\": true}",
            "QMP input member 'execute' must be a string",
        ),
        (
            b"{\"execute\": {}}",
            "QMP input member 'execute' must be a string",
        ),
        (
            b"{\"execute\": \"no-such-cmd\", \"arguments\": []}",
            "QMP input member 'arguments' must be an object",
        ),
        (
            b"{\"extra\": true, \"execute\": \"no-such-cmd\"}",
            "QMP input member 'extra' is unexpected",
        ),
        (
            b"{\"execute\": \"no-such-cmd\", \"arguments\": null}",
            "QMP input member 'arguments' must be an object",
        ),
    ];
    for (input, desc) in inputs {
        let error = format!("{{\"error\": {{\"class\": \"GenericError\", \"desc\": \"{desc}\"}}}}\r\n");
        assert_eq!(monitor.send(input), [error], "{}", input.escape_ascii());
        let error =
            format!("{{\"error\": {{\"class\": \"CommandNotFound\", \"desc\": \"{not_found}\"}}}}\r\n");
        assert_eq!(monitor.send("{\"execute\": \"no-such-cmd\"}\n"), [error]);
    }
    inputs.len()
}

/// Events come only after negotiation; those before are lost.
#[test]
fn events_come_after_negotiation() {
    let mut monitor = Monitor::connect();
    let at = Timestamp::from_micros(1_795_334_429_983_778);
    monitor.session.announce("RESUME", None, at);
    assert!(monitor.sent().is_empty());
    monitor.send("{'execute':'qmp_capabilities'}");
    let data = object! { "guest": true, "reason": "guest-reset" };
    monitor.session.announce("STOP", None, at);
    monitor.session.announce("RESET", Some(&data), Timestamp::UNKNOWN);
    assert_eq!(
        monitor.sent(),
        [
            "{\"timestamp\": {\"seconds\": 1795334429, \"microseconds\": 983778}, \"event\": \"STOP\"}\r\n",
            "{\"timestamp\": {\"seconds\": -1, \"microseconds\": -1}, \"event\": \"RESET\", \"data\": {\"guest\": true, \
             \"reason\": \"guest-reset\"}}\r\n"
        ]
    );
}

/// A client that leaves takes its half-sent command and its negotiation with it.
#[test]
fn a_reconnect_starts_over() {
    let mut monitor = Monitor::negotiated();
    monitor.send("{\"execute\":\"st");
    monitor.session.close();
    assert_eq!(monitor.session.mode(), Mode::Closed);
    assert_eq!(monitor.session.wants_input(), 0);
    assert!(monitor.send("{'execute':'query-name'}").is_empty());
    monitor.session.announce("STOP", None, Timestamp::default());
    monitor.session.connect();
    assert!(monitor.sent()[0].starts_with("{\"QMP\""));
    let answers = monitor.send("{\"execute\":\"query-name\"}");
    assert!(
        answers[0].contains("Expecting capabilities negotiation"),
        "{answers:?}"
    );
    assert_eq!(
        monitor.send("{\"execute\":\"qmp_capabilities\"}"),
        ["{\"return\": {}}\r\n"]
    );
}

/// While a command is executed nothing else is looked at, and nobody gets the answer of a client that has left.
#[test]
fn one_command_at_a_time() {
    let mut monitor = Monitor::negotiated();
    assert!(monitor.session.wants_input() > 0);
    monitor
        .session
        .receive(b"{'execute':'stop','id':1}{'execute':'cont','id':2}\n");
    let first = monitor.session.poll(&Few).expect("a request");
    assert_eq!(
        (first.command.as_str(), first.ticket.id()),
        ("stop", Some(&Value::Int(1)))
    );
    assert!(monitor.session.poll(&Few).is_none());
    assert!(monitor.session.is_busy());
    assert_eq!((monitor.session.wants_input(), monitor.session.unread()), (0, 26));
    monitor.session.reply(first.ticket, Ok(Value::empty()));
    let second = monitor.session.poll(&Few).expect("a request");
    assert_eq!(second.command, "cont");

    monitor.session.connect();
    assert_eq!(monitor.sent().len(), 1, "the greeting");
    monitor.session.receive(b"{'execute':'qmp_capabilities'}");
    assert!(monitor.session.poll(&Few).is_none());
    assert!(
        monitor.sent().is_empty(),
        "the dispatcher still executes the command of the client that has left"
    );
    monitor.session.reply(second.ticket, Ok(Value::empty()));
    monitor.serve();
    assert_eq!(monitor.sent(), ["{\"return\": {}}\r\n"]);
}

#[test]
fn a_command_may_have_no_answer() {
    let mut monitor = Monitor::negotiated();
    monitor
        .session
        .receive(b"{'execute':'quit'}{'execute':'query-name'}");
    let quit = monitor.session.poll(&Few).expect("a request");
    monitor.session.reply_nothing(quit.ticket);
    monitor.serve();
    assert_eq!(monitor.sent(), ["{\"return\": {}}\r\n"]);
}

/// In pretty mode QEMU writes each line on its own.
#[test]
fn chunks_are_messages_and_writes_are_lines() {
    let config = Config {
        layout: Layout::Pretty,
        ..Config::new(Version::new(7, 2, 0))
    };
    let mut session = Session::new(config);
    session.connect();
    session.receive(b"{'execute':'qmp_capabilities'}");
    assert!(session.poll(&Few).is_none());
    let greeting = session.transmit().expect("a greeting");
    assert_eq!(
        (greeting.kind, greeting.writes().count()),
        (ChunkKind::Greeting, 15)
    );
    assert!(
        greeting
            .bytes
            .starts_with(b"{\r\n    \"QMP\": {\r\n        \"version\": {\r\n")
    );
    session.announce("STOP", None, Timestamp::default());
    let reply = session.transmit().expect("a reply");
    let bytes = &b"{\r\n    \"return\": {\r\n    }\r\n}\r\n"[..];
    assert_eq!(
        reply,
        Chunk {
            kind: ChunkKind::Reply,
            bytes
        }
    );
    let lines: Vec<&[u8]> = reply.writes().collect();
    assert_eq!(
        lines,
        [&b"{\r\n"[..], b"    \"return\": {\r\n", b"    }\r\n", b"}\r\n"]
    );
    assert!(session.untransmitted() > 0);
    assert_eq!(session.transmit().map(|chunk| chunk.kind), Some(ChunkKind::Event));
    assert_eq!(session.transmit(), None);
    assert_eq!(session.untransmitted(), 0);
}

#[test]
fn oob_is_refused_where_it_is_not_offered() {
    let config = Config {
        offer_oob: false,
        ..Config::new(Version::new(7, 2, 0))
    };
    let mut session = Session::new(config);
    session.connect();
    let mut monitor = Monitor { session };
    assert!(monitor.sent()[0].ends_with("\"capabilities\": []}}\r\n"));
    let answers = monitor.send("{'execute':'qmp_capabilities','arguments':{'enable':['oob']}}");
    assert_eq!(
        answers,
        ["{\"error\": {\"class\": \"GenericError\", \"desc\": \"Capability oob not available\"}}\r\n"]
    );
    assert_eq!(monitor.session.mode(), Mode::Negotiation);
    assert_eq!(
        monitor.send("{'execute':'qmp_capabilities'}"),
        ["{\"return\": {}}\r\n"]
    );
}
