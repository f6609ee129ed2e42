//! `qemu-system-runstate` from outside: what it opens, what it says, how it ends.

mod faults;
mod fleet;
mod flood;
mod monitor_objects;
mod process;
mod qtest;
mod sockets;

use core::time::Duration;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

/// A directory with a stand-in in it.
pub(crate) struct Room {
    pub(crate) dir: tempfile::TempDir,
}

/// A running stand-in; it is killed when it is dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
}

/// A QMP client that has been greeted.
pub(crate) struct Client {
    stream: UnixStream,
    lines: BufReader<UnixStream>,
}

/// Long enough for a loaded machine; what takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_qemu-system-runstate");

impl Room {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a directory"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A command line, `{}` being the directory.
    pub(crate) fn command(&self, line: &str) -> Command {
        let dir = self.dir.path().display().to_string();
        let mut command = Command::new(BINARY);
        command.args(line.split_whitespace().map(|word| word.replace("{}", &dir)));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("RUNSTATE_") {
                command.env_remove(name);
            }
        }
        command
    }

    pub(crate) fn start(&self, line: &str) -> Running {
        Running {
            child: self.command(line).spawn().expect("the stand-in starts"),
        }
    }

    pub(crate) fn output(&self, line: &str) -> Output {
        self.command(line).output().expect("the stand-in starts")
    }

    /// Connects as soon as there is a socket.
    pub(crate) fn connect(&self, name: &str) -> UnixStream {
        connect(&self.path(name))
    }

    /// A client that has read the greeting.
    pub(crate) fn client(&self, name: &str) -> Client {
        Client::new(self.connect(name))
    }

    /// A client that has negotiated.
    pub(crate) fn negotiated(&self, name: &str) -> Client {
        let mut client = self.client(name);
        assert_eq!(client.ask("qmp_capabilities"), [r#"{"return": {}}"#]);
        client
    }
}

pub(crate) fn connect(path: &Path) -> UnixStream {
    let tries = 4000;
    for _ in 0..tries {
        if let Ok(stream) = UnixStream::connect(path) {
            stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            return stream;
        }
        std::thread::sleep(PATIENCE / tries);
    }
    panic!("nobody listens on {}", path.display());
}

impl Running {
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("a process id"), signal).expect("it lives");
    }

    /// Waits for its end and gives what it said on stderr.
    pub(crate) fn finish(mut self) -> (ExitStatus, String) {
        let mut stderr = String::new();
        if let Some(mut pipe) = self.child.stderr.take() {
            pipe.read_to_string(&mut stderr).expect("text");
        }
        (self.child.wait().expect("it is our child"), stderr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Client {
    pub(crate) fn new(stream: UnixStream) -> Self {
        let lines = BufReader::new(stream.try_clone().expect("a descriptor"));
        let mut client = Self { stream, lines };
        let greeting = client.line().expect("a greeting");
        assert!(greeting.starts_with(r#"{"QMP": {"version""#), "{greeting}");
        client
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the stand-in reads");
    }

    /// The next message, without its line end; nothing at the end of file.
    pub(crate) fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).expect("a message in time");
        if read == 0 {
            return None;
        }
        Some(
            line.strip_suffix("\r\n")
                .expect("messages end in CR LF")
                .to_owned(),
        )
    }

    /// What is said up to the reply of a command without arguments, timestamps taken out.
    pub(crate) fn ask(&mut self, command: &str) -> Vec<String> {
        self.ask_message(&format!("{{\"execute\": \"{command}\"}}"))
    }

    pub(crate) fn ask_message(&mut self, message: &str) -> Vec<String> {
        self.send(message.as_bytes());
        let mut said = Vec::new();
        loop {
            let line = self.line().expect("a reply");
            let is_event = line.contains("\"event\": ");
            said.push(without_timestamp(&line));
            if !is_event {
                return said;
            }
        }
    }

    /// Everything up to the end of file.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        core::iter::from_fn(|| self.line())
            .map(|line| without_timestamp(&line))
            .collect()
    }
}

pub(crate) fn without_timestamp(line: &str) -> String {
    match line.split_once("}, \"event\"") {
        Some((head, tail)) if head.starts_with("{\"timestamp\"") => format!("{{\"event\"{tail}"),
        _ => line.to_owned(),
    }
}
