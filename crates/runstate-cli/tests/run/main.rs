//! What the commands do, from outside.

#![expect(
    clippy::tests_outside_test_module,
    reason = "an integration binary is a test module as a whole"
)]

mod aborts;
mod book;
mod bytes;
mod check;
mod clients;
mod possible;
mod promises;
mod real_qemu;
mod side_by_side;
mod stand_in;
mod told;
mod transcripts;
