//! What all runs of one QEMU share: the program, the firmware, disks and streams that are made once.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::failure::Failure;
use super::firmware::Firmware;
use super::machine::Machine;
use super::qemu::Qemu;
use super::stream;

/// A QEMU to run scenarios with.
#[derive(Debug)]
pub struct Bench {
    program: PathBuf,
    directory: TempDir,
    accelerators: Vec<String>,
    breakpoints: [u32; 4],
    streams: Mutex<HashMap<String, Arc<Vec<u8>>>>,
    /// Made when first needed.
    pub(super) disks: Mutex<HashMap<String, Arc<PathBuf>>>,
}

impl Bench {
    /// Looks at the program and prepares what it needs.
    ///
    /// # Errors
    ///
    /// When there is no such program, or it is no QEMU.
    pub fn new(program: &Path) -> Result<Self, Failure> {
        let program = find(program)?;
        let output = Command::new(&program)
            .args(["-accel", "help"])
            .output()
            .map_err(|error| Failure::qemu(format!("cannot run {}: {error}", program.display())))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut lines = text.lines();
        if !output.status.success()
            || !lines
                .next()
                .is_some_and(|line| line.starts_with("Accelerators supported"))
        {
            let what = format!(
                "{} is no QEMU: it does not answer `-accel help`",
                program.display()
            );
            return Err(Failure::qemu(what).with_stderr(&String::from_utf8_lossy(&output.stderr)));
        }
        let cannot = |error| Failure::qemu(format!("cannot prepare the guest: {error}"));
        let directory = tempfile::Builder::new()
            .prefix("runstate-bench-")
            .tempdir()
            .map_err(cannot)?;
        let firmware = Firmware::assemble();
        fs::write(directory.path().join("firmware"), &firmware.image).map_err(cannot)?;
        Ok(Self {
            program,
            directory,
            accelerators: lines.map(|line| line.trim().to_owned()).collect(),
            breakpoints: firmware.breakpoints,
            streams: Mutex::default(),
            disks: Mutex::default(),
        })
    }

    /// Whether QEMU was built with this accelerator.
    #[must_use]
    pub fn has_accelerator(&self, name: &str) -> bool {
        let usable = name != "kvm"
            || fs::File::options()
                .read(true)
                .write(true)
                .open("/dev/kvm")
                .is_ok();
        usable && self.accelerators.iter().any(|accelerator| accelerator == name)
    }

    /// Where the guest's instructions for breakpoints are.
    #[must_use]
    pub const fn breakpoints(&self) -> [u32; 4] {
        self.breakpoints
    }

    /// The version that QEMU's greeting names: major, minor, micro.
    ///
    /// # Errors
    ///
    /// When QEMU does not start.
    pub fn version(&self) -> Result<(u64, u64, u64), Failure> {
        let machine = Machine {
            options: ["-accel", "tcg", "-S"].map(str::to_owned).to_vec(),
            vcpus: 1,
            disk: false,
            errors: None,
            debugger: false,
        };
        let qemu = self.launch(&machine, None, false)?;
        let version = qemu.version();
        version.ok_or_else(|| Failure::qemu("QEMU's greeting names no version"))
    }

    /// The program.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The firmware's file.
    #[must_use]
    pub fn firmware(&self) -> PathBuf {
        self.directory.path().join("firmware")
    }

    /// Where lasting files go.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts a QEMU. Its directory gets the FIFO `state` if it is to read a stream, and the disk.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub fn launch(&self, machine: &Machine, disk: Option<&Path>, fifo: bool) -> Result<Qemu, Failure> {
        Qemu::launch(&self.program, &self.firmware(), machine, &|directory| {
            if let Some(disk) = disk {
                fs::copy(disk, directory.join("disk.qcow2"))?;
            }
            if fifo {
                let mode = nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR;
                nix::unistd::mkfifo(&directory.join("state"), mode)?;
            }
            Ok(())
        })
    }

    /// A stream of a machine like this that never ran.
    ///
    /// # Errors
    ///
    /// When QEMU does not write one.
    pub fn stream(&self, machine: &Machine, disk: Option<&Path>) -> Result<Arc<Vec<u8>>, Failure> {
        let key = format!("{:?}", machine.source(&[]));
        let mut streams = self.streams.lock().expect("no thread panics with the lock");
        if let Some(stream) = streams.get(&key) {
            return Ok(Arc::clone(stream));
        }
        let made = stream::template(&self.program, &self.firmware(), machine, &|directory| {
            if let Some(disk) = disk {
                fs::copy(disk, directory.join("disk.qcow2"))?;
            }
            Ok(())
        })?;
        let made = Arc::new(made);
        streams.insert(key, Arc::clone(&made));
        Ok(made)
    }
}

/// The program's path: as it is, or from PATH.
fn find(program: &Path) -> Result<PathBuf, Failure> {
    if program.components().count() > 1 {
        if program.is_file() {
            return program
                .canonicalize()
                .map_err(|error| Failure::qemu(format!("cannot find {}: {error}", program.display())));
        }
    } else if let Some(paths) = std::env::var_os("PATH") {
        for directory in std::env::split_paths(&paths) {
            let candidate = directory.join(program);
            if candidate.is_file() {
                return Ok(candidate);
            }
        }
    }
    Err(Failure::qemu(format!(
        "there is no program {}; `--qemu` names a qemu-system-x86_64",
        program.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_program_is_named() {
        let failure = Bench::new(Path::new("/nonexistent/qemu")).expect_err("there is none");
        assert_eq!(
            failure.to_string(),
            "there is no program /nonexistent/qemu; `--qemu` names a qemu-system-x86_64"
        );
    }

    #[test]
    fn another_program_is_not_taken_for_qemu() {
        let failure = Bench::new(Path::new("false")).expect_err("it is no QEMU");
        assert!(failure.to_string().contains("is no QEMU"), "{failure}");
    }
}
