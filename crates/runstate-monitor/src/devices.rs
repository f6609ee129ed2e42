//! The board: the devices through which a guest acts on its run state, and the timers behind them.
//!
//! Ports and memory are read and written as a guest would; what follows for the VM comes out as
//! [`Guest`] actions. Time is virtual and an argument, in nanoseconds since start.

mod i6300esb;
mod ib700;
mod memory;
mod pci;
mod pit;
mod pm;
mod pvpanic;

use core::ops::ControlFlow;

use runstate::{Guest, Release};

use crate::options::{MachineFamily, Options};

use i6300esb::I6300esb;
use ib700::Ib700;
pub use memory::Memory;
use pci::Pci;
use pit::Pit;
use pm::{Pm, Sleep};
use pvpanic::Pvpanic;

/// Nanoseconds in a second.
pub(crate) const NANOSECONDS: u64 = 1_000_000_000;

/// How wide an access is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// One byte.
    Byte,
    /// Two bytes.
    Word,
    /// Four bytes.
    Long,
}

impl Width {
    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            Self::Byte => 1,
            Self::Word => 2,
            Self::Long => 4,
        }
    }

    /// The part of a value that is accessed. All ones is what an unassigned port reads.
    #[must_use]
    pub const fn mask(self) -> u32 {
        match self {
            Self::Byte => 0xff,
            Self::Word => 0xffff,
            Self::Long => 0xffff_ffff,
        }
    }
}

/// Takes what the guest does.
pub type Act<'a> = &'a mut dyn FnMut(Guest);

/// The devices of one VM.
#[derive(Clone, Debug)]
pub struct Board {
    release: Release,
    family: MachineFamily,
    pci: Pci,
    pm: Option<Pm>,
    pvpanic: Option<Pvpanic>,
    ib700: Option<Ib700>,
    i6300esb: Option<I6300esb>,
    pit: Option<Pit>,
    /// The base port of isa-debug-exit, and how many ports it has.
    debug_exit: Option<(u16, u16)>,
    /// 0xcf9, without the bit that resets.
    reset_control: u8,
    /// 0x92.
    system_control: u8,
    memory: Memory,
}

impl Board {
    /// The board of a machine that has just been created.
    #[must_use]
    pub fn new(options: &Options, release: Release) -> Self {
        let family = options.machine_family();
        let has_board = family != MachineFamily::None;
        let debug_exit = options.device("isa-debug-exit").map(|device| {
            let number = |key, default| {
                device
                    .number(key)
                    .and_then(|n| u16::try_from(n).ok())
                    .unwrap_or(default)
            };
            (number("iobase", 0x501), number("iosize", 2))
        });
        Self {
            release,
            family,
            pci: Pci::new(options, release),
            pm: Pm::new(family, release),
            pvpanic: options
                .device("pvpanic")
                .map(|device| Pvpanic::isa(device, release)),
            ib700: options.has_device("ib700").then(Ib700::default),
            i6300esb: options.has_device("i6300esb").then(|| I6300esb::new(release)),
            pit: has_board.then(Pit::default),
            debug_exit,
            reset_control: 0,
            system_control: 0,
            memory: Memory::new(options.memory),
        }
    }

    /// Reads a port.
    pub fn read_port(&mut self, now: u64, port: u16, width: Width) -> u32 {
        if let Some(pvpanic) = self.pvpanic.filter(|pvpanic| pvpanic.port == port) {
            return pvpanic.read(width);
        }
        if let Some(value) = self
            .pm
            .as_mut()
            .and_then(|pm| pm.read(now, port, width, &self.pci))
        {
            return value & width.mask();
        }
        let has_pc_ports = self.family != MachineFamily::None;
        match port {
            0xcf8..=0xcff if self.has_pci() => match (port, width) {
                (0xcf8, Width::Long) => self.pci.address,
                (0xcf8, Width::Word) => self.pci.address & 0xffff,
                (0xcf9, Width::Byte) => u32::from(self.reset_control),
                (0xcfc..=0xcff, _) => self.read_config(port, width),
                _ => width.mask(),
            },
            0x92 if has_pc_ports => u32::from(self.system_control) & width.mask(),
            // The keyboard controller: self-test passed, keyboard not locked. hw/input/pckbd.c.
            0x64 if has_pc_ports => 0x18,
            0x60 if has_pc_ports => 0,
            _ => width.mask(),
        }
    }

    /// Writes a port.
    pub fn write_port(&mut self, now: u64, port: u16, width: Width, value: u32, act: Act<'_>) {
        let value = value & width.mask();
        let byte = value.to_le_bytes()[0];
        if self.pvpanic.is_some_and(|pvpanic| pvpanic.port == port) {
            return pvpanic::write(byte, self.release, act);
        }
        if let Some((base, size)) = self.debug_exit
            && (base..base.saturating_add(size)).contains(&port)
        {
            return act(Guest::DebugExit(byte));
        }
        if let Some(ib700) = &mut self.ib700
            && ib700.write(now, port, byte)
        {
            return;
        }
        if let Some(pm) = &mut self.pm
            && let Some(sleep) = pm.write(now, port, width, value, &self.pci)
        {
            return match sleep {
                Sleep::None => {}
                Sleep::S3 => act(Guest::Suspend),
                Sleep::S4 => act(Guest::SuspendDisk),
                Sleep::S5 => act(Guest::Shutdown),
            };
        }
        self.write_chipset(now, port, width, value, act);
    }

    fn write_chipset(&mut self, now: u64, port: u16, width: Width, value: u32, act: Act<'_>) {
        let byte = value.to_le_bytes()[0];
        let has_pc_ports = self.family != MachineFamily::None;
        match port {
            0xcf8 if self.has_pci() && width == Width::Long => self.pci.address = value,
            0xcf9 if self.has_pci() && width == Width::Byte => self.write_reset_control(byte, act),
            0xcfc..=0xcff if self.has_pci() => self.write_config(now, port, width, value),
            0x92 if has_pc_ports => {
                let raised = byte & 1 != 0 && self.system_control & 1 == 0;
                self.system_control = byte;
                if raised {
                    act(Guest::Reset);
                }
            }
            // 0xf0..0xff pulse the controller's outputs; a zero in bit 0 resets. kbd_write_command(), hw/input/pckbd.c.
            0x64 if has_pc_ports && byte >= 0xf0 && byte & 1 == 0 => act(Guest::Reset),
            _ => {}
        }
    }

    fn read_config(&self, port: u16, width: Width) -> u32 {
        let watchdog = self.i6300esb.as_ref().zip(self.pci.i6300esb_register(port));
        watchdog
            .and_then(|(watchdog, register)| watchdog.read_config(register, width))
            .unwrap_or_else(|| self.pci.read(port, width))
    }

    fn write_config(&mut self, now: u64, port: u16, width: Width, value: u32) {
        let register = self.pci.i6300esb_register(port);
        let taken = self
            .i6300esb
            .as_mut()
            .zip(register)
            .is_some_and(|(watchdog, register)| watchdog.write_config(now, register, width, value));
        if !taken {
            self.pci.write(port, width, value);
        }
    }

    /// `rcr_write()`, hw/isa/piix.c, and `ich9_rst_cnt_write()`, hw/isa/lpc_ich9.c.
    fn write_reset_control(&mut self, value: u8, act: Act<'_>) {
        if value & 4 != 0 {
            return act(Guest::Reset);
        }
        self.reset_control = value
            & if self.family == MachineFamily::Q35 {
                0xa
            } else {
                0x2
            };
    }

    /// Reads memory, or the registers that lie in it.
    pub fn read_memory(&mut self, address: u64, bytes: &mut [u8]) {
        self.memory.read(address, bytes);
        if let Some(events) = self.pci.pvpanic_at(address) {
            bytes.fill(events);
        }
        if let Some(watchdog) = self.i6300esb.as_ref().filter(|_| !self.memory.holds(address)) {
            for (offset, part) in self.pci.i6300esb_accesses(address, bytes.len()) {
                let value = watchdog.read(offset, part.len()).to_le_bytes();
                let length = part.len();
                bytes[part].copy_from_slice(&value[..length]);
            }
        }
    }

    /// Writes memory, or the registers that lie in it.
    pub fn write_memory(&mut self, now: u64, address: u64, bytes: &[u8], act: Act<'_>) {
        if let Some(&byte) = bytes.first()
            && self.pci.pvpanic_at(address).is_some()
        {
            return pvpanic::write(byte, self.release, act);
        }
        let registers = !self.memory.holds(address);
        if let Some(watchdog) = self.i6300esb.as_mut().filter(|_| registers) {
            for (offset, part) in self.pci.i6300esb_accesses(address, bytes.len()) {
                let mut value = [0; 4];
                let length = part.len();
                value[..length].copy_from_slice(&bytes[part]);
                watchdog.write(now, offset, length, u32::from_le_bytes(value));
            }
        }
        self.memory.write(address, bytes);
    }

    /// Fills memory with one value.
    pub fn fill_memory(&mut self, address: u64, size: u64, value: u8) {
        self.memory.fill(address, size, value);
    }

    /// When the next timer expires, while the virtual clock runs.
    #[must_use]
    pub fn deadline(&self, now: u64) -> Option<u64> {
        let pit = self.pit.map(|pit| pit.next(now));
        self.watchdog_deadline().into_iter().chain(pit).min()
    }

    /// When the next timer expires of those that do something to the VM.
    #[must_use]
    pub fn watchdog_deadline(&self) -> Option<u64> {
        let ib700 = self.ib700.and_then(|ib700| ib700.deadline);
        let i6300esb = self.i6300esb.and_then(|i6300esb| i6300esb.deadline());
        ib700.into_iter().chain(i6300esb).min()
    }

    /// Runs the timers that have expired at `now`. Stops where told to.
    pub fn run_timers(&mut self, now: u64, act: &mut dyn FnMut(Guest) -> ControlFlow<()>) -> ControlFlow<()> {
        if self.ib700.as_mut().is_some_and(|ib700| ib700.expire(now)) {
            act(Guest::Watchdog)?;
        }
        if self
            .i6300esb
            .as_mut()
            .is_some_and(|i6300esb| i6300esb.expire(now))
        {
            act(Guest::Watchdog)?;
        }
        ControlFlow::Continue(())
    }

    /// The machine was reset.
    pub fn reset(&mut self) {
        self.pci.reset();
        if let Some(pm) = &mut self.pm {
            pm.reset();
        }
        if let Some(ib700) = &mut self.ib700 {
            ib700.deadline = None;
        }
        if let Some(i6300esb) = &mut self.i6300esb {
            i6300esb.reset();
        }
        self.reset_control = 0;
        self.system_control &= !1;
    }

    /// The power button was pressed: POWERDOWN.
    pub fn power_button(&mut self) {
        if let Some(pm) = &mut self.pm {
            pm.power_button();
        }
    }

    /// The guest was woken: WAKEUP.
    pub fn wakeup(&mut self) {
        if let Some(pm) = &mut self.pm {
            pm.wakeup();
        }
    }

    const fn has_pci(&self) -> bool {
        matches!(self.family, MachineFamily::Pc | MachineFamily::Q35)
    }
}
