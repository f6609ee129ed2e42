//! A qtest client: port writes on QEMU's main-loop thread, and the barrier.

use super::failure::Failure;
use super::ports::{PortWrite, Width};
use super::wire::{Limit, Wire, take_in};

/// The qtest socket.
#[derive(Debug)]
pub struct Qtest {
    wire: Wire,
    /// Commands whose answer has not come.
    awaited: usize,
}

impl Qtest {
    /// On a connected socket.
    #[must_use]
    pub const fn new(wire: Wire) -> Self {
        Self { wire, awaited: 0 }
    }

    /// Whether QEMU has closed its end.
    #[must_use]
    pub const fn closed(&self) -> bool {
        self.wire.closed
    }

    /// Sends port writes that one turn of the main loop performs: QEMU reads up to 1024 bytes at a time
    /// (`qtest_can_read()`, softmmu/qtest.c, 7.2).
    ///
    /// # Errors
    ///
    /// When QEMU does not read.
    pub fn send(&mut self, writes: &[PortWrite]) -> Result<(), Failure> {
        let mut text = String::new();
        for write in writes {
            text.push_str(&line(*write));
        }
        assert!(text.len() <= 1024, "one read of QEMU takes all of a group");
        self.awaited += writes.len();
        self.wire.send(text.as_bytes())
    }

    /// Sends many port writes, with no regard to how many turns of the main loop perform them.
    ///
    /// # Errors
    ///
    /// When QEMU does not read or answer.
    pub fn send_all(&mut self, writes: &[PortWrite]) -> Result<(), Failure> {
        for part in writes.chunks(16) {
            self.send(part)?;
            self.answers()?;
        }
        Ok(())
    }

    /// Waits for the answers to everything sent. A QEMU that is gone does not answer, which is no error here.
    ///
    /// # Errors
    ///
    /// When QEMU hangs, or refuses a command.
    pub fn answers(&mut self) -> Result<(), Failure> {
        let limit = Limit::new("answer on the qtest socket");
        while self.awaited > 0 && !self.wire.closed {
            while let Some(answer) = self.wire.line() {
                let answer = String::from_utf8_lossy(&answer).into_owned();
                if !answer.starts_with("OK") {
                    return Err(Failure::qemu(format!("the qtest socket says {answer}")));
                }
                self.awaited -= 1;
            }
            if self.awaited > 0 {
                take_in(&mut [&mut self.wire], limit)?;
            }
        }
        Ok(())
    }

    /// Waits until the main loop has made a pass over its requests since the call.
    ///
    /// A qtest command is performed and answered where the main loop dispatches its file descriptors; the pass comes
    /// after that. So the answer to a second command, sent when the first was answered, says that the pass between the
    /// two is over. Unlike a QMP command it is harmless while QEMU exits.
    ///
    /// # Errors
    ///
    /// When QEMU hangs.
    pub fn barrier(&mut self, passes: usize) -> Result<(), Failure> {
        self.answers()?;
        for _ in 0..=passes {
            self.awaited += 1;
            self.wire.send(b"endianness\n")?;
            self.answers()?;
        }
        Ok(())
    }
}

fn line(write: PortWrite) -> String {
    let command = match write.width {
        Width::Byte => "outb",
        Width::Word => "outw",
        Width::Dword => "outl",
    };
    format!("{command} {:#x} {:#x}\n", write.port, write.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_qtest_commands() {
        assert_eq!(line(PortWrite::byte(0x505, 1)), "outb 0x505 0x1\n");
        assert_eq!(line(PortWrite::word(0x604, 0x2400)), "outw 0x604 0x2400\n");
        assert_eq!(
            line(PortWrite::dword(0xcf8, 0x8000_0b40)),
            "outl 0xcf8 0x80000b40\n"
        );
    }
}
