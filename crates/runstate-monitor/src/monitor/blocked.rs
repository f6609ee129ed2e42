//! A command that blocks QEMU's main thread: it reads a file, and the file may be a FIFO that nobody has written yet.

use runstate::Release;
use runstate_qmp::{Error, Object, Ticket, Value};

use super::{Monitor, Port};

/// A command that has begun and not ended.
#[derive(Debug)]
pub(super) struct Blocked {
    port: Port,
    ticket: Ticket,
    file: String,
}

impl Blocked {
    pub(super) const fn new(port: Port, ticket: Ticket, file: String) -> Self {
        Self { port, ticket, file }
    }

    pub(super) const fn is_on(&self, port: Port) -> bool {
        self.port == port
    }
}

/// The file that a command reads before it is answered: the rules of `blkdebug`. `read_config()`, block/blkdebug.c.
pub(super) fn file(command: &str, arguments: &Object) -> Option<String> {
    let text = |key: &str| arguments.get(key).and_then(Value::as_str);
    let reads = command == "blockdev-add" && text("driver") == Some("blkdebug");
    reads.then(|| text("config").map(str::to_owned)).flatten()
}

impl Monitor {
    /// The file that has to be read before any command but those out of band goes on.
    #[must_use]
    pub fn blocked_on(&self) -> Option<&str> {
        self.blocked.as_ref().map(|blocked| blocked.file.as_str())
    }

    /// The file was read, or why it cannot be.
    pub fn unblock(&mut self, outcome: Result<(), String>) {
        let Some(Blocked { port, ticket, file }) = self.blocked.take() else {
            return;
        };
        let reply = match outcome {
            Ok(()) => Ok(Value::empty()),
            // 11.0: 9c3a66f5c4
            Err(why) if self.machine.release() >= Release::V11_0 => {
                Err(Error::generic(format!("Could not open '{file}': {why}")))
            }
            Err(why) => Err(Error::generic(format!(
                "Could not read blkdebug config file: {why}"
            ))),
        };
        self.ports[port].session.reply(ticket, reply);
    }
}
