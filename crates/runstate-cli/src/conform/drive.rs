//! Drives a QEMU through a script and writes down what it says.

use core::time::Duration;
use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;

use runstate::{Guest, Host};
use runstate_qmp::Value;

use super::bench::Bench;
use super::failure::Failure;
use super::gdb::Debugger;
use super::machine::Machine;
use super::outgoing::Outgoing;
use super::qemu::Qemu;
use super::qmp::Message;
use super::script::{Act, Injection, Script, Step, beyond_devices, undrivable};
use super::wire::{Limit, now, take_in};

/// How a QEMU ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// With this status.
    Status(i32),
    /// By this signal; SIGABRT is `abort()`.
    Signal(i32),
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match status.code() {
            Some(code) => Self::Status(code),
            None => Self::Signal(status.signal().unwrap_or(0)),
        }
    }
}

/// A message of QEMU and the step after which it came: the last one of a group.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Index of the step.
    pub step: usize,
    /// What QEMU said.
    pub message: Message,
}

/// What a QEMU did.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    /// Every message, in order.
    pub heard: Vec<Heard>,
    /// That it ended, and after which step.
    pub exit: Option<(usize, Exit)>,
    /// What it wrote on its standard error.
    pub stderr: String,
    /// The longest time between two steps that was not asked for: a limit in real time may have passed meanwhile.
    pub slowest: Duration,
}

/// What is expected of QEMU; it tells the driver how long to wait, and nothing else.
#[derive(Clone, Debug, Default)]
pub struct Forecast {
    /// How many messages have come in all when each step is over.
    pub messages: Vec<usize>,
    /// The step with which QEMU ends.
    pub exit: Option<usize>,
}

/// How long an expected message may take. Beyond it, it counts as missing.
const MISSING: Duration = Duration::from_secs(4);

/// A QEMU on its way through a script.
#[derive(Debug)]
pub(super) struct Driver<'a> {
    pub(super) bench: &'a Bench,
    pub(super) script: &'a Script,
    pub(super) machine: &'a Machine,
    pub(super) disk: Option<Arc<PathBuf>>,
    pub(super) forecast: Option<&'a Forecast>,
    pub(super) qemu: Qemu,
    pub(super) debugger: Option<Debugger>,
    /// How many breakpoints are used up.
    pub(super) breakpoints: usize,
    /// How many requests have failed.
    pub(super) errors: usize,
    /// The drive holds a sector that the guest has not read.
    pub(super) unread: bool,
    /// How many resets the guest has made: they take turns in how.
    pub(super) resets: usize,
    /// Slot and function of the i6300esb, once it was found.
    pub(super) i6300esb: Option<u8>,
    pub(super) outgoing: Outgoing,
    /// What a detached dump is written to.
    pub(super) dump: Option<File>,
    /// The step that is being driven.
    pub(super) step: usize,
    transcript: Transcript,
}

/// Drives a QEMU of the bench through the script.
///
/// # Errors
///
/// When it cannot be driven, or QEMU misbehaves in a way that is no message.
pub fn drive(bench: &Bench, script: &Script, forecast: Option<&Forecast>) -> Result<Transcript, Failure> {
    check(script)?;
    let machine = script.machine(bench.has_accelerator("qtest"))?;
    let disk = bench.disk(&machine, script)?;
    let fifo = incoming_path(script);
    let path = disk.as_ref().map(|path| path.as_path());
    let qemu = match bench.launch(&machine, path, fifo) {
        Ok(qemu) => qemu,
        // That can be what the scenario is about.
        Err(Failure::Refused { status, stderr }) if script.steps.is_empty() => {
            return Ok(Transcript {
                exit: Some((0, status.into())),
                stderr,
                ..Transcript::default()
            });
        }
        Err(failure) => return Err(failure),
    };
    let mut driver = Driver {
        bench,
        script,
        machine: &machine,
        disk: disk.clone(),
        forecast,
        qemu,
        debugger: None,
        breakpoints: 0,
        errors: 0,
        unread: false,
        resets: script.steps.len(),
        i6300esb: None,
        outgoing: Outgoing::default(),
        dump: None,
        step: 0,
        transcript: Transcript::default(),
    };
    match driver.run() {
        Ok(()) => {
            let mut transcript = driver.transcript;
            transcript.stderr = driver.qemu.stderr();
            Ok(transcript)
        }
        Err(failure) => Err(driver.qemu.explain(failure)),
    }
}

/// What can be seen before QEMU is started.
fn check(script: &Script) -> Result<(), Failure> {
    for step in &script.steps {
        match &step.act {
            Act::Guest(action, data) => {
                if let Some(reason) = beyond_devices(*action, data.as_ref()) {
                    return undrivable(reason);
                }
            }
            Act::Host(Host::UiClose, _) => return undrivable("a QEMU without a window has none to close"),
            Act::Host(Host::JobCompletes, _) => {
                return undrivable("when a job is done cannot be held back");
            }
            Act::Send(command) if names(command, "tcp:secondary") => {
                return undrivable("a migration to another machine");
            }
            Act::Send(command) if names(command, "migrate-start-postcopy") && converges(script) => {
                return undrivable("postcopy, for which a pipe has no way back");
            }
            Act::Host(Host::IncomingArrives(_) | Host::IncomingFails, _) if from_network(script) => {
                return undrivable("an incoming stream from another machine");
            }
            Act::Send(command) if command.to_string().contains("background-snapshot") => {
                return undrivable("a background snapshot, which memory shared with the host forbids");
            }
            Act::Send(_) | Act::Host(..) | Act::Wait(_) => {}
        }
    }
    match script.accelerator() {
        Some(name @ ("kvm" | "xen" | "hvf" | "whpx" | "nvmm")) => undrivable(&format!(
            "the guest has only ever run under TCG, not under {name}"
        )),
        Some(_) | None => Ok(()),
    }
}

fn names(command: &Value, word: &str) -> bool {
    command.to_string().contains(word)
}

fn converges(script: &Script) -> bool {
    let converges = |step: &Step| matches!(step.act, Act::Host(Host::MigrationConverges, _));
    script.steps.iter().any(converges)
}

fn from_network(script: &Script) -> bool {
    script.options.iter().any(|word| word.starts_with("tcp:"))
}

/// Whether the script's QEMU reads an incoming stream from the file `state`.
fn incoming_path(script: &Script) -> bool {
    script.options.iter().any(|word| word == "-incoming")
}

impl Driver<'_> {
    fn run(&mut self) -> Result<(), Failure> {
        self.attach_before()?;
        for group in self.script.groups() {
            self.step = group.end - 1;
            let started = now();
            if group.len() > 1 {
                self.group(group)?;
            } else {
                self.single()?;
            }
            if self.goes_on_with_next() {
                // What QEMU says after its answer belongs to the next step.
                continue;
            }
            self.settle()?;
            let waited = match self.script.steps[self.step].act {
                Act::Wait(time) => time,
                Act::Send(_) | Act::Guest(..) | Act::Host(..) => Duration::ZERO,
            };
            let took = started.elapsed().saturating_sub(waited);
            self.transcript.slowest = self.transcript.slowest.max(took);
            if self.transcript.exit.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Whether the step only begins what the next one completes: `migrate-continue` of a migration that breaks.
    fn goes_on_with_next(&self) -> bool {
        let act = &self.script.steps[self.step].act;
        matches!(act, Act::Send(command) if names(command, "migrate-continue")) && self.breaks_next()
    }

    /// A step on its own.
    fn single(&mut self) -> Result<(), Failure> {
        match &self.script.steps[self.step].act {
            Act::Send(command) => self.send(command),
            Act::Guest(action, data) => self.guest(*action, data.as_ref()),
            Act::Host(action, signal) => self.host(*action, *signal),
            Act::Wait(time) => self.wait(*time),
        }
    }

    /// Sends a message and waits for its answer.
    fn send(&mut self, command: &Value) -> Result<(), Failure> {
        self.before_command(command)?;
        let sent = self.redirected(command)?;
        self.qemu.qmp.wire.send(format!("{sent}\n").as_bytes())?;
        self.answered(1)?;
        let last = self
            .transcript
            .heard
            .iter()
            .rev()
            .find(|heard| heard.message.is_answer());
        if last.is_some_and(|heard| heard.message.value.get("return").is_some()) {
            self.after_command(command)?;
        }
        Ok(())
    }

    /// Waits for so many answers.
    pub(super) fn answered(&mut self, mut count: usize) -> Result<(), Failure> {
        let limit = Limit::new("answer to a command");
        while count > 0 {
            let Some(message) = self.qemu.qmp.next(limit)? else {
                break;
            };
            count -= usize::from(message.is_answer());
            self.hear(message);
        }
        Ok(())
    }

    /// Time passes. QEMU is listened to only at the end, which is when the scenario goes on.
    fn wait(&mut self, time: Duration) -> Result<(), Failure> {
        if time >= Duration::from_millis(100) && self.is_loosely_held()? {
            return undrivable(
                "a migration that its bandwidth holds back while time passes: a newer QEMU is soon done",
            );
        }
        let end = now() + time;
        while let Some(left) = end.checked_duration_since(now()) {
            Limit::new("end of a wait").check()?;
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
        Ok(())
    }

    pub(super) fn hear(&mut self, message: Message) {
        self.transcript.heard.push(Heard {
            step: self.step,
            message,
        });
    }

    /// What was said while the scenario had not begun is not its own.
    pub(super) fn forget(&mut self) -> Result<(), Failure> {
        self.qemu.qtest.barrier(1)?;
        self.qemu.qmp.take_in()?;
        self.qemu.qmp.messages.clear();
        Ok(())
    }

    /// Takes in what has come.
    pub(super) fn listen(&mut self) -> Result<(), Failure> {
        self.qemu.qmp.take_in()?;
        while let Some(message) = self.qemu.qmp.messages.pop_front() {
            self.hear(message);
        }
        Ok(())
    }

    /// Whether everything has come that the forecast has for this step.
    pub(super) fn complete(&self) -> bool {
        self.forecast
            .and_then(|forecast| forecast.messages.get(self.step))
            .is_some_and(|count| self.transcript.heard.len() >= *count)
    }

    fn ends_here(&self) -> bool {
        self.forecast
            .is_some_and(|forecast| forecast.exit == Some(self.step))
    }

    /// Waits until QEMU is quiet: the expected messages have come, and the main loop has made two more passes.
    fn settle(&mut self) -> Result<(), Failure> {
        let limit = Limit::of(MISSING, "message that was expected");
        while !self.qemu.qmp.wire.closed {
            self.listen()?;
            let enough = self.forecast.is_none() || self.complete();
            if (enough && !self.ends_here()) || limit.is_over() {
                break;
            }
            take_in(&mut [&mut self.qemu.qmp.wire], Limit::new("message"))?;
        }
        if !self.qemu.qmp.wire.closed {
            self.qemu.qtest.barrier(2)?;
        }
        self.listen()?;
        if let Some(debugger) = &mut self.debugger {
            debugger.keep_up()?;
            // Read before anything else happens.
            self.qemu.qtest.barrier(1)?;
        }
        if self.qemu.qmp.wire.closed || self.qemu.qtest.closed() {
            self.ended()?;
        }
        Ok(())
    }

    fn ended(&mut self) -> Result<(), Failure> {
        let limit = Limit::new("end of its QMP session, though its qtest socket is closed");
        while !self.qemu.qmp.wire.closed {
            self.listen()?;
            if !self.qemu.qmp.wire.closed {
                take_in(&mut [&mut self.qemu.qmp.wire], limit)?;
            }
        }
        self.listen()?;
        let status = self.qemu.wait()?;
        self.transcript.exit = Some((self.step, status.into()));
        Ok(())
    }

    /// The debugger that a breakpoint implies is there before the first step.
    fn attach_before(&mut self) -> Result<(), Failure> {
        let attached = self
            .script
            .steps
            .iter()
            .find_map(|step| match step.act {
                Act::Guest(Guest::Debug, _) => Some(true),
                Act::Host(Host::GdbAttach, _) => Some(false),
                Act::Host(Host::GdbInterrupt | Host::GdbContinue | Host::GdbDetach | Host::GdbKill, _) => {
                    Some(true)
                }
                Act::Send(_) | Act::Guest(..) | Act::Host(..) | Act::Wait(_) => None,
            })
            .unwrap_or(false);
        if !attached {
            return Ok(());
        }
        let running = self.qemu.status()?.as_deref() == Some("running");
        let mut debugger = self.attach()?;
        for address in self.bench.breakpoints() {
            debugger.set_breakpoint(address)?;
        }
        if running {
            debugger.send("c")?;
            let limit = Limit::new("continuing with a debugger");
            while self.qemu.status()?.as_deref() != Some("running") {
                limit.check()?;
            }
        }
        self.debugger = Some(debugger);
        self.forget()
    }

    /// How the guest acts.
    pub(super) fn injection(&self) -> Injection {
        self.script.injection()
    }
}
