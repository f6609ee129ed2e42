//! File descriptors that the parent passed on by number.
//!
//! The process has them open, but nothing in it owns them. `pidfd_getfd()` on the process itself gives an owned
//! duplicate without a line of unsafe code (Linux 5.6). The number itself stays open until the process ends, as it
//! does in QEMU for a listening socket.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};

use rustix::net::AddressFamily;
use rustix::net::sockopt::{socket_acceptconn, socket_domain};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// A socket that was passed on.
#[derive(Debug)]
pub(crate) enum Passed {
    UnixListener(UnixListener),
    UnixStream(UnixStream),
    TcpListener(TcpListener),
    TcpStream(TcpStream),
}

/// The socket of this number.
pub(crate) fn socket(number: &str) -> io::Result<Passed> {
    let not_a_socket = || io::Error::other(format!("File descriptor '{number}' is not a socket"));
    let number_ = number
        .parse::<i32>()
        .map_err(|_| io::Error::other(format!("Unable to parse FD number {number}")))?;
    let fd = duplicate(number_).map_err(|_| not_a_socket())?;
    let domain = socket_domain(&fd).map_err(|_| not_a_socket())?;
    let listens = socket_acceptconn(&fd).map_err(|_| not_a_socket())?;
    Ok(match (domain, listens) {
        (AddressFamily::UNIX, true) => Passed::UnixListener(fd.into()),
        (AddressFamily::UNIX, false) => Passed::UnixStream(fd.into()),
        (AddressFamily::INET | AddressFamily::INET6, true) => Passed::TcpListener(fd.into()),
        (AddressFamily::INET | AddressFamily::INET6, false) => Passed::TcpStream(fd.into()),
        _ => return Err(not_a_socket()),
    })
}

fn duplicate(number: i32) -> io::Result<OwnedFd> {
    let own = pidfd_open(getpid(), PidfdFlags::empty())?;
    Ok(pidfd_getfd(&own, number, PidfdGetfdFlags::empty())?)
}
