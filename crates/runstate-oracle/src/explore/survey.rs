//! A release at a glance: all of its states, with and without races, under all policies; on all cores.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    thread,
};

use runstate::{Release, RunState, Thread};

use super::{End, Nothing, Policies, Scope, Space, Untaken, untaken};

/// How much there is of one space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// States under any policy.
    pub states: usize,
    /// The same, each counted once for each policy under which it is reached.
    pub times_policies: u64,
    /// Steps that were tried and possible.
    pub steps: u64,
}

/// What was found in one release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// The release.
    pub release: Release,
    /// One input at a time.
    pub calm: Size,
    /// In every interleaving, without migration.
    pub races: Size,
    /// The transitions of QEMU's table that are taken, and under which policies.
    pub taken: BTreeMap<(RunState, RunState), Policies>,
    /// Those that are not.
    pub never: Vec<(RunState, RunState, Option<Untaken>)>,
    /// The transitions that are not in the table, which QEMU tries and aborts.
    pub aborts: BTreeSet<(RunState, RunState)>,
}

/// Looks at all of these releases, under these policies, on all cores.
#[must_use]
pub fn survey_all(releases: &[Release], thread: Thread, policies: Policies) -> Vec<Survey> {
    let looked = on_all_cores(&jobs(releases), |&(release, racing)| {
        let scope = if racing {
            Scope::races(release)
        } else {
            Scope::new(release)
        };
        Look::at(Scope {
            thread,
            policies: policies.and(Policies::of(release)),
            ..scope
        })
    });
    let mut looked = looked.into_iter();
    releases
        .iter()
        .filter_map(|&release| Some(Survey::of(release, looked.next()?, looked.next()?)))
        .collect()
}

/// The spaces of each release in turn: one thing after another, and racing.
fn jobs(releases: &[Release]) -> Vec<(Release, bool)> {
    let both = |&release| [(release, false), (release, true)];
    releases.iter().flat_map(both).collect()
}

/// What was found in one space.
#[derive(Debug)]
struct Look {
    size: Size,
    taken: BTreeMap<(RunState, RunState), Policies>,
    aborts: BTreeSet<(RunState, RunState)>,
}

impl Look {
    fn at(scope: Scope) -> Self {
        let space = Space::of(scope, &Nothing);
        let reach = space.reach();
        Self {
            size: Size {
                states: reach.states_under_any(),
                times_policies: reach.states(),
                steps: space.steps(),
            },
            taken: reach.pairs().collect(),
            aborts: reach
                .ends()
                .filter_map(|end| match end {
                    End::Abort { from, to } => Some((from, to)),
                    End::Exit(_) | End::Goal(_) => None,
                })
                .collect(),
        }
    }
}

impl Survey {
    fn of(release: Release, calm: Look, races: Look) -> Self {
        let mut survey = Self {
            release,
            calm: calm.size,
            races: races.size,
            taken: calm.taken,
            never: Vec::new(),
            aborts: calm.aborts,
        };
        for (pair, policies) in races.taken {
            survey.taken.entry(pair).or_default().0 |= policies.0;
        }
        survey.aborts.extend(races.aborts);
        for &from in RunState::ALL {
            for to in release.graph().successors(from).iter() {
                if !survey.taken.contains_key(&(from, to)) {
                    let why = untaken().find(|known| {
                        (known.from, known.to) == (from, to) && (known.since..=known.until).contains(&release)
                    });
                    survey.never.push((from, to, why));
                }
            }
        }
        survey
    }
}

/// Does something for each item, on all cores; the results are in the items' order.
///
/// # Panics
///
/// When `f` does.
pub fn on_all_cores<T: Sync, R: Send>(items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(items.len());
    // Those that come last are the largest.
    let next = AtomicUsize::new(items.len());
    let results = Mutex::new(items.iter().map(|_| None).collect::<Vec<_>>());
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(i) = next
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                    .ok()
                    .map(|left| left - 1)
                {
                    let result = f(&items[i]);
                    results.lock().expect("nobody panics while storing a result")[i] = Some(result);
                }
            });
        }
    });
    let results = results
        .into_inner()
        .expect("a panic of a thread has come out of the scope");
    results
        .into_iter()
        .map(|result| result.expect("every item was taken"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order() {
        let items: Vec<u64> = (0..100).collect();
        let squares: Vec<u64> = items.iter().map(|n| n * n).collect();
        assert_eq!(on_all_cores(&items, |n| n * n), squares);
        assert!(on_all_cores(&[] as &[u64], |n| n * n).is_empty());
    }
}
