//! The same for scenarios as JSON: what does not begin with a brace is none.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if !bytes.starts_with(b"{") {
        return Corpus::Reject;
    }
    runstate_monitor::fuzzing::scenario(bytes);
    Corpus::Keep
});
