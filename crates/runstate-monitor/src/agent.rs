//! A guest agent: the part of qemu-ga that changes run states, as a guest with it inside answers on the channel
//! `org.qemu.guest_agent.0`. qga/main.c, qga/commands.c, qga/commands-posix.c.
//!
//! The agent is a program of the guest: it answers while the VM runs, and is there again after a reboot.

use runstate::{Guest, Release, Throttle, Throttled, Time};
use runstate_qmp::{Config, Error, Lookup, Object, Session, Value, Version, arguments::Arguments, object};

use crate::machine::Message;
use crate::options::Options;

/// The name of the virtio-serial port that the agent listens on.
const PORT: &str = "org.qemu.guest_agent.0";

/// The event that tells of it.
const CHANGE: &str = "VSERPORT_CHANGE";

/// What comes before a reply to `guest-sync-delimited`. `QGA_SENTINEL_BYTE`, qga/main.c.
const SENTINEL: u8 = 0xff;

/// The commands, and whether one that succeeds is answered.
const COMMANDS: &[(&str, bool)] = &[
    ("guest-info", true),
    ("guest-ping", true),
    ("guest-shutdown", false),
    ("guest-suspend-disk", false),
    ("guest-suspend-ram", false),
    ("guest-sync", true),
    ("guest-sync-delimited", true),
];

/// What a command makes the guest do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Nothing that QEMU would see.
    Nothing,
    /// The agent goes on.
    Sleep(Guest),
    /// The agent ends with the rest of the system; `None`: which halts, and does nothing more.
    Down(Option<Guest>),
}

/// The agent in a guest.
#[derive(Debug)]
pub(crate) struct Agent {
    /// The character device on the host's side.
    chardev: String,
    /// The id of the port: without one no event tells of it.
    port: Option<String>,
    session: Session,
    version: String,
    /// The board can sleep so: S3, S4.
    sleeps: [bool; 2],
    /// It runs, and has the port open.
    open: bool,
    /// At most one change a second is told. `monitor_qapi_event_conf[]`, monitor/monitor.c.
    limit: Throttle<Message>,
}

impl Agent {
    /// The agent of a guest whose board has its port.
    pub(crate) fn of(options: &Options, release: Release) -> Option<Self> {
        let device = options
            .devices
            .iter()
            .find(|device| device.driver == "virtserialport" && device.property("name") == Some(PORT))?;
        let (major, minor, micro) = release.version();
        let config = Config {
            negotiates: false,
            ..Config::new(Version::default())
        };
        Some(Self {
            chardev: device.property("chardev")?.to_owned(),
            port: device.id.clone(),
            session: Session::new(config),
            version: format!("{major}.{minor}.{micro}"),
            sleeps: ["disable_s3", "disable_s4"].map(|name| !is_set(options, name)),
            open: false,
            limit: Throttle::default(),
        })
    }

    /// The character device that leads to it.
    pub(crate) fn chardev(&self) -> &str {
        &self.chardev
    }

    /// Whether it has the port open.
    pub(crate) const fn is_open(&self) -> bool {
        self.open
    }

    /// A client of the character device came, or went.
    pub(crate) fn set_connected(&mut self, connected: bool) {
        if connected {
            self.session.connect();
        } else {
            self.session.close();
        }
    }

    /// It starts, or ends: what was half received is lost to it. The event, if it may be told now.
    pub(crate) fn set_open(&mut self, open: bool, now: Time) -> Option<Message> {
        if self.open == open {
            return None;
        }
        self.open = open;
        if self.session.mode() != runstate_qmp::Mode::Closed {
            self.session.connect();
        }
        let message = Message {
            event: CHANGE,
            data: Some(object! { "open": open, "id": self.port.as_deref()? }),
            at: now,
        };
        match self.limit.event(message, now) {
            Throttled::Now(message) => Some(message),
            Throttled::Kept => None,
        }
    }

    /// When an event that was held back may be told.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.limit.deadline()
    }

    /// An event that was held back until now.
    pub(crate) fn expire(&mut self, now: Time) -> Option<Message> {
        self.limit.expire(now)
    }

    /// How many bytes it would like to read.
    pub(crate) fn wants_input(&self) -> usize {
        self.session.wants_input()
    }

    /// Takes what was sent.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.session.receive(bytes);
    }

    /// Executes the next command; what it answers is appended to `out`. `process_event()`, qga/main.c.
    pub(crate) fn step(&mut self, out: &mut Vec<u8>) -> Option<Deed> {
        let known = |name: &str| {
            if COMMANDS.iter().any(|(known, _)| *known == name) {
                Lookup::Found { allow_oob: false }
            } else {
                Lookup::NotFound
            }
        };
        let request = self.session.poll(&known);
        let deed = request.map(|request| {
            // What was refused before comes first.
            self.transmit(out);
            let name = request.command.as_str();
            let (answer, deed) = match self.execute(name, &request.arguments) {
                Ok((value, deed)) => (Ok(value), deed),
                Err(error) => (Err(error), Deed::Nothing),
            };
            let speaks = COMMANDS.iter().any(|(known, speaks)| *known == name && *speaks);
            if speaks || answer.is_err() {
                if name == "guest-sync-delimited" && answer.is_ok() {
                    out.push(SENTINEL);
                }
                self.session.reply(request.ticket, answer);
            } else {
                self.session.reply_nothing(request.ticket);
            }
            deed
        });
        self.transmit(out);
        deed
    }

    /// Lines end in LF alone. `send_response()`, qga/main.c.
    fn transmit(&mut self, out: &mut Vec<u8>) {
        while let Some(chunk) = self.session.transmit() {
            out.extend_from_slice(chunk.bytes.strip_suffix(b"\r\n").unwrap_or(chunk.bytes));
            out.push(b'\n');
        }
    }

    fn execute(&self, name: &str, arguments: &Object) -> Result<(Value, Deed), Error> {
        let mut checked = Arguments::new(arguments);
        match name {
            "guest-sync" | "guest-sync-delimited" => {
                let id = checked.required("id")?.int64()?;
                checked.finish()?;
                Ok((id.into(), Deed::Nothing))
            }
            "guest-shutdown" => {
                let mode = checked.optional("mode").map(|mode| mode.string()).transpose()?;
                checked.finish()?;
                let guest = match mode {
                    None | Some("powerdown") => Some(Guest::Shutdown),
                    Some("reboot") => Some(Guest::Reset),
                    Some("halt") => None,
                    Some(_) => {
                        let words = "mode is invalid (valid values are: halt|powerdown|reboot";
                        return Err(Error::generic(words));
                    }
                };
                Ok((Value::empty(), Deed::Down(guest)))
            }
            "guest-suspend-ram" | "guest-suspend-disk" => {
                checked.finish()?;
                let (guest, can) = match name {
                    "guest-suspend-ram" => (Guest::Suspend, self.sleeps[0]),
                    _ => (Guest::SuspendDisk, self.sleeps[1]),
                };
                if can {
                    Ok((Value::empty(), Deed::Sleep(guest)))
                } else {
                    let words = "the requested suspend mode is not supported by the guest";
                    Err(Error::generic(words))
                }
            }
            _ => {
                checked.finish()?;
                let value = if name == "guest-info" {
                    self.info()
                } else {
                    Value::empty()
                };
                Ok((value, Deed::Nothing))
            }
        }
    }

    /// `qmp_guest_info()`, qga/commands.c. The command registered last comes first.
    fn info(&self) -> Value {
        let commands = COMMANDS.iter().rev().map(|(name, speaks)| {
            Value::from(object! { "enabled": true, "name": *name, "success-response": *speaks })
        });
        object! {
            "version": self.version.as_str(),
            "supported_commands": commands.collect::<Value>(),
        }
        .into()
    }
}

/// Whether `-global` switches something of the board's power management on.
fn is_set(options: &Options, name: &str) -> bool {
    options.ignored.iter().any(|words| {
        words.starts_with("-global ")
            && words
                .split_once(&format!(".{name}="))
                .is_some_and(|(_, value)| !matches!(value, "0" | "off"))
    })
}
