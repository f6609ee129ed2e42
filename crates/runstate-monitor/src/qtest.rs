//! The qtest protocol: text lines by which a test plays the guest. system/qtest.c, softmmu/qtest.c before 8.2.
//!
//! One reply line a command, in order. What QEMU aborts on comes out as [`Reply::Abort`].

mod command;

use core::fmt::Write as _;
use core::ops::ControlFlow;

use runstate::{Guest, Release};

use crate::devices::{Board, Width};
pub use command::{Command, Encoding};

/// The VM as qtest sees it.
pub trait Vm {
    /// Virtual time, in nanoseconds since start.
    fn now(&self) -> u64;

    /// Virtual time moves to here.
    fn set_now(&mut self, now: u64);

    /// Whether qtest moves the clock: `-accel qtest`. Otherwise time goes by itself.
    fn steps_clock(&self) -> bool;

    /// Whether the timers of the virtual clock run: the VM is running.
    fn timers_run(&self) -> bool;

    /// The guest does something. [`ControlFlow::Break`] where QEMU is gone at once.
    fn act(&mut self, guest: Guest) -> ControlFlow<()>;
}

/// What becomes of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// This line, without its end.
    Line(String),
    /// Nothing: QEMU exited meanwhile.
    Nothing,
    /// QEMU aborts, for this reason.
    Abort(String),
}

/// One qtest connection.
#[derive(Clone, Debug)]
pub struct Qtest {
    release: Release,
    /// The device whose interrupts are intercepted.
    intercepted: Option<String>,
    /// What came after the last line end.
    partial: Vec<u8>,
}

/// The longest line that is taken, 16 MiB. QEMU has no limit; no client may use up the host's memory.
const LONGEST_LINE: usize = 16 << 20;

impl Qtest {
    /// A connection without any history.
    #[must_use]
    pub const fn new(release: Release) -> Self {
        Self {
            release,
            intercepted: None,
            partial: Vec::new(),
        }
    }

    /// Takes bytes as they come and gives the whole lines among them.
    pub fn receive(&mut self, bytes: &[u8]) -> Vec<String> {
        self.partial.extend_from_slice(bytes);
        let Some(end) = self.partial.iter().rposition(|&byte| byte == b'\n') else {
            self.partial.truncate(LONGEST_LINE);
            return Vec::new();
        };
        let rest = self.partial.split_off(end + 1);
        let whole = core::mem::replace(&mut self.partial, rest);
        let lines = whole[..end].split(|&byte| byte == b'\n');
        lines
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect()
    }

    /// The client left.
    pub fn disconnect(&mut self) {
        self.partial = Vec::new();
    }

    /// Runs one line. `qtest_process_command()`.
    pub fn execute(&mut self, line: &str, board: &mut Board, vm: &mut impl Vm) -> Reply {
        let command = match Command::parse(line) {
            Ok(command) => command,
            Err(reason) => return Reply::Abort(reason),
        };
        match command {
            Command::Endianness => Reply::Line("OK little".to_owned()),
            Command::In { port, width } => {
                let value = board.read_port(vm.now(), port, width);
                Reply::Line(format!("OK 0x{value:04x}"))
            }
            Command::Out { port, width, value } => {
                let now = vm.now();
                ok_unless(acting(vm, |act| board.write_port(now, port, width, value, act)))
            }
            Command::Read {
                address,
                size,
                encoding,
            } => read(board, address, size, encoding),
            Command::Write { address, bytes } => {
                let now = vm.now();
                ok_unless(acting(vm, |act| board.write_memory(now, address, &bytes, act)))
            }
            Command::Memset { address, size, value } => {
                board.fill_memory(address, size, value);
                Reply::Line("OK".to_owned())
            }
            Command::ClockStep(_) | Command::ClockSet(_) if !vm.steps_clock() => {
                let word = line.split(' ').next().unwrap_or_default();
                fail(&format!("Unknown command '{word}'"))
            }
            Command::ClockStep(step) => self.clock_step(step, board, vm),
            Command::ClockSet(to) => self.clock_set(to, board, vm),
            Command::InterceptIn(path) | Command::InterceptOut(path) => self.intercept(path),
            Command::SetIrqIn(path) if !is_interrupt_controller(path) => fail("Unknown device"),
            Command::SetIrqIn(_) | Command::ModuleLoad => Reply::Line("OK".to_owned()),
            Command::BadSize => Reply::Line("ERR invalid argument size".to_owned()),
            Command::Unknown(word) => Reply::Line(format!("FAIL Unknown command '{word}'")),
        }
    }

    fn clock_step(&self, step: Option<i64>, board: &mut Board, vm: &mut impl Vm) -> Reply {
        let old = vm.now();
        let to = match step {
            Some(step) => old.saturating_add_signed(step),
            None => match board.deadline(old).filter(|_| vm.timers_run()) {
                Some(deadline) => deadline,
                None if self.clock_can_fail() => {
                    let why =
                        "cannot advance clock to the next deadline because there is no pending deadline";
                    return fail(why);
                }
                None => old,
            },
        };
        if advance(to, board, vm).is_break() {
            return Reply::Nothing;
        }
        if vm.now() <= old && self.clock_can_fail() {
            return fail("could not advance time");
        }
        Reply::Line(format!("OK {}", vm.now()))
    }

    fn clock_set(&self, to: i64, board: &mut Board, vm: &mut impl Vm) -> Reply {
        let wanted = u64::try_from(to).unwrap_or(0);
        if advance(wanted, board, vm).is_break() {
            return Reply::Nothing;
        }
        let missed = vm.now() != wanted && self.clock_can_fail();
        Reply::Line(format!("{} {}", if missed { "FAIL" } else { "OK" }, vm.now()))
    }

    /// 14fa0e6b20 "tests/qtest: tighten up the checks on clock_step" (10.0).
    fn clock_can_fail(&self) -> bool {
        self.release >= Release::V10_0_0
    }

    /// No interrupt is ever raised here, and a test that waits for none is content.
    fn intercept(&mut self, path: &str) -> Reply {
        let is_container = CONTAINERS.contains(&path.trim_end_matches('/'));
        // A matter of how QEMU was built (qom-cast-debug): 10.0.0 as recorded checks the cast, 7.2.0 does not.
        if is_container && self.release >= Release::V10_0_0 {
            return Reply::Abort(format!("Object {path} is not an instance of type device"));
        }
        if !is_container && !is_interrupt_controller(path) {
            return fail("Unknown device");
        }
        match &self.intercepted {
            Some(other) if other != path => fail("IRQ intercept already enabled"),
            Some(_) => Reply::Line("OK".to_owned()),
            None => {
                self.intercepted = Some(path.to_owned());
                Reply::Line("OK".to_owned())
            }
        }
    }
}

/// Time moves on, timer by timer, as far as `to`. `qemu_clock_advance_virtual_time()`, util/qemu-timer.c.
pub fn advance(to: u64, board: &mut Board, vm: &mut impl Vm) -> ControlFlow<()> {
    while vm.now() < to {
        let next = board.watchdog_deadline().filter(|_| vm.timers_run());
        vm.set_now(next.map_or(to, |deadline| deadline.clamp(vm.now(), to)));
        if vm.timers_run() {
            board.run_timers(vm.now(), &mut |guest| vm.act(guest))?;
        }
    }
    ControlFlow::Continue(())
}

/// Does something with the board; the first action that ends QEMU is the last that counts.
fn acting(vm: &mut impl Vm, work: impl FnOnce(&mut dyn FnMut(Guest))) -> ControlFlow<()> {
    let mut flow = ControlFlow::Continue(());
    work(&mut |guest| {
        if flow.is_continue() {
            flow = vm.act(guest);
        }
    });
    flow
}

fn ok_unless(flow: ControlFlow<()>) -> Reply {
    match flow {
        ControlFlow::Continue(()) => Reply::Line("OK".to_owned()),
        ControlFlow::Break(()) => Reply::Nothing,
    }
}

fn read(board: &mut Board, address: u64, size: usize, encoding: Encoding) -> Reply {
    let mut bytes = vec![0; size];
    board.read_memory(address, &mut bytes);
    Reply::Line(match encoding {
        Encoding::Number => {
            let value = bytes
                .iter()
                .rev()
                .fold(0, |value, &byte| value << 8 | u64::from(byte));
            format!("OK 0x{value:016x}")
        }
        Encoding::Hex => {
            let mut line = String::with_capacity(5 + 2 * size);
            line.push_str("OK 0x");
            for byte in bytes {
                write!(line, "{byte:02x}").expect("a string takes everything");
            }
            line
        }
        Encoding::Base64 => format!("OK {}", command::to_base64(&bytes)),
    })
}

fn fail(why: &str) -> Reply {
    Reply::Line(format!("FAIL {why}"))
}

/// Objects that are no devices. `DEVICE()` aborts on them.
const CONTAINERS: &[&str] = &[
    "",
    "/backend",
    "/chardevs",
    "/machine",
    "/machine/peripheral",
    "/machine/peripheral-anon",
    "/machine/unattached",
    "/objects",
];

fn is_interrupt_controller(path: &str) -> bool {
    matches!(path.rsplit('/').next(), Some("ioapic" | "i8259"))
}

impl Width {
    const fn of_suffix(suffix: &str) -> Option<Self> {
        match suffix.as_bytes() {
            b"b" => Some(Self::Byte),
            b"w" => Some(Self::Word),
            b"l" => Some(Self::Long),
            _ => None,
        }
    }
}
