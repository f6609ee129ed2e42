//! Misbehaviour on demand: what real life has and a well-behaved server never shows.
//!
//! Each fault has a name. An [`Outbox`] stands between a session and its client and commits those it was told to.

use core::fmt;
use std::collections::VecDeque;

use runstate::Time;
use runstate_qmp::{Chunk, ChunkKind, Layout, Timestamp, print};

/// One kind of misbehaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `coalesce`: all messages that are ready leave in one write.
    Coalesce,
    /// `fragment:N`: each message leaves in pieces of N bytes, a millisecond apart.
    Fragment(usize),
    /// `late-reply:MS`: replies come this much later; events do not wait for them.
    LateReply(u64),
    /// `no-reply`: commands are executed, and nobody is told.
    NoReply,
    /// `event-in-handshake`: an event between `qmp_capabilities` and its reply.
    EventInHandshake,
    /// `event-before-handshake`: an event right after the greeting.
    EventBeforeHandshake,
    /// `no-quit-reply`: `quit` is obeyed and not answered.
    NoQuitReply,
    /// `late-exit:MS`: the process lives on for this long after it said everything.
    LateExit(u64),
    /// `early-close`: at the end the connection closes before anything is said about it.
    EarlyClose,
    /// `eof-after-shutdown`: the connection closes right after SHUTDOWN.
    EofAfterShutdown,
    /// `second-shutdown`: each SHUTDOWN comes twice.
    SecondShutdown,
    /// `lost-client:N`: the connection closes after N messages.
    LostClient(u64),
    /// `unknown-member`: replies have a member that no schema knows.
    UnknownMember,
}

/// Every fault: its name, and whether it takes a number.
const NAMES: &[(&str, bool)] = &[
    ("coalesce", false),
    ("early-close", false),
    ("eof-after-shutdown", false),
    ("event-before-handshake", false),
    ("event-in-handshake", false),
    ("fragment", true),
    ("late-exit", true),
    ("late-reply", true),
    ("lost-client", true),
    ("no-quit-reply", false),
    ("no-reply", false),
    ("second-shutdown", false),
    ("unknown-member", false),
];

/// Why a fault cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultError(String);

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for FaultError {}

impl Fault {
    /// The names of all faults; those with a number end in `:N`.
    pub fn names() -> impl Iterator<Item = String> {
        NAMES.iter().map(|(name, number)| {
            if *number {
                format!("{name}:N")
            } else {
                (*name).to_owned()
            }
        })
    }
}

impl core::str::FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => (name, Some(number)),
            None => (text, None),
        };
        let Some((_, takes_number)) = NAMES.iter().find(|(known, _)| *known == name) else {
            let known: Vec<_> = Self::names().collect();
            return Err(FaultError(format!(
                "there is no fault '{name}'; there are {}",
                known.join(", ")
            )));
        };
        let number = match (number, takes_number) {
            (None, false) => 0,
            (Some(_), false) => return Err(FaultError(format!("the fault '{name}' takes no number"))),
            (None, true) => {
                return Err(FaultError(format!(
                    "the fault '{name}' takes a number: '{name}:N'"
                )));
            }
            (Some(number), true) => match number.parse::<u64>() {
                Ok(number) if number > 0 => number,
                _ => {
                    return Err(FaultError(format!(
                        "'{number}' in '{text}' is no number above zero"
                    )));
                }
            },
        };
        Ok(match name {
            "coalesce" => Self::Coalesce,
            "early-close" => Self::EarlyClose,
            "eof-after-shutdown" => Self::EofAfterShutdown,
            "event-before-handshake" => Self::EventBeforeHandshake,
            "event-in-handshake" => Self::EventInHandshake,
            "fragment" => Self::Fragment(usize::try_from(number).unwrap_or(usize::MAX)),
            "late-exit" => Self::LateExit(number),
            "late-reply" => Self::LateReply(number),
            "lost-client" => Self::LostClient(number),
            "no-quit-reply" => Self::NoQuitReply,
            "no-reply" => Self::NoReply,
            "second-shutdown" => Self::SecondShutdown,
            _ => Self::UnknownMember,
        })
    }
}

/// What to do with a connection next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Send {
    /// Write these bytes, in one write.
    Bytes(Vec<u8>),
    /// Nothing before this time.
    Wait(Time),
    /// Nothing.
    Nothing,
    /// Close the connection.
    Close,
}

/// What is on its way to one client.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    faults: Vec<Fault>,
    /// Ready to leave, each not before its time.
    writes: VecDeque<(Time, Vec<u8>)>,
    /// Replies that are late.
    late: VecDeque<(Time, Vec<u8>)>,
    greeted: bool,
    negotiated: bool,
    messages: u64,
    closing: bool,
}

impl Outbox {
    /// An outbox that commits these faults.
    #[must_use]
    pub fn new(faults: &[Fault]) -> Self {
        Self {
            faults: faults.to_vec(),
            ..Self::default()
        }
    }

    /// A client connected.
    pub fn connect(&mut self) {
        *self = Self::new(&self.faults);
    }

    /// Whether messages are still on their way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.late.is_empty()
    }

    /// How many bytes wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.writes
            .iter()
            .chain(&self.late)
            .map(|(_, bytes)| bytes.len())
            .sum()
    }

    /// Takes a message of the session. `negotiated`: the session has left the negotiation.
    pub fn push(&mut self, chunk: Chunk<'_>, negotiated: bool, now: Time, wall: Timestamp, layout: Layout) {
        if self.closing {
            return;
        }
        let mut bytes = chunk.bytes.to_vec();
        match chunk.kind {
            ChunkKind::Greeting => self.enqueue(now, bytes),
            ChunkKind::Event => {
                let is_shutdown = contains(&bytes, b"\"event\": \"SHUTDOWN\"");
                self.enqueue(now, bytes.clone());
                if is_shutdown && self.has(Fault::SecondShutdown) {
                    self.enqueue(now, bytes);
                }
                self.closing |= is_shutdown && self.has(Fault::EofAfterShutdown);
            }
            ChunkKind::Reply => {
                let completes_handshake = negotiated && !self.negotiated;
                self.negotiated = negotiated;
                if completes_handshake && self.has(Fault::EventInHandshake) {
                    self.enqueue(now, stray_event(wall, layout));
                }
                if self.has(Fault::UnknownMember) {
                    bytes.splice(1..1, *b"\"x-unknown\": null, ");
                }
                self.enqueue_reply(now, bytes, completes_handshake);
            }
        }
        if chunk.kind == ChunkKind::Greeting && !self.greeted {
            self.greeted = true;
            if self.has(Fault::EventBeforeHandshake) {
                self.enqueue(now, stray_event(wall, layout));
            }
        }
    }

    fn enqueue_reply(&mut self, now: Time, bytes: Vec<u8>, completes_handshake: bool) {
        if !completes_handshake && self.has(Fault::NoReply) {
            return;
        }
        let delay = self
            .number(|fault| {
                if let Fault::LateReply(millis) = fault {
                    Some(millis)
                } else {
                    None
                }
            })
            .filter(|_| !completes_handshake);
        match delay {
            Some(millis) => self.late.push_back((now.plus(Time::from_millis(millis)), bytes)),
            None => self.enqueue(now, bytes),
        }
    }

    fn enqueue(&mut self, now: Time, bytes: Vec<u8>) {
        self.messages += 1;
        let size = self.number(|fault| {
            if let Fault::Fragment(size) = fault {
                Some(size)
            } else {
                None
            }
        });
        match size {
            None => self.writes.push_back((now, bytes)),
            Some(size) => {
                let mut at = self.writes.back().map_or(now, |(at, _)| *at);
                for piece in bytes.chunks(size) {
                    at = at.plus(Time::from_millis(1));
                    self.writes.push_back((at, piece.to_vec()));
                }
            }
        }
        let limit = self.number(|fault| {
            if let Fault::LostClient(limit) = fault {
                Some(limit)
            } else {
                None
            }
        });
        self.closing |= limit.is_some_and(|limit| self.messages >= limit);
    }

    /// What to do next.
    pub fn next(&mut self, now: Time) -> Send {
        while let Some((_, bytes)) = take_due(&mut self.late, now) {
            self.enqueue(now, bytes);
        }
        let ready = self.writes.front().is_some_and(|(due, _)| *due <= now);
        if ready {
            let (_, mut bytes) = self.writes.pop_front().expect("just looked at");
            while self.has(Fault::Coalesce)
                && let Some((_, more)) = take_due(&mut self.writes, now)
            {
                bytes.extend_from_slice(&more);
            }
            return Send::Bytes(bytes);
        }
        if self.writes.is_empty() && self.closing {
            return Send::Close;
        }
        let fronts = self.writes.front().into_iter().chain(self.late.front());
        fronts
            .map(|(due, _)| *due)
            .min()
            .map_or(Send::Nothing, Send::Wait)
    }

    /// The number of the first fault that has this one.
    fn number<T>(&self, of: impl Fn(Fault) -> Option<T>) -> Option<T> {
        self.faults.iter().copied().find_map(of)
    }

    fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }
}

/// The first of a queue, if its time has come.
fn take_due(queue: &mut VecDeque<(Time, Vec<u8>)>, now: Time) -> Option<(Time, Vec<u8>)> {
    if queue.front().is_some_and(|(due, _)| *due <= now) {
        queue.pop_front()
    } else {
        None
    }
}

/// An event that a client may hear at any time and that says nothing about the run state.
fn stray_event(wall: Timestamp, layout: Layout) -> Vec<u8> {
    let mut bytes = Vec::new();
    let data = runstate_qmp::object! { "offset": 0, "qom-path": "/machine/unattached/device[3]" };
    print::event("RTC_CHANGE", Some(&data), wall, layout, &mut bytes);
    bytes
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: ChunkKind, bytes: &[u8]) -> Chunk<'_> {
        Chunk { kind, bytes }
    }

    fn push(outbox: &mut Outbox, kind: ChunkKind, bytes: &[u8], negotiated: bool) {
        outbox.push(
            chunk(kind, bytes),
            negotiated,
            Time::ZERO,
            Timestamp::UNKNOWN,
            Layout::Compact,
        );
    }

    #[test]
    fn names_are_read_and_refused() {
        assert_eq!("late-reply:250".parse(), Ok(Fault::LateReply(250)));
        assert_eq!("coalesce".parse(), Ok(Fault::Coalesce));
        for bad in ["nope", "coalesce:1", "fragment", "fragment:0", "late-exit:x"] {
            bad.parse::<Fault>().expect_err(bad);
        }
        for name in Fault::names() {
            name.replace(":N", ":5").parse::<Fault>().expect("listed");
        }
    }

    #[test]
    fn a_late_reply_is_overtaken_by_events() {
        let mut outbox = Outbox::new(&[Fault::LateReply(5)]);
        push(&mut outbox, ChunkKind::Reply, b"{handshake}", true);
        push(&mut outbox, ChunkKind::Reply, b"{}", true);
        push(&mut outbox, ChunkKind::Event, b"{event}", true);
        assert_eq!(outbox.next(Time::ZERO), Send::Bytes(b"{handshake}".to_vec()));
        assert_eq!(outbox.next(Time::ZERO), Send::Bytes(b"{event}".to_vec()));
        assert_eq!(outbox.next(Time::ZERO), Send::Wait(Time::from_millis(5)));
        assert_eq!(outbox.next(Time::from_millis(5)), Send::Bytes(b"{}".to_vec()));
        assert_eq!(outbox.next(Time::from_millis(5)), Send::Nothing);
    }

    #[test]
    fn an_event_falls_into_the_handshake() {
        let mut outbox = Outbox::new(&[Fault::EventInHandshake, Fault::Coalesce]);
        push(&mut outbox, ChunkKind::Greeting, b"{greeting}", false);
        push(&mut outbox, ChunkKind::Reply, b"{error}", false);
        push(&mut outbox, ChunkKind::Reply, b"{return}", true);
        let Send::Bytes(bytes) = outbox.next(Time::ZERO) else {
            panic!("something is ready")
        };
        let text = String::from_utf8(bytes).expect("ASCII");
        assert!(text.starts_with("{greeting}{error}{\"timestamp\""), "{text}");
        assert!(
            text.contains("RTC_CHANGE") && text.ends_with("{return}"),
            "{text}"
        );
    }

    #[test]
    fn the_connection_ends_after_shutdown() {
        let mut outbox = Outbox::new(&[Fault::EofAfterShutdown, Fault::SecondShutdown]);
        let shutdown = b"{\"event\": \"SHUTDOWN\"}";
        push(&mut outbox, ChunkKind::Event, shutdown, true);
        push(&mut outbox, ChunkKind::Reply, b"{}", true);
        assert_eq!(outbox.next(Time::ZERO), Send::Bytes(shutdown.to_vec()));
        assert_eq!(outbox.next(Time::ZERO), Send::Bytes(shutdown.to_vec()));
        assert_eq!(outbox.next(Time::ZERO), Send::Close);
    }

    #[test]
    fn messages_are_cut() {
        let mut outbox = Outbox::new(&[Fault::Fragment(2)]);
        push(&mut outbox, ChunkKind::Reply, b"abcde", true);
        assert_eq!(outbox.next(Time::ZERO), Send::Wait(Time::from_millis(1)));
        assert_eq!(outbox.next(Time::from_millis(9)), Send::Bytes(b"ab".to_vec()));
        assert_eq!(outbox.next(Time::from_millis(9)), Send::Bytes(b"cd".to_vec()));
        assert_eq!(outbox.next(Time::from_millis(9)), Send::Bytes(b"e".to_vec()));
    }

    #[test]
    fn clients_get_lost() {
        let mut outbox = Outbox::new(&[Fault::LostClient(1)]);
        push(&mut outbox, ChunkKind::Greeting, b"{}", false);
        push(&mut outbox, ChunkKind::Reply, b"{}", true);
        assert_eq!(outbox.next(Time::ZERO), Send::Bytes(b"{}".to_vec()));
        assert_eq!(outbox.next(Time::ZERO), Send::Close);
    }
}
