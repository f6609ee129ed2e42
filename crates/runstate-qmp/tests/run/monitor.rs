//! A monitor with a few commands that need no VM, and a client.

use runstate_qmp::arguments::{Argument, Arguments};
use runstate_qmp::{Commands, Config, Error, ErrorClass, Lookup, Object, Session, Value, Version, object};

/// A client connected to a session.
pub(crate) struct Monitor {
    pub(crate) session: Session,
}

impl Monitor {
    /// A client that has been greeted and has read the greeting.
    pub(crate) fn connect() -> Self {
        let mut session = Session::new(Config::new(Version::new(10, 0, 0)));
        session.connect();
        let mut monitor = Self { session };
        assert_eq!(monitor.sent().len(), 1);
        monitor
    }

    /// A client that has negotiated.
    pub(crate) fn negotiated() -> Self {
        let mut monitor = Self::connect();
        assert_eq!(
            monitor.send("{'execute':'qmp_capabilities'}"),
            ["{\"return\": {}}\r\n"]
        );
        monitor
    }

    /// Sends bytes, lets commands be answered, and returns the messages that come back.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> Vec<String> {
        self.session.receive(bytes.as_ref());
        self.serve();
        self.sent()
    }

    /// Answers all requests at once.
    pub(crate) fn serve(&mut self) {
        while let Some(request) = self.session.poll(&Few) {
            let answer = execute(&request.command, &request.arguments);
            self.session.reply(request.ticket, answer);
        }
    }

    /// The messages that wait for the client.
    pub(crate) fn sent(&mut self) -> Vec<String> {
        let mut messages = Vec::new();
        while let Some(chunk) = self.session.transmit() {
            messages.push(String::from_utf8(chunk.bytes.to_vec()).expect("messages are ASCII"));
        }
        messages
    }
}

/// The commands of the monitor.
pub(crate) struct Few;

impl Commands for Few {
    fn find(&self, name: &str) -> Lookup {
        match name {
            "migrate-pause" => Lookup::Found { allow_oob: true },
            "x-query-roms" => Lookup::Refused(Error::new(
                ErrorClass::CommandNotFound,
                "Unstable command x-query-roms disabled by policy",
            )),
            _ if NAMES.contains(&name) => Lookup::Found { allow_oob: false },
            _ => Lookup::NotFound,
        }
    }
}

/// The commands whose answers need no VM, as far as the recordings ask for them.
pub(crate) const NAMES: [&str; 14] = [
    "balloon",
    "cont",
    "human-monitor-command",
    "memsave",
    "qom-get",
    "query-command-line-options",
    "query-name",
    "query-status",
    "quit",
    "set-action",
    "stop",
    "system_reset",
    "system_wakeup",
    "watchdog-set-action",
];

/// Executes a command as the QEMU of the recordings does: no guest, no devices.
pub(crate) fn execute(command: &str, arguments: &Object) -> Result<Value, Error> {
    let mut arguments = Arguments::new(arguments);
    let answer = read(command, &mut arguments)?;
    arguments.finish()?;
    answer
}

/// Reads a command's arguments, and says how it ends if there are no others.
fn read(command: &str, arguments: &mut Arguments<'_>) -> Result<Result<Value, Error>, Error> {
    match command {
        "balloon" => {
            arguments.required("value")?.int64()?;
            return Ok(Err(Error::new(
                ErrorClass::DeviceNotActive,
                "No balloon device has been activated",
            )));
        }
        "human-monitor-command" => {
            let line = arguments.required("command-line")?.string()?;
            let text = if line.is_empty() {
                String::new()
            } else {
                format!("unknown command: '{line}'\r\n")
            };
            return Ok(Ok(text.into()));
        }
        "memsave" => {
            arguments.required("val")?.int64()?;
            arguments.required("size")?.int64()?;
            arguments.required("filename")?.string()?;
            if let Some(index) = arguments.optional("cpu-index") {
                index.int64()?;
            }
        }
        "migrate-pause" => {
            let words = "migrate-pause is currently only supported during postcopy-active state";
            return Ok(Err(Error::generic(words)));
        }
        "qom-get" => {
            arguments.required("path")?.string()?;
            arguments.required("property")?.string()?;
        }
        "query-command-line-options" => {
            let option = arguments.required("option")?.string()?;
            return Ok(Err(Error::generic(format!("invalid option name: {option}"))));
        }
        "query-status" => {
            // In the order of the schema of 7.2: `singlestep` and `status` share a bucket.
            let status = object! { "running": true, "singlestep": false, "status": "running" };
            return Ok(Ok(status.into()));
        }
        "set-action" => set_action(arguments)?,
        "system_wakeup" => {
            return Ok(Err(Error::generic(
                "Unable to wake up: guest is not in suspended state",
            )));
        }
        "watchdog-set-action" => choose(&arguments.required("action")?, &WATCHDOG)?,
        _ => {}
    }
    Ok(Ok(Value::empty()))
}

const WATCHDOG: [&str; 7] = [
    "reset",
    "shutdown",
    "poweroff",
    "pause",
    "debug",
    "none",
    "inject-nmi",
];

fn set_action(arguments: &mut Arguments<'_>) -> Result<(), Error> {
    for (name, accepted) in [
        ("reboot", &["reset", "shutdown"][..]),
        ("shutdown", &["poweroff", "pause"]),
        ("panic", &["pause", "shutdown", "exit-failure", "none"]),
        ("watchdog", &WATCHDOG),
    ] {
        if let Some(action) = arguments.optional(name) {
            choose(&action, accepted)?;
        }
    }
    Ok(())
}

fn choose(action: &Argument<'_>, accepted: &[&str]) -> Result<(), Error> {
    action.one_of(|name| accepted.contains(&name).then_some(()))
}
