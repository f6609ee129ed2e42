//! What the guest writes to which port of the PC, or to which address, so that something happens to its machine.

/// How wide a port access is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 8 bits.
    Byte,
    /// 16 bits.
    Word,
    /// 32 bits.
    Dword,
}

/// One port write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortWrite {
    /// How wide.
    pub width: Width,
    /// Where.
    pub port: u16,
    /// What.
    pub value: u32,
}

impl PortWrite {
    /// Of 8 bits.
    #[must_use]
    pub const fn byte(port: u16, value: u8) -> Self {
        Self {
            width: Width::Byte,
            port,
            value: value as u32,
        }
    }

    /// Of 16 bits.
    #[must_use]
    pub const fn word(port: u16, value: u16) -> Self {
        Self {
            width: Width::Word,
            port,
            value: value as u32,
        }
    }

    /// Of 32 bits.
    #[must_use]
    pub const fn dword(port: u16, value: u32) -> Self {
        Self {
            width: Width::Dword,
            port,
            value,
        }
    }
}

/// One write to memory, behind which a device's registers lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryWrite {
    /// How wide.
    pub width: Width,
    /// Guest-physical.
    pub address: u32,
    /// What.
    pub value: u32,
}

/// What a guest does to its machine by one instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It writes to a port.
    Port(PortWrite),
    /// It writes to memory.
    Memory(MemoryWrite),
    /// It faults while it handles a fault while it handles a fault.
    TripleFault,
}

impl From<PortWrite> for Access {
    fn from(write: PortWrite) -> Self {
        Self::Port(write)
    }
}

/// Puts the PIIX4's power management registers at port 0x600: its PCI function is 00:01.3, PMBA is register 0x40, the
/// enable bit is bit 0 of register 0x80 (hw/acpi/piix4.c). Without firmware nobody else does.
pub const POWER_MANAGEMENT: [PortWrite; 4] = [
    PortWrite::dword(0xcf8, 0x8000_0b40),
    PortWrite::dword(0xcfc, 0x601),
    PortWrite::dword(0xcf8, 0x8000_0b80),
    PortWrite::byte(0xcfc, 1),
];

/// PM1 control: SLP_EN is bit 13, SLP_TYP bits 10 to 12 (`acpi_pm1_cnt_write()`, hw/acpi/core.c). Type 0 is S5.
pub const S5: PortWrite = PortWrite::word(0x604, 0x2000);
/// S3.
pub const S3: PortWrite = PortWrite::word(0x604, 0x2400);
/// S4, by the value that piix4's `s4_val` has.
pub const S4: PortWrite = PortWrite::word(0x604, 0x2800);
/// pvpanic: the guest panicked (hw/misc/pvpanic.c).
pub const PANIC: PortWrite = PortWrite::byte(0x505, 1);
/// pvpanic: the guest has loaded its crash kernel.
pub const CRASHLOADED: PortWrite = PortWrite::byte(0x505, 2);
/// pvpanic: the guest shuts down (since 9.1).
pub const PVSHUTDOWN: PortWrite = PortWrite::byte(0x505, 4);
/// ib700: the timer expires after 0 s (hw/watchdog/wdt_ib700.c).
pub const WATCHDOG: PortWrite = PortWrite::byte(0x443, 0x0f);
/// A way in which a guest resets its machine. QEMU sees the same request in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResetBy {
    /// The PIIX3's reset control register (`rcr_write()`, hw/isa/piix3.c).
    Cf9,
    /// The keyboard controller's pulse (`kbd_write_command()`, hw/input/pckbd.c).
    I8042,
    /// System control port A (`port92_write()`, hw/isa/port92.c).
    Port92,
    /// A triple fault, which only a vCPU can have (`check_exception()`, target/i386/tcg/excp_helper.c).
    TripleFault,
}

impl ResetBy {
    /// Each of them. They take turns where the scenario's user does not choose.
    pub const ALL: [Self; 4] = [Self::Cf9, Self::I8042, Self::Port92, Self::TripleFault];

    /// Its name on the command line and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cf9 => "cf9",
            Self::I8042 => "i8042",
            Self::Port92 => "port92",
            Self::TripleFault => "triple-fault",
        }
    }

    /// What has to be written before. Port 92 resets when its bit rises, and the bit survives a reset that became a
    /// shutdown; bit 1 is the A20 gate.
    #[must_use]
    pub const fn preparation(self) -> Option<PortWrite> {
        match self {
            Self::Port92 => Some(PortWrite::byte(0x92, 0x02)),
            Self::Cf9 | Self::I8042 | Self::TripleFault => None,
        }
    }

    /// What resets.
    #[must_use]
    pub const fn access(self) -> Access {
        match self {
            Self::Cf9 => Access::Port(PortWrite::byte(0xcf9, 0x06)),
            Self::I8042 => Access::Port(PortWrite::byte(0x64, 0xfe)),
            Self::Port92 => Access::Port(PortWrite::byte(0x92, 0x03)),
            Self::TripleFault => Access::TripleFault,
        }
    }
}

/// isa-debug-exit at its port: QEMU's status is `2 * code + 1`.
#[must_use]
pub const fn debug_exit(code: u8) -> PortWrite {
    PortWrite::byte(0x501, code)
}

/// The IDE command "flush cache" for the first drive, which fails as a write.
pub const IDE_FLUSH: [PortWrite; 2] = [PortWrite::byte(0x1f6, 0xa0), PortWrite::byte(0x1f7, 0xe7)];

/// The IDE commands that read or write one sector of the first drive; a write's data follow ([`IDE_DATA`]).
#[must_use]
pub const fn ide_sector(write: bool, sector: u8) -> [PortWrite; 6] {
    [
        PortWrite::byte(0x1f6, 0xe0),
        PortWrite::byte(0x1f2, 1),
        PortWrite::byte(0x1f3, sector),
        PortWrite::byte(0x1f4, 0),
        PortWrite::byte(0x1f5, 0),
        PortWrite::byte(0x1f7, if write { 0x30 } else { 0x20 }),
    ]
}

/// The IDE bus's software reset, on and off: a drive forgets the sector that nobody has read, beside which it takes no
/// command (`ide_bus_exec_cmd()`, hw/ide/core.c).
pub const IDE_RESETS: [PortWrite; 2] = [PortWrite::byte(0x3f6, 0x04), PortWrite::byte(0x3f6, 0x00)];

/// The port for a sector's 256 words.
pub const IDE_DATA: u16 = 0x1f0;
