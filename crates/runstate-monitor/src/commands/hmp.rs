//! `human-monitor-command`: the HMP spellings of what the machine knows. hmp-commands.hx, monitor/hmp-cmds.c.

use runstate::{Command, RunState, WatchdogAction};
use runstate_qmp::{Error, Object, Value, arguments::Arguments};

use crate::machine::Machine;

/// `qmp_human_monitor_command()`, monitor/qmp-cmds.c: what HMP prints is a return value, its errors too.
pub(super) fn human_monitor_command(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    let mut arguments = Arguments::new(arguments);
    let line = arguments.required("command-line")?.string()?;
    arguments
        .optional("cpu-index")
        .map(|index| index.int64())
        .transpose()?;
    arguments.finish()?;
    let text = match execute(machine, line) {
        Ok(text) => text,
        Err(error) => format!("Error: {}\n", error.desc()),
    };
    Ok(Value::from(text.replace('\n', "\r\n")))
}

fn execute(machine: &mut Machine, line: &str) -> Result<String, Error> {
    let mut words = line.split_ascii_whitespace();
    let Some(name) = words.next() else {
        return Ok(String::new());
    };
    let argument = words.next();
    let core = |machine: &mut Machine, command| machine.core(command, name).map(|()| String::new());
    match name {
        "stop" | "s" => core(machine, Command::Stop),
        "cont" | "c" => core(machine, Command::Cont),
        "quit" | "q" => core(machine, Command::Quit),
        "system_reset" => core(machine, Command::SystemReset),
        "system_powerdown" => core(machine, Command::SystemPowerdown),
        "system_wakeup" => core(machine, Command::SystemWakeup),
        "nmi" => core(machine, Command::InjectNmi),
        "migrate_cancel" => core(machine, Command::MigrateCancel),
        "migrate_start_postcopy" => core(machine, Command::MigrateStartPostcopy),
        "watchdog_action" => watchdog_action(machine, argument),
        "savevm" => savevm(machine, argument),
        "loadvm" => with_tag("loadvm", argument, |tag| loadvm(machine, tag)),
        "delvm" => with_tag("delvm", argument, |tag| Ok(delvm(machine, tag))),
        "info" => Ok(info(machine, argument)),
        _ => Ok(format!("unknown command: '{name}'\n")),
    }
}

fn with_tag(
    name: &str,
    tag: Option<&str>,
    run: impl FnOnce(&str) -> Result<String, Error>,
) -> Result<String, Error> {
    match tag {
        Some(tag) => run(tag),
        None => Ok(format!(
            "{name}: string expected\nTry \"help {name}\" for more information\n"
        )),
    }
}

/// `hmp_watchdog_action()`, monitor/hmp-cmds.c.
fn watchdog_action(machine: &mut Machine, action: Option<&str>) -> Result<String, Error> {
    with_tag("watchdog_action", action, |name| {
        let action = WatchdogAction::from_name(name)
            .ok_or_else(|| Error::generic(format!("invalid parameter value: {name}")))?;
        machine.core(Command::WatchdogSetAction(action), "")?;
        Ok(String::new())
    })
}

/// `hmp_savevm()`: without a name QEMU makes one of the date.
fn savevm(machine: &mut Machine, tag: Option<&str>) -> Result<String, Error> {
    let snapshot = machine.state_to_save();
    machine.core(Command::Savevm, "")?;
    let count = machine.snapshot_count();
    let made = format!("vm-{count}");
    machine.keep_snapshot(tag.unwrap_or(&made), snapshot);
    Ok(String::new())
}

fn loadvm(machine: &mut Machine, tag: &str) -> Result<String, Error> {
    let load = machine.load(tag);
    let run = machine.vm().run_state();
    machine.core(Command::Loadvm(load), tag)?;
    machine.has_loaded(tag, run);
    Ok(String::new())
}

/// `hmp_delvm()`: a name that is not there is no error where no disk has it.
fn delvm(machine: &mut Machine, tag: &str) -> String {
    machine.delete_snapshot(tag);
    String::new()
}

fn info(machine: &Machine, what: Option<&str>) -> String {
    match what {
        // hmp_info_status(), system/runstate-hmp-cmds.c
        Some("status") => {
            let state = machine.vm().run_state();
            if state == RunState::Running || state == RunState::Paused {
                format!("VM status: {state}\n")
            } else {
                format!("VM status: paused ({state})\n")
            }
        }
        Some("name") => machine
            .name()
            .map_or_else(String::new, |name| format!("{name}\n")),
        Some("uuid") => format!(
            "{}\n",
            machine.uuid().unwrap_or("00000000-0000-0000-0000-000000000000")
        ),
        Some("version") => {
            let (major, minor, micro) = machine.release().version();
            format!("{major}.{minor}.{micro}\n")
        }
        Some("kvm") => {
            let enabled = machine.setup().options.accelerator() == crate::options::Accelerator::Kvm;
            format!("kvm support: {}\n", if enabled { "enabled" } else { "disabled" })
        }
        Some(other) => format!("unknown command: 'info {other}'\n"),
        None => String::new(),
    }
}
