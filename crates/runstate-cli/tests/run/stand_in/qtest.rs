//! qtest over a socket, as libqtest uses it: the test listens, QEMU connects to both.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::ExitStatusExt as _;

use super::{Client, Room, Running};

struct Test {
    running: Running,
    qtest: BufReader<UnixStream>,
    client: Client,
}

impl Test {
    fn start(room: &Room, options: &str) -> Self {
        let qtest = UnixListener::bind(room.path("qtest")).expect("a socket");
        let qmp = UnixListener::bind(room.path("qmp")).expect("a socket");
        let running = room.start(&format!(
            "-qtest unix:{{}}/qtest -qtest-log {{}}/log -chardev socket,path={{}}/qmp,id=char0 \
             -mon chardev=char0,mode=control -display none -audio none {options} -accel qtest"
        ));
        let (qtest, _) = qtest.accept().expect("qtest comes first");
        let (qmp, _) = qmp.accept().expect("the monitor comes");
        let mut client = Client::new(qmp);
        client.ask("qmp_capabilities");
        Self {
            running,
            qtest: BufReader::new(qtest),
            client,
        }
    }

    fn tell(&mut self, line: &str) -> String {
        self.qtest
            .get_mut()
            .write_all(format!("{line}\n").as_bytes())
            .expect("it reads");
        let mut reply = String::new();
        self.qtest.read_line(&mut reply).expect("it answers");
        reply.trim_end().to_owned()
    }
}

#[test]
fn the_watchdog_test_of_qemu_passes() {
    for (options, action, event) in [
        ("-watchdog-action pause -device ib700", "pause", "STOP"),
        ("-watchdog-action reset -device ib700", "reset", "RESET"),
        (
            "-watchdog-action reset -no-reboot -device ib700",
            "reset",
            "SHUTDOWN",
        ),
    ] {
        let room = Room::new();
        let mut test = Test::start(&room, options);
        assert_eq!(test.tell("endianness"), "OK little");
        assert_eq!(test.tell("irq_intercept_in ioapic"), "OK");
        test.tell("clock_step 40000000000");
        for line in [
            "outb 0x443 0xe",
            "clock_step 1000000000",
            "outb 0x443 0xe",
            "clock_step 1000000000",
        ] {
            assert!(test.tell(line).starts_with("OK"), "{line}");
        }
        assert_eq!(test.client.ask("query-status").len(), 1, "no watchdog so far");
        for line in [
            "outb 0x441 0x1",
            "clock_step 3000000000",
            "outb 0x443 0xd",
            "clock_step 3000000000",
        ] {
            assert!(test.tell(line).starts_with("OK"), "{line}");
        }
        assert_eq!(test.client.ask("query-status").len(), 1, "no watchdog so far");
        assert!(test.tell("clock_step 2000000000").starts_with("OK"));
        assert!(
            test.client
                .line()
                .expect("an event")
                .contains(&format!("\"WATCHDOG\", \"data\": {{\"action\": \"{action}\"}}"))
        );
        assert!(test.client.line().expect("an event").contains(event), "{options}");
        let log = std::fs::read_to_string(room.path("log")).expect("the log");
        assert!(
            log.starts_with("[I 0.000000] OPENED\n[R +0.") && log.contains("] OK little\n"),
            "{log}"
        );
    }
}

#[test]
fn a_malformed_line_aborts() {
    let room = Room::new();
    let mut test = Test::start(&room, "");
    test.qtest.get_mut().write_all(b"outb 0x80\n").expect("it reads");
    assert_eq!(test.client.rest(), [""; 0]);
    let (status, stderr) = test.running.finish();
    assert_eq!(status.signal(), Some(6), "SIGABRT");
    assert!(stderr.contains("a word is missing"), "{stderr}");
}

#[test]
fn a_test_ends_qemu_by_a_signal_and_hears_no_report() {
    let room = Room::new();
    let test = Test::start(&room, "-device pvpanic");
    test.running.signal(rustix::process::Signal::TERM);
    let (status, stderr) = test.running.finish();
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
}
