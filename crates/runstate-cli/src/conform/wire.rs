//! A Unix socket that is read with a time limit.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::failure::Failure;

/// Set by the signals that end us; every wait looks at it.
static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Has SIGINT, SIGTERM and SIGHUP end every wait, so that nothing is left behind.
///
/// # Errors
///
/// When the system refuses a handler.
pub fn heed_signals() -> std::io::Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&INTERRUPTED))?;
    }
    Ok(())
}

/// Whether one of these signals has come.
#[must_use]
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// How many milliseconds QEMU may take for anything at all before it counts as hung.
static PATIENCE: AtomicU64 = AtomicU64::new(20_000);

/// Sets how long QEMU may take for anything at all before it counts as hung; 20 s if this is not called.
pub fn set_patience(time: Duration) {
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    PATIENCE.store(milliseconds, Ordering::Relaxed);
}

fn patience() -> Duration {
    Duration::from_millis(PATIENCE.load(Ordering::Relaxed))
}

/// The time: QEMU's own runs too.
#[expect(clippy::disallowed_methods, reason = "a real QEMU lives in real time")]
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// A limit on waiting, and what is being waited for.
#[derive(Clone, Copy, Debug)]
pub struct Limit<'a> {
    until: Instant,
    what: &'a str,
}

impl<'a> Limit<'a> {
    /// Wait for `what`, as long as [`set_patience`] allows.
    #[must_use]
    pub fn new(what: &'a str) -> Self {
        Self::of(patience(), what)
    }

    /// Wait for `what` no longer than `time`.
    #[must_use]
    pub fn of(time: Duration, what: &'a str) -> Self {
        Self {
            until: now() + time,
            what,
        }
    }

    /// What is left of the time.
    #[must_use]
    pub fn left(self) -> Duration {
        self.until.saturating_duration_since(now())
    }

    /// Whether the time is over.
    #[must_use]
    pub fn is_over(self) -> bool {
        self.left().is_zero()
    }

    /// Fails when the time is over or a signal came.
    ///
    /// # Errors
    ///
    /// [`Failure::Qemu`] when QEMU has used up its time, [`Failure::Interrupted`].
    pub fn check(self) -> Result<(), Failure> {
        if interrupted() {
            return Err(Failure::Interrupted);
        }
        if self.is_over() {
            return Err(Failure::qemu(format!("QEMU hangs: no {}", self.what)));
        }
        Ok(())
    }
}

/// One end of a socket pair whose other end is QEMU.
#[derive(Debug)]
pub struct Wire {
    stream: UnixStream,
    /// What has arrived and was not taken.
    pub arrived: Vec<u8>,
    /// QEMU has closed its end.
    pub closed: bool,
}

impl Wire {
    /// Takes a connected socket.
    ///
    /// # Errors
    ///
    /// When the socket cannot be set up.
    pub fn new(stream: UnixStream) -> std::io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            arrived: Vec::new(),
            closed: false,
        })
    }

    /// Sends all of it at once. A socket that QEMU has closed takes nothing, which shows when it is read.
    ///
    /// # Errors
    ///
    /// When QEMU does not read for too long.
    pub fn send(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        let limit = Limit::new("reading from its socket");
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    limit.check()?;
                    wait(&[self], PollFlags::POLLOUT, Duration::from_millis(50))?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Takes in whatever is there now.
    pub fn take_in(&mut self) {
        let mut buffer = [0; 4096];
        while !self.closed {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.closed = true,
                Ok(length) => self.arrived.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.closed = true,
            }
        }
    }

    /// Takes the first line that is complete, without its end.
    pub fn line(&mut self) -> Option<Vec<u8>> {
        let end = self.arrived.iter().position(|byte| *byte == b'\n')?;
        let mut line: Vec<u8> = self.arrived.drain(..=end).collect();
        while matches!(line.last(), Some(b'\n' | b'\r')) {
            line.pop();
        }
        Some(line)
    }
}

/// Waits until one of the wires can be read (or written), for at most `time`.
fn wait(wires: &[&Wire], what: PollFlags, time: Duration) -> Result<(), Failure> {
    let mut polled: Vec<PollFd<'_>> = wires
        .iter()
        .filter(|wire| !wire.closed)
        .map(|wire| PollFd::new(wire.stream.as_fd(), what))
        .collect();
    if polled.is_empty() {
        return Ok(());
    }
    let time = PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX);
    match poll(&mut polled, time) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
        Err(error) => Err(Failure::qemu(format!("cannot wait for a socket: {error}"))),
    }
}

/// Takes in what the wires have; waits for it when there is nothing, for a while.
///
/// # Errors
///
/// When the limit is over.
pub fn take_in(wires: &mut [&mut Wire], limit: Limit<'_>) -> Result<(), Failure> {
    limit.check()?;
    let time = limit
        .left()
        .min(Duration::from_millis(50))
        .max(Duration::from_millis(1));
    let borrowed: Vec<&Wire> = wires.iter().map(|wire| &**wire).collect();
    wait(&borrowed, PollFlags::POLLIN, time)?;
    for wire in wires {
        wire.take_in();
    }
    Ok(())
}
