//! The fuzz target's body over what fuzzing has found, over the corpus, and over broken pieces of it.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use runstate_monitor::fuzzing;

use super::corpus::recorded;

fn each_file(folder: &str, body: fn(&[u8])) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files = 0;
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("a folder that can be listed").path();
        body(&fs::read(path).expect("a file that can be read"));
        files += 1;
    }
    files
}

#[test]
fn what_fuzzing_found_stays_mended() {
    assert!(each_file("tests/regressions/scenario", fuzzing::scenario) > 0);
    assert!(each_file("tests/invalid", fuzzing::scenario) > 0);
}

#[test]
fn json_as_deep_as_qemu_takes_it_is_taken() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    for depth in [1023, 1024, 1025, 100_000] {
        fuzzing::scenario(format!("-> {}\n", nested(depth)).as_bytes());
        fuzzing::scenario(format!("{{\"steps\": [{{\"send\": {}}}]}}\n", nested(depth)).as_bytes());
    }
}

proptest! {
    /// A recorded file with a piece torn out, doubled, or replaced by rubbish.
    #[test]
    fn broken_transcripts_have_an_error_or_print(
        file in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        length in 0_usize..40,
        rubbish in prop::collection::vec(any::<u8>(), 0..6),
        json in any::<bool>(),
    ) {
        let files = recorded();
        let mut bytes = fs::read(file.get(&files)).expect("a file that can be read");
        bytes.truncate(4000);
        if json {
            let whole = bytes.windows(2).rposition(|two| two == b"\n\n").unwrap_or(bytes.len());
            let parsed = runstate_monitor::scenario::File::parse("recorded", &bytes[..whole]);
            bytes = parsed.expect("it is a scenario").to_json_lines().into_bytes();
        }
        let at = at.index(bytes.len());
        let end = bytes.len().min(at + length);
        bytes.splice(at..end, rubbish);
        fuzzing::scenario(&bytes);
    }
}
