//! Every cell of the matrix in both releases, and the cells that differ in blocks.

use std::collections::HashMap;

use runstate::{Release, Thread};

use super::{Kind, Pair, Row, Told, kind};
use crate::{
    matrix::{
        ActionSets, Query, Starts,
        block::{Block, Cells, NO_CELL, blocks},
        keep_final_state, reply_to_the_end,
    },
    told::{Form, Reply, Step, perform},
};

/// What is said as a client sees it, and where replies are known to come elsewhere, regardless of that.
pub(super) fn outcome(mut vm: runstate::Vm, input: runstate::Input) -> Vec<Step> {
    let before = vm.run_state();
    let mut told = Vec::new();
    perform(&mut vm, input, &mut told);
    keep_final_state(&mut told, before);
    told
}

/// The same with the reply at the end.
pub(super) fn glance(told: &[Step]) -> Vec<Step> {
    let mut told = told.to_vec();
    reply_to_the_end(&mut told);
    told
}

/// The same without replies.
pub(super) fn without_replies(told: &[Step]) -> Vec<Step> {
    let replies = |step: &&Step| !matches!(step, Step::Return(_) | Step::Refused(_));
    told.iter().filter(replies).copied().collect()
}

/// The same without what is only data.
pub(super) fn plain(told: &[Step]) -> Vec<Step> {
    let bare = |step: &Step| match *step {
        Step::Event { event, .. } => Step::Event {
            event,
            limited: false,
            form: Form::Plain,
        },
        Step::Return(_) => Step::Return(Reply::Empty),
        Step::State(_) | Step::Refused(_) | Step::Impossible(_) | Step::Exit(_) | Step::Abort(_) => *step,
    };
    glance(told).iter().map(bare).collect()
}

/// The same with one word for all refusals.
pub(super) fn without_words(told: &[Step]) -> Vec<Step> {
    let blunt = |step: Step| match step {
        Step::Refused(_) => Step::Refused(runstate::Refusal::ResetRequired),
        Step::Event { .. }
        | Step::Return(_)
        | Step::State(_)
        | Step::Impossible(_)
        | Step::Exit(_)
        | Step::Abort(_) => step,
    };
    plain(told).into_iter().map(blunt).collect()
}

/// Both outcomes, if they differ. Where the place of replies differs as such, other differences are told without it.
pub(super) fn pair(from: Vec<Step>, to: Vec<Step>, order_differs: bool) -> Option<Pair> {
    if from == to {
        return None;
    }
    let (from, to) = if order_differs && kind(&from, &to) != Kind::Order {
        (glance(&from), glance(&to))
    } else {
        (from, to)
    };
    Some(Pair {
        from: Told(from),
        to: Told(to),
    })
}

const SAME: u16 = 0;

/// The rows that differ.
pub(super) fn rows(query: &Query, from: Release, to: Release) -> Vec<Row> {
    let starts = Starts::reach(query);
    let combinations = query.actions.combinations();
    let count = combinations.len();
    let order_differs = from.reply_after_pass() != to.reply_after_pass();
    let mut rows = Vec::new();
    let axes = axes(query);
    for (place, act) in query.acts.iter().enumerate() {
        let mut pairs: Vec<Pair> = Vec::new();
        let mut known: HashMap<Pair, u16> = HashMap::new();
        let mut cells = Cells::new(axes);
        let mut told: [Vec<Step>; 2] = [Vec::new(), Vec::new()];
        for both in starts.vms.chunks(2 * count) {
            for (one, other) in both[..count].iter().zip(&both[count..]) {
                let (Some(one), Some(other)) = (one, other) else {
                    cells.push(NO_CELL);
                    continue;
                };
                if said_alike([*one, *other], act.input, &mut told) {
                    cells.push(SAME);
                    continue;
                }
                let found = pair(
                    outcome(*one, act.input),
                    outcome(*other, act.input),
                    order_differs,
                );
                cells.push(found.map_or(SAME, |found| {
                    *known.entry(found).or_insert_with_key(|found| {
                        pairs.push(found.clone());
                        u16::try_from(pairs.len()).expect("far fewer pairs than 65535")
                    })
                }));
            }
        }
        let differing = blocks(&cells).into_iter().filter(|block| block.value != SAME);
        rows.extend(differing.map(|block| row(query, place, &block, &pairs)));
    }
    rows
}

/// Whether both say just the same, every step of it. Nearly always they do, and then nothing is built.
fn said_alike(vms: [runstate::Vm; 2], input: runstate::Input, told: &mut [Vec<Step>; 2]) -> bool {
    for (mut vm, told) in vms.into_iter().zip(told.iter_mut()) {
        told.clear();
        perform(&mut vm, input, told);
    }
    told[0] == told[1]
}

fn axes(query: &Query) -> [usize; 7] {
    let actions = &query.actions;
    [
        query.situations.len(),
        query.threads.len(),
        1,
        actions.reboot.len(),
        actions.shutdown.len(),
        actions.panic.len(),
        actions.watchdog.len(),
    ]
}

fn row(query: &Query, act: usize, block: &Block, pairs: &[Pair]) -> Row {
    fn pick<T: Copy>(mask: u64, all: &[T]) -> Vec<T> {
        let chosen = all.iter().enumerate().filter(|(place, _)| mask >> place & 1 == 1);
        chosen.map(|(_, value)| *value).collect()
    }
    let [situations, threads, _, reboot, shutdown, panic, watchdog] = block.masks;
    let places: Vec<usize> = (0..query.situations.len()).collect();
    let pair = &pairs[usize::from(block.value) - 1];
    let mut row = Row {
        act,
        situations: pick(situations, &places),
        threads: pick(threads, &query.threads),
        actions: ActionSets {
            reboot: pick(reboot, &query.actions.reboot),
            shutdown: pick(shutdown, &query.actions.shutdown),
            panic: pick(panic, &query.actions.panic),
            watchdog: pick(watchdog, &query.actions.watchdog),
        },
        from: pair.from.clone(),
        to: pair.to.clone(),
        since: Release::LAST,
    };
    row.since = since(query, &row);
    row
}

/// The first release, after the older of the two, that does not do as that one does.
fn since(query: &Query, row: &Row) -> Release {
    let (one, other) = (query.releases[0], query.releases[1]);
    let (older, newer) = (one.min(other), one.max(other));
    for &situation in &row.situations {
        for &thread in &row.threads {
            for actions in row.actions.combinations() {
                let told = |release: Release, thread: Thread| {
                    let vm = query.situations[situation].reach(release, thread, actions).ok()?;
                    Some(outcome(vm, query.acts[row.act].input))
                };
                let Some(before) = told(older, thread) else {
                    continue;
                };
                let between = Release::WITH_POINTS
                    .iter()
                    .filter(|r| **r > older && **r <= newer);
                for &release in between {
                    if told(release, thread).is_some_and(|now| {
                        pair(before.clone(), now, true).is_some_and(|p| differs_so(&p, row))
                    }) {
                        return release;
                    }
                }
            }
        }
    }
    newer
}

/// Whether a departure from the older release is one of the kind that the row tells of.
fn differs_so(pair: &Pair, row: &Row) -> bool {
    let row_is_order = kind(&row.from.0, &row.to.0) == Kind::Order;
    (kind(&pair.from.0, &pair.to.0) == Kind::Order) == row_is_order
}
