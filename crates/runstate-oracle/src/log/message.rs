//! A QMP message from its bytes, without copying: the way nearly all messages take.

use super::record::{Command, Event, EventKind, Greeting, Heard, Outcome, Reply, Status, Timestamp};
use super::scan::{Cursor, Odd, ends_message, trailing_id, utf8};
use super::trouble::{Trouble, TroubleKind};

/// A result longer than this is not looked into: it is no StatusInfo.
const LONG: usize = 256;

/// How QEMU begins an event.
const USUAL_EVENT: &[u8; 26] = b"{\"timestamp\": {\"seconds\": ";

/// Reads the message that begins the text and emits what it says. Returns what follows it; nothing has been emitted when
/// it is [`Odd`].
#[inline]
pub(super) fn read<'a>(text: &'a [u8], emit: &mut impl FnMut(Heard<'a>)) -> Result<&'a [u8], Odd> {
    // Each way has a cursor of its own, which stays in registers.
    let mut cursor = Cursor::new(text);
    if usual_event(&mut cursor, emit)? {
        return Ok(cursor.rest);
    }
    let mut cursor = Cursor::new(text);
    if event_in_any_order(&mut cursor, emit)? {
        return Ok(cursor.rest);
    }
    any_message(text, emit)
}

/// An event exactly as QEMU prints it: `{"timestamp": {"seconds": S, "microseconds": U}, "event": "NAME"`, then `}` or
/// `, "data": {..}}`. Whether it was one.
#[inline(always)]
fn usual_event<'a>(cursor: &mut Cursor<'a>, emit: &mut impl FnMut(Heard<'a>)) -> Result<bool, Odd> {
    if !cursor.literal(USUAL_EVENT) {
        return Ok(false);
    }
    let seconds = cursor.integer()?;
    if !cursor.literal(b", \"microseconds\": ") {
        return Ok(false);
    }
    let microseconds = cursor.integer()?;
    if !cursor.literal(b"}, \"event\": \"") {
        return Ok(false);
    }
    let name = cursor.closed_string()?;
    let timestamp = Some(Timestamp {
        seconds,
        microseconds,
    });
    let Some(kind) = EventKind::of(name) else {
        let rest = cursor.rest;
        if !ends_message(rest) {
            return Ok(false);
        }
        cursor.rest = &[];
        other_event(name, timestamp, rest.len() > 1, emit)?;
        return Ok(true);
    };
    let mut data = Data::default();
    let has_data = cursor.literal(b", \"data\": ");
    if has_data {
        data.read(cursor)?;
    }
    cursor.blank();
    if !cursor.eat(b'}') {
        return Ok(false);
    }
    data.event(kind, kind.name(), timestamp, has_data, emit);
    Ok(true)
}

/// An event of another subsystem.
#[inline]
fn other_event<'a>(
    name: &'a [u8],
    timestamp: Option<Timestamp>,
    has_data: bool,
    emit: &mut impl FnMut(Heard<'a>),
) -> Result<(), Odd> {
    let mut event = Event::new(EventKind::Other, utf8(name)?);
    event.timestamp = timestamp;
    event.has_data = has_data;
    emit(Heard::Event(event));
    Ok(())
}

/// An event that begins with any of its members, and has them in any order. Whether it was one.
#[inline(always)]
fn event_in_any_order<'a>(cursor: &mut Cursor<'a>, emit: &mut impl FnMut(Heard<'a>)) -> Result<bool, Odd> {
    if !cursor.open()? {
        return Ok(false);
    }
    let mut name = None;
    let mut when = None;
    let mut data = Data::default();
    let mut has_data = false;
    loop {
        if cursor.key(b"\"event\"") {
            name = Some(cursor.string()?);
        } else if cursor.key(b"\"timestamp\"") {
            when = Some(timestamp(cursor)?);
        } else if cursor.key(b"\"data\"") {
            has_data = true;
            data.read(cursor)?;
        } else {
            return Ok(false);
        }
        if !cursor.more()? {
            break;
        }
    }
    let Some(name) = name else { return Ok(false) };
    match EventKind::of(name) {
        Some(kind) => data.event(kind, kind.name(), when, has_data, emit),
        None => other_event(name, when, has_data, emit)?,
    }
    Ok(true)
}

/// Any message, in any order of its members.
fn any_message<'a>(text: &'a [u8], emit: &mut impl FnMut(Heard<'a>)) -> Result<&'a [u8], Odd> {
    let mut cursor = Cursor::new(text);
    let mut parts = Parts::default();
    let mut more = cursor.open()?;
    while more {
        match cursor.other_key()? {
            b"timestamp" => parts.timestamp = Some(timestamp(&mut cursor)?),
            b"event" => parts.event = Some(cursor.text()?),
            b"data" => {
                parts.has_data = true;
                parts.data.read(&mut cursor)?;
            }
            b"execute" => parts.execute = Some(cursor.text()?),
            b"exec-oob" => {
                parts.execute = Some(cursor.text()?);
                parts.oob = true;
            }
            b"arguments" => parts.arguments = Some(utf8(cursor.value()?)?),
            b"id" => parts.id = Some(utf8(cursor.value()?)?),
            b"return" => {
                parts.returned = Some(status(cursor.clone()));
                if cursor.rest.len() > LONG && ends_message(cursor.rest) {
                    // What remains is the result and perhaps the id.
                    if let Some(id) = trailing_id(text) {
                        parts.id = Some(utf8(id)?);
                    }
                    cursor.rest = &[];
                    break;
                }
                cursor.value()?;
            }
            b"error" => parts.error = Some(error(&mut cursor)?),
            b"QMP" => parts.greeting = Some(greeting(&mut cursor)?),
            _ => {
                cursor.value()?;
            }
        }
        more = cursor.more()?;
    }
    parts.emit(emit)?;
    Ok(cursor.rest)
}

#[inline(always)]
fn timestamp(cursor: &mut Cursor<'_>) -> Result<Timestamp, Odd> {
    let (mut seconds, mut microseconds) = (None, None);
    let mut more = cursor.open()?;
    while more {
        if cursor.key(b"\"seconds\"") {
            seconds = Some(cursor.integer()?);
        } else if cursor.key(b"\"microseconds\"") {
            microseconds = Some(cursor.integer()?);
        } else {
            cursor.other_member()?;
        }
        more = cursor.more()?;
    }
    match (seconds, microseconds) {
        (Some(seconds), Some(microseconds)) => Ok(Timestamp {
            seconds,
            microseconds,
        }),
        (_, _) => Err(Odd),
    }
}

/// The StatusInfo here, if it is one.
fn status(mut cursor: Cursor<'_>) -> Option<Status<'_>> {
    let first = cursor.rest.strip_prefix(b"{")?.trim_ascii_start();
    let known = [&b"\"status\""[..], b"\"running\"", b"\"singlestep\""];
    if !known.iter().any(|key| first.starts_with(key)) {
        return None;
    }
    let (mut status, mut running) = (None, None);
    let mut more = cursor.open().ok()?;
    while more {
        if cursor.key(b"\"status\"") {
            status = Some(cursor.text().ok()?);
        } else if cursor.key(b"\"running\"") {
            running = Some(cursor.boolean().ok()?);
        } else {
            cursor.other_member().ok()?;
        }
        more = cursor.more().ok()?;
    }
    Some(Status {
        status: status?,
        running: running?,
    })
}

fn error<'a>(cursor: &mut Cursor<'a>) -> Result<(&'a str, &'a str), Odd> {
    let (mut class, mut desc) = (None, None);
    let mut more = cursor.open()?;
    while more {
        if cursor.key(b"\"class\"") {
            class = Some(cursor.text()?);
        } else if cursor.key(b"\"desc\"") {
            desc = Some(cursor.text()?);
        } else {
            cursor.other_member()?;
        }
        more = cursor.more()?;
    }
    Ok((class.ok_or(Odd)?, desc.ok_or(Odd)?))
}

fn greeting<'a>(cursor: &mut Cursor<'a>) -> Result<Greeting<'a>, Odd> {
    let mut greeting = Greeting {
        version: [0; 3],
        package: "",
    };
    let mut more = cursor.open()?;
    while more {
        if cursor.key(b"\"version\"") {
            version(cursor, &mut greeting)?;
        } else {
            cursor.other_member()?;
        }
        more = cursor.more()?;
    }
    Ok(greeting)
}

fn version<'a>(cursor: &mut Cursor<'a>, greeting: &mut Greeting<'a>) -> Result<(), Odd> {
    let mut more = cursor.open()?;
    while more {
        if cursor.key(b"\"package\"") {
            greeting.package = cursor.text()?;
        } else if cursor.key(b"\"qemu\"") {
            let mut more = cursor.open()?;
            while more {
                let name = cursor.other_key()?;
                let number = u32::try_from(cursor.integer()?).map_err(|_| Odd)?;
                match name {
                    b"major" => greeting.version[0] = number,
                    b"minor" => greeting.version[1] = number,
                    b"micro" => greeting.version[2] = number,
                    _ => {}
                }
                more = cursor.more()?;
            }
        } else {
            cursor.other_member()?;
        }
        more = cursor.more()?;
    }
    Ok(())
}

/// A string member of this JSON object, if it is there and has no escapes.
pub(super) fn string_member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let mut cursor = Cursor::new(object.as_bytes());
    let mut more = cursor.open().ok()?;
    while more {
        let key = cursor.other_key().ok()?;
        if key == name.as_bytes() && cursor.peek() == Some(b'"') {
            return cursor.text().ok();
        }
        cursor.value().ok()?;
        more = cursor.more().ok()?;
    }
    None
}

/// The members of a message that matter, wherever in it they stood.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    pub(super) event: Option<&'a str>,
    pub(super) timestamp: Option<Timestamp>,
    pub(super) data: Data<'a>,
    pub(super) has_data: bool,
    pub(super) execute: Option<&'a str>,
    pub(super) oob: bool,
    pub(super) arguments: Option<&'a str>,
    pub(super) id: Option<&'a str>,
    pub(super) returned: Option<Option<Status<'a>>>,
    pub(super) error: Option<(&'a str, &'a str)>,
    pub(super) greeting: Option<Greeting<'a>>,
}

impl<'a> Parts<'a> {
    /// Emits what the message says. qmp-shell's log has a command and its reply in one object.
    pub(super) fn emit(&self, emit: &mut impl FnMut(Heard<'a>)) -> Result<(), Odd> {
        if let Some(name) = self.event {
            let kind = EventKind::from_name(name);
            self.data.event(kind, name, self.timestamp, self.has_data, emit);
            return Ok(());
        }
        let mut heard = false;
        if let Some(name) = self.execute {
            heard = true;
            emit(Heard::Command(Command {
                name,
                oob: self.oob,
                id: self.id,
                arguments: self.arguments,
            }));
        }
        let outcome = match (self.returned, self.error) {
            (Some(status), _) => Some(Outcome::Return(status)),
            (None, Some((class, desc))) => Some(Outcome::Error { class, desc }),
            (None, None) => None,
        };
        if let Some(outcome) = outcome {
            heard = true;
            emit(Heard::Reply(Reply { id: self.id, outcome }));
        }
        if let Some(greeting) = self.greeting {
            heard = true;
            emit(Heard::Greeting(greeting));
        }
        if heard { Ok(()) } else { Err(Odd) }
    }
}

/// The members of an event's data that matter for some event.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Data<'a> {
    pub(super) guest: Member<bool>,
    pub(super) reason: Member<&'a str>,
    pub(super) action: Member<&'a str>,
    pub(super) status: Member<&'a str>,
    pub(super) operation: Member<&'a str>,
    pub(super) recipient: Member<&'a str>,
    pub(super) mode: Member<&'a str>,
    pub(super) pass: Member<u32>,
}

/// A member as found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Member<T> {
    #[default]
    Absent,
    Found(T),
    /// Of another type.
    Wrong,
}

impl<'a> Data<'a> {
    #[inline(always)]
    fn read(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Odd> {
        if cursor.peek() != Some(b'{') {
            cursor.value()?;
            return Ok(());
        }
        let mut more = cursor.open()?;
        while more {
            if cursor.key(b"\"guest\"") {
                self.guest = match cursor.boolean() {
                    Ok(value) => Member::Found(value),
                    Err(Odd) => {
                        cursor.value()?;
                        Member::Wrong
                    }
                };
            } else if cursor.key(b"\"reason\"") {
                self.reason = string(cursor)?;
            } else if cursor.key(b"\"action\"") {
                self.action = string(cursor)?;
            } else {
                self.rare(cursor)?;
            }
            more = cursor.more()?;
        }
        Ok(())
    }

    /// The members of the events that are rare.
    fn rare(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Odd> {
        if cursor.key(b"\"status\"") {
            self.status = string(cursor)?;
        } else if cursor.key(b"\"operation\"") {
            self.operation = string(cursor)?;
        } else if cursor.key(b"\"recipient\"") {
            self.recipient = string(cursor)?;
        } else if cursor.key(b"\"mode\"") {
            self.mode = string(cursor)?;
        } else if cursor.key(b"\"pass\"") {
            self.pass = match cursor.integer() {
                Ok(value) => u32::try_from(value).map_or(Member::Wrong, Member::Found),
                Err(Odd) => {
                    cursor.value()?;
                    Member::Wrong
                }
            };
        } else {
            cursor.other_member()?;
        }
        Ok(())
    }

    /// Emits the event; before it, what of its data has another type than the schema says.
    pub(super) fn event(
        &self,
        kind: EventKind,
        name: &'a str,
        timestamp: Option<Timestamp>,
        has_data: bool,
        emit: &mut impl FnMut(Heard<'a>),
    ) {
        let mut event = Event::new(kind, name);
        event.timestamp = timestamp;
        event.has_data = has_data;
        match kind {
            EventKind::Shutdown | EventKind::Reset => {
                event.guest = self.guest.take("guest", "true or false", emit);
                event.reason = self.reason.take("reason", "a string", emit);
            }
            EventKind::Watchdog | EventKind::GuestPanicked | EventKind::GuestCrashloaded => {
                event.action = self.action.take("action", "a string", emit);
            }
            EventKind::MemoryFailure => {
                event.action = self.action.take("action", "a string", emit);
                event.detail = self.recipient.take("recipient", "a string", emit);
            }
            EventKind::BlockIoError => {
                event.action = self.action.take("action", "a string", emit);
                event.detail = self.operation.take("operation", "a string", emit);
            }
            EventKind::Migration => event.detail = self.status.take("status", "a string", emit),
            EventKind::MigrationPass => event.pass = self.pass.take("pass", "a number", emit),
            EventKind::ColoExit => {
                event.detail = self.mode.take("mode", "a string", emit);
                event.reason = self.reason.take("reason", "a string", emit);
            }
            EventKind::Powerdown
            | EventKind::Stop
            | EventKind::Resume
            | EventKind::Suspend
            | EventKind::SuspendDisk
            | EventKind::Wakeup
            | EventKind::GuestPvshutdown
            | EventKind::Other => {}
        }
        emit(Heard::Event(event));
    }
}

impl<T: Copy> Member<T> {
    /// The member's value, if it is of the type that is expected.
    fn take<'a>(
        self,
        member: &'static str,
        expected: &'static str,
        emit: &mut impl FnMut(Heard<'a>),
    ) -> Option<T> {
        match self {
            Self::Absent => None,
            Self::Found(value) => Some(value),
            Self::Wrong => {
                let kind = TroubleKind::WrongType { member, expected };
                emit(Heard::Trouble(Trouble { kind, column: 0 }));
                None
            }
        }
    }
}

#[inline(always)]
fn string<'a>(cursor: &mut Cursor<'a>) -> Result<Member<&'a str>, Odd> {
    if cursor.peek() == Some(b'"') {
        return cursor.text().map(Member::Found);
    }
    cursor.value()?;
    Ok(Member::Wrong)
}
