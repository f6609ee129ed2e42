//! The watchdog i6300esb, as a guest's driver uses it: found in PCI configuration space, its registers mapped, unlocked and
//! loaded, and enabled by the last write. hw/watchdog/wdt_i6300esb.c.

use super::ports::{Access, MemoryWrite, PortWrite, Width};

/// Vendor and device of the function.
pub const IDENTITY: u32 = 0x25ab_8086;
/// The configuration address port.
pub const CONFIG_ADDRESS: u16 = 0xcf8;
/// The configuration data port.
pub const CONFIG_DATA: u16 = 0xcfc;

/// Where we map the registers: in the hole below 4 GiB that the PC leaves to PCI.
const REGISTERS: u32 = 0xe000_0000;
/// Timer 1, counted down in the first stage.
const TIMER1: u32 = REGISTERS;
/// Timer 2, counted down in the second.
const TIMER2: u32 = REGISTERS + 4;
/// The reload register, which also takes the words that unlock the next write.
const RELOAD: u32 = REGISTERS + 0xc;

/// The configuration address of a register of a function, `slot << 3 | function`.
#[must_use]
pub const fn config_address(devfn: u8, register: u8) -> PortWrite {
    PortWrite::dword(
        CONFIG_ADDRESS,
        0x8000_0000 | (devfn as u32) << 8 | register as u32,
    )
}

/// All functions of bus 0, the first of each slot before the others.
pub fn functions() -> impl Iterator<Item = u8> {
    (0..8_u8).flat_map(|function| (0..32_u8).map(move |slot| slot << 3 | function))
}

/// What a driver writes before it enables the timer: both stages last no time, none interrupts, the end of the second is a
/// watchdog's. A reset undoes all of it.
#[must_use]
pub fn preparation(devfn: u8) -> Vec<Access> {
    let mut writes: Vec<Access> = vec![
        // BAR 0, and that memory is decoded.
        config_address(devfn, 0x10).into(),
        PortWrite::dword(CONFIG_DATA, REGISTERS).into(),
        config_address(devfn, 0x04).into(),
        PortWrite::word(CONFIG_DATA, 0x0002).into(),
        // Reboot (bit 5 clear), ticks of 1 MHz (bit 2), no interrupt (both bits 0 and 1).
        config_address(devfn, 0x60).into(),
        PortWrite::word(CONFIG_DATA, 0x0007).into(),
    ];
    for (width, address, value) in [
        (Width::Dword, TIMER1, 0),
        (Width::Dword, TIMER2, 0),
        // Load the timers (bit 8), forget that the last reboot was the watchdog's (bit 9).
        (Width::Word, RELOAD, 0x0300),
    ] {
        writes.extend([
            word(RELOAD, 0x80),
            word(RELOAD, 0x86),
            Access::Memory(MemoryWrite {
                width,
                address,
                value,
            }),
        ]);
    }
    writes.push(config_address(devfn, 0x68).into());
    writes
}

/// The lock register: enable. From here on it counts.
pub const ENABLE: PortWrite = PortWrite::byte(CONFIG_DATA, 0x02);

const fn word(address: u32, value: u32) -> Access {
    Access::Memory(MemoryWrite {
        width: Width::Word,
        address,
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_looked_at_once() {
        let mut all: Vec<u8> = functions().collect();
        assert_eq!(all[..3], [0, 8, 16]);
        all.sort_unstable();
        assert_eq!(all, (0..=255).collect::<Vec<u8>>());
    }

    #[test]
    fn registers_are_unlocked_before_each_write() {
        let writes = preparation(0x20);
        assert_eq!(writes[0], PortWrite::dword(0xcf8, 0x8000_2010).into());
        let words: Vec<(u32, u32)> = writes
            .iter()
            .filter_map(|write| match write {
                Access::Memory(write) => Some((write.address - REGISTERS, write.value)),
                Access::Port(_) | Access::TripleFault => None,
            })
            .collect();
        for three in words.chunks(3) {
            assert_eq!(three[..2], [(0xc, 0x80), (0xc, 0x86)]);
        }
        assert_eq!(words.len(), 9);
    }
}
