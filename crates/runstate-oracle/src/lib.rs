//! What the run-state machine implies.
