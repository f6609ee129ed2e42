//! A bar for those who wait.

use core::cell::Cell;
use core::time::Duration;
use std::io::{self, IsTerminal as _};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Nobody needs a bar for less.
const PATIENCE: Duration = Duration::from_secs(1);

/// Drawn on stderr where that is a terminal and stdout is not, once it takes long.
pub(super) struct Progress {
    bar: ProgressBar,
    began: Instant,
    wanted: Cell<bool>,
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{bar:40} {pos} of {len} scenarios");
        #[expect(clippy::disallowed_methods, reason = "a person waits in real time")]
        let began = Instant::now();
        Self {
            bar: bar.with_style(style.expect("the template is well formed")),
            began,
            wanted: Cell::new(io::stderr().is_terminal() && !io::stdout().is_terminal()),
        }
    }

    /// So many more scenarios are to be run.
    pub(super) fn expect(&self, scenarios: usize) {
        self.bar.inc_length(scenarios as u64);
    }

    /// One of them has been.
    pub(super) fn done_one(&self) {
        if self.wanted.get() && self.began.elapsed() > PATIENCE {
            self.wanted.set(false);
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
