//! Memory dumps: into QEMU's own directory, and held back where they are detached.
//!
//! A detached dump goes into a FIFO that is open and is not read, which takes less than the guest's memory, until the scenario
//! says that it completes.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use runstate_qmp::Value;

use super::drive::Driver;
use super::failure::Failure;
use super::script::undrivable;

impl Driver<'_> {
    /// The command as it is sent: a dump does not go where the scenario says.
    pub(super) fn redirected(&mut self, command: &Value) -> Result<Value, Failure> {
        let named = command.get("execute").and_then(Value::as_str) == Some("dump-guest-memory");
        let arguments = command.get("arguments").and_then(Value::as_object);
        let (true, Some(arguments)) = (named, arguments) else {
            return Ok(command.clone());
        };
        let to_file = |protocol: &&Value| protocol.as_str().is_some_and(|text| text.starts_with("file:"));
        if arguments.get("protocol").filter(to_file).is_none() {
            return Ok(command.clone());
        }
        let path = self.qemu.directory().join("dump");
        let detached = arguments.get("detach").and_then(Value::as_bool) == Some(true);
        if detached && !path.exists() {
            let cannot =
                |error: std::io::Error| Failure::qemu(format!("cannot make a FIFO for a dump: {error}"));
            mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).map_err(|error| cannot(error.into()))?;
            let reader = File::options()
                .read(true)
                .custom_flags(OFlag::O_NONBLOCK.bits())
                .open(&path)
                .map_err(cannot)?;
            self.dump = Some(reader);
        }
        let mut arguments = arguments.clone();
        arguments.insert("protocol", format!("file:{}", path.display()));
        let mut command = command.as_object().cloned().unwrap_or_default();
        command.insert("arguments", arguments);
        Ok(command.into())
    }

    /// Reads the dump to its end.
    pub(super) fn complete_dump(&mut self) -> Result<(), Failure> {
        let Some(mut reader) = self.dump.take() else {
            return undrivable("no dump was held back");
        };
        fcntl(&reader, FcntlArg::F_SETFL(OFlag::empty()))
            .map_err(|error| Failure::qemu(format!("cannot read a dump: {error}")))?;
        // It ends when QEMU closes it, or is no more.
        std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
        Ok(())
    }
}
