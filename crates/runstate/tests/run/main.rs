//! Integration tests of the core, one module a topic.
#![expect(
    clippy::tests_outside_test_module,
    reason = "an integration binary is a test module as a whole"
)]

mod invariants;
mod regressions;
mod schema;
mod workspace;
