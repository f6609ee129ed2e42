//! Commands that start, stop, reset and end the VM. None takes an argument.

use runstate::Command;
use runstate_qmp::{Error, Object, Value, arguments::Arguments};

use super::done;
use crate::machine::Machine;

fn plain(machine: &mut Machine, name: &str, arguments: &Object, command: Command) -> Result<Value, Error> {
    Arguments::new(arguments).finish()?;
    done(machine.core(command, name))
}

pub(super) fn stop(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    plain(machine, "stop", arguments, Command::Stop)
}

pub(super) fn cont(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    plain(machine, "cont", arguments, Command::Cont)
}

pub(super) fn quit(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    plain(machine, "quit", arguments, Command::Quit)
}

pub(super) fn system_reset(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    plain(machine, "system_reset", arguments, Command::SystemReset)
}

pub(super) fn system_powerdown(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    plain(machine, "system_powerdown", arguments, Command::SystemPowerdown)
}

pub(super) fn system_wakeup(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    plain(machine, "system_wakeup", arguments, Command::SystemWakeup)
}

pub(super) fn inject_nmi(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    plain(machine, "inject-nmi", arguments, Command::InjectNmi)
}

pub(super) fn x_exit_preconfig(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    plain(machine, "x-exit-preconfig", arguments, Command::ExitPreconfig)
}
