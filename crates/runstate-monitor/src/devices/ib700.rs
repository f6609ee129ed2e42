//! The ib700 watchdog. hw/watchdog/wdt_ib700.c.

use super::NANOSECONDS;

/// A timer that the guest arms and disarms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ib700 {
    /// When it expires, in nanoseconds of virtual time.
    pub(super) deadline: Option<u64>,
}

impl Ib700 {
    /// A write to 0x443 arms, a write to 0x441 disarms. Whether the port is the watchdog's.
    pub(super) fn write(&mut self, now: u64, port: u16, value: u8) -> bool {
        match port {
            0x443 => {
                let seconds = 30 - 2 * u64::from(value & 15);
                self.deadline = Some(now.saturating_add(seconds * NANOSECONDS));
            }
            0x441 => self.deadline = None,
            _ => return false,
        }
        true
    }

    /// Whether it expires now; it is disarmed then.
    pub(super) fn expire(&mut self, now: u64) -> bool {
        self.deadline.take_if(|deadline| *deadline <= now).is_some()
    }
}
