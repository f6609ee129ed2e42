//! How fast the layers above the core are: scenarios played, events printed, commands answered by a whole QEMU without I/O.

use core::hint::black_box;
use std::io;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use runstate::Release;
use runstate_monitor::{
    faults::Send,
    machine::Setup,
    monitor::{Monitor, Settings},
    options::Options,
    profile,
    scenario::{File, run},
};
use runstate_qmp::{Layout, Object, Timestamp, Value, Version, print};
use serde::Serialize;

/// A guest that panics, is looked at, reset and set going again, and shuts down.
const SCENARIO: &str = r#"qemu -no-shutdown -action panic=pause

guest panic
<- { "event": "GUEST_PANICKED", "data": { "action": "pause" } }
<- { "event": "STOP" }
-> { "execute": "query-status" }
<- { "return": { "status": "guest-panicked", "running": false } }
-> { "execute": "system_reset" }
<- { "event": "RESET", "data": { "guest": false, "reason": "host-qmp-system-reset" } }
<- { "return": {} }
-> { "execute": "cont" }
<- { "event": "RESUME" }
<- { "return": {} }
guest shutdown
<- { "event": "SHUTDOWN", "data": { "guest": true, "reason": "guest-shutdown" } }
<- { "event": "STOP" }
-> { "execute": "quit" }
<- { "event": "SHUTDOWN", "data": { "guest": false, "reason": "host-qmp-quit" } }
<- { "return": {} }
exit 0
"#;

fn scenarios(c: &mut Criterion) {
    let file = File::parse("benchmark", SCENARIO.as_bytes()).expect("it is a scenario");
    let report = run::run(&file.scenarios[0], Release::DEFAULT);
    assert_eq!(report.outcome, run::Outcome::AsExpected);
    let mut group = c.benchmark_group("scenarios");
    group.throughput(Throughput::Elements(1));
    group.bench_function("parse", |b| {
        b.iter(|| File::parse("benchmark", black_box(SCENARIO.as_bytes())));
    });
    group.bench_function("launch, play and compare", |b| {
        b.iter(|| run::run(black_box(&file.scenarios[0]), Release::DEFAULT).outcome);
    });
    group.finish();
}

/// What a program that uses serde_json would write, in QEMU's member order.
#[derive(Serialize)]
struct Event<'a> {
    timestamp: EventTime,
    event: &'a str,
    data: Data<'a>,
}

#[derive(Serialize)]
struct EventTime {
    seconds: i64,
    microseconds: i64,
}

#[derive(Serialize)]
struct Data<'a> {
    guest: bool,
    reason: &'a str,
}

fn events(c: &mut Criterion) {
    let mut group = c.benchmark_group("events to JSON");
    group.throughput(Throughput::Elements(1));
    let data = Object::default()
        .with("guest", true)
        .with("reason", "guest-shutdown");
    let mut out = Vec::with_capacity(256);
    let mut micros = 0;
    group.bench_function("runstate-qmp", |b| {
        b.iter(|| {
            out.clear();
            micros += 1;
            let timestamp = Timestamp::from_micros(1_795_335_707_000_000 + micros);
            print::event(
                "SHUTDOWN",
                Some(black_box(&data)),
                timestamp,
                Layout::Compact,
                &mut out,
            );
            out.len()
        });
    });
    group.bench_function("serde_json, a struct", |b| {
        b.iter(|| {
            out.clear();
            micros += 1;
            let event = Event {
                timestamp: EventTime {
                    seconds: 1_795_335_707,
                    microseconds: (micros % 1_000_000).cast_signed(),
                },
                event: "SHUTDOWN",
                data: Data {
                    guest: true,
                    reason: black_box("guest-shutdown"),
                },
            };
            serde_json::to_writer(&mut out, &event).expect("a vector takes all");
            out.len()
        });
    });
    group.bench_function("serde_json, a Value", |b| {
        b.iter(|| {
            out.clear();
            micros += 1;
            let event = serde_json::json!({
                "timestamp": { "seconds": 1_795_335_707_i64, "microseconds": micros % 1_000_000 },
                "event": "SHUTDOWN",
                "data": { "guest": true, "reason": black_box("guest-shutdown") },
            });
            serde_json::to_writer(&mut out, &event).expect("a vector takes all");
            out.len()
        });
    });
    group.finish();
}

fn negotiated() -> Monitor {
    let words = ["-qmp", "unix:/a,server=on,wait=off"].map(str::to_owned);
    let no_file = &mut |_: &str| Err(io::ErrorKind::NotFound.into());
    let options = Options::parse(&words, Release::DEFAULT, no_file).expect("QEMU takes them");
    let mut monitor = Monitor::launch(Arc::new(Settings {
        setup: Setup::new(Release::DEFAULT, options),
        profile: profile::small(Release::DEFAULT),
        version: Version::new(10, 0, 0),
        epoch: 0,
        pid: 1,
        faults: Vec::new(),
        agent: true,
    }));
    monitor.connect(0);
    assert_eq!(exchange(&mut monitor, b"{'execute':'qmp_capabilities'}"), 2);
    monitor
}

/// Sends the bytes and reads all that is answered; how many messages that were.
fn exchange(monitor: &mut Monitor, bytes: &[u8]) -> usize {
    monitor.receive(0, bytes);
    while monitor.run(1) {}
    let mut messages = 0;
    while let Send::Bytes(chunk) = monitor.send(0) {
        black_box(chunk);
        messages += 1;
    }
    messages
}

fn commands(c: &mut Criterion) {
    let mut group = c.benchmark_group("commands, bytes to bytes");
    group.throughput(Throughput::Elements(1));
    let mut monitor = negotiated();
    let query = br#"{"execute": "query-status", "id": 1}"#;
    assert_eq!(exchange(&mut monitor, query), 1);
    group.bench_function("query-status", |b| {
        b.iter(|| exchange(&mut monitor, black_box(query)));
    });
    let pair = br#"{"execute": "stop"}{"execute": "cont"}"#;
    assert_eq!(exchange(&mut monitor, pair), 4);
    group.bench_function("stop and cont, with STOP and RESUME", |b| {
        b.iter(|| exchange(&mut monitor, black_box(pair)));
    });
    // What of it is only JSON: the request parsed and the answer printed, by the same library.
    let answer =
        Value::parse(br#"{"return": {"status": "running", "running": true}, "id": 1}"#).expect("it is JSON");
    group.bench_function("query-status, JSON alone", |b| {
        b.iter(|| (Value::parse(black_box(query)), answer.print(Layout::Compact)));
    });
    group.finish();
}

criterion_group!(benches, scenarios, events, commands);
criterion_main!(benches);
