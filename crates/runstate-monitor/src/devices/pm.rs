//! ACPI power management: the PM1 registers of PIIX4 and ICH9. hw/acpi/core.c, hw/acpi/piix4.c, hw/acpi/ich9.c.

use runstate::Release;

use super::pci::Pci;
use super::{NANOSECONDS, Width};
use crate::options::MachineFamily;

/// Cycles of the power management timer a second.
const TIMER_FREQUENCY: u64 = 3_579_545;
/// PM1_STS: the timer's top bit changed.
const TIMER_STATUS: u16 = 1;
/// PM1_STS and PM1_EN: the power button.
const POWER_BUTTON: u16 = 1 << 8;
/// PM1_STS: the guest was woken.
const WAKE_STATUS: u16 = 1 << 15;
/// PM1_CNT: go to sleep.
const SLEEP_ENABLE: u16 = 1 << 13;

/// What a write to PM1_CNT asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sleep {
    None,
    S3,
    S4,
    S5,
}

/// The PM1 block. Its base lies in the configuration space of its PCI function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pm {
    byte_access: bool,
    status: u16,
    enable: u16,
    control: u16,
    /// From this tick on the timer's status bit is set.
    overflow: u64,
}

impl Pm {
    pub(super) fn new(family: MachineFamily, release: Release) -> Option<Self> {
        matches!(family, MachineFamily::Pc | MachineFamily::Q35).then_some(Self {
            byte_access: release.pm1_byte_access(),
            status: 0,
            enable: 0,
            control: 0,
            overflow: 0,
        })
    }

    /// Reads a register, if the port is one.
    pub(super) fn read(&mut self, now: u64, port: u16, width: Width, pci: &Pci) -> Option<u32> {
        let offset = port.checked_sub(pci.pm_base()?)?;
        let word = |value: u16, shift: u16| u32::from(value) >> (8 * shift);
        Some(match offset {
            0 | 1 => {
                word(self.status(now), offset)
                    | if width == Width::Long {
                        u32::from(self.enable) << 16
                    } else {
                        0
                    }
            }
            2 | 3 => word(self.enable, offset - 2),
            4 | 5 => word(self.control, offset - 4),
            8..=11 => (ticks(now) & 0xff_ffff) as u32 >> (8 * (offset - 8)),
            _ => return None,
        })
    }

    /// Writes a register, if the port is one.
    pub(super) fn write(
        &mut self,
        now: u64,
        port: u16,
        width: Width,
        value: u32,
        pci: &Pci,
    ) -> Option<Sleep> {
        let offset = port.checked_sub(pci.pm_base()?)?;
        let value = u16::try_from(value & 0xffff).unwrap_or(u16::MAX);
        match offset {
            0 => self.write_status(now, value),
            1 => self.write_status(now, value << 8),
            2 if width == Width::Byte => self.enable = self.enable & 0xff00 | value,
            2 => self.enable = value,
            3 => self.enable = self.enable & 0xff | value << 8,
            4 | 5 => return Some(self.write_control(offset, width, value)),
            8..=11 => {}
            _ => return None,
        }
        Some(Sleep::None)
    }

    /// `acpi_pm1_evt_get_sts()`
    fn status(&mut self, now: u64) -> u16 {
        if ticks(now) >= self.overflow {
            self.status |= TIMER_STATUS;
        }
        self.status
    }

    /// `acpi_pm1_evt_write_sts()`: ones clear.
    fn write_status(&mut self, now: u64, value: u16) {
        if self.status(now) & value & TIMER_STATUS != 0 {
            self.overflow = (ticks(now) + 0x80_0000) & !0x7f_ffff;
        }
        self.status &= !value;
    }

    /// `acpi_pm1_cnt_write()`. Byte accesses work since 8.1.
    fn write_control(&mut self, offset: u16, width: Width, value: u16) -> Sleep {
        let value = match (width, offset) {
            (Width::Byte, _) if !self.byte_access => return Sleep::None,
            (Width::Byte, 4) => self.control & 0xff00 | value,
            (Width::Byte, _) => self.control & 0xff | value << 8,
            (Width::Word | Width::Long, 4) => value,
            (Width::Word | Width::Long, _) => return Sleep::None,
        };
        self.control = value & !SLEEP_ENABLE;
        if value & SLEEP_ENABLE == 0 {
            return Sleep::None;
        }
        match value >> 10 & 7 {
            0 => Sleep::S5,
            1 => Sleep::S3,
            2 => Sleep::S4,
            _ => Sleep::None,
        }
    }

    pub(super) fn reset(&mut self) {
        (self.status, self.enable, self.control, self.overflow) = (0, 0, 0, 0);
    }

    /// `acpi_pm1_evt_power_down()`
    pub(super) fn power_button(&mut self) {
        self.status |= self.enable & POWER_BUTTON;
    }

    /// `acpi_notify_wakeup()`
    pub(super) fn wakeup(&mut self) {
        self.status |= WAKE_STATUS;
    }
}

fn ticks(now: u64) -> u64 {
    let ticks = u128::from(now) * u128::from(TIMER_FREQUENCY) / u128::from(NANOSECONDS);
    u64::try_from(ticks).unwrap_or(u64::MAX)
}
