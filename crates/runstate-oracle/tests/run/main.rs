//! The oracle from outside.
#![expect(
    clippy::tests_outside_test_module,
    reason = "an integration binary is a test module as a whole"
)]

mod check;
mod check_slowly;
mod diff;
mod draw;
mod logs;
mod logs_any;
mod matrix;
mod pinned;
mod properties;
mod reach;
mod reference;
mod stateright;
