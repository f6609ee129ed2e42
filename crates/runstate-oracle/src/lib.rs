//! What QEMU's run-state machine implies.
//!
//! - [`act`], [`situation`], [`told`]: every input by name, every run state as it comes about, and what one input in one of them
//!   makes QEMU say.
//! - [`matrix`], [`explain`]: all of that as one table, and the table in blocks that people and programs read.
//! - [`diff`]: what differs between two releases, found by running both.
//! - [`draw`]: the transition graph as pictures and text.
//! - [`explore`], [`path`], [`abort`]: every state that is reachable, the shortest way there, and the ways to an abort.
//! - [`property`]: what always holds, what sometimes happens, and where QEMU breaks its promises.
//! - `strategy` (feature `proptest`): property tests of other people's code.
//! - [`check`]: could a QEMU have said what a log says?
//! - [`log`]: logs of QMP conversations, whoever wrote them.

pub mod abort;
pub mod act;
pub mod check;
pub mod diff;
pub mod draw;
pub mod explain;
pub mod explore;
pub mod log;
pub mod matrix;
pub mod path;
pub mod property;
pub mod situation;
#[cfg(feature = "proptest")]
pub mod strategy;
pub mod told;
pub mod words;
