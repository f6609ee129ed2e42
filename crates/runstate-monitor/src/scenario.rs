//! Scenarios: transcripts in the notation of QEMU's documentation, with what the guest and the host do between the
//! messages.

mod ast;
mod duration;
mod error;
pub mod json;
mod locate;
mod names;
mod parse;
mod payload;
mod print;
pub mod random;
mod range;
pub mod run;
mod shape;
mod statement;
mod suggest;
mod transcribe;
mod words;

pub use ast::{Action, Exit, File, IoErrors, Note, Scenario, Signal, Step, With};
pub use duration::{DurationError, Nanoseconds};
pub use error::Error;
pub use print::AsWritten;
pub use range::{RangeError, ReleaseRange};
