//! The matrix behind `explain`: every act in every situation under every combination of actions, on each thread, in each
//! release; and the same in blocks of equal outcome, as few as a person would use.

pub mod block;

use std::collections::{HashMap, HashSet};

use runstate::{
    Actions, PanicAction, RebootAction, Release, RunState, SetAction, ShutdownAction, Thread, Vm,
    WatchdogAction,
};

use crate::{
    act::{Act, acts},
    situation::{Situation, situations},
    told::{Step, final_state, perform},
};
use block::{Cells, NO_CELL};

/// The actions that a row of the matrix may be under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionSets {
    /// Reboot actions.
    pub reboot: Vec<RebootAction>,
    /// Shutdown actions.
    pub shutdown: Vec<ShutdownAction>,
    /// Panic actions.
    pub panic: Vec<PanicAction>,
    /// Watchdog actions.
    pub watchdog: Vec<WatchdogAction>,
}

impl ActionSets {
    /// All 112 combinations.
    #[must_use]
    pub fn all() -> Self {
        Self {
            reboot: RebootAction::ALL.to_vec(),
            shutdown: ShutdownAction::ALL.to_vec(),
            panic: PanicAction::ALL.to_vec(),
            watchdog: WatchdogAction::ALL.to_vec(),
        }
    }

    /// Those with what `given` names.
    #[must_use]
    pub fn given(given: SetAction) -> Self {
        fn one<T: Copy>(given: Option<T>, all: &[T]) -> Vec<T> {
            given.map_or_else(|| all.to_vec(), |value| vec![value])
        }
        Self {
            reboot: one(given.reboot, RebootAction::ALL),
            shutdown: one(given.shutdown, ShutdownAction::ALL),
            panic: one(given.panic, PanicAction::ALL),
            watchdog: one(given.watchdog, WatchdogAction::ALL),
        }
    }

    pub(crate) fn combinations(&self) -> Vec<Actions> {
        let mut all = Vec::new();
        for &reboot in &self.reboot {
            for &shutdown in &self.shutdown {
                for &panic in &self.panic {
                    all.extend(
                        self.watchdog
                            .iter()
                            .map(|&watchdog| Actions::new(reboot, shutdown, panic, watchdog)),
                    );
                }
            }
        }
        all
    }
}

/// What is asked: which acts, where, under what.
#[derive(Clone, Debug)]
pub struct Query {
    /// The acts.
    pub acts: Vec<Act>,
    /// The situations.
    pub situations: Vec<Situation>,
    /// The threads on which the guest acts.
    pub threads: Vec<Thread>,
    /// The releases, oldest first.
    pub releases: Vec<Release>,
    /// The actions in force.
    pub actions: ActionSets,
    /// How exactly outcomes are told apart.
    pub detail: Detail,
}

/// How exactly outcomes are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// As a person looks: also the place of a reply does not matter. It is put after what the next pass of the main loop says,
    /// and [`Matrix::moved`] has the outcomes in which it was moved.
    Glance,
    /// As a client sees it: run states gone through in silence do not count, only the last.
    Visible,
    /// Everything.
    Full,
}

impl Query {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self {
            acts: acts(),
            situations: situations(),
            threads: vec![Thread::Vcpu, Thread::MainLoop],
            releases: Release::WITH_POINTS.to_vec(),
            actions: ActionSets::all(),
            detail: Detail::Full,
        }
    }

    /// What a person looks up first: the usual situation of each state, and guests on a vCPU; the rest as in [`all`](Self::all).
    #[must_use]
    pub fn usual() -> Self {
        let mut query = Self::all();
        query.situations.retain(Situation::is_usual);
        query.threads = vec![Thread::Vcpu];
        query
    }
}

/// An outcome: its place in [`Matrix::outcomes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OutcomeId(pub u16);

/// The answer to a [`Query`].
#[derive(Clone, Debug)]
pub struct Matrix {
    /// What was asked.
    pub query: Query,
    /// Every different outcome, as it was first met.
    pub outcomes: Vec<Vec<Step>>,
    /// Those in which a reply was moved, as the query allows.
    pub moved: HashSet<OutcomeId>,
    /// The rows, act by act.
    pub rows: Vec<Row>,
}

/// A block of the matrix: one act, one outcome, and where and under what it holds: any combination of these.
///
/// Combinations that do not exist (`panic=exit-failure` before 7.1, a situation that a release does not have) may fall in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its place in [`Query::acts`].
    pub act: usize,
    /// Places in [`Query::situations`].
    pub situations: Vec<usize>,
    /// The threads.
    pub threads: Vec<Thread>,
    /// The releases.
    pub releases: Vec<Release>,
    /// The actions.
    pub actions: ActionSets,
    /// What comes of it.
    pub outcome: OutcomeId,
}

impl Matrix {
    /// Runs every act in every situation asked for, and gathers equal outcomes.
    #[must_use]
    pub fn of(query: Query) -> Self {
        let mut matrix = Self {
            outcomes: Vec::new(),
            moved: HashSet::new(),
            rows: Vec::new(),
            query,
        };
        let mut interned = HashMap::new();
        let starts = Starts::reach(&matrix.query);
        for act in 0..matrix.query.acts.len() {
            let cells = matrix.cells(act, &starts, &mut interned);
            for block in block::blocks(&cells) {
                matrix.rows.push(matrix.row(act, &block));
            }
        }
        matrix
    }

    /// The outcome of a row.
    #[must_use]
    pub fn outcome(&self, id: OutcomeId) -> &[Step] {
        &self.outcomes[usize::from(id.0)]
    }

    /// The run states of a row, each once.
    #[must_use]
    pub fn states(&self, row: &Row) -> Vec<RunState> {
        let mut states: Vec<_> = row
            .situations
            .iter()
            .map(|&s| self.query.situations[s].state)
            .collect();
        states.dedup();
        states
    }

    fn cells(&mut self, act: usize, starts: &Starts, interned: &mut HashMap<Vec<Step>, u16>) -> Cells {
        let input = self.query.acts[act].input;
        let mut told = Vec::new();
        let mut cells = Cells::new(starts.axes);
        for start in &starts.vms {
            let Some(mut vm) = *start else {
                cells.push(NO_CELL);
                continue;
            };
            told.clear();
            let start_state = vm.run_state();
            perform(&mut vm, input, &mut told);
            if self.query.detail <= Detail::Visible {
                keep_final_state(&mut told, start_state);
            }
            let moved = self.query.detail == Detail::Glance && reply_to_the_end(&mut told);
            let id = match interned.get(told.as_slice()) {
                Some(&id) => id,
                None => {
                    let id = u16::try_from(self.outcomes.len()).expect("far fewer outcomes than 65535");
                    self.outcomes.push(told.clone());
                    interned.insert(told.clone(), id);
                    id
                }
            };
            if moved {
                self.moved.insert(OutcomeId(id));
            }
            cells.push(id);
        }
        cells
    }

    fn row(&self, act: usize, block: &block::Block) -> Row {
        fn pick<T: Copy>(mask: u64, all: &[T]) -> Vec<T> {
            let chosen = all.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1);
            chosen.map(|(_, value)| *value).collect()
        }
        let q = &self.query;
        let [situations, threads, releases, reboot, shutdown, panic, watchdog] = block.masks;
        let places: Vec<usize> = (0..q.situations.len()).collect();
        let situations = pick(situations, &places);
        let oldest = situations.iter().map(|&s| q.situations[s].since).min();
        let mut releases = pick(releases, &q.releases);
        // Where none of the situations exists, nothing is said.
        releases.retain(|&release| Some(release) >= oldest);
        Row {
            act,
            situations,
            threads: pick(threads, &q.threads),
            releases,
            actions: ActionSets {
                reboot: pick(reboot, &q.actions.reboot),
                shutdown: pick(shutdown, &q.actions.shutdown),
                panic: pick(panic, &q.actions.panic),
                watchdog: pick(watchdog, &q.actions.watchdog),
            },
            outcome: OutcomeId(block.value),
        }
    }
}

/// Leaves of the states gone through only the last, at the end, and only if the VM is still there and in another than before.
pub(crate) fn keep_final_state(told: &mut Vec<Step>, before: RunState) {
    let last = final_state(told);
    told.retain(|step| !matches!(step, Step::State(_)));
    if !matches!(told.last(), Some(Step::Exit(_) | Step::Abort(_))) {
        told.extend(last.filter(|&state| state != before).map(Step::State));
    }
}

/// Puts an early reply behind what follows it; says whether there was one and something did.
pub(crate) fn reply_to_the_end(told: &mut [Step]) -> bool {
    let Some(at) = told
        .iter()
        .position(|step| matches!(step, Step::Return(_) | Step::Refused(_)))
    else {
        return false;
    };
    let ends = |step: &Step| matches!(step, Step::Exit(_) | Step::Abort(_));
    let end = told.iter().position(ends).unwrap_or(told.len());
    let end = told[..end]
        .iter()
        .rposition(|step| !matches!(step, Step::State(_)))
        .map_or(0, |last| last + 1);
    // Before an abort a late reply is not sent at all: that is more than its place.
    if matches!(told.last(), Some(Step::Abort(_))) || end <= at + 1 {
        return false;
    }
    told[at..end].rotate_left(1);
    true
}

/// The VMs in every situation, in the order of the cells.
pub(crate) struct Starts {
    axes: [usize; 7],
    pub(crate) vms: Vec<Option<Vm>>,
}

impl Starts {
    pub(crate) fn reach(query: &Query) -> Self {
        let combinations = query.actions.combinations();
        let mut vms = Vec::new();
        for situation in &query.situations {
            for &thread in &query.threads {
                for &release in &query.releases {
                    let near = situation.approach(release, thread).ok();
                    vms.extend(
                        combinations
                            .iter()
                            .map(|&actions| near.and_then(|vm| situation.under(vm, actions).ok())),
                    );
                }
            }
        }
        let a = &query.actions;
        let axes = [
            query.situations.len(),
            query.threads.len(),
            query.releases.len(),
            a.reboot.len(),
            a.shutdown.len(),
            a.panic.len(),
            a.watchdog.len(),
        ];
        Self { axes, vms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told::Reply;
    use runstate::{Event, ExitStatus};

    fn ask(act: &str, state: &str, release: Release) -> Matrix {
        let mut query = Query::all();
        query.acts.retain(|a| a.answers_to(act));
        query.situations.retain(|s| s.name == state);
        query.releases = vec![release];
        query.threads = vec![Thread::Vcpu];
        Matrix::of(query)
    }

    #[test]
    fn a_panic_depends_on_the_panic_and_shutdown_actions_only() {
        let matrix = ask("panic", "running", Release::V10_0);
        for row in &matrix.rows {
            assert_eq!(row.actions.reboot.len(), 2);
            assert_eq!(row.actions.watchdog.len(), 7);
        }
        // pause (also for shutdown with pause), poweroff, exit-failure with either, none.
        assert_eq!(matrix.rows.len(), 6, "{:#?}", matrix.rows);
        let exits = |row: &&Row| {
            matches!(
                matrix.outcome(row.outcome).last(),
                Some(Step::Exit(ExitStatus(1)))
            )
        };
        let row = matrix.rows.iter().find(exits).expect("exit-failure exits with 1");
        assert_eq!(row.actions.panic, [PanicAction::ExitFailure]);
        assert_eq!(row.actions.shutdown, [ShutdownAction::Poweroff]);
    }

    /// Each cell is in exactly one row, and the row says what running it says.
    #[test]
    fn rows_cover_every_cell_once_and_truly() {
        let mut query = Query::all();
        query
            .acts
            .retain(|a| ["guest panic", "stop", "guest reset", "quit"].contains(&a.name.as_str()));
        query.releases = vec![Release::V7_0, Release::V7_2_0, Release::V10_0];
        let matrix = Matrix::of(query);
        let q = &matrix.query;
        for (a, act) in q.acts.iter().enumerate() {
            for (s, situation) in q.situations.iter().enumerate() {
                for &thread in &q.threads {
                    for &release in &q.releases {
                        for actions in Actions::all() {
                            let Ok(mut vm) = situation.reach(release, thread, actions) else {
                                continue;
                            };
                            let holds = |row: &&Row| {
                                row.act == a
                                    && row.situations.contains(&s)
                                    && row.threads.contains(&thread)
                                    && row.releases.contains(&release)
                                    && row.actions.reboot.contains(&actions.reboot())
                                    && row.actions.shutdown.contains(&actions.shutdown())
                                    && row.actions.panic.contains(&actions.panic())
                                    && row.actions.watchdog.contains(&actions.watchdog())
                            };
                            let rows: Vec<&Row> = matrix.rows.iter().filter(holds).collect();
                            assert_eq!(
                                rows.len(),
                                1,
                                "{} in {} {release} {actions}",
                                act.name,
                                situation.name
                            );
                            let mut told = Vec::new();
                            perform(&mut vm, act.input, &mut told);
                            assert_eq!(matrix.outcome(rows[0].outcome), told);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_reply_of_system_reset_moved_in_7_2_9() {
        let mut query = Query::all();
        query.acts.retain(|a| a.name == "system_reset");
        query.situations.retain(|s| s.name == "running");
        query.actions = ActionSets::given(SetAction {
            reboot: Some(RebootAction::Reset),
            ..SetAction::default()
        });
        let matrix = Matrix::of(query);
        let late: Vec<&Row> = matrix
            .rows
            .iter()
            .filter(|row| matrix.outcome(row.outcome).last() == Some(&Step::Return(Reply::Empty)))
            .collect();
        assert_eq!(late.len(), 1);
        assert!(late[0].releases.contains(&Release::V7_2) && !late[0].releases.contains(&Release::V7_2_0));
        assert!(matrix.outcomes.iter().flatten().any(|step| matches!(
            step,
            Step::Event {
                event: Event::Reset(_),
                ..
            }
        )));
    }
}
