//! The QMP commands: the one place where their names meet the machine.
//!
//! [`find`] says what is known of a name; [`Machine::execute`] is one command as QEMU executes it.

mod actions;
mod hmp;
mod lifecycle;
mod migration;
mod query;
mod snapshot;

use runstate::{Life, Release};
use runstate_qmp::{Error, Lookup, Object, Value};

use crate::machine::{Machine, Message};

/// What a command does: its arguments checked, its handler run, without the pass that follows.
type Handler = fn(&mut Machine, &Object) -> Result<Value, Error>;

/// A command.
#[derive(Clone, Copy, Debug)]
pub struct CommandInfo {
    /// Its name.
    pub name: &'static str,
    /// `allow-oob` in the schema.
    pub allow_oob: bool,
    /// `allow-preconfig` in the schema.
    pub allow_preconfig: bool,
    handler: Handler,
}

const fn command(name: &'static str, handler: Handler) -> CommandInfo {
    CommandInfo {
        name,
        allow_oob: false,
        allow_preconfig: false,
        handler,
    }
}

const fn preconfig(name: &'static str, handler: Handler) -> CommandInfo {
    CommandInfo {
        allow_preconfig: true,
        ..command(name, handler)
    }
}

const fn oob(name: &'static str, handler: Handler) -> CommandInfo {
    CommandInfo {
        allow_oob: true,
        ..command(name, handler)
    }
}

/// Every command that is the machine's, by name.
pub const COMMANDS: &[CommandInfo] = &[
    command("cont", lifecycle::cont),
    command("dump-guest-memory", snapshot::dump_guest_memory),
    command("human-monitor-command", hmp::human_monitor_command),
    command("inject-nmi", lifecycle::inject_nmi),
    command("job-dismiss", snapshot::job_dismiss),
    command("migrate", migration::migrate),
    command("migrate-continue", migration::migrate_continue),
    command("migrate-incoming", migration::migrate_incoming),
    oob("migrate-pause", migration::migrate_pause),
    oob("migrate-recover", migration::migrate_recover),
    command("migrate-set-capabilities", migration::migrate_set_capabilities),
    command("migrate-set-parameters", migration::migrate_set_parameters),
    command("migrate-start-postcopy", migration::migrate_start_postcopy),
    command("migrate_cancel", migration::migrate_cancel),
    command("query-current-machine", query::current_machine),
    command("query-kvm", query::kvm),
    command("query-migrate", migration::query_migrate),
    command(
        "query-migrate-capabilities",
        migration::query_migrate_capabilities,
    ),
    preconfig("query-name", query::name),
    preconfig("query-status", query::status),
    command("query-target", query::target),
    preconfig("query-uuid", query::uuid),
    preconfig("query-version", query::version),
    preconfig("quit", lifecycle::quit),
    preconfig("set-action", actions::set_action),
    command("snapshot-delete", snapshot::snapshot_delete),
    command("snapshot-load", snapshot::snapshot_load),
    command("snapshot-save", snapshot::snapshot_save),
    command("stop", lifecycle::stop),
    command("system_powerdown", lifecycle::system_powerdown),
    command("system_reset", lifecycle::system_reset),
    command("system_wakeup", lifecycle::system_wakeup),
    command("watchdog-set-action", actions::watchdog_set_action),
    command("x-colo-lost-heartbeat", migration::x_colo_lost_heartbeat),
    preconfig("x-exit-preconfig", lifecycle::x_exit_preconfig),
    command("xen-save-devices-state", snapshot::xen_save_devices_state),
];

/// The command of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static CommandInfo> {
    COMMANDS
        .binary_search_by(|info| info.name.cmp(name))
        .ok()
        .map(|at| &COMMANDS[at])
}

/// What a session asks of a name.
#[must_use]
pub fn lookup(name: &str) -> Lookup {
    find(name).map_or(Lookup::NotFound, |info| Lookup::Found {
        allow_oob: info.allow_oob,
    })
}

/// What comes of a command, in the order in which a monitor says it.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// An event.
    Event(Message),
    /// The command's reply.
    Reply(Result<Value, Error>),
}

impl Machine {
    /// Executes one command as QEMU does: its handler, the pass that follows, and its reply where the release puts it.
    pub fn execute(&mut self, name: &str, arguments: &Object, say: &mut dyn FnMut(Said)) {
        let release = self.release();
        self.execute_with(release, say, |machine| machine.dispatch(name, arguments));
    }

    /// The same with any handler: a command that somebody else knows.
    pub fn execute_with(
        &mut self,
        release: Release,
        say: &mut dyn FnMut(Said),
        handler: impl FnOnce(&mut Self) -> Result<Value, Error>,
    ) {
        let reply = handler(self);
        // `qmp_dispatch()`, qapi/qmp-dispatch.c: since 9.0 the coroutine that replies runs one pass later.
        if release.reply_after_pass() {
            self.main_loop();
            self.say_events(say);
            self.say_reply(reply, say);
        } else {
            self.say_events(say);
            self.say_reply(reply, say);
            self.main_loop();
            self.say_events(say);
        }
        self.settle();
        self.say_events(say);
    }

    /// One command's handler, without a pass: permission, arguments, and what it does at once.
    ///
    /// # Errors
    ///
    /// What QEMU answers with an error.
    pub fn dispatch(&mut self, name: &str, arguments: &Object) -> Result<Value, Error> {
        let info = find(name).ok_or_else(|| Error::command_not_found(name))?;
        self.check_permission(info.name, info.allow_preconfig)?;
        (info.handler)(self, arguments)
    }

    /// Whether a command may run before the machine exists. `qmp_command_available()`, system/qdev-monitor.c.
    ///
    /// # Errors
    ///
    /// QEMU's refusal.
    pub fn check_permission(&self, name: &str, allow_preconfig: bool) -> Result<(), Error> {
        if self.vm().life() == Life::Preconfig && !allow_preconfig {
            let words = runstate::Refusal::OnlyAfterInitialization.words();
            return Err(Error::generic(words.replace("{}", name)));
        }
        Ok(())
    }

    /// Hands out what has been said since the last time.
    pub fn say_events(&mut self, say: &mut dyn FnMut(Said)) {
        while let Some(message) = self.poll() {
            say(Said::Event(message));
        }
    }

    /// A QEMU that has aborted, or exited at once in the handler, replies to nothing.
    fn say_reply(&self, reply: Result<Value, Error>, say: &mut dyn FnMut(Said)) {
        if self.vm().life() != Life::Aborted {
            say(Said::Reply(reply));
        }
    }
}

/// The reply of a command that returns nothing.
fn done(result: Result<(), Error>) -> Result<Value, Error> {
    result.map(|()| Value::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_sorted_for_the_search() {
        assert!(COMMANDS.is_sorted_by(|a, b| a.name < b.name));
        assert!(find("stop").is_some() && find("Stop").is_none());
    }
}
