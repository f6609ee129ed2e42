//! `set-action` and `watchdog-set-action`.

use runstate::{Command, PanicAction, RebootAction, Release, SetAction, ShutdownAction, WatchdogAction};
use runstate_qmp::{
    Error, Object, Value,
    arguments::{Argument, Arguments},
};

use super::done;
use crate::machine::Machine;

/// `qmp_set_action()`, system/runstate-action.c. The members are read in schema order; the first bad one is reported and nothing
/// is applied.
pub(super) fn set_action(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    let release = machine.release();
    let mut arguments = Arguments::new(arguments);
    let reboot = optional(&mut arguments, "reboot", release, RebootAction::from_name)?;
    let shutdown = optional(&mut arguments, "shutdown", release, ShutdownAction::from_name)?;
    let panic = optional(&mut arguments, "panic", release, |name| {
        PanicAction::from_name(name).filter(|action| action.since() <= release)
    })?;
    let watchdog = optional(&mut arguments, "watchdog", release, WatchdogAction::from_name)?;
    arguments.finish()?;
    done(machine.core(
        Command::SetAction(SetAction {
            reboot,
            shutdown,
            panic,
            watchdog,
        }),
        "",
    ))
}

/// `qmp_watchdog_set_action()`, monitor/qmp-cmds.c.
pub(super) fn watchdog_set_action(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    let mut arguments = Arguments::new(arguments);
    let action = one_of(
        &arguments.required("action")?,
        machine.release(),
        WatchdogAction::from_name,
    )?;
    arguments.finish()?;
    done(machine.core(Command::WatchdogSetAction(action), ""))
}

fn optional<'a, T>(
    arguments: &mut Arguments<'a>,
    name: &'static str,
    release: Release,
    from_name: impl FnOnce(&'a str) -> Option<T>,
) -> Result<Option<T>, Error> {
    arguments
        .optional(name)
        .map(|argument| one_of(&argument, release, from_name))
        .transpose()
}

/// A value of an enum, refused in the release's words.
pub(super) fn one_of<'a, T>(
    argument: &Argument<'a>,
    release: Release,
    from_name: impl FnOnce(&'a str) -> Option<T>,
) -> Result<T, Error> {
    let value = argument.string()?;
    if release.enum_error_names_parameter() {
        return argument.one_of(from_name);
    }
    from_name(value).ok_or_else(|| Error::generic(format!("Invalid parameter '{value}'")))
}
