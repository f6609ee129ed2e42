//! The `runstate` tool.
fn main() {}
