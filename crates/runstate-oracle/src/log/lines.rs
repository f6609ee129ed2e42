//! Cuts the input into lines, whatever its portions, and keeps no more of it than one line of bounded length.

use memchr::memchr;

use super::MAX_LINE;

/// One line, without its end.
pub(super) struct Line<'a> {
    /// `None` if it was longer than is kept.
    pub(super) text: Option<&'a [u8]>,
    /// Counted from 1.
    pub(super) number: u64,
    /// At which byte it begins.
    pub(super) offset: u64,
}

#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The beginning of a line whose end has not come yet.
    begun: Vec<u8>,
    /// How long that line is so far; more than is kept if it is too long.
    length: u64,
    /// Complete lines so far, and their bytes.
    number: u64,
    offset: u64,
}

impl Lines {
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(&Line<'_>)) {
        if self.length > 0 {
            let end = memchr(b'\n', bytes);
            let tail = &bytes[..end.unwrap_or(bytes.len())];
            self.begin(tail);
            let Some(end) = end else { return };
            let begun = core::mem::take(&mut self.begun);
            self.line(
                (self.length <= MAX_LINE as u64).then_some(&begun),
                self.length + 1,
                &mut each,
            );
            // Its allocation serves the next line.
            self.begun = begun;
            self.begun.clear();
            self.length = 0;
            bytes = &bytes[end + 1..];
        }
        while let Some(end) = memchr(b'\n', bytes) {
            self.line(
                (end <= MAX_LINE).then_some(&bytes[..end]),
                end as u64 + 1,
                &mut each,
            );
            bytes = &bytes[end + 1..];
        }
        self.begin(bytes);
    }

    /// The last line, if it has no end.
    pub(super) fn finish(&mut self, mut each: impl FnMut(&Line<'_>)) {
        if self.length > 0 {
            let begun = core::mem::take(&mut self.begun);
            self.line(
                (self.length <= MAX_LINE as u64).then_some(&begun),
                self.length,
                &mut each,
            );
            self.length = 0;
        }
    }

    fn begin(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if self.length <= MAX_LINE as u64 {
            self.begun.extend_from_slice(bytes);
        } else {
            self.begun = Vec::new();
        }
    }

    #[inline]
    fn line(&mut self, text: Option<&[u8]>, length: u64, each: &mut impl FnMut(&Line<'_>)) {
        self.number += 1;
        each(&Line {
            text,
            number: self.number,
            offset: self.offset,
        });
        self.offset += length;
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }
}

/// A message on several lines, until it is complete.
#[derive(Debug, Default)]
pub(super) struct Pending {
    text: Vec<u8>,
    depth: isize,
    /// Where it began.
    pub(super) line: u64,
    pub(super) offset: u64,
    pub(super) column: usize,
}

impl Pending {
    pub(super) fn is_active(&self) -> bool {
        self.depth > 0
    }

    /// Begins a message of which this is the first line, if it is not complete. Whether it is begun.
    pub(super) fn begin(&mut self, text: &[u8], line: u64, offset: u64, column: usize) -> bool {
        match super::scan::depth(text) {
            Some(depth) if depth > 0 => {
                self.text.clear();
                self.text.extend_from_slice(text);
                self.depth = depth;
                (self.line, self.offset, self.column) = (line, offset, column);
                true
            }
            Some(_) | None => false,
        }
    }

    /// The next line of it.
    pub(super) fn push(&mut self, line: &[u8]) -> Progress<'_> {
        self.text.push(b'\n');
        self.text.extend_from_slice(line);
        if self.text.len() > MAX_LINE {
            *self = Self {
                line: self.line,
                offset: self.offset,
                ..Self::default()
            };
            return Progress::TooLong;
        }
        match super::scan::depth(line) {
            Some(depth) if self.depth + depth > 0 => {
                self.depth += depth;
                Progress::More
            }
            Some(_) => {
                self.depth = 0;
                Progress::Complete(&self.text)
            }
            // A string does not go over a line's end.
            None => {
                self.depth = 0;
                Progress::Broken
            }
        }
    }

    pub(super) fn give_up(&mut self) {
        self.depth = 0;
        self.text.clear();
    }
}

/// How far a message on several lines has come.
pub(super) enum Progress<'a> {
    More,
    Complete(&'a [u8]),
    Broken,
    TooLong,
}
