//! The transition graph: which run state may follow which, in each release.
//!
//! `runstate_transitions_def[]`, system/runstate.c (softmmu/runstate.c before 8.2). The table only forbids: QEMU aborts
//! on what is not in it. That a pair is allowed does not mean that anything takes it.

use crate::{
    Release,
    RunState::{
        self, Colo, Debug, FinishMigrate, GuestPanicked, Inmigrate, InternalError, IoError, Paused,
        Postmigrate, Prelaunch, RestoreVm, Running, SaveVm, Shutdown, Suspended, Watchdog,
    },
};

/// A set of run states, one bit each.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct States(u16);

impl States {
    /// No state.
    pub const EMPTY: Self = Self(0);
    /// All sixteen.
    pub const ALL: Self = Self(u16::MAX);

    /// The set of the states given.
    #[must_use]
    pub const fn of(states: &[RunState]) -> Self {
        let (mut bits, mut i) = (0, 0);
        while i < states.len() {
            bits |= 1 << states[i] as u16;
            i += 1;
        }
        Self(bits)
    }

    /// Whether `state` is in the set.
    #[must_use]
    pub const fn contains(self, state: RunState) -> bool {
        self.0 & (1 << state as u16) != 0
    }

    /// The states in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The states in this set and not in the other.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// How many states are in the set.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The states, in schema order.
    pub fn iter(self) -> impl Iterator<Item = RunState> {
        RunState::ALL
            .iter()
            .copied()
            .filter(move |&state| self.contains(state))
    }
}

impl core::fmt::Debug for States {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Extend<RunState> for States {
    fn extend<I: IntoIterator<Item = RunState>>(&mut self, states: I) {
        for state in states {
            self.0 |= 1 << state as u16;
        }
    }
}

impl FromIterator<RunState> for States {
    fn from_iter<I: IntoIterator<Item = RunState>>(states: I) -> Self {
        let mut set = Self::EMPTY;
        set.extend(states);
        set
    }
}

/// One row of the table: from where, to where, since when.
struct Row(RunState, &'static [RunState], Release);

/// The table of 6.0 and what later releases added. Nothing was ever removed.
const ROWS: &[Row] = &[
    Row(
        Debug,
        &[Running, FinishMigrate, Prelaunch, Suspended],
        Release::V6_0,
    ),
    Row(
        Inmigrate,
        &[
            InternalError,
            IoError,
            Paused,
            Running,
            Shutdown,
            Suspended,
            Watchdog,
            GuestPanicked,
            FinishMigrate,
            Prelaunch,
            Postmigrate,
            Colo,
        ],
        Release::V6_0,
    ),
    Row(InternalError, &[Paused, FinishMigrate, Prelaunch], Release::V6_0),
    Row(IoError, &[Running, FinishMigrate, Prelaunch], Release::V6_0),
    Row(
        Paused,
        &[Running, FinishMigrate, Postmigrate, Prelaunch, Colo],
        Release::V6_0,
    ),
    Row(Postmigrate, &[Running, FinishMigrate, Prelaunch], Release::V6_0),
    Row(Prelaunch, &[Running, FinishMigrate, Inmigrate], Release::V6_0),
    Row(
        FinishMigrate,
        &[Running, Paused, Postmigrate, Prelaunch, Colo],
        Release::V6_0,
    ),
    Row(RestoreVm, &[Running, Prelaunch], Release::V6_0),
    Row(Colo, &[Running], Release::V6_0),
    Row(
        Running,
        &[
            Debug,
            InternalError,
            IoError,
            Paused,
            FinishMigrate,
            RestoreVm,
            SaveVm,
            Shutdown,
            Watchdog,
            GuestPanicked,
            Colo,
            Suspended,
        ],
        Release::V6_0,
    ),
    Row(SaveVm, &[Running], Release::V6_0),
    Row(Shutdown, &[Paused, FinishMigrate, Prelaunch, Colo], Release::V6_0),
    Row(
        Suspended,
        &[Running, FinishMigrate, Prelaunch, Colo],
        Release::V6_0,
    ),
    Row(
        Watchdog,
        &[Running, FinishMigrate, Prelaunch, Colo],
        Release::V6_0,
    ),
    Row(GuestPanicked, &[Running, FinishMigrate, Prelaunch], Release::V6_0),
    // 229620d52e "Fix the qemu crash when guest shutdown during checkpoint"
    Row(Colo, &[Shutdown], Release::V6_1),
    // 669846c530 "softmmu/runstate.c: add RunStateTransition support form COLO to PRELAUNCH"
    Row(Colo, &[Prelaunch], Release::V7_1),
    // a4c6275aa1 "migration: restore vmstate on migration failure"
    Row(
        FinishMigrate,
        &[
            InternalError,
            IoError,
            Shutdown,
            Suspended,
            Watchdog,
            GuestPanicked,
        ],
        Release::V8_1,
    ),
    // b9ae473d80 "cpus: stop vm in suspended runstate" and what followed it
    Row(Suspended, &[Paused, SaveVm, RestoreVm, Shutdown], Release::V9_0),
    Row(Paused, &[Suspended], Release::V9_0),
    Row(Prelaunch, &[Suspended], Release::V9_0),
    Row(RestoreVm, &[Suspended], Release::V9_0),
    Row(SaveVm, &[Suspended], Release::V9_0),
];

/// The graph of one release: sixteen successor sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Graph([States; 16]);

impl Graph {
    const fn build(release: Release) -> Self {
        let mut sets = [States::EMPTY; 16];
        let mut i = 0;
        while i < ROWS.len() {
            let Row(from, to, since) = &ROWS[i];
            if *since as u8 <= release as u8 {
                sets[*from as usize] = sets[*from as usize].union(States::of(to));
            }
            i += 1;
        }
        Self(sets)
    }

    /// The states that may follow `from`. Staying is always accepted and is not listed.
    #[must_use]
    pub const fn successors(&self, from: RunState) -> States {
        self.0[from as usize]
    }

    /// Whether QEMU accepts going from `from` to `to`; staying is always accepted.
    ///
    /// `runstate_set()`, system/runstate.c.
    #[must_use]
    pub const fn allows(&self, from: RunState, to: RunState) -> bool {
        from as u8 == to as u8 || self.0[from as usize].contains(to)
    }

    /// The states from which `to` may be entered.
    #[must_use]
    pub fn predecessors(&self, to: RunState) -> States {
        RunState::ALL
            .iter()
            .copied()
            .filter(|&from| self.successors(from).contains(to))
            .collect()
    }

    /// Every pair, in schema order.
    pub fn transitions(&self) -> impl Iterator<Item = (RunState, RunState)> {
        RunState::ALL
            .iter()
            .flat_map(|&from| self.successors(from).iter().map(move |to| (from, to)))
    }

    /// How many pairs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|set| set.len()).sum()
    }

    /// Never: every release has a graph.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A shortest way through the table from `from` to `to`: the states after `from`, into `path`; `None` if there is none.
    ///
    /// The length says how many entries of `path` are filled. What the *machine* can do is for an explorer to say.
    pub fn shortest_path(&self, from: RunState, to: RunState, path: &mut [RunState; 16]) -> Option<usize> {
        let mut parent = [None; 16];
        let mut queue = [from; 16];
        let (mut head, mut tail, mut seen) = (0, 1, States::of(&[from]));
        while head < tail && !seen.contains(to) {
            let at = queue[head];
            head += 1;
            for next in self.successors(at).minus(seen).iter() {
                seen.extend([next]);
                parent[next as usize] = Some(at);
                queue[tail] = next;
                tail += 1;
            }
        }
        if !seen.contains(to) {
            return None;
        }
        let (mut length, mut at) = (0, to);
        while at != from {
            path[length] = at;
            length += 1;
            at = parent[at as usize]?;
        }
        path[..length].reverse();
        Some(length)
    }
}

/// The graphs, indexed by `Release as usize`.
static GRAPHS: [Graph; Release::WITH_POINTS.len()] = {
    let mut graphs = [Graph([States::EMPTY; 16]); Release::WITH_POINTS.len()];
    let mut i = 0;
    while i < graphs.len() {
        graphs[i] = Graph::build(Release::WITH_POINTS[i]);
        i += 1;
    }
    graphs
};

impl Release {
    /// The transition graph of this release.
    #[must_use]
    pub fn graph(self) -> &'static Graph {
        &GRAPHS[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_per_release() {
        let count = |release: Release| release.graph().len();
        assert_eq!(count(Release::V6_0), 69);
        assert_eq!(count(Release::V6_1), 70);
        assert_eq!(count(Release::V7_0), 70);
        assert_eq!(count(Release::V7_1), 71);
        assert_eq!(count(Release::V8_0), 71);
        assert_eq!(count(Release::V8_1), 77);
        assert_eq!(count(Release::V9_0), 85);
        assert_eq!(count(Release::V11_0), 85);
    }

    #[test]
    fn rows_say_nothing_twice() {
        let total: usize = ROWS.iter().map(|Row(_, to, _)| to.len()).sum();
        assert_eq!(total, 85);
    }

    #[test]
    fn shortest_paths_follow_the_table() {
        let graph = Release::V10_0.graph();
        let mut path = [Running; 16];
        assert_eq!(graph.shortest_path(Running, Postmigrate, &mut path), Some(2));
        assert_eq!(path[..2], [Paused, Postmigrate]);
        assert_eq!(graph.shortest_path(Running, Running, &mut path), Some(0));
        for &from in RunState::ALL {
            for &to in RunState::ALL {
                if let Some(n) = graph.shortest_path(from, to, &mut path) {
                    let mut at = from;
                    for &next in &path[..n] {
                        assert!(graph.successors(at).contains(next));
                        at = next;
                    }
                    assert_eq!(at, to);
                }
            }
        }
    }
}
