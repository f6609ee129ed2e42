//! The qtest protocol against what QEMU answered.

use core::ops::ControlFlow;
use std::io;

use runstate::{Guest, Release};
use runstate_monitor::devices::Board;
use runstate_monitor::options::Options;
use runstate_monitor::qtest::{Qtest, Reply, Vm};

use crate::transcript::{self, Recording, Step};

/// A VM that runs or does not, and remembers what the guest did.
struct Plain {
    now: u64,
    running: bool,
    acted: Vec<Guest>,
}

impl Vm for Plain {
    fn now(&self) -> u64 {
        self.now
    }

    fn set_now(&mut self, now: u64) {
        self.now = now;
    }

    fn steps_clock(&self) -> bool {
        true
    }

    fn timers_run(&self) -> bool {
        self.running
    }

    fn act(&mut self, guest: Guest) -> ControlFlow<()> {
        self.acted.push(guest);
        ControlFlow::Continue(())
    }
}

/// What qtest answers; QMP only stops and continues.
fn replay(recording: &Recording, release: Release) {
    let read = &mut |_: &str| Err(io::ErrorKind::NotFound.into());
    let options = Options::parse(&recording.options, release, read).expect("QEMU took them");
    let mut board = Board::new(&options, release);
    let mut qtest = Qtest::new(release);
    let mut vm = Plain {
        now: 0,
        running: options.autostart,
        acted: Vec::new(),
    };
    let mut replies = Vec::new();
    for step in &recording.steps {
        match step {
            Step::ToQtest(lines) => {
                for line in qtest.receive(format!("{lines}\n").as_bytes()) {
                    replies.push(qtest.execute(&line, &mut board, &mut vm));
                }
            }
            Step::FromQtest(line) => {
                assert_eq!(
                    replies.remove(0),
                    Reply::Line(line.clone()),
                    "{}",
                    recording.title
                );
            }
            Step::ToQmp(command) if command.contains("\"stop\"") => vm.running = false,
            Step::ToQmp(command) if command.contains("\"cont\"") => vm.running = true,
            Step::Exit(-6) => assert!(
                matches!(replies.remove(0), Reply::Abort(_)),
                "{}",
                recording.title
            ),
            Step::ToQmp(_) | Step::FromQmp(_) | Step::Exit(_) => {}
        }
    }
    assert_eq!(replies, [], "{}", recording.title);
}

#[test]
fn the_protocol_is_qemus() {
    for (release, text) in [
        (Release::V10_0, include_str!("../recorded/qtest-basic-10.0.txt")),
        (Release::V7_2_0, include_str!("../recorded/qtest-basic-7.2.0.txt")),
    ] {
        let recordings = transcript::read(text);
        assert!(recordings.len() > 10);
        // A reply that quotes a CR was recorded on two lines.
        recordings
            .iter()
            .filter(|recording| recording.title != "CRLF line")
            .for_each(|r| replay(r, release));
    }
}

#[test]
fn a_carriage_return_belongs_to_the_word() {
    let mut qtest = Qtest::new(Release::V10_0);
    let mut vm = Plain {
        now: 0,
        running: true,
        acted: Vec::new(),
    };
    let mut board = Board::new(&Options::new(), Release::V10_0);
    let lines = qtest.receive(b"endianness\r\nendia");
    assert_eq!(lines, ["endianness\r"]);
    let reply = qtest.execute(&lines[0], &mut board, &mut vm);
    assert_eq!(
        reply,
        Reply::Line("FAIL Unknown command 'endianness\r'".to_owned())
    );
    assert_eq!(qtest.receive(b"nness\n"), ["endianness"]);
}

#[test]
fn a_guest_acts_through_ports() {
    let options: Vec<String> = ["-device", "pvpanic", "-device", "isa-debug-exit,iobase=0xf4"]
        .map(str::to_owned)
        .into();
    let options = Options::parse(&options, Release::V10_0, &mut |_| {
        Err(io::ErrorKind::NotFound.into())
    });
    let mut board = Board::new(&options.expect("QEMU takes them"), Release::V10_0);
    let mut qtest = Qtest::new(Release::V10_0);
    let mut vm = Plain {
        now: 0,
        running: true,
        acted: Vec::new(),
    };
    for line in [
        "outb 0x505 1",
        "outb 0x505 4",
        "outb 0xf4 3",
        "outb 0xcf9 6",
        "outb 0x64 0xfe",
        "outb 0x92 1",
    ] {
        assert_eq!(
            qtest.execute(line, &mut board, &mut vm),
            Reply::Line("OK".to_owned()),
            "{line}"
        );
    }
    let did = [
        Guest::Panic,
        Guest::Pvshutdown,
        Guest::DebugExit(3),
        Guest::Reset,
        Guest::Reset,
        Guest::Reset,
    ];
    assert_eq!(vm.acted, did);
}

/// What libqtest's pvpanic-pci-test sends, and what QEMU 10.0.0 answered.
#[test]
fn pvpanic_on_pci_lies_where_its_bar_says() {
    let options: Vec<String> = ["-device", "pvpanic-pci,addr=04.0"].map(str::to_owned).into();
    let options = Options::parse(&options, Release::V10_0, &mut |_| {
        Err(io::ErrorKind::NotFound.into())
    });
    let mut board = Board::new(&options.expect("QEMU takes them"), Release::V10_0);
    let mut qtest = Qtest::new(Release::V10_0);
    let mut vm = Plain {
        now: 0,
        running: true,
        acted: Vec::new(),
    };
    for (line, reply) in [
        ("outl 0xcf8 0x80002000", "OK"),
        ("inw 0xcfc", "OK 0x1b36"),
        ("outl 0xcf8 0x80002004", "OK"),
        ("inw 0xcfc", "OK 0x0000"),
        ("outw 0xcfc 0x7", "OK"),
        ("inw 0xcfc", "OK 0x0007"),
        ("outl 0xcf8 0x80002010", "OK"),
        ("outl 0xcfc 0xffffffff", "OK"),
        ("inl 0xcfc", "OK 0xfffffffe"),
        ("outl 0xcfc 0xe0000000", "OK"),
        ("read 0xe0000000 0x1", "OK 0x07"),
        ("write 0xe0000000 0x1 0x01", "OK"),
    ] {
        assert_eq!(
            qtest.execute(line, &mut board, &mut vm),
            Reply::Line(reply.to_owned()),
            "{line}"
        );
    }
    assert_eq!(vm.acted, [Guest::Panic]);
}

/// The lines with which `conform` lets it expire in a real QEMU.
#[test]
fn an_i6300esb_expires_after_its_second_stage() {
    let options: Vec<String> = ["-nodefaults", "-device", "i6300esb"].map(str::to_owned).into();
    let options = Options::parse(&options, Release::V7_2, &mut |_| {
        Err(io::ErrorKind::NotFound.into())
    });
    let mut board = Board::new(&options.expect("QEMU takes them"), Release::V7_2);
    let mut qtest = Qtest::new(Release::V7_2);
    let mut vm = Plain {
        now: 0,
        running: true,
        acted: Vec::new(),
    };
    for (line, reply) in [
        ("outl 0xcf8 0x80001000", "OK"),
        ("inl 0xcfc", "OK 0x25ab8086"),
        ("outl 0xcf8 0x80001010", "OK"),
        ("outl 0xcfc 0xe0000000", "OK"),
        ("outl 0xcf8 0x80001004", "OK"),
        ("outw 0xcfc 0x2", "OK"),
        ("outl 0xcf8 0x80001060", "OK"),
        ("outw 0xcfc 0x4", "OK"),
        ("writew 0xe000000c 0x80", "OK"),
        ("writew 0xe000000c 0x86", "OK"),
        ("writel 0xe0000000 0x1", "OK"),
        ("writew 0xe000000c 0x80", "OK"),
        ("writew 0xe000000c 0x86", "OK"),
        ("writel 0xe0000004 0x3", "OK"),
        ("outl 0xcf8 0x80001068", "OK"),
        ("outb 0xcfc 0x2", "OK"),
        ("clock_step", "OK 960"),
        ("clock_step 2879", "OK 3839"),
    ] {
        let said = qtest.execute(line, &mut board, &mut vm);
        assert_eq!(said, Reply::Line(reply.to_owned()), "{line}");
    }
    assert_eq!(vm.acted, []);
    qtest.execute("clock_step 1", &mut board, &mut vm);
    assert_eq!(vm.acted, [Guest::Watchdog]);
    let said = qtest.execute("readw 0xe000000c", &mut board, &mut vm);
    assert_eq!(said, Reply::Line("OK 0x0000000000001200".to_owned()));
}
