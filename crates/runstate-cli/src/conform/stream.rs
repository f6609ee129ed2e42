//! Migration streams: made once by a QEMU that never ran its guest, patched to say another state, fed when it is time.

use core::time::Duration;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use runstate::Stream;

use super::failure::Failure;
use super::machine::Machine;
use super::qemu::{Prepare, Qemu};
use super::wire::Limit;

/// Has QEMU write a stream of this machine, which was never started: its state is `prelaunch`.
///
/// # Errors
///
/// When QEMU does not.
pub fn template(
    program: &Path,
    firmware: &Path,
    machine: &Machine,
    prepare: Prepare<'_>,
) -> Result<Vec<u8>, Failure> {
    let source = machine.source(&["-S"]);
    let mut qemu = Qemu::launch(program, firmware, &source, prepare)?;
    qemu.control
        .ask(r#"{"execute": "migrate", "arguments": {"uri": "exec:cat > stream"}}"#)?;
    let limit = Limit::new("end of a migration");
    while qemu.migration_status()?.as_deref() != Some("completed") {
        limit.check()?;
        std::thread::sleep(Duration::from_millis(1));
    }
    // The end of `cat` is not the end of the migration: QEMU waits for it when it closes the stream.
    let path = qemu.directory().join("stream");
    loop {
        let stream = fs::read(&path).unwrap_or_default();
        if is_complete(&stream) {
            return Ok(stream);
        }
        limit.check()?;
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The description of the devices ends the stream: a JSON object after its length (`vmstate_save_complete`).
fn is_complete(stream: &[u8]) -> bool {
    stream.ends_with(b"}")
}

/// The stream, saying that the source was in another state.
///
/// # Errors
///
/// When the stream has not the section of the state where it is expected.
pub fn patched(template: &[u8], stream: Stream) -> Result<Vec<u8>, Failure> {
    if stream.suspended || stream.postcopy {
        return super::script::undrivable("an incoming stream with more than a state");
    }
    let section = b"globalstate";
    let at = template
        .windows(section.len())
        .position(|window| window == section)
        .ok_or_else(|| Failure::qemu("the migration stream has no section globalstate"))?;
    let old = b"prelaunch\0";
    let state = at
        + template[at..]
            .windows(old.len())
            .position(|window| window == old)
            .ok_or_else(|| Failure::qemu("the migration stream does not name the state prelaunch"))?;
    let mut patched = template.to_vec();
    // The field has 100 bytes (`GlobalState`, migration/global_state.c), its size stands before it.
    let name = stream.status.name().as_bytes();
    patched[state..state + 20].fill(0);
    patched[state..state + name.len()].copy_from_slice(name);
    let size = u32::try_from(name.len() + 1).expect("a state's name is short");
    patched[state - 4..state].copy_from_slice(&size.to_be_bytes());
    Ok(patched)
}

/// Writes bytes into a FIFO that another process reads or will read, and closes it.
///
/// # Errors
///
/// When nobody reads.
pub fn feed(fifo: &Path, mut bytes: &[u8]) -> Result<(), Failure> {
    let limit = Limit::new("reading of the incoming stream");
    let cannot = |error| Failure::qemu(format!("cannot write the incoming stream: {error}"));
    let mut file = loop {
        let opened = File::options()
            .write(true)
            .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
            .open(fifo);
        match opened {
            Ok(file) => break file,
            // Nobody has it open for reading yet.
            Err(error) if error.raw_os_error() == Some(nix::errno::Errno::ENXIO as i32) => {}
            Err(error) => return Err(cannot(error)),
        }
        limit.check()?;
        std::thread::sleep(Duration::from_millis(1));
    };
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                limit.check()?;
                std::thread::sleep(Duration::from_micros(200));
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // `head` has enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
            Err(error) => return Err(cannot(error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use runstate::RunState;

    #[test]
    fn state_is_patched_with_its_size() {
        let mut template = b"...globalstate....".to_vec();
        template.extend([0, 0, 0, 10]);
        template.extend(b"prelaunch\0");
        template.extend([0; 90]);
        let stream = Stream {
            status: RunState::GuestPanicked,
            suspended: false,
            postcopy: false,
        };
        let patched = patched(&template, stream).expect("there is a state");
        assert_eq!(patched.len(), template.len());
        assert_eq!(&patched[18..22], [0, 0, 0, 15]);
        assert_eq!(&patched[22..38], b"guest-panicked\0\0");
    }

    #[test]
    fn other_bytes_are_refused() {
        let stream = Stream {
            status: RunState::Running,
            suspended: false,
            postcopy: false,
        };
        assert!(matches!(
            patched(b"prelaunch\0", stream),
            Err(Failure::Qemu { .. })
        ));
        assert!(matches!(
            patched(b"globalstate", stream),
            Err(Failure::Qemu { .. })
        ));
    }
}
