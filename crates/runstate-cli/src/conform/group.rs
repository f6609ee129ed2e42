//! Several things that one pass of the main loop finds.

use core::ops::Range;

use runstate::{Guest, Host};
use runstate_qmp::Value;

use super::drive::Driver;
use super::failure::Failure;
use super::hold::Hold;
use super::ports::{self, Access};
use super::rest::rests;
use super::script::{Act, Injection, Signal, undrivable};
use super::serial::Sent;

const EARLY_WATCHDOG: &str = "a watchdog that expires before what follows in its group, or beside a panic, needs the qtest accelerator's clock";

/// A group, sorted out.
#[derive(Debug, Default)]
struct Parts<'a> {
    /// A signal before everything else.
    first: Option<Signal>,
    /// The accesses of the guest.
    writes: Vec<Access>,
    /// What makes an i6300esb expire after all of them; see [`Hold::next_wait`].
    i6300esb: Option<Access>,
    /// A signal after them.
    last: Option<Signal>,
    /// The commands after them.
    commands: Vec<&'a Value>,
}

impl Driver<'_> {
    /// Drives the steps so that one pass of the main loop finds what they leave.
    pub(super) fn group(&mut self, steps: Range<usize>) -> Result<(), Failure> {
        let script = self.script;
        let acts: Vec<&Act> = script.steps[steps].iter().map(|step| &step.act).collect();
        for act in &acts {
            if let Act::Guest(action, _) = act
                && self.injection() == Injection::Qtest
            {
                self.qtest_can(*action)?;
            }
        }
        let parts = self.parts(&acts)?;
        for command in &parts.commands {
            self.before_command(command)?;
        }
        match self.injection() {
            Injection::Qtest => self.qtest_group(&parts)?,
            Injection::Vcpu => self.vcpu_group(&parts)?,
        }
        self.answered(parts.commands.len())
    }

    fn parts<'a>(&mut self, acts: &[&'a Act]) -> Result<Parts<'a>, Failure> {
        let mut parts = Parts::default();
        for (index, act) in acts.iter().enumerate() {
            match act {
                Act::Host(Host::Signal, signal) => {
                    let signal = signal.unwrap_or(Signal::SIGTERM);
                    if index == 0 {
                        parts.first = Some(signal);
                    } else if parts.last.is_none() && parts.commands.is_empty() {
                        parts.last = Some(signal);
                    } else {
                        return undrivable("two signals, or one after a command, in a group");
                    }
                }
                Act::Guest(..) if parts.last.is_some() || !parts.commands.is_empty() => {
                    return undrivable("a guest that acts while a command is being dispatched");
                }
                Act::Guest(
                    action @ (Guest::IoError(_) | Guest::Debug | Guest::Wakeup | Guest::MemoryFailure(_)),
                    _,
                ) => {
                    return undrivable(&format!("{} in a group: it takes several passes", action.name()));
                }
                Act::Guest(..) if parts.i6300esb.is_some() => return undrivable(EARLY_WATCHDOG),
                Act::Guest(Guest::Watchdog, _) if self.script.has_i6300esb() => {
                    parts.i6300esb = Some(self.access(Guest::Watchdog)?);
                }
                Act::Guest(action, _) => parts.writes.push(self.access(*action)?),
                Act::Send(command) => parts.commands.push(command),
                Act::Host(..) | Act::Wait(_) => {
                    return undrivable("what happens on the host, but a signal, in a group");
                }
            }
        }
        Ok(parts)
    }

    /// On the main loop's thread. Port writes alone need no holding back: QEMU reads them at once.
    fn qtest_group(&mut self, parts: &Parts<'_>) -> Result<(), Failure> {
        let watchdog = |write: &Access| *write == ports::WATCHDOG.into();
        let stopped = parts.writes.contains(&ports::PANIC.into())
            && (parts.i6300esb.is_some() || parts.writes.iter().any(watchdog));
        if stopped || parts.writes.iter().rev().skip(1).any(watchdog) {
            return undrivable(EARLY_WATCHDOG);
        }
        let alone = parts.first.is_none() && parts.last.is_none() && parts.commands.is_empty();
        if alone && parts.i6300esb.is_none() {
            self.qemu.qtest.send(&parts.writes)?;
            return self.qemu.qtest.answers();
        }
        if parts.last.is_some() {
            return undrivable("on the main loop's thread a signal comes before what the guest does");
        }
        let mut hold = Hold::new(self.qemu.pid())?;
        if let Some(access) = parts.i6300esb {
            self.qemu.qtest.send(&[access])?;
            hold.next_wait()?;
        }
        self.qemu.qtest.send(&parts.writes)?;
        self.send_held(parts)?;
        if let Some(signal) = parts.first {
            // Handled when the read of the socket returns, before what was read is performed. In poll(2) it would end the
            // waiting, and the pass would come before the socket is read.
            hold.until_receive()?;
            self.qemu.signal(signal)?;
        }
        drop(hold);
        self.qemu.qtest.answers()
    }

    /// By vCPUs, each action by another one, while the main loop stands still.
    fn vcpu_group(&mut self, parts: &Parts<'_>) -> Result<(), Failure> {
        let watchdog = |write: &Access| *write == ports::WATCHDOG.into();
        if parts.writes.iter().rev().skip(1).any(watchdog) {
            return undrivable(
                "a vCPU only arms the watchdog: it expires after what the others do, on the main loop's thread",
            );
        }
        let threads = self.qemu.vcpu_threads()?.to_vec();
        let mut held: Vec<(u8, Access, Sent)> = Vec::new();
        // The first vCPU takes what comes over the serial port for all of them, so its own comes last.
        let accesses: Vec<&Access> = parts.i6300esb.iter().chain(&parts.writes).collect();
        for (vcpu, access) in accesses.into_iter().enumerate().rev() {
            let vcpu = u8::try_from(vcpu).expect("a group has at most as many actions as there are vCPUs");
            let sent = self.qemu.guest.perform(vcpu, *access, true)?;
            self.qemu.guest.wait(sent)?;
            held.insert(0, (vcpu, *access, sent));
        }
        let process = self.qemu.pid();
        let stopped = |vcpu: u8| {
            let thread = threads.get(usize::from(vcpu));
            thread.is_some_and(|thread| rests(process, *thread))
        };
        let mut hold = Hold::new(process)?;
        if parts.i6300esb.is_some() {
            let (vcpu, _, sent) = held.remove(0);
            self.qemu.guest.release(sent, &|| stopped(vcpu))?;
            hold.next_wait()?;
        }
        if let Some(signal) = parts.first {
            self.qemu.signal(signal)?;
            hold.until_handled()?;
        }
        for (vcpu, access, sent) in held {
            self.qemu.guest.release(sent, &|| stopped(vcpu))?;
            if access == Access::TripleFault
                && let Some(thread) = threads.get(usize::from(vcpu))
            {
                self.qemu.until_asleep(*thread)?;
            }
        }
        if let Some(signal) = parts.last {
            self.qemu.signal(signal)?;
        }
        self.send_held(parts)?;
        drop(hold);
        Ok(())
    }

    /// Commands that the monitor's thread has read when the main loop goes on.
    fn send_held(&mut self, parts: &Parts<'_>) -> Result<(), Failure> {
        if parts.commands.is_empty() {
            return Ok(());
        }
        for command in &parts.commands {
            self.qemu.qmp.wire.send(format!("{command}\n").as_bytes())?;
        }
        self.qemu.monitor_barrier()
    }
}
