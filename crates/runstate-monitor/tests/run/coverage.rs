//! Every state and every transition of every release's graph is taken by a scenario, of the corpus or of the cookbook, or is
//! listed in `tests/unreachable.txt` with the reason.

use std::collections::{BTreeMap, BTreeSet};

use runstate::{Release, RunState};
use runstate_monitor::{machine::Transitions, scenario::run};

use super::{cookbook, corpus};

/// What nothing takes, and why: `FROM -> TO: reason`, one a line.
const UNREACHABLE: &str = include_str!("../unreachable.txt");

type Transition = (RunState, RunState);

fn unreachable() -> BTreeMap<Transition, &'static str> {
    let state = |name: &str| {
        RunState::from_name(name).unwrap_or_else(|| panic!("unreachable.txt: there is no state `{name}`"))
    };
    let listed: Vec<_> = UNREACHABLE
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (transition, reason) = line.split_once(": ").expect("a line is `FROM -> TO: reason`");
            let (from, to) = transition
                .split_once(" -> ")
                .expect("a transition is `FROM -> TO`");
            ((state(from), state(to)), reason)
        })
        .collect();
    let count = listed.len();
    let listed = BTreeMap::from_iter(listed);
    assert_eq!(listed.len(), count, "unreachable.txt lists a transition twice");
    listed
}

/// What the corpus takes on the release it was recorded on, and the cookbook on every release it names.
fn taken() -> Transitions {
    let mut taken = Transitions::default();
    for (release, file) in corpus::files() {
        for scenario in &file.scenarios {
            taken.extend(run::run(scenario, release).taken.iter());
        }
    }
    for file in cookbook::files() {
        for scenario in &file.scenarios {
            for release in cookbook::releases(scenario) {
                taken.extend(run::run(scenario, release).taken.iter());
            }
        }
    }
    taken
}

/// All that some release allows.
fn allowed() -> BTreeSet<Transition> {
    Release::WITH_POINTS
        .iter()
        .flat_map(|release| release.graph().transitions())
        .collect()
}

#[test]
fn every_transition_is_taken_or_listed_as_unreachable() {
    let (taken, unreachable, allowed) = (taken(), unreachable(), allowed());
    assert!(allowed.len() >= 85);
    let mut problems = String::new();
    for &(from, to) in &allowed {
        match (taken.contains(from, to), unreachable.contains_key(&(from, to))) {
            (true, false) | (false, true) => {}
            (true, true) => problems += &format!("{from} -> {to} is listed as unreachable and taken\n"),
            (false, false) => {
                problems +=
                    &format!("{from} -> {to} is taken by no scenario: write one, or list the reason\n");
            }
        }
    }
    for (from, to) in unreachable.keys().filter(|listed| !allowed.contains(listed)) {
        problems += &format!("{from} -> {to} is listed and in no graph\n");
    }
    for (from, to) in taken.iter().filter(|taken| !allowed.contains(taken)) {
        problems += &format!("{from} -> {to} was taken and is in no graph\n");
    }
    assert!(problems.is_empty(), "{problems}");
}

#[test]
fn every_state_is_entered() {
    let taken = taken();
    for &state in RunState::ALL {
        assert!(
            taken
                .iter()
                .any(|(from, to)| state == to || (state == RunState::Prelaunch && state == from)),
            "no scenario enters {state}"
        );
    }
}
