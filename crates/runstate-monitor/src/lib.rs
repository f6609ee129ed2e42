//! A whole QEMU monitor without I/O: QMP sessions, QEMU's options, the qtest protocol and scenarios.
//!
//! - [`options`]: QEMU's command line.
//! - [`scenario`]: transcripts in the notation of QEMU's documentation.

#![forbid(unsafe_code)]

pub mod options;
pub mod scenario;
