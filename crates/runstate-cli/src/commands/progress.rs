//! A bar for those who wait.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io::{self, IsTerminal as _};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Nobody needs a bar for less.
const PATIENCE: Duration = Duration::from_secs(1);

/// Drawn on stderr where that is a terminal, once it takes long, in one line however narrow; nothing of it is left.
pub(super) struct Progress {
    bar: ProgressBar,
    began: Instant,
    wanted: AtomicBool,
}

impl Progress {
    /// Of so many of these, while nothing is printed to stdout.
    pub(super) fn of(many: usize, things: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(many as u64), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template(&format!("{{pos}} of {{len}} {things} {{wide_bar}}"));
        #[expect(clippy::disallowed_methods, reason = "a person waits in real time")]
        let began = Instant::now();
        Self {
            bar: bar.with_style(style.expect("the template is well formed")),
            began,
            wanted: AtomicBool::new(io::stderr().is_terminal()),
        }
    }

    /// The same while results are printed: a bar only where these go elsewhere.
    pub(super) fn beside_output(many: usize, things: &str) -> Self {
        let progress = Self::of(many, things);
        if io::stdout().is_terminal() {
            progress.wanted.store(false, Ordering::Relaxed);
        }
        progress
    }

    /// So many more are to be done.
    pub(super) fn expect(&self, more: usize) {
        self.bar.inc_length(more as u64);
    }

    /// One of them has been.
    pub(super) fn done_one(&self) {
        if self.began.elapsed() > PATIENCE && self.wanted.swap(false, Ordering::Relaxed) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.inc(1);
    }

    /// Does what prints to stderr while the bar is away.
    pub(super) fn pause(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
