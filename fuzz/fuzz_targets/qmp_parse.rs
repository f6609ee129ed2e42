//! Any bytes as JSON in QEMU's dialect.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| runstate_qmp::fuzzing::parse(bytes));
