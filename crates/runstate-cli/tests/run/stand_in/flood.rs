//! Clients that are slow, silent, flooding or gone cost the others nothing but their share.

use core::time::Duration;
use std::io::{Read as _, Write as _};
use std::time::Instant;

use super::Room;

#[expect(clippy::disallowed_methods, reason = "the test measures")]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn a_client_that_does_not_read_stops_nobody() {
    let room = Room::new();
    let running = room.start("-qmp unix:{}/a,server=on,wait=off -qmp unix:{}/b,server=on,wait=off");
    let mut silent = room.connect("a");
    silent
        .write_all(b"{'execute':'qmp_capabilities'}")
        .expect("it reads");
    silent.set_nonblocking(true).expect("a socket");
    let mut flood = 0;
    // Until the stand-in no longer reads, because its answers are not read.
    let command = b"{'execute':'query-commands'}".repeat(100);
    let mut idle = 0;
    while idle < 40 {
        match silent.write(&command) {
            Ok(n) => flood += n,
            Err(_) => {
                idle += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        assert!(flood < 64 << 20, "it reads without end and answers nothing");
    }
    let mut other = room.negotiated("b");
    let began = now();
    assert_eq!(other.ask("stop").len(), 2);
    assert!(began.elapsed() < Duration::from_secs(5));
    let memory = std::fs::read_to_string(format!("/proc/{}/status", running.child.id())).expect("it lives");
    let kilobytes = memory
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
    let kilobytes: u64 = kilobytes
        .and_then(|number| number.parse().ok())
        .expect("a number");
    assert!(
        kilobytes < 64 << 10,
        "{kilobytes} kB for a client that does not read"
    );
    // What is complete has its answer once the client reads.
    silent.set_nonblocking(false).expect("a socket");
    silent.set_read_timeout(Some(super::PATIENCE)).expect("a timeout");
    let mut bytes = [0; 4096];
    silent
        .read_exact(&mut bytes)
        .expect("the answers are still there");
}

/// A small generator: the same numbers every time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// A broken message: pieces that belong to QMP in no order.
fn broken(numbers: &mut Numbers) -> Vec<u8> {
    const PIECES: &[&[u8]] = &[
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"\"execute\"",
        b"'stop'",
        b"\"id\"",
        b"1e400",
        b"-0",
        b"05",
        b"null",
        b"\\ud800",
        b"\"\\u0000\"",
        b"\xff",
        b"\x01",
        b"hello",
        b" ",
        b"\n",
        b"\"abc",
        b"{\"execute\": \"nope\"}",
        b"{\"execute\": 5}",
        b"{}",
        b"{\"execute\": \"cont\", \"arguments\": []}",
        b"\xc3\xa9",
        b"@",
    ];
    let length = 1 + numbers.next(6);
    let pieces =
        (0..length).map(|_| PIECES[usize::try_from(numbers.next(PIECES.len() as u64)).expect("small")]);
    pieces.flatten().copied().chain(*b"\n\xff").collect()
}

/// RUNSTATE_FLOOD messages; a million is the aim, some thousands are what a test run has time for.
#[test]
fn malformed_messages_leave_it_serving() {
    let messages: u32 = std::env::var("RUNSTATE_FLOOD")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(20_000);
    let room = Room::new();
    let running = room.start("-S -qmp unix:{}/q,server=on,wait=off");
    let mut client = room.connect("q");
    let mut reader = client.try_clone().expect("a descriptor");
    let drain = std::thread::spawn(move || {
        let mut total = 0u64;
        let mut bytes = [0; 65536];
        while let Ok(n @ 1..) = reader.read(&mut bytes) {
            total += n as u64;
        }
        total
    });
    let mut numbers = Numbers(1);
    for _ in 0..messages {
        client
            .write_all(&broken(&mut numbers))
            .expect("it goes on reading");
    }
    client.shutdown(std::net::Shutdown::Write).expect("a socket");
    assert!(
        drain.join().expect("it reads") > u64::from(messages),
        "every one is answered"
    );
    let mut next = room.negotiated("q");
    assert!(next.ask("query-status")[0].contains("prelaunch"));
    let memory = std::fs::read_to_string(format!("/proc/{}/status", running.child.id())).expect("it lives");
    let peak = memory
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next());
    let peak: u64 = peak.and_then(|number| number.parse().ok()).expect("a number");
    assert!(peak < 64 << 10, "{peak} kB");
}

#[test]
fn vanishing_clients_leave_nothing_behind() {
    let room = Room::new();
    let running = room.start("-S -qmp unix:{}/q,server=on,wait=off");
    room.negotiated("q");
    let descriptors = || {
        std::fs::read_dir(format!("/proc/{}/fd", running.child.id()))
            .expect("it lives")
            .count()
    };
    let before = descriptors();
    for round in 0..200u8 {
        let mut stream = room.connect("q");
        // At every stage: before the greeting is read, in the middle of a message, after a command.
        let said: &[u8] = match round % 4 {
            0 => b"",
            1 => b"{'execute':'qmp_cap",
            2 => b"{'execute':'qmp_capabilities'}",
            _ => b"{'execute':'qmp_capabilities'}{'execute':'query-commands'}",
        };
        // A stand-in that has closed already would be an error of the test's own timing.
        let _ = stream.write_all(said);
    }
    room.negotiated("q");
    assert!(
        descriptors() <= before + 1,
        "{} descriptors, {before} before",
        descriptors()
    );
}
