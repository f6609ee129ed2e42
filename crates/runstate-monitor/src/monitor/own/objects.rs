//! Objects and character devices that come and go at run time: they are remembered by id, and nothing is opened.

use runstate_qmp::{Error, ErrorClass, Object, Value, arguments::Arguments};

use super::super::Monitor;
use super::super::opening::chardev_to_add;
use crate::options::MonitorOption;
use crate::options::object::{self, monitor_mode};

/// Members of every memory backend but for its size. `MemoryBackendProperties`, qapi/qom.json.
const MEMORY: &[&str] = &[
    "dump",
    "host-nodes",
    "merge",
    "policy",
    "prealloc",
    "prealloc-context",
    "prealloc-threads",
    "reserve",
    "share",
    "x-use-canonical-path-for-ramblock-id",
];

/// `qmp_object_add()`, qom/qom-qmp-cmds.c. The members of memory backends are checked, those of others taken.
pub(super) fn object_add(monitor: &mut Monitor, arguments: &Object) -> Result<Value, Error> {
    let mut checked = Arguments::new(arguments);
    let release = monitor.machine().release();
    let kind = checked
        .required("qom-type")?
        .one_of(|name| object::is_known(release, name).then_some(name))?;
    let id = checked.required("id")?.string()?;
    if let Some(mode) = monitor_mode(kind) {
        return add_monitor(monitor, &object::monitor(mode, id, checked)?);
    }
    if kind.starts_with("memory-backend-") {
        for name in MEMORY {
            let _ = checked.optional(name);
        }
        let size = checked.required("size")?.uint64()?;
        match kind {
            "memory-backend-file" => {
                for name in ["align", "discard-data", "offset", "pmem", "readonly", "rom"] {
                    let _ = checked.optional(name);
                }
                checked.required("mem-path")?.string()?;
            }
            "memory-backend-memfd" => {
                for name in ["hugetlb", "hugetlbsize", "seal"] {
                    let _ = checked.optional(name);
                }
            }
            _ => {}
        }
        checked.finish()?;
        if size == 0 {
            return Err(Error::generic(format!(
                "property 'size' of {kind} doesn't take value '0'"
            )));
        }
    }
    remember(monitor, id)?;
    Ok(Value::empty())
}

fn remember(monitor: &mut Monitor, id: &str) -> Result<(), Error> {
    if monitor.own.objects.contains(id) {
        return Err(Error::generic(object::duplicate(id)));
    }
    monitor.own.objects.insert(id.to_owned());
    Ok(())
}

/// `monitor_complete()`, monitor/monitor.c; `qemu_chr_fe_init()`, chardev/char-fe.c.
fn add_monitor(monitor: &mut Monitor, option: &MonitorOption) -> Result<Value, Error> {
    let id = option.id.as_deref().unwrap_or_default();
    let chardev = &option.chardev;
    remember(monitor, id)?;
    let wrong = if !monitor.own.has_chardev(chardev, &monitor.settings.setup.options) {
        Some(format!("chardev \"{chardev}\" not found"))
    } else if is_used(monitor, chardev) {
        Some(format!("chardev '{chardev}' is already in use"))
    } else {
        None
    };
    if let Some(wrong) = wrong {
        monitor.own.forget_object(id);
        return Err(Error::generic(wrong));
    }
    monitor.attach(option);
    Ok(Value::empty())
}

/// Whether a monitor, qtest or a device uses a character device.
pub(super) fn is_used(monitor: &Monitor, chardev: &str) -> bool {
    let options = &monitor.settings.setup.options;
    monitor.carries(chardev).is_some()
        || options.qtest.as_deref() == Some(chardev)
        || options
            .devices
            .iter()
            .any(|device| device.property("chardev") == Some(chardev))
}

/// `qmp_object_del()`.
pub(super) fn object_del(monitor: &mut Monitor, arguments: &Object) -> Result<Value, Error> {
    let mut checked = Arguments::new(arguments);
    let id = checked.required("id")?.string()?;
    checked.finish()?;
    monitor.detach(id)?;
    if monitor.own.objects.remove(id) {
        Ok(Value::empty())
    } else {
        Err(Error::generic(format!("object '{id}' not found")))
    }
}

/// `qmp_chardev_add()`, chardev/char.c.
pub(super) fn chardev_add(monitor: &mut Monitor, arguments: &Object) -> Result<Value, Error> {
    let chardev = chardev_to_add(monitor, arguments)?;
    monitor.own.add_chardev(chardev);
    Ok(Value::empty())
}

/// `qmp_chardev_remove()`: what a monitor, a device or qtest uses stays.
pub(super) fn chardev_remove(monitor: &mut Monitor, arguments: &Object) -> Result<Value, Error> {
    let mut checked = Arguments::new(arguments);
    let id = checked.required("id")?.string()?;
    checked.finish()?;
    let options = &monitor.settings.setup.options;
    if !monitor.own.has_chardev(id, options) {
        return Err(Error::generic(format!("Chardev '{id}' not found")));
    }
    if is_used(monitor, id) {
        return Err(Error::generic(format!("Chardev '{id}' is busy")));
    }
    monitor.own.remove_chardev(id, &monitor.settings.setup.options);
    monitor.rewired = true;
    Ok(Value::empty())
}

/// `qmp_qom_set()`, qom/qom-qmp-cmds.c: taken for what the profile knows, and for devices with an id.
pub(super) fn qom_set(monitor: &mut Monitor, arguments: &Object) -> Result<Value, Error> {
    let mut checked = Arguments::new(arguments);
    let path = checked.required("path")?.string()?;
    let property = checked.required("property")?.string()?;
    checked.required("value")?;
    checked.finish()?;
    let listed = runstate_qmp::object! { "path": path };
    let device = path.strip_prefix("/machine/peripheral/");
    let is_known = path == "/machine"
        || device.is_some_and(|id| monitor.own.peripherals.contains_key(id))
        || monitor.profile().answer("qom-list", &listed).is_some()
        || path
            .strip_prefix("/objects/")
            .is_some_and(|id| monitor.own.objects.contains(id));
    if !is_known {
        return Err(Error::new(
            ErrorClass::DeviceNotFound,
            format!("Device '{path}' not found"),
        ));
    }
    let known = monitor.profile().answer("qom-list", &listed);
    let properties = known.and_then(|answer| answer.as_ref().ok()?.as_array());
    let has_property = properties.is_none_or(|list| {
        list.iter()
            .any(|known| known.get("name").and_then(Value::as_str) == Some(property))
    });
    if has_property {
        Ok(Value::empty())
    } else {
        Err(Error::generic(format!("Property '{path}.{property}' not found")))
    }
}
