//! A whole QEMU as its clients see it, without I/O: monitors, the machine behind them, qtest.
//!
//! Bytes go in, bytes come out, time is an argument. A driver connects clients, gives what they send, lets the monitor
//! [`run`](Monitor::run), sends what is to be sent, and comes back at the [`deadline`](Monitor::deadline).

mod blocked;
mod gear;
mod guest_agent;
mod opening;
mod own;
mod values;
mod wiring;

use std::sync::Arc;

use runstate::{Guest, Host, Impossible, Life, Thread, Time};
use runstate_qmp::{Error, Lookup, Object, Request, Session, Timestamp, Value, Version};

use crate::agent::Agent;
use crate::commands::{self, Said};
use crate::faults::{Fault, Outbox, Send};
use crate::machine::{End, Machine, Message, Setup};
use crate::profile::{LazyProfile, Profile};

use gear::Gear;
pub use gear::QtestReply;
pub use wiring::Carries;

/// What a monitor is made from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The machine.
    pub setup: Setup,
    /// What to answer to questions beyond run states: recorded, or the [small](crate::profile::small) one.
    pub profile: Arc<LazyProfile>,
    /// The version to greet with.
    pub version: Version,
    /// The host's clock at the launch, in microseconds since 1970.
    pub epoch: u64,
    /// The process id that `query-cpus-fast` shows.
    pub pid: u32,
    /// The misbehaviour asked for.
    pub faults: Vec<Fault>,
    /// Whether a guest whose board has the agent's port has the agent as well.
    pub agent: bool,
}

/// One of the monitors of a VM, by its place among the options.
pub type Port = usize;

/// A VM with its monitors.
#[derive(Debug)]
pub struct Monitor {
    machine: Machine,
    settings: Arc<Settings>,
    ports: Vec<PortState>,
    /// Whose turn it is.
    turn: Port,
    /// Whose command is executed.
    serving: Port,
    /// The monitors and their character devices.
    wires: Vec<wiring::Wire>,
    rewired: bool,
    gear: Option<Box<Gear>>,
    agent: Option<Box<Agent>>,
    own: own::State,
    /// The command that the main thread is stuck in.
    blocked: Option<blocked::Blocked>,
    /// Sockets of run time are opened by the driver.
    opens: bool,
    /// The command that waits for one.
    opening: Option<opening::Opening>,
    /// Time since the launch on the host's clock.
    elapsed: Time,
    /// `quit` was obeyed: a fault may want to know.
    ending: bool,
    /// The commands executed, where somebody wants to know.
    executed: Option<Vec<String>>,
}

/// One monitor.
#[derive(Debug)]
struct PortState {
    session: Session,
    connected: bool,
    outbox: Option<Box<Outbox>>,
}

impl Monitor {
    /// Launches a VM.
    #[must_use]
    pub fn launch(settings: Arc<Settings>) -> Self {
        let machine = Machine::launch(&settings.setup);
        let options = &settings.setup.options;
        let gear = options
            .qtest
            .is_some()
            .then(|| Box::new(Gear::new(&settings.setup)));
        let own = own::State::new(options);
        // Where qtest plays the guest there is none that could run an agent.
        let has_agent = settings.agent && machine.vm().thread() == Thread::Vcpu;
        let agent = has_agent.then(|| Agent::of(options, machine.release())).flatten();
        let mut monitor = Self {
            machine,
            settings: Arc::clone(&settings),
            ports: Vec::new(),
            turn: 0,
            serving: 0,
            wires: Vec::new(),
            rewired: false,
            gear,
            agent: agent.map(Box::new),
            own,
            blocked: None,
            opens: false,
            opening: None,
            elapsed: Time::ZERO,
            ending: false,
            executed: None,
        };
        for option in &options.monitors {
            monitor.attach(option);
        }
        monitor.rewired = false;
        monitor.start_agent();
        monitor
    }

    /// A client connected: it is greeted.
    pub fn connect(&mut self, port: Port) {
        let state = &mut self.ports[port];
        state.connected = true;
        state.session.connect();
        if let Some(outbox) = &mut state.outbox {
            outbox.connect();
        }
    }

    /// The client is gone.
    pub fn disconnect(&mut self, port: Port) {
        let state = &mut self.ports[port];
        state.connected = false;
        state.session.close();
        if let Some(outbox) = &mut state.outbox {
            outbox.connect();
        }
        self.delete_closed(port);
    }

    /// How many bytes the monitor would like to read from its client.
    #[must_use]
    pub fn wants_input(&self, port: Port) -> usize {
        let state = &self.ports[port];
        if !state.connected || self.machine.end().is_some() {
            return 0;
        }
        state.session.wants_input()
    }

    /// Takes what a client sent; [`run`](Self::run) acts on it.
    pub fn receive(&mut self, port: Port, bytes: &[u8]) {
        self.ports[port].session.receive(bytes);
    }

    /// Executes at most `most` of the commands that have come, the monitors taking turns. Whether some may be left.
    pub fn run(&mut self, most: usize) -> bool {
        for _ in 0..most {
            if self.machine.end().is_some() || !self.run_one() {
                return false;
            }
        }
        true
    }

    fn run_one(&mut self) -> bool {
        if self.opening.is_some() {
            return false;
        }
        let count = self.ports.len();
        for k in 0..count {
            let port = (self.turn + k) % count;
            // What a stuck main thread would execute waits. Its own monitor's thread goes on, for what is out of band.
            if self.blocked.as_ref().is_some_and(|blocked| !blocked.is_on(port)) {
                continue;
            }
            let settings = &self.settings;
            let request = self.ports[port]
                .session
                .poll(&|name: &str| lookup(name, settings));
            if let Some(request) = request {
                self.turn = (port + 1) % count;
                self.serving = port;
                self.execute(port, request);
                return true;
            }
        }
        false
    }

    fn execute(&mut self, port: Port, request: Request) {
        let Request {
            command,
            arguments,
            ticket,
            ..
        } = request;
        if let Some(file) = blocked::file(&command, &arguments) {
            self.blocked = Some(blocked::Blocked::new(port, ticket, file));
            return;
        }
        if let Some(chardev) = self.socket_to_open(&command, &arguments) {
            self.opening = Some(opening::Opening {
                port,
                ticket,
                chardev,
            });
            return;
        }
        let own = self.own_reply(&command, &arguments);
        let is_quit = command == "quit";
        let silent = is_quit && self.settings.faults.contains(&Fault::NoQuitReply);
        let mut said = Vec::new();
        let say = &mut |what| said.push(what);
        match own {
            Some(reply) => {
                let release = self.machine.release();
                self.machine.execute_with(release, say, |_| reply);
            }
            None => self.machine.execute(&command, &arguments, say),
        }
        self.ending |= is_quit;
        if let Some(executed) = &mut self.executed {
            executed.push(command);
        }
        let mut ticket = Some(ticket);
        for what in said {
            match what {
                Said::Event(message) => self.announce(&message),
                Said::Reply(reply) => {
                    let session = &mut self.ports[port].session;
                    match ticket.take() {
                        Some(ticket) if silent => session.reply_nothing(ticket),
                        Some(ticket) => session.reply(ticket, reply),
                        None => {}
                    }
                }
            }
        }
        if let Some(ticket) = ticket {
            self.ports[port].session.reply_nothing(ticket);
        }
        self.act_for_own();
    }

    /// The reply to a command that is not the machine's.
    fn own_reply(&mut self, command: &str, arguments: &Object) -> Option<Result<Value, Error>> {
        if let Some(own) = own::find(command) {
            let permission = self.machine.check_permission(own.name, own.allow_preconfig);
            return Some(permission.and_then(|()| (own.handler)(self, arguments)));
        }
        if commands::find(command).is_some() && !values::PROFILE_FIRST.contains(&command) {
            return None;
        }
        let reply = self.recorded(command, arguments);
        let allow_preconfig = values::ALLOWED_IN_PRECONFIG.contains(&command);
        reply.map(|reply| self.machine.check_permission(command, allow_preconfig).and(reply))
    }

    /// What the profile has, or what QEMU says of things that it does not know.
    fn recorded(&self, command: &str, arguments: &Object) -> Option<Result<Value, Error>> {
        let profile = self.profile();
        if let Some(reply) = profile.answer(command, arguments) {
            return Some(reply.clone());
        }
        if commands::find(command).is_some() {
            return None;
        }
        values::near(profile, command, arguments).or_else(|| values::unknown(command, arguments))
    }

    fn profile(&self) -> &Profile {
        &self.settings.profile
    }

    /// What an own command asked for besides its reply. A guest that cannot act now does not, as a real one would not
    /// have run; the last such refusal is the result.
    fn act_for_own(&mut self) -> Option<Impossible> {
        let mut impossible = None;
        while let Some(action) = self.own.actions.pop() {
            let outcome = match action {
                own::Action::Guest(guest, data) => self.guest(guest, data.as_ref()),
                own::Action::Host(host) => self.host(host),
            };
            impossible = outcome.err().or(impossible);
        }
        impossible
    }

    /// The guest does something.
    ///
    /// # Errors
    ///
    /// What cannot happen now.
    pub fn guest(&mut self, guest: Guest, data: Option<&Value>) -> Result<(), Impossible> {
        self.machine.guest(guest, data)?;
        self.pass();
        Ok(())
    }

    /// Something happens on the host.
    ///
    /// # Errors
    ///
    /// What cannot happen now.
    pub fn host(&mut self, host: Host) -> Result<(), Impossible> {
        self.ending |= host == Host::Signal;
        self.machine.host(host)?;
        self.pass();
        Ok(())
    }

    /// One pass of the main loop, and what follows by itself.
    fn pass(&mut self) {
        self.machine.main_loop();
        self.machine.settle();
        self.announce_all();
    }

    fn announce_all(&mut self) {
        let mut messages = Vec::new();
        self.machine.say_events(&mut |said| {
            if let Said::Event(message) = said {
                messages.push(message);
            }
        });
        for message in messages {
            self.announce(&message);
        }
    }

    /// An event goes to every monitor with the same timestamp.
    fn announce(&mut self, message: &Message) {
        let at = match self.machine.vm().thread() {
            Thread::Vcpu => message.at,
            // The machine's time is virtual under qtest; timestamps are the host's all the same.
            Thread::MainLoop => self.elapsed,
        };
        let timestamp = self.timestamp(at);
        for state in &mut self.ports {
            state
                .session
                .announce(message.event, message.data.as_ref(), timestamp);
        }
        if let Some(gear) = &mut self.gear {
            gear.hear(message.event);
        }
        self.agent_hears(message.event);
    }

    fn timestamp(&self, at: Time) -> Timestamp {
        Timestamp::from_micros(self.settings.epoch.saturating_add(at.0 / 1000))
    }

    /// Time goes on: so much of it has passed since the launch.
    pub fn advance(&mut self, elapsed: Time) {
        self.elapsed = self.elapsed.max(elapsed);
        if self.machine.end().is_some() || self.machine.vm().thread() == Thread::MainLoop {
            return;
        }
        while let Some(deadline) = self.timer().filter(|deadline| *deadline <= self.elapsed) {
            self.machine.advance(deadline);
            self.run_timers();
            self.pass();
            if self.machine.end().is_some() {
                return;
            }
        }
        self.machine.advance(self.elapsed);
        self.announce_all();
        self.expire_agent();
    }

    /// When something will happen by itself.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        if self.machine.end().is_some() || self.machine.vm().thread() == Thread::MainLoop {
            return None;
        }
        let agent = self.agent.as_ref().and_then(|agent| agent.deadline());
        self.machine
            .deadline()
            .into_iter()
            .chain(self.timer())
            .chain(agent)
            .min()
    }

    /// What became of the process, once it has ended.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        let exit = || self.machine.vm().exit_status().map(End::Exit);
        self.machine
            .end()
            .or_else(|| (self.machine.vm().life() == Life::Exited).then(exit).flatten())
    }

    /// How much longer than it should the process lives, by a fault.
    #[must_use]
    pub fn overtime(&self) -> Option<Time> {
        self.settings.faults.iter().find_map(|fault| {
            if let Fault::LateExit(millis) = fault {
                Some(Time::from_millis(*millis))
            } else {
                None
            }
        })
    }

    /// What to send to a client next.
    pub fn send(&mut self, port: Port) -> Send {
        let timestamp = self.timestamp(self.elapsed);
        let early_close = self.ending && self.settings.faults.contains(&Fault::EarlyClose);
        let state = &mut self.ports[port];
        if !state.connected {
            return Send::Nothing;
        }
        if early_close {
            return Send::Close;
        }
        let Some(outbox) = &mut state.outbox else {
            return state
                .session
                .transmit()
                .map_or(Send::Nothing, |chunk| Send::Bytes(chunk.bytes.to_vec()));
        };
        let layout = state.session.config().layout;
        let negotiated = state.session.mode() == runstate_qmp::Mode::Command;
        while let Some(chunk) = state.session.transmit() {
            outbox.push(chunk, negotiated, self.elapsed, timestamp, layout);
        }
        outbox.next(self.elapsed)
    }

    /// How many bytes wait to be sent to a client.
    #[must_use]
    pub fn unsent(&self, port: Port) -> usize {
        let state = &self.ports[port];
        state.session.untransmitted() + state.outbox.as_ref().map_or(0, |outbox| outbox.len())
    }

    /// The commands executed since the last time this was asked. They are noted from the first time on.
    pub fn executed(&mut self) -> Vec<String> {
        self.executed.replace(Vec::new()).unwrap_or_default()
    }

    /// Whether a client has negotiated on this monitor.
    #[must_use]
    pub fn has_negotiated(&self, port: Port) -> bool {
        let state = &self.ports[port];
        state.connected && state.session.mode() == runstate_qmp::Mode::Command
    }

    /// Runs a line of HMP and gives what it prints, its lines ended with CR LF.
    pub fn hmp(&mut self, line: &str) -> String {
        let arguments = runstate_qmp::object! { "command-line": line };
        let mut said = Vec::new();
        self.machine
            .execute("human-monitor-command", &arguments, &mut |what| said.push(what));
        let mut text = String::new();
        for what in said {
            match what {
                Said::Event(message) => self.announce(&message),
                Said::Reply(Ok(value)) => text.push_str(value.as_str().unwrap_or_default()),
                Said::Reply(Err(error)) => text = format!("Error: {}\r\n", error.desc()),
            }
        }
        text
    }

    /// The line of a scenario happens: `guest panic`, `host signal`.
    ///
    /// # Errors
    ///
    /// What is wrong with the line, or why it cannot happen now.
    pub fn act(&mut self, line: &str) -> Result<(), String> {
        self.own.actions.push(own::read_action(line)?);
        let impossible = self.act_for_own();
        impossible.map_or(Ok(()), |impossible| {
            Err(format!("'{line}' cannot happen now: {}", impossible.words()))
        })
    }

    /// How many monitors there are.
    #[must_use]
    pub fn ports(&self) -> usize {
        self.ports.len()
    }

    /// The machine behind the monitors.
    #[must_use]
    pub const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The clients of the other character devices, for `query-chardev`.
    pub fn set_connected(&mut self, chardev: &str, connected: bool) {
        self.own.set_connected(chardev, connected);
        if let Some(agent) = self.agent.as_mut().filter(|agent| agent.chardev() == chardev) {
            agent.set_connected(connected);
        }
    }
}

/// What a session asks of a name.
fn lookup(name: &str, settings: &Settings) -> Lookup {
    if commands::find(name).is_some() {
        return commands::lookup(name);
    }
    if let Some(own) = own::find(name) {
        return Lookup::Found {
            allow_oob: own.allow_oob,
        };
    }
    if values::is_lookup(name) || settings.profile.knows(name) {
        Lookup::Found { allow_oob: false }
    } else {
        Lookup::NotFound
    }
}
