//! A running QEMU: its process, its directory, its sockets.

use core::time::Duration;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use runstate_qmp::Value;
use tempfile::TempDir;

use super::failure::Failure;
use super::machine::{MEMORY, Machine};
use super::qmp::Qmp;
use super::qtest::Qtest;
use super::serial::Guest;
use super::wire::{Limit, Wire};

/// A QEMU that has started and negotiated its QMP sessions.
#[derive(Debug)]
pub struct Qemu {
    child: Child,
    directory: TempDir,
    /// The session of the scenario.
    pub qmp: Qmp,
    /// A second session, for what the driver needs. Its events are ignored.
    pub control: Qmp,
    /// Port writes on the main loop, and the barrier.
    pub qtest: Qtest,
    /// The guest.
    pub guest: Guest,
    /// QEMU's greeting, the member `QMP`.
    pub greeting: Value,
    /// The threads of the vCPUs, once they have been asked for.
    vcpus: Vec<i64>,
}

/// What prepares a QEMU's directory before it starts.
pub type Prepare<'a> = &'a dyn Fn(&Path) -> std::io::Result<()>;

impl Qemu {
    /// Starts `program` with the machine. `prepare` puts what the options name into the directory, in which QEMU runs.
    ///
    /// # Errors
    ///
    /// When QEMU cannot be started, refuses an option, dies or hangs.
    pub fn launch(
        program: &Path,
        firmware: &Path,
        machine: &Machine,
        prepare: Prepare<'_>,
    ) -> Result<Self, Failure> {
        let cannot =
            |error: std::io::Error| Failure::qemu(format!("cannot prepare a directory for QEMU: {error}"));
        let directory = tempfile::Builder::new()
            .prefix("runstate-")
            .tempdir()
            .map_err(cannot)?;
        prepare(directory.path()).map_err(cannot)?;
        let memory = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(directory.path().join("memory"))
            .map_err(cannot)?;
        memory.set_len(MEMORY << 20).map_err(cannot)?;
        let mut listeners = Vec::new();
        for name in ["qmp", "control", "qtest", "com1"] {
            listeners.push(UnixListener::bind(directory.path().join(name)).map_err(cannot)?);
        }
        let stderr = File::create(directory.path().join("stderr")).map_err(cannot)?;
        let mut starting = Starting {
            child: command(program)
                .args(machine.arguments(directory.path(), firmware))
                .current_dir(directory.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(stderr)
                .process_group(0)
                .spawn()
                .map_err(|error| cannot_run(program, &error))?,
            directory,
        };
        let connected = listeners
            .iter()
            .map(|listener| starting.accept(listener))
            .collect::<Result<Vec<_>, _>>()
            .and_then(|wires| <[Wire; 4]>::try_from(wires).map_err(|_| Failure::qemu("four sockets")));
        let [qmp, control, qtest, com1] = match connected {
            Ok(wires) => wires,
            Err(failure) => return Err(starting.end(failure)),
        };
        let mut qemu = Self {
            child: starting.child,
            directory: starting.directory,
            qmp: Qmp::new(qmp),
            control: Qmp::new(control),
            qtest: Qtest::new(qtest),
            guest: Guest::new(com1, memory),
            greeting: Value::Null,
            vcpus: Vec::new(),
        };
        match qemu.negotiate() {
            Ok(()) => Ok(qemu),
            Err(failure) => {
                let ended = qemu.qmp.wire.closed || qemu.control.wire.closed;
                let refused = ended.then(|| qemu.wait()).and_then(Result::ok);
                let failure = refused.map_or(failure, |status| Failure::Refused {
                    status,
                    stderr: String::new(),
                });
                Err(qemu.explain(failure))
            }
        }
    }

    /// Greetings and capabilities; the control session may run commands out of band, on the monitor's thread.
    fn negotiate(&mut self) -> Result<(), Failure> {
        let limit = Limit::new("greeting");
        let gone = || Failure::qemu("QEMU ended while it started");
        let greeting = self.qmp.next(limit)?.ok_or_else(gone)?.value;
        self.greeting = greeting
            .get("QMP")
            .cloned()
            .ok_or_else(|| Failure::qemu(format!("not the greeting of a QMP server: {greeting}")))?;
        self.control.next(limit)?.ok_or_else(gone)?;
        let control = r#"{"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}"#;
        self.control.ask(control)?.ok_or_else(gone)?;
        self.qmp
            .ask(r#"{"execute": "qmp_capabilities"}"#)?
            .ok_or_else(gone)?;
        Ok(())
    }

    /// The version in the greeting: major, minor, micro.
    #[must_use]
    pub fn version(&self) -> Option<(u64, u64, u64)> {
        let version = self.greeting.get("version")?.get("qemu")?;
        let number = |name| version.get(name).and_then(Value::as_u64);
        Some((number("major")?, number("minor")?, number("micro")?))
    }

    /// Where QEMU runs.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The process, which is the main loop's thread too.
    #[must_use]
    pub fn pid(&self) -> Pid {
        pid_of(&self.child)
    }

    /// What QEMU has written on its standard error.
    #[must_use]
    pub fn stderr(&self) -> String {
        read_stderr(self.directory.path())
    }

    /// The failure, with what QEMU says about it.
    #[must_use]
    pub fn explain(&self, failure: Failure) -> Failure {
        failure.with_stderr(&self.stderr())
    }

    /// Sends a signal.
    ///
    /// # Errors
    ///
    /// When there is no such process any more.
    pub fn signal(&self, signal: Signal) -> Result<(), Failure> {
        kill(self.pid(), signal).map_err(|error| Failure::qemu(format!("cannot send {signal}: {error}")))
    }

    /// Connects to a socket in the directory on which QEMU listens.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub fn connect(&self, name: &str) -> Result<Wire, Failure> {
        UnixStream::connect(self.directory.path().join(name))
            .and_then(Wire::new)
            .map_err(|error| Failure::qemu(format!("cannot connect to QEMU's socket {name}: {error}")))
    }

    /// Waits until the monitor's thread has read everything that was sent on the QMP sockets: an out-of-band command
    /// is answered by that thread, and the second one in a later turn than the first. The main loop is not needed.
    ///
    /// # Errors
    ///
    /// When QEMU does not answer.
    pub fn monitor_barrier(&mut self) -> Result<(), Failure> {
        for _ in 0..2 {
            self.control
                .ask(r#"{"exec-oob": "yank", "arguments": {"instances": []}}"#)?;
        }
        Ok(())
    }

    /// The run state, by the control session; `None` when QEMU is gone.
    ///
    /// # Errors
    ///
    /// When QEMU does not answer.
    pub fn status(&mut self) -> Result<Option<String>, Failure> {
        self.asked(r#"{"execute": "query-status"}"#)
    }

    /// The status of the migration, by the control session.
    ///
    /// # Errors
    ///
    /// When QEMU does not answer.
    pub fn migration_status(&mut self) -> Result<Option<String>, Failure> {
        self.asked(r#"{"execute": "query-migrate"}"#)
    }

    /// Whether a migration is registered with yank, by the control session.
    ///
    /// # Errors
    ///
    /// When QEMU does not answer.
    pub fn migration_is_yankable(&mut self) -> Result<bool, Failure> {
        let answer = self.control.ask(r#"{"execute": "query-yank"}"#)?;
        let instances = answer
            .as_ref()
            .and_then(|answer| answer.get("return")?.as_array());
        let is_migration =
            |instance: &Value| instance.get("type").and_then(Value::as_str) == Some("migration");
        Ok(instances.into_iter().flatten().any(is_migration))
    }

    /// The threads of the vCPUs, in their order; none before the machine is there, or when QEMU is gone.
    ///
    /// # Errors
    ///
    /// When QEMU does not answer.
    pub fn vcpu_threads(&mut self) -> Result<&[i64], Failure> {
        if self.vcpus.is_empty() {
            self.vcpus = self.ask_vcpus()?;
        }
        Ok(&self.vcpus)
    }

    fn ask_vcpus(&mut self) -> Result<Vec<i64>, Failure> {
        let answer = self.control.ask(r#"{"execute": "query-cpus-fast"}"#)?;
        let vcpus = answer
            .as_ref()
            .and_then(|answer| answer.get("return")?.as_array());
        let thread = |vcpu: &Value| vcpu.get("thread-id")?.as_i64();
        Ok(vcpus.into_iter().flatten().filter_map(thread).collect())
    }

    /// Waits until a thread of QEMU sleeps, as a vCPU does that has stopped itself: it waits for a futex, and still does
    /// a moment later.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub fn until_asleep(&self, thread: i64) -> Result<(), Failure> {
        let path = format!("/proc/{}/task/{thread}/syscall", self.pid());
        let limit = Limit::new("sleep of a vCPU that has stopped itself");
        let mut before = String::new();
        loop {
            let now = fs::read_to_string(&path)
                .map_err(|error| Failure::qemu(format!("cannot look at a vCPU's thread: {error}")))?;
            if now == before && now.starts_with(|first: char| first.is_ascii_digit()) {
                return Ok(());
            }
            before = now;
            limit.check()?;
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    fn asked(&mut self, query: &str) -> Result<Option<String>, Failure> {
        let answer = self.control.ask(query)?;
        let status = answer
            .as_ref()
            .and_then(|answer| answer.get("return")?.get("status")?.as_str());
        Ok(status.map(str::to_owned))
    }

    /// Whether QEMU has ended, and how.
    ///
    /// # Errors
    ///
    /// When the system cannot say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        reap(&mut self.child).map_err(|error| Failure::qemu(format!("cannot wait for QEMU: {error}")))
    }

    /// Waits for QEMU's end.
    ///
    /// # Errors
    ///
    /// When it does not come.
    pub fn wait(&mut self) -> Result<ExitStatus, Failure> {
        let limit = Limit::new("end, though its sockets are closed");
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            limit.check()?;
            std::thread::sleep(Duration::from_micros(500));
        }
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        end(&mut self.child, self.directory.path());
    }
}

/// Kills QEMU and the processes that it began for `exec:`, unless that has been done.
fn end(child: &mut Child, directory: &Path) {
    if matches!(reap(child), Ok(None)) {
        kill_group(child);
        let _ = child.wait();
    }
    release_fifo(&directory.join("state"));
}

/// How QEMU has ended, if it has. What it began ends with it, before its process id is free for another.
fn reap(child: &mut Child) -> std::io::Result<Option<ExitStatus>> {
    use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    // It was reaped before when there is no such child.
    let seen = waitid(Id::Pid(pid_of(child)), flags);
    if seen.is_ok_and(|status| status != WaitStatus::StillAlive) {
        kill_group(child);
    }
    child.try_wait()
}

/// QEMU and what it began are a process group of their own.
fn kill_group(child: &Child) {
    // It is there: QEMU is not reaped yet.
    let _ = killpg(pid_of(child), Signal::SIGKILL);
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a process id fits a pid_t"))
}

/// Whoever waits for the other end of the FIFO sees an end of file.
pub fn release_fifo(path: &Path) {
    let is_fifo = fs::symlink_metadata(path)
        .is_ok_and(|data| std::os::unix::fs::FileTypeExt::is_fifo(&data.file_type()));
    if is_fifo {
        let _ = File::options()
            .read(true)
            .write(true)
            .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
            .open(path);
    }
}

fn read_stderr(directory: &Path) -> String {
    let bytes = fs::read(directory.join("stderr")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A QEMU that has not connected to us yet.
struct Starting {
    child: Child,
    directory: TempDir,
}

impl Starting {
    fn accept(&mut self, listener: &UnixListener) -> Result<Wire, Failure> {
        let cannot = |error| Failure::qemu(format!("cannot accept QEMU's connection: {error}"));
        listener.set_nonblocking(true).map_err(cannot)?;
        let limit = Limit::new("connection to our sockets");
        loop {
            match listener.accept() {
                Ok((stream, _)) => return Wire::new(stream).map_err(cannot),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(cannot(error)),
            }
            if let Ok(Some(status)) = reap(&mut self.child) {
                return Err(Failure::Refused {
                    status,
                    stderr: String::new(),
                });
            }
            limit.check()?;
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn end(mut self, failure: Failure) -> Failure {
        end(&mut self.child, self.directory.path());
        failure.with_stderr(&read_stderr(self.directory.path()))
    }
}

fn cannot_run(program: &Path, error: &std::io::Error) -> Failure {
    let program = program.display();
    if error.kind() == ErrorKind::NotFound {
        Failure::qemu(format!(
            "there is no program {program}; `--qemu` names a qemu-system-x86_64"
        ))
    } else {
        Failure::qemu(format!("cannot run {program}: {error}"))
    }
}

/// A command that the kernel kills when we die, where util-linux can arrange that.
fn command(program: &Path) -> Command {
    let setpriv = PathBuf::from("/usr/bin/setpriv");
    if program.exists() && setpriv.exists() {
        let mut command = Command::new(setpriv);
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        return command;
    }
    Command::new(program)
}
