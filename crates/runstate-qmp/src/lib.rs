//! QMP as bytes in, bytes out, exactly as QEMU reads and writes it.
//!
//! The crate knows no VM. It does no I/O, has no clock and never panics on what a client sends.
//!
//! - [`Value`] is QEMU's QObject; it prints as QEMU prints ([`print`]) and parses QEMU's JSON dialect
//!   ([`Value::parse`]).

#![forbid(unsafe_code)]

extern crate alloc;

mod lexer;
pub mod object;
mod parse;
mod parser;
pub mod print;
#[cfg(feature = "serde")]
mod serde;
mod streamer;
mod unicode;
mod value;

pub use object::Object;
pub use parse::ParseError;
pub use print::{Layout, Timestamp};
pub use value::Value;
