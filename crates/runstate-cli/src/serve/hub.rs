//! The one loop that serves every VM of the process.

use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::time::Instant;

use mio::{Events, Poll, Token};
use runstate_monitor::machine::End;

use super::clock::instant;
use super::links::vm_of;
use super::open::OpenError;
use super::signals::{Signal, Signals};
use super::vm::{Served, Vm};

/// Every VM of the process.
#[derive(Debug)]
pub struct Hub {
    poll: Poll,
    vms: Vec<Option<Vm>>,
    timers: BTreeSet<(Instant, usize)>,
    /// When each VM's timer is set to.
    due: Vec<Option<Instant>>,
    /// VMs that left something undone.
    again: VecDeque<usize>,
    signals: Signals,
    alive: usize,
    outcomes: Vec<Outcome>,
}

/// What became of a VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which: its place in the order of [`Hub::launch`].
    pub vm: usize,
    /// How it ended.
    pub end: Option<End>,
    /// Why it aborts, where qtest made it.
    pub abort: Option<String>,
}

/// Signals have a token of their own.
const SIGNALS: Token = Token(usize::MAX - 1);

impl Hub {
    /// A hub without VMs.
    ///
    /// # Errors
    ///
    /// The system has no descriptors left.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            vms: Vec::new(),
            timers: BTreeSet::new(),
            due: Vec::new(),
            again: VecDeque::new(),
            signals: Signals::default(),
            alive: 0,
            outcomes: Vec::new(),
        })
    }

    /// Launches a VM. `waiting` is called before it waits for a client, with the words of the command line and the
    /// character device.
    ///
    /// # Errors
    ///
    /// What cannot be opened: the words of the command line, and why.
    pub fn launch(
        &mut self,
        served: Served,
        waiting: &mut dyn FnMut(&str, &str),
    ) -> Result<usize, (String, OpenError)> {
        let index = self.vms.len();
        let vm = Vm::launch(served, index, self.poll.registry(), waiting)?;
        self.vms.push(Some(vm));
        self.due.push(None);
        self.again.push_back(index);
        self.alive += 1;
        Ok(index)
    }

    /// From now on SIGTERM, SIGINT and SIGHUP end the VMs, as they end QEMU.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn listen_to_signals(&mut self) -> io::Result<()> {
        self.signals = Signals::listen(self.poll.registry(), SIGNALS)?;
        Ok(())
    }

    /// Serves until the last VM is gone. `report` gets what QEMU says on stderr; `ended` each VM as it goes.
    ///
    /// # Errors
    ///
    /// The system's poll fails.
    pub fn run(&mut self, report: &mut dyn FnMut(&str), ended: &mut dyn FnMut(&Outcome)) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        while self.alive > 0 {
            match self.poll.poll(&mut events, self.timeout()) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            let mut ready: Vec<usize> = self.again.drain(..).collect();
            ready.extend(
                events
                    .iter()
                    .filter(|event| event.token() != SIGNALS)
                    .map(|event| vm_of(event.token())),
            );
            ready.extend(self.expired());
            for signal in self.signals.take() {
                self.signal(&signal, report);
                ready.extend(0..self.vms.len());
            }
            ready.sort_unstable();
            ready.dedup();
            for index in ready {
                self.serve(index);
            }
            for outcome in self.outcomes.drain(..) {
                ended(&outcome);
            }
        }
        Ok(())
    }

    /// Closes and removes what the VMs that are left have open.
    pub fn remove_all(&mut self) {
        for vm in self.vms.iter_mut().flatten() {
            vm.remove(self.poll.registry());
        }
    }

    fn timeout(&self) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let (first, _) = self.timers.first()?;
        let left = first.saturating_duration_since(instant());
        // The system rounds down to milliseconds; a timer must not be early.
        Some(if left.is_zero() {
            left
        } else {
            left + Duration::from_micros(999)
        })
    }

    fn expired(&self) -> Vec<usize> {
        let now = instant();
        self.timers
            .iter()
            .take_while(|(at, _)| *at <= now)
            .map(|(_, index)| *index)
            .collect()
    }

    fn signal(&mut self, signal: &Signal, report: &mut dyn FnMut(&str)) {
        if self.vms.iter().flatten().any(Vm::reports_signals) {
            report(&signal.report());
        }
        self.vms.iter_mut().flatten().for_each(Vm::signal);
    }

    fn serve(&mut self, index: usize) {
        let Some(Some(vm)) = self.vms.get_mut(index) else {
            return;
        };
        let wish = vm.serve(self.poll.registry());
        let due = if wish.gone {
            None
        } else {
            vm.deadline().map(|time| vm.clock().instant(time))
        };
        if self.due[index] != due {
            if let Some(old) = self.due[index] {
                self.timers.remove(&(old, index));
            }
            if let Some(new) = due {
                self.timers.insert((new, index));
            }
            self.due[index] = due;
        }
        if wish.gone {
            self.outcomes.push(Outcome {
                vm: index,
                end: vm.end(),
                abort: vm.abort_reason().map(str::to_owned),
            });
            self.vms[index] = None;
            self.alive -= 1;
        } else if wish.again || vm.always_ready() {
            self.again.push_back(index);
        }
    }
}
