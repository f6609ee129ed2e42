//! One character device of a VM: who is connected, and what has not been written yet.

use std::io::{self, Write as _};
use std::path::PathBuf;

use mio::{Registry, Token};
use runstate::Time;
use runstate_monitor::monitor::Port;
use runstate_monitor::options::Address;

use super::io::{Listener, Stream};
use super::open::Open;

/// What a character device is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A QMP monitor.
    Qmp(Port),
    /// An HMP monitor.
    Hmp,
    /// qtest.
    Qtest,
    /// The agent in the guest.
    Agent,
    /// The control socket of the stand-in.
    Control,
    /// Nothing reads it.
    Idle,
}

/// A character device at work.
#[derive(Debug)]
pub(crate) struct Link {
    /// The id of the character device.
    pub(crate) id: String,
    pub(crate) role: Role,
    pub(crate) listener: Option<Listener>,
    pub(crate) stream: Option<Stream>,
    pub(crate) reconnect: Option<(Address, u64)>,
    /// When to connect again.
    pub(crate) reconnect_at: Option<Time>,
    /// When there will be more to send.
    pub(crate) wake_at: Option<Time>,
    /// Written in part.
    pub(crate) unwritten: Vec<u8>,
    /// What came of a line, for roles that read lines.
    pub(crate) line: Vec<u8>,
    /// The stream cannot be waited for: it is always ready.
    pub(crate) always_ready: bool,
    /// The client sent its last byte.
    pub(crate) at_eof: bool,
    path: Option<PathBuf>,
    listener_token: Token,
    stream_token: Token,
}

impl Link {
    pub(crate) fn new(id: &str, role: Role, open: Open, tokens: (Token, Token)) -> Self {
        Self {
            id: id.to_owned(),
            role,
            listener: open.listener,
            stream: open.stream,
            reconnect_at: None,
            reconnect: open.reconnect,
            wake_at: None,
            unwritten: Vec::new(),
            line: Vec::new(),
            always_ready: false,
            at_eof: false,
            path: open.path,
            listener_token: tokens.0,
            stream_token: tokens.1,
        }
    }

    /// Begins to wait for clients and bytes.
    pub(crate) fn register(&mut self, registry: &Registry) -> io::Result<()> {
        if let Some(listener) = &mut self.listener {
            listener.register(registry, self.listener_token)?;
        }
        self.register_stream(registry)
    }

    fn register_stream(&mut self, registry: &Registry) -> io::Result<()> {
        if let Some(stream) = &mut self.stream {
            self.always_ready = !stream.register(registry, self.stream_token)?;
        }
        Ok(())
    }

    /// Takes a new stream.
    pub(crate) fn take_stream(&mut self, stream: Stream, registry: &Registry) -> io::Result<()> {
        self.stream = Some(stream);
        self.unwritten = Vec::new();
        self.line = Vec::new();
        self.at_eof = false;
        self.wake_at = None;
        self.register_stream(registry)
    }

    /// Accepts the next client, if there is no other.
    pub(crate) fn accept(&mut self, registry: &Registry) -> io::Result<bool> {
        let Some(listener) = self.listener.as_ref().filter(|_| self.stream.is_none()) else {
            return Ok(false);
        };
        loop {
            match listener.accept() {
                Ok(stream) => {
                    self.take_stream(stream, registry)?;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The stream is closed.
    pub(crate) fn close(&mut self, registry: &Registry) {
        if let Some(mut stream) = self.stream.take() {
            stream.deregister(registry);
            stream.shut();
        }
        self.unwritten = Vec::new();
        self.line = Vec::new();
        self.wake_at = None;
        self.always_ready = false;
    }

    /// The character device goes: nothing listens any more, and the client is let go.
    pub(crate) fn shut(&mut self, registry: &Registry) {
        self.close(registry);
        self.listener = None;
        self.reconnect = None;
        self.reconnect_at = None;
        self.unlink();
    }

    /// Writes what was left over. Whether all is written; an error is a client that left.
    pub(crate) fn write_rest(&mut self) -> io::Result<bool> {
        let Some(stream) = &mut self.stream else {
            self.unwritten.clear();
            return Ok(true);
        };
        let mut written = 0;
        let outcome = loop {
            if written == self.unwritten.len() {
                break Ok(true);
            }
            match stream.write(&self.unwritten[written..]) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => written += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.unwritten.drain(..written);
        if self.unwritten.is_empty() && self.unwritten.capacity() > 4096 {
            self.unwritten = Vec::new();
        }
        outcome
    }

    /// Removes the socket's file.
    pub(crate) fn unlink(&mut self) {
        if let Some(path) = self.path.take() {
            // It may have been removed, or replaced by a successor's; QEMU does not look either.
            let _ = std::fs::remove_file(path);
        }
    }
}
