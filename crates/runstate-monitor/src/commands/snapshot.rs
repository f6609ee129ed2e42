//! Snapshots as jobs, and memory dumps. The HMP forms are in [`super::hmp`].

use runstate::{Command, Load};
use runstate_qmp::{
    Error, Object, Value,
    arguments::{Argument, Arguments},
    object,
};

use super::done;
use crate::machine::Machine;

impl Machine {
    /// What a load of that name will find.
    pub(super) fn load(&self, tag: &str) -> Load {
        if !self.setup().machine.snapshot_disk {
            return Load::NoDisk;
        }
        self.snapshot(tag)
            .map_or(Load::Missing, |suspended| Load::Found { suspended })
    }
}

/// The members that the three commands share, in schema order.
fn job(arguments: &Object, vmstate: bool) -> Result<(String, String), Error> {
    let mut arguments = Arguments::new(arguments);
    let id = arguments.required("job-id")?.string()?;
    let tag = arguments.required("tag")?.string()?;
    if vmstate {
        arguments.required("vmstate")?.string()?;
    }
    for device in arguments.required("devices")?.array()? {
        Argument::string(&device)?;
    }
    arguments.finish()?;
    // id_wellformed(), util/id.c
    let well_formed = id.starts_with(|first: char| first.is_ascii_alphabetic())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    if !well_formed {
        return Err(Error::generic(format!("Invalid job ID '{id}'")));
    }
    Ok((id.to_owned(), tag.to_owned()))
}

fn run(machine: &mut Machine, id: &str, command: Command) -> Result<Value, Error> {
    let data = object! { "id": id };
    let result = machine.core_with(command, id, Some(&data));
    if result.is_ok() {
        machine.set_job(id);
    }
    done(result)
}

pub(super) fn snapshot_save(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    let (id, tag) = job(arguments, true)?;
    let snapshot = machine.state_to_save();
    let succeeds = machine.load(&tag) == Load::Missing;
    let result = run(machine, &id, Command::SnapshotSave { succeeds });
    if succeeds && result.is_ok() {
        machine.keep_snapshot(&tag, snapshot);
    }
    result
}

pub(super) fn snapshot_load(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    let (id, tag) = job(arguments, true)?;
    let load = machine.load(&tag);
    let before = machine.vm().run_state();
    let value = run(machine, &id, Command::SnapshotLoad(load))?;
    machine.has_loaded(&tag, before);
    Ok(value)
}

pub(super) fn snapshot_delete(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    let (id, tag) = job(arguments, false)?;
    let succeeds = machine.load(&tag) != Load::NoDisk;
    let result = run(machine, &id, Command::SnapshotDelete { succeeds });
    if result.is_ok() {
        machine.delete_snapshot(&tag);
    }
    result
}

pub(super) fn job_dismiss(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    let mut arguments = Arguments::new(arguments);
    let id = arguments.required("id")?.string()?.to_owned();
    arguments.finish()?;
    if machine.job() != Some(&*id) {
        return Err(Error::generic("Job not found"));
    }
    let data = object! { "id": &*id };
    done(machine.core_with(Command::JobDismiss, &id, Some(&data)))
}

/// `qmp_dump_guest_memory()`, dump/dump.c.
pub(super) fn dump_guest_memory(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    let mut arguments = Arguments::new(arguments);
    arguments.required("paging")?.boolean()?;
    let protocol = arguments.required("protocol")?.string()?;
    let detach = arguments
        .optional("detach")
        .map(|flag| flag.boolean())
        .transpose()?
        .unwrap_or(false);
    for name in ["begin", "length"] {
        arguments
            .optional(name)
            .map(|number| number.int64())
            .transpose()?;
    }
    arguments
        .optional("format")
        .map(|format| format.string())
        .transpose()?;
    arguments.finish()?;
    if !protocol.starts_with("file:") && !protocol.starts_with("fd:") {
        return Err(Error::generic(if machine.release() < runstate::Release::V9_0 {
            "Invalid parameter 'protocol'"
        } else {
            "parameter 'protocol' must start with 'file:' or 'fd:'"
        }));
    }
    done(machine.core(Command::DumpGuestMemory { detach }, ""))
}

pub(super) fn xen_save_devices_state(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    let mut arguments = Arguments::new(arguments);
    arguments.required("filename")?.string()?;
    arguments
        .optional("live")
        .map(|flag| flag.boolean())
        .transpose()?;
    arguments.finish()?;
    done(machine.core(Command::XenSaveDevicesState, ""))
}
