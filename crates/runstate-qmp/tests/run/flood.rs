//! A client that sends nothing but rubbish, for long.

use crate::monitor::Monitor;

/// What rubbish is made of: each case of QEMU's lexical, syntactic and command errors.
pub(crate) const PIECES: [&[u8]; 48] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"{}",
    b"[]",
    b"{\"execute\":\"query-name\"}",
    b"{'execute':'nonesuch','id':1}",
    b"{\"execute\":",
    b"\"execute\"",
    b"\"exec-oob\":\"stop\"",
    b"\"id\":{\"a\":[1,{}]}",
    b"\"arguments\":{\"x\":1}",
    b"{\"arguments\":[],\"execute\":1}",
    b"{\"a\":1,\"a\":2}",
    b"\"abc",
    b"'abc'",
    b"\"\\u12\"",
    b"\"\\ud800\"",
    b"\"\\ud83d\\ude00\"",
    b"\"\\x\"",
    b"\"\xED\xA0\x80\"",
    b"\"\xC0\x80\"",
    b"\\",
    b"hello",
    b"null",
    b"True",
    b"-",
    b"05",
    b"5.",
    b"1e5",
    b"1e400",
    b"18446744073709551616",
    b"-0",
    b"@",
    b"%s",
    b"// x",
    b"\xFF",
    b"\xFE",
    b"\xC3\xA9",
    b"\0",
    b"\x1b",
    b" ",
    b"\t",
    b"\r\n",
    b"\n",
];

/// The number of messages is RUNSTATE_FLOOD; if that is not set, a million, or a quarter of it without optimisation.
#[test]
fn malformed_messages_leave_the_session_serving() {
    let messages = match std::env::var("RUNSTATE_FLOOD") {
        Ok(messages) => messages.parse().expect("RUNSTATE_FLOOD is a number"),
        Err(_) => 1_000_000 / if cfg!(debug_assertions) { 4 } else { 1 },
    };
    let mut monitor = Monitor::negotiated();
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut input = Vec::with_capacity(8192);
    let (mut errors, mut bytes) = (0_u64, 0_usize);
    for _ in 0..messages {
        for _ in 0..random % 4 + 1 {
            // xorshift64: the same rubbish each time.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            input.extend_from_slice(PIECES[(random >> 32) as usize % PIECES.len()]);
        }
        // A line end resynchronises after a lexical error, FF after what is unfinished.
        input.extend_from_slice(if random.is_multiple_of(16) {
            b"\xFF\n"
        } else {
            b"\n"
        });
        if input.len() >= monitor.session.wants_input() {
            bytes += input.len();
            errors += answers(&mut monitor, &input);
            input.clear();
        }
    }
    errors += answers(&mut monitor, &input);
    monitor.send(b"\xFF\n");
    let answer = monitor.send("{\"execute\":\"query-name\",\"id\":\"MARK\"}");
    assert_eq!(answer, ["{\"return\": {}, \"id\": \"MARK\"}\r\n"]);
    assert!(errors > messages / 2, "{errors} errors");
    println!("{messages} messages, {bytes} bytes, {errors} answers");
}

/// Sends the bytes and counts the answers, without keeping them.
fn answers(monitor: &mut Monitor, bytes: &[u8]) -> u64 {
    monitor.session.receive(bytes);
    monitor.serve();
    assert_eq!(monitor.session.unread(), 0);
    let mut answers = 0;
    while let Some(chunk) = monitor.session.transmit() {
        assert!(chunk.bytes.ends_with(b"}\r\n"));
        answers += 1;
    }
    answers
}
