//! Where the readers put what they hear.

use core::mem::Discriminant;

use super::message;
use super::odd;
use super::record::{Heard, Record, VmId};
use super::trouble::{Trouble, TroubleKind};
use super::vms::Vms;

/// How much of a log was what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines, the last one too if it has no line end.
    pub lines: u64,
    /// Bytes, uncompressed.
    pub bytes: u64,
    /// Records handed out that are no [`Heard::Trouble`].
    pub records: u64,
    /// Lines or messages that could not be read; of adjacent ones for the same reason the first was reported.
    pub unreadable: u64,
    /// The last line of them, and what was wrong with it.
    last_unreadable: Option<(u64, Discriminant<TroubleKind<'static>>)>,
}

/// What a reader of one format sees of the world, for one line.
pub(super) struct Out<'s> {
    pub(super) sink: &'s mut dyn FnMut(&Record<'_>),
    pub(super) vms: &'s mut Vms,
    pub(super) counts: &'s mut Counts,
    /// The line from which the message is.
    pub(super) line: u64,
    /// Where that line begins.
    pub(super) offset: u64,
}

impl Out<'_> {
    /// The VM of this key, and a diagnostic if there are too many.
    #[inline]
    pub(super) fn vm(&mut self, key: &[u8]) -> Option<VmId> {
        let vm = self.vms.of(key);
        self.told_apart(vm)
    }

    /// A new VM of this key.
    pub(super) fn new_vm(&mut self, key: &[u8]) -> Option<VmId> {
        let vm = self.vms.renew(key);
        self.told_apart(vm)
    }

    fn told_apart(&mut self, vm: Option<VmId>) -> Option<VmId> {
        if vm.is_none() {
            self.trouble(VmId(0), TroubleKind::TooManyVms, 0);
        }
        vm
    }

    /// `column` is the byte within the line at which it stands.
    pub(super) fn heard(&mut self, vm: VmId, column: usize, what: Heard<'_>) {
        let record = Record {
            vm,
            line: self.line,
            offset: self.offset + column as u64,
            what,
        };
        if let Heard::Trouble(trouble) = what {
            self.troubled(record, trouble, column);
        } else {
            self.counts.records += 1;
            (self.sink)(&record);
        }
    }

    pub(super) fn trouble(&mut self, vm: VmId, kind: TroubleKind<'_>, column: usize) {
        self.heard(vm, column, Heard::Trouble(Trouble { kind, column: 0 }));
    }

    fn troubled<'a>(&mut self, mut record: Record<'a>, mut trouble: Trouble<'a>, column: usize) {
        let whole_line = match trouble.kind {
            TroubleKind::UnknownFormat | TroubleKind::BinaryTrace | TroubleKind::WrongType { .. } => false,
            TroubleKind::NotAMessage
            | TroubleKind::Malformed(_)
            | TroubleKind::NotQmp
            | TroubleKind::Cut
            | TroubleKind::TooLong
            | TroubleKind::TooManyVms => true,
        };
        if whole_line {
            self.counts.unreadable += 1;
            let reason = trouble.kind.reason();
            let last = self.counts.last_unreadable.replace((self.line, reason));
            let adjacent = last.is_some_and(|(line, last)| line + 1 >= self.line && last == reason);
            if adjacent {
                return;
            }
        }
        trouble.column = match trouble.kind {
            TroubleKind::Malformed(_)
            | TroubleKind::NotQmp
            | TroubleKind::WrongType { .. }
            | TroubleKind::Cut => column as u64 + 1,
            TroubleKind::UnknownFormat
            | TroubleKind::BinaryTrace
            | TroubleKind::NotAMessage
            | TroubleKind::TooLong
            | TroubleKind::TooManyVms => 0,
        };
        record.what = Heard::Trouble(trouble);
        (self.sink)(&record);
    }

    /// Reads the messages of this text, which begins at `column` of the line. There may be several: a client need not
    /// put a line end behind a command, and one read from a socket may have several messages.
    pub(super) fn messages(&mut self, vm: VmId, text: &[u8], column: usize) {
        let text = text.trim_ascii_end();
        let mut rest = text;
        while !rest.is_empty() {
            rest = rest.trim_ascii_start();
            let column = column + (text.len() - rest.len());
            let read = message::read(rest, &mut |heard| self.heard(vm, column, heard));
            let Ok(behind) = read else {
                odd::read(rest, &mut |within, heard| {
                    self.heard(vm, column + within, heard);
                });
                return;
            };
            rest = behind;
        }
    }

    /// Reads the message that begins this text, whatever follows it.
    pub(super) fn first_message(&mut self, vm: VmId, text: &[u8], column: usize) {
        if message::read(text, &mut |heard| self.heard(vm, column, heard)).is_err() {
            let mut first = None;
            odd::read(text, &mut |at, heard| {
                if *first.get_or_insert(at) == at {
                    self.heard(vm, column + at, heard);
                }
            });
        }
    }
}
