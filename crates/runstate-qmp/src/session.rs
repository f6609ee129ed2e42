//! One monitor connection: monitor/qmp.c and qapi/qmp-dispatch.c.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use crate::print::{self, Timestamp};
use crate::streamer::{Message, Streamer};
use crate::{Error, ErrorClass, Object, Value};

mod capabilities;
mod command;
mod config;
mod output;

use command::Command;
pub use config::{Config, Version};
use output::Output;
pub use output::{Chunk, ChunkKind};

/// How many in-band requests QEMU queues with out-of-band execution: `QMP_REQ_QUEUE_LEN_MAX`, monitor/qmp.c.
const QUEUE_LENGTH: usize = 8;

/// How much input [`Session::wants_input`] asks for at most.
const READ_AHEAD: usize = 4096;

/// One monitor, to which one client at a time connects.
///
/// The session takes what the client sends, hands out its commands, takes the replies, and says what to send. It
/// answers itself what needs no VM: input that is no command, and `qmp_capabilities`.
///
/// The calls, in the order a driver makes them:
///
/// 1. [`connect`](Self::connect) when a client has connected, [`close`](Self::close) when it is gone.
/// 2. [`receive`](Self::receive) with what the client sent.
/// 3. [`poll`](Self::poll) until there is no request; each request is answered with [`reply`](Self::reply), at once
///    or later. While an in-band request is not answered there is no other.
/// 4. [`announce`](Self::announce) with each event, whenever it happens.
/// 5. [`transmit`](Self::transmit) until there is nothing to send.
///
/// ```
/// use runstate_qmp::{Config, Lookup, Session, Value, Version, object};
///
/// let commands = |name: &str| match name {
///     "query-status" => Lookup::Found { allow_oob: false },
///     _ => Lookup::NotFound,
/// };
/// let mut session = Session::new(Config::new(Version::new(10, 0, 0)));
/// session.connect();
/// session.receive(b"{'execute': 'qmp_capabilities'} {'execute': 'query-status', 'id': 1}");
/// while let Some(request) = session.poll(&commands) {
///     assert_eq!(request.command, "query-status");
///     session.reply(request.ticket, Ok(Value::from(object! { "status": "running", "running": true })));
/// }
/// let mut sent = String::new();
/// while let Some(chunk) = session.transmit() {
///     sent += core::str::from_utf8(chunk.bytes).expect("messages are ASCII");
/// }
/// assert_eq!(
///     sent,
///     "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 0, \"major\": 10}, \"package\": \"\"}, \
///      \"capabilities\": [\"oob\"]}}\r\n\
///      {\"return\": {}}\r\n\
///      {\"return\": {\"status\": \"running\", \"running\": true}, \"id\": 1}\r\n"
/// );
/// ```
#[derive(Debug)]
pub struct Session {
    config: Config,
    mode: Mode,
    /// Whether out-of-band execution has been negotiated.
    oob: bool,
    /// What has been received and not been looked at, from `read` on.
    input: Vec<u8>,
    read: usize,
    streamer: Streamer,
    /// The in-band messages that wait for their turn.
    queue: VecDeque<Message>,
    in_band: Option<Pending>,
    out_of_band: Option<Pending>,
    /// The number of the last request.
    requests: u64,
    output: Output,
}

/// What a monitor expects: `MonitorQMP.commands`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the protocol closes it")]
pub enum Mode {
    /// There is no client.
    Closed,
    /// The client has been greeted, and must negotiate capabilities.
    Negotiation,
    /// The client may send commands, and gets events.
    Command,
}

/// A request that has been handed out and not been answered.
#[derive(Clone, Copy, Debug)]
struct Pending {
    number: u64,
    /// The client that sent it is gone.
    orphaned: bool,
}

/// A command to be executed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Request {
    /// Its name.
    pub command: String,
    /// Its arguments; empty if there are none. They have not been checked: see [`arguments`](crate::arguments).
    pub arguments: Object,
    /// Whether it is to be executed out of band, that is, before an in-band request that is being executed.
    pub oob: bool,
    /// What to answer it with.
    pub ticket: Ticket,
}

/// Answers one request: [`Session::reply`].
#[derive(Debug)]
#[must_use = "a request that is not answered blocks its session, as a command that never ends blocks QEMU"]
pub struct Ticket {
    id: Option<Value>,
    number: u64,
}

impl Ticket {
    /// The id the client gave the command.
    #[must_use]
    pub const fn id(&self) -> Option<&Value> {
        self.id.as_ref()
    }
}

/// What the session asks before it hands out a command.
pub trait Commands {
    /// What is known of the command.
    fn find(&self, name: &str) -> Lookup;
}

impl<F: Fn(&str) -> Lookup> Commands for F {
    fn find(&self, name: &str) -> Lookup {
        self(name)
    }
}

/// What is known of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "QEMU makes no other checks before the handler"
)]
pub enum Lookup {
    /// There is no such command.
    NotFound,
    /// There is, but it is refused whoever asks: by the compatibility policy, or because it is disabled.
    Refused(Error),
    /// It may be executed.
    Found {
        /// Out of band, too: `allow-oob` in the schema.
        allow_oob: bool,
    },
}

impl Session {
    /// A monitor to which no client has connected.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            mode: Mode::Closed,
            oob: false,
            input: Vec::new(),
            read: 0,
            streamer: Streamer::default(),
            queue: VecDeque::new(),
            in_band: None,
            out_of_band: None,
            requests: 0,
            output: Output::default(),
        }
    }

    /// A client has connected: it is greeted. `CHR_EVENT_OPENED` in `monitor_qmp_event()`.
    pub fn connect(&mut self) {
        self.close();
        if !self.config.negotiates {
            self.mode = Mode::Command;
            return;
        }
        self.mode = Mode::Negotiation;
        let (greeting, layout) = (self.config.greeting(), self.config.layout);
        self.output
            .push(ChunkKind::Greeting, |out| print::message(&greeting, layout, out));
    }

    /// The client is gone: what it sent and has not been handed out is dropped, and so is what it has not been
    /// sent. A request that has been handed out is still to be answered, but nobody gets the answer.
    /// `CHR_EVENT_CLOSED` in `monitor_qmp_event()`.
    pub fn close(&mut self) {
        self.mode = Mode::Closed;
        self.oob = false;
        self.input = Vec::new();
        self.read = 0;
        self.streamer = Streamer::default();
        self.queue = VecDeque::new();
        for pending in [&mut self.in_band, &mut self.out_of_band].into_iter().flatten() {
            pending.orphaned = true;
        }
        self.output.clear();
    }

    /// Takes what the client sent, split in any way. Nothing is done with it before [`poll`](Self::poll).
    ///
    /// A driver that never gives more than [`wants_input`](Self::wants_input) bytes bounds the memory the session
    /// takes for unread input. Without a client the bytes are dropped.
    pub fn receive(&mut self, bytes: &[u8]) {
        if self.mode == Mode::Closed {
            return;
        }
        self.input.drain(..self.read);
        self.read = 0;
        self.input.extend_from_slice(bytes);
    }

    /// How many bytes the session would like to get. 0 as long as QEMU would not read: while it executes a
    /// command, or with out-of-band execution while 8 commands wait.
    ///
    /// QEMU reads a byte at a time, so that what follows a command stays unread while that is executed; after
    /// `quit` it stays unread for ever. A driver that wants this seen gives a byte at a time, too.
    #[must_use]
    pub fn wants_input(&self) -> usize {
        if self.mode == Mode::Closed || self.is_suspended() {
            return 0;
        }
        READ_AHEAD.saturating_sub(self.unread())
    }

    /// How many bytes have been received and not been looked at.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.input.len() - self.read
    }

    /// The next request. What needs no VM is answered on the way.
    ///
    /// `commands` says which commands there are; `qmp_capabilities` needs not be among them.
    ///
    /// As long as no in-band request is unanswered, messages are taken in the order they came. Otherwise the session
    /// reads on, if out-of-band execution has been negotiated: up to 8 in-band messages wait, and a request to be
    /// executed out of band overtakes them.
    #[must_use]
    pub fn poll(&mut self, commands: &impl Commands) -> Option<Request> {
        loop {
            let message = if self.in_band.is_none() {
                self.queue.pop_front()
            } else {
                None
            };
            let message = match message {
                Some(message) => message,
                None => match self.read_message()? {
                    // What is to be executed out of band does not wait for its turn.
                    Ok(message) if command::is_oob(&message) => Ok(message),
                    message => {
                        self.queue.push_back(message);
                        continue;
                    }
                },
            };
            match message {
                Err(fault) => self.respond(None, Err(&Error::generic(fault.words))),
                Ok(message) => {
                    if let Some(request) = self.dispatch(message, commands) {
                        return Some(request);
                    }
                }
            }
        }
    }

    /// Answers a request. A command without a result returns [`Value::empty`].
    pub fn reply(&mut self, ticket: Ticket, answer: Result<Value, Error>) {
        if self.complete(&ticket) {
            self.respond(ticket.id.as_ref(), answer.as_ref());
        }
    }

    /// Ends a request without an answer, as QEMU does for a command with `'success-response': false`.
    pub fn reply_nothing(&mut self, ticket: Ticket) {
        self.complete(&ticket);
    }

    /// Tells the client of an event, if it has negotiated; otherwise the event is lost to it.
    /// `monitor_qapi_event_emit()`, monitor/monitor.c.
    pub fn announce(&mut self, event: &str, data: Option<&Object>, timestamp: Timestamp) {
        if self.mode == Mode::Command {
            let layout = self.config.layout;
            self.output.push(ChunkKind::Event, |out| {
                print::event(event, data, timestamp, layout, out);
            });
        }
    }

    /// The next message to send, each in a chunk of its own.
    pub fn transmit(&mut self) -> Option<Chunk<'_>> {
        self.output.pop()
    }

    /// How many bytes wait to be sent. QEMU sets no limit to them.
    #[must_use]
    pub fn untransmitted(&self) -> usize {
        self.output.len()
    }

    /// What the monitor expects.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether out-of-band execution has been negotiated.
    #[must_use]
    pub const fn is_oob_enabled(&self) -> bool {
        self.oob
    }

    /// Whether a request has been handed out and not been answered.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.in_band.is_some() || self.out_of_band.is_some()
    }

    /// The settings.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Whether QEMU would not read now. `handle_qmp_command()` and `monitor_qmp_dispatcher_co()`, monitor/qmp.c.
    fn is_suspended(&self) -> bool {
        if self.oob {
            // A command that is executed out of band keeps the I/O thread busy.
            self.out_of_band.is_some() || self.queue.len() >= QUEUE_LENGTH
        } else {
            self.is_busy() || !self.queue.is_empty()
        }
    }

    /// The next message of the input, if QEMU would read now and the message is complete.
    fn read_message(&mut self) -> Option<Message> {
        if self.is_suspended() {
            return None;
        }
        let mut rest = &self.input[self.read..];
        let message = self.streamer.next(&mut rest);
        self.read = self.input.len() - rest.len();
        if self.read == self.input.len() {
            self.input.clear();
            self.input.shrink_to(output::KEPT);
            self.read = 0;
        }
        message
    }

    /// `qmp_dispatch()`, qapi/qmp-dispatch.c, up to the command's handler.
    fn dispatch(&mut self, message: Value, commands: &impl Commands) -> Option<Request> {
        let command = match command::command(message, self.oob) {
            Ok(command) => command,
            Err(problem) => {
                let (id, error) = *problem;
                self.respond(id.as_ref(), Err(&error));
                return None;
            }
        };
        let known = if command.name == capabilities::NAME && self.config.negotiates {
            Lookup::Found { allow_oob: false }
        } else if self.mode == Mode::Negotiation {
            Lookup::NotFound
        } else {
            commands.find(&command.name)
        };
        let error = match known {
            Lookup::Found { allow_oob } if allow_oob || !command.oob => return self.execute(command),
            Lookup::Found { .. } => {
                Error::generic(format!("The command {} does not support OOB", command.name))
            }
            Lookup::Refused(error) => error,
            // `monitor_qmp_dispatch()`, monitor/qmp.c.
            Lookup::NotFound if self.mode == Mode::Negotiation => Error::new(
                ErrorClass::CommandNotFound,
                "Expecting capabilities negotiation with 'qmp_capabilities'",
            ),
            Lookup::NotFound => Error::command_not_found(&command.name),
        };
        self.respond(command.id.as_ref(), Err(&error));
        None
    }

    fn execute(&mut self, command: Command) -> Option<Request> {
        let Command {
            name,
            arguments,
            id,
            oob,
        } = command;
        if name == capabilities::NAME && self.config.negotiates {
            let complete = self.mode == Mode::Command;
            let answer = capabilities::negotiate(&arguments, complete, self.config.offer_oob);
            let answer = answer.map(|oob| {
                self.oob = oob;
                self.mode = Mode::Command;
                Value::empty()
            });
            self.respond(id.as_ref(), answer.as_ref());
            return None;
        }
        self.requests += 1;
        let number = self.requests;
        let pending = if oob {
            &mut self.out_of_band
        } else {
            &mut self.in_band
        };
        *pending = Some(Pending {
            number,
            orphaned: false,
        });
        Some(Request {
            command: name,
            arguments,
            oob,
            ticket: Ticket { id, number },
        })
    }

    /// Whether the ticket's request still waits for an answer that somebody would get.
    fn complete(&mut self, ticket: &Ticket) -> bool {
        for pending in [&mut self.in_band, &mut self.out_of_band] {
            if let Some(Pending { number, orphaned }) = *pending
                && number == ticket.number
            {
                *pending = None;
                return !orphaned;
            }
        }
        false
    }

    /// `qmp_send_response()`, monitor/qmp.c.
    fn respond(&mut self, id: Option<&Value>, answer: Result<&Value, &Error>) {
        let layout = self.config.layout;
        self.output
            .push(ChunkKind::Reply, |out| print::reply(id, answer, layout, out));
    }
}
