//! What a client of QEMU's monitor sees, checked from outside.

#![expect(
    clippy::tests_outside_test_module,
    reason = "an integration binary is a test module as a whole"
)]

mod against_qemu;
mod conversation;
mod flood;
mod literal;
mod malformed;
mod monitor;
mod out_of_band;
mod recordings;
mod regressions;
mod split_anywhere;
