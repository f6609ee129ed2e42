//! The two ends of a character device: what listens, and what bytes flow through.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

/// What accepts clients.
#[derive(Debug)]
pub(crate) enum Listener {
    Unix(mio::net::UnixListener),
    Tcp(mio::net::TcpListener),
}

/// What bytes flow through.
#[derive(Debug)]
pub(crate) enum Stream {
    Unix(mio::net::UnixStream),
    Tcp(mio::net::TcpStream),
    /// Standard input and output, made non-blocking.
    Stdio,
    /// Written only.
    File(File),
    /// Never read, and what is written is dropped.
    Null,
}

impl Listener {
    pub(crate) fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Unix(listener) => listener.accept().map(|(stream, _)| Stream::Unix(stream)),
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                // A reply is a message of its own.
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
        }
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Self::Unix(listener) => listener.register(registry, token, Interest::READABLE),
            Self::Tcp(listener) => listener.register(registry, token, Interest::READABLE),
        }
    }
}

impl Stream {
    /// Registers for both directions. `Ok(false)`: it cannot be waited for, and is always ready.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<bool> {
        let both = Interest::READABLE | Interest::WRITABLE;
        match self {
            Self::Unix(stream) => stream.register(registry, token, both).map(|()| true),
            Self::Tcp(stream) => stream.register(registry, token, both).map(|()| true),
            Self::Stdio => match SourceFd(&0).register(registry, token, Interest::READABLE) {
                Ok(()) => Ok(true),
                // A regular file.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
                Err(error) => Err(error),
            },
            Self::File(_) | Self::Null => Ok(true),
        }
    }

    pub(crate) fn deregister(&mut self, registry: &Registry) {
        // Failing leaves nothing behind: what is closed is no longer waited for.
        let _ = match self {
            Self::Unix(stream) => stream.deregister(registry),
            Self::Tcp(stream) => stream.deregister(registry),
            Self::Stdio => SourceFd(&0).deregister(registry),
            Self::File(_) | Self::Null => Ok(()),
        };
    }

    /// Closes both directions, for whoever else has the socket open as well.
    pub(crate) fn shut(&self) {
        // The other side may have closed already.
        let _ = match self {
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Self::Stdio | Self::File(_) | Self::Null => Ok(()),
        };
    }

    /// The end of standard input ends nothing.
    pub(crate) const fn ends_at_eof(&self) -> bool {
        matches!(self, Self::Unix(_) | Self::Tcp(_))
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
            Self::Stdio => Ok(rustix::io::read(rustix::stdio::stdin(), buffer)?),
            Self::File(_) | Self::Null => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(bytes),
            Self::Tcp(stream) => stream.write(bytes),
            Self::Stdio => Ok(rustix::io::write(rustix::stdio::stdout(), bytes)?),
            Self::File(file) => file.write(bytes),
            Self::Null => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
