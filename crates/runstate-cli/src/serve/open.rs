//! Character devices are opened: sockets bound, connected or taken over.

use core::net::IpAddr;
use std::fs::OpenOptions;
use std::io;
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::PathBuf;

use runstate_monitor::options::{Address, Backend, Chardev, Socket};

use super::fd::{self, Passed};
use super::io::{Listener, Stream};

/// A character device that is open.
#[derive(Debug, Default)]
pub(crate) struct Open {
    pub(crate) listener: Option<Listener>,
    pub(crate) stream: Option<Stream>,
    /// The socket's file, to be removed at the end.
    pub(crate) path: Option<PathBuf>,
    /// Where to connect again, and after how long, in milliseconds.
    pub(crate) reconnect: Option<(Address, u64)>,
}

/// Whom sockets may be open to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Openness {
    /// This host: Unix sockets and loopback addresses.
    #[default]
    Loopback,
    /// Everybody.
    Anybody,
}

/// Why a character device cannot be opened, in QEMU's words where it has some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenError(String);

impl core::fmt::Display for OpenError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

impl OpenError {
    /// An error with these words.
    pub(crate) fn new(words: &str) -> Self {
        Self(words.to_owned())
    }
}

impl core::error::Error for OpenError {}

impl Chardevs<'_> {
    /// Opens a character device. `waiting` is called before it waits for a client.
    pub(crate) fn open(self, waiting: impl FnOnce(&str)) -> Result<Open, OpenError> {
        match &self.chardev.backend {
            Backend::Socket(socket) if socket.server => self.serve(socket, waiting),
            Backend::Socket(socket) => self.connect(socket),
            Backend::Stdio => {
                stdio_nonblocking(true);
                Ok(Open {
                    stream: Some(Stream::Stdio),
                    ..Open::default()
                })
            }
            Backend::File { path, append } => {
                let mut options = OpenOptions::new();
                options.create(true).write(true).truncate(!append).append(*append);
                match options.open(path) {
                    Ok(file) => Ok(Open {
                        stream: Some(Stream::File(file)),
                        ..Open::default()
                    }),
                    Err(error) => Err(OpenError(format!("Could not open '{path}': {}", reason(&error)))),
                }
            }
            Backend::Pipe { .. } | Backend::Null | Backend::Other(_) => Ok(Open {
                stream: Some(Stream::Null),
                ..Open::default()
            }),
        }
    }

    fn serve(self, socket: &Socket, waiting: impl FnOnce(&str)) -> Result<Open, OpenError> {
        let mut open = Open::default();
        let bound = match &socket.address {
            Address::Unix {
                path,
                is_abstract: true,
            } => bind_abstract(path).map(Bound::Unix),
            Address::Unix {
                path,
                is_abstract: false,
            } => {
                open.path = Some(PathBuf::from(path));
                bind_path(path).map(Bound::Unix)
            }
            Address::Inet { host, port } => self.bind_inet(host, port).map(Bound::Tcp),
            Address::Fd(number) => match fd::socket(number) {
                Ok(Passed::UnixListener(listener)) => Ok(Bound::Unix(listener)),
                Ok(Passed::TcpListener(listener)) => Ok(Bound::Tcp(listener)),
                Ok(Passed::UnixStream(_) | Passed::TcpStream(_)) => Err(OpenError(format!(
                    "File descriptor '{number}' is not a listening socket"
                ))),
                Err(error) => Err(OpenError(error.to_string())),
            },
        }?;
        if socket.wait {
            waiting(&self.chardev.filename(false));
            let stream = bound
                .wait()
                .map_err(|error| OpenError(format!("Failed to accept: {}", reason(&error))))?;
            open.stream = Some(stream);
        }
        let listener = bound.into_listener();
        open.listener = Some(listener.map_err(|error| OpenError(reason(&error)))?);
        Ok(open)
    }

    fn bind_inet(self, host: &str, port: &str) -> Result<TcpListener, OpenError> {
        let addresses = self.resolve(host, port)?;
        TcpListener::bind(&addresses[..])
            .map_err(|error| OpenError(format!("Failed to bind socket: {}", reason(&error))))
    }

    /// The addresses of a host: those that may be used.
    fn resolve(self, host: &str, port: &str) -> Result<Vec<core::net::SocketAddr>, OpenError> {
        let number = port.parse::<u16>();
        let number = number.map_err(|_| OpenError(format!("port not in range or no number: '{port}'")))?;
        let host_ = match (host, self.openness) {
            ("", Openness::Loopback) => "127.0.0.1",
            ("", Openness::Anybody) => "0.0.0.0",
            (host, _) => host.trim_start_matches('[').trim_end_matches(']'),
        };
        let found = (host_, number).to_socket_addrs().map_err(|_| {
            OpenError(format!(
                "address resolution failed for {host}:{port}: Name or service not known"
            ))
        })?;
        let (allowed, refused): (Vec<_>, Vec<_>) =
            found.partition(|address| self.openness == Openness::Anybody || is_local(address.ip()));
        if allowed.is_empty() {
            let refused = refused
                .first()
                .map_or_else(|| host.to_owned(), |address| address.ip().to_string());
            return Err(OpenError(format!(
                "{refused} is no loopback address; 'allow-remote' lets others in (see the stand-in's own options)"
            )));
        }
        Ok(allowed)
    }

    fn connect(self, socket: &Socket) -> Result<Open, OpenError> {
        let reconnect = (socket.reconnect_ms > 0).then(|| (socket.address.clone(), socket.reconnect_ms));
        match self.connect_to(&socket.address) {
            Ok(stream) => Ok(Open {
                stream: Some(stream),
                reconnect,
                ..Open::default()
            }),
            // Who may not be connected to now may not be later.
            Err(error) if reconnect.is_some() && !error.0.contains("loopback") => Ok(Open {
                reconnect,
                ..Open::default()
            }),
            Err(error) => Err(error),
        }
    }

    /// Connects, or takes over what is connected.
    pub(crate) fn connect_to(self, address: &Address) -> Result<Stream, OpenError> {
        let failed = |name: &str, error: &io::Error| {
            OpenError(format!("Failed to connect to '{name}': {}", reason(error)))
        };
        match address {
            Address::Unix { path, is_abstract } => {
                let stream = if *is_abstract {
                    SocketAddr::from_abstract_name(path).and_then(|name| UnixStream::connect_addr(&name))
                } else {
                    UnixStream::connect(path)
                };
                stream.and_then(from_unix).map_err(|error| failed(path, &error))
            }
            Address::Inet { host, port } => {
                let addresses = self.resolve(host, port)?;
                let name = format!("{host}:{port}");
                TcpStream::connect(&addresses[..])
                    .and_then(from_tcp)
                    .map_err(|error| failed(&name, &error))
            }
            Address::Fd(number) => match fd::socket(number) {
                Ok(Passed::UnixStream(stream)) => {
                    from_unix(stream).map_err(|error| OpenError(reason(&error)))
                }
                Ok(Passed::TcpStream(stream)) => from_tcp(stream).map_err(|error| OpenError(reason(&error))),
                Ok(Passed::UnixListener(_) | Passed::TcpListener(_)) => Err(OpenError(format!(
                    "File descriptor '{number}' is a listening socket"
                ))),
                Err(error) => Err(OpenError(error.to_string())),
            },
        }
    }
}

/// A character device and whom it may be open to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chardevs<'a> {
    pub(crate) chardev: &'a Chardev,
    pub(crate) openness: Openness,
}

enum Bound {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Bound {
    fn wait(&self) -> io::Result<Stream> {
        match self {
            Self::Unix(listener) => listener.accept().and_then(|(stream, _)| from_unix(stream)),
            Self::Tcp(listener) => listener.accept().and_then(|(stream, _)| from_tcp(stream)),
        }
    }

    fn into_listener(self) -> io::Result<Listener> {
        Ok(match self {
            Self::Unix(listener) => {
                listener.set_nonblocking(true)?;
                Listener::Unix(mio::net::UnixListener::from_std(listener))
            }
            Self::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                Listener::Tcp(mio::net::TcpListener::from_std(listener))
            }
        })
    }
}

/// A socket file that is left over is replaced, whoever left it, as `unix_listen_saddr()` does (util/qemu-sockets.c).
pub(crate) fn bind_path(path: &str) -> Result<UnixListener, OpenError> {
    if path.len() >= 108 {
        return Err(OpenError(format!(
            "UNIX socket path '{path}' is too long\nPath must be less than 108 bytes"
        )));
    }
    match std::fs::remove_file(path) {
        Err(error)
            if error.kind() != io::ErrorKind::NotFound && error.kind() != io::ErrorKind::NotADirectory =>
        {
            return Err(OpenError(format!(
                "Failed to unlink socket {path}: {}",
                reason(&error)
            )));
        }
        Ok(()) | Err(_) => {}
    }
    UnixListener::bind(path)
        .map_err(|error| OpenError(format!("Failed to bind socket to {path}: {}", reason(&error))))
}

fn bind_abstract(name: &str) -> Result<UnixListener, OpenError> {
    let address = SocketAddr::from_abstract_name(name);
    let listener = address.and_then(|address| UnixListener::bind_addr(&address));
    listener.map_err(|error| OpenError(format!("Failed to bind socket to @{name}: {}", reason(&error))))
}

fn from_unix(stream: UnixStream) -> io::Result<Stream> {
    stream.set_nonblocking(true)?;
    Ok(Stream::Unix(mio::net::UnixStream::from_std(stream)))
}

fn from_tcp(stream: TcpStream) -> io::Result<Stream> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    Ok(Stream::Tcp(mio::net::TcpStream::from_std(stream)))
}

/// Standard input and output block again when the process ends.
pub fn stdio_nonblocking(on: bool) {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    for fd in [rustix::stdio::stdin(), rustix::stdio::stdout()] {
        // A closed one needs nothing.
        if let Ok(mut flags) = fcntl_getfl(fd) {
            flags.set(OFlags::NONBLOCK, on);
            let _ = fcntl_setfl(fd, flags);
        }
    }
}

fn is_local(address: IpAddr) -> bool {
    address.is_loopback()
}

/// An error of the operating system without its number.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// As many descriptors as the system lets the process have: a fleet needs one a VM, and one more a client. How many that
/// is, if there is a limit.
pub fn raise_descriptor_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where it cannot be raised, opening will say so.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
    getrlimit(Resource::Nofile).current
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::new(&reason(&error))
    }
}

impl Open {
    /// Something that only listens.
    pub(crate) fn listening(listener: Listener, path: &str) -> Self {
        Self {
            listener: Some(listener),
            path: Some(path.into()),
            ..Self::default()
        }
    }
}
