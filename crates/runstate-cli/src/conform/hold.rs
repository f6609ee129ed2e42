//! Holding QEMU's main loop back, so that several things meet one of its passes.
//!
//! The main loop's thread is stopped with ptrace(2) where it waits in poll(2): there it has no lock, so vCPU threads and the
//! monitor's I/O thread go on. What they request in the meantime is found by one pass when the thread is let go. Nothing
//! is written into QEMU, and without the permission to trace, only such groups cannot be driven.

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::failure::Failure;
use super::wire::Limit;

/// The numbers of the system calls at which the main loop is recognised.
#[cfg(target_arch = "x86_64")]
mod calls {
    pub(super) const POLL: i64 = 271;
    pub(super) const RECEIVE: i64 = 47;
    pub(super) const WRITE: i64 = 1;
}
#[cfg(not(target_arch = "x86_64"))]
mod calls {
    // The asm-generic table, which every newer architecture has.
    pub(super) const POLL: i64 = 73;
    pub(super) const RECEIVE: i64 = 212;
    pub(super) const WRITE: i64 = 64;
}

/// The main loop stands still as long as this lives.
#[derive(Debug)]
pub struct Hold {
    pid: Pid,
    signal: Option<Signal>,
    /// The thread is in a system call: it stops where it enters one, and where it leaves it.
    inside: bool,
}

impl Hold {
    /// Stops the main loop where it begins to wait for something to happen: what it has not looked at yet, it will find.
    ///
    /// # Errors
    ///
    /// [`Failure::Undrivable`] when the system does not let us trace.
    pub fn new(pid: Pid) -> Result<Self, Failure> {
        match ptrace::seize(pid, Options::PTRACE_O_TRACESYSGOOD) {
            Ok(()) => {}
            Err(Errno::EPERM) => {
                let reason = "a group needs ptrace(2), which is not permitted here";
                return Err(Failure::Undrivable(reason.to_owned()));
            }
            Err(error) => return Err(Failure::qemu(format!("cannot trace QEMU: {error}"))),
        }
        let mut hold = Self {
            pid,
            signal: None,
            inside: false,
        };
        ptrace::interrupt(pid).map_err(|error| Failure::qemu(format!("cannot stop QEMU: {error}")))?;
        hold.wait()?;
        // It may be on its way out of poll(2), with its findings; the next entry has none.
        hold.step_until(calls::POLL)?;
        Ok(hold)
    }

    fn wait(&self) -> Result<WaitStatus, Failure> {
        waitpid(self.pid, Some(WaitPidFlag::__WALL))
            .map_err(|error| Failure::qemu(format!("cannot wait for QEMU's main loop: {error}")))
    }

    /// The number of the system call that the thread is in.
    fn call(&self) -> Option<i64> {
        let text = std::fs::read_to_string(format!("/proc/{}/syscall", self.pid)).ok()?;
        text.split(' ').next()?.parse().ok()
    }

    /// Lets the main loop go on until it begins to read from a socket.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub fn until_receive(&mut self) -> Result<(), Failure> {
        self.step_until(calls::RECEIVE)
    }

    /// Lets the main loop go on until the handler of a signal, which was just sent, wakes the loop: what it requests has
    /// been left by then (`qemu_system_killed()`, softmmu/runstate.c), and the loop has not looked yet.
    ///
    /// # Errors
    ///
    /// When there is no such handler.
    pub fn until_handled(&mut self) -> Result<(), Failure> {
        self.step_until(calls::WRITE)
    }

    /// Lets the main loop make one turn: what it finds now happens, and it stands still before it waits again.
    ///
    /// This is how an i6300esb comes to its second stage, whose end is what a watchdog is for: its timer begins when the main
    /// loop finds that of the first stage expired (`i6300esb_timer_expired()`, hw/watchdog/wdt_i6300esb.c).
    ///
    /// # Errors
    ///
    /// When it does not.
    pub fn next_wait(&mut self) -> Result<(), Failure> {
        self.step_until(calls::POLL)
    }

    /// Lets the thread go on until it enters the system call.
    fn step_until(&mut self, call: i64) -> Result<(), Failure> {
        let limit = Limit::new("system call of the main loop");
        loop {
            limit.check()?;
            ptrace::syscall(self.pid, self.signal.take())
                .map_err(|error| Failure::qemu(format!("cannot step QEMU: {error}")))?;
            match self.wait()? {
                WaitStatus::PtraceSyscall(_) => {
                    self.inside = !self.inside;
                    if self.inside && self.call() == Some(call) {
                        return Ok(());
                    }
                }
                WaitStatus::Stopped(_, signal) => self.signal = Some(signal),
                WaitStatus::Exited(..) | WaitStatus::Signaled(..) => {
                    return Err(Failure::qemu("QEMU ended while its main loop was held"));
                }
                WaitStatus::PtraceEvent(..) | WaitStatus::Continued(_) | WaitStatus::StillAlive => {}
            }
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // A QEMU that is gone needs no letting go.
        let _ = ptrace::detach(self.pid, self.signal);
    }
}
