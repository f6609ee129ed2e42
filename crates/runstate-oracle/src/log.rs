//! Logs in, records out: what was said between QEMU and its clients, whoever wrote it down.
//!
//! A [`Reader`] takes the bytes of a log in portions of any size and calls a function for everything heard. It does no
//! I/O, allocates nothing per line, keeps one line (at most [`MAX_LINE`]) of what it was given, and knows no machine: it
//! says what the log says; whether a QEMU could have said it is asked elsewhere.
//!
//! ```
//! use runstate_oracle::log::{Heard, Reader};
//!
//! let mut reader = Reader::new(None);
//! let mut events = Vec::new();
//! let log = br#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}"#;
//! reader.feed(log, &mut |record| {
//!     if let Heard::Event(event) = record.what {
//!         events.push((record.line, event.name.to_owned()));
//!     }
//! });
//! reader.finish(&mut |record| {
//!     if let Heard::Event(event) = record.what {
//!         events.push((record.line, event.name.to_owned()));
//!     }
//! });
//! assert_eq!(events, [(1, "STOP".to_owned())]);
//! ```

mod daemons;
mod detect;
#[doc(hidden)]
pub mod fuzzing;
mod kata;
mod libvirt;
mod lines;
mod message;
mod odd;
mod out;
mod raw;
mod record;
mod scan;
mod trace;
mod transcript;
mod trouble;
mod unescape;
mod vms;

use core::fmt;

use lines::{Line, Lines};
pub use out::Counts;
use out::Out;
pub use record::{
    Actor, Command, Event, EventKind, Greeting, Heard, Outcome, Record, Reply, Status, Timestamp, VmId,
};
pub use trouble::{Trouble, TroubleKind};
use vms::Vms;

/// A line, or a message on several, is kept up to this many bytes; a longer one is skipped and said to be. It is more
/// than any reply of QEMU's: `query-qmp-schema` gives 260 KiB in 10.0.
pub const MAX_LINE: usize = 16 << 20;

/// So many VMs are told apart in one log.
pub const MAX_VMS: usize = 1 << 16;

macro_rules! formats {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $reader:expr;)*) => {
        /// Who wrote the log.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Format {
            $($(#[$doc])* $variant,)*
        }

        impl Format {
            /// All formats.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name of the option's value.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            fn reader(self) -> Box<dyn FormatReader> {
                match self {
                    $(Self::$variant => Box::new($reader),)*
                }
            }
        }
    };
}

formats! {
    /// QMP messages, one a line or pretty-printed, perhaps behind something else.
    Raw = "qmp", raw::Raw::default();
    /// `->` and `<-`: scenarios, QEMU's documentation, the Python library's debug log.
    Transcript = "transcript", transcript::Transcript::default();
    /// `qmp-shell -l`: a command and its reply in one object; no events.
    QmpShell = "qmp-shell", raw::Raw::default();
    /// libvirtd's log with the monitor's lines.
    Libvirt = "libvirt", libvirt::Libvirt::default();
    /// KubeVirt's virt-launcher: libvirt's lines in JSON.
    Kubevirt = "kubevirt", libvirt::Kubevirt::default();
    /// Incus' qemu.qmp.log.
    Incus = "incus", daemons::Incus;
    /// Multipass' multipassd log.
    Multipass = "multipass", daemons::Multipass::default();
    /// Kata Containers' runtime, the Go one.
    Kata = "kata", kata::Kata::default();
    /// QEMU's trace from the `log` backend.
    Trace = "trace", trace::Trace::default();
}

impl Format {
    /// The format of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|format| format.name() == name)
    }

    /// Does the log have the commands and their replies?
    #[must_use]
    pub const fn has_commands(self) -> bool {
        match self {
            Self::Raw
            | Self::Transcript
            | Self::QmpShell
            | Self::Libvirt
            | Self::Kubevirt
            | Self::Incus
            | Self::Kata
            | Self::Trace => true,
            Self::Multipass => false,
        }
    }

    /// Does the log have the events?
    #[must_use]
    pub const fn has_events(self) -> bool {
        !matches!(self, Self::QmpShell)
    }

    /// Is the log's order the order on the wire? In Incus' an event may have changed places with a reply.
    #[must_use]
    pub const fn keeps_order(self) -> bool {
        !matches!(self, Self::Incus)
    }

    /// May lines of other things stand between, so that an unknown line is nothing to report?
    #[must_use]
    pub const fn has_other_lines(self) -> bool {
        !matches!(self, Self::Raw | Self::Transcript | Self::QmpShell)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A reader of one format.
trait FormatReader: fmt::Debug + Send {
    /// Reads a line. Is it one of this format?
    fn line(&mut self, line: &[u8], out: &mut Out<'_>) -> bool;

    /// The log is at its end, or goes on in another format.
    fn finish(&mut self, out: &mut Out<'_>);
}

/// Reads one log.
#[derive(Debug)]
pub struct Reader {
    lines: Lines,
    state: State,
}

impl Reader {
    /// A reader of this format, or of the one that the log's content gives away.
    #[must_use]
    pub fn new(format: Option<Format>) -> Self {
        Self {
            lines: Lines::default(),
            state: State {
                given: format.is_some(),
                format,
                reader: format.map(Format::reader),
                vms: Vms::default(),
                counts: Counts::default(),
            },
        }
    }

    /// Takes the next bytes and calls `sink` for everything heard in the lines that they complete.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&Record<'_>)) {
        let Self { lines, state } = self;
        state.counts.bytes += bytes.len() as u64;
        lines.feed(bytes, |line| state.line(line, sink));
    }

    /// The log is at its end: reads its last line, if that has no line end, and says what breaks off.
    pub fn finish(&mut self, sink: &mut dyn FnMut(&Record<'_>)) {
        let Self { lines, state } = self;
        lines.finish(|line| state.line(line, sink));
        let at = lines.number();
        state.finish(at, sink);
    }

    /// The format, once it is known.
    #[must_use]
    pub const fn format(&self) -> Option<Format> {
        self.state.format
    }

    /// What the log calls this VM: a name, a pointer, a sandbox's id. Empty where the log is of one VM.
    #[must_use]
    pub fn vm_name(&self, vm: VmId) -> &str {
        self.state.vms.name(vm)
    }

    /// How many VMs were heard of so far.
    #[must_use]
    pub const fn vm_count(&self) -> usize {
        self.state.vms.count()
    }

    /// How much was read so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.state.counts
    }
}

#[derive(Debug)]
struct State {
    /// The format was given and is not to be changed.
    given: bool,
    format: Option<Format>,
    reader: Option<Box<dyn FormatReader>>,
    vms: Vms,
    counts: Counts,
}

impl State {
    fn line(&mut self, line: &Line<'_>, sink: &mut dyn FnMut(&Record<'_>)) {
        let Self {
            given,
            format,
            reader,
            vms,
            counts,
        } = self;
        counts.lines += 1;
        let mut out = Out {
            sink,
            vms,
            counts,
            line: line.number,
            offset: line.offset,
        };
        let Some(text) = line.text else {
            return out.trouble(VmId(0), TroubleKind::TooLong, 0);
        };
        if line.number == 1 && trace::Binary::begins(text) {
            *reader = Some(Box::new(trace::Binary));
            return out.trouble(VmId(0), TroubleKind::BinaryTrace, 0);
        }
        if let Some(reader) = reader
            && reader.line(text, &mut out)
        {
            return;
        }
        let found = if *given { None } else { detect::format_of(text) };
        match (found, reader.as_mut()) {
            (None, None) => {}
            (None, Some(_)) => out.trouble(VmId(0), TroubleKind::NotAMessage, 0),
            (Some(found), old) => {
                if let Some(old) = old {
                    old.finish(&mut out);
                }
                *format = Some(found);
                reader.insert(found.reader()).line(text, &mut out);
            }
        }
    }

    fn finish(&mut self, line: u64, sink: &mut dyn FnMut(&Record<'_>)) {
        let Self {
            reader, vms, counts, ..
        } = self;
        let offset = counts.bytes;
        let mut out = Out {
            sink,
            vms,
            counts,
            line,
            offset,
        };
        match reader {
            Some(reader) => reader.finish(&mut out),
            None if line > 0 => {
                (out.line, out.offset) = (1, 0);
                out.trouble(VmId(0), TroubleKind::UnknownFormat, 0);
            }
            None => {}
        }
    }
}
