//! The stand-in beside the real QEMU that RUNSTATE_QEMU names, over the qtest socket: both are told the same.

use core::time::Duration;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};

use runstate::Release;

use crate::real_qemu::qemu;
use crate::stand_in::{BINARY, Client, Running};

/// One of the two.
struct Side {
    _running: Running,
    _directory: tempfile::TempDir,
    qtest: BufReader<UnixStream>,
    client: Client,
}

impl Side {
    /// Both sockets are ours before it starts. Its firmware does nothing but halt, so that nobody but us programs devices.
    fn start(program: &Path, release: &str, options: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        fs::write(path("halt"), vec![0xf4; 0x1_0000]).expect("a file");
        let qtest = UnixListener::bind(path("qtest")).expect("a socket");
        let qmp = UnixListener::bind(path("qmp")).expect("a socket");
        let mut command = Command::new(program);
        let socket = |name: &str| format!("unix:{}", path(name).display());
        command
            .args("-display none -machine pc -accel tcg -m 16 -nodefaults -S -qtest-log none".split(' '))
            .arg("-bios")
            .arg(path("halt"))
            .args(["-qtest", &socket("qtest"), "-qmp", &socket("qmp")])
            .args(options.split_whitespace())
            .env("RUNSTATE_RELEASE", release)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut running = Running {
            child: command.spawn().expect("it starts"),
        };
        let mut client = Client::new(accept(&qmp, &mut running));
        let qtest = accept(&qtest, &mut running);
        client.ask("qmp_capabilities");
        Self {
            _running: running,
            _directory: directory,
            qtest: BufReader::new(qtest),
            client,
        }
    }

    fn tell(&mut self, line: &str) -> String {
        let told = self.qtest.get_mut().write_all(format!("{line}\n").as_bytes());
        told.expect("it reads");
        let mut reply = String::new();
        self.qtest.read_line(&mut reply).expect("it answers");
        reply.trim_end().to_owned()
    }
}

/// The connection of a process that may as well end.
fn accept(listener: &UnixListener, running: &mut Running) -> UnixStream {
    listener.set_nonblocking(true).expect("a socket can");
    for _ in 0..20_000 {
        if let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(false).expect("a socket can");
            stream
                .set_read_timeout(Some(Duration::from_secs(20)))
                .expect("a socket can");
            return stream;
        }
        let ended = running.child.try_wait().expect("it is our child");
        assert_eq!(ended, None, "it ends before it connects");
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("it does not connect");
}

/// Both, with the same options.
struct Pair {
    qemu: Side,
    stand_in: Side,
    /// What both were told.
    told: Vec<String>,
}

impl Pair {
    fn start(qemu: &Path, options: &str) -> Self {
        let version = Command::new(qemu).arg("--version").output().expect("it runs");
        let version = String::from_utf8_lossy(&version.stdout).into_owned();
        let number = version.split("version ").nth(1).expect("QEMU names its version");
        let number = number.split([' ', '\n']).next().expect("a number");
        let mut parts = number.split('.').map(|part| part.parse().expect("a number"));
        let mut part = || parts.next().expect("three numbers");
        let release = Release::from_version(part(), part(), part()).unwrap_or(Release::LAST);
        let release = release.name();
        Self {
            qemu: Side::start(qemu, release, options),
            stand_in: Side::start(Path::new(BINARY), release, options),
            told: Vec::new(),
        }
    }

    /// Tells both a line and holds their replies together.
    fn tell(&mut self, line: &str) -> String {
        self.told.push(line.to_owned());
        let reply = self.qemu.tell(line);
        let last = &self.told[self.told.len().saturating_sub(12)..];
        assert_eq!(self.stand_in.tell(line), reply, "{last:#?}");
        reply
    }

    /// What both say up to the event STOP, after a command.
    fn until_stop(&mut self, command: &str) -> Vec<String> {
        let heard = [&mut self.qemu.client, &mut self.stand_in.client].map(|client| {
            let mut said = client.ask(command);
            while !said.last().is_some_and(|line| line.contains("STOP")) {
                let line = client.line().expect("an event");
                said.push(crate::stand_in::without_timestamp(&line));
            }
            said
        });
        assert_eq!(heard[0], heard[1]);
        let [heard, _] = heard;
        heard
    }
}

/// Where the first device of `-device` lies on a PC without default devices.
const FUNCTION: u32 = 0x8000_1000;

/// The driver's way to a watchdog that has expired: BAR 0 at 0xe0000000, 1 MHz, both stages `ticks` long, enabled.
fn arm(pair: &mut Pair, config: u32, ticks: u32) {
    let mut lines = Vec::new();
    for (register, access, value) in [
        (0x10, "outl", 0xe000_0000),
        (0x04, "outw", 2),
        (0x60, "outw", config),
    ] {
        lines.push(format!("outl 0xcf8 {:#x}", FUNCTION | register));
        lines.push(format!("{access} 0xcfc {value:#x}"));
    }
    for write in [
        format!("writel 0xe0000000 {ticks:#x}"),
        format!("writel 0xe0000004 {ticks:#x}"),
        "writew 0xe000000c 0x100".to_owned(),
    ] {
        lines.extend(["writew 0xe000000c 0x80", "writew 0xe000000c 0x86"].map(str::to_owned));
        lines.push(write);
    }
    lines.push(format!("outl 0xcf8 {:#x}", FUNCTION | 0x68));
    lines.push("outb 0xcfc 2".to_owned());
    for line in lines {
        assert_eq!(pair.tell(&line), "OK", "{line}");
    }
}

#[test]
fn an_i6300esb_expires_as_in_qemu() {
    let Some(qemu) = qemu() else { return };
    let mut pair = Pair::start(&qemu, "-device i6300esb -watchdog-action pause");
    arm(&mut pair, 7, 20);
    assert_eq!(pair.tell("inb 0xcfc"), "OK 0x0002");
    let said = pair.until_stop("cont");
    assert!(said.iter().any(|line| line.contains("\"WATCHDOG\"")), "{said:?}");
    assert_eq!(pair.tell("readw 0xe000000c"), "OK 0x0000000000001200");
    assert_eq!(pair.tell("inb 0xcfc"), "OK 0x0000", "it is reset");
    for line in [
        "writew 0xe000000c 0x80",
        "writew 0xe000000c 0x86",
        "writew 0xe000000c 0x200",
    ] {
        pair.tell(line);
    }
    assert_eq!(pair.tell("readw 0xe000000c"), "OK 0x0000000000000000");
}

#[test]
fn an_i6300esb_without_reboot_does_nothing() {
    let Some(qemu) = qemu() else { return };
    let mut pair = Pair::start(
        &qemu,
        "-device i6300esb,addr=2 -device ib700 -watchdog-action pause",
    );
    arm(&mut pair, 0x27, 20);
    // The other watchdog expires long after both stages.
    pair.tell("outb 0x443 0xe");
    let said = pair.until_stop("cont");
    let watchdogs = said.iter().filter(|line| line.contains("\"WATCHDOG\""));
    assert_eq!(watchdogs.count(), 1, "{said:?}");
    assert_eq!(pair.tell("inb 0xcfc"), "OK 0x0002");
    assert_eq!(pair.tell("readw 0xe000000c"), "OK 0x0000000000000000");
}

/// Numbers from a seed, by Knuth's MMIX generator.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((self.0 >> 33) % u64::from(end)).expect("below an u32")
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(u32::try_from(list.len()).expect("a short list")) as usize]
    }
}

/// A random access to the device: its configuration space, its registers.
fn access(numbers: &mut Numbers) -> Vec<String> {
    let values: [u32; 16] = [
        0,
        1,
        2,
        4,
        5,
        6,
        7,
        0x20,
        0x27,
        0x80,
        0x86,
        0x100,
        0x200,
        0x1300,
        0xf_ffff,
        0xffff_ffff,
    ];
    let value = numbers.of(&values);
    if numbers.below(3) == 0 {
        let written = [0x04, 0x0c, 0x3c, 0x40, 0x60, 0x68, 0x6c];
        let write = numbers.below(2) == 0;
        let register = if write {
            numbers.of(&written)
        } else {
            numbers.below(0x40) * 4
        };
        let (suffix, size) = numbers.of(&[("b", 1), ("w", 2), ("l", 4)]);
        let port = 0xcfc + numbers.below(4) / size * size;
        return vec![
            format!("outl 0xcf8 {:#x}", FUNCTION | register),
            if write {
                format!("out{suffix} {port:#x} {value:#x}")
            } else {
                format!("in{suffix} {port:#x}")
            },
        ];
    }
    let offset = numbers.of(&[0, 1, 2, 4, 8, 0xc, 0xc, 0xc, 0xc, 0xd, 0xe]);
    let suffix = numbers.of(&["b", "w", "w", "l", "q"]);
    let address = 0xe000_0000_u32 + offset;
    vec![if numbers.below(4) == 0 {
        format!("read{suffix} {address:#x}")
    } else {
        format!("write{suffix} {address:#x} {value:#x}")
    }]
}

#[test]
fn registers_of_an_i6300esb_are_qemus() {
    let Some(qemu) = qemu() else { return };
    for seed in 0..3 {
        let mut pair = Pair::start(&qemu, "-device i6300esb");
        arm(&mut pair, 7, 20);
        let mut numbers = Numbers(seed);
        for _ in 0..1500 {
            for line in access(&mut numbers) {
                pair.tell(&line);
            }
        }
    }
}
