//! SIGTERM, SIGINT and SIGHUP, with who sent them.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use mio::{Registry, Token, Waker};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;

/// A signal that ends QEMU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signal {
    pub(crate) number: i32,
    /// Its sender, unless it came from the terminal.
    pub(crate) pid: Option<i32>,
}

/// The signals that have come and not been looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    come: Arc<Mutex<Vec<Signal>>>,
}

impl Signals {
    /// From now on these signals wake the poll instead of ending the process.
    pub(crate) fn listen(registry: &Registry, token: Token) -> io::Result<Self> {
        let signals = Self::default();
        let waker = Waker::new(registry, token)?;
        let mut info = SignalsInfo::<WithOrigin>::new([SIGTERM, SIGINT, SIGHUP])?;
        let come = Arc::clone(&signals.come);
        std::thread::Builder::new()
            .name("signals".to_owned())
            .stack_size(64 << 10)
            .spawn(move || {
                for origin in info.forever() {
                    let pid = origin.process.map(|process| process.pid).filter(|pid| *pid != 0);
                    let signal = Signal {
                        number: origin.signal,
                        pid,
                    };
                    come.lock().unwrap_or_else(PoisonError::into_inner).push(signal);
                    // The poll is gone only when the process is.
                    let _ = waker.wake();
                }
            })?;
        Ok(signals)
    }

    pub(crate) fn take(&self) -> Vec<Signal> {
        core::mem::take(&mut *self.come.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Signal {
    /// What QEMU says on stderr. `qemu_kill_report()`, system/runstate.c.
    pub(crate) fn report(&self) -> String {
        match self.pid {
            None => format!("terminating on signal {}", self.number),
            Some(pid) => {
                let name = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                let name = String::from_utf8_lossy(name.split(|byte| *byte == 0).next().unwrap_or_default())
                    .into_owned();
                let name = if name.is_empty() {
                    "<unknown process>".to_owned()
                } else {
                    name
                };
                format!("terminating on signal {} from pid {pid} ({name})", self.number)
            }
        }
    }
}
