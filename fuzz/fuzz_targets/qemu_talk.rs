//! A whole QEMU, its monitors and qtest, under any lines.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| runstate_monitor::fuzzing::talk(bytes));
