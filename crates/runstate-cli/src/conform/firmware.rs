//! The guest: a firmware image of our own that performs port reads and writes, and writes to memory, for whoever is at its
//! serial port.
//!
//! The image is given to QEMU by `-bios`, so the first instruction after a reset is ours: no SeaBIOS that takes its time,
//! resets the machine a second time and decides what S3 wakeup means. It runs in real mode.
//!
//! vCPU 0 waits (halted, woken by COM1's interrupt) for *frames* of [`Frame::SIZE`] bytes on COM1. It performs those
//! that are its own; one for another vCPU it leaves in that vCPU's mailbox and sends it an interrupt. The other vCPUs are
//! started by SIPI and wait halted for that interrupt. Who has performed a frame sends the frame's tag back on COM1.
//!
//! A *held* frame is acknowledged when it has arrived; its vCPU then spins until the host writes [`GO`] into the mailbox,
//! which lies in memory that the host shares, performs it, and writes [`DONE`] there. So the vCPUs can act while QEMU's
//! main loop, without which no serial port delivers anything, is held back.

use super::asm::{Assembler, Base, Program, When, Word, plain};

/// COM1's first port.
const COM1: u16 = 0x3f8;
/// The code's segment: the last 64 KiB of the first megabyte, where the PC shows the image.
const SEGMENT: u16 = 0xf000;
/// Bytes of the image.
const IMAGE: usize = 0x1_0000;
/// Where the CPU begins after a reset.
const RESET_VECTOR: usize = 0xfff0;
/// Where vCPU 0 collects a frame.
const FRAME: u16 = 0x600;
/// The local APIC's registers.
const APIC: u32 = 0xfee0_0000;
/// The vector by which vCPU 0 wakes another.
const WAKE_VECTOR: u8 = 0x30;
/// What the guest sends when it has booted. No tag has this value.
pub const BOOTED: u8 = 0xb0;
/// How many vCPUs the guest's memory map has room for.
pub const MAX_VCPUS: u8 = 8;

/// Guest-physical address of the mailbox of vCPU 0; each has [`MAILBOX_SIZE`] bytes.
pub const MAILBOX: u16 = 0x1000;
/// Bytes of a mailbox.
pub const MAILBOX_SIZE: u16 = 0x40;
/// In a mailbox, after the frame: there is a frame for this vCPU.
const FULL: u8 = 0x10;
/// In a mailbox: the host writes 1, and the vCPU performs the held frame.
pub const GO: u8 = 0x14;
/// In a mailbox: the vCPU has performed the frame with this tag.
pub const DONE: u8 = 0x18;
/// In a mailbox: the vCPU is about to perform the write of the frame with this tag.
pub const BEGUN: u8 = 0x19;
/// In a mailbox: what the last port read gave, 4 bytes.
pub const RESULT: u8 = 0x1c;
/// Guest-physical address of the words that [`Operation::OutString`] writes.
pub const BUFFER: u16 = 0x8000;

/// Where the debugger's breakpoints are.
const BREAKPOINTS: [&str; 4] = ["breakpoint_0", "breakpoint_1", "breakpoint_2", "breakpoint_3"];

/// What a frame asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Write a byte to the port.
    OutByte = 0x01,
    /// Write a word.
    OutWord = 0x02,
    /// Write a double word.
    OutDword = 0x04,
    /// Read a byte from the port; the value goes to [`RESULT`].
    InByte = 0x11,
    /// Read a word.
    InWord = 0x12,
    /// Read a double word.
    InDword = 0x14,
    /// Write a byte to the address, anywhere in 4 GiB.
    StoreByte = 0x51,
    /// Write a word.
    StoreWord = 0x52,
    /// Write a double word.
    StoreDword = 0x54,
    /// Write as many words as `value` says from [`BUFFER`] to the port.
    OutString = 0x20,
    /// Run into the address of a debugger's breakpoint. There are four, each good for one time.
    Breakpoint0 = 0x30,
    /// The second one.
    Breakpoint1 = 0x31,
    /// The third one.
    Breakpoint2 = 0x32,
    /// The last one.
    Breakpoint3 = 0x33,
    /// Nothing: just acknowledge.
    Nothing = 0x38,
    /// Triple fault. It is acknowledged before.
    TripleFault = 0x40,
    /// Halt for good. It is acknowledged before.
    Halt = 0x41,
}

/// One request to the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The vCPU that performs it.
    pub vcpu: u8,
    /// What to do.
    pub operation: Operation,
    /// Comes back when it is done; below [`BOOTED`].
    pub tag: u8,
    /// Wait for the host's sign in the mailbox.
    pub held: bool,
    /// The port, or the guest-physical address.
    pub address: u32,
    /// The value to write.
    pub value: u32,
}

impl Frame {
    /// Bytes of a frame on the wire.
    pub const SIZE: usize = 12;

    /// The frame as it goes over the serial port.
    #[must_use]
    pub fn bytes(self) -> [u8; Self::SIZE] {
        let [a0, a1, a2, a3] = self.address.to_le_bytes();
        let [v0, v1, v2, v3] = self.value.to_le_bytes();
        let operation = self.operation as u8;
        let held = u8::from(self.held);
        [
            self.vcpu, operation, self.tag, held, a0, a1, a2, a3, v0, v1, v2, v3,
        ]
    }
}

/// Offsets in a frame.
mod frame {
    pub(super) const VCPU: u8 = 0;
    pub(super) const OPERATION: u8 = 1;
    pub(super) const TAG: u8 = 2;
    pub(super) const HELD: u8 = 3;
    pub(super) const ADDRESS: u8 = 4;
    pub(super) const VALUE: u8 = 8;
}

/// The image and its listing.
#[derive(Clone, Debug)]
pub struct Firmware {
    /// 64 KiB for `-bios`.
    pub image: Vec<u8>,
    /// The listing of the code in it.
    pub listing: String,
    /// Guest-physical addresses of the instructions for the debugger's breakpoints.
    pub breakpoints: [u32; 4],
}

impl Firmware {
    /// Assembles the guest.
    ///
    /// # Panics
    ///
    /// Never: the code is fixed.
    #[must_use]
    pub fn assemble() -> Self {
        let program = program();
        let mut image = vec![0xf4; IMAGE];
        image[..program.code.len()].copy_from_slice(&program.code);
        // ljmp $SEGMENT,$start
        let [start_low, start_high] = program.labels["start"].to_le_bytes();
        let [segment_low, segment_high] = SEGMENT.to_le_bytes();
        let reset = [0xea, start_low, start_high, segment_low, segment_high];
        image[RESET_VECTOR..RESET_VECTOR + reset.len()].copy_from_slice(&reset);
        Self {
            image,
            listing: program.listing,
            breakpoints: BREAKPOINTS
                .map(|label| (u32::from(SEGMENT) << 4) + u32::from(program.labels[label])),
        }
    }
}

fn program() -> Program {
    let mut asm = Assembler::new(0);
    // The SIPI's vector says 0xf0: the others begin at f000:0000, so their code comes first.
    others_start(&mut asm);
    start(&mut asm);
    receive(&mut asm);
    perform(&mut asm);
    port_operations(&mut asm);
    memory_operations(&mut asm);
    other_operations(&mut asm);
    interrupts(&mut asm);
    tables(&mut asm);
    breakpoints(&mut asm);
    asm.finish()
}

/// Segments at 0, and `fs` with a limit of 4 GiB ("unreal mode"), for the local APIC.
fn segments(asm: &mut Assembler) {
    asm.plains(&[plain::CLI, plain::CLD, plain::CLEAR_AX]);
    asm.plains(&[plain::DS_FROM_AX, plain::ES_FROM_AX, plain::SS_FROM_AX]);
    asm.load_gdt("gdt_pointer");
    asm.plain(plain::EAX_FROM_CR0);
    asm.or_al(1);
    asm.plain(plain::CR0_FROM_EAX);
    asm.set(Word::Ax, 8);
    asm.plain(plain::FS_FROM_AX);
    asm.plain(plain::EAX_FROM_CR0);
    asm.and_al(0xfe);
    asm.plain(plain::CR0_FROM_EAX);
}

/// A vCPU other than the first: finds its mailbox, listens to interrupts, and performs what it is left.
fn others_start(asm: &mut Assembler) {
    asm.label("others");
    segments(asm);
    asm.load_far(APIC + 0x20);
    asm.plain(plain::SHIFT_EAX_RIGHT_24);
    asm.plain(plain::SHIFT_AX_LEFT_6);
    asm.plain(plain::BX_FROM_AX);
    asm.add(Word::Bx, MAILBOX);
    asm.set(Word::Sp, 0x4000);
    for _ in 0..4 {
        // 0x100 bytes of stack for each vCPU.
        asm.plain(plain::SP_ADD_AX);
    }
    // Spurious-interrupt vector register: the APIC is on.
    asm.store_far(APIC + 0xf0, 0x1ff);
    asm.label("others_wait");
    asm.plain(plain::CLI);
    asm.compare_byte(Base::Bx, FULL, 0);
    asm.jump(When::NotEqual, "others_perform");
    asm.plains(&[plain::STI, plain::HLT]);
    asm.jump(When::Always, "others_wait");
    asm.label("others_perform");
    asm.store_byte(Base::Bx, FULL, 0);
    asm.plain(plain::SI_FROM_BX);
    asm.call("perform");
    asm.jump(When::Always, "others_wait");
}

/// After a reset: memory, interrupt controller, serial port, the other vCPUs; then says that it has booted.
fn start(asm: &mut Assembler) {
    asm.label("start");
    segments(asm);
    asm.set(Word::Sp, 0x4000);
    // Every interrupt, NMI and exception is survived.
    asm.set(Word::Di, 0);
    asm.set(Word::Cx, 0x100);
    asm.label("start_vectors");
    asm.store_label(Base::Di, 0, "ignore");
    asm.store_word(Base::Di, 2, SEGMENT);
    asm.add_di(4);
    asm.dec_cx();
    asm.jump(When::NotEqual, "start_vectors");
    asm.set(Word::Di, 0x24 * 4);
    asm.store_label(Base::Di, 0, "serial_interrupt");
    asm.set(Word::Di, u16::from(WAKE_VECTOR) * 4);
    asm.store_label(Base::Di, 0, "wake_interrupt");
    // Frames left from before the reset are gone.
    asm.plain(plain::CLEAR_AX);
    asm.set(Word::Di, MAILBOX);
    asm.set(Word::Cx, MAILBOX_SIZE * u16::from(MAX_VCPUS));
    asm.label("start_mailboxes");
    asm.plain(plain::STORE_BYTE);
    asm.dec_cx();
    asm.jump(When::NotEqual, "start_mailboxes");
    // The 8259: vectors from 0x20, only IRQ 4 (COM1).
    for (port, value) in [
        (0x20, 0x11),
        (0x21, 0x20),
        (0x21, 0x04),
        (0x21, 0x01),
        (0x21, 0xef),
    ] {
        asm.set_al(value);
        asm.out_al(port);
    }
    // COM1: an interrupt for each byte that arrives, DTR, RTS, OUT2. No FIFO: switching it on would lose a byte.
    for (port, value) in [(COM1 + 1, 0x01), (COM1 + 4, 0x0b)] {
        asm.set(Word::Dx, port);
        asm.set_al(value);
        asm.plain(plain::OUT_BYTE);
    }
    // The others, all at once: SIPI at f000:0000. After a reset they wait for it; INIT is not needed.
    asm.store_far(APIC + 0xf0, 0x1ff);
    // LINT0 is the 8259's: without a BIOS it is masked.
    asm.store_far(APIC + 0x350, 0x700);
    asm.store_far(APIC + 0x300, 0x000c_46f0);
    asm.set(Word::Dx, COM1);
    asm.set_al(BOOTED);
    asm.plain(plain::OUT_BYTE);
}

/// vCPU 0: collects frames from COM1, performs its own, hands on the rest.
fn receive(asm: &mut Assembler) {
    asm.label("receive");
    asm.set(Word::Di, FRAME);
    asm.set(Word::Cx, Frame::SIZE as u16);
    asm.label("receive_byte");
    asm.plain(plain::CLI);
    asm.set(Word::Dx, COM1 + 5);
    asm.plain(plain::IN_BYTE);
    asm.and_al(0x01);
    asm.jump(When::NotEqual, "receive_take");
    // `sti` takes effect after the next instruction: no interrupt is missed between the two.
    asm.plains(&[plain::STI, plain::HLT]);
    asm.jump(When::Always, "receive_byte");
    asm.label("receive_take");
    asm.set(Word::Dx, COM1);
    asm.plains(&[plain::IN_BYTE, plain::STORE_BYTE]);
    asm.dec_cx();
    asm.jump(When::NotEqual, "receive_byte");
    asm.set(Word::Si, FRAME);
    asm.plain(plain::CLEAR_AX);
    asm.load_al(Base::Si, frame::VCPU);
    asm.plain(plain::SHIFT_AX_LEFT_6);
    asm.plain(plain::BX_FROM_AX);
    asm.add(Word::Bx, MAILBOX);
    asm.compare_byte(Base::Si, frame::VCPU, 0);
    asm.jump(When::NotEqual, "receive_hand_on");
    asm.call("perform");
    asm.jump(When::Always, "receive");
    asm.label("receive_hand_on");
    asm.plain(plain::DI_FROM_BX);
    asm.set(Word::Cx, Frame::SIZE as u16 / 2);
    asm.plain(plain::REP_MOVS_WORD);
    asm.store_byte(Base::Bx, FULL, 1);
    // Interrupt command register: whom (bits 24 to 31 of the high half), then a fixed interrupt.
    asm.plain(plain::CLEAR_EAX);
    asm.load_al(Base::Bx, frame::VCPU);
    asm.plain(plain::SHIFT_EAX_LEFT_24);
    asm.store_far_eax(APIC + 0x310);
    asm.store_far(APIC + 0x300, 0x4000 | u32::from(WAKE_VECTOR));
    asm.jump(When::Always, "receive");
}

/// Performs the frame at `si` for the vCPU whose mailbox is at `bx`.
fn perform(asm: &mut Assembler) {
    asm.label("perform");
    asm.compare_byte(Base::Si, frame::HELD, 0);
    asm.jump(When::Equal, "perform_now");
    asm.call("acknowledge");
    asm.label("perform_wait");
    asm.plain(plain::PAUSE);
    asm.compare_byte(Base::Bx, GO, 1);
    asm.jump(When::NotEqual, "perform_wait");
    asm.store_byte(Base::Bx, GO, 0);
    asm.label("perform_now");
    asm.load(Word::Dx, Base::Si, frame::ADDRESS);
    for (operation, label) in [
        (Operation::OutByte, "out_byte"),
        (Operation::OutWord, "out_word"),
        (Operation::OutDword, "out_dword"),
        (Operation::InByte, "in_byte"),
        (Operation::InWord, "in_word"),
        (Operation::InDword, "in_dword"),
        (Operation::StoreByte, "store_byte"),
        (Operation::StoreWord, "store_word"),
        (Operation::StoreDword, "store_dword"),
        (Operation::OutString, "out_string"),
        (Operation::Breakpoint0, BREAKPOINTS[0]),
        (Operation::Breakpoint1, BREAKPOINTS[1]),
        (Operation::Breakpoint2, BREAKPOINTS[2]),
        (Operation::Breakpoint3, BREAKPOINTS[3]),
        (Operation::TripleFault, "triple_fault"),
        (Operation::Halt, "halt"),
    ] {
        asm.compare_byte(Base::Si, frame::OPERATION, operation as u8);
        asm.jump(When::Equal, label);
    }
    asm.label("nothing");
    done(asm);
    asm.label("acknowledge");
    asm.load_al(Base::Si, frame::TAG);
    asm.set(Word::Dx, COM1);
    asm.plains(&[plain::OUT_BYTE, plain::RET]);
}

/// Says that the frame is done. It follows an `out` in the same straight line of code on purpose: TCG up to 8.x stops a
/// vCPU only at the end of its translation block, so that an action that stops the vCPU is still acknowledged.
fn done(asm: &mut Assembler) {
    asm.load_al(Base::Si, frame::TAG);
    asm.store_al(Base::Bx, DONE);
    asm.set(Word::Dx, COM1);
    asm.plains(&[plain::OUT_BYTE, plain::RET]);
}

/// Says that the write comes now, after which the vCPU may be stopped.
fn begun(asm: &mut Assembler) {
    asm.load_al(Base::Si, frame::TAG);
    asm.store_al(Base::Bx, BEGUN);
}

fn port_operations(asm: &mut Assembler) {
    for (label, out) in [
        ("out_byte", plain::OUT_BYTE),
        ("out_word", plain::OUT_WORD),
        ("out_dword", plain::OUT_DWORD),
    ] {
        asm.label(label);
        begun(asm);
        asm.load_eax(Base::Si, frame::VALUE);
        asm.plain(out);
        done(asm);
    }
    for (label, input) in [
        ("in_byte", plain::IN_BYTE),
        ("in_word", plain::IN_WORD),
        ("in_dword", plain::IN_DWORD),
    ] {
        asm.label(label);
        asm.plains(&[plain::CLEAR_EAX, input]);
        asm.store_eax(Base::Bx, RESULT);
        done(asm);
    }
    asm.label("out_string");
    begun(asm);
    asm.load(Word::Cx, Base::Si, frame::VALUE);
    asm.plain(plain::PUSH_SI);
    asm.set(Word::Si, BUFFER);
    asm.plains(&[plain::REP_OUTS_WORD, plain::POP_SI]);
    done(asm);
}

/// `fs` reaches all of memory.
fn memory_operations(asm: &mut Assembler) {
    for (label, store) in [
        ("store_byte", plain::STORE_FAR_BYTE),
        ("store_word", plain::STORE_FAR_WORD),
        ("store_dword", plain::STORE_FAR_DWORD),
    ] {
        asm.label(label);
        begun(asm);
        asm.load_edi(Base::Si, frame::ADDRESS);
        asm.load_eax(Base::Si, frame::VALUE);
        asm.plain(store);
        done(asm);
    }
}

fn other_operations(asm: &mut Assembler) {
    asm.label("triple_fault");
    asm.load_al(Base::Si, frame::TAG);
    asm.store_al(Base::Bx, DONE);
    asm.call("acknowledge");
    asm.load_idt("no_idt");
    asm.plain(plain::INT3);
    asm.label("halt");
    asm.load_al(Base::Si, frame::TAG);
    asm.store_al(Base::Bx, DONE);
    asm.call("acknowledge");
    asm.label("halt_loop");
    asm.plains(&[plain::CLI, plain::HLT]);
    asm.jump(When::Always, "halt_loop");
}

/// On a page of their own: TCG executes the code of a page with a breakpoint instruction by instruction, and so an action
/// on it that stops the vCPU would not be acknowledged.
fn breakpoints(asm: &mut Assembler) {
    asm.align(0x1000);
    for label in BREAKPOINTS {
        asm.label(label);
        asm.plain(plain::NOP);
        asm.jump(When::Always, "nothing");
    }
}

fn interrupts(asm: &mut Assembler) {
    asm.label("serial_interrupt");
    asm.plain(plain::PUSH_AX);
    // End of interrupt, at the 8259.
    asm.set_al(0x20);
    asm.out_al(0x20);
    asm.plain(plain::POP_AX);
    asm.label("ignore");
    asm.plain(plain::IRET);
    asm.label("wake_interrupt");
    // End of interrupt, at the local APIC.
    asm.store_far(APIC + 0xb0, 0);
    asm.plain(plain::IRET);
}

fn tables(asm: &mut Assembler) {
    asm.label("no_idt");
    asm.data("a table without entries", &[0; 6]);
    asm.label("gdt_pointer");
    asm.table_pointer("gdt", 15, 0xf_0000);
    asm.label("gdt");
    asm.data("no segment", &[0; 8]);
    asm.data(
        "data from 0, 4 GiB",
        &[0xff, 0xff, 0x00, 0x00, 0x00, 0x92, 0xcf, 0x00],
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The listing in the tree is what the assembler writes; it was assembled by GNU as 2.40 to the same bytes.
    #[test]
    fn listing_agrees() {
        let firmware = Firmware::assemble();
        assert_eq!(firmware.listing, include_str!("firmware.lst"));
    }

    #[test]
    fn listing_is_the_image() {
        let firmware = Firmware::assemble();
        let mut next = 0;
        for line in firmware.listing.lines().filter(|line| !line.ends_with(':')) {
            let offset = usize::from_str_radix(&line[..4], 16).expect("a line begins with its offset");
            if offset > next {
                // The code goes on on the next page.
                assert_eq!(offset % 0x1000, 0, "{line}");
                assert!(firmware.image[next..offset].iter().all(|byte| *byte == 0xf4));
                next = offset;
            }
            assert_eq!(offset, next, "{line}");
            for byte in line[6..].split("  ").next().expect("bytes").split_whitespace() {
                let Ok(byte) = u8::from_str_radix(byte, 16) else {
                    break;
                };
                assert_eq!(firmware.image[next], byte, "{line}");
                next += 1;
            }
        }
        assert!(
            firmware.image[next..RESET_VECTOR]
                .iter()
                .all(|byte| *byte == 0xf4)
        );
    }

    #[test]
    fn frames_fit_their_mailbox() {
        assert!(Frame::SIZE <= usize::from(FULL));
        assert!(u16::from(RESULT) + 4 <= MAILBOX_SIZE);
        assert!(MAILBOX + MAILBOX_SIZE * u16::from(MAX_VCPUS) <= 0x4000 - 0x100);
    }
}
