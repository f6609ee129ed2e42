//! QEMU's command line, as its users write it.
//!
//! [`Options::parse`] takes the words after the program's name and answers with what matters to a stand-in, in the order
//! and with the words of QEMU's own refusals. What exists but does not matter is remembered in [`Options::ignored`].
//! Nothing is opened: where a configuration file is named, the caller reads it.

mod action;
mod chardev;
mod device;
mod disk;
mod finish;
mod incoming;
mod keyval;
mod machine;
mod monitor;
pub(crate) mod object;
mod parse;
mod readconfig;
mod report;
mod table;

use std::io;

use runstate::{NotifyVmexitOption, PanicAction, RebootAction, Release, ShutdownAction, WatchdogAction};

pub use chardev::{Address, Backend, Chardev, Socket};
pub use device::Device;
pub use disk::Disk;
pub use incoming::Incoming;
pub use machine::{Accelerator, MachineFamily};
pub use report::{BadOptions, Report, Severity};
pub use table::{QEMU_OPTIONS, QemuOption};

/// Reads a configuration file that `-readconfig` names.
pub type ReadFile<'a> = &'a mut dyn FnMut(&str) -> io::Result<String>;

/// What QEMU's command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Options {
    /// `-S` was not given: the VM starts by itself.
    pub autostart: bool,
    /// `-preconfig`: the machine is not created before `x-exit-preconfig`.
    pub preconfig: bool,
    /// What a reboot does: `-action reboot=`, `-no-reboot`.
    pub reboot: RebootAction,
    /// What a shutdown does: `-action shutdown=`, `-no-shutdown`.
    pub shutdown: ShutdownAction,
    /// What a guest panic does: `-action panic=`.
    pub panic: PanicAction,
    /// What an expired watchdog does: `-action watchdog=`, `-watchdog-action`.
    pub watchdog: WatchdogAction,
    /// `-incoming`.
    pub incoming: Option<Incoming>,
    /// `-loadvm`: the snapshot to start from.
    pub loadvm: Option<String>,
    /// Every character device, in the order given. Monitors and qtest name them.
    pub chardevs: Vec<Chardev>,
    /// Every monitor: those that are objects (`-object`), then the others, each in the order given.
    pub monitors: Vec<MonitorOption>,
    /// `-qtest`: the id of its character device.
    pub qtest: Option<String>,
    /// `-qtest-log`: a file, or `none`. Absent: stderr.
    pub qtest_log: Option<String>,
    /// The accelerators named, the preferred one first.
    pub accelerators: Vec<String>,
    /// `-accel kvm,notify-vmexit=` (7.2).
    pub notify_vmexit: NotifyVmexitOption,
    /// The machine type, as it was named.
    pub machine: String,
    /// The properties of the machine, as text.
    pub machine_properties: Vec<(String, String)>,
    /// `-cpu`.
    pub cpu: Option<String>,
    /// How many vCPUs there are from the start: `-smp`.
    pub cpus: u32,
    /// The most vCPUs there can be: `-smp maxcpus=`.
    pub max_cpus: u32,
    /// The size of the memory, in bytes: `-m`.
    pub memory: u64,
    /// `-name`.
    pub name: Option<String>,
    /// `-uuid`, in lower case with its dashes.
    pub uuid: Option<String>,
    /// `-pidfile`.
    pub pidfile: Option<String>,
    /// `-daemonize`.
    pub daemonize: bool,
    /// `-D`.
    pub log_file: Option<String>,
    /// `-msg timestamp=on`: messages on stderr carry the time.
    pub message_timestamps: bool,
    /// `-msg guest-name=on`: messages on stderr carry the guest's name.
    pub message_guest_name: bool,
    /// The devices, in the order given, `-watchdog`'s among them.
    pub devices: Vec<Device>,
    /// The ids of the objects of `-object`, in the order given.
    pub objects: Vec<String>,
    /// The disks, in the order given.
    pub disks: Vec<Disk>,
    /// `-run-with exit-with-parent=on`: the death of the parent is a SIGTERM.
    pub exit_with_parent: bool,
    /// `-nodefaults` was not given.
    pub default_devices: bool,
    /// `-nographic`.
    pub nographic: bool,
    /// `-gdb`, or `-s` for `tcp::1234`. Nothing listens there.
    pub gdb: Option<String>,
    /// `-h` or `-version`: print this and exit with status 0.
    pub information: Option<Information>,
    /// What was said about the options on the way.
    pub warnings: Vec<Report>,
    /// The options that QEMU has and that change nothing here, with their arguments.
    pub ignored: Vec<String>,
}

/// A monitor of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitorOption {
    /// The words of the command line that made it.
    pub location: String,
    /// The id of its character device.
    pub chardev: String,
    /// What it speaks.
    pub mode: MonitorMode,
    /// `pretty=on`.
    pub pretty: bool,
    /// Its name among the objects, of which monitors are since 11.1.
    pub id: Option<String>,
    /// `close-action=delete`: it goes with its client, and its character device with it.
    pub deletes_on_close: bool,
}

/// What a monitor speaks. `MonitorMode`, qapi/control.json.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MonitorMode {
    /// HMP, for people.
    Readline,
    /// QMP.
    Control,
}

/// What to print instead of starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Information {
    /// `-h`, `-help`.
    Help,
    /// `-version`.
    Version,
}

impl Options {
    /// Parses the words after the program's name, as `release` does.
    ///
    /// # Errors
    ///
    /// What QEMU refuses it refuses, in the same words; QEMU exits with status 1 then.
    pub fn parse(arguments: &[String], release: Release, read: ReadFile<'_>) -> Result<Self, BadOptions> {
        parse::parse(arguments, release, read)
    }

    /// What `qemu` without any option means.
    #[must_use]
    pub fn new() -> Self {
        Self {
            autostart: true,
            preconfig: false,
            reboot: RebootAction::Reset,
            shutdown: ShutdownAction::Poweroff,
            panic: PanicAction::Shutdown,
            watchdog: WatchdogAction::Reset,
            incoming: None,
            loadvm: None,
            chardevs: Vec::new(),
            monitors: Vec::new(),
            qtest: None,
            qtest_log: None,
            accelerators: Vec::new(),
            notify_vmexit: NotifyVmexitOption::Run,
            machine: "pc".to_owned(),
            machine_properties: Vec::new(),
            cpu: None,
            cpus: 1,
            max_cpus: 1,
            memory: machine::DEFAULT_MEMORY,
            name: None,
            uuid: None,
            pidfile: None,
            daemonize: false,
            log_file: None,
            message_timestamps: false,
            message_guest_name: false,
            devices: Vec::new(),
            objects: Vec::new(),
            disks: Vec::new(),
            exit_with_parent: false,
            default_devices: true,
            nographic: false,
            gdb: None,
            information: None,
            warnings: Vec::new(),
            ignored: Vec::new(),
        }
    }

    /// The accelerator that runs the guest. KVM only where nothing else was named: the host is taken to have none.
    #[must_use]
    pub fn accelerator(&self) -> Accelerator {
        machine::accelerator(&self.accelerators)
    }

    /// The family of the machine, by its type.
    #[must_use]
    pub fn machine_family(&self) -> MachineFamily {
        MachineFamily::of(&self.machine).unwrap_or(MachineFamily::Pc)
    }

    /// Whether there is a disk that can hold snapshots, and none that is written and cannot.
    ///
    /// `bdrv_all_can_snapshot()`, block/snapshot.c: every writable disk has to be able to.
    #[must_use]
    pub fn can_snapshot(&self) -> bool {
        let mut writable = self.disks.iter().filter(|disk| !disk.read_only).peekable();
        writable.peek().is_some() && writable.all(|disk| disk.format == "qcow2")
    }

    /// Whether there is a device of this kind.
    #[must_use]
    pub fn has_device(&self, driver: &str) -> bool {
        self.device(driver).is_some()
    }

    /// The first device of this kind.
    #[must_use]
    pub fn device(&self, driver: &str) -> Option<&Device> {
        self.devices.iter().find(|device| device.driver == driver)
    }

    /// The character device of this id.
    #[must_use]
    pub fn chardev(&self, id: &str) -> Option<&Chardev> {
        self.chardevs.iter().find(|chardev| chardev.id == id)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
