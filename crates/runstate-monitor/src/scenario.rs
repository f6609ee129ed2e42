//! Scenarios: transcripts in the notation of QEMU's documentation, with what the guest and the host do between the
//! messages.

mod ast;
mod duration;
#[allow(dead_code, reason = "for the parser that comes next")]
mod error;
#[allow(dead_code, reason = "for the parser that comes next")]
mod payload;
mod range;
#[allow(dead_code, reason = "for the parser that comes next")]
mod shape;
#[allow(dead_code, reason = "for the parser that comes next")]
mod suggest;
#[allow(dead_code, reason = "for the parser that comes next")]
mod words;

pub use ast::{Action, Exit, File, IoErrors, Note, Scenario, Signal, Step, With};
pub use duration::{DurationError, Nanoseconds};
pub use error::Error;
pub use range::{RangeError, ReleaseRange};
