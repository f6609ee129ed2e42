//! Does the steps of a scenario to a machine behind a QMP session, with the order in which QEMU comes to them.

use std::collections::VecDeque;

use runstate::{Guest, Host, Impossible, PanicAction, Release, RunState, Thread, Time};
use runstate_qmp::{Config, Layout, Object, Session, Ticket, Timestamp, Value, Version};

use crate::{
    commands::{self, Said},
    machine::{End, Machine, Setup},
    options::Accelerator,
    scenario::{Action, Scenario, Step, With},
};

/// How QEMU names itself on stderr.
const PROGRAM: &str = "qemu-system-x86_64";

/// A machine, the session of the one client that speaks to it, and what its guest is about to do.
#[derive(Debug)]
pub struct Player {
    /// `None` where QEMU refused its options.
    machine: Option<Machine>,
    session: Session,
    heard: VecDeque<String>,
    stderr: Vec<String>,
    end: Option<End>,
    /// A pass is held back.
    held: bool,
    /// Commands that are already being dispatched while their group goes on.
    dispatched: VecDeque<Value>,
    /// The guest has one vCPU, and stopping it delays what it does next.
    one_vcpu: bool,
    /// The one vCPU has done something in this group that stops it.
    vcpu_stopped: bool,
    /// What it will do when it runs again.
    delayed: VecDeque<(Guest, Option<Value>)>,
}

impl Player {
    /// Launches QEMU as the scenario says.
    #[must_use]
    pub fn new(scenario: &Scenario, release: Release) -> Self {
        let (major, minor, micro) = release.version();
        let mut config = Config::new(Version::new(major.into(), minor.into(), micro.into()));
        config.layout = Layout::Compact;
        let mut player = Self {
            machine: None,
            session: Session::new(config),
            heard: VecDeque::new(),
            stderr: Vec::new(),
            end: None,
            held: false,
            dispatched: VecDeque::new(),
            one_vcpu: scenario
                .with
                .iter()
                .any(|with| matches!(with, With::Vcpus(n) if n.get() == 1))
                && release.io_ends_block(),
            vcpu_stopped: false,
            delayed: VecDeque::new(),
        };
        match Setup::parse(release, &scenario.launch) {
            Ok(mut setup) => {
                for with in &scenario.with {
                    setup.apply(with);
                }
                // Under KVM every access to a port leaves the guest.
                let ends_block = release.io_ends_block() || setup.options.accelerator() == Accelerator::Kvm;
                player.one_vcpu = ends_block
                    && scenario
                        .with
                        .iter()
                        .any(|with| matches!(with, With::Vcpus(n) if n.get() == 1));
                let failure = setup.failure().map(|report| report.to_stderr(PROGRAM));
                player
                    .stderr
                    .extend(failure.iter().flat_map(|text| text.lines()).map(str::to_owned));
                player.machine = Some(Machine::launch(&setup));
                player.negotiate();
            }
            Err(error) => {
                player.stderr = error
                    .0
                    .to_stderr("qemu-system-x86_64")
                    .lines()
                    .map(str::to_owned)
                    .collect();
                player.end = Some(End::Exit(runstate::ExitStatus(1)));
            }
        }
        player.note_end();
        player
    }

    /// What QEMU said on stderr.
    #[must_use]
    pub fn stderr(&self) -> &[String] {
        &self.stderr
    }

    /// What became of QEMU, once it has ended.
    #[must_use]
    pub const fn end(&self) -> Option<End> {
        self.end
    }

    /// The machine, unless QEMU refused its options.
    #[must_use]
    pub const fn machine(&self) -> Option<&Machine> {
        self.machine.as_ref()
    }

    /// The next message, as QEMU prints it.
    pub fn poll(&mut self) -> Option<String> {
        self.heard.pop_front()
    }

    /// Does a step; an expectation is none.
    ///
    /// # Errors
    ///
    /// What cannot happen now.
    pub fn perform(&mut self, step: &Step) -> Result<(), Impossible> {
        if self.end.is_some() && !(self.held && matches!(step.action, Action::Send(_))) {
            return match step.action {
                Action::Wait(_) | Action::Expect(_) | Action::Exit(_) => Ok(()),
                Action::Send(_) | Action::Guest { .. } | Action::Host { .. } => Err(Impossible::Gone),
            };
        }
        match &step.action {
            Action::Send(message) if step.hold => {
                self.dispatched.push_back(message.clone());
                self.held = true;
                return Ok(());
            }
            Action::Send(message) => self.send_after_group(message),
            Action::Guest { action, data } => self.guest(*action, data.as_ref())?,
            Action::Host { action, .. } => self.host(*action)?,
            Action::Wait(duration) => self.wait(Time(duration.0)),
            Action::Expect(_) | Action::Exit(_) => {}
        }
        self.held = step.hold;
        if !self.held && !matches!(step.action, Action::Send(_)) {
            self.end_of_group();
        }
        if !self.held {
            self.vcpu_stopped = false;
            self.run_delayed();
        }
        self.note_end();
        Ok(())
    }

    fn negotiate(&mut self) {
        self.session.connect();
        self.session.receive(br#"{"execute": "qmp_capabilities"}"#);
        while self.session.poll(&commands::lookup).is_some() {}
        while self.session.transmit().is_some() {}
    }

    fn guest(&mut self, guest: Guest, data: Option<&Value>) -> Result<(), Impossible> {
        if self.vcpu_stopped && !guest.from_outside() {
            self.delayed.push_back((guest, data.cloned()));
            return Ok(());
        }
        let Some(machine) = &mut self.machine else {
            return Err(Impossible::Gone);
        };
        let stops = stops_vcpu(machine, guest);
        machine.guest(guest, data)?;
        self.vcpu_stopped |= stops && self.one_vcpu && machine.vm().thread() == Thread::Vcpu;
        self.flush();
        Ok(())
    }

    fn host(&mut self, host: Host) -> Result<(), Impossible> {
        let Some(machine) = &mut self.machine else {
            return Err(Impossible::Gone);
        };
        machine.host(host)?;
        self.flush();
        Ok(())
    }

    fn wait(&mut self, duration: Time) {
        if let Some(machine) = &mut self.machine {
            machine.advance(machine.now().plus(duration));
        }
        self.flush();
    }

    /// A command that comes with others of its group: QEMU sees it, and dispatches it one pass later.
    fn send_after_group(&mut self, message: &Value) {
        if self.held {
            let dispatched = !self.dispatched.is_empty();
            self.run_dispatched();
            if !dispatched {
                self.pass();
            }
        }
        let Some(machine) = &self.machine else { return };
        if machine.end().is_some() && machine.vm().thread() == Thread::MainLoop {
            // Under qtest nothing is dispatched any more when the loop has been left.
            return;
        }
        self.send(message);
    }

    /// The pass that ends a group, or follows a step on its own.
    fn end_of_group(&mut self) {
        if self.dispatched.is_empty() {
            self.pass();
        } else {
            self.run_dispatched();
        }
        self.settle();
    }

    /// The handlers of commands that were being dispatched run before the pass.
    fn run_dispatched(&mut self) {
        while let Some(message) = self.dispatched.pop_front() {
            self.send(&message);
        }
    }

    fn pass(&mut self) {
        if let Some(machine) = &mut self.machine {
            machine.main_loop();
        }
        self.flush();
    }

    fn settle(&mut self) {
        if let Some(machine) = &mut self.machine {
            machine.settle();
        }
        self.flush();
    }

    /// One message, through the session, to its reply and what follows it.
    fn send(&mut self, message: &Value) {
        self.session.receive(message.print(Layout::Compact).as_bytes());
        // A number or keyword ends only where something follows it.
        self.session.receive(b"\n");
        while let Some(request) = self.session.poll(&commands::lookup) {
            let Some(machine) = &mut self.machine else { return };
            let (session, mut ticket) = (&mut self.session, Some(request.ticket));
            machine.execute(&request.command, &request.arguments, &mut |said| {
                say(session, &mut ticket, said);
            });
            if let Some(ticket) = ticket {
                session.reply_nothing(ticket);
            }
        }
        self.take_transmitted();
    }

    /// What the machine has said goes through the session.
    fn flush(&mut self) {
        if let Some(machine) = &mut self.machine {
            let session = &mut self.session;
            machine.say_events(&mut |said| say(session, &mut None, said));
        }
        self.take_transmitted();
    }

    fn take_transmitted(&mut self) {
        while let Some(chunk) = self.session.transmit() {
            let text = String::from_utf8_lossy(chunk.bytes).into_owned();
            if text.contains(r#""event": "RESET""#) {
                // The vCPU starts again at its reset vector.
                self.delayed.clear();
            }
            self.heard.push_back(text);
        }
    }

    /// What a stopped vCPU had yet to do, it does when it runs again.
    fn run_delayed(&mut self) {
        while self.is_running()
            && let Some((guest, data)) = self.delayed.pop_front()
        {
            if self.guest(guest, data.as_ref()).is_err() {
                return;
            }
            if self.vcpu_stopped || self.delayed.is_empty() {
                self.end_of_group();
                self.vcpu_stopped = false;
            }
        }
    }

    fn is_running(&self) -> bool {
        self.machine
            .as_ref()
            .is_some_and(|machine| machine.vm().run_state() == RunState::Running && machine.end().is_none())
    }

    fn note_end(&mut self) {
        if let Some(machine) = &self.machine {
            self.end = machine.end();
        }
    }
}

/// Whether the vCPU that does this stops at once. A shutdown request does not stop it.
///
/// `cpu_stop_current()` in `qemu_system_reset_request()`, `qemu_system_suspend_request()`, `vm_stop()`.
fn stops_vcpu(machine: &Machine, guest: Guest) -> bool {
    match guest {
        Guest::Reset | Guest::SubsystemReset | Guest::Suspend | Guest::InternalError | Guest::Debug => true,
        Guest::Panic => machine.vm().actions().panic() != PanicAction::None,
        Guest::Shutdown
        | Guest::Crashloaded
        | Guest::Pvshutdown
        | Guest::Watchdog
        | Guest::SuspendDisk
        | Guest::Wakeup
        | Guest::IoError(_)
        | Guest::MemoryFailure(_)
        | Guest::NotifyVmexit
        | Guest::DebugExit(_) => false,
    }
}

fn say(session: &mut Session, ticket: &mut Option<Ticket>, said: Said) {
    match said {
        Said::Event(message) => {
            let data: Option<&Object> = message.data.as_ref();
            session.announce(message.event, data, Timestamp::from_micros(message.at.0 / 1_000));
        }
        Said::Reply(reply) => {
            if let Some(ticket) = ticket.take() {
                session.reply(ticket, reply);
            }
        }
    }
}
