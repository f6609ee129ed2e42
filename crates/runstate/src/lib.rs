//! QEMU's VM run-state machine: the RunState graph, the reboot, shutdown, panic and watchdog actions, and every event of
//! `qapi/run-state.json`, for QEMU 6.0 to 11.1.
//!
//! Pure: no I/O, no clock, no heap, no panic, no dependency.
#![no_std]

#[doc(hidden)]
pub mod fuzzing;
pub mod graph;
mod input;
mod key;
mod launch;
mod output;
mod payload;
mod release;
mod requests;
mod rules;
mod throttle;
mod time;
mod vm;
mod vocab;

pub use graph::{Graph, States};
pub use input::{Capability, Channel, Command, Guest, Host, Input, Load, SetAction, Stream};
pub use key::Detail;
pub use launch::{Actions, IncomingOption, Launch, Machine, Thread};
pub use output::{Answer, Event, ExitStatus, Impossible, Output, Refusal};
pub use payload::{
    GuestPanicInformation, GuestPanicInformationHyperV, GuestPanicInformationS390, GuestPanicInformationSev,
    GuestPanicInformationTdx, MemoryFailure, MemoryFailureFlags, StatusInfo, TdxMessage,
};
pub use release::Release;
pub use requests::Requests;
pub use throttle::{Throttle, Throttled};
pub use time::Time;
pub use vm::{Life, Vm};
pub use vocab::{
    BlockErrorAction, ColoExitReason, ColoMode, GuestPanicAction, GuestPanicInformationType, JobStatus,
    MemoryFailureAction, MemoryFailureRecipient, MigrationStatus, NotifyVmexitOption, PanicAction,
    RebootAction, RunState, S390CrashReason, ShutdownAction, ShutdownCause, UnknownName, WatchdogAction,
};

/// The book's examples are compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/src/library.md")]
struct Book;
