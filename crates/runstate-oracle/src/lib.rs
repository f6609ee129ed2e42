//! What the run-state machine implies.

pub mod log;
