//! QMP as bytes in, bytes out, exactly as QEMU reads and writes it.
//!
//! The crate knows no VM. It does no I/O, has no clock and never panics on what a client sends.
//!
//! - [`Session`] is one monitor connection: greeting, negotiation, out-of-band execution, ids, errors, events.
//! - [`Value`] is QEMU's QObject; it prints as QEMU prints ([`mod@print`]) and parses QEMU's JSON dialect
//!   ([`Value::parse`]).
//! - [`arguments`] checks a command's arguments in QEMU's order and refuses them in QEMU's words.

#![forbid(unsafe_code)]

extern crate alloc;

pub mod arguments;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod glib;
mod lexer;
pub mod object;
mod parse;
mod parser;
pub mod print;
#[cfg(feature = "serde")]
mod serde;
pub mod session;
mod streamer;
mod unicode;
mod value;

pub use error::{Error, ErrorClass};
pub use object::Object;
pub use parse::ParseError;
pub use print::{Layout, Timestamp};
pub use session::{Chunk, ChunkKind, Commands, Config, Lookup, Mode, Request, Session, Ticket, Version};
pub use value::Value;
