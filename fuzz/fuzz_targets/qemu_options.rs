//! Any words as QEMU's command line.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| runstate_monitor::fuzzing::options(bytes));
