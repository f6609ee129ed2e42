//! Sample logs of every format, and what is heard in them.
//!
//! `tests/data/logs/NAME` has beside it `NAME.heard`, one line a record; run with `RUNSTATE_BLESS=1` to write it anew.

use core::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use runstate_oracle::log::{Counts, Format, Heard, Outcome, Reader, Record};

/// The samples and where their form is from.
const SAMPLES: &[(&str, Format)] = &[
    // The Python library against 10.0.0, recorded; it ends no command's line.
    ("qmp.log", Format::Raw),
    // Everything unusual: pretty mode, single quotes, Python's dictionaries, escapes, wrong types, rubbish, a cut end.
    ("odd.log", Format::Raw),
    // A recorder's own notation of sessions with 10.0.0.
    ("wire.log", Format::Transcript),
    // The examples of qapi/run-state.json (10.0), and one that breaks off.
    ("docs.qmp.txt", Format::Transcript),
    ("scenarios.qmp.txt", Format::Transcript),
    // `qmp-shell -l`, the last one with -p.
    ("qmp-shell.log", Format::QmpShell),
    // libvirt 9.0 with a recorded conversation, two VMs, a pointer used again.
    ("libvirtd.log", Format::Libvirt),
    // KubeVirt's documentation of libvirt-log-filters has such lines; one as a container runtime stores it.
    ("virt-launcher.log", Format::Kubevirt),
    ("qemu.qmp.log", Format::Incus),
    // Lines as users pasted them in the project's issues 2784, 3361, 3370, 3387.
    ("multipassd.log", Format::Multipass),
    // Lines as users pasted them in kata-containers/runtime 1368, and the Go form without them.
    ("kata.log", Format::Kata),
    // Lines from QEMU's mailing list, with and without -msg timestamp=on.
    ("trace.log", Format::Trace),
    // -qmp stdio and a trace point, in one stream.
    ("stderr.log", Format::Trace),
];

fn data(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/data/logs", name]
        .iter()
        .collect()
}

pub(crate) fn sample(name: &str) -> Vec<u8> {
    fs::read(data(name)).expect("the sample is in the repository")
}

pub(crate) fn samples() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    SAMPLES.iter().map(|&(name, _)| (name, sample(name)))
}

/// What is heard, a line a record, and the reader.
pub(crate) fn heard(format: Option<Format>, portions: &[&[u8]]) -> (String, Reader) {
    let mut reader = Reader::new(format);
    let mut text = String::new();
    let mut sink = |record: &Record<'_>| write_record(&mut text, record);
    for portion in portions {
        reader.feed(portion, &mut sink);
    }
    reader.finish(&mut sink);
    (text, reader)
}

fn write_record(text: &mut String, record: &Record<'_>) {
    let Record {
        vm,
        line,
        offset,
        what,
    } = record;
    write!(text, "{}:{line}:{offset} ", vm.0).expect("a string takes all");
    match what {
        Heard::Event(event) => {
            write!(text, "event {:?} {}", event.kind, event.name).expect("a string takes all");
            for (name, value) in [
                ("reason", event.reason),
                ("action", event.action),
                ("detail", event.detail),
            ] {
                if let Some(value) = value {
                    write!(text, " {name}={value}").expect("a string takes all");
                }
            }
            if let Some(guest) = event.guest {
                write!(text, " guest={guest}").expect("a string takes all");
            }
            if let Some(at) = event.timestamp {
                write!(text, " at {}.{:06}", at.seconds, at.microseconds).expect("a string takes all");
            }
            if event.has_data {
                text.push_str(" +data");
            }
        }
        Heard::Command(command) => {
            write!(text, "command {command:?}").expect("a string takes all");
        }
        Heard::Reply(reply) => {
            write!(text, "reply {:?} ", reply.id).expect("a string takes all");
            match reply.outcome {
                Outcome::Return(status) => write!(text, "return {status:?}"),
                Outcome::Error { class, desc } => write!(text, "{class}: {desc}"),
            }
            .expect("a string takes all");
        }
        Heard::Trouble(trouble) => {
            write!(text, "trouble at column {}: {trouble}", trouble.column).expect("a string takes all");
        }
        Heard::Greeting(_)
        | Heard::RunStateSet { .. }
        | Heard::Emitted { .. }
        | Heard::Connected
        | Heard::Disconnected
        | Heard::Launched(_)
        | Heard::Exited(_)
        | Heard::Acted { .. } => write!(text, "{what:?}").expect("a string takes all"),
    }
    text.push('\n');
}

#[test]
fn each_sample_is_told_by_its_content_and_read() {
    for &(name, format) in SAMPLES {
        let (mut text, reader) = heard(None, &[&sample(name)]);
        for vm in 0..reader.vm_count() {
            let vm = runstate_oracle::log::VmId(u32::try_from(vm).expect("few VMs"));
            writeln!(text, "{vm}: {:?}", reader.vm_name(vm)).expect("a string takes all");
        }
        let Counts {
            lines,
            bytes,
            records,
            unreadable,
            ..
        } = reader.counts();
        writeln!(
            text,
            "{format}: {lines} lines, {bytes} bytes, {records} records, {unreadable} unreadable"
        )
        .expect("a string takes all");
        let expected = data(&format!("{name}.heard"));
        if std::env::var_os("RUNSTATE_BLESS").is_some() {
            fs::write(&expected, &text).expect("the repository can be written");
        }
        let expected = fs::read_to_string(expected).expect("every sample has its .heard");
        assert_eq!(text, expected, "{name}");
        assert_eq!(reader.format(), Some(format), "{name}");
    }
}

#[test]
fn a_format_by_name_reads_the_same() {
    for &(name, format) in SAMPLES {
        // A trace in the middle of messages is found by its content only.
        if name == "stderr.log" {
            continue;
        }
        let by_content = heard(None, &[&sample(name)]).0;
        let named = Format::from_name(format.name());
        assert_eq!(named, Some(format));
        assert_eq!(heard(named, &[&sample(name)]).0, by_content, "{name}");
    }
}

#[test]
fn no_sample_is_forgotten() {
    let folder = data("");
    for entry in fs::read_dir(folder).expect("the folder is in the repository") {
        let name = entry.expect("it can be listed").file_name();
        let name = name.to_str().expect("our names are ASCII");
        let name = name.strip_suffix(".heard").unwrap_or(name);
        assert!(
            SAMPLES.iter().any(|(sample, _)| *sample == name),
            "{name} is no sample of this test"
        );
    }
}
