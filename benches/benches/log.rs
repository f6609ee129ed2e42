//! Reading logs: lines without anything of interest, and lifecycle events, beside serde_json's typed parse of the same
//! lines and memchr's search for line ends alone; and the whole of a check, from the bytes to the verdict.

use core::hint::black_box;
use std::borrow::Cow;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use runstate_oracle::{
    check::Checker,
    log::{Format, Heard, Reader},
};
use serde::Deserialize;

/// The size of a corpus.
const SIZE: usize = 8 << 20;

/// What a program that uses serde_json would write.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Data<'a>,
    timestamp: Timestamp,
}

#[derive(Default, Deserialize)]
struct Data<'a> {
    guest: Option<bool>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
    #[serde(borrow)]
    action: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Timestamp {
    seconds: i64,
    microseconds: i64,
}

/// The lines, each with another time, until there are `SIZE` bytes.
fn corpus(lines: &[&str]) -> Vec<u8> {
    let mut corpus = Vec::with_capacity(SIZE + 4096);
    let mut seconds = 1_795_335_707_u64;
    'full: loop {
        for line in lines {
            seconds += 1;
            corpus.extend_from_slice(line.replace("SECONDS", &seconds.to_string()).as_bytes());
            if corpus.len() >= SIZE {
                break 'full;
            }
        }
    }
    corpus
}

fn read(format: Format, log: &[u8]) -> i64 {
    let mut reader = Reader::new(Some(format));
    let mut sum = 0;
    let mut sink = |record: &runstate_oracle::log::Record<'_>| match record.what {
        Heard::Event(event) => {
            sum += event.timestamp.map_or(0, |at| at.seconds + at.microseconds)
                + i64::from(event.guest == Some(true));
            sum += event
                .reason
                .or(event.action)
                .map_or(0, |text| i64::from(text.as_bytes()[0]));
        }
        Heard::Trouble(trouble) => panic!("{trouble}"),
        Heard::Greeting(_)
        | Heard::Command(_)
        | Heard::Reply(_)
        | Heard::RunStateSet { .. }
        | Heard::Emitted { .. }
        | Heard::Connected
        | Heard::Disconnected
        | Heard::Launched(_)
        | Heard::Exited(_)
        | Heard::Acted { .. } => sum += 1,
    };
    // As the tool reads: in portions.
    for portion in log.chunks(1 << 18) {
        reader.feed(portion, &mut sink);
    }
    reader.finish(&mut sink);
    sum
}

fn serde(log: &[u8]) -> i64 {
    let mut sum = 0;
    for line in log.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let event: Event<'_> = serde_json::from_slice(line).expect("every line is an event");
        sum += event.timestamp.seconds
            + event.timestamp.microseconds
            + i64::from(event.data.guest == Some(true));
        let text = event.data.reason.or(event.data.action);
        sum += text.map_or(0, |text| i64::from(text.as_bytes()[0])) + i64::from(event.event.is_empty());
    }
    sum
}

/// As QEMU prints them.
const LIFECYCLE: &[&str] = &[
    "{\"timestamp\": {\"seconds\": SECONDS, \"microseconds\": 902257}, \"event\": \"STOP\"}\r\n",
    "{\"timestamp\": {\"seconds\": SECONDS, \"microseconds\": 5499}, \"event\": \"RESET\", \"data\": {\"guest\": false, \"reason\": \"host-qmp-system-reset\"}}\r\n",
    "{\"timestamp\": {\"seconds\": SECONDS, \"microseconds\": 643986}, \"event\": \"GUEST_PANICKED\", \"data\": {\"action\": \"pause\"}}\r\n",
    "{\"timestamp\": {\"seconds\": SECONDS, \"microseconds\": 903082}, \"event\": \"RESUME\"}\r\n",
    "{\"timestamp\": {\"seconds\": SECONDS, \"microseconds\": 110497}, \"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, \"reason\": \"guest-shutdown\"}}\r\n",
];

/// The same in the order of QEMU's documentation, without QEMU's spaces.
const LIFECYCLE_OTHER_ORDER: &[&str] = &[
    "{\"event\":\"STOP\",\"timestamp\":{\"microseconds\":902257,\"seconds\":SECONDS}}\n",
    "{\"event\":\"RESET\",\"data\":{\"reason\":\"host-qmp-system-reset\",\"guest\":false},\"timestamp\":{\"microseconds\":5499,\"seconds\":SECONDS}}\n",
    "{\"event\":\"GUEST_PANICKED\",\"data\":{\"action\":\"pause\"},\"timestamp\":{\"microseconds\":643986,\"seconds\":SECONDS}}\n",
    "{\"event\":\"RESUME\",\"timestamp\":{\"microseconds\":903082,\"seconds\":SECONDS}}\n",
    "{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":\"guest-shutdown\",\"guest\":true},\"timestamp\":{\"microseconds\":110497,\"seconds\":SECONDS}}\n",
];

/// Events of other subsystems, as a busy VM has them.
const OTHERS: &[&str] = &[
    "{\"timestamp\": {\"seconds\": SECONDS, \"microseconds\": 523652}, \"event\": \"NIC_RX_FILTER_CHANGED\", \"data\": {\"name\": \"ua-default\", \"path\": \"/machine/peripheral/ua-default/virtio-backend\"}}\r\n",
    "{\"timestamp\": {\"seconds\": SECONDS, \"microseconds\": 165626}, \"event\": \"VSERPORT_CHANGE\", \"data\": {\"open\": true, \"id\": \"channel0\"}}\r\n",
    "{\"timestamp\": {\"seconds\": SECONDS, \"microseconds\": 707666}, \"event\": \"RTC_CHANGE\", \"data\": {\"offset\": 0, \"qom-path\": \"/machine/unattached/device[8]\"}}\r\n",
    "{\"timestamp\": {\"seconds\": SECONDS, \"microseconds\": 37}, \"event\": \"JOB_STATUS_CHANGE\", \"data\": {\"status\": \"running\", \"id\": \"commit-vda\"}}\r\n",
];

/// libvirtd at level debug: nearly all is not QMP.
const LIBVIRT: &[&str] = &[
    "2026-11-22 08:25:44.003+0000: 10476: info : virObjectRef:400 : OBJECT_REF: obj=0x7f2d440075d0\n",
    "2026-11-22 08:25:44.003+0000: 10476: debug : virEventGLibHandleFind:83 : Update handle data=0x7f2d3c0098f0 watch=15 fd=26 events=1\n",
    "2026-11-22 08:25:44.003+0000: 10476: debug : qemuProcessHandleEvent:549 : vm=0x7f2d440085d0\n",
    "2026-11-22 08:25:44.004+0000: 10476: debug : virThreadJobSet:93 : Thread 10476 (rpc-virtqemud) is now running job remoteDispatchDomainGetState\n",
    "2026-11-22 08:25:44.004+0000: 10476: info : virObjectUnref:378 : OBJECT_UNREF: obj=0x7f2d3c0098f0\n",
];

/// virt-launcher: libvirt's events of other subsystems.
const KUBEVIRT: &[&str] = &[
    "{\"component\":\"virt-launcher\",\"level\":\"info\",\"msg\":\"QEMU_MONITOR_RECV_EVENT: mon=0x7faa8801f5d0 event={\\\"timestamp\\\": {\\\"seconds\\\": SECONDS, \\\"microseconds\\\": 165626}, \\\"event\\\": \\\"VSERPORT_CHANGE\\\", \\\"data\\\": {\\\"open\\\": true, \\\"id\\\": \\\"channel0\\\"}}\",\"pos\":\"qemuMonitorJSONIOProcessLine:205\",\"subcomponent\":\"libvirt\",\"thread\":\"80\",\"timestamp\":\"2023-10-26T12:50:44.165000Z\"}\n",
    "{\"component\":\"virt-launcher\",\"kind\":\"\",\"level\":\"info\",\"msg\":\"Domain name event: default_vmi-debug-tools\",\"name\":\"vmi-debug-tools\",\"namespace\":\"default\",\"pos\":\"client.go:424\",\"timestamp\":\"2023-10-26T12:50:44.166011Z\",\"uid\":\"\"}\n",
];

/// A trace with other trace points on.
const TRACE: &[&str] = &[
    "2656629@SECONDS.100305:memory_region_ops_write cpu 0 mr 0x55f93a4375d0 addr 0x604 value 0x2000 size 2 name 'acpi-cnt'\n",
    "2656629@SECONDS.100377:virtio_queue_notify vdev 0x55f93a61c000 n 0 vq 0x55f93a61c100\n",
    "2656629@SECONDS.100380:monitor_qmp_in_band_dequeue 0x7fbaa8003870 len 0\n",
];

fn lifecycle(criterion: &mut Criterion) {
    for (name, lines) in [
        ("lifecycle", LIFECYCLE),
        ("lifecycle in another order", LIFECYCLE_OTHER_ORDER),
    ] {
        let log = corpus(lines);
        assert_eq!(read(Format::Raw, &log), serde(&log), "both read the same");
        let mut group = criterion.benchmark_group(format!("log/{name}"));
        group.throughput(Throughput::Bytes(log.len() as u64));
        group.bench_function("runstate", |bencher| {
            bencher.iter(|| read(Format::Raw, black_box(&log)));
        });
        group.bench_function("serde_json", |bencher| bencher.iter(|| serde(black_box(&log))));
        group.finish();
    }
}

fn pass_through(criterion: &mut Criterion) {
    // A reply of 60 KiB among short ones, as at a client's start.
    let long = format!(
        "{{\"return\": [{}{{}}], \"id\": \"libvirt-4\"}}\r\n",
        "{\"name\": \"type\", \"type\": \"string\"}, ".repeat(1600)
    );
    let replies = [long.as_str(), "{\"return\": {}, \"id\": \"libvirt-5\"}\r\n"];
    let corpora: [(&str, Format, &[&str]); 5] = [
        ("events of other subsystems", Format::Raw, OTHERS),
        ("long replies", Format::Raw, &replies),
        ("libvirt at debug", Format::Libvirt, LIBVIRT),
        ("virt-launcher", Format::Kubevirt, KUBEVIRT),
        ("trace of other points", Format::Trace, TRACE),
    ];
    for (name, format, lines) in corpora {
        let log = corpus(lines);
        let mut group = criterion.benchmark_group(format!("log/{name}"));
        group.throughput(Throughput::Bytes(log.len() as u64));
        group.bench_function("runstate", |bencher| {
            bencher.iter(|| read(format, black_box(&log)));
        });
        if lines == OTHERS {
            group.bench_function("serde_json", |bencher| bencher.iter(|| serde(black_box(&log))));
        }
        group.bench_function("line ends only", |bencher| {
            bencher.iter(|| {
                memchr::memchr_iter(b'\n', black_box(&log))
                    .map(|at| at as u64)
                    .sum::<u64>()
            });
        });
        group.finish();
    }
}

/// A VM's life, again and again: possible from the first line to the last.
const POSSIBLE: &[&str] = &[
    LIFECYCLE[0],
    LIFECYCLE[3],
    LIFECYCLE[2],
    LIFECYCLE[0],
    LIFECYCLE[3],
    LIFECYCLE[4],
    LIFECYCLE[0],
    LIFECYCLE[1],
    LIFECYCLE[3],
];

/// From the bytes to the verdict.
fn verdict(checker: &mut Checker, log: &[u8]) -> bool {
    let mut reader = Reader::new(None);
    let mut sink = |record: &runstate_oracle::log::Record<'_>| checker.hear(record);
    for portion in log.chunks(1 << 18) {
        reader.feed(portion, &mut sink);
    }
    reader.finish(&mut sink);
    checker.finish().iter().all(|verdict| verdict.contradictions == 0)
}

/// The whole of `runstate check`, but for reading the file and telling.
fn check(criterion: &mut Criterion) {
    for (name, lines) in [("lifecycle", POSSIBLE), ("events of other subsystems", OTHERS)] {
        let log = corpus(lines);
        let mut checker = Checker::new();
        checker.explain_nothing();
        assert!(verdict(&mut checker, &log), "it is possible");
        let mut group = criterion.benchmark_group(format!("check/{name}"));
        group.throughput(Throughput::Bytes(log.len() as u64));
        group.bench_function("runstate", |bencher| {
            bencher.iter(|| verdict(&mut checker, black_box(&log)));
        });
        group.bench_function("serde_json", |bencher| bencher.iter(|| serde(black_box(&log))));
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = lifecycle, pass_through, check
}
criterion_main!(benches);
