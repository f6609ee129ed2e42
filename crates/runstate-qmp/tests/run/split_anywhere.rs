//! However a conversation is cut into pieces, the answers are the same.

use proptest::collection::vec;
use proptest::prelude::*;
use runstate_qmp::fuzzing;

use crate::monitor::Monitor;

/// Good and bad messages, and pieces of them.
const PIECES: [&str; 20] = [
    "{\"execute\":\"query-name\",\"id\":\"a\u{20AC}\\n\"}",
    "{'execute':'stop'}",
    "{\"execute\":\"nonesuch\",\"id\":{\"a\":[1,-0,1e5]}}",
    "{\"execute\":\"query-status\",\"arguments\":{\"x\":1}}",
    "{\"exec-oob\":\"migrate-pause\",\"id\":7}",
    "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\"]}}",
    "{\"id\":\"\\ud83d\\ude00\\u12\"}",
    "\n",
    "\r\n",
    " ",
    "5",
    "-1.5e+3",
    "hello",
    "\"abc",
    "'",
    "{",
    "]",
    "[[{}],",
    "@",
    "\u{7F}",
];

/// Input of a client: such pieces, and bytes.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => (0..PIECES.len()).prop_map(|at| PIECES[at].as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..4),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn splits_do_not_matter(input in input(), splits in vec(0_u8..40, 0..30), settings in 0_u8..16) {
        let count = u8::try_from(splits.len()).expect("there are few");
        let data = [&[settings, count], &splits[..], &input[..]].concat();
        // It compares the answers to the whole with the answers to the pieces, and then answers late.
        fuzzing::conversation(&data);
    }

    #[test]
    fn byte_by_byte_is_as_well(input in input()) {
        let whole = Monitor::connect().send(&input);
        let mut monitor = Monitor::connect();
        let mut answers = Vec::new();
        for byte in &input {
            answers.extend(monitor.send([*byte]));
        }
        prop_assert_eq!(answers, whole);
    }

    #[test]
    fn what_parses_prints_and_parses_again(text in input()) {
        fuzzing::parse(&text);
    }
}

/// One conversation, cut in two at each of its bytes.
#[test]
fn in_two_anywhere() {
    let input = "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\"]}}\r\n\
                 {'execute':'query-name','id':\"a\u{E9}\\\"\\u20ac\"}5 {\"exec-oob\":\"migrate-pause\",\"id\":[1.5]}\
                 \"open\n{\"a\":[1,2,@,3],\"b\":{\"c\":1}}\n"
        .as_bytes();
    let whole = Monitor::connect().send(input);
    assert_eq!(whole.len(), 14);
    for at in 0..=input.len() {
        let mut monitor = Monitor::connect();
        let mut answers = monitor.send(&input[..at]);
        answers.extend(monitor.send(&input[at..]));
        assert_eq!(answers, whole, "cut at {at}");
    }
}
