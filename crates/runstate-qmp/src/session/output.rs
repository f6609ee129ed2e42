//! What waits to be sent.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// One message on its way to the client, CR LF included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing more to a message")]
pub struct Chunk<'a> {
    /// What it is.
    pub kind: ChunkKind,
    /// Its bytes: ASCII.
    pub bytes: &'a [u8],
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the protocol closes it")]
pub enum ChunkKind {
    /// The greeting.
    Greeting,
    /// A reply, or an error that answers no command.
    Reply,
    /// An event.
    Event,
}

impl<'a> Chunk<'a> {
    /// The chunk as QEMU writes it: flushed at each line end, that is, a message in one write, or, in pretty mode,
    /// a line in one write. `monitor_puts_locked()`, monitor/monitor.c.
    pub fn writes(&self) -> impl Iterator<Item = &'a [u8]> {
        self.bytes.split_inclusive(|byte| *byte == b'\n')
    }
}

/// More room for bytes than this is not kept for later: there may be thousands of sessions.
pub(super) const KEPT: usize = 1024;

/// The messages that have not been taken, one after the other.
#[derive(Debug, Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    /// Where the first message begins in `bytes`.
    begin: usize,
    /// What the messages are, and where they end in `bytes`.
    ends: VecDeque<(ChunkKind, usize)>,
}

impl Output {
    /// Appends a message that `print` prints.
    pub(super) fn push(&mut self, kind: ChunkKind, print: impl FnOnce(&mut Vec<u8>)) {
        if self.ends.is_empty() {
            self.clear();
        }
        print(&mut self.bytes);
        self.ends.push_back((kind, self.bytes.len()));
    }

    pub(super) fn pop(&mut self) -> Option<Chunk<'_>> {
        let Some((kind, end)) = self.ends.pop_front() else {
            self.clear();
            return None;
        };
        let bytes = &self.bytes[self.begin..end];
        self.begin = end;
        Some(Chunk { kind, bytes })
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.begin = 0;
        self.ends.clear();
        self.ends.shrink_to(16);
    }

    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.begin
    }
}
