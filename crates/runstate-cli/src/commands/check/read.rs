//! Reads the logs, on all cores.

use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, IsTerminal as _, Read as _},
    path::{Path, PathBuf},
    sync::mpsc,
    time::Instant,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use runstate_oracle::{
    check::{Checker, Verdict},
    log::{Format, Heard, Reader, Record, VmId},
};

use crate::{input::Input, ui::Trouble};

/// So many troubles are told; the rest are like them.
const TOLD: usize = 20;

/// So much is read at once.
const PORTION: usize = 1 << 18;

/// What came of a log.
pub(super) struct Checked {
    pub(super) verdicts: Vec<Verdict>,
    pub(super) names: BTreeMap<VmId, String>,
    pub(super) lines: u64,
    pub(super) bytes: u64,
    /// What could not be read: line, byte and words.
    pub(super) troubles: Vec<String>,
    /// How many more of these there were.
    pub(super) untold: u64,
    /// Reading ended early: what was good before it still counts.
    pub(super) broken: Option<String>,
}

/// What is to be explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Explain {
    Nothing,
    End,
    From(u64),
    All,
}

/// What the threads share.
#[derive(Default)]
struct Shared {
    next: AtomicUsize,
    read: AtomicU64,
    stop: AtomicBool,
}

/// Checks all logs and gives each to `told`, with its number, as it is done.
pub(super) fn all(
    logs: &[PathBuf],
    format: Option<Format>,
    explain: Explain,
    mut told: impl FnMut(usize, io::Result<Checked>) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let shared = Shared::default();
    let progress = Progress::new(logs);
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..cores.min(logs.len()) {
            let (sender, shared) = (sender.clone(), &shared);
            scope.spawn(move || {
                let mut checker = Checker::new();
                match explain {
                    Explain::Nothing => checker.explain_nothing(),
                    Explain::End => {}
                    Explain::From(line) => checker.explain_from(line),
                    Explain::All => checker.explain_all(),
                }
                loop {
                    let number = shared.next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = logs.get(number) else { return };
                    let checked = check(path, format, &mut checker, shared);
                    if sender.send((number, checked)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        loop {
            match receiver.recv_timeout(Duration::from_millis(100)) {
                Ok((number, checked)) => {
                    let result = progress.bar.suspend(|| told(number, checked));
                    if result.is_err() {
                        shared.stop.store(true, Ordering::Relaxed);
                        return result;
                    }
                }
                Err(mpsc::RecvTimeoutError::Timeout) => progress.at(shared.read.load(Ordering::Relaxed)),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
        progress.bar.finish_and_clear();
        Ok(())
    })
}

fn check(path: &Path, format: Option<Format>, checker: &mut Checker, shared: &Shared) -> io::Result<Checked> {
    let mut input = Input::open(path)?;
    let mut reader = Reader::new(format);
    let (mut troubles, mut untold, mut vms) = (Vec::new(), 0, BTreeSet::new());
    let mut last = None;
    let mut hear = |record: &Record<'_>| {
        if let Heard::Trouble(trouble) = &record.what {
            if troubles.len() < TOLD {
                troubles.push(format!("{}: byte {}: {trouble}", record.line, record.offset));
            } else {
                untold += 1;
            }
        } else if last != Some(record.vm) {
            last = Some(record.vm);
            vms.insert(record.vm);
        }
        checker.hear(record);
    };
    let mut buffer = vec![0; PORTION];
    let mut broken = None;
    while !shared.stop.load(Ordering::Relaxed) {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                shared.read.fetch_add(read as u64, Ordering::Relaxed);
                reader.feed(&buffer[..read], &mut hear);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                broken = Some(error.to_string());
                break;
            }
        }
    }
    reader.finish(&mut hear);
    let names = vms
        .iter()
        .map(|vm| (*vm, reader.vm_name(*vm).to_owned()))
        .collect();
    Ok(Checked {
        verdicts: checker.finish(),
        names,
        lines: reader.counts().lines,
        bytes: reader.counts().bytes,
        troubles,
        untold,
        broken,
    })
}

/// A bar on a terminal, once it takes long.
struct Progress {
    bar: ProgressBar,
    began: Instant,
}

impl Progress {
    fn new(logs: &[PathBuf]) -> Self {
        let sizes = logs
            .iter()
            .map(|path| std::fs::metadata(path).map_or(0, |known| known.len()));
        let total: u64 = sizes.sum();
        let (length, template) = if total > 0 {
            (Some(total), "{bytes} of {total_bytes} {bytes_per_sec} {wide_bar}")
        } else {
            (None, "{spinner} {bytes} {bytes_per_sec}")
        };
        let style = ProgressStyle::with_template(template).expect("the template is well formed");
        #[expect(clippy::disallowed_methods, reason = "a person waits in real time")]
        let began = Instant::now();
        Self {
            bar: ProgressBar::with_draw_target(length, ProgressDrawTarget::hidden()).with_style(style),
            began,
        }
    }

    fn at(&self, bytes: u64) {
        // Nobody needs a bar for less than a second.
        let wanted = io::stderr().is_terminal() && self.began.elapsed() > Duration::from_secs(1);
        if wanted && self.bar.is_hidden() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        // What is compressed is longer than its file.
        if self.bar.length().is_some_and(|length| length < bytes) {
            self.bar.set_length(bytes);
        }
        self.bar.set_position(bytes);
    }
}
