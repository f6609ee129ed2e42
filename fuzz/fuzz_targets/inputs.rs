//! Inputs and passes of the main loop in any order, against the core.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| runstate::fuzzing::inputs(bytes));
