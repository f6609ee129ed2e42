//! Integration tests of runstate-monitor, one module a topic.
#![expect(
    clippy::tests_outside_test_module,
    reason = "an integration binary is a test module as a whole"
)]

mod agent;
mod cookbook;
mod corpus;
mod coverage;
mod monitor;
mod monitor_objects;
mod options;
mod qtest;
mod regressions;
mod scenario;
mod schema;
mod split;
mod transcript;
