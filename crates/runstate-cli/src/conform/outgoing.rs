//! The outgoing migration: held back until the scenario says that it goes on, broken, waited for.
//!
//! What comes out of `exec:cat > NAME` is held by a FIFO of that name, which nobody reads: the guest's memory is made to be more
//! than the pipe to the shell takes. What goes anywhere else is held by its bandwidth, which since 8.2 is a weak hold: only what
//! has left QEMU's buffer counts (`qemu_fflush()`, migration/qemu-file.c; `migration_rate_exceeded()`,
//! migration/migration-stats.c).

use std::fs::File;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use runstate::Host;
use runstate_qmp::Value;

use super::drive::Driver;
use super::failure::Failure;
use super::qemu::release_fifo;
use super::script::{Act, undrivable};
use super::wire::Limit;

/// The statuses of a migration that is over.
const OVER: [&str; 3] = ["completed", "failed", "cancelled"];

/// What the driver knows about the migration that goes out.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// The FIFO that holds it back.
    held: Option<PathBuf>,
    /// The migration that began last had no FIFO.
    loose: bool,
    /// A stream that went out has taken the name of the one that comes in.
    pub(super) took_state: bool,
    /// The migration that is cancelled has never begun.
    stuck: bool,
    /// The pause before its switchover is over.
    continued: bool,
}

impl Driver<'_> {
    /// Before a command of the scenario is sent.
    pub(super) fn before_command(&mut self, command: &Value) -> Result<(), Failure> {
        match executed(command) {
            Some("migrate_cancel") => {
                // One that never begins is not wound up either.
                self.outgoing.stuck = self.qemu.migration_status()?.as_deref() == Some("setup");
            }
            Some("migrate") => self.hold_back(command)?,
            Some("migrate-continue") if self.waits()? => match self.next() {
                Some(Act::Host(Host::MigrationConverges, _)) => {}
                // Broken before it goes on: what is left of it would fit into the pipe.
                Some(Act::Host(Host::MigrationFails, _)) => self.kill_takers(),
                Some(_) | None => {
                    return undrivable(
                        "a migration that does not go on at once after its pause: nothing holds it back",
                    );
                }
            },
            Some(_) | None => {}
        }
        Ok(())
    }

    /// After a command of the scenario has been answered, and not with an error: a migration takes its time to begin, and one
    /// that was cancelled to end.
    pub(super) fn after_command(&mut self, command: &Value) -> Result<(), Failure> {
        match executed(command) {
            Some("migrate-continue") => {
                self.outgoing.continued = true;
                Ok(())
            }
            Some("migrate") => {
                self.outgoing.continued = false;
                self.outgoing.loose = self.outgoing.held.is_none();
                let limit = Limit::new("beginning of a migration");
                while self.qemu.migration_status()?.as_deref() == Some("setup") {
                    limit.check()?;
                }
                Ok(())
            }
            Some("migrate_cancel") if self.outgoing.stuck => Ok(()),
            Some("migrate_cancel") => {
                // Its thread writes to the pipe, and does not hear of it before it has written.
                self.let_go();
                self.until_migration(&["cancelled", "completed", "failed"])
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the scenario's next step is that the migration breaks, right after this one.
    pub(super) fn breaks_next(&self) -> bool {
        matches!(self.next(), Some(Act::Host(Host::MigrationFails, _)))
    }

    fn next(&self) -> Option<&Act> {
        self.script.steps.get(self.step + 1).map(|step| &step.act)
    }

    /// Whether a migration waits before its switchover.
    fn waits(&mut self) -> Result<bool, Failure> {
        Ok(self.qemu.migration_status()?.as_deref() == Some("pre-switchover"))
    }

    /// Whether a migration is on its way that only its bandwidth holds back.
    pub(super) fn is_loosely_held(&mut self) -> Result<bool, Failure> {
        let newer = self.qemu.version().is_some_and(|(major, ..)| major >= 8);
        if !newer || !self.outgoing.loose {
            return Ok(false);
        }
        let status = self.qemu.migration_status()?;
        Ok(matches!(status.as_deref(), Some("setup" | "active")))
    }

    /// A migration that begins is held back until the scenario says that it converges.
    fn hold_back(&mut self, command: &Value) -> Result<(), Failure> {
        let status = self.qemu.migration_status()?;
        let idle = status.is_none_or(|status| status == "none" || OVER.contains(&&*status));
        if self.qemu.status()?.as_deref() == Some("inmigrate") || !idle {
            // It is refused.
            return Ok(());
        }
        self.pace(10, 0)?;
        self.qemu.guest.fill_memory()?;
        let state = self.qemu.directory().join("state");
        let fifo = fifo_of(command).map(|name| self.qemu.directory().join(name));
        // An incoming stream does not come any more; the name is for the one that goes out.
        free_name(&state);
        if let Some(path) = &fifo {
            free_name(path);
            self.outgoing.took_state |= *path == state;
            mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR)
                .map_err(|error| Failure::qemu(format!("cannot make {}: {error}", path.display())))?;
        }
        self.outgoing.held = fifo;
        Ok(())
    }

    /// Reads what is held back, to its end.
    fn let_go(&mut self) {
        if let Some(path) = self.outgoing.held.take() {
            // It waits for whoever writes. If nobody ever does, the end of this QEMU lets it go.
            std::thread::spawn(move || {
                if let Ok(mut file) = File::open(path) {
                    // A reader that goes early breaks nothing that is not over.
                    let _ = std::io::copy(&mut file, &mut std::io::sink());
                }
            });
        }
    }

    /// Bytes a second, of which QEMU sends at least a page in each tenth of one; and how many milliseconds may be left for
    /// the switchover: with none it comes when nothing is left at all.
    fn pace(&mut self, bandwidth: u64, downtime: u64) -> Result<(), Failure> {
        let command = format!(
            r#"{{"execute": "migrate-set-parameters", "arguments": {{"max-bandwidth": {bandwidth}, "downtime-limit": {downtime}}}}}"#
        );
        // Not before the machine is there, when there is no migration either.
        self.qemu.control.ask(&command).map(|_| ())
    }

    /// The migration goes on as far as it can.
    pub(super) fn converge(&mut self) -> Result<(), Failure> {
        self.pace(1 << 40, 300)?;
        self.let_go();
        // Its thread may not yet have left the pause.
        let ends = if self.outgoing.continued {
            &OVER[..]
        } else {
            &["completed", "failed", "cancelled", "pre-switchover"]
        };
        self.until_migration(ends)?;
        if self.qemu.migration_status()?.as_deref() == Some("completed") {
            let limit = Limit::new("end of a migration that is completed");
            while self.qemu.status()?.as_deref() == Some("finish-migrate") {
                limit.check()?;
            }
        }
        Ok(())
    }

    /// Waits for a status of the migration; none of them when there is none, or QEMU is gone. One that is over has also been
    /// cleaned up, which the main loop does later: until then another is refused (`migrate_fd_cleanup()`,
    /// migration/migration.c).
    fn until_migration(&mut self, statuses: &[&str]) -> Result<(), Failure> {
        let limit = Limit::new("progress of the migration");
        while let Some(status) = self.qemu.migration_status()? {
            let over = OVER.contains(&&*status);
            if statuses.contains(&&*status) && !(over && self.qemu.migration_is_yankable()?) {
                break;
            }
            limit.check()?;
            std::thread::sleep(core::time::Duration::from_millis(1));
        }
        Ok(())
    }

    /// Waits for the end of the migration that comes in. An outgoing one that was refused too late, and is being set up for ever,
    /// hides its status (`qmp_query_migrate()`, migration/migration.c); what it has registered with yank is gone at its end
    /// (`migration_incoming_state_destroy()`).
    pub(super) fn until_incoming_ends(&mut self) -> Result<(), Failure> {
        let limit = Limit::new("progress of the incoming migration");
        while let Some(status) = self.qemu.migration_status()? {
            let hidden = status == "setup" && !self.qemu.migration_is_yankable()?;
            if hidden || matches!(&*status, "completed" | "failed") {
                break;
            }
            limit.check()?;
            std::thread::sleep(core::time::Duration::from_millis(1));
        }
        Ok(())
    }

    /// The other end breaks, which the next page finds out. It has done so before where the migration waited.
    pub(super) fn break_migration(&mut self) -> Result<(), Failure> {
        self.kill_takers();
        self.until_migration(&["failed", "completed", "cancelled"])
    }

    /// Ends the processes that take the outgoing stream.
    fn kill_takers(&mut self) {
        self.outgoing.held = None;
        for child in descendants(self.qemu.pid().as_raw()) {
            // Gone already, perhaps: it ends with its parent's pipe.
            let _ = nix::sys::signal::kill(Pid::from_raw(child), Signal::SIGKILL);
        }
    }
}

/// The file of `exec:cat > FILE`, in QEMU's own directory.
fn fifo_of(command: &Value) -> Option<&str> {
    let uri = command.get("arguments")?.get("uri")?.as_str()?;
    let name = uri.strip_prefix("exec:cat > ")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (!name.is_empty() && name.bytes().all(plain)).then_some(name)
}

fn free_name(path: &Path) {
    release_fifo(path);
    // There is none, most of the time.
    let _ = std::fs::remove_file(path);
}

/// The processes that a process has begun, and theirs: the shell of `exec:` and what it runs.
fn descendants(pid: i32) -> Vec<i32> {
    let mut found = Vec::new();
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
    for task in tasks.into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|word| word.parse().ok()) {
            found.push(child);
            found.extend(descendants(child));
        }
    }
    found
}

/// The command's name.
fn executed(command: &Value) -> Option<&str> {
    command.get("execute")?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifo_stands_where_the_shell_would_write_a_file() {
        let file = |uri: &str| {
            let text = format!(r#"{{"execute": "migrate", "arguments": {{"uri": "{uri}"}}}}"#);
            let command: Value = text.parse().expect("JSON");
            fifo_of(&command).map(str::to_owned)
        };
        assert_eq!(file("exec:cat > state").as_deref(), Some("state"));
        for other in [
            "exec:cat > /dev/null",
            "exec:false",
            "tcp:127.0.0.1:1",
            "exec:cat > ",
            "exec:cat > a b",
        ] {
            assert_eq!(file(other), None, "{other}");
        }
    }
}
