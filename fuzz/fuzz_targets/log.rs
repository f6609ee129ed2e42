//! Any bytes as a log, in any format.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| runstate_oracle::log::fuzzing::log(bytes));
