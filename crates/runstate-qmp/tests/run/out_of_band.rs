//! Out-of-band execution: what overtakes what, and when the session stops reading.

use runstate_qmp::{Error, Request, Value};

use crate::monitor::{Few, Monitor, execute};

fn connect() -> Monitor {
    let mut monitor = Monitor::connect();
    let negotiation = "{'execute':'qmp_capabilities','arguments':{'enable':['oob']}}";
    assert_eq!(monitor.send(negotiation), ["{\"return\": {}}\r\n"]);
    assert!(monitor.session.is_oob_enabled());
    monitor
}

fn command(id: u32) -> String {
    format!("{{\"execute\":\"query-name\",\"id\":{id}}}")
}

fn oob(id: u32) -> String {
    format!("{{\"exec-oob\":\"migrate-pause\",\"id\":{id}}}")
}

/// The ids of the answers, in their order; `error` where there is none.
fn ids(answers: &[String]) -> Vec<String> {
    let id = |answer: &String| {
        let answer = Value::parse(answer.as_bytes()).expect("an answer is JSON");
        answer
            .get("id")
            .map_or_else(|| "error".to_owned(), Value::to_string)
    };
    answers.iter().map(id).collect()
}

fn answer(monitor: &mut Monitor, request: Request) {
    let answer = execute(&request.command, &request.arguments);
    monitor.session.reply(request.ticket, answer);
}

/// While an in-band command is executed, out-of-band commands overtake those that wait. Bad JSON waits its turn.
/// Recorded order: 3, 4, 1, 2, the parse error, 5.
#[test]
fn out_of_band_overtakes_what_waits() {
    let mut monitor = connect();
    let input = [
        command(1),
        command(2),
        "@\n".to_owned(),
        oob(3),
        oob(4),
        command(5),
    ]
    .concat();
    monitor.session.receive(input.as_bytes());
    let first = monitor.session.poll(&Few).expect("an in-band request");
    assert!(!first.oob);
    while let Some(request) = monitor.session.poll(&Few) {
        assert!(request.oob);
        answer(&mut monitor, request);
    }
    answer(&mut monitor, first);
    monitor.serve();
    assert_eq!(ids(&monitor.sent()), ["3", "4", "1", "2", "error", "5"]);
}

/// QEMU's qmp-test, the out-of-band test: a command that blocks, one behind it, one that overtakes; and an
/// erroneous in-band command does not overtake. Recorded on 10.0.0.
#[test]
fn qmp_test_oob() {
    let mut monitor = connect();
    let refused = monitor.send("{\"exec-oob\": \"query-name\"}");
    let desc = "The command query-name does not support OOB";
    let error = format!("{{\"error\": {{\"class\": \"GenericError\", \"desc\": \"{desc}\"}}}}\r\n");
    assert_eq!(refused, [error]);

    monitor
        .session
        .receive((command(1) + &command(2) + &oob(3)).as_bytes());
    let blocks = monitor.session.poll(&Few).expect("an in-band request");
    let overtakes = monitor.session.poll(&Few).expect("an out-of-band request");
    assert!(overtakes.oob);
    answer(&mut monitor, overtakes);
    assert_eq!(ids(&monitor.sent()), ["3"]);
    answer(&mut monitor, blocks);
    monitor.serve();
    assert_eq!(ids(&monitor.sent()), ["1", "2"]);

    monitor.session.receive((command(4) + "{\"id\": 5}").as_bytes());
    let blocks = monitor.session.poll(&Few).expect("an in-band request");
    assert!(monitor.session.poll(&Few).is_none());
    assert!(monitor.sent().is_empty());
    answer(&mut monitor, blocks);
    monitor.serve();
    assert_eq!(ids(&monitor.sent()), ["4", "5"]);
}

/// A message that looks like an out-of-band command is answered out of band, whatever is wrong with it.
#[test]
fn its_errors_are_out_of_band_too() {
    let mut monitor = connect();
    let wrong = [
        (
            "{'exec-oob':'query-name','id':2}",
            "The command query-name does not support OOB",
        ),
        (
            "{'exec-oob':'nonesuch','id':2}",
            "The command nonesuch has not been found",
        ),
        (
            "{'exec-oob':'qmp_capabilities','id':2}",
            "The command qmp_capabilities does not support OOB",
        ),
        (
            "{'exec-oob':7,'id':2}",
            "QMP input member 'exec-oob' must be a string",
        ),
        (
            "{'exec-oob':'stop','arguments':1,'id':2}",
            "QMP input member 'arguments' must be an object",
        ),
        (
            "{'exec-oob':'stop','foo':1,'id':2}",
            "QMP input member 'foo' is unexpected",
        ),
    ];
    for (input, desc) in wrong {
        monitor.session.receive((command(1) + input).as_bytes());
        let first = monitor.session.poll(&Few).expect("an in-band request");
        assert!(monitor.session.poll(&Few).is_none());
        let sent = monitor.sent();
        assert!(sent.len() == 1 && sent[0].contains(desc), "{sent:?}");
        assert_eq!(ids(&sent), ["2"]);
        answer(&mut monitor, first);
        assert_eq!(ids(&monitor.sent()), ["1"]);
    }
    // With `execute` beside it, it waits its turn.
    monitor
        .session
        .receive((command(1) + "{'execute':'stop','exec-oob':'stop','id':2}").as_bytes());
    let first = monitor.session.poll(&Few).expect("an in-band request");
    assert!(monitor.session.poll(&Few).is_none());
    answer(&mut monitor, first);
    monitor.serve();
    let sent = monitor.sent();
    assert_eq!(ids(&sent), ["1", "2"]);
    assert!(sent[1].contains("QMP input member 'execute' clashes with 'exec-oob'"));
}

/// Eight in-band commands wait; then the session reads no more, not even what would overtake.
#[test]
fn eight_commands_wait() {
    let mut monitor = connect();
    let input: String = (1..=20).map(command).chain([oob(21)]).collect();
    monitor.session.receive(input.as_bytes());
    let mut seen = Vec::new();
    let mut pending = monitor.session.poll(&Few);
    while let Some(request) = pending.take() {
        // All that may be read is read before the command ends.
        while let Some(overtakes) = monitor.session.poll(&Few) {
            assert!(overtakes.oob);
            answer(&mut monitor, overtakes);
        }
        seen.push(monitor.session.unread());
        assert_eq!(
            monitor.session.wants_input() == 0,
            seen.len() <= 12,
            "command {}",
            seen.len()
        );
        answer(&mut monitor, request);
        pending = monitor.session.poll(&Few);
    }
    // The commands of ids 1 to 9 are shorter by a byte. While the first is executed, 2 to 9 wait.
    assert_eq!(seen[0], input.len() - 9 * command(1).len());
    assert_eq!(seen[12], 0);
    // While 13 is executed there is room for the out-of-band command.
    let order = ids(&monitor.sent());
    let at = order.iter().position(|id| id == "21").expect("it is answered");
    assert_eq!((at, order.len()), (12, 21));
}

/// A command that is executed out of band keeps the session from reading, and in-band commands go on.
#[test]
fn an_out_of_band_command_may_take_its_time() {
    let mut monitor = connect();
    monitor
        .session
        .receive((oob(1) + &command(2) + &oob(3)).as_bytes());
    let slow = monitor.session.poll(&Few).expect("an out-of-band request");
    assert!(slow.oob);
    assert!(monitor.session.poll(&Few).is_none());
    assert_eq!(monitor.session.wants_input(), 0);
    monitor
        .session
        .reply(slow.ticket, Err(Error::generic("too late")));
    monitor.serve();
    assert_eq!(ids(&monitor.sent()), ["1", "2", "3"]);
}
