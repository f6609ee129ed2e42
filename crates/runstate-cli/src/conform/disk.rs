//! Disks that can hold snapshots, made once for all runs.

use core::time::Duration;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use runstate::RunState;

use super::bench::Bench;
use super::failure::Failure;
use super::machine::Machine;
use super::ports::{self, Access};
use super::qemu::Qemu;
use super::script::{Script, undrivable};
use super::wire::Limit;

impl Bench {
    /// The disk for a script, if it needs one: empty, or with its snapshots.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn disk(&self, machine: &Machine, script: &Script) -> Result<Option<Arc<PathBuf>>, Failure> {
        if !machine.disk {
            return Ok(None);
        }
        let key = format!("{:?} {:?}", machine.source(&[]), script.snapshots);
        let mut disks = self.disks.lock().expect("no thread panics with the lock");
        if let Some(disk) = disks.get(&key) {
            return Ok(Some(Arc::clone(disk)));
        }
        let path = self.directory().join(format!("disk-{}.qcow2", disks.len()));
        self.make_disk(&path)?;
        for (tag, status) in &script.snapshots {
            self.save(machine, &path, tag, *status)?;
        }
        let path = Arc::new(path);
        disks.insert(key, Arc::clone(&path));
        Ok(Some(path))
    }

    /// `qemu-img` stands beside QEMU.
    fn make_disk(&self, path: &Path) -> Result<(), Failure> {
        let beside = self.program().with_file_name("qemu-img");
        let program = if beside.exists() {
            beside
        } else {
            PathBuf::from("qemu-img")
        };
        let output = Command::new(&program)
            .args(["create", "-q", "-f", "qcow2"])
            .arg(path)
            .arg("16M")
            .output()
            .map_err(|error| Failure::qemu(format!("cannot run {}: {error}", program.display())))?;
        if output.status.success() {
            return Ok(());
        }
        Err(Failure::qemu(format!("{} cannot make a disk", program.display()))
            .with_stderr(&String::from_utf8_lossy(&output.stderr)))
    }

    /// Has a QEMU of this machine save a snapshot in the state, and takes its disk.
    fn save(&self, machine: &Machine, disk: &Path, tag: &str, status: RunState) -> Result<(), Failure> {
        let source = Machine {
            errors: None,
            ..machine.source(&[])
        };
        let mut qemu = self.launch(&source, Some(disk), false)?;
        reach(&mut qemu, status)?;
        let command = format!(
            r#"{{"execute": "human-monitor-command", "arguments": {{"command-line": "savevm {tag}"}}}}"#
        );
        let answer = qemu.control.ask(&command)?;
        let said = answer.as_ref().and_then(|answer| answer.get("return")?.as_str());
        if said != Some("") {
            return Err(qemu.explain(Failure::qemu(format!("QEMU cannot save a snapshot: {said:?}"))));
        }
        qemu.control.ask(r#"{"execute": "quit"}"#)?;
        qemu.wait()?;
        std::fs::copy(qemu.directory().join("disk.qcow2"), disk)
            .map_err(|error| Failure::qemu(format!("cannot keep a disk: {error}")))?;
        Ok(())
    }
}

/// Brings a QEMU that was just started to a state.
fn reach(qemu: &mut Qemu, status: RunState) -> Result<(), Failure> {
    match status {
        RunState::Running => {}
        RunState::Paused => {
            qemu.control.ask(r#"{"execute": "stop"}"#)?;
        }
        RunState::Suspended => {
            qemu.qtest.send_all(&ports::POWER_MANAGEMENT.map(Access::Port))?;
            qemu.qtest.send(&[ports::S3.into()])?;
            qemu.qtest.answers()?;
        }
        RunState::Debug
        | RunState::Inmigrate
        | RunState::InternalError
        | RunState::IoError
        | RunState::Postmigrate
        | RunState::Prelaunch
        | RunState::FinishMigrate
        | RunState::RestoreVm
        | RunState::SaveVm
        | RunState::Shutdown
        | RunState::Watchdog
        | RunState::GuestPanicked
        | RunState::Colo => {
            return undrivable("a snapshot of a VM that was neither running nor paused nor suspended");
        }
    }
    let limit = Limit::new("state for a snapshot");
    while qemu.status()?.as_deref() != Some(status.name()) {
        limit.check()?;
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
