//! A qtest client: what the guest accesses, on QEMU's main-loop thread, and the barrier.

use super::failure::Failure;
use super::ports::{Access, MemoryWrite, PortWrite, Width};
use super::script::undrivable;
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

    /// Sends accesses that one turn of the main loop performs: QEMU reads up to 1024 bytes at a time
    /// (`qtest_can_read()`, softmmu/qtest.c, 7.2).
    ///
    /// # Errors
    ///
    /// When QEMU does not read, or one needs a vCPU.
    pub fn send(&mut self, writes: &[Access]) -> Result<(), Failure> {
        let mut text = String::new();
        for write in writes {
            match *write {
                Access::Port(write) => text.push_str(&port_line(write)),
                Access::Memory(write) => text.push_str(&memory_line(write)),
                Access::TripleFault => return undrivable("a triple fault needs a vCPU"),
            }
        }
        assert!(text.len() <= 1024, "one read of QEMU takes all of a group");
        self.awaited += writes.len();
        self.wire.send(text.as_bytes())
    }

    /// Makes many accesses, with no regard to how many turns of the main loop perform them.
    ///
    /// # Errors
    ///
    /// When QEMU does not read or answer.
    pub fn send_all(&mut self, writes: &[Access]) -> Result<(), Failure> {
        for part in writes.chunks(16) {
            self.send(part)?;
            self.answers()?;
        }
        Ok(())
    }

    /// Reads a double word from a port; `None` when QEMU is gone.
    ///
    /// # Errors
    ///
    /// As [`Self::answers`].
    pub fn read(&mut self, port: u16) -> Result<Option<u32>, Failure> {
        self.answers()?;
        self.wire.send(format!("inl {port:#x}\n").as_bytes())?;
        let limit = Limit::new("answer on the qtest socket");
        while !self.wire.closed {
            if let Some(answer) = self.wire.line() {
                let answer = String::from_utf8_lossy(&answer).into_owned();
                let value = answer.strip_prefix("OK 0x");
                let value = value.and_then(|digits| u32::from_str_radix(digits, 16).ok());
                return match value {
                    Some(value) => Ok(Some(value)),
                    None => Err(Failure::qemu(format!("the qtest socket says {answer}"))),
                };
            }
            take_in(&mut [&mut self.wire], limit)?;
        }
        Ok(None)
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

fn memory_line(write: MemoryWrite) -> String {
    let command = match write.width {
        Width::Byte => "writeb",
        Width::Word => "writew",
        Width::Dword => "writel",
    };
    format!("{command} {:#x} {:#x}\n", write.address, write.value)
}

fn port_line(write: PortWrite) -> String {
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
        assert_eq!(port_line(PortWrite::byte(0x505, 1)), "outb 0x505 0x1\n");
        assert_eq!(port_line(PortWrite::word(0x604, 0x2400)), "outw 0x604 0x2400\n");
        assert_eq!(
            port_line(PortWrite::dword(0xcf8, 0x8000_0b40)),
            "outl 0xcf8 0x80000b40\n"
        );
        let write = MemoryWrite {
            width: Width::Word,
            address: 0xe000_000c,
            value: 0x80,
        };
        assert_eq!(memory_line(write), "writew 0xe000000c 0x80\n");
    }
}
