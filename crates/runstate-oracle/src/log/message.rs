//! A QMP message from its bytes, without copying: the way nearly all messages take.

use super::record::{Command, Event, EventKind, Greeting, Heard, Outcome, Reply, Status, Timestamp};
use super::scan::{Cursor, Odd, ends_message, trailing_id, utf8};
use super::trouble::{Trouble, TroubleKind};

/// A result longer than this is not looked into: it is no StatusInfo.
const LONG: usize = 256;

/// Reads one message at the cursor and emits what it says. Nothing has been emitted when it is [`Odd`].
pub(super) fn read<'a>(cursor: &mut Cursor<'a>, emit: &mut dyn FnMut(Heard<'a>)) -> Result<(), Odd> {
    let start = cursor.at;
    if usual_event(cursor, emit)? {
        return Ok(());
    }
    cursor.at = start;
    let mut parts = Parts::default();
    let mut wrong = Data::default();
    members(cursor, &mut parts, &mut wrong)?;
    parts.data = wrong;
    parts.emit(emit)
}

/// An event exactly as QEMU prints it: `{"timestamp": {"seconds": S, "microseconds": U}, "event": "NAME"`, then `}` or
/// `, "data": {..}}`. Whether it was one.
#[inline]
fn usual_event<'a>(cursor: &mut Cursor<'a>, emit: &mut dyn FnMut(Heard<'a>)) -> Result<bool, Odd> {
    if !cursor.literal(b"{\"timestamp\": {\"seconds\": ") {
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
    let kind = EventKind::from_name(name);
    let timestamp = Some(Timestamp {
        seconds,
        microseconds,
    });
    if kind == EventKind::Other && ends_message(cursor.rest()) {
        let mut event = Event::new(kind, utf8(name)?);
        event.timestamp = timestamp;
        event.has_data = cursor.rest().len() > 1;
        cursor.finish();
        emit(Heard::Event(event));
        return Ok(true);
    }
    let mut data = Data::default();
    let has_data = cursor.literal(b", \"data\": ");
    if has_data {
        data.read(cursor)?;
    }
    cursor.blank();
    if !cursor.eat(b'}') {
        return Ok(false);
    }
    data.event(kind, utf8(name)?, timestamp, has_data, emit)?;
    Ok(true)
}

/// Any message, in any order of its members.
fn members<'a>(cursor: &mut Cursor<'a>, parts: &mut Parts<'a>, data: &mut Data<'a>) -> Result<(), Odd> {
    let whole = cursor.clone();
    let mut long = false;
    let read = cursor.members(|key, cursor| {
        match key {
            b"timestamp" => parts.timestamp = Some(timestamp(cursor)?),
            b"event" => parts.event = Some(cursor.text()?),
            b"data" => {
                parts.has_data = true;
                data.read(cursor)?;
            }
            b"execute" => parts.execute = Some(cursor.text()?),
            b"exec-oob" => {
                parts.execute = Some(cursor.text()?);
                parts.oob = true;
            }
            b"arguments" => parts.arguments = Some(utf8(cursor.value()?)?),
            b"id" => parts.id = Some(utf8(cursor.value()?)?),
            b"return" => {
                parts.returned = Some(status(cursor));
                if cursor.rest().len() > LONG && ends_message(cursor.rest()) {
                    // The rest is the result and perhaps the id: leave the loop over the members.
                    long = true;
                    return Err(Odd);
                }
                cursor.value()?;
            }
            b"error" => parts.error = Some(error(cursor)?),
            b"QMP" => parts.greeting = Some(greeting(cursor)?),
            _ => {
                cursor.value()?;
            }
        }
        Ok(())
    });
    if long {
        parts.id = match trailing_id(whole.rest()) {
            Some(id) => Some(utf8(id)?),
            None => parts.id,
        };
        cursor.finish();
        return Ok(());
    }
    read
}

fn timestamp(cursor: &mut Cursor<'_>) -> Result<Timestamp, Odd> {
    let (mut seconds, mut microseconds) = (None, None);
    cursor.members(|key, cursor| {
        match key {
            b"seconds" => seconds = Some(cursor.integer()?),
            b"microseconds" => microseconds = Some(cursor.integer()?),
            _ => {
                cursor.value()?;
            }
        }
        Ok(())
    })?;
    Ok(Timestamp {
        seconds: seconds.ok_or(Odd)?,
        microseconds: microseconds.ok_or(Odd)?,
    })
}

/// The StatusInfo here, if it is one. The cursor stays.
fn status<'a>(cursor: &Cursor<'a>) -> Option<Status<'a>> {
    let mut cursor = cursor.clone();
    let first = cursor.rest().strip_prefix(b"{")?.trim_ascii_start();
    let known = [&b"\"status\""[..], b"\"running\"", b"\"singlestep\""];
    if !known.iter().any(|key| first.starts_with(key)) {
        return None;
    }
    let (mut status, mut running) = (None, None);
    let read = cursor.members(|key, cursor| {
        match key {
            b"status" => status = Some(cursor.text()?),
            b"running" => running = Some(cursor.boolean()?),
            _ => {
                cursor.value()?;
            }
        }
        Ok(())
    });
    read.ok()?;
    Some(Status {
        status: status?,
        running: running?,
    })
}

fn error<'a>(cursor: &mut Cursor<'a>) -> Result<(&'a str, &'a str), Odd> {
    let (mut class, mut desc) = (None, None);
    cursor.members(|key, cursor| {
        match key {
            b"class" => class = Some(cursor.text()?),
            b"desc" => desc = Some(cursor.text()?),
            _ => {
                cursor.value()?;
            }
        }
        Ok(())
    })?;
    Ok((class.ok_or(Odd)?, desc.ok_or(Odd)?))
}

fn greeting<'a>(cursor: &mut Cursor<'a>) -> Result<Greeting<'a>, Odd> {
    let mut greeting = Greeting {
        version: [0; 3],
        package: "",
    };
    cursor.members(|key, cursor| {
        if key != b"version" {
            cursor.value()?;
            return Ok(());
        }
        cursor.members(|key, cursor| {
            match key {
                b"package" => greeting.package = cursor.text()?,
                b"qemu" => cursor.members(|key, cursor| {
                    let number = u32::try_from(cursor.integer()?).map_err(|_| Odd)?;
                    match key {
                        b"major" => greeting.version[0] = number,
                        b"minor" => greeting.version[1] = number,
                        b"micro" => greeting.version[2] = number,
                        _ => {}
                    }
                    Ok(())
                })?,
                _ => {
                    cursor.value()?;
                }
            }
            Ok(())
        })
    })?;
    Ok(greeting)
}

/// A string member of this JSON object, if it is there and has no escapes.
pub(super) fn string_member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let mut found = None;
    let read = Cursor::new(object.as_bytes()).members(|key, cursor| {
        if key == name.as_bytes() && cursor.peek() == Some(b'"') {
            found = Some(cursor.text()?);
        } else {
            cursor.value()?;
        }
        Ok(())
    });
    read.ok().and(found)
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
    pub(super) fn emit(&self, emit: &mut dyn FnMut(Heard<'a>)) -> Result<(), Odd> {
        if let Some(name) = self.event {
            return self.data.event(
                EventKind::from_name(name.as_bytes()),
                name,
                self.timestamp,
                self.has_data,
                emit,
            );
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
}

/// A member as found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Member<T> {
    #[default]
    Absent,
    Found(T),
    /// Of another type.
    Wrong,
    /// A string that the quick way does not read.
    Odd,
}

impl<'a> Data<'a> {
    #[inline]
    fn read(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Odd> {
        if cursor.peek() != Some(b'{') {
            cursor.value()?;
            return Ok(());
        }
        cursor.members(|key, cursor| {
            match key {
                b"guest" => {
                    self.guest = match cursor.boolean() {
                        Ok(value) => Member::Found(value),
                        Err(Odd) => {
                            cursor.value()?;
                            Member::Wrong
                        }
                    }
                }
                b"reason" => self.reason = string(cursor)?,
                b"action" => self.action = string(cursor)?,
                b"status" => self.status = string(cursor)?,
                b"operation" => self.operation = string(cursor)?,
                b"recipient" => self.recipient = string(cursor)?,
                _ => {
                    cursor.value()?;
                }
            }
            Ok(())
        })
    }

    /// Emits the event; before it, what of its data has another type than the schema says.
    pub(super) fn event(
        &self,
        kind: EventKind,
        name: &'a str,
        timestamp: Option<Timestamp>,
        has_data: bool,
        emit: &mut dyn FnMut(Heard<'a>),
    ) -> Result<(), Odd> {
        let mut event = Event::new(kind, name);
        event.timestamp = timestamp;
        event.has_data = has_data;
        let mut wrong = [None; 3];
        match kind {
            EventKind::Shutdown | EventKind::Reset => {
                event.guest = self.guest.take("guest", &mut wrong[0])?;
                event.reason = self.reason.take("reason", &mut wrong[1])?;
            }
            EventKind::Watchdog | EventKind::GuestPanicked | EventKind::GuestCrashloaded => {
                event.action = self.action.take("action", &mut wrong[0])?;
            }
            EventKind::MemoryFailure => {
                event.action = self.action.take("action", &mut wrong[0])?;
                event.detail = self.recipient.take("recipient", &mut wrong[1])?;
            }
            EventKind::BlockIoError => {
                event.action = self.action.take("action", &mut wrong[0])?;
                event.detail = self.operation.take("operation", &mut wrong[1])?;
            }
            EventKind::Migration => event.detail = self.status.take("status", &mut wrong[0])?,
            EventKind::Powerdown
            | EventKind::Stop
            | EventKind::Resume
            | EventKind::Suspend
            | EventKind::SuspendDisk
            | EventKind::Wakeup
            | EventKind::GuestPvshutdown
            | EventKind::Other => {}
        }
        for member in wrong.into_iter().flatten() {
            let expected = if member == "guest" {
                "true or false"
            } else {
                "a string"
            };
            emit(Heard::Trouble(Trouble {
                kind: TroubleKind::WrongType { member, expected },
                column: 0,
            }));
        }
        emit(Heard::Event(event));
        Ok(())
    }
}

impl<T: Copy> Member<T> {
    fn take(self, name: &'static str, wrong: &mut Option<&'static str>) -> Result<Option<T>, Odd> {
        match self {
            Self::Absent => Ok(None),
            Self::Found(value) => Ok(Some(value)),
            Self::Wrong => {
                *wrong = Some(name);
                Ok(None)
            }
            Self::Odd => Err(Odd),
        }
    }
}

#[inline]
fn string<'a>(cursor: &mut Cursor<'a>) -> Result<Member<&'a str>, Odd> {
    if cursor.peek() != Some(b'"') {
        cursor.value()?;
        return Ok(Member::Wrong);
    }
    if let Ok(text) = cursor.clone().text() {
        cursor.at += text.len() + 2;
        return Ok(Member::Found(text));
    }
    cursor.value()?;
    Ok(Member::Odd)
}
