//! A VM with everything around it that a monitor can see: event data, rate limits, the clocks, snapshots, capabilities.
//!
//! No I/O and no clock of its own. [`Machine::execute`], [`Machine::guest`] and [`Machine::host`] make things happen,
//! [`Machine::main_loop`] is one pass, [`Machine::advance`] lets time go by, and [`Machine::poll`] hands out what was said.

mod clock;
mod data;
mod limit;
mod setup;
mod transitions;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use runstate::{
    Answer, BlockErrorAction, Command, Event, ExitStatus, Guest, Host, Impossible, Input, Output, Refusal,
    Release, RunState, Thread, Time, Vm,
};
use runstate_qmp::{Error, Object, Value, object};

pub use setup::{Setup, SetupError};
pub use transitions::Transitions;

use crate::scenario::IoErrors;
use clock::Clock;
use limit::Limits;

/// What a monitor hears.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The event's name.
    pub event: &'static str,
    /// Its data, if it has any.
    pub data: Option<Object>,
    /// When it happened, since the launch. An event that a rate limit held back keeps its own time.
    pub at: Time,
}

/// What became of QEMU's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It exited.
    Exit(ExitStatus),
    /// It called `abort()`: the transition is not in the graph.
    Abort {
        /// The state it was in.
        from: RunState,
        /// The state it was to go to.
        to: RunState,
    },
}

/// A VM and what is around it.
#[derive(Clone, Debug)]
pub struct Machine {
    vm: Vm,
    now: Time,
    /// The virtual clock; it stands still while no vCPU runs, unless qtest steps it.
    virtual_now: Time,
    clock: Clock,
    limits: Limits,
    messages: VecDeque<Message>,
    end: Option<End>,
    taken: Transitions,
    snapshots: BTreeMap<String, Snapshot>,
    io_errors: IoErrors,
    /// The data of the request that stopped the VM; it is tried again when the VM runs.
    failed_request: Option<Object>,
    capabilities: BTreeSet<String>,
    name: Option<String>,
    uuid: Option<String>,
    /// The snapshot job that is followed.
    job: Option<String>,
    setup: Setup,
}

/// A snapshot on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    suspended: bool,
    /// Its virtual clock, as [`Clock::saved`] counts.
    clock: i32,
}

impl Machine {
    /// Launches QEMU, up to where its main loop has gone round once and waits.
    #[must_use]
    pub fn launch(setup: &Setup) -> Self {
        let (mut end, mut taken) = (None, Transitions::default());
        let snapshots = setup.snapshots();
        let loaded = setup.options.loadvm.as_ref().and_then(|tag| snapshots.get(tag));
        let mut clock = Clock::default();
        clock.load(
            loaded.map_or(0, |snapshot| snapshot.clock),
            RunState::Prelaunch,
            setup.release,
        );
        let vm = Vm::launch(&setup.launch(), &mut |output| {
            note(&mut end, &mut taken, output);
            if let Output::State { from, to } = output {
                clock.hear(from, to, setup.release);
            }
        });
        let mut machine = Self {
            vm,
            now: Time::ZERO,
            virtual_now: Time::ZERO,
            clock,
            limits: Limits::default(),
            messages: VecDeque::new(),
            end,
            taken,
            snapshots,
            io_errors: setup.io_errors,
            failed_request: None,
            capabilities: BTreeSet::new(),
            name: setup.name.clone(),
            uuid: setup.uuid.clone(),
            job: None,
            setup: setup.clone(),
        };
        machine.main_loop();
        // Nobody can have negotiated yet.
        machine.messages.clear();
        machine
    }

    /// The run state and everything that decides what happens next.
    #[must_use]
    pub const fn vm(&self) -> &Vm {
        &self.vm
    }

    /// Which QEMU this is.
    #[must_use]
    pub const fn release(&self) -> Release {
        self.vm.release()
    }

    /// How it was set up.
    #[must_use]
    pub const fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The time since the launch.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// The virtual clock, which qtest reads and steps.
    #[must_use]
    pub const fn virtual_now(&self) -> Time {
        self.virtual_now
    }

    /// What became of the process, once it has ended.
    #[must_use]
    pub const fn end(&self) -> Option<End> {
        self.end
    }

    /// The transitions of the graph that the VM has taken since its launch.
    #[must_use]
    pub const fn taken(&self) -> &Transitions {
        &self.taken
    }

    /// The next thing that a monitor hears.
    pub fn poll(&mut self) -> Option<Message> {
        self.messages.pop_front()
    }

    /// Whether a migration capability is on.
    #[must_use]
    pub fn has_capability(&self, name: &str) -> bool {
        self.capabilities.contains(name)
    }

    /// The guest does something; `data` is the event's that tells of it, or a GuestPanicInformation.
    ///
    /// # Errors
    ///
    /// What cannot happen now.
    pub fn guest(&mut self, guest: Guest, data: Option<&Value>) -> Result<(), Impossible> {
        let data = data.and_then(Value::as_object);
        if guest == Guest::Watchdog && self.arms_for_nothing() {
            return Ok(());
        }
        if self.asserts_against(guest, data) {
            self.collect(None, |vm, out| vm.fail_assertion(out));
            return Ok(());
        }
        let overwritten =
            guest == Guest::Panic && data::is_tdx(data) && self.release().tdx_panic_is_overwritten();
        self.possible(Input::Guest(guest), data)?;
        if overwritten {
            // tdx_handle_report_fatal_error() makes the vCPU's run fail as well, target/i386/kvm/tdx.c.
            let _ = self.handle(Input::Guest(Guest::InternalError), None);
        }
        if guest == Guest::IoError(BlockErrorAction::Stop) {
            self.failed_request = Some(data.cloned().unwrap_or_default());
        }
        Ok(())
    }

    /// Something happens on the host.
    ///
    /// # Errors
    ///
    /// What cannot happen now.
    pub fn host(&mut self, host: Host) -> Result<(), Impossible> {
        let job = self.job.as_deref().map(|id| object! { "id": id });
        self.possible(Input::Host(host), job.as_ref())
    }

    /// Whether a timer that a vCPU arms now does not expire. qtest's own clock is not the one that snapshots move.
    fn arms_for_nothing(&self) -> bool {
        let acts = self.vm.thread() == Thread::Vcpu && self.vm.run_state() == RunState::Running;
        acts && !self.vm.is_gone() && !self.clock.timers_expire()
    }

    /// Whether it is a write to a disk that belongs to the other end of a migration. `bdrv_co_write_req_prepare()`,
    /// block/io.c.
    fn asserts_against(&self, guest: Guest, data: Option<&Object>) -> bool {
        let acts = self.vm.thread() == Thread::MainLoop || self.vm.run_state() == RunState::Running;
        let operation = data.and_then(|data| data.get("operation")?.as_str());
        matches!(guest, Guest::IoError(_)) && self.vm.disks_given_away() && acts && operation != Some("read")
    }

    /// One pass of the main loop: timers first, then the requests.
    pub fn main_loop(&mut self) {
        self.expire_limits();
        self.collect(None, |vm, out| vm.main_loop(out));
        if self.vm.run_state() == RunState::Prelaunch {
            // A reset throws the failed request away.
            self.failed_request = None;
        }
    }

    /// What happens by itself once QEMU is left alone: a failed request is tried again by a VM that runs, a cancelled
    /// migration winds up. Each is followed by its pass.
    pub fn settle(&mut self) {
        if self.vm.migration_settles_by_itself() {
            let _ = self.handle(Input::Host(Host::MigrationSettles), None);
            self.main_loop();
        }
        if self.vm.run_state() == RunState::Running && !self.vm.has_requests() {
            self.retry_request();
        }
    }

    fn retry_request(&mut self) {
        let Some(data) = self.failed_request.take() else {
            return;
        };
        match self.io_errors {
            IoErrors::Once => {}
            IoErrors::Always => {
                let _ = self.handle(Input::Guest(Guest::IoError(BlockErrorAction::Stop)), Some(&data));
                self.failed_request = Some(data);
                self.main_loop();
            }
        }
    }

    /// When something will happen by itself, if nothing else does: a time for [`advance`](Self::advance).
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        match self.limit_clock() {
            Thread::Vcpu => self.limits.deadline(),
            Thread::MainLoop if self.vm.run_state() == RunState::Running => {
                let left = self.limits.deadline()?.0.saturating_sub(self.virtual_now.0);
                Some(self.now.plus(Time(left)))
            }
            Thread::MainLoop => None,
        }
    }

    /// The clocks go on to `to`, stopping at every deadline on the way. Time does not go back.
    pub fn advance(&mut self, to: Time) {
        while let Some(deadline) = self.deadline().filter(|deadline| *deadline <= to) {
            self.set_now(deadline.max(self.now));
            self.main_loop();
        }
        self.set_now(to.max(self.now));
    }

    fn set_now(&mut self, now: Time) {
        let elapsed = Time(now.0 - self.now.0);
        self.now = now;
        // The virtual clock under qtest is stepped whether the VM runs or not; its timers wait for the VM.
        if self.vm.thread() == Thread::MainLoop || self.vm.run_state() == RunState::Running {
            self.virtual_now = self.virtual_now.plus(elapsed);
        }
    }

    /// A command that is the core's: its handler, without the pass that follows.
    pub(crate) fn core(&mut self, command: Command, parameter: &str) -> Result<(), Error> {
        self.core_with(command, parameter, None)
    }

    /// The same, with data for the events that need some.
    pub(crate) fn core_with(
        &mut self,
        command: Command,
        parameter: &str,
        data: Option<&Object>,
    ) -> Result<(), Error> {
        match self.handle(Input::Command(command), data) {
            Answer::Done | Answer::Impossible(_) => Ok(()),
            Answer::Refused(Refusal::NotSnapshottable) => {
                Err(refused(Refusal::NotSnapshottable, self.writable_disk()))
            }
            Answer::Refused(refusal) => Err(refused(refusal, parameter)),
        }
    }

    /// The first disk that could be written. One of which the options do not tell is called so.
    fn writable_disk(&self) -> &str {
        let disk = self.setup.options.disks.iter().find(|disk| !disk.read_only);
        disk.map_or("disk", |disk| &*disk.name)
    }

    pub(crate) fn set_capability(&mut self, name: &str, on: bool) {
        if on {
            self.capabilities.insert(name.to_owned());
        } else {
            self.capabilities.remove(name);
        }
    }

    pub(crate) fn snapshot(&self, tag: &str) -> Option<bool> {
        self.snapshots.get(tag).map(|snapshot| snapshot.suspended)
    }

    /// What a snapshot says that is made now.
    pub(crate) fn state_to_save(&self) -> Snapshot {
        Snapshot {
            suspended: self.vm.stores_suspended(),
            clock: self.clock.saved(self.vm.run_state(), self.release()),
        }
    }

    pub(crate) fn keep_snapshot(&mut self, tag: &str, snapshot: Snapshot) {
        self.snapshots.insert(tag.to_owned(), snapshot);
    }

    /// A snapshot was loaded by a VM in this state.
    pub(crate) fn has_loaded(&mut self, tag: &str, run: RunState) {
        if let Some(snapshot) = self.snapshots.get(tag) {
            self.clock.load(snapshot.clock, run, self.vm.release());
        }
    }

    pub(crate) fn delete_snapshot(&mut self, tag: &str) -> bool {
        self.snapshots.remove(tag).is_some()
    }

    pub(crate) fn snapshot_count(&self) -> usize {
        self.snapshots.len()
    }

    pub(crate) fn job(&self) -> Option<&str> {
        self.job.as_deref()
    }

    pub(crate) fn set_job(&mut self, id: &str) {
        self.job = Some(id.to_owned());
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn uuid(&self) -> Option<&str> {
        self.uuid.as_deref()
    }

    fn possible(&mut self, input: Input, data: Option<&Object>) -> Result<(), Impossible> {
        match self.handle(input, data) {
            Answer::Done | Answer::Refused(_) => Ok(()),
            Answer::Impossible(why) => Err(why),
        }
    }

    fn handle(&mut self, input: Input, data: Option<&Object>) -> Answer {
        self.collect(data, |vm, out| vm.handle(input, out))
    }

    /// Runs the core and turns what it says into messages.
    fn collect<R>(
        &mut self,
        data: Option<&Object>,
        run: impl FnOnce(&mut Vm, &mut &mut dyn FnMut(Output)) -> R,
    ) -> R {
        let release = self.vm.release();
        let limit_now = match self.limit_clock() {
            Thread::Vcpu => self.now,
            Thread::MainLoop => self.virtual_now,
        };
        let Self {
            vm,
            now,
            limits,
            messages,
            end,
            taken,
            clock,
            ..
        } = self;
        let out: &mut dyn FnMut(Output) = &mut |output| {
            note(end, taken, output);
            if let Output::State { from, to } = output {
                clock.hear(from, to, release);
            }
            if let Output::Event(event) = output {
                let message = message(event, data, release, *now);
                if event.is_throttled(release) {
                    messages.extend(limits.event(event, message, limit_now));
                } else {
                    messages.push_back(message);
                }
            }
        };
        run(vm, &mut &mut *out)
    }

    /// The clock of the rate limits: realtime, and with `-accel qtest` virtual. `monitor_get_event_clock()`,
    /// monitor/monitor.c.
    const fn limit_clock(&self) -> Thread {
        self.vm.thread()
    }

    fn expire_limits(&mut self) {
        let now = match self.limit_clock() {
            Thread::Vcpu => self.now,
            // Timers of the virtual clock fire only while the VM runs.
            Thread::MainLoop if self.vm.run_state() == RunState::Running => self.virtual_now,
            Thread::MainLoop => return,
        };
        if !self.vm.is_gone() {
            self.limits.expire(now, &mut self.messages);
        }
    }
}

fn message(event: Event, data: Option<&Object>, release: Release, at: Time) -> Message {
    Message {
        event: event.name(),
        data: data::of(event, data, release),
        at,
    }
}

/// Keeps what is not said to a monitor.
const fn note(end: &mut Option<End>, taken: &mut Transitions, output: Output) {
    match output {
        Output::Exit(status) => *end = Some(End::Exit(status)),
        Output::Abort { from, to } => *end = Some(End::Abort { from, to }),
        Output::State { from, to } => taken.insert(from, to),
        Output::Event(_) => {}
    }
}

/// QEMU's refusal as an error, with what it names in its place.
fn refused(refusal: Refusal, parameter: &str) -> Error {
    let parameter = if let Refusal::NotInExpectedState(status) = refusal {
        status.name()
    } else {
        parameter
    };
    Error::generic(refusal.words().replace("{}", parameter))
}
