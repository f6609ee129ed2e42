//! The differences as JSON.

use runstate::{Release, RunState};
use serde::Serialize;

use super::{Diff, Group, Row, Sequence, Told};
use crate::{
    act::Act,
    explain::json::thread_name,
    words::{self, StepJson},
};

/// The whole difference.
#[derive(Debug, Serialize)]
pub struct DiffJson<'a> {
    from: &'static str,
    to: &'static str,
    differ: bool,
    transitions: Transitions,
    names: Vec<NameJson>,
    differences: Vec<GroupJson<'a>>,
}

#[derive(Debug, Serialize)]
struct Transitions {
    added: Vec<[&'static str; 2]>,
    removed: Vec<[&'static str; 2]>,
}

#[derive(Debug, Serialize)]
struct NameJson {
    #[serde(rename = "type")]
    of: &'static str,
    name: &'static str,
    since: &'static str,
}

#[derive(Debug, Serialize)]
struct GroupJson<'a> {
    kind: &'static str,
    title: &'a str,
    since: Option<&'static str>,
    rows: Vec<RowJson<'a>>,
    sequences: Vec<SequenceJson<'a>>,
}

#[derive(Debug, Serialize)]
struct RowJson<'a> {
    input: &'a str,
    #[serde(rename = "in")]
    situations: Vec<&'a str>,
    threads: Vec<&'static str>,
    actions: ActionsJson,
    since: &'static str,
    from: ToldJson<'a>,
    to: ToldJson<'a>,
}

#[derive(Debug, Serialize)]
struct ActionsJson {
    reboot: Vec<&'static str>,
    shutdown: Vec<&'static str>,
    panic: Vec<&'static str>,
    watchdog: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct ToldJson<'a> {
    sequence: Vec<StepJson<'a>>,
    ends: String,
}

#[derive(Debug, Serialize)]
struct SequenceJson<'a> {
    launch: &'a str,
    steps: &'a [String],
    from: ToldJson<'a>,
    to: ToldJson<'a>,
}

/// The difference for programs.
#[must_use]
pub fn json(diff: &Diff) -> DiffJson<'_> {
    let pairs =
        |pairs: &[(RunState, RunState)]| pairs.iter().map(|(from, to)| [from.name(), to.name()]).collect();
    DiffJson {
        from: diff.from.name(),
        to: diff.to.name(),
        differ: !diff.is_empty(),
        transitions: Transitions {
            added: pairs(&diff.added),
            removed: pairs(&diff.removed),
        },
        names: diff
            .names
            .iter()
            .map(|name| NameJson {
                of: name.of,
                name: name.name,
                since: name.since.name(),
            })
            .collect(),
        differences: diff.groups.iter().map(|group| group_json(diff, group)).collect(),
    }
}

fn group_json<'a>(diff: &'a Diff, group: &'a Group) -> GroupJson<'a> {
    GroupJson {
        kind: group.kind.name(),
        title: &group.title,
        since: group.since.map(Release::name),
        rows: group.rows.iter().map(|row| row_json(diff, row)).collect(),
        sequences: group
            .sequences
            .iter()
            .map(|sequence| sequence_json(diff, sequence))
            .collect(),
    }
}

fn row_json<'a>(diff: &'a Diff, row: &'a Row) -> RowJson<'a> {
    let act = &diff.query.acts[row.act];
    RowJson {
        input: &act.name,
        situations: row
            .situations
            .iter()
            .map(|&s| diff.query.situations[s].name)
            .collect(),
        threads: row.threads.iter().map(|thread| thread_name(*thread)).collect(),
        actions: ActionsJson {
            reboot: row.actions.reboot.iter().map(|action| action.name()).collect(),
            shutdown: row.actions.shutdown.iter().map(|action| action.name()).collect(),
            panic: row.actions.panic.iter().map(|action| action.name()).collect(),
            watchdog: row.actions.watchdog.iter().map(|action| action.name()).collect(),
        },
        since: row.since.name(),
        from: told_json(&row.from, act),
        to: told_json(&row.to, act),
    }
}

fn told_json<'a>(told: &'a Told, act: &'a Act) -> ToldJson<'a> {
    ToldJson {
        sequence: told.0.iter().map(|step| StepJson { step, act }).collect(),
        ends: words::ends(&told.0),
    }
}

fn sequence_json<'a>(diff: &'a Diff, sequence: &'a Sequence) -> SequenceJson<'a> {
    // Of a launch nothing is refused, so that any act's words will do.
    let act = &diff.query.acts[sequence.act.unwrap_or(0)];
    SequenceJson {
        launch: &sequence.launch,
        steps: &sequence.steps,
        from: told_json(&sequence.from, act),
        to: told_json(&sequence.to, act),
    }
}

/// The difference as one line.
///
/// # Errors
///
/// Those of serde_json, none of which is expected.
pub fn line(diff: &Diff) -> Result<String, serde_json::Error> {
    serde_json::to_string(&json(diff))
}
