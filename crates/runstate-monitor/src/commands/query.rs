//! Queries that need no profile of a real QEMU.

use runstate_qmp::{Error, Object, Value, arguments::Arguments, object};

use crate::{machine::Machine, options::Accelerator};

pub(super) fn status(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    Arguments::new(arguments).finish()?;
    let status = machine.vm().query_status();
    // In the order in which QEMU inserts them, which decides between members of one hash bucket.
    let mut object = object! { "running": status.running };
    if let Some(singlestep) = status.singlestep {
        object.insert("singlestep", singlestep);
    }
    object.insert("status", status.status.name());
    Ok(object.into())
}

pub(super) fn version(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    Arguments::new(arguments).finish()?;
    let (major, minor, micro) = machine.release().version();
    Ok(
        runstate_qmp::Version::new(major.into(), minor.into(), micro.into())
            .to_object()
            .into(),
    )
}

pub(super) fn name(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    Arguments::new(arguments).finish()?;
    Ok(machine
        .name()
        .map_or_else(Value::empty, |name| object! { "name": name }.into()))
}

pub(super) fn uuid(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    Arguments::new(arguments).finish()?;
    let uuid = machine.uuid().unwrap_or("00000000-0000-0000-0000-000000000000");
    Ok(object! { "UUID": uuid }.into())
}

pub(super) fn kvm(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    Arguments::new(arguments).finish()?;
    let enabled = machine.setup().options.accelerator() == Accelerator::Kvm;
    Ok(object! { "enabled": enabled, "present": enabled }.into())
}

pub(super) fn current_machine(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    Arguments::new(arguments).finish()?;
    Ok(object! { "wakeup-suspend-support": machine.setup().machine.wakeup_support }.into())
}

pub(super) fn target(_: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    Arguments::new(arguments).finish()?;
    Ok(object! { "arch": "x86_64" }.into())
}
