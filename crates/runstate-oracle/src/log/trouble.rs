//! What cannot be read, and what would have been right.

use core::fmt;
use core::mem::{Discriminant, discriminant};

use super::{MAX_LINE, MAX_VMS};

/// Something in a log that could not be read. Reading goes on behind it.
///
/// Of adjacent lines that are unreadable for the same reason only the first is reported; all are counted
/// ([`Counts::unreadable`](super::Counts::unreadable)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble<'a> {
    /// What is wrong.
    pub kind: TroubleKind<'a>,
    /// The byte within the line, counted from 1; 0 where the whole line is meant.
    pub column: u64,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind<'a> {
    /// No line of the log is of a known kind. Reported once, at its end.
    UnknownFormat,
    /// QEMU's trace, but by the backend `simple`, which writes no text. Reported once, at its beginning.
    BinaryTrace,
    /// The line is not one that such a log has.
    NotAMessage,
    /// It should be a JSON message and is not; with what the JSON reader says.
    Malformed(&'a str),
    /// JSON, but no QMP message.
    NotQmp,
    /// The message breaks off: the log was cut, or another message begins inside it.
    Cut,
    /// The line, or the message, is longer than is kept. It was skipped.
    TooLong,
    /// A member that matters is of another type than the schema says; it was left out.
    WrongType {
        /// Its name.
        member: &'a str,
        /// What the schema says.
        expected: &'static str,
    },
    /// More VMs than are told apart; the line was skipped.
    TooManyVms,
}

impl TroubleKind<'_> {
    /// The reason without its words.
    pub(super) const fn reason(self) -> Discriminant<TroubleKind<'static>> {
        discriminant(&match self {
            Self::UnknownFormat => TroubleKind::UnknownFormat,
            Self::BinaryTrace => TroubleKind::BinaryTrace,
            Self::NotAMessage => TroubleKind::NotAMessage,
            Self::Malformed(_) => TroubleKind::Malformed(""),
            Self::NotQmp => TroubleKind::NotQmp,
            Self::Cut => TroubleKind::Cut,
            Self::TooLong => TroubleKind::TooLong,
            Self::WrongType { expected, .. } => TroubleKind::WrongType { member: "", expected },
            Self::TooManyVms => TroubleKind::TooManyVms,
        })
    }
}

impl fmt::Display for Trouble<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TroubleKind::UnknownFormat => {
                write!(f, "no line of a known kind; expected one of")?;
                super::Format::ALL
                    .iter()
                    .try_for_each(|format| write!(f, " {format}"))
            }
            TroubleKind::BinaryTrace => write!(
                f,
                "a binary trace, which QEMU's backend 'simple' writes: what can be read is the text of the backend 'log'"
            ),
            TroubleKind::NotAMessage => write!(f, "not a line of such a log"),
            TroubleKind::Malformed(detail) => write!(f, "not a complete JSON message: {detail}"),
            TroubleKind::NotQmp => write!(
                f,
                "JSON, but no QMP message: none of QMP, event, execute, exec-oob, return, error is in it"
            ),
            TroubleKind::Cut => write!(f, "the message breaks off; what comes before it counts"),
            TroubleKind::TooLong => write!(f, "longer than {} MiB: skipped", MAX_LINE >> 20),
            TroubleKind::WrongType { member, expected } => write!(f, "'{member}' should be {expected}"),
            TroubleKind::TooManyVms => write!(f, "more than {MAX_VMS} VMs: skipped"),
        }
    }
}
