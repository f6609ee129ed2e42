//! The PCI host bridge and the configuration space of the functions that matter. hw/pci/pci.c.

use runstate::Release;

use super::{Width, pvpanic};
use crate::options::{MachineFamily, Options};

/// Decodes memory. `PCI_COMMAND_MEMORY`
const COMMAND_MEMORY: u8 = 2;
/// The writable bits of the command register.
const COMMAND_MASK: u16 = 0x0547;
/// The first base address register.
const BAR0: usize = 0x10;

/// The host bridge.
#[derive(Clone, Debug)]
pub(super) struct Pci {
    /// 0xcf8.
    pub(super) address: u32,
    functions: Vec<Function>,
}

/// One function: its configuration space and which bits of its header can be written.
#[derive(Clone, Debug)]
struct Function {
    /// Slot and function, `slot << 3 | function`.
    devfn: u8,
    kind: Kind,
    config: Box<[u8; 256]>,
    /// The size of the memory behind BAR 0, 0 if it has none.
    bar0: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Other,
    /// PIIX4 power management: the base at 0x40, enabled by bit 0 of 0x80.
    Piix4Pm,
    /// ICH9 LPC: the base at 0x40, enabled by bit 7 of 0x44.
    Ich9Lpc,
    /// pvpanic-pci, with what a read tells.
    Pvpanic(u8),
    /// The watchdog, whose registers lie in its configuration space and behind its BAR.
    I6300esb,
}

/// The first slot that is not the board's, its display's or its network card's.
fn free_slots(options: &Options) -> u8 {
    let after_board = match options.machine_family() {
        MachineFamily::Q35 => 1,
        MachineFamily::Pc | MachineFamily::None | MachineFamily::Other => 2,
    };
    if options.default_devices {
        after_board + 2
    } else {
        after_board
    }
}

const fn devfn(slot: u8, function: u8) -> u8 {
    slot << 3 | function
}

impl Pci {
    pub(super) fn new(options: &Options, release: Release) -> Self {
        let mut pci = Self {
            address: 0,
            functions: Vec::new(),
        };
        match options.machine_family() {
            MachineFamily::Pc => {
                pci.add(devfn(0, 0), 0x8086, 0x1237, 0x0600, Kind::Other);
                pci.add(devfn(1, 0), 0x8086, 0x7000, 0x0601, Kind::Other);
                pci.add(devfn(1, 1), 0x8086, 0x7010, 0x0101, Kind::Other);
                pci.add(devfn(1, 3), 0x8086, 0x7113, 0x0680, Kind::Piix4Pm);
            }
            MachineFamily::Q35 => {
                pci.add(devfn(0, 0), 0x8086, 0x29c0, 0x0600, Kind::Other);
                pci.add(devfn(0x1f, 0), 0x8086, 0x2918, 0x0601, Kind::Ich9Lpc);
                pci.add(devfn(0x1f, 2), 0x8086, 0x2922, 0x0106, Kind::Other);
                pci.add(devfn(0x1f, 3), 0x8086, 0x2930, 0x0c05, Kind::Other);
            }
            MachineFamily::None | MachineFamily::Other => return pci,
        }
        let first = free_slots(options);
        for device in &options.devices {
            let (kind, vendor, id, size) = match &*device.driver {
                "pvpanic-pci" => (Kind::Pvpanic(pvpanic::events(device, release)), 0x1b36, 0x0011, 2),
                "i6300esb" => (Kind::I6300esb, 0x8086, 0x25ab, 0x10),
                _ => continue,
            };
            let (slot, function) = device.pci_address().unwrap_or_else(|| (pci.free_slot(first), 0));
            pci.add(devfn(slot, function), vendor, id, 0x0880, kind).bar0 = size;
        }
        pci.reset();
        pci
    }

    fn add(&mut self, devfn: u8, vendor: u16, device: u16, class: u16, kind: Kind) -> &mut Function {
        let mut config = Box::new([0; 256]);
        config[..2].copy_from_slice(&vendor.to_le_bytes());
        config[2..4].copy_from_slice(&device.to_le_bytes());
        config[10..12].copy_from_slice(&class.to_le_bytes());
        // pci_set_default_subsystem_id()
        config[0x2c..0x30].copy_from_slice(&[0xf4, 0x1a, 0x00, 0x11]);
        // Slots 1 and 0x1f have several functions.
        config[0xe] = if matches!(devfn >> 3, 1 | 0x1f) && devfn & 7 == 0 {
            0x80
        } else {
            0
        };
        self.functions.push(Function {
            devfn,
            kind,
            config,
            bar0: 0,
        });
        self.functions.last_mut().expect("just pushed")
    }

    fn free_slot(&self, first: u8) -> u8 {
        (first..0x1f)
            .find(|slot| self.functions.iter().all(|function| function.devfn >> 3 != *slot))
            .unwrap_or(first)
    }

    pub(super) fn read(&self, port: u16, width: Width) -> u32 {
        if self.address & 1 << 31 == 0 {
            return width.mask();
        }
        let Some(function) = self
            .functions
            .iter()
            .find(|function| function.is_at(self.address))
        else {
            return width.mask();
        };
        let register = self.register(port);
        let end = (register + width.bytes() as usize).min(256);
        let mut bytes = [0; 4];
        bytes[..end - register].copy_from_slice(&function.config[register..end]);
        u32::from_le_bytes(bytes)
    }

    pub(super) fn write(&mut self, port: u16, width: Width, value: u32) {
        if self.address & 1 << 31 == 0 {
            return;
        }
        let register = self.register(port);
        let address = self.address;
        let Some(function) = self.functions.iter_mut().find(|function| function.is_at(address)) else {
            return;
        };
        for (i, byte) in value
            .to_le_bytes()
            .into_iter()
            .enumerate()
            .take(width.bytes() as usize)
        {
            function.write(register + i, byte);
        }
    }

    fn register(&self, port: u16) -> usize {
        (self.address & 0xfc) as usize + usize::from(port & 3)
    }

    /// The base of the PM1 block, while it is enabled.
    pub(super) fn pm_base(&self) -> Option<u16> {
        self.functions.iter().find_map(|function| {
            let base = u16::from_le_bytes([function.config[0x40], function.config[0x41]]);
            match function.kind {
                Kind::Piix4Pm => (function.config[0x80] & 1 != 0).then_some(base & 0xffc0),
                Kind::Ich9Lpc => (function.config[0x44] & 0x80 != 0).then_some(base & 0xff80),
                Kind::Other | Kind::Pvpanic(_) | Kind::I6300esb => None,
            }
        })
    }

    /// Which register of the i6300esb's configuration space a port accesses, if it is the function that is selected.
    pub(super) fn i6300esb_register(&self, port: u16) -> Option<usize> {
        let selected = self.address & 1 << 31 != 0;
        let mut functions = self.functions.iter();
        let function = functions.find(|function| selected && function.is_at(self.address))?;
        (function.kind == Kind::I6300esb).then(|| self.register(port))
    }

    /// The accesses to the i6300esb's registers of which one to memory consists: offset, part. `memory_access_size()`,
    /// softmmu/physmem.c: at most four bytes, aligned.
    pub(super) fn i6300esb_accesses(
        &self,
        address: u64,
        length: usize,
    ) -> impl Iterator<Item = (u64, core::ops::Range<usize>)> + use<> {
        let function = self
            .functions
            .iter()
            .find(|function| function.kind == Kind::I6300esb);
        let base = function.and_then(Function::bar0_base);
        let end = address.saturating_add(length as u64);
        let mut at = base.map_or(end, |base| address.max(base));
        let last = base.map_or(end, |base| end.min(base + 0x10));
        core::iter::from_fn(move || {
            let left = last.checked_sub(at).filter(|left| *left > 0)?;
            let offset = at - base?;
            let aligned = if offset == 0 {
                4
            } else {
                1 << offset.trailing_zeros().min(2)
            };
            let size = match left.min(aligned) {
                3 => 2,
                size => size,
            };
            let start = usize::try_from(at - address).ok()?;
            at += size;
            Some((offset, start..start + usize::try_from(size).ok()?))
        })
    }

    /// What pvpanic tells, if its register lies at this address.
    pub(super) fn pvpanic_at(&self, address: u64) -> Option<u8> {
        self.functions.iter().find_map(|function| match function.kind {
            Kind::Pvpanic(events) if function.bar0_holds(address) => Some(events),
            Kind::Pvpanic(_) | Kind::Other | Kind::Piix4Pm | Kind::Ich9Lpc | Kind::I6300esb => None,
        })
    }

    pub(super) fn reset(&mut self) {
        self.address = 0;
        for function in &mut self.functions {
            function.config[4..6].fill(0);
            function.config[BAR0..BAR0 + 24].fill(0);
            function.config[0xc] = 0;
            function.config[0x3c] = 0;
            if function.kind == Kind::Piix4Pm {
                function.config[0x40..0x44].copy_from_slice(&[1, 0, 0, 0]);
                function.config[0x80] = 0;
            } else if function.kind == Kind::Ich9Lpc {
                function.config[0x40..0x45].copy_from_slice(&[1, 0, 0, 0, 0]);
            }
        }
    }
}

impl Function {
    /// Bus 0 is the only one.
    const fn is_at(&self, address: u32) -> bool {
        address >> 16 & 0xff == 0 && address >> 8 & 0xff == self.devfn as u32
    }

    fn write(&mut self, register: usize, value: u8) {
        let Some(mask) = self.write_mask(register) else {
            return;
        };
        let old = self.config[register];
        self.config[register] = old & !mask | value & mask;
    }

    /// `pci_init_wmask()`: command, BARs, interrupt line, and all that the header does not define.
    fn write_mask(&self, register: usize) -> Option<u8> {
        let byte = |value: u32, at: usize| value.to_le_bytes()[at];
        match register {
            4 | 5 => Some(COMMAND_MASK.to_le_bytes()[register - 4]),
            BAR0..0x14 if self.bar0 != 0 => Some(byte(!(self.bar0 - 1), register - BAR0)),
            0xc | 0x3c => Some(0xff),
            0x40..=0xff => Some(0xff),
            _ => None,
        }
    }

    fn bar0_holds(&self, address: u64) -> bool {
        self.bar0_base()
            .is_some_and(|base| (base..base + u64::from(self.bar0)).contains(&address))
    }

    /// Where the memory behind BAR 0 lies, while it is decoded. `pci_bar_address()`: neither at 0 nor at the very end.
    fn bar0_base(&self) -> Option<u64> {
        let base = u32::from_le_bytes([
            self.config[0x10],
            self.config[0x11],
            self.config[0x12],
            self.config[0x13],
        ]);
        let decodes = self.config[4] & COMMAND_MEMORY != 0;
        let fits = base != 0
            && base
                .checked_add(self.bar0 - 1)
                .is_some_and(|last| last != u32::MAX);
        (decodes && fits).then_some(u64::from(base))
    }
}
