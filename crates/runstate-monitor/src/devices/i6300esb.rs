//! The i6300esb watchdog: two stages, the second of which is what a watchdog is for. hw/watchdog/wdt_i6300esb.c.
//!
//! What it says about its first stage on the standard error is left out.

use runstate::Release;

use super::Width;

/// The configuration register's place in the function's configuration space; words only.
const CONFIG: usize = 0x60;
/// The lock register's; bytes only.
const LOCK: usize = 0x68;
/// Configuration: the second stage's end is no watchdog's.
const NO_REBOOT: u32 = 1 << 5;
/// Configuration: count 1 MHz and not 1 kHz.
const FREQUENCY: u32 = 1 << 2;
/// Lock: begin again after the second stage.
const FREE_RUN: u32 = 1 << 2;
/// Lock: count.
const ENABLE: u32 = 1 << 1;
/// Lock: this register cannot be written any more.
const LOCKED: u32 = 1;
/// The largest value of a timer, and the one after a reset.
const TIMER: u32 = 0xf_ffff;
/// Where the reload register lies among those behind the BAR.
const RELOAD: u64 = 0xc;
/// Reload: begin at the first stage.
const PING: u32 = 1 << 8;
/// Reload: forget that the last reboot was ours. Linux writes the other bit.
const FORGET: u32 = 1 << 9 | 1 << 12;
/// Nanoseconds of a cycle of the PCI bus.
const CYCLE: u64 = 30;

/// How far the guest has come with the two words that unlock a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unlocking {
    Locked,
    Half,
    Unlocked,
}

/// The device's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct I6300esb {
    /// The bits of the configuration register that can be written.
    writable: u32,
    /// The configuration register as it was written last.
    config: u32,
    /// The lock register, likewise.
    lock: u32,
    /// What the timers of the two stages count down from.
    preload: [u32; 2],
    /// It counts in the second stage.
    second: bool,
    unlocking: Unlocking,
    /// The last reboot was the watchdog's: what a driver asks at the next start.
    caused_reboot: bool,
    /// When the stage ends, in nanoseconds of virtual time.
    deadline: Option<u64>,
}

impl I6300esb {
    /// Until 10.2 the bits of what the end of the first stage raises were other ones: 5240186e82 "wdt_i6300esb: fix incorrect
    /// mask for interrupt type" (10.2).
    pub(super) fn new(release: Release) -> Self {
        let interrupt = if release < Release::V10_2 { 0x11 } else { 3 };
        Self::with(NO_REBOOT | FREQUENCY | interrupt)
    }

    const fn with(writable: u32) -> Self {
        Self {
            writable,
            config: 0,
            lock: 0,
            preload: [TIMER; 2],
            second: false,
            unlocking: Unlocking::Locked,
            caused_reboot: false,
            deadline: None,
        }
    }

    /// `i6300esb_reset()`: all but whose the last reboot was.
    pub(super) const fn reset(&mut self) {
        let caused_reboot = self.caused_reboot;
        *self = Self::with(self.writable);
        self.caused_reboot = caused_reboot;
    }

    /// When it does something to the VM next, or comes nearer to it.
    pub(super) fn deadline(&self) -> Option<u64> {
        self.deadline.filter(|_| self.config & NO_REBOOT == 0)
    }

    /// `i6300esb_config_read()`; `None` for what is plain configuration space.
    pub(super) fn read_config(&self, register: usize, width: Width) -> Option<u32> {
        match (register, width) {
            (CONFIG, Width::Word) => Some(self.config),
            (LOCK, Width::Byte) => Some(self.lock),
            _ => None,
        }
    }

    /// `i6300esb_config_write()`; whether it was one of its registers.
    pub(super) fn write_config(&mut self, now: u64, register: usize, width: Width, value: u32) -> bool {
        match (register, width) {
            (CONFIG, Width::Word) => self.config = value & self.writable,
            (LOCK, Width::Byte) => {
                if self.lock & LOCKED != 0 {
                    return true;
                }
                let was_enabled = self.lock & ENABLE != 0;
                self.lock = value & (LOCKED | FREE_RUN | ENABLE);
                if self.lock & ENABLE == 0 {
                    self.deadline = None;
                } else if !was_enabled {
                    self.start(now, false);
                }
            }
            _ => return false,
        }
        true
    }

    /// `i6300esb_mem_readfn()`
    pub(super) const fn read(&self, offset: u64, size: usize) -> u32 {
        if offset == RELOAD && size == 2 && self.caused_reboot {
            FORGET
        } else {
            0
        }
    }

    /// `i6300esb_mem_writefn()`: only the write after the two words counts, and no byte.
    pub(super) fn write(&mut self, now: u64, offset: u64, size: usize, value: u32) {
        match (offset, value, self.unlocking) {
            (RELOAD, 0x80, _) => self.unlocking = Unlocking::Half,
            (RELOAD, 0x86, Unlocking::Half) => self.unlocking = Unlocking::Unlocked,
            (_, _, Unlocking::Unlocked) if size > 1 => {
                self.unlocking = Unlocking::Locked;
                match (offset, size) {
                    (0, 4) => self.preload[0] = value & TIMER,
                    (4, 4) => self.preload[1] = value & TIMER,
                    (RELOAD, 2) => {
                        if value & PING != 0 {
                            self.start(now, false);
                        }
                        if value & FORGET != 0 {
                            self.caused_reboot = false;
                        }
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// `i6300esb_restart_timer()`
    fn start(&mut self, now: u64, second: bool) {
        if self.lock & ENABLE == 0 {
            return;
        }
        self.second = second;
        self.deadline = Some(now.saturating_add(self.length(second)));
    }

    /// How long a stage lasts, in nanoseconds.
    fn length(&self, second: bool) -> u64 {
        let shift = if self.config & FREQUENCY == 0 { 15 } else { 5 };
        (u64::from(self.preload[usize::from(second)]) << shift) * CYCLE
    }

    /// `i6300esb_timer_expired()`, as often as a stage has ended by `now`. Whether the watchdog is to act; it is reset then.
    pub(super) fn expire(&mut self, now: u64) -> bool {
        while let Some(ended) = self.deadline.take_if(|deadline| *deadline <= now) {
            if !self.second {
                self.start(ended, true);
            } else if self.config & NO_REBOOT == 0 {
                self.caused_reboot = true;
                self.reset();
                return true;
            } else if self.lock & FREE_RUN != 0 {
                self.start(self.skip_rounds(ended, now), false);
            }
        }
        false
    }

    /// Nothing comes of the rounds that are over already. A round of no time, in which QEMU would stay for ever, is one of a
    /// nanosecond here.
    fn skip_rounds(&self, ended: u64, now: u64) -> u64 {
        let round = (self.length(false) + self.length(true)).max(1);
        let next = ended + (now - ended) / round * round;
        if self.length(false) + self.length(true) == 0 {
            next.saturating_add(1)
        } else {
            next
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unlock(device: &mut I6300esb) {
        device.write(0, RELOAD, 2, 0x80);
        device.write(0, RELOAD, 2, 0x86);
    }

    #[test]
    fn two_stages_lead_to_one_action() {
        let mut device = I6300esb::new(Release::LAST);
        assert!(device.write_config(0, CONFIG, Width::Word, 4));
        for (timer, ticks) in [(0, 1000), (4, 500)] {
            unlock(&mut device);
            device.write(0, timer, 4, ticks);
        }
        assert!(device.write_config(0, LOCK, Width::Byte, 2));
        // A tick of 1 MHz lasts 32 cycles of 30 ns.
        assert_eq!(device.deadline(), Some(960_000));
        assert!(!device.expire(960_000));
        assert_eq!(device.deadline(), Some(1_440_000));
        assert!(!device.expire(1_439_999));
        assert_eq!(device.read(RELOAD, 2), 0);
        assert!(device.expire(1_440_000));
        assert_eq!(device.deadline(), None);
        assert_eq!(device.read(RELOAD, 2), 0x1200);
        unlock(&mut device);
        device.write(0, RELOAD, 2, FORGET);
        assert_eq!(device.read(RELOAD, 2), 0);
    }

    #[test]
    fn a_ping_begins_again_and_needs_unlocking() {
        let mut device = I6300esb::new(Release::LAST);
        device.write_config(0, LOCK, Width::Byte, 2);
        let whole = u64::from(TIMER) << 15;
        assert_eq!(device.deadline(), Some(whole * 30));
        device.write(5, RELOAD, 2, PING);
        assert_eq!(device.deadline(), Some(whole * 30));
        unlock(&mut device);
        device.write(5, RELOAD, 2, PING);
        assert_eq!(device.deadline(), Some(whole * 30 + 5));
    }

    #[test]
    fn without_reboot_it_goes_round_and_does_nothing() {
        let mut device = I6300esb::new(Release::LAST);
        device.write_config(0, CONFIG, Width::Word, 0x24);
        for timer in [0, 4] {
            unlock(&mut device);
            device.write(0, timer, 4, 1);
        }
        device.write_config(0, LOCK, Width::Byte, 6);
        assert_eq!(device.deadline(), None, "nothing to wait for");
        assert!(!device.expire(1 << 60));
        device.write_config(0, CONFIG, Width::Word, 4);
        let deadline = device.deadline().expect("it still counts");
        assert!(deadline > 1 << 60 && deadline <= (1 << 60) + 1920, "{deadline}");
    }

    #[test]
    fn a_round_of_no_time_ends() {
        let mut device = I6300esb::new(Release::LAST);
        device.write_config(0, CONFIG, Width::Word, 0x20);
        for timer in [0, 4] {
            unlock(&mut device);
            device.write(0, timer, 4, 0);
        }
        device.write_config(0, LOCK, Width::Byte, 7);
        assert!(!device.expire(1 << 62));
        assert!(device.write_config(0, LOCK, Width::Byte, 0));
        assert_eq!(device.read_config(LOCK, Width::Byte), Some(7), "it is locked");
    }
}
