//! `-daemonize`, and the pidfile.
//!
//! QEMU forks. A process that may not run unsafe code cannot; it starts itself again in a new session, and leaves when
//! that one says that it is ready.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::process::setsid;
use rustix::stdio::{dup2_stderr, dup2_stdout};

/// The variable that tells the second process what it is.
const STAGE: &str = "RUNSTATE_DAEMON_STAGE";

/// What the daemon says when it is ready.
const READY: &[u8] = b"r";

/// Whether this is the process that stays.
pub(crate) fn is_daemon() -> bool {
    std::env::var_os(STAGE).is_some()
}

/// Starts the daemon and waits until it is ready, or until it failed, as it said on stderr itself.
pub(crate) fn start(arguments: &[String]) -> io::Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;

    let mut command = Command::new(std::env::current_exe()?);
    if let Some((program, rest)) = arguments.split_first() {
        command.arg0(program).args(rest);
    }
    let mut daemon = command
        .env(STAGE, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut said = Vec::new();
    if let Some(mut stdout) = daemon.stdout.take() {
        let mut byte = [0];
        if stdout.read(&mut byte)? > 0 {
            said.push(byte[0]);
        }
    }
    if said == READY {
        return Ok(ExitCode::SUCCESS);
    }
    daemon.wait()?;
    Ok(ExitCode::FAILURE)
}

/// Becomes the leader of a session of its own.
pub(crate) fn detach() {
    // It fails only for one that is a leader already.
    let _ = setsid();
}

/// Says that all is set up, and lets go of the terminal. `os_setup_post()`, os-posix.c.
pub(crate) fn ready(keep_stderr: bool) -> io::Result<()> {
    let mut stdout = io::stdout();
    stdout.write_all(READY)?;
    stdout.flush()?;
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    dup2_stdout(&null)?;
    if !keep_stderr {
        dup2_stderr(&null)?;
    }
    std::env::set_current_dir("/")
}

/// The file with the process id, locked as long as the process lives and removed at its end.
#[derive(Debug)]
pub(crate) struct Pidfile {
    path: PathBuf,
    _lock: File,
}

impl Pidfile {
    /// `qemu_write_pidfile()`, util/oslib-posix.c.
    pub(crate) fn write(path: &str) -> Result<Self, String> {
        let reason = |error: &io::Error| super::open::reason(error);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path);
        let mut file = file.map_err(|error| format!("Could not create '{path}': {}", reason(&error)))?;
        let locked = fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive);
        locked.map_err(|error| format!("Could not lock '{path}': {}", reason(&error.into())))?;
        let written = file
            .set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(|error| format!("Failed to write pid to '{path}': {}", reason(&error)))?;
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| Path::new(path).to_owned());
        Ok(Self { path, _lock: file })
    }
}

impl Drop for Pidfile {
    fn drop(&mut self) {
        // Somebody may have removed it.
        let _ = std::fs::remove_file(&self.path);
    }
}
