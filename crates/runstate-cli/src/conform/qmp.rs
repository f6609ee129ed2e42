//! A QMP client that keeps the order in which messages arrive.

use std::collections::VecDeque;

use runstate_qmp::Value;

use super::failure::Failure;
use super::wire::{Limit, Wire, take_in};

/// A message of QEMU.
#[derive(Clone, Debug)]
pub struct Message {
    /// As QEMU wrote it, without its timestamp.
    pub text: String,
    /// The same, parsed, without its timestamp.
    pub value: Value,
}

impl Message {
    /// Reads one line.
    ///
    /// # Errors
    ///
    /// When it is not JSON.
    pub fn parse(line: &[u8]) -> Result<Self, Failure> {
        let text = String::from_utf8_lossy(line).into_owned();
        let mut value = Value::parse(line)
            .map_err(|error| Failure::qemu(format!("QEMU sent what is not JSON ({error}): {text}")))?;
        if let Some(object) = value.as_object_mut() {
            object.remove("timestamp");
        }
        Ok(Self {
            text: without_timestamp(&text),
            value,
        })
    }

    /// The event's name, if it is one.
    #[must_use]
    pub fn event(&self) -> Option<&str> {
        self.value.get("event").and_then(Value::as_str)
    }

    /// Whether it answers a command.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        self.value.get("return").is_some() || self.value.get("error").is_some()
    }
}

/// QEMU writes the timestamp first in an event, with two members.
fn without_timestamp(text: &str) -> String {
    let Some(rest) = text.strip_prefix("{\"timestamp\": {") else {
        return text.to_owned();
    };
    match rest.split_once("}, ") {
        Some((_, event)) => format!("{{{event}"),
        None => text.to_owned(),
    }
}

/// One QMP session.
#[derive(Debug)]
pub struct Qmp {
    /// The socket.
    pub wire: Wire,
    /// What has arrived and was not taken.
    pub messages: VecDeque<Message>,
}

impl Qmp {
    /// A session on a connected socket; nothing is negotiated yet.
    #[must_use]
    pub const fn new(wire: Wire) -> Self {
        Self {
            wire,
            messages: VecDeque::new(),
        }
    }

    /// Parses what the wire has.
    ///
    /// # Errors
    ///
    /// When QEMU sent something else than JSON.
    pub fn parse(&mut self) -> Result<(), Failure> {
        while let Some(line) = self.wire.line() {
            self.messages.push_back(Message::parse(&line)?);
        }
        Ok(())
    }

    /// Takes in what is there now.
    ///
    /// # Errors
    ///
    /// As [`Self::parse`].
    pub fn take_in(&mut self) -> Result<(), Failure> {
        self.wire.take_in();
        self.parse()
    }

    /// The next message; `None` when QEMU has closed the session.
    ///
    /// # Errors
    ///
    /// When the limit is over.
    pub fn next(&mut self, limit: Limit<'_>) -> Result<Option<Message>, Failure> {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Ok(Some(message));
            }
            if self.wire.closed {
                return Ok(None);
            }
            take_in(&mut [&mut self.wire], limit)?;
            self.parse()?;
        }
    }

    /// Sends a command on a session whose events nobody wants, and gives its answer; `None` when QEMU is gone.
    ///
    /// # Errors
    ///
    /// When QEMU does not answer.
    pub fn ask(&mut self, command: &str) -> Result<Option<Value>, Failure> {
        self.wire.send(format!("{command}\n").as_bytes())?;
        let what = format!("answer to {command}");
        let limit = Limit::new(&what);
        while let Some(message) = self.next(limit)? {
            if message.is_answer() {
                return Ok(Some(message.value));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamp_goes_and_the_order_stays() {
        let line = br#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "RESET", "data": {"guest": true, "reason": "guest-reset"}}"#;
        let message = Message::parse(line).expect("an event");
        assert_eq!(
            message.text,
            r#"{"event": "RESET", "data": {"guest": true, "reason": "guest-reset"}}"#
        );
        assert_eq!(message.event(), Some("RESET"));
        assert!(message.value.get("timestamp").is_none());
    }

    #[test]
    fn what_is_not_json_is_said() {
        let error = Message::parse(b"hello").expect_err("not JSON");
        assert!(error.to_string().contains("hello"), "{error}");
    }
}
