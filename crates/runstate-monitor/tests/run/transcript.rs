//! Recordings of qtest and QMP side by side, as `tests/recorded/qtest-*.txt` holds them.

/// One recorded launch of QEMU.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) title: String,
    /// QEMU's options.
    pub(crate) options: Vec<String>,
    pub(crate) steps: Vec<Step>,
}

/// One thing in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Sent to qtest, without the last line end.
    ToQtest(String),
    /// A line from qtest.
    FromQtest(String),
    /// Sent to the monitor.
    ToQmp(String),
    /// A message from the monitor.
    FromQmp(String),
    /// The process exited; negative for a signal.
    Exit(i32),
}

/// Reads a file of recordings.
pub(crate) fn read(text: &str) -> Vec<Recording> {
    let mut recordings: Vec<Recording> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with("=====")) {
        if let Some(title) = line.strip_prefix("#### ") {
            let (title, options) = title.rsplit_once('[').expect("options in brackets");
            let options = options
                .trim_end_matches(']')
                .split_whitespace()
                .map(str::to_owned)
                .collect();
            recordings.push(Recording {
                title: title.trim().to_owned(),
                options,
                steps: Vec::new(),
            });
            continue;
        }
        let steps = &mut recordings.last_mut().expect("a title comes first").steps;
        if let Some(status) = line.strip_prefix("   exit (") {
            let status = status.split(',').next().expect("a status");
            steps.push(Step::Exit(status.parse().expect("a number")));
            continue;
        }
        match line.split_at_checked(10) {
            Some(("   qt  -> ", text)) => steps.push(Step::ToQtest(text.to_owned())),
            Some(("   qt  <- ", text)) => steps.push(Step::FromQtest(text.to_owned())),
            Some(("   qmp -> ", text)) => steps.push(Step::ToQmp(text.to_owned())),
            Some(("   qmp <- ", text)) => steps.push(Step::FromQmp(text.to_owned())),
            Some(("   qt  !! " | "   qmp !! ", _)) => {}
            // A further line of the same write.
            _ => match steps.last_mut() {
                Some(Step::ToQtest(text)) => *text = format!("{text}\n{line}"),
                other => panic!("a line that belongs to nothing: {line:?} after {other:?}"),
            },
        }
    }
    recordings
}
