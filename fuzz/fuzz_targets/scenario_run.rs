//! What a scenario says is a scenario that goes as it expects.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| runstate_monitor::fuzzing::run(bytes));
