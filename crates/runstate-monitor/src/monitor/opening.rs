//! Character devices of run time: the driver opens them before they are there.

use runstate::Release;
use runstate_qmp::{Error, Object, Ticket, Value, arguments::Arguments};

use super::{Monitor, Port};
use crate::options::{Address, Backend, Chardev, Socket};

/// Kinds of character devices. `ChardevBackendKind`, qapi/char.json.
const BACKENDS: &[&str] = &[
    "file",
    "memory",
    "msmouse",
    "mux",
    "null",
    "parallel",
    "pipe",
    "pty",
    "ringbuf",
    "serial",
    "socket",
    "spiceport",
    "spicevmc",
    "stdio",
    "testdev",
    "udp",
    "vc",
    "wctablet",
];

/// `ChardevSocket` but for what is read here, qapi/char.json.
const OTHER_SOCKET_MEMBERS: &[&str] = &[
    "logappend",
    "logfile",
    "nodelay",
    "telnet",
    "tls-authz",
    "tls-creds",
    "tn3270",
    "wait",
    "websocket",
];

/// A `chardev-add` that has begun and not ended.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) port: Port,
    pub(super) ticket: Ticket,
    pub(super) chardev: Chardev,
}

impl Monitor {
    /// From now on sockets of `chardev-add` are left to the driver, which asks for them with
    /// [`opening`](Self::opening). Otherwise they are remembered, and nothing is opened.
    pub const fn open_chardevs(&mut self) {
        self.opens = true;
    }

    /// The character device that has to be opened before any further command is executed.
    #[must_use]
    pub fn opening(&self) -> Option<&Chardev> {
        self.opening.as_ref().map(|opening| &opening.chardev)
    }

    /// It is open, or why it cannot be.
    pub fn opened(&mut self, outcome: Result<(), String>) {
        let Some(Opening {
            port,
            ticket,
            chardev,
        }) = self.opening.take()
        else {
            return;
        };
        let reply = match outcome {
            Ok(()) => {
                self.own.add_chardev(chardev);
                self.rewired = true;
                Ok(Value::empty())
            }
            // The prefix: `qmp_chardev_add()`, chardev/char.c.
            Err(why) => Err(Error::generic(format!(
                "Failed to add chardev '{}': {why}",
                chardev.id
            ))),
        };
        self.ports[port].session.reply(ticket, reply);
    }

    /// The socket that a command has to open first.
    pub(super) fn socket_to_open(&self, command: &str, arguments: &Object) -> Option<Chardev> {
        if !self.opens || command != "chardev-add" || self.machine.check_permission(command, false).is_err() {
            return None;
        }
        // What is wrong with it is said where it is executed.
        let chardev = chardev_to_add(self, arguments).ok()?;
        let is_socket = matches!(chardev.backend, Backend::Socket(_));
        is_socket.then_some(chardev)
    }
}

/// What `chardev-add` asks for.
pub(super) fn chardev_to_add(monitor: &Monitor, arguments: &Object) -> Result<Chardev, Error> {
    let mut checked = Arguments::new(arguments);
    let id = checked.required("id")?.string()?;
    let mut backend = checked.required("backend")?.structure()?;
    let kind = backend
        .required("type")?
        .one_of(|name| BACKENDS.iter().find(|known| **known == name))?;
    let data = backend.required("data")?.structure()?;
    let made = match *kind {
        "socket" => Backend::Socket(socket(data, monitor.machine.release())?),
        "null" => Backend::Null,
        other => Backend::Other(other.to_owned()),
    };
    backend.finish()?;
    checked.finish()?;
    if monitor.has_chardev(id) {
        return Err(Error::generic(format!("Chardev with id '{id}' already exists")));
    }
    Ok(Chardev {
        id: id.to_owned(),
        location: String::new(),
        backend: made,
    })
}

/// `ChardevSocket`. It never waits for its client: QEMU answers nothing and nobody while it does.
fn socket(mut data: Arguments<'_>, release: Release) -> Result<Socket, Error> {
    let address = address(data.required("addr")?.structure()?)?;
    let server = data
        .optional("server")
        .map_or(Ok(true), |value| value.boolean())?;
    let reconnect_ms = reconnect_ms(&mut data, release)?;
    for name in OTHER_SOCKET_MEMBERS {
        let _ = data.optional(name);
    }
    data.finish()?;
    Ok(Socket {
        address,
        server,
        wait: false,
        reconnect_ms,
    })
}

/// `reconnect-ms` came with 9.2; `reconnect`, in seconds, went with 10.2 (f223a90b0c).
fn reconnect_ms(data: &mut Arguments<'_>, release: Release) -> Result<u64, Error> {
    let mut time = 0;
    if release < Release::V10_2
        && let Some(value) = data.optional("reconnect")
    {
        time = value.int64()?.saturating_mul(1000);
    }
    if release >= Release::V9_2_0
        && let Some(value) = data.optional("reconnect-ms")
    {
        time = value.int64()?;
    }
    Ok(u64::try_from(time).unwrap_or(0))
}

/// `SocketAddressLegacy`, qapi/sockets.json.
fn address(mut addr: Arguments<'_>) -> Result<Address, Error> {
    let kind = addr
        .required("type")?
        .one_of(|name| ["fd", "inet", "unix"].into_iter().find(|known| *known == name))?;
    let mut data = addr.required("data")?.structure()?;
    let address = match kind {
        "unix" => Address::Unix {
            path: data.required("path")?.string()?.to_owned(),
            is_abstract: data
                .optional("abstract")
                .map_or(Ok(false), |value| value.boolean())?,
        },
        "inet" => Address::Inet {
            host: data.required("host")?.string()?.to_owned(),
            port: data.required("port")?.string()?.to_owned(),
        },
        _ => Address::Fd(data.required("str")?.string()?.to_owned()),
    };
    addr.finish()?;
    Ok(address)
}
