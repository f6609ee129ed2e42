//! A debugger at QEMU's gdb stub, as far as run states go.

use super::failure::Failure;
use super::wire::{Limit, Wire, take_in};

/// A connected debugger.
#[derive(Debug)]
pub struct Debugger {
    wire: Wire,
}

impl Debugger {
    /// On a connected socket. QEMU stops the VM when the connection is made.
    #[must_use]
    pub const fn new(wire: Wire) -> Self {
        Self { wire }
    }

    /// Sends a packet whose answer is awaited by [`Self::answer`], or that has none.
    ///
    /// # Errors
    ///
    /// When QEMU does not read.
    pub fn send(&mut self, packet: &str) -> Result<(), Failure> {
        self.keep_up()?;
        self.wire.send(frame(packet).as_bytes())
    }

    /// Sends a packet and waits until QEMU has answered with one.
    ///
    /// # Errors
    ///
    /// When QEMU does not answer.
    pub fn ask(&mut self, packet: &str) -> Result<String, Failure> {
        self.send(packet)?;
        self.answer()
    }

    /// The next packet of QEMU, acknowledged; empty when QEMU is gone.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn answer(&mut self) -> Result<String, Failure> {
        let limit = Limit::new("answer of the gdb stub");
        loop {
            if let Some(packet) = take_packet(&mut self.wire.arrived) {
                self.wire.send(b"+")?;
                return Ok(packet);
            }
            if self.wire.closed {
                return Ok(String::new());
            }
            take_in(&mut [&mut self.wire], limit)?;
        }
    }

    /// Acknowledges what QEMU has told meanwhile: stops that others have caused. As long as the last packet is not
    /// acknowledged, QEMU ignores what else it reads; an acknowledgement too many stops a VM that runs
    /// (`gdb_read_byte()`, gdbstub/gdbstub.c).
    ///
    /// # Errors
    ///
    /// When QEMU does not read.
    pub fn keep_up(&mut self) -> Result<(), Failure> {
        self.wire.take_in();
        let mut told = false;
        while take_packet(&mut self.wire.arrived).is_some() {
            told = true;
        }
        if told { self.wire.send(b"+") } else { Ok(()) }
    }

    /// Whether QEMU has told that a breakpoint was hit. Every other stop since the last packet is told before.
    ///
    /// # Errors
    ///
    /// When QEMU does not read.
    pub fn has_hit(&mut self) -> Result<bool, Failure> {
        self.wire.take_in();
        while let Some(packet) = take_packet(&mut self.wire.arrived) {
            self.wire.send(b"+")?;
            // Signal 5 is SIGTRAP; the stop of a QMP client is 2.
            if packet.starts_with("T05") {
                return Ok(true);
            }
        }
        Ok(self.wire.closed)
    }

    /// Presses control-C: the VM stops, and QEMU says so.
    ///
    /// # Errors
    ///
    /// When QEMU does not answer.
    pub fn interrupt(&mut self) -> Result<(), Failure> {
        self.keep_up()?;
        self.wire.send(b"\x03")
    }

    /// Sets a breakpoint while the VM is stopped.
    ///
    /// # Errors
    ///
    /// When QEMU refuses it.
    pub fn set_breakpoint(&mut self, address: u32) -> Result<(), Failure> {
        self.breakpoint('Z', address)
    }

    /// Removes a breakpoint while the VM is stopped.
    ///
    /// # Errors
    ///
    /// When QEMU refuses.
    pub fn remove_breakpoint(&mut self, address: u32) -> Result<(), Failure> {
        self.breakpoint('z', address)
    }

    fn breakpoint(&mut self, how: char, address: u32) -> Result<(), Failure> {
        let packet = format!("{how}0,{address:x},1");
        // A stop that QEMU has told meanwhile stands before the answer.
        self.send(&packet)?;
        loop {
            match self.answer()?.as_str() {
                "OK" => return Ok(()),
                stop if stop.starts_with(['T', 'S']) => {}
                other => {
                    return Err(Failure::qemu(format!(
                        "the gdb stub answers {packet} with {other:?}"
                    )));
                }
            }
        }
    }
}

fn frame(packet: &str) -> String {
    let sum = packet.bytes().fold(0_u8, u8::wrapping_add);
    format!("${packet}#{sum:02x}")
}

/// Takes a complete packet out of what has arrived, and the acknowledgements before it.
fn take_packet(arrived: &mut Vec<u8>) -> Option<String> {
    let start = arrived.iter().position(|byte| *byte == b'$')?;
    let hash = start + arrived[start..].iter().position(|byte| *byte == b'#')?;
    if arrived.len() < hash + 3 {
        return None;
    }
    let packet = String::from_utf8_lossy(&arrived[start + 1..hash]).into_owned();
    arrived.drain(..hash + 3);
    Some(packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_have_their_sum() {
        assert_eq!(frame("c"), "$c#63");
        assert_eq!(frame("D"), "$D#44");
    }

    #[test]
    fn packets_are_taken_whole() {
        let mut arrived = b"+$T05thread:01;#07+$O".to_vec();
        assert_eq!(take_packet(&mut arrived).as_deref(), Some("T05thread:01;"));
        assert_eq!(take_packet(&mut arrived), None);
        arrived.extend(b"K#9a");
        assert_eq!(take_packet(&mut arrived).as_deref(), Some("OK"));
        assert!(arrived.is_empty());
    }
}
