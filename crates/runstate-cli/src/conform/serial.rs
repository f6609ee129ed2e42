//! The host's side of the guest's serial port, and of the memory it shares.

use core::time::Duration;
use std::fs::File;
use std::os::unix::fs::FileExt as _;

use super::failure::Failure;
use super::firmware::{BOOTED, BUFFER, DONE, Frame, GO, MAILBOX, MAILBOX_SIZE, Operation};
use super::ports::{Access, Width};
use super::wire::{Limit, Wire, take_in};

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

    /// Lets a held frame be performed, and waits until it was, with no help from QEMU's main loop.
    ///
    /// # Errors
    ///
    /// When the guest does not react.
    pub fn release(&mut self, sent: Sent) -> Result<(), Failure> {
        let mailbox = u64::from(MAILBOX + MAILBOX_SIZE * u16::from(sent.vcpu));
        let shared = |error| Failure::qemu(format!("cannot reach the guest's memory: {error}"));
        self.memory
            .write_all_at(&[1], mailbox + u64::from(GO))
            .map_err(shared)?;
        let limit = Limit::new("reaction of the guest to the sign in its memory");
        let mut done = [0];
        loop {
            self.memory
                .read_exact_at(&mut done, mailbox + u64::from(DONE))
                .map_err(shared)?;
            if done[0] == sent.tag {
                return Ok(());
            }
            limit.check()?;
            std::thread::sleep(Duration::from_micros(20));
        }
    }

    /// Writes a sector's words to a port: the guest reads them from the buffer in its memory.
    ///
    /// # Errors
    ///
    /// When QEMU does not read.
    pub fn write_sector(&mut self, port: u16) -> Result<Sent, Failure> {
        self.memory
            .write_all_at(&[0x5a; 512], u64::from(BUFFER))
            .map_err(|error| Failure::qemu(format!("cannot reach the guest's memory: {error}")))?;
        self.send(0, Operation::OutString, u32::from(port), 256, false)
    }
}
