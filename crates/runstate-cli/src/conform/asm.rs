//! A small assembler for the guest: 16-bit x86 code with labels, and the listing that goes with its bytes.
//!
//! It knows the instructions the guest uses and no others. Each method writes one instruction, its text for the
//! listing and its bytes, from the same arguments, so that the two cannot drift apart; the tests hold every encoder
//! against the bytes that GNU as 2.40 gives for its text.

use core::fmt::Write as _;
use std::collections::BTreeMap;

/// A 16-bit register that the guest uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Intel's")]
pub enum Word {
    Ax = 0,
    Cx = 1,
    Dx = 2,
    Bx = 3,
    Sp = 4,
    Si = 6,
    Di = 7,
}

impl Word {
    const fn name(self) -> &'static str {
        match self {
            Self::Ax => "ax",
            Self::Cx => "cx",
            Self::Dx => "dx",
            Self::Bx => "bx",
            Self::Sp => "sp",
            Self::Si => "si",
            Self::Di => "di",
        }
    }
}

/// A register that addresses memory, and the bits with which an instruction names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Intel's")]
pub enum Base {
    Si,
    Di,
    Bx,
}

impl Base {
    const fn name(self) -> &'static str {
        match self {
            Self::Si => "si",
            Self::Di => "di",
            Self::Bx => "bx",
        }
    }

    /// The ModRM byte of `[base+disp8]` with `field` in its middle bits.
    const fn modrm(self, field: u8) -> u8 {
        let rm = match self {
            Self::Si => 4,
            Self::Di => 5,
            Self::Bx => 7,
        };
        0x40 | field << 3 | rm
    }
}

/// When a jump is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// The last comparison found its operands equal (ZF is set).
    Equal,
    /// The last comparison found a difference (ZF is clear).
    NotEqual,
}

/// Instructions without operands that need no method of their own: their text and their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain(pub &'static str, pub &'static [u8]);

/// The instructions without variable operands.
#[expect(missing_docs, reason = "each is the instruction of its text")]
pub mod plain {
    use super::Plain;

    pub const CLI: Plain = Plain("cli", &[0xfa]);
    pub const STI: Plain = Plain("sti", &[0xfb]);
    pub const CLD: Plain = Plain("cld", &[0xfc]);
    pub const HLT: Plain = Plain("hlt", &[0xf4]);
    pub const NOP: Plain = Plain("nop", &[0x90]);
    pub const PAUSE: Plain = Plain("pause", &[0xf3, 0x90]);
    pub const IRET: Plain = Plain("iret", &[0xcf]);
    pub const RET: Plain = Plain("ret", &[0xc3]);
    pub const INT3: Plain = Plain("int3", &[0xcc]);
    pub const PUSH_AX: Plain = Plain("push %ax", &[0x50]);
    pub const PUSH_SI: Plain = Plain("push %si", &[0x56]);
    pub const POP_SI: Plain = Plain("pop %si", &[0x5e]);
    pub const POP_AX: Plain = Plain("pop %ax", &[0x58]);
    pub const CLEAR_AX: Plain = Plain("xor %ax,%ax", &[0x31, 0xc0]);
    pub const DS_FROM_AX: Plain = Plain("mov %ax,%ds", &[0x8e, 0xd8]);
    pub const ES_FROM_AX: Plain = Plain("mov %ax,%es", &[0x8e, 0xc0]);
    pub const SS_FROM_AX: Plain = Plain("mov %ax,%ss", &[0x8e, 0xd0]);
    pub const FS_FROM_AX: Plain = Plain("mov %ax,%fs", &[0x8e, 0xe0]);
    pub const OUT_BYTE: Plain = Plain("out %al,(%dx)", &[0xee]);
    pub const OUT_WORD: Plain = Plain("out %ax,(%dx)", &[0xef]);
    pub const OUT_DWORD: Plain = Plain("out %eax,(%dx)", &[0x66, 0xef]);
    pub const IN_BYTE: Plain = Plain("in (%dx),%al", &[0xec]);
    pub const IN_WORD: Plain = Plain("in (%dx),%ax", &[0xed]);
    pub const IN_DWORD: Plain = Plain("in (%dx),%eax", &[0x66, 0xed]);
    pub const REP_OUTS_WORD: Plain = Plain("rep outsw %ds:(%si),(%dx)", &[0xf3, 0x6f]);
    pub const REP_MOVS_WORD: Plain = Plain("rep movsw %ds:(%si),%es:(%di)", &[0xf3, 0xa5]);
    pub const STORE_BYTE: Plain = Plain("stos %al,%es:(%di)", &[0xaa]);
    pub const STORE_FAR_BYTE: Plain = Plain("mov %al,%fs:(%edi)", &[0x64, 0x67, 0x88, 0x07]);
    pub const STORE_FAR_WORD: Plain = Plain("mov %ax,%fs:(%edi)", &[0x64, 0x67, 0x89, 0x07]);
    pub const STORE_FAR_DWORD: Plain = Plain("mov %eax,%fs:(%edi)", &[0x64, 0x67, 0x66, 0x89, 0x07]);
    pub const CLEAR_EAX: Plain = Plain("xor %eax,%eax", &[0x66, 0x31, 0xc0]);
    pub const EAX_FROM_CR0: Plain = Plain("mov %cr0,%eax", &[0x0f, 0x20, 0xc0]);
    pub const CR0_FROM_EAX: Plain = Plain("mov %eax,%cr0", &[0x0f, 0x22, 0xc0]);
    pub const SHIFT_EAX_RIGHT_24: Plain = Plain("shr $0x18,%eax", &[0x66, 0xc1, 0xe8, 0x18]);
    pub const SHIFT_EAX_LEFT_24: Plain = Plain("shl $0x18,%eax", &[0x66, 0xc1, 0xe0, 0x18]);
    pub const SHIFT_AX_LEFT_6: Plain = Plain("shl $0x6,%ax", &[0xc1, 0xe0, 0x06]);
    pub const BX_FROM_AX: Plain = Plain("mov %ax,%bx", &[0x89, 0xc3]);
    pub const SP_ADD_AX: Plain = Plain("add %ax,%sp", &[0x01, 0xc4]);
    pub const SI_FROM_BX: Plain = Plain("mov %bx,%si", &[0x89, 0xde]);
    pub const DI_FROM_BX: Plain = Plain("mov %bx,%di", &[0x89, 0xdf]);
}

/// How a label's address goes into the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reference {
    /// As the distance from the end of the reference.
    Relative,
    /// As the offset in the segment.
    Absolute,
}

/// Code under construction.
#[derive(Clone, Debug)]
pub struct Assembler {
    origin: u16,
    code: Vec<u8>,
    labels: BTreeMap<&'static str, u16>,
    references: Vec<(usize, Reference, &'static str)>,
    lines: Vec<(u16, usize, String)>,
}

/// Finished code.
#[derive(Clone, Debug)]
pub struct Program {
    /// The bytes, from the origin on.
    pub code: Vec<u8>,
    /// The offset in the segment of each label.
    pub labels: BTreeMap<&'static str, u16>,
    /// One line for each instruction: offset, bytes, text.
    pub listing: String,
}

impl Assembler {
    /// Code that begins at the offset `origin` of its segment.
    #[must_use]
    pub const fn new(origin: u16) -> Self {
        Self {
            origin,
            code: Vec::new(),
            labels: BTreeMap::new(),
            references: Vec::new(),
            lines: Vec::new(),
        }
    }

    fn here(&self) -> u16 {
        let length = u16::try_from(self.code.len()).expect("the guest is a few hundred bytes");
        self.origin + length
    }

    fn line(&mut self, text: String, bytes: &[u8]) {
        let here = self.here();
        self.lines.push((here, bytes.len(), text));
        self.code.extend_from_slice(bytes);
    }

    /// Writes an instruction whose last bytes from `at` on refer to a label.
    fn refer(&mut self, text: String, bytes: &[u8], at: usize, kind: Reference, label: &'static str) {
        self.references.push((self.code.len() + at, kind, label));
        self.line(text, bytes);
    }

    /// Names the next instruction.
    ///
    /// # Panics
    ///
    /// When the name is taken.
    pub fn label(&mut self, name: &'static str) {
        let taken = self.labels.insert(name, self.here());
        assert_eq!(taken, None, "the label {name} is defined twice");
    }

    /// An instruction without variable operands.
    pub fn plain(&mut self, instruction: Plain) {
        self.line(instruction.0.to_owned(), instruction.1);
    }

    /// Several of them.
    pub fn plains(&mut self, instructions: &[Plain]) {
        for instruction in instructions {
            self.plain(*instruction);
        }
    }

    /// `mov $value,%register`, a word.
    pub fn set(&mut self, register: Word, value: u16) {
        let [low, high] = value.to_le_bytes();
        self.line(
            format!("mov ${value:#x},%{}", register.name()),
            &[0xb8 | register as u8, low, high],
        );
    }

    /// `mov $value,%al`.
    pub fn set_al(&mut self, value: u8) {
        self.line(format!("mov ${value:#x},%al"), &[0xb0, value]);
    }

    /// `add $value,%register`, a word with a full immediate.
    pub fn add(&mut self, register: Word, value: u16) {
        assert_ne!(
            register,
            Word::Ax,
            "as encodes an addition to ax in a shorter way"
        );
        let [low, high] = value.to_le_bytes();
        assert!(value > 0x7f, "as encodes a small addition in a shorter way");
        self.line(
            format!("add ${value:#x},%{}", register.name()),
            &[0x81, 0xc0 | register as u8, low, high],
        );
    }

    /// `add $value,%di`, with a byte.
    pub fn add_di(&mut self, value: u8) {
        self.line(format!("add ${value:#x},%di"), &[0x83, 0xc7, value]);
    }

    /// `dec %cx`.
    pub fn dec_cx(&mut self) {
        self.line("dec %cx".to_owned(), &[0x49]);
    }

    /// `or $value,%al`.
    pub fn or_al(&mut self, value: u8) {
        self.line(format!("or ${value:#x},%al"), &[0x0c, value]);
    }

    /// `and $value,%al`.
    pub fn and_al(&mut self, value: u8) {
        self.line(format!("and ${value:#x},%al"), &[0x24, value]);
    }

    /// `cmp $value,%al`.
    pub fn compare_al(&mut self, value: u8) {
        self.line(format!("cmp ${value:#x},%al"), &[0x3c, value]);
    }

    /// `out %al,$port`.
    pub fn out_al(&mut self, port: u8) {
        self.line(format!("out %al,${port:#x}"), &[0xe6, port]);
    }

    /// `mov displacement(%base),%al`.
    pub fn load_al(&mut self, base: Base, displacement: u8) {
        let text = format!("mov {displacement:#x}(%{}),%al", base.name());
        self.line(text, &[0x8a, base.modrm(0), displacement]);
    }

    /// `mov displacement(%base),%register`, a word.
    pub fn load(&mut self, register: Word, base: Base, displacement: u8) {
        let text = format!("mov {displacement:#x}(%{}),%{}", base.name(), register.name());
        self.line(text, &[0x8b, base.modrm(register as u8), displacement]);
    }

    /// `mov displacement(%base),%eax`.
    pub fn load_eax(&mut self, base: Base, displacement: u8) {
        let text = format!("mov {displacement:#x}(%{}),%eax", base.name());
        self.line(text, &[0x66, 0x8b, base.modrm(0), displacement]);
    }

    /// `mov displacement(%base),%edi`.
    pub fn load_edi(&mut self, base: Base, displacement: u8) {
        let text = format!("mov {displacement:#x}(%{}),%edi", base.name());
        self.line(text, &[0x66, 0x8b, base.modrm(7), displacement]);
    }

    /// `mov %al,displacement(%base)`.
    pub fn store_al(&mut self, base: Base, displacement: u8) {
        let text = format!("mov %al,{displacement:#x}(%{})", base.name());
        self.line(text, &[0x88, base.modrm(0), displacement]);
    }

    /// `mov %eax,displacement(%base)`.
    pub fn store_eax(&mut self, base: Base, displacement: u8) {
        let text = format!("mov %eax,{displacement:#x}(%{})", base.name());
        self.line(text, &[0x66, 0x89, base.modrm(0), displacement]);
    }

    /// `movb $value,displacement(%base)`.
    pub fn store_byte(&mut self, base: Base, displacement: u8, value: u8) {
        let text = format!("movb ${value:#x},{displacement:#x}(%{})", base.name());
        self.line(text, &[0xc6, base.modrm(0), displacement, value]);
    }

    /// `movw $value,displacement(%base)`.
    pub fn store_word(&mut self, base: Base, displacement: u8, value: u16) {
        let [low, high] = value.to_le_bytes();
        let text = format!("movw ${value:#x},{displacement:#x}(%{})", base.name());
        self.line(text, &[0xc7, base.modrm(0), displacement, low, high]);
    }

    /// `movw $label,displacement(%base)`: the label's offset.
    pub fn store_label(&mut self, base: Base, displacement: u8, label: &'static str) {
        let text = format!("movw ${label},{displacement:#x}(%{})", base.name());
        let bytes = [0xc7, base.modrm(0), displacement, 0, 0];
        self.refer(text, &bytes, 3, Reference::Absolute, label);
    }

    /// `cmpb $value,displacement(%base)`.
    pub fn compare_byte(&mut self, base: Base, displacement: u8, value: u8) {
        let text = format!("cmpb ${value:#x},{displacement:#x}(%{})", base.name());
        self.line(text, &[0x80, base.modrm(7), displacement, value]);
    }

    /// `movl $value,%fs:address`: `fs` reaches all of the 4 GiB.
    pub fn store_far(&mut self, address: u32, value: u32) {
        let mut bytes = vec![0x64, 0x67, 0x66, 0xc7, 0x05];
        bytes.extend(address.to_le_bytes());
        bytes.extend(value.to_le_bytes());
        self.line(format!("addr32 movl ${value:#x},%fs:{address:#x}"), &bytes);
    }

    /// `mov %eax,%fs:address`.
    pub fn store_far_eax(&mut self, address: u32) {
        let mut bytes = vec![0x64, 0x67, 0x66, 0xa3];
        bytes.extend(address.to_le_bytes());
        self.line(format!("addr32 mov %eax,%fs:{address:#x}"), &bytes);
    }

    /// `mov %fs:address,%eax`.
    pub fn load_far(&mut self, address: u32) {
        let mut bytes = vec![0x64, 0x67, 0x66, 0xa1];
        bytes.extend(address.to_le_bytes());
        self.line(format!("addr32 mov %fs:{address:#x},%eax"), &bytes);
    }

    /// `lgdtl %cs:label`: the descriptor table's limit and address stand at the label.
    pub fn load_gdt(&mut self, label: &'static str) {
        let bytes = [0x2e, 0x66, 0x0f, 0x01, 0x16, 0, 0];
        self.refer(
            format!("lgdtl %cs:{label}"),
            &bytes,
            5,
            Reference::Absolute,
            label,
        );
    }

    /// `lidtw %cs:label`.
    pub fn load_idt(&mut self, label: &'static str) {
        let bytes = [0x2e, 0x0f, 0x01, 0x1e, 0, 0];
        self.refer(
            format!("lidtw %cs:{label}"),
            &bytes,
            4,
            Reference::Absolute,
            label,
        );
    }

    /// A jump, always with a word's distance.
    pub fn jump(&mut self, when: When, label: &'static str) {
        let (text, bytes): (_, &[u8]) = match when {
            When::Always => ("jmp", &[0xe9, 0, 0]),
            When::Equal => ("je", &[0x0f, 0x84, 0, 0]),
            When::NotEqual => ("jne", &[0x0f, 0x85, 0, 0]),
        };
        let at = bytes.len() - 2;
        self.refer(format!("{text} {label}"), bytes, at, Reference::Relative, label);
    }

    /// A call of a subroutine in the same segment.
    pub fn call(&mut self, label: &'static str) {
        self.refer(
            format!("call {label}"),
            &[0xe8, 0, 0],
            1,
            Reference::Relative,
            label,
        );
    }

    /// A jump to a label in the segment `segment`.
    pub fn jump_far(&mut self, segment: u16, label: &'static str) {
        let [low, high] = segment.to_le_bytes();
        let bytes = [0xea, 0, 0, low, high];
        self.refer(
            format!("ljmp ${segment:#x},${label}"),
            &bytes,
            1,
            Reference::Absolute,
            label,
        );
    }

    /// What `lgdt` reads: a table's limit, and its linear address, the label's in the segment that begins at `segment`
    /// (a multiple of 64 KiB).
    pub fn table_pointer(&mut self, label: &'static str, limit: u16, segment: u32) {
        assert_eq!(
            segment & 0xffff,
            0,
            "the label's offset is the address's low half"
        );
        let mut bytes = limit.to_le_bytes().to_vec();
        bytes.extend(segment.to_le_bytes());
        let text = format!(".word {limit:#x}; .long {segment:#x}+{label}");
        self.refer(text, &bytes, 2, Reference::Absolute, label);
    }

    /// Goes on at the next multiple of `to`. What lies between halts.
    pub fn align(&mut self, to: u16) {
        let next = usize::from(self.here().next_multiple_of(to) - self.origin);
        self.code.resize(next, plain::HLT.1[0]);
    }

    /// Bytes that are data.
    pub fn data(&mut self, what: &str, bytes: &[u8]) {
        self.line(format!("# {what}"), bytes);
    }

    /// Puts the labels' addresses in and writes the listing.
    ///
    /// # Panics
    ///
    /// When a label is missing.
    #[must_use]
    pub fn finish(mut self) -> Program {
        for (at, kind, label) in &self.references {
            let target = *self
                .labels
                .get(label)
                .unwrap_or_else(|| panic!("the label {label} is not defined"));
            let after = self.origin + u16::try_from(at + 2).expect("the guest is small");
            let value = match kind {
                Reference::Relative => target.wrapping_sub(after),
                Reference::Absolute => target,
            };
            self.code[*at..at + 2].copy_from_slice(&value.to_le_bytes());
        }
        let mut listing = String::new();
        for (offset, length, text) in &self.lines {
            for (label, at) in &self.labels {
                if at == offset {
                    let _ = writeln!(listing, "{label}:");
                }
            }
            let start = usize::from(offset - self.origin);
            let bytes: Vec<String> = self.code[start..start + length]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let _ = writeln!(listing, "{offset:04x}  {:<38}  {text}", bytes.join(" "));
        }
        Program {
            code: self.code,
            labels: self.labels,
            listing,
        }
    }
}
