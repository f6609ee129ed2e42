//! Any bytes, in any portions: nothing panics, nothing is lost, memory stays flat.

use core::fmt::Write as _;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use runstate_oracle::log::{EventKind, Format, Heard, MAX_LINE, Reader, Record, TroubleKind, fuzzing};

use crate::logs::{heard, sample, samples};

#[test]
fn a_cut_at_any_byte_changes_nothing() {
    for (name, log) in samples() {
        let whole = heard(None, &[&log]).0;
        for cut in 0..log.len() {
            assert_eq!(
                heard(None, &[&log[..cut], &log[cut..]]).0,
                whole,
                "{name}, cut at {cut}"
            );
        }
        let bytes: Vec<&[u8]> = log.chunks(1).collect();
        assert_eq!(heard(None, &bytes).0, whole, "{name}, byte by byte");
    }
}

#[test]
fn a_log_that_ends_anywhere_keeps_what_was_before() {
    for (name, log) in samples() {
        let whole = heard(None, &[&log]).0;
        let lines: Vec<usize> = memchr_lines(&log);
        for &end in &lines {
            let part = heard(None, &[&log[..end]]).0;
            // What is heard of complete lines is heard again; a message on several lines may end as trouble.
            let same = part
                .lines()
                .zip(whole.lines())
                .take_while(|(a, b)| a == b)
                .count();
            assert!(part.lines().count() <= same + 1, "{name} to byte {end}:\n{part}");
        }
    }
}

fn memchr_lines(log: &[u8]) -> Vec<usize> {
    (0..log.len())
        .filter(|&at| log[at] == b'\n')
        .map(|at| at + 1)
        .collect()
}

fn troubles(format: Option<Format>, portions: &mut dyn Iterator<Item = Vec<u8>>) -> (Vec<String>, Reader) {
    let mut reader = Reader::new(format);
    let mut found = Vec::new();
    let mut sink = |record: &Record<'_>| {
        if let Heard::Trouble(trouble) = record.what {
            found.push(format!(
                "{}:{}:{} {trouble}",
                record.line, trouble.column, record.offset
            ));
        }
    };
    for portion in portions {
        reader.feed(&portion, &mut sink);
    }
    reader.finish(&mut sink);
    (found, reader)
}

#[test]
fn a_line_of_a_hundred_megabytes_is_skipped_and_said() {
    let stop: &[u8] = b"{\"event\": \"STOP\"}\n";
    let long = core::iter::once(b"{\"return\": \"".to_vec()).chain((0..100).map(|_| vec![b'x'; 1 << 20]));
    let mut portions = core::iter::once(stop.to_vec())
        .chain(long)
        .chain([b"\"}\n".to_vec(), stop.to_vec()]);
    let (troubles, reader) = troubles(None, &mut portions);
    assert_eq!(troubles, ["2:0:18 longer than 16 MiB: skipped"]);
    assert_eq!(reader.counts().records, 2);
    assert_eq!(reader.counts().lines, 3);
    // In one portion it is the same line.
    let mut whole = stop.to_vec();
    whole.resize(MAX_LINE + 100, b' ');
    whole.extend_from_slice(b"\n");
    whole.extend_from_slice(stop);
    let (troubles, reader) = self::troubles(None, &mut core::iter::once(whole));
    assert_eq!(troubles, ["2:0:18 longer than 16 MiB: skipped"]);
    assert_eq!(reader.counts().records, 2);
}

#[test]
fn a_message_on_endless_lines_is_skipped_and_said() {
    let mut portions = core::iter::once(b"{\n".to_vec())
        .chain((0..40).map(|_| b"    [ 0, 0 ],\n".repeat(1 << 16)))
        .chain([b"{\"event\": \"STOP\"}\n".to_vec()]);
    let (troubles, reader) = troubles(Some(Format::Raw), &mut portions);
    assert!(
        troubles[0].starts_with("1:0:0 longer than 16 MiB"),
        "{troubles:?}"
    );
    assert_eq!(reader.counts().records, 1, "{troubles:?}");
}

#[test]
fn rubbish_is_said_once() {
    let (found, reader) = troubles(None, &mut core::iter::once(vec![0xff; 4096]));
    assert_eq!(
        found,
        [
            "1:0:0 no line of a known kind; expected one of qmp transcript qmp-shell libvirt kubevirt incus multipass kata trace"
        ]
    );
    assert_eq!(reader.format(), None);
    let mut log = sample("qmp.log");
    let before = reader_records(&log);
    log.extend(b"\x00\x01\x02\n".repeat(1000));
    let (found, reader) = troubles(None, &mut core::iter::once(log));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(reader.counts().unreadable, 1000);
    assert_eq!(reader.counts().records, before);
}

#[test]
fn a_binary_trace_is_said_whatever_is_in_it() {
    for header in [
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xb4\x29\xa4\x0a\xcb\x77\xb1\xf2\x04",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xf2\xb1\x77\xcb\x0a\xa4\x29\xb4\0",
    ] {
        let log = [&header[..], b"\0{\"event\": \"STOP\"}\n{\"event\": \"STOP\"}\n"].concat();
        for format in [None, Some(Format::Trace), Some(Format::Raw)] {
            let (found, reader) = troubles(format, &mut core::iter::once(log.clone()));
            let [said] = &found[..] else {
                panic!("it is said once: {found:?}")
            };
            assert!(said.starts_with("1:0:0 a binary trace"), "{said}");
            assert_eq!(reader.counts().records, 0);
        }
        // Only the beginning of a log says what it is.
        let (found, reader) = troubles(None, &mut core::iter::once([b"\n", &log[..]].concat()));
        assert_eq!((found.len(), reader.counts().records), (0, 2));
    }
}

fn reader_records(log: &[u8]) -> u64 {
    heard(None, &[log]).1.counts().records
}

#[test]
fn an_empty_log_says_nothing() {
    assert_eq!(heard(None, &[]).0, "");
    assert_eq!(heard(None, &[b""]).0, "");
}

#[test]
fn too_many_vms_are_said() {
    let mut log = String::new();
    for vm in 0..(runstate_oracle::log::MAX_VMS + 3) {
        writeln!(
            log,
            "QEMU_MONITOR_RECV_EVENT: mon=0x{vm:x} event={{\"event\": \"STOP\"}}"
        )
        .expect("a string takes all");
    }
    let first = log
        .match_indices('\n')
        .nth((1 << 16) - 1)
        .expect("there are three more")
        .0
        + 1;
    let (troubles, reader) = troubles(None, &mut core::iter::once(log.into_bytes()));
    assert_eq!(
        troubles,
        [format!("65537:0:{first} more than 65536 VMs: skipped")]
    );
    assert_eq!(reader.vm_count(), 1 << 16);
}

/// JSON text of an event, members in any order, with any of the spaces that JSON takes.
fn event() -> impl Strategy<Value = (EventKind, Option<bool>, String)> {
    let names = select(vec![
        "STOP",
        "RESUME",
        "SHUTDOWN",
        "RESET",
        "WATCHDOG",
        "NIC_RX_FILTER_CHANGED",
        "X",
    ]);
    let order = Just(["timestamp", "event", "data"]).prop_shuffle();
    let space = select(vec!["", " ", "  ", "\t"]);
    (names, order, space, any::<bool>(), any::<i32>(), ".{0,12}").prop_map(
        |(name, order, space, guest, time, text)| {
            let text = serde_json::to_string(&text).expect("a string is JSON");
            let members = order.map(|member| {
                let value = match member {
                    "timestamp" => format!("{{{space}\"seconds\"{space}:{time},\"microseconds\":{space}7}}"),
                    "event" => format!("\"{name}\""),
                    _ => format!("{{\"x\":[{text},{{}}],{space}\"guest\":{guest}}}"),
                };
                format!("\"{member}\"{space}:{space}{value}")
            });
            let kind = EventKind::from_name(name);
            let guest = matches!(kind, EventKind::Shutdown | EventKind::Reset).then_some(guest);
            (
                kind,
                guest,
                format!("{{{}}}", members.join(&format!("{space},{space}"))),
            )
        },
    )
}

proptest! {
    #[test]
    fn portions_do_not_matter(samples_in in proptest::collection::vec(any::<Index>(), 1..4), cuts in proptest::collection::vec(any::<Index>(), 0..6)) {
        let all: Vec<Vec<u8>> = samples().map(|(_, log)| log).collect();
        let log: Vec<u8> = samples_in.iter().flat_map(|index| index.get(&all).clone()).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(log.len())).collect();
        cuts.extend([0, log.len()]);
        cuts.sort_unstable();
        let portions: Vec<&[u8]> = cuts.windows(2).map(|cut| &log[cut[0]..cut[1]]).collect();
        prop_assert_eq!(heard(None, &portions).0, heard(None, &[&log]).0);
    }

    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        fuzzing::log(&bytes);
    }

    #[test]
    fn a_changed_sample_is_read(index in any::<Index>(), changes in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..8)) {
        let all: Vec<Vec<u8>> = samples().map(|(_, log)| log).collect();
        let mut log = index.get(&all).clone();
        for (at, byte) in changes {
            let at = at.index(log.len());
            log[at] = byte;
        }
        for format in 0..=9 {
            let mut input = vec![format, 77];
            input.extend_from_slice(&log);
            fuzzing::log(&input);
        }
    }

    #[test]
    fn an_event_is_read_in_any_order_of_its_members((kind, guest, text) in event()) {
        let mut found = Vec::new();
        let mut reader = Reader::new(None);
        let mut sink = |record: &Record<'_>| {
            match record.what {
                Heard::Event(event) => found.push((event.kind, event.guest, event.timestamp.map(|at| at.microseconds))),
                Heard::Trouble(trouble) => {
                    assert!(matches!(trouble.kind, TroubleKind::WrongType { .. }), "{trouble} in {text}");
                }
                Heard::Greeting(_)
                | Heard::Command(_)
                | Heard::Reply(_)
                | Heard::RunStateSet { .. }
                | Heard::Emitted { .. }
                | Heard::Connected
                | Heard::Disconnected
                | Heard::Launched(_)
                | Heard::Exited(_)
                | Heard::Acted { .. } => panic!("{record:?}"),
            }
        };
        reader.feed(text.as_bytes(), &mut sink);
        reader.finish(&mut sink);
        prop_assert_eq!(found, vec![(kind, guest, Some(7))]);
    }
}
