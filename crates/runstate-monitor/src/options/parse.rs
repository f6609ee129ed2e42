//! The passes over the command line. `qemu_init()`, system/vl.c.

use runstate::Release;

use super::keyval::{self, Keys, Kind, Pairs, Syntax};
use super::readconfig::Section;
use super::report::{BadOptions, Report};
use super::table::QemuOption;
use super::{
    Disk, Incoming, Information, MonitorOption, Options, ReadFile, action, chardev, device, disk, finish,
    incoming, machine, monitor, object, readconfig,
};

/// What is only looked at when all options are read.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) actions: Pairs,
    /// Where the first action stands: that is where QEMU says a wrong one is.
    pub(crate) actions_at: Option<String>,
    pub(crate) chardevs: Vec<(Pairs, String)>,
    pub(crate) monitors: Vec<(Pairs, String)>,
    pub(crate) accelerators: Vec<(String, String)>,
    pub(crate) machine_accelerators: Option<String>,
    pub(crate) smp: Option<String>,
    pub(crate) incoming_at: String,
    compat_monitors: usize,
    /// The monitors that are objects.
    pub(crate) object_monitors: Vec<MonitorOption>,
    /// The ids of the objects that were not written as JSON.
    pub(crate) object_ids: Vec<String>,
}

impl Pending {
    /// `monitor_compat_id()`, monitor/monitor.c.
    pub(crate) fn next_compat_monitor(&mut self) -> String {
        self.compat_monitors += 1;
        format!("compat_monitor{}", self.compat_monitors - 1)
    }
}

/// A word of the command line: the option it is (none: a disk image), it with its argument, its argument.
type Word<'w> = (Option<&'static QemuOption>, String, &'w str);

pub(crate) struct Parser<'a> {
    pub(crate) release: Release,
    read: ReadFile<'a>,
    pub(crate) options: Options,
    pub(crate) pending: Pending,
}

/// `qemu_name_opts`, system/vl.c.
const NAME_KEYS: Keys = &[
    ("guest", Kind::Text),
    ("process", Kind::Text),
    ("debug-threads", Kind::Bool),
];
/// `qemu_msg_opts`, system/vl.c.
const MSG_KEYS: Keys = &[("timestamp", Kind::Bool), ("guest-name", Kind::Bool)];
/// `qemu_run_with_opts`, system/vl.c.
const RUN_WITH_KEYS: Keys = &[
    ("async-teardown", Kind::Bool),
    ("chroot", Kind::Text),
    ("exit-with-parent", Kind::Bool),
    ("user", Kind::Text),
];
/// `qemu_mon_opts`, monitor/monitor.c.
const MON_KEYS: Keys = &[
    ("mode", Kind::Text),
    ("chardev", Kind::Text),
    ("pretty", Kind::Bool),
];
const ANY: Keys = &[];

const fn syntax(implied: Option<&'static str>, keys: Keys) -> Syntax {
    Syntax { implied, keys }
}

pub(crate) fn parse(
    arguments: &[String],
    release: Release,
    read: ReadFile<'_>,
) -> Result<Options, BadOptions> {
    let mut parser = Parser {
        release,
        read,
        options: Options::new(),
        pending: Pending::default(),
    };
    match parser.run(arguments) {
        Ok(()) => Ok(parser.options),
        Err(error) => Err(BadOptions {
            warnings: parser.options.warnings,
            error,
        }),
    }
}

impl Parser<'_> {
    fn run(&mut self, arguments: &[String]) -> Result<(), Report> {
        let words = self.lookup_all(arguments)?;
        for (option, location, argument) in words {
            let warned = self.options.warnings.len();
            let outcome = self.take(option, &location, argument);
            for report in &mut self.options.warnings[warned..] {
                if report.location.is_empty() {
                    report.location.clone_from(&location);
                }
            }
            outcome.map_err(|report| {
                if report.location.is_empty() {
                    report.at(&location)
                } else {
                    report
                }
            })?;
            if self.options.information.is_some() {
                return Ok(());
            }
        }
        finish::finish(self)
    }

    /// The first pass: every option has to exist, before any is looked at.
    fn lookup_all<'w>(&self, arguments: &'w [String]) -> Result<Vec<Word<'w>>, Report> {
        let mut words = Vec::new();
        let mut rest = arguments.iter();
        while let Some(word) = rest.next() {
            let Some(name) = word.strip_prefix('-') else {
                words.push((None, word.clone(), word.as_str()));
                continue;
            };
            let name = name.strip_prefix('-').unwrap_or(name);
            let Some(option) = QemuOption::lookup(name, self.release) else {
                return Err(Report::error("invalid option").at(word));
            };
            if !option.has_argument {
                words.push((Some(option), word.clone(), ""));
                continue;
            }
            let Some(argument) = rest.next() else {
                return Err(Report::error("requires an argument").at(word));
            };
            words.push((Some(option), format!("{word} {argument}"), argument.as_str()));
        }
        Ok(words)
    }

    /// The second pass, for one option.
    fn take(
        &mut self,
        option: Option<&'static QemuOption>,
        location: &str,
        argument: &str,
    ) -> Result<(), Report> {
        let Some(option) = option else {
            self.add_disk(Disk {
                format: disk::suffix(argument),
                file: Some(argument.to_owned()),
                ..Disk::default()
            });
            return Ok(());
        };
        if !option.on_x86 {
            return Err(Report::error("Option not supported for this target"));
        }
        match option.name {
            "S" | "preconfig" | "daemonize" | "nodefaults" | "nographic" | "no-user-config" | "h"
            | "help" | "version" | "s" | "enable-kvm" => self.take_flag(option.name),
            "no-reboot" => self.add_action(location, "reboot", "shutdown"),
            "no-shutdown" => self.add_action(location, "shutdown", "pause"),
            "action" | "watchdog-action" => self.take_action(option.name, location, argument)?,
            "watchdog" => self.take_watchdog(argument),
            "chardev" => self.take_group("chardev", location, argument)?,
            "mon" => {
                monitor::warn_of_mon(self);
                self.take_group("mon", location, argument)?;
            }
            "qmp" => self.add_compat_monitor(location, argument, "control", false)?,
            "qmp-pretty" => self.add_compat_monitor(location, argument, "control", true)?,
            "monitor" => self.add_compat_monitor(location, argument, "readline", false)?,
            "qtest" => self.take_qtest(location, argument)?,
            "device" => {
                let device = device::parse(argument, &mut self.options.warnings)?;
                self.options.devices.push(device);
            }
            "object" => object::take(self, location, argument)?,
            "machine" | "M" | "accel" | "smp" | "m" => self.take_machine(option.name, location, argument)?,
            "incoming" => {
                location.clone_into(&mut self.pending.incoming_at);
                self.options.incoming = Some(incoming::parse(argument, self.release)?);
            }
            "name" | "msg" | "run-with" | "uuid" => self.take_settings(option.name, argument)?,
            "drive" | "blockdev" | "hda" | "hdb" | "hdc" | "hdd" => self.take_disk(option.name, argument)?,
            "readconfig" => self.read_config(argument)?,
            "loadvm" => self.options.loadvm = Some(argument.to_owned()),
            "qtest-log" => self.options.qtest_log = Some(argument.to_owned()),
            "cpu" => self.options.cpu = Some(argument.to_owned()),
            "pidfile" => self.options.pidfile = Some(argument.to_owned()),
            "D" => self.options.log_file = Some(argument.to_owned()),
            "gdb" => self.options.gdb = Some(argument.to_owned()),
            _ => self.options.ignored.push(location.to_owned()),
        }
        Ok(())
    }

    fn take_flag(&mut self, name: &str) {
        let options = &mut self.options;
        match name {
            "S" => options.autostart = false,
            "preconfig" => options.preconfig = true,
            "daemonize" => options.daemonize = true,
            "nodefaults" => options.default_devices = false,
            "nographic" => options.nographic = true,
            "h" | "help" => options.information = Some(Information::Help),
            "version" => options.information = Some(Information::Version),
            "s" => options.gdb = Some("tcp::1234".to_owned()),
            "enable-kvm" => self.pending.machine_accelerators = Some("kvm".to_owned()),
            _ => options.ignored.push(format!("-{name}")),
        }
    }

    fn take_action(&mut self, name: &str, location: &str, argument: &str) -> Result<(), Report> {
        if name == "action" {
            self.pending.actions_at.get_or_insert_with(|| location.to_owned());
            let pairs = keyval::parse(argument, action::SYNTAX, &mut self.options.warnings)?;
            self.pending.actions.list.extend(pairs.list);
        } else if self.release < Release::V6_2 {
            self.options.watchdog = action::early_watchdog(argument)?;
        } else {
            self.add_action(location, "watchdog", argument);
        }
        Ok(())
    }

    fn add_action(&mut self, location: &str, key: &str, value: &str) {
        self.pending.actions_at.get_or_insert_with(|| location.to_owned());
        self.pending.actions.list.push((key.to_owned(), value.to_owned()));
    }

    /// `-watchdog MODEL` is `-device MODEL`, up to 7.1; deprecated since 6.2 (d12b64eaeb).
    fn take_watchdog(&mut self, model: &str) {
        if self.release >= Release::V6_2 {
            self.options
                .warnings
                .push(Report::warning("-watchdog is deprecated; use -device instead."));
        }
        self.options.devices.push(super::Device {
            driver: model.to_owned(),
            ..super::Device::default()
        });
    }

    fn take_group(&mut self, name: &str, location: &str, argument: &str) -> Result<(), Report> {
        let syntax = if name == "chardev" {
            chardev::SYNTAX
        } else {
            syntax(Some("chardev"), MON_KEYS)
        };
        let pairs = keyval::parse(argument, syntax, &mut self.options.warnings)?;
        self.add_group(name, location, pairs)
    }

    fn add_group(&mut self, name: &str, location: &str, pairs: Pairs) -> Result<(), Report> {
        let list = if name == "chardev" {
            &mut self.pending.chardevs
        } else {
            &mut self.pending.monitors
        };
        if let Some(id) = &pairs.id
            && list.iter().any(|(other, _)| other.id.as_ref() == Some(id))
        {
            return Err(Report::error(format!("Duplicate ID '{id}' for {name}")));
        }
        list.push((pairs, location.to_owned()));
        Ok(())
    }

    /// `monitor_parse()`, system/vl.c.
    fn add_compat_monitor(
        &mut self,
        location: &str,
        text: &str,
        mode: &str,
        pretty: bool,
    ) -> Result<(), Report> {
        let label = match text.strip_prefix("chardev:") {
            Some(id) => id.to_owned(),
            None => {
                let label = format!("compat_monitor{}", self.pending.compat_monitors);
                let pairs = self.parse_compat(&label, text)?;
                self.add_group("chardev", location, pairs)?;
                label
            }
        };
        self.pending.compat_monitors += 1;
        let mut pairs = Pairs {
            id: Some(label.clone()),
            ..Pairs::default()
        };
        pairs.push(MON_KEYS, "mode".to_owned(), mode.to_owned())?;
        pairs.push(MON_KEYS, "chardev".to_owned(), label)?;
        if pretty {
            pairs.push(MON_KEYS, "pretty".to_owned(), "on".to_owned())?;
        }
        self.add_group("mon", location, pairs)
    }

    /// QEMU prints what is wrong, if it knows, and then that it could not parse the text.
    fn parse_compat(&mut self, label: &str, text: &str) -> Result<Pairs, Report> {
        chardev::parse_compat(label, text).map_err(|report| {
            if !report.message.is_empty() {
                self.options.warnings.push(report);
            }
            Report::error(format!("parse error: {text}"))
        })
    }

    fn take_qtest(&mut self, location: &str, text: &str) -> Result<(), Report> {
        let id = match text.strip_prefix("chardev:") {
            Some(id) => id.to_owned(),
            None => {
                let pairs = chardev::parse_compat("qtest", text).map_err(|report| {
                    self.options.warnings.push(report);
                    Report::error(format!("Failed to initialize device for qtest: \"{text}\""))
                })?;
                self.add_group("chardev", location, pairs)?;
                "qtest".to_owned()
            }
        };
        self.options.qtest = Some(id);
        Ok(())
    }

    fn take_machine(&mut self, name: &str, location: &str, argument: &str) -> Result<(), Report> {
        match name {
            "accel" => {
                let (accel, notify_vmexit) = machine::parse_accel(argument, &mut self.options.warnings)?;
                if let Some(notify_vmexit) = notify_vmexit {
                    self.options.notify_vmexit = notify_vmexit;
                }
                self.pending.accelerators.push((accel, location.to_owned()));
            }
            "smp" => self.pending.smp = Some(argument.to_owned()),
            "m" => {
                if let Some(memory) = machine::parse_memory(argument, &mut self.options.warnings)? {
                    self.options.memory = memory;
                }
            }
            _ => {
                let syntax = syntax(Some("type"), ANY);
                let pairs = keyval::parse(argument, syntax, &mut self.options.warnings)?;
                self.add_machine(pairs);
            }
        }
        Ok(())
    }

    fn add_machine(&mut self, pairs: Pairs) {
        for (key, value) in pairs.list {
            match key.as_str() {
                "type" => self.options.machine = value,
                "accel" => self.pending.machine_accelerators = Some(value),
                _ => self.options.machine_properties.push((key, value)),
            }
        }
    }

    fn take_settings(&mut self, name: &str, argument: &str) -> Result<(), Report> {
        let syntax = match name {
            "name" => syntax(Some("guest"), NAME_KEYS),
            "msg" => syntax(None, MSG_KEYS),
            "run-with" => syntax(None, RUN_WITH_KEYS),
            _ => {
                self.options.uuid = Some(parse_uuid(argument)?);
                return Ok(());
            }
        };
        let pairs = keyval::parse(argument, syntax, &mut self.options.warnings)?;
        self.set(name, &pairs)
    }

    fn set(&mut self, name: &str, pairs: &Pairs) -> Result<(), Report> {
        let options = &mut self.options;
        match name {
            "name" => {
                options.name = pairs
                    .get("guest")
                    .map(str::to_owned)
                    .or_else(|| options.name.take());
            }
            "msg" => {
                options.message_timestamps = pairs.is_on("timestamp", options.message_timestamps);
                options.message_guest_name = pairs.is_on("guest-name", options.message_guest_name);
            }
            _ => {
                // 10.2: 886898baad
                if self.release < Release::V10_2 && pairs.get("exit-with-parent").is_some() {
                    return Err(Report::error("Invalid parameter 'exit-with-parent'"));
                }
                options.exit_with_parent = pairs.is_on("exit-with-parent", options.exit_with_parent);
            }
        }
        Ok(())
    }

    fn take_disk(&mut self, name: &str, argument: &str) -> Result<(), Report> {
        let disk = match name {
            "drive" => {
                let pairs = keyval::parse(argument, syntax(None, ANY), &mut self.options.warnings)?;
                disk::from_pairs(&pairs)
            }
            "blockdev" => disk::from_blockdev(argument, &mut self.options.warnings)?,
            _ => Some(Disk {
                format: disk::suffix(argument),
                file: Some(argument.to_owned()),
                ..Disk::default()
            }),
        };
        disk.into_iter().for_each(|disk| self.add_disk(disk));
        Ok(())
    }

    fn add_disk(&mut self, mut disk: Disk) {
        if disk.name.is_empty() {
            disk.name = format!("ide0-hd{}", self.options.disks.len());
        }
        self.options.disks.push(disk);
    }

    fn read_config(&mut self, file: &str) -> Result<(), Report> {
        let text = (self.read)(file).map_err(|error| {
            let reason = error.to_string();
            let reason = reason.split(" (os error").next().unwrap_or_default().to_owned();
            Report::error(format!("Could not open '{file}': {reason}"))
        })?;
        for section in readconfig::parse(file, &text)? {
            let location = section.location.clone();
            self.take_section(section)
                .map_err(|report| report.at(&location))?;
        }
        Ok(())
    }

    fn take_section(&mut self, section: Section) -> Result<(), Report> {
        let Section {
            group,
            id,
            location,
            list,
        } = section;
        if group == "object" {
            return object::take_section(self, &location, id, list);
        }
        let mut pairs = Pairs {
            id,
            ..Pairs::default()
        };
        let keys = match group.as_str() {
            "action" => action::SYNTAX.keys,
            "chardev" => chardev::SYNTAX.keys,
            "mon" => MON_KEYS,
            "msg" => MSG_KEYS,
            "name" => NAME_KEYS,
            "run-with" => RUN_WITH_KEYS,
            _ => ANY,
        };
        for (key, value) in list {
            pairs.push(keys, key, value)?;
        }
        match group.as_str() {
            "action" => {
                pairs
                    .list
                    .iter()
                    .for_each(|(key, value)| self.add_action(&location, key, value));
            }
            "chardev" | "mon" => self.add_group(&group, &location, pairs)?,
            "machine" => self.add_machine(pairs),
            "accel" => {
                let accel = pairs.get("accel").unwrap_or_default().to_owned();
                self.pending.accelerators.push((accel, location));
            }
            "smp-opts" => self.pending.smp = Some(join(&pairs)),
            "memory" => self.take_machine("m", &location, &join(&pairs))?,
            "name" | "msg" | "run-with" => self.set(&group, &pairs)?,
            "device" => self
                .options
                .devices
                .push(device::from_pairs(pairs.id, pairs.list)?),
            "drive" => disk::from_pairs(&pairs)
                .into_iter()
                .for_each(|disk| self.add_disk(disk)),
            other if OTHER_GROUPS.contains(&other) => {
                self.options.ignored.push(format!("[{other}] of {location}"));
            }
            other => return Err(Report::error(format!("There is no option group '{other}'"))),
        }
        Ok(())
    }
}

/// Groups that change nothing here. util/qemu-config.c and system/vl.c.
const OTHER_GROUPS: &[&str] = &[
    "acpi",
    "add-fd",
    "audiodev",
    "boot-opts",
    "fsdev",
    "fw_cfg",
    "global",
    "icount",
    "iscsi",
    "net",
    "netdev",
    "nic",
    "numa",
    "option-rom",
    "overcommit",
    "plugin",
    "rtc",
    "sandbox",
    "semihosting-config",
    "smbios",
    "spice",
    "throttling-groups",
    "tpmdev",
    "trace",
    "virtfs",
    "vnc",
];

fn join(pairs: &Pairs) -> String {
    pairs
        .list
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>()
        .join(",")
}

/// `qemu_uuid_parse()`, util/uuid.c: 36 characters, dashes in their places.
fn parse_uuid(text: &str) -> Result<String, Report> {
    let dashes = [8, 13, 18, 23];
    let good = text.len() == 36
        && text.bytes().enumerate().all(|(i, byte)| {
            if dashes.contains(&i) {
                byte == b'-'
            } else {
                byte.is_ascii_hexdigit()
            }
        });
    if !good {
        return Err(Report::error("failed to parse UUID string: wrong format"));
    }
    Ok(text.to_ascii_lowercase())
}

/// The argument of `-incoming` is only used once all options are read.
pub(crate) const fn incoming_of<'o>(parser: &'o Parser<'_>) -> Option<&'o Incoming> {
    parser.options.incoming.as_ref()
}
