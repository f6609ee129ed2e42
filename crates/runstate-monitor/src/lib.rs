//! A whole QEMU monitor without I/O: QMP sessions, QEMU's options, the qtest protocol and scenarios.
//!
//! - [`options`]: QEMU's command line.

#![forbid(unsafe_code)]

pub mod options;
