//! The log of the qtest protocol: `-qtest-log`.

use std::fs::File;
use std::io::{self, Write as _};

use super::clock::Clock;

/// Where the conversation is written, with the time since it was opened.
#[derive(Debug)]
pub(super) struct QtestLog {
    file: Option<File>,
    since: Clock,
}

impl QtestLog {
    /// `-qtest-log`: a file, `none`, or stderr. `qtest_server_start()`, system/qtest.c.
    pub(super) fn open(name: Option<&str>) -> Self {
        let file = match name {
            Some("none") => None,
            Some(name) => File::create(name).ok(),
            None => std::os::fd::AsFd::as_fd(&io::stderr())
                .try_clone_to_owned()
                .map(File::from)
                .ok(),
        };
        Self {
            file,
            since: Clock::new(),
        }
    }

    /// A client has connected.
    pub(super) fn opened(&mut self) {
        self.since = Clock::new();
        if let Some(file) = &mut self.file {
            // A log that cannot be written is no reason to stop.
            let _ = writeln!(file, "[I 0.000000] OPENED");
        }
    }

    /// A line of the conversation: `R` received, `S` sent.
    pub(super) fn note(&mut self, direction: &str, text: &str) {
        let now = self.since.now();
        if let Some(file) = &mut self.file {
            let _ = writeln!(
                file,
                "[{direction} +{}.{:06}] {text}",
                now.seconds(),
                now.subsec_micros()
            );
        }
    }
}
