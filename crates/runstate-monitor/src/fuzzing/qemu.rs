//! A whole QEMU under bytes: its command line, its monitor, its qtest.

use std::io;
use std::sync::Arc;

use runstate::{Release, Time};
use runstate_qmp::{Value, Version};

use crate::{
    faults::Send,
    machine::Setup,
    monitor::{Monitor, Settings},
    options::Options,
    profile,
};

/// Takes a command line: the release is the first byte's, the words are what stands between line ends. What is refused is
/// refused in words, and what is taken can be launched.
///
/// # Panics
///
/// If it is not so.
pub fn options(bytes: &[u8]) {
    let Some((&release, line)) = bytes.split_first() else {
        return;
    };
    let release = Release::WITH_POINTS[usize::from(release) % Release::WITH_POINTS.len()];
    let line = String::from_utf8_lossy(line);
    let words: Vec<_> = line.split('\n').map(str::to_owned).collect();
    match parse(&words, release) {
        Ok(options) => {
            assert_eq!(
                parse(&words, release).as_ref(),
                Ok(&options),
                "it is read the same again"
            );
            launch(release, options);
        }
        Err(refusal) => assert!(refusal.ends_with('\n'), "QEMU says why: {refusal:?}"),
    }
}

/// Launches that differ in what can happen then.
const LAUNCHES: &[&str] = &[
    "",
    "-accel qtest -no-shutdown -device pvpanic -device ib700 -machine pc",
    "-S -action panic=pause,watchdog=pause -machine q35 -device pvpanic-pci -device i6300esb",
    "-incoming defer -drive file=d.qcow2,if=virtio",
    "-preconfig",
];

/// Talks with a whole QEMU. The first byte is the release's, the second chooses among launches, and then each line goes to
/// the first monitor; one that begins with `!` to qtest, with `:` to the second monitor, and `@` and a number lets so many
/// milliseconds pass.
///
/// # Panics
///
/// If what is sent is no QMP, if it is much more than was asked for, or if a QEMU that lives does not answer any more.
pub fn talk(bytes: &[u8]) {
    let [release, which, lines @ ..] = bytes else {
        return;
    };
    let release = Release::WITH_POINTS[usize::from(*release) % Release::WITH_POINTS.len()];
    let mut words = vec!["-qtest", "unix:/q"];
    for chardev in ["unix:/a,server=on,wait=off", "unix:/b,server=on,wait=off"] {
        words.extend(["-qmp", chardev]);
    }
    words.extend(LAUNCHES[usize::from(*which) % LAUNCHES.len()].split_whitespace());
    let words: Vec<_> = words.into_iter().map(str::to_owned).collect();
    let options = parse(&words, release).expect("the launches are QEMU's");
    let mut monitor = launch(release, options);
    for port in 0..2 {
        monitor.connect(port);
        monitor.receive(port, b"{'execute':'qmp_capabilities'}");
    }
    let (mut elapsed, mut messages) = (Time::ZERO, 0);
    for line in lines.split_inclusive(|&byte| byte == b'\n') {
        match line {
            [b'!', line @ ..] => {
                let reply = monitor.qtest(line, |_, _| {});
                assert!(reply.lines.len() <= 64 << 20, "an answer has an end");
                if reply.abort.is_some() {
                    return;
                }
            }
            [b':', line @ ..] => monitor.receive(1, line),
            [b'@', number @ ..] => {
                let digits = core::str::from_utf8(number).unwrap_or_default().trim();
                elapsed = elapsed.plus(Time::from_millis(digits.parse::<u16>().unwrap_or(1).into()));
                monitor.advance(elapsed);
            }
            line => monitor.receive(0, line),
        }
        messages += serve(&mut monitor);
    }
    assert!(
        messages <= 8 + lines.len(),
        "{messages} messages for {} bytes",
        lines.len()
    );
    let before = messages;
    monitor.receive(0, b"\xFF\n{'execute':'query-status'}\n");
    messages += serve(&mut monitor);
    assert!(monitor.end().is_some() || messages > before, "who lives answers");
}

/// Executes what has come and reads what is sent; how many messages that were.
fn serve(monitor: &mut Monitor) -> usize {
    while monitor.run(16) {}
    let mut messages = 0;
    for port in 0..monitor.ports() {
        while let Send::Bytes(chunk) = monitor.send(port) {
            let text = core::str::from_utf8(&chunk).expect("messages are ASCII");
            for line in text.split_terminator("\r\n") {
                let value = Value::parse(line.as_bytes()).expect("a message is JSON");
                assert!(value.as_object().is_some(), "{line}");
                messages += 1;
            }
        }
    }
    messages
}

fn parse(words: &[String], release: Release) -> Result<Options, String> {
    let no_file = &mut |_: &str| Err(io::ErrorKind::NotFound.into());
    Options::parse(words, release, no_file).map_err(|refusal| refusal.to_stderr("qemu"))
}

fn launch(release: Release, options: Options) -> Monitor {
    let (major, minor, micro) = release.version();
    Monitor::launch(Arc::new(Settings {
        setup: Setup::new(release, options),
        profile: profile::small(release),
        version: Version::new(major.into(), minor.into(), micro.into()),
        epoch: 0,
        pid: 1,
        faults: Vec::new(),
        agent: true,
    }))
}
