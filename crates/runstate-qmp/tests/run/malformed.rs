//! What is wrong with a message, and what QEMU says about it: one row a case.
//!
//! The texts are those of QEMU 7.2, 10.0 and 11.0, which agree. tests/data/wire has the recordings they come from.

use runstate_qmp::Value;

use crate::monitor::Monitor;

/// An input, and the descriptions of the errors that answer it, or `return` for a good answer.
type Row = (&'static [u8], &'static [&'static str]);

const VALUE: &str = "JSON parse error, expecting value";
const OBJECT: &str = "QMP input must be a JSON object";

const LEXICAL: &[Row] = &[
    (b"Hello\n", &["JSON parse error, stray 'H'"]),
    (b"NaN\n", &["JSON parse error, stray 'N'"]),
    (b"// comment\n", &["JSON parse error, stray '/'"]),
    (b"%s\n", &["JSON parse error, stray '%'"]),
    (b"\\\n", &["JSON parse error, stray '\\'"]),
    (b"+5\n", &["JSON parse error, stray '+'"]),
    (b".5\n", &["JSON parse error, stray '.'"]),
    (b"-\n", &["JSON parse error, stray '-\n'"]),
    (b"-Infinity\n", &["JSON parse error, stray '-I'"]),
    (b"05\n", &["JSON parse error, stray '05'"]),
    (b"5.\n", &["JSON parse error, stray '5.\n'"]),
    (b"5e\n", &["JSON parse error, stray '5e\n'"]),
    (b"5e+\n", &["JSON parse error, stray '5e+\n'"]),
    (b"\x01\n", &["JSON parse error, stray '\u{1}'"]),
    (b"\x7F\n", &["JSON parse error, stray '\u{7F}'"]),
    (b"\0\n", &["JSON parse error, stray ''"]),
    (b"\xC3\xA9\n", &["JSON parse error, stray '\u{FFFD}'"]),
    (b"\xEF\xBB\xBF\n", &["JSON parse error, stray '\u{FFFD}'"]),
    (b"\xFF\xFF\n", &["JSON parse error, stray '\u{FFFD}'"; 2]),
    (b"\"abc\n", &["JSON parse error, stray '\"abc\n'"]),
    (b"'abc\n", &["JSON parse error, stray ''abc\n'"]),
    (b"\"a\tb\"\n", &["JSON parse error, stray '\"a\t'"]),
    (b"\"a\0b\"\n", &["JSON parse error, stray '\"a'"]),
    (b"\"a\xFEb\"\n", &["JSON parse error, stray '\"a\u{FFFD}'"]),
    (b"\"a\\\n", &["JSON parse error, stray '\"a\\\n'"]),
];

const RECOVERY: &[Row] = &[
    // Spaces and letters are skipped; the first of `[ ] { } : ,` or a control character is not.
    (
        b"@ a b {\"execute\":\"query-name\"}",
        &["JSON parse error, stray '@'", "return"],
    ),
    (b"@\t5 \"x\"\n", &["JSON parse error, stray '@'"]),
    (
        b"{\"execute\":\"query-name\", @ \"id\":\"x\"}\n",
        &["JSON parse error, stray '@'", VALUE, OBJECT, VALUE],
    ),
    (b"{\"a\":05}\n", &["JSON parse error, stray '05'", VALUE]),
    (
        b"hello_world\n",
        &[
            "JSON parse error, invalid keyword 'hello'",
            "JSON parse error, stray '_'",
        ],
    ),
    (
        b"\xFF{\"execute\":\"query-name\"}",
        &["JSON parse error, stray '\u{FFFD}'", "return"],
    ),
    (
        b"{\n{\"execute\":\"query-name\"}\n\xFF\n",
        &["JSON parse error, stray '\u{FFFD}'"],
    ),
];

const SYNTACTIC: &[Row] = &[
    (b"]", &[VALUE]),
    (b":", &[VALUE]),
    (b",", &[VALUE]),
    (b"{\"execute\":}", &[VALUE]),
    (b"{\"a\":1,}", &[VALUE]),
    (b"[1,]", &[VALUE]),
    (b"{,}", &[VALUE]),
    (b"[}", &[VALUE]),
    (b"{\"a\":{]}", &[VALUE, VALUE]),
    (b"hello ", &["JSON parse error, invalid keyword 'hello'"]),
    (b"nul ", &["JSON parse error, invalid keyword 'nul'"]),
    (
        b"{execute:\"x\"}",
        &["JSON parse error, invalid keyword 'execute'"],
    ),
    (b"{\"execute\"}", &["JSON parse error, missing : in object pair"]),
    (b"{\"a\" 1}", &["JSON parse error, missing : in object pair"]),
    (
        b"{\"a\":1 \"b\":2}",
        &["JSON parse error, expected separator in dict"],
    ),
    (b"{\"id\":0e1}", &["JSON parse error, expected separator in dict"]),
    (
        b"{\"execute\":\"query-name\"]",
        &["JSON parse error, expected separator in dict"],
    ),
    (b"[1 2]", &["JSON parse error, expected separator in list"]),
    (b"{1:2}", &["JSON parse error, key is not a string in object"]),
    (b"{null:1}", &["JSON parse error, key is not a string in object"]),
    (b"{[1]:2}", &["JSON parse error, key is not a string in object"]),
    (b"{\"a\":1,\"a\":1}", &["JSON parse error, duplicate key"]),
    (
        b"{\"id\":{\"x\":[{\"a\":1,\"a\":1}]}}",
        &["JSON parse error, duplicate key"],
    ),
    (
        b"\"\\x41\"",
        &["JSON parse error, invalid escape sequence in string"],
    ),
    (
        b"\"\\U0041\"",
        &["JSON parse error, invalid escape sequence in string"],
    ),
    (
        b"\"\\uffff\"",
        &["JSON parse error, \\uffff is not a valid Unicode character"],
    ),
    (
        b"\"\\ufdd0\"",
        &["JSON parse error, \\ufdd0 is not a valid Unicode character"],
    ),
    (
        b"\"\\udc00\"",
        &["JSON parse error, \\udc00 is not a valid Unicode character"],
    ),
    (
        b"\"\\ud800\"",
        &["JSON parse error, \\ud800 is not a valid Unicode character"],
    ),
    (
        b"\"\\ud800\\u0041\"",
        &["JSON parse error, \\ud800 is not a valid Unicode character"],
    ),
    (
        b"\"\\ud83f\\udfff\"",
        &["JSON parse error, \\ud83f\\udfff is not a valid Unicode character"],
    ),
    (
        b"\"\\u12\"",
        &["JSON parse error, \\u12\" is not a valid Unicode character"],
    ),
    (
        b"\"\\u12G4\"",
        &["JSON parse error, \\u12G4 is not a valid Unicode character"],
    ),
    (
        b"\"\xC3\"",
        &["JSON parse error, invalid UTF-8 sequence in string"],
    ),
    (
        b"\"\xC1\x81\"",
        &["JSON parse error, invalid UTF-8 sequence in string"],
    ),
    (
        b"\"\xED\xA0\x80\"",
        &["JSON parse error, invalid UTF-8 sequence in string"],
    ),
    (
        b"\"\xF4\x90\x80\x80\"",
        &["JSON parse error, invalid UTF-8 sequence in string"],
    ),
    (
        b"\"\xEF\xBF\xBF\"",
        &["JSON parse error, invalid UTF-8 sequence in string"],
    ),
    // What is accepted all the same, and what follows a complete message.
    (b"{'execute':'query-name','id':'\\'\"'}", &["return"]),
    (
        b"{\"execute\":\"query-name\"} trailing ",
        &["return", "JSON parse error, invalid keyword 'trailing'"],
    ),
    (b"{\"execute\":\"query-name\"}}", &["return", VALUE]),
];

const COMMANDS: &[Row] = &[
    (b"null ", &[OBJECT]),
    (b"5 ", &[OBJECT]),
    (b"\"abc\"", &[OBJECT]),
    (b"[{\"execute\":\"query-name\"}]", &[OBJECT]),
    (b"{}", &["QMP input lacks member 'execute'"]),
    (b"{\"arguments\":{}}", &["QMP input lacks member 'execute'"]),
    (
        b"{\"execute\":null}",
        &["QMP input member 'execute' must be a string"],
    ),
    (
        b"{\"execute\":\"query-name\",\"arguments\":[]}",
        &["QMP input member 'arguments' must be an object"],
    ),
    (
        b"{\"execute\":\"nonesuch\",\"\":0}",
        &["QMP input member '' is unexpected"],
    ),
    (
        b"{\"exec-oob\":\"query-name\"}",
        &["QMP input member 'exec-oob' is unexpected"],
    ),
    (
        b"{\"foo\":1,\"bar\":2,\"baz\":3}",
        &["QMP input member 'baz' is unexpected"],
    ),
    (
        b"{\"execute\":1,\"arguments\":[]}",
        &["QMP input member 'execute' must be a string"],
    ),
    (b"{\"execute\":\"\"}", &["The command  has not been found"]),
    (
        b"{\"execute\":\"Stop\"}",
        &["The command Stop has not been found"],
    ),
    (
        b"{\"execute\":\"x-query-roms\"}",
        &["Unstable command x-query-roms disabled by policy"],
    ),
    (
        b"{\"execute\":\"stop\",\"arguments\":{\"a\":1,\"b\":2,\"c\":3}}",
        &["Parameter 'b' is unexpected"],
    ),
    (
        b"{\"execute\":\"watchdog-set-action\",\"arguments\":{\"foo\":1}}",
        &["Parameter 'action' is missing"],
    ),
];

/// What the answers say, and the id they carry.
fn descriptions(answers: &[String]) -> Vec<String> {
    let description = |answer: &String| {
        let answer = Value::parse(answer.as_bytes()).expect("an answer is JSON");
        let desc = answer
            .get("error")
            .map(|error| error.get("desc").and_then(Value::as_str).expect("a desc"));
        desc.unwrap_or("return").to_owned()
    };
    answers.iter().map(description).collect()
}

fn check(rows: &[Row]) {
    for (input, expected) in rows {
        let mut monitor = Monitor::negotiated();
        let answers = monitor.send(input);
        assert_eq!(descriptions(&answers), *expected, "{}", input.escape_ascii());
        let mark = monitor.send("{\"execute\":\"query-name\",\"id\":\"MARK\"}");
        assert_eq!(
            mark,
            ["{\"return\": {}, \"id\": \"MARK\"}\r\n"],
            "after {}",
            input.escape_ascii()
        );
    }
}

#[test]
fn lexical() {
    // What is skipped ends with the line in all rows, so that the mark is answered.
    check(LEXICAL);
}

#[test]
fn recovery() {
    check(RECOVERY);
}

#[test]
fn syntactic() {
    check(SYNTACTIC);
}

#[test]
fn commands() {
    check(COMMANDS);
}

/// The same input in negotiation: the texts are the same as long as no command has been recognised.
#[test]
fn in_negotiation() {
    for (input, expected) in [LEXICAL, RECOVERY, SYNTACTIC, COMMANDS].concat() {
        let mut monitor = Monitor::connect();
        let expecting = "Expecting capabilities negotiation with 'qmp_capabilities'";
        let expected: Vec<&str> = expected
            .iter()
            .map(|words| {
                let recognised = ["return", "The command", "Unstable", "Parameter"];
                if recognised.iter().any(|begin| words.starts_with(begin)) {
                    expecting
                } else {
                    words
                }
            })
            .collect();
        assert_eq!(
            descriptions(&monitor.send(input)),
            expected,
            "{}",
            input.escape_ascii()
        );
    }
}

/// An error carries the id of a command object, whatever it is, and of nothing else.
#[test]
fn ids() {
    for (input, expected) in [
        (&b"{\"id\":1}"[..], "{\"id\": 1, \"error\": "),
        (b"{\"execute\":1,\"id\":null}", "{\"id\": null, \"error\": "),
        (
            b"{\"execute\":\"nope\",\"id\":{\"a\":1,\"d\":[]}}",
            "{\"id\": {\"d\": [], \"a\": 1}, \"error\": ",
        ),
        (b"{\"execute\":\"query-name\",\"id\":1,}", "{\"error\": "),
        (b"[{\"id\":1}]", "{\"error\": "),
    ] {
        let answers = Monitor::negotiated().send(input);
        assert!(
            answers[0].starts_with(expected),
            "{}: {answers:?}",
            input.escape_ascii()
        );
    }
}

/// QEMU formats the text of a syntax error in 1024 bytes.
#[test]
fn a_long_keyword_is_cut() {
    let answers = Monitor::negotiated().send("x".repeat(3000) + "\n");
    let desc = descriptions(&answers).remove(0);
    assert_eq!(
        desc,
        format!("JSON parse error, invalid keyword '{}", "x".repeat(1023 - 17))
    );
}

/// 64 MiB in a token: recorded on 7.2.22, t7b-huge-72.txt.
#[test]
fn a_token_has_at_most_64_mib() {
    let mut monitor = Monitor::negotiated();
    let string = vec![b'x'; (64 << 20) + 100];
    let mut answers = monitor.send("{\"execute\":\"query-name\",\"id\":\"");
    answers.extend(monitor.send(&string));
    answers.extend(monitor.send("\"}\n"));
    let keyword = "x".repeat(100);
    assert_eq!(
        descriptions(&answers),
        [
            "JSON token size limit exceeded",
            &format!("JSON parse error, invalid keyword '{keyword}'"),
            "JSON parse error, stray '\"}\n'"
        ]
    );
}

/// 2^21 tokens in a message: recorded on 7.2.22, t7b-huge-72.txt.
#[test]
fn a_message_has_at_most_2_to_the_21_tokens() {
    let mut monitor = Monitor::negotiated();
    let limit = "JSON token count limit exceeded";
    let too_many = format!("[{}1]\n", "1,".repeat(1 << 20));
    assert_eq!(descriptions(&monitor.send(too_many)), [limit, OBJECT, VALUE]);
    let one_too_many = format!("[{}1]\n", "1,".repeat((1 << 20) - 1));
    assert_eq!(descriptions(&monitor.send(one_too_many)), [limit]);
    let all = format!("[{}-1]\n", "1,".repeat((1 << 20) - 2));
    assert_eq!(descriptions(&monitor.send(all)), [OBJECT]);
}
