//! Held against real QEMU: drives a QEMU through scenarios and compares what it says.
//!
//! - [`asm`] and [`firmware`]: the guest, assembled by us;
//! - [`ports`], [`i6300esb`]: what the guest accesses;
//! - [`machine`], [`qemu`], [`bench`](mod@bench): QEMU's options, its process, what its runs share;
//! - [`wire`], [`qmp`], [`qtest`], [`serial`], [`gdb`]: its sockets;
//! - [`hold`]: its main loop, held back;
//! - [`script`] and [`drive`](mod@drive): what is done to it; `outgoing`, `dump`: its migrations and
//!   dumps;
//! - [`plan`], [`orders`], [`trial`], [`tell`]: the model beside it, and where the two differ.

mod acts;
pub mod asm;
pub mod bench;
mod disk;
pub mod drive;
mod dump;
pub mod failure;
pub mod firmware;
pub mod fleet;
pub mod gdb;
mod group;
pub mod hold;
pub mod i6300esb;
pub mod machine;
pub mod orders;
mod outgoing;
pub mod plan;
pub mod ports;
pub mod qemu;
pub mod qmp;
pub mod qtest;
mod rest;
pub mod script;
pub mod serial;
pub mod shrink;
pub mod stream;
pub mod tally;
pub mod tell;
pub mod trial;
pub mod wire;
