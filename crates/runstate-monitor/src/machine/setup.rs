//! How a machine is set up: QEMU's options, and what they do not say.

use std::collections::BTreeMap;

use runstate::{Actions, IncomingOption, Launch, Load, Machine as CoreMachine, Release, RunState, Thread};

use super::{Clock, Snapshot};
use crate::{
    options::{Accelerator, BadOptions, Incoming, MachineFamily, Options, Report},
    scenario::{IoErrors, With},
};

/// Everything about a machine that does not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Which QEMU.
    pub release: Release,
    /// QEMU's options.
    pub options: Options,
    /// The thread on which guest actions run.
    pub thread: Thread,
    /// The machine's abilities.
    pub machine: CoreMachine,
    /// The snapshots that the disk holds at launch, with the run state in which each was saved.
    pub snapshots: Vec<(String, RunState)>,
    /// Whether a retried request is served.
    pub io_errors: IoErrors,
    /// `-name`
    pub name: Option<String>,
    /// `-uuid`
    pub uuid: Option<String>,
}

/// Why a machine cannot be set up: QEMU refuses its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupError(pub BadOptions);

impl Setup {
    /// A machine as QEMU's words for it say, `arguments` being those after the program's name.
    ///
    /// # Errors
    ///
    /// What QEMU refuses. It exits with status 1 then.
    pub fn parse(release: Release, arguments: &[String]) -> Result<Self, SetupError> {
        let mut no_files =
            |name: &str| Err(std::io::Error::new(std::io::ErrorKind::NotFound, name.to_owned()));
        let options = Options::parse(arguments, release, &mut no_files).map_err(SetupError)?;
        Ok(Self::new(release, options))
    }

    /// A machine as the options say.
    #[must_use]
    pub fn new(release: Release, options: Options) -> Self {
        let acpi = match options.machine_family() {
            MachineFamily::Pc | MachineFamily::Q35 => true,
            MachineFamily::Other | MachineFamily::None => false,
        };
        let machine = CoreMachine {
            wakeup_support: acpi,
            nmi: acpi,
            snapshot_disk: options.can_snapshot(),
            notify_vmexit: options.notify_vmexit,
            ..CoreMachine::DEFAULT
        };
        let thread = if options.accelerator() == Accelerator::Qtest {
            Thread::MainLoop
        } else {
            Thread::Vcpu
        };
        Self {
            release,
            thread,
            machine,
            snapshots: Vec::new(),
            io_errors: IoErrors::Once,
            name: options.name.clone(),
            uuid: options.uuid.clone(),
            options,
        }
    }

    /// Something that the options do not say.
    pub fn apply(&mut self, with: &With) {
        match with {
            With::Disk => self.machine.snapshot_disk = true,
            With::IoErrors(io_errors) => self.io_errors = *io_errors,
            // How many vCPUs act is for whoever makes the guest act.
            With::Vcpus(_) => {}
            With::Snapshot { tag, status } => {
                self.machine.snapshot_disk = true;
                self.snapshots.push((tag.clone(), *status));
            }
            With::CpusNotResettable => self.machine.cpus_resettable = false,
            With::WakeupOff => self.machine.wakeup_support = false,
            With::NmiOff => self.machine.nmi = false,
        }
    }

    /// What of it the core has to know.
    #[must_use]
    pub fn launch(&self) -> Launch {
        let options = &self.options;
        Launch {
            release: self.release,
            actions: Actions::new(options.reboot, options.shutdown, options.panic, options.watchdog),
            autostart: options.autostart,
            preconfig: options.preconfig,
            incoming: match options.incoming {
                None => IncomingOption::None,
                Some(Incoming::Defer) => IncomingOption::Defer,
                Some(_) => IncomingOption::Uri,
            },
            loadvm: options.loadvm.as_deref().map(|tag| self.load(tag)),
            thread: self.thread,
            machine: self.machine,
        }
    }

    /// Why QEMU would give up before its main loop, in its words on stderr: a `-loadvm` that fails.
    ///
    /// `load_snapshot()`, migration/savevm.c.
    #[must_use]
    pub fn failure(&self) -> Option<Report> {
        let tag = self.options.loadvm.as_deref()?;
        let words = match self.load(tag) {
            Load::Found { .. } => return None,
            Load::Missing => format!("Snapshot '{tag}' does not exist in one or more devices"),
            Load::NoDisk => match self.options.disks.iter().find(|disk| !disk.read_only) {
                Some(disk) => format!(
                    "Device '{}' is writable but does not support snapshots",
                    disk.name
                ),
                None => "no block device can store vmstate for snapshot".to_owned(),
            },
        };
        Some(Report::error(words))
    }

    /// The snapshots on the disk.
    pub(super) fn snapshots(&self) -> BTreeMap<String, Snapshot> {
        let snapshots = self.snapshots.iter().map(|(tag, status)| {
            let mut clock = Clock::default();
            clock.hear(RunState::Prelaunch, RunState::Running, self.release);
            clock.hear(RunState::Running, *status, self.release);
            let snapshot = Snapshot {
                suspended: *status == RunState::Suspended,
                clock: clock.saved(*status, self.release),
            };
            (tag.clone(), snapshot)
        });
        snapshots.collect()
    }

    fn load(&self, tag: &str) -> Load {
        if !self.machine.snapshot_disk {
            return Load::NoDisk;
        }
        self.snapshots
            .iter()
            .find(|(known, _)| known == tag)
            .map_or(Load::Missing, |(_, status)| Load::Found {
                suspended: *status == RunState::Suspended,
            })
    }
}
