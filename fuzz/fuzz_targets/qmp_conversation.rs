//! A client's bytes, split anywhere.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| runstate_qmp::fuzzing::conversation(bytes));
