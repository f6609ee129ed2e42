//! A file that a command reads before it is answered. QEMU reads it in its main thread: a FIFO keeps every command waiting
//! until somebody has written it, but for those that are executed out of band.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};

use mio::unix::pipe::Receiver;
use mio::{Interest, Registry, Token};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A FIFO that is waited for.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    fifo: Receiver,
}

impl ConfigFile {
    /// Begins to read. `None`: it is no FIFO, and there is nothing to wait for.
    pub(crate) fn open(path: &str, registry: &Registry, token: Token) -> io::Result<Option<Self>> {
        let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
        let file = OpenOptions::new().read(true).custom_flags(nonblock).open(path)?;
        if !file.metadata()?.file_type().is_fifo() {
            return Ok(None);
        }
        let mut fifo = Receiver::from(OwnedFd::from(file));
        registry.register(&mut fifo, token, Interest::READABLE)?;
        Ok(Some(Self { fifo }))
    }

    /// Whether a writer has come, and gone.
    pub(crate) fn is_read(&mut self) -> bool {
        let mut ready = [PollFd::new(&self.fifo, PollFlags::IN)];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // A FIFO that nobody has opened for writing yet reads as if it were at its end; poll() tells the two apart.
        if !poll(&mut ready, Some(&at_once)).is_ok_and(|count| count > 0) {
            return false;
        }
        let mut bytes = [0; 4096];
        loop {
            match self.fifo.read(&mut bytes) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
            }
        }
    }

    pub(crate) fn deregister(&mut self, registry: &Registry) {
        // What is closed is no longer waited for.
        let _ = registry.deregister(&mut self.fifo);
    }
}
