//! The host's side of the guest's serial port, and of the memory it shares.

use core::time::Duration;
use std::fs::File;
use std::os::unix::fs::FileExt as _;

use super::failure::Failure;
use super::firmware::{BEGUN, BOOTED, BUFFER, DONE, Frame, GO, MAILBOX, MAILBOX_SIZE, Operation};
use super::ports::{Access, Width};
use super::wire::{Limit, Wire, take_in};

/// Where the guest has memory that it does not use, and how many bytes: more than pipes and QEMU's buffer take.
const SPARE: u64 = 2 << 20;
const SPARE_SIZE: usize = 1 << 20;

/// The guest, from outside.
#[derive(Debug)]
pub struct Guest {
    /// COM1.
    pub wire: Wire,
    memory: File,
    tag: u8,
}

/// A frame that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    vcpu: u8,
    tag: u8,
}

/// Where the mailbox of the frame's vCPU is.
fn mailbox(sent: Sent) -> u64 {
    u64::from(MAILBOX + MAILBOX_SIZE * u16::from(sent.vcpu))
}

fn unreachable_memory(error: std::io::Error) -> Failure {
    Failure::qemu(format!("cannot reach the guest's memory: {error}"))
}

impl Sent {
    /// The vCPU that it was for.
    #[must_use]
    pub const fn vcpu(self) -> u8 {
        self.vcpu
    }
}

impl Guest {
    /// `memory` is the file behind the guest's memory.
    #[must_use]
    pub const fn new(wire: Wire, memory: File) -> Self {
        Self { wire, memory, tag: 0 }
    }

    /// Asks a vCPU to do something to its machine.
    ///
    /// # Errors
    ///
    /// When QEMU does not read.
    pub fn perform(&mut self, vcpu: u8, access: Access, held: bool) -> Result<Sent, Failure> {
        let (operation, address, value) = match access {
            Access::Port(write) => {
                let operation = match write.width {
                    Width::Byte => Operation::OutByte,
                    Width::Word => Operation::OutWord,
                    Width::Dword => Operation::OutDword,
                };
                (operation, u32::from(write.port), write.value)
            }
            Access::Memory(write) => {
                let operation = match write.width {
                    Width::Byte => Operation::StoreByte,
                    Width::Word => Operation::StoreWord,
                    Width::Dword => Operation::StoreDword,
                };
                (operation, write.address, write.value)
            }
            Access::TripleFault => (Operation::TripleFault, 0, 0),
        };
        self.send(vcpu, operation, address, value, held)
    }

    /// Asks a vCPU for anything.
    ///
    /// # Errors
    ///
    /// When QEMU does not read.
    pub fn send(
        &mut self,
        vcpu: u8,
        operation: Operation,
        address: u32,
        value: u32,
        held: bool,
    ) -> Result<Sent, Failure> {
        self.tag = (self.tag + 1) % BOOTED;
        let frame = Frame {
            vcpu,
            operation,
            tag: self.tag,
            held,
            address,
            value,
        };
        self.wire.send(&frame.bytes())?;
        Ok(Sent { vcpu, tag: self.tag })
    }

    /// Whether the guest has acknowledged the frame. It forgets what came before.
    #[must_use]
    pub fn acknowledged(&mut self, sent: Sent) -> bool {
        match self.wire.arrived.iter().position(|byte| *byte == sent.tag) {
            Some(at) => {
                self.wire.arrived.drain(..=at);
                true
            }
            None => false,
        }
    }

    /// Waits for the acknowledgement; `false` when QEMU is gone.
    ///
    /// # Errors
    ///
    /// When it does not come.
    pub fn wait(&mut self, sent: Sent) -> Result<bool, Failure> {
        let limit = Limit::new("acknowledgement from the guest");
        loop {
            if self.acknowledged(sent) {
                return Ok(true);
            }
            if self.wire.closed {
                return Ok(false);
            }
            take_in(&mut [&mut self.wire], limit)?;
        }
    }

    /// Whether the guest has booted anew since the last frame that it acknowledged.
    #[must_use]
    pub fn has_rebooted(&self) -> bool {
        self.wire.arrived.contains(&BOOTED)
    }

    /// Whether the vCPU has come to the port write of the frame.
    ///
    /// # Errors
    ///
    /// When the guest's memory cannot be read.
    pub fn has_begun(&self, sent: Sent) -> Result<bool, Failure> {
        Ok(self.read(sent, BEGUN)? == sent.tag)
    }

    fn read(&self, sent: Sent, offset: u8) -> Result<u8, Failure> {
        let mut byte = [0];
        self.memory
            .read_exact_at(&mut byte, mailbox(sent) + u64::from(offset))
            .map_err(unreachable_memory)?;
        Ok(byte[0])
    }

    /// Lets a held frame be performed, and waits until it was, with no help from QEMU's main loop: until the guest says
    /// so, or its vCPU has begun and `rests`.
    ///
    /// # Errors
    ///
    /// When the guest does not react.
    pub fn release(&mut self, sent: Sent, rests: &dyn Fn() -> bool) -> Result<(), Failure> {
        self.memory
            .write_all_at(&[1], mailbox(sent) + u64::from(GO))
            .map_err(unreachable_memory)?;
        let limit = Limit::new("reaction of the guest to the sign in its memory");
        loop {
            if self.read(sent, DONE)? == sent.tag || (self.has_begun(sent)? && rests()) {
                return Ok(());
            }
            limit.check()?;
            std::thread::sleep(Duration::from_micros(20));
        }
    }

    /// Fills memory that the guest does not use with what is not zero, so that it is sent page by page.
    ///
    /// # Errors
    ///
    /// When the memory cannot be written.
    pub fn fill_memory(&self) -> Result<(), Failure> {
        self.memory
            .write_all_at(&[0x5a; SPARE_SIZE], SPARE)
            .map_err(unreachable_memory)
    }

    /// Writes a sector's words to a port: the guest reads them from the buffer in its memory.
    ///
    /// # Errors
    ///
    /// When QEMU does not read.
    pub fn write_sector(&mut self, port: u16) -> Result<Sent, Failure> {
        self.memory
            .write_all_at(&[0x5a; 512], u64::from(BUFFER))
            .map_err(unreachable_memory)?;
        self.send(0, Operation::OutString, u32::from(port), 256, false)
    }
}
