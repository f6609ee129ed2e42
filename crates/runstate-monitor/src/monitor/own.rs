//! Commands that need the whole monitor: what is connected, what was hot-plugged, what the guest is told to do.

mod act;
mod introspect;
mod objects;

use std::collections::{BTreeMap, BTreeSet};

use runstate::{Guest, Host};
use runstate_qmp::{Error, ErrorClass, Object, Value, arguments::Arguments, object};

use super::Monitor;
use crate::options::{Chardev, MachineFamily, Options};
pub(super) use act::read as read_action;

/// What a command does with the monitor.
type Handler = fn(&mut Monitor, &Object) -> Result<Value, Error>;

/// A command of the monitor's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    pub(super) name: &'static str,
    pub(super) allow_oob: bool,
    pub(super) allow_preconfig: bool,
    pub(super) handler: Handler,
}

const fn own(name: &'static str, handler: Handler) -> Own {
    Own {
        name,
        allow_oob: false,
        allow_preconfig: false,
        handler,
    }
}

const fn early(name: &'static str, handler: Handler) -> Own {
    Own {
        allow_preconfig: true,
        ..own(name, handler)
    }
}

/// The commands, by name. `x-guest` and `x-host` are not QEMU's; they are in no list.
const OWN: &[Own] = &[
    own("chardev-add", objects::chardev_add),
    own("chardev-remove", objects::chardev_remove),
    own("device_add", device_add),
    own("device_del", device_del),
    early("object-add", objects::object_add),
    early("object-del", objects::object_del),
    early("qom-list", qom_list),
    early("qom-set", objects::qom_set),
    early("query-chardev", query_chardev),
    early("query-commands", introspect::query_commands),
    own("query-cpus-fast", query_cpus_fast),
    early("query-hotpluggable-cpus", query_hotpluggable_cpus),
    own("query-memory-size-summary", query_memory_size_summary),
    early("query-qmp-schema", introspect::query_qmp_schema),
    own("x-guest", act::guest),
    own("x-host", act::host),
];

/// The command of that name.
pub(super) fn find(name: &str) -> Option<&'static Own> {
    OWN.iter().find(|own| own.name == name)
}

/// The names of the commands that QEMU has as well.
pub(super) fn names() -> impl Iterator<Item = &'static Own> {
    OWN.iter().filter(|own| !matches!(own.name, "x-guest" | "x-host"))
}

/// What an own command asks for that comes after its reply is made.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    Guest(Guest, Option<Value>),
    Host(Host),
}

/// What the commands remember.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// The character devices that have a client.
    connected: Vec<String>,
    /// The devices with an id, and their kinds.
    peripherals: BTreeMap<String, String>,
    /// The ids of the objects.
    objects: BTreeSet<String>,
    /// Character devices of run time, the newest last.
    added: Vec<Chardev>,
    /// The ids of character devices of the command line that were removed.
    removed: Vec<String>,
    pub(super) actions: Vec<Action>,
}

impl State {
    pub(super) fn new(options: &Options) -> Self {
        let named = options
            .devices
            .iter()
            .filter_map(|device| Some((device.id.clone()?, device.driver.clone())));
        Self {
            peripherals: named.collect(),
            objects: options
                .objects
                .iter()
                .chain(options.monitors.iter().filter_map(|monitor| monitor.id.as_ref()))
                .cloned()
                .collect(),
            ..Self::default()
        }
    }

    pub(super) fn has_chardev(&self, id: &str, options: &Options) -> bool {
        self.added.iter().any(|added| added.id == id)
            || options.chardev(id).is_some() && !self.removed.iter().any(|removed| removed == id)
    }

    pub(super) fn forget_object(&mut self, id: &str) {
        self.objects.remove(id);
    }

    pub(super) fn added_chardev(&self, id: &str) -> Option<&Chardev> {
        self.added.iter().find(|added| added.id == id)
    }

    pub(super) fn add_chardev(&mut self, chardev: Chardev) {
        self.added.push(chardev);
    }

    pub(super) fn remove_chardev(&mut self, id: &str, options: &Options) {
        let added = self.added.len();
        self.added.retain(|added| added.id != id);
        if self.added.len() == added && options.chardev(id).is_some() {
            self.removed.push(id.to_owned());
        }
    }

    pub(super) fn set_connected(&mut self, chardev: &str, connected: bool) {
        self.connected.retain(|other| other != chardev);
        if connected {
            self.connected.push(chardev.to_owned());
        }
    }
}

/// `qmp_query_chardev()`, chardev/char.c. The newest comes first.
fn query_chardev(monitor: &mut Monitor, arguments: &Object) -> Result<Value, Error> {
    Arguments::new(arguments).finish()?;
    let own = &monitor.own;
    let chardevs = monitor.settings.setup.options.chardevs.iter().rev();
    let chardevs = chardevs.filter(|chardev| !own.removed.contains(&chardev.id));
    Ok(own
        .added
        .iter()
        .rev()
        .chain(chardevs)
        .map(|chardev| {
            Value::from(object! {
                "label": chardev.id.as_str(),
                "filename": chardev.filename(own.connected.contains(&chardev.id)),
                "frontend-open": objects::is_used(monitor, &chardev.id) && monitor.is_frontend_open(&chardev.id),
            })
        })
        .collect())
}

/// Where a CPU stands in the tree of objects: the first devices of a PC, apart from the one between them.
fn cpu_path(index: u32) -> String {
    let device = if index == 0 { 0 } else { index + 1 };
    format!("/machine/unattached/device[{device}]")
}

fn cpu_props(index: u32) -> Object {
    object! { "socket-id": 0, "core-id": index, "thread-id": 0 }
}

fn query_cpus_fast(monitor: &mut Monitor, arguments: &Object) -> Result<Value, Error> {
    Arguments::new(arguments).finish()?;
    let pid = monitor.settings.pid;
    Ok((0..monitor.settings.setup.options.cpus)
        .map(|index| {
            Value::from(object! {
                "cpu-index": index,
                "qom-path": cpu_path(index),
                "thread-id": pid + index,
                "props": cpu_props(index),
                "target": "x86_64",
            })
        })
        .collect())
}

/// `qmp_query_hotpluggable_cpus()`, hw/core/machine-qmp-cmds.c. The last comes first.
fn query_hotpluggable_cpus(monitor: &mut Monitor, arguments: &Object) -> Result<Value, Error> {
    Arguments::new(arguments).finish()?;
    let options = &monitor.settings.setup.options;
    if options.machine_family() == MachineFamily::None {
        return Err(Error::generic("machine does not support hot-plugging CPUs"));
    }
    let model = options
        .cpu
        .as_deref()
        .and_then(|cpu| cpu.split(',').next())
        .unwrap_or("qemu64");
    Ok((0..options.max_cpus)
        .rev()
        .map(|index| {
            let cpu = object! {
                "type": format!("{model}-x86_64-cpu"),
                "vcpus-count": 1,
                "props": cpu_props(index),
            };
            Value::from(if index < options.cpus {
                cpu.with("qom-path", cpu_path(index))
            } else {
                cpu
            })
        })
        .collect())
}

fn query_memory_size_summary(monitor: &mut Monitor, arguments: &Object) -> Result<Value, Error> {
    Arguments::new(arguments).finish()?;
    Ok(object! { "base-memory": monitor.settings.setup.options.memory, "plugged-memory": 0 }.into())
}

/// The tree of objects is the profile's, but for the devices with an id. Every CPU looks like the first.
fn qom_list(monitor: &mut Monitor, arguments: &Object) -> Result<Value, Error> {
    let path = Arguments::new(arguments).required("path")?.string()?;
    if path == "/machine/peripheral" {
        let own = object! { "name": "type", "type": "string" };
        let devices = monitor.own.peripherals.iter().map(|(id, driver)| {
            object! { "name": id.as_str(), "type": format!("child<{driver}>") }
        });
        return Ok([own].into_iter().chain(devices).map(Value::from).collect());
    }
    monitor
        .recorded("qom-list", arguments)
        .unwrap_or_else(|| Err(Error::command_not_found("qom-list")))
}

/// `qmp_device_add()`, system/qdev-monitor.c: the device is remembered, its kind is not checked.
fn device_add(monitor: &mut Monitor, arguments: &Object) -> Result<Value, Error> {
    let mut checked = Arguments::new(arguments);
    let driver = checked.required("driver")?.string()?;
    let id = checked.optional("id").map(|id| id.string()).transpose()?;
    if let Some(id) = id {
        if monitor.own.peripherals.contains_key(id) {
            return Err(Error::generic(format!("Duplicate device ID '{id}'")));
        }
        monitor.own.peripherals.insert(id.to_owned(), driver.to_owned());
    }
    Ok(Value::empty())
}

/// `qmp_device_del()`: the guest is asked to let go, and a guest that does is not modelled; the device is gone at once.
fn device_del(monitor: &mut Monitor, arguments: &Object) -> Result<Value, Error> {
    let mut checked = Arguments::new(arguments);
    let id = checked.required("id")?.string()?;
    checked.finish()?;
    match monitor.own.peripherals.remove(id) {
        Some(_) => Ok(Value::empty()),
        None => Err(Error::new(
            ErrorClass::DeviceNotFound,
            format!("Device '{id}' not found"),
        )),
    }
}
