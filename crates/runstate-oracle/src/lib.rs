//! What QEMU's run-state machine implies.
//!
//! - [`act`], [`situation`], [`told`]: every input by name, every run state as it comes about, and what one input in one of them
//!   makes QEMU say.
//! - [`matrix`], [`explain`]: all of that as one table, and the table in blocks that people and programs read.
//! - [`log`]: logs of QMP conversations, whoever wrote them.

pub mod act;
pub mod explain;
pub mod log;
pub mod matrix;
pub mod situation;
pub mod told;
pub mod words;
