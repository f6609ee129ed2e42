//! Any bytes as a scenario: it prints as it was read, or has an error with a place.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| runstate_monitor::fuzzing::scenario(bytes));
