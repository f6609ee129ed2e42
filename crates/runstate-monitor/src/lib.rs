//! A whole QEMU monitor without I/O: QMP sessions, QEMU's options, the qtest protocol and scenarios.
//!
//! - [`machine`]: a VM with all that a monitor can see of it; [`commands`]: QMP's commands.
//! - [`monitor`]: a whole QEMU as its clients see it; [`faults`], [`profile`].
//! - [`options`]: QEMU's command line.
//! - [`scenario`]: transcripts in the notation of QEMU's documentation.
//! - [`devices`] and [`qtest`]: the guest's side, reached through ports and memory.

#![forbid(unsafe_code)]

mod agent;
pub mod commands;
pub mod devices;
pub mod faults;
#[doc(hidden)]
pub mod fuzzing;
pub mod machine;
pub mod monitor;
pub mod options;
pub mod profile;
pub mod qtest;
pub mod scenario;
