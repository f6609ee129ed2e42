//! QEMU's own answers, recorded, held against the session's: tests/data/wire.

use runstate_qmp::{Config, Session, Value, Version};

use crate::literal::literal;
use crate::monitor::{Monitor, NAMES};

const MARK: &str = "{\"execute\":\"query-name\",\"id\":\"MARK\"}\n";

/// One thing sent and what came back.
#[derive(Debug, Default)]
struct Exchange {
    line: usize,
    sent: Vec<u8>,
    received: Vec<String>,
}

/// Reads a recording: `->` begins an exchange, `<-` is what came back, `\xff\n` and a marker are sent where the
/// recording says so.
fn exchanges(recording: &str) -> Vec<Exchange> {
    let mut exchanges: Vec<Exchange> = Vec::new();
    for (at, line) in recording.lines().enumerate() {
        // Some recordings have the time first.
        let line = line
            .trim_start()
            .trim_start_matches(|char: char| char.is_ascii_digit() || char == '.');
        let line = line.trim_start();
        if let Some(sent) = line.strip_prefix("-> ") {
            let (sent, _) = literal(sent).expect("a literal");
            exchanges.push(Exchange {
                line: at + 1,
                sent,
                received: Vec::new(),
            });
        } else if let Some(received) = line.strip_prefix("<- ") {
            let (received, _) = literal(received).expect("a literal");
            let received = String::from_utf8(received).expect("QEMU sends ASCII");
            if exchanges.is_empty() || received.starts_with("{\"QMP\"") {
                exchanges.push(Exchange {
                    line: at + 1,
                    ..Exchange::default()
                });
            }
            exchanges
                .last_mut()
                .expect("one has begun")
                .received
                .push(received);
        } else if line.starts_with("after 0xff") {
            exchanges.push(Exchange {
                line: at + 1,
                sent: b"\xFF\n".to_vec(),
                received: Vec::new(),
            });
        }
    }
    exchanges
}

fn data(name: &str) -> String {
    let path = format!("{}/tests/data/wire/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every lexical and syntax error, and how values are printed. A good command follows each input.
#[test]
fn syntax() {
    let recording = data("t3-syntax-10.txt");
    let exchanges = exchanges(&recording);
    let mut monitor = Monitor::negotiated();
    for Exchange { line, sent, received } in &exchanges {
        let mut answer = monitor.send(sent);
        answer.extend(monitor.send(MARK));
        // After an unfinished string the recorder listed all answers again when it had sent FF.
        let earlier = received.len().saturating_sub(answer.len());
        if earlier > 0 {
            assert_eq!(sent, b"\xFF\n", "line {line}");
        }
        assert_eq!(
            answer,
            received[earlier..],
            "line {line}: {}",
            sent.escape_ascii()
        );
    }
    assert_eq!(exchanges.len(), 238);
}

/// Command-object errors and argument errors, for the commands that need no VM.
#[test]
fn command_errors() {
    let mut monitor = Monitor::negotiated();
    let (mut replayed, mut skipped) = (0, Vec::new());
    for Exchange { line, sent, received } in exchanges(&data("t4-cmderr-10.txt")) {
        let name = Value::parse(&sent)
            .ok()
            .and_then(|command| Some(command.get("execute")?.as_str()?.to_owned()));
        let refused = ["CommandNotFound", "QMP input"]
            .iter()
            .any(|words| received[0].contains(words));
        let known = name
            .as_deref()
            .is_none_or(|name| refused || NAMES.contains(&name));
        let needs_vm = received.iter().any(|message| {
            [
                "VM status",
                "RESUME",
                "info balloon",
                "\"return\": [",
                "-machine",
                "/nope",
            ]
            .iter()
            .any(|part| message.contains(part))
        });
        let hmp_stop = sent.ends_with(b"{\"command-line\":\"stop\"}}");
        if known && !needs_vm && !hmp_stop {
            replayed += 1;
            assert_eq!(
                monitor.send(&sent),
                received,
                "line {line}: {}",
                sent.escape_ascii()
            );
        } else {
            skipped.push(name);
        }
    }
    assert_eq!((replayed, skipped.len()), (137, 27), "{skipped:?}");
}

/// Negotiation in all its variants.
#[test]
fn negotiation() {
    let recording = data("t2-negotiation.txt");
    let mut session = Session::new(Config::new(Version::new(0, 0, 0)));
    let (mut seven, mut replayed, mut skipped) = (false, 0, 0);
    for Exchange { line, sent, received } in exchanges(&recording) {
        if let Some(greeting) = received.first().filter(|message| message.starts_with("{\"QMP\"")) {
            seven = greeting.contains("\"major\": 7");
            let greeting = Value::parse(greeting.as_bytes()).expect("a greeting");
            session = Session::new(Config::new(version(&greeting)));
            session.connect();
        }
        let of_7_2 = sent.starts_with(b"{\"execute\":\"query-status\"}")
            || sent.ends_with(b"migrate-pause\",\"id\":7}");
        if of_7_2 && !seven && !received[0].contains("QMP input") {
            // The monitor of these tests answers as 7.2 does.
            skipped += 1;
            continue;
        }
        let mut monitor = Monitor { session };
        let answer = monitor.send(&sent);
        assert_eq!(answer, received, "line {line}: {}", sent.escape_ascii());
        replayed += 1;
        session = monitor.session;
    }
    assert_eq!((replayed, skipped), (113, 3));
}

/// The version in a greeting.
pub(crate) fn version(greeting: &Value) -> Version {
    let version = greeting
        .get("QMP")
        .and_then(|qmp| qmp.get("version"))
        .expect("a version");
    let package = version
        .get("package")
        .and_then(Value::as_str)
        .expect("a package")
        .to_owned();
    let number = |name: &str| {
        let number = version.get("qemu").and_then(|qemu| qemu.get(name)?.as_u64());
        u32::try_from(number.expect("a number")).expect("a small number")
    };
    Version {
        package: package.into(),
        ..Version::new(number("major"), number("minor"), number("micro"))
    }
}

/// Limits: what was sent is rebuilt from the recording's titles.
#[test]
fn limits() {
    let recording = data("t7-limits-10.txt");
    let mut monitor = Monitor::negotiated();
    let mut replayed = 0;
    for part in recording.split("\n* ").skip(1) {
        let (title, expected) = part.split_once('\n').expect("a title");
        let (title, size) = title.split_once("  [").expect("a size");
        let sent = limit_input(title);
        let size: usize = size
            .split_once(' ')
            .and_then(|(size, _)| size.parse().ok())
            .expect("a size");
        // The titles do not tell all the white space; it has no meaning.
        assert!(
            (sent.len()..=sent.len() + 8).contains(&size),
            "{title}: {} bytes",
            sent.len()
        );
        let mut answers = monitor.send(&sent);
        answers.extend(monitor.send(MARK));
        compare(title, answers, expected);
        replayed += 1;
    }
    assert_eq!(replayed, 15);
}

/// What was sent under a title of t7-limits.
fn limit_input(title: &str) -> Vec<u8> {
    let name = |id: &str| format!("{{\"execute\":\"query-name\",\"id\":{id}}}");
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let text = match title.split([':', '(']).next().expect("a title").trim() {
        "several commands in one write" => {
            let nope = "{\"execute\":\"nope\",\"id\":5}";
            [
                &name("1"),
                "\n",
                &name("2"),
                &name("3"),
                "\n",
                &name("4"),
                nope,
                &name("6"),
                "\n",
            ]
            .concat()
        }
        "one command split over writes, byte by byte" => name("\"split\"") + "\n",
        "split inside multi-byte UTF-8 and inside an escape" => name("\"€é\\n\"") + "\n",
        "split right after a complete object but before newline; no newline at all" => name("\"nonl\""),
        "nesting" if title.contains("1024 total") => name(&nested(1023)) + "\n",
        "nesting" => name(&nested(1024)) + "\n",
        "top-level array nesting 1024" => nested(1024) + "\n",
        "top-level array nesting 1025" => nested(1025) + "\n",
        "objects nesting 1025" => "{\"a\":".repeat(1025) + "1" + &"}".repeat(1025) + "\n",
        "1025 open brackets only" => "[".repeat(1025) + "\n",
        "2050 open brackets only" => "[".repeat(2050) + "\n",
        "unbalanced" => "]]]\n".to_owned(),
        "1 MiB string id" => name(&format!("\"{}\"", "x".repeat(1 << 20))) + "\n",
        "whitespace 1 MiB between tokens" => {
            format!(
                "{{\"execute\":\"query-name\",{}\"id\":\"ws\"}}\n",
                " ".repeat(1 << 20)
            )
        }
        "100k elements array id" => name(&format!("[{}1]", "1,".repeat(100_000))) + "\n",
        _ => panic!("what was sent for {title:?}?"),
    };
    text.into_bytes()
}

/// Compares messages with a recording that cuts long ones and counts repeated ones.
fn compare(title: &str, answers: Vec<String>, expected: &str) {
    let mut answers = answers.into_iter();
    for line in expected.lines().filter(|line| line.contains("<- ")) {
        let (message, rest) = line
            .split_once("<- ")
            .and_then(|(_, rest)| literal(rest))
            .expect("a literal");
        let message = String::from_utf8(message).expect("QEMU sends ASCII");
        let times = rest
            .trim()
            .strip_prefix('x')
            .map_or(1, |times| times.parse().expect("a number"));
        for _ in 0..times {
            let answer = answers.next().unwrap_or_default();
            if let Some(length) = rest
                .trim()
                .strip_prefix('(')
                .and_then(|rest| rest.split_once(" bytes"))
            {
                assert_eq!(answer.len().to_string(), length.0, "{title}");
                let (begin, end) = message.split_once("...").expect("the message is cut");
                assert!(answer.starts_with(begin) && answer.ends_with(end), "{title}");
            } else {
                assert_eq!(answer, message, "{title}");
            }
        }
    }
    assert_eq!(answers.next(), None, "{title}");
}
