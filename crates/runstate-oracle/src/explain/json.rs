//! The matrix as JSON: one object for each row.

use runstate::{PanicAction, RebootAction, Release, ShutdownAction, Thread, WatchdogAction};
use serde::Serialize;

use crate::{
    matrix::{Matrix, Row},
    told::{Step, final_state},
    words::StepJson,
};

/// A row. Every combination of what its lists name has this outcome.
#[derive(Debug, Serialize)]
pub struct RowJson<'a> {
    /// The act's name.
    pub input: &'a str,
    /// The situations: state, variant.
    #[serde(rename = "in")]
    pub situations: Vec<SituationJson<'a>>,
    /// The releases.
    pub releases: Vec<&'static str>,
    /// `vcpu`, `main-loop`.
    pub threads: Vec<&'static str>,
    /// The actions.
    pub actions: ActionsJson,
    /// What is told, in order.
    pub sequence: Vec<StepJson<'a>>,
    /// The run state afterwards; absent where it stays, or QEMU is gone.
    #[serde(rename = "final-state", skip_serializing_if = "Option::is_none")]
    pub final_state: Option<&'static str>,
    /// QEMU's exit status, if it exits.
    #[serde(rename = "exit-status", skip_serializing_if = "Option::is_none")]
    pub exit_status: Option<u8>,
    /// Whether QEMU aborts.
    pub aborts: bool,
}

/// A situation.
#[derive(Debug, Serialize)]
pub struct SituationJson<'a> {
    /// The run state.
    pub state: &'static str,
    /// Its name.
    pub situation: &'a str,
}

/// The actions of a row.
#[derive(Debug, Serialize)]
pub struct ActionsJson {
    reboot: Vec<&'static str>,
    shutdown: Vec<&'static str>,
    panic: Vec<&'static str>,
    watchdog: Vec<&'static str>,
}

/// A thread's name in JSON and on the command line.
#[must_use]
pub const fn thread_name(thread: Thread) -> &'static str {
    match thread {
        Thread::Vcpu => "vcpu",
        Thread::MainLoop => "main-loop",
    }
}

/// A row for programs.
#[must_use]
pub fn row<'a>(matrix: &'a Matrix, row: &Row) -> RowJson<'a> {
    let act = &matrix.query.acts[row.act];
    let told = matrix.outcome(row.outcome);
    let exit_status = told.iter().find_map(|step| match step {
        Step::Exit(status) => Some(status.0),
        Step::Event { .. }
        | Step::State(_)
        | Step::Return(_)
        | Step::Refused(_)
        | Step::Impossible(_)
        | Step::Abort(_) => None,
    });
    let aborts = told.iter().any(|step| matches!(step, Step::Abort(_)));
    RowJson {
        input: &act.name,
        situations: row
            .situations
            .iter()
            .map(|&s| SituationJson {
                state: matrix.query.situations[s].state.name(),
                situation: matrix.query.situations[s].name,
            })
            .collect(),
        releases: row.releases.iter().copied().map(Release::name).collect(),
        threads: row.threads.iter().copied().map(thread_name).collect(),
        actions: ActionsJson {
            reboot: row
                .actions
                .reboot
                .iter()
                .copied()
                .map(RebootAction::name)
                .collect(),
            shutdown: row
                .actions
                .shutdown
                .iter()
                .copied()
                .map(ShutdownAction::name)
                .collect(),
            panic: row.actions.panic.iter().copied().map(PanicAction::name).collect(),
            watchdog: row
                .actions
                .watchdog
                .iter()
                .copied()
                .map(WatchdogAction::name)
                .collect(),
        },
        sequence: told.iter().map(|step| StepJson { step, act }).collect(),
        final_state: if exit_status.is_some() || aborts {
            None
        } else {
            final_state(told).map(|state| state.name())
        },
        exit_status,
        aborts,
    }
}

/// The rows as JSON lines.
///
/// # Errors
///
/// Those of serde_json, none of which is expected.
pub fn lines(matrix: &Matrix) -> Result<String, serde_json::Error> {
    let mut text = String::new();
    for each in &matrix.rows {
        text.push_str(&serde_json::to_string(&row(matrix, each))?);
        text.push('\n');
    }
    Ok(text)
}
