//! One VM that is served: its monitor, its character devices, its scenario.

mod going;
mod wiring;

use std::io::{self, Read as _};
use std::sync::Arc;

use mio::Registry;
use runstate::{Host, Time};
use runstate_monitor::faults::Send;
use runstate_monitor::machine::End;
use runstate_monitor::monitor::{Monitor, Settings};
use runstate_monitor::scenario::Action;

use super::clock::Clock;
use super::config_file::ConfigFile;
use super::control;
use super::link::{Link, Role};
use super::links;
use super::open::{Chardevs, OpenError, Openness};
use super::player::{Cue, Mode, Player};
use super::qtest_log::QtestLog;

/// A client that lets more than this many bytes lie unread gets no further command executed.
const UNREAD_LIMIT: usize = 256 << 10;

/// A client that lets more than this many bytes of events lie unread is let go.
const UNREAD_MOST: usize = 64 << 20;

/// How many commands one client has executed before others get their turn.
const COMMANDS_AT_A_TIME: usize = 64;

/// What is served.
#[derive(Debug)]
pub struct Served {
    /// The VM.
    pub settings: Arc<Settings>,
    /// Whom its sockets may be open to.
    pub openness: Openness,
    /// What happens to it.
    pub player: Option<Player>,
    /// How it goes through its scenario.
    pub mode: Mode,
    /// Where it can be controlled.
    pub control: Option<String>,
}

/// A VM at work.
#[derive(Debug)]
pub struct Vm {
    monitor: Monitor,
    links: Vec<Link>,
    clock: Clock,
    openness: Openness,
    player: Option<Player>,
    cue: Option<Time>,
    pub(super) mode: Mode,
    /// How many steps are to be taken now.
    pub(super) steps: u64,
    /// When it goes, once it has ended, if all is said by then.
    going_at: Option<Time>,
    /// When to look again whether it goes.
    gone_at: Option<Time>,
    signalled: bool,
    qtest_log: Option<QtestLog>,
    /// What the VM's main thread is stuck reading.
    config_file: Option<ConfigFile>,
    index: usize,
    abort: Option<String>,
}

/// What a VM wants of the hub after it was served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    /// To be served again soon: something was left undone.
    pub(crate) again: bool,
    /// It is gone.
    pub(crate) gone: bool,
}

impl Vm {
    /// Opens the character devices and launches the VM. `waiting` is called before it waits for a client.
    ///
    /// # Errors
    ///
    /// What cannot be opened: the words of the command line, and why.
    pub(crate) fn launch(
        served: Served,
        index: usize,
        registry: &Registry,
        waiting: &mut dyn FnMut(&str, &str),
    ) -> Result<Self, (String, OpenError)> {
        let options = &served.settings.setup.options;
        let mut links = Vec::new();
        if let Err(error) = links::open(&served, index, registry, waiting, &mut links) {
            links.iter_mut().for_each(Link::unlink);
            return Err(error);
        }
        let qtest_log = options
            .qtest
            .is_some()
            .then(|| QtestLog::open(options.qtest_log.as_deref()));
        let mut vm = Self {
            monitor: Monitor::launch(served.settings),
            links,
            clock: Clock::new(),
            openness: served.openness,
            player: served.player,
            cue: None,
            mode: served.mode,
            steps: 0,
            going_at: None,
            gone_at: None,
            signalled: false,
            qtest_log,
            config_file: None,
            index,
            abort: None,
        };
        vm.monitor.open_chardevs();
        for link in &mut vm.links {
            if vm.monitor.agent_chardev() == Some(&link.id) {
                link.role = Role::Agent;
            }
        }
        if vm.player.is_some() {
            // From now on the executed commands are noted.
            vm.monitor.executed();
        }
        for at in 0..vm.links.len() {
            if vm.links[at].stream.is_some() {
                vm.opened(at);
            } else if let Some((_, millis)) = vm.links[at].reconnect {
                vm.links[at].reconnect_at = Some(Time::from_millis(millis));
            }
        }
        Ok(vm)
    }

    /// Serves everything that is ready: called when a link is, when a deadline is reached, and when asked for.
    pub(crate) fn serve(&mut self, registry: &Registry) -> Wish {
        let now = self.clock.now();
        if self.mode != Mode::Wedge {
            self.monitor.advance(now);
            if core::mem::take(&mut self.signalled) {
                // A QEMU that has gone hears nothing.
                let _ = self.monitor.host(Host::Signal);
            }
            self.play(now);
        }
        let mut again = false;
        let slept = self.monitor.agent_wants_input() == 0;
        for at in 0..self.links.len() {
            self.reconnect(at, now, registry);
            self.accept(at, registry);
            again |= self.read(at, registry);
        }
        if self.player.is_some() && self.mode != Mode::Wedge {
            // A client may have sent the command that the scenario waits for.
            self.play(now);
        }
        again |= self.read_config_file(registry);
        self.flush_all(registry);
        // The guest's agent was sent something while the guest did not run.
        again |= slept && self.monitor.agent_wants_input() > 0;
        Wish {
            again,
            gone: self.is_gone(registry),
        }
    }

    /// When it has to be served again at the latest.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let links = self
            .links
            .iter()
            .flat_map(|link| [link.wake_at, link.reconnect_at])
            .flatten();
        let monitor = self.monitor.deadline().into_iter().chain(self.cue);
        let monitor = monitor.filter(|_| self.mode != Mode::Wedge);
        links.chain(monitor).chain(self.gone_at).min()
    }

    /// Its own clock: deadlines are on it.
    pub(crate) const fn clock(&self) -> Clock {
        self.clock
    }

    /// SIGTERM, SIGINT or SIGHUP; acted on when the VM is served, and not while it is wedged.
    pub(crate) const fn signal(&mut self) {
        self.signalled = true;
    }

    /// What became of it, once it has ended.
    pub(crate) fn end(&self) -> Option<End> {
        self.monitor.end()
    }

    /// Why it aborts, if qtest made it abort.
    pub(crate) fn abort_reason(&self) -> Option<&str> {
        self.abort.as_deref()
    }

    /// The monitor and the machine behind it.
    #[must_use]
    pub const fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// Whether signals are reported: QEMU does not where a test plays the guest.
    pub(crate) const fn reports_signals(&self) -> bool {
        !self.monitor.has_qtest()
    }

    /// A line of a scenario happens.
    pub(super) fn act(&mut self, line: &str) -> Result<(), String> {
        self.monitor.act(line)
    }

    /// Removes what it leaves behind.
    pub(crate) fn remove(&mut self, registry: &Registry) {
        for link in &mut self.links {
            link.close(registry);
            link.unlink();
        }
    }

    /// What the scenario has for now.
    fn play(&mut self, now: Time) {
        let Some(player) = &mut self.player else {
            return;
        };
        for command in self.monitor.executed() {
            player.hear(&command);
        }
        loop {
            if self.mode == Mode::SingleStep && self.steps == 0 {
                self.cue = None;
                return;
            }
            let Some(player) = &mut self.player else { return };
            self.cue = None;
            match player.next(now) {
                Cue::Act(action) => {
                    self.steps = self.steps.saturating_sub(1);
                    // A guest that cannot act at this time does not.
                    let _ = match action {
                        Action::Guest { action, data } => self.monitor.guest(action, data.as_ref()),
                        Action::Host { action, .. } => self.monitor.host(action),
                        Action::Send(_) | Action::Expect(_) | Action::Wait(_) | Action::Exit(_) => Ok(()),
                    };
                }
                Cue::At(at) => {
                    self.cue = Some(at);
                    return;
                }
                Cue::Command(_) | Cue::End => return,
            }
        }
    }

    /// Goes on with a command that waits for a file. Whether it has ended, and others may follow.
    fn read_config_file(&mut self, registry: &Registry) -> bool {
        let Some(path) = self.monitor.blocked_on() else {
            return false;
        };
        if self.config_file.is_none() {
            match ConfigFile::open(path, registry, links::config_token(self.index)) {
                Ok(Some(file)) => self.config_file = Some(file),
                Ok(None) => self.monitor.unblock(Ok(())),
                Err(error) => self.monitor.unblock(Err(super::open::reason(&error))),
            }
        }
        if let Some(file) = &mut self.config_file {
            if !file.is_read() {
                return false;
            }
            file.deregister(registry);
            self.config_file = None;
            self.monitor.unblock(Ok(()));
        }
        true
    }

    fn reconnect(&mut self, at: usize, now: Time, registry: &Registry) {
        let link = &mut self.links[at];
        let Some((address, millis)) = link
            .reconnect
            .clone()
            .filter(|_| link.reconnect_at.is_some_and(|due| due <= now))
        else {
            return;
        };
        let chardev = self.monitor.chardev(&link.id);
        let stream = chardev.and_then(|chardev| {
            Chardevs {
                chardev,
                openness: self.openness,
            }
            .connect_to(&address)
            .ok()
        });
        let taken = stream.is_some_and(|stream| link.take_stream(stream, registry).is_ok());
        if taken {
            link.reconnect_at = None;
            self.opened(at);
        } else {
            link.reconnect_at = Some(now.plus(Time::from_millis(millis)));
        }
    }

    fn accept(&mut self, at: usize, registry: &Registry) {
        if self.monitor.end().is_some() {
            return;
        }
        // Where the process has no descriptor left, the client waits in the backlog.
        if self.links[at].accept(registry).unwrap_or(false) {
            self.opened(at);
        }
    }

    fn opened(&mut self, at: usize) {
        let link = &self.links[at];
        self.monitor.set_connected(&link.id, true);
        match link.role {
            Role::Qmp(port) => self.monitor.connect(port),
            Role::Hmp => {
                let (major, minor, micro) = self.monitor.machine().release().version();
                let banner = format!(
                    "QEMU {major}.{minor}.{micro} monitor - type 'help' for more information\r\n{PROMPT}"
                );
                self.links[at].unwritten.extend_from_slice(banner.as_bytes());
            }
            Role::Qtest => {
                if let Some(log) = &mut self.qtest_log {
                    log.opened();
                }
            }
            Role::Agent | Role::Control | Role::Idle => {}
        }
    }

    /// Reads what has come and acts on it. Whether something is left to read.
    fn read(&mut self, at: usize, registry: &Registry) -> bool {
        let mut buffer = [0; 4096];
        let mut turns = COMMANDS_AT_A_TIME;
        while turns > 0 {
            turns -= 1;
            let wanted = self.wants(at).min(buffer.len());
            if wanted == 0 {
                // What it has been sent and not executed yet is executed now, if it may be.
                return self.run(at, registry) && self.wants(at) > 0;
            }
            let Some(stream) = &mut self.links[at].stream else {
                return false;
            };
            match stream.read(&mut buffer[..wanted]) {
                Ok(0) if stream.ends_at_eof() => {
                    while self.run(at, registry) {}
                    self.flush_all(registry);
                    self.closed(at, registry);
                    return false;
                }
                Ok(0) => {
                    self.links[at].at_eof = true;
                    return false;
                }
                Ok(n) => {
                    self.take(at, &buffer[..n], registry);
                    self.run(at, registry);
                    self.flush_all(registry);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.run(at, registry),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.closed(at, registry);
                    return false;
                }
            }
        }
        true
    }

    /// How many bytes a link would take.
    fn wants(&self, at: usize) -> usize {
        let link = &self.links[at];
        if link.at_eof || self.monitor.end().is_some() && link.role != Role::Control {
            return 0;
        }
        if self.mode == Mode::Wedge && link.role != Role::Control {
            return 0;
        }
        match link.role {
            Role::Qmp(port) if self.monitor.unsent(port) + link.unwritten.len() > UNREAD_LIMIT => 0,
            Role::Qmp(port) => self.monitor.wants_input(port),
            Role::Agent if link.unwritten.len() > UNREAD_LIMIT => 0,
            Role::Agent => self.monitor.agent_wants_input(),
            Role::Hmp | Role::Qtest | Role::Control if link.unwritten.len() > UNREAD_LIMIT => 0,
            Role::Hmp | Role::Qtest | Role::Control => 4096,
            Role::Idle => 0,
        }
    }

    fn take(&mut self, at: usize, bytes: &[u8], registry: &Registry) {
        match self.links[at].role {
            Role::Qmp(port) => self.monitor.receive(port, bytes),
            Role::Qtest => self.take_qtest(at, bytes, registry),
            Role::Agent => {
                let said = self.monitor.agent(bytes);
                self.links[at].unwritten.extend_from_slice(&said);
            }
            Role::Hmp => {
                for line in self.lines(at, bytes) {
                    let text = self.monitor.hmp(line.trim());
                    let said = format!("{line}\r\n{text}{PROMPT}");
                    self.links[at].unwritten.extend_from_slice(said.as_bytes());
                }
            }
            Role::Control => {
                for line in self.lines(at, bytes) {
                    let said = control::execute(self, &line);
                    self.links[at].unwritten.extend_from_slice(said.as_bytes());
                }
            }
            Role::Idle => {}
        }
    }

    fn take_qtest(&mut self, at: usize, bytes: &[u8], registry: &Registry) {
        let log = &mut self.qtest_log;
        let reply = self.monitor.qtest(bytes, |direction, line| {
            if let Some(log) = log {
                log.note(direction, line);
            }
        });
        // Events come before the reply where they come from the action itself.
        self.flush_all(registry);
        self.links[at].unwritten.extend_from_slice(reply.lines.as_bytes());
        self.abort = reply.abort.or_else(|| self.abort.take());
    }

    /// The whole lines of a link. A line longer than a page is dropped.
    fn lines(&mut self, at: usize, bytes: &[u8]) -> Vec<String> {
        let link = &mut self.links[at];
        let mut lines = Vec::new();
        for &byte in bytes {
            match byte {
                b'\n' => lines.push(
                    String::from_utf8_lossy(&core::mem::take(&mut link.line))
                        .trim_end()
                        .to_owned(),
                ),
                _ if link.line.len() < 65536 => link.line.push(byte),
                _ => {}
            }
        }
        lines
    }

    /// Executes what the monitors have; whether some may be left.
    fn run(&mut self, at: usize, registry: &Registry) -> bool {
        if self.mode == Mode::Wedge {
            return false;
        }
        match self.links[at].role {
            Role::Qmp(_) => {}
            Role::Agent => {
                // What came before the guest slept.
                self.take(at, &[], registry);
                return false;
            }
            Role::Hmp | Role::Qtest | Role::Control | Role::Idle => return false,
        }
        let mut more = self.monitor.run(COMMANDS_AT_A_TIME);
        more |= self.open_chardev(registry);
        let unread = self.rewire(registry);
        self.flush_all(registry);
        more || unread
    }

    fn flush_all(&mut self, registry: &Registry) {
        for at in 0..self.links.len() {
            if self.links[at].stream.is_some() {
                self.flush(at, registry);
            }
        }
    }

    /// Sends what there is to send, as far as the client takes it.
    fn flush(&mut self, at: usize, registry: &Registry) {
        let now = self.clock.now();
        loop {
            match self.links[at].write_rest() {
                Ok(true) => {}
                Ok(false) => {
                    let Role::Qmp(port) = self.links[at].role else {
                        return;
                    };
                    if self.monitor.unsent(port) > UNREAD_MOST {
                        self.closed(at, registry);
                    }
                    return;
                }
                Err(_) => return self.closed(at, registry),
            }
            let Role::Qmp(port) = self.links[at].role else {
                return;
            };
            self.links[at].wake_at = None;
            match self.monitor.send(port) {
                Send::Bytes(bytes) => self.links[at].unwritten = bytes,
                Send::Wait(until) => {
                    self.links[at].wake_at = Some(until.max(now));
                    return;
                }
                Send::Nothing => return,
                Send::Close => return self.closed(at, registry),
            }
        }
    }

    /// The client is gone, or is let go; the next one may come.
    fn closed(&mut self, at: usize, registry: &Registry) {
        let link = &mut self.links[at];
        link.close(registry);
        self.monitor.set_connected(&link.id, false);
        if let Some((_, millis)) = link.reconnect {
            link.reconnect_at = Some(self.clock.now().plus(Time::from_millis(millis)));
        }
        match link.role {
            Role::Qmp(port) => {
                self.monitor.disconnect(port);
                self.rewire(registry);
            }
            Role::Qtest => {
                self.monitor.qtest_disconnect();
                if let Some(log) = &mut self.qtest_log {
                    log.note("I", "CLOSED");
                }
            }
            Role::Agent | Role::Hmp | Role::Control | Role::Idle => {}
        }
        self.accept(at, registry);
    }

    /// Whether a link has to be looked at although nothing says that it is ready.
    pub(crate) fn always_ready(&self) -> bool {
        self.links.iter().any(|link| link.always_ready && !link.at_eof)
    }
}

/// The prompt of HMP.
const PROMPT: &str = "(qemu) ";
