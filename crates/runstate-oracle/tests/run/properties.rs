//! Which claims hold, and how soon the others break. Blessed as `pinned` is.

use core::fmt::Write as _;

use runstate::Release;
use runstate_oracle::{
    explore::{Families, Launches, Scope, on_all_cores},
    property::{always, doubtful, sometimes},
};

use crate::pinned;

#[test]
fn claims_hold_or_break_as_known() {
    let claims = always();
    let doubts = on_all_cores(Release::WITH_POINTS, |&release| doubtful(&claims, release));
    let found = on_all_cores(&claims, |claim| {
        let at = claims.iter().position(|other| other.name == claim.name);
        let doubts = doubts.iter().map(|doubts| at.is_none_or(|at| doubts[at]));
        let mut outcomes: Vec<(Release, Release, Option<usize>)> = Vec::new();
        for (&release, doubtful) in Release::WITH_POINTS.iter().zip(doubts) {
            if !claim.is_claimed_of(release) {
                continue;
            }
            let path = doubtful.then(|| claim.search(release)).flatten();
            let steps = path.map(|path| path.steps.len());
            match outcomes.last_mut() {
                Some((_, last, same)) if *same == steps => *last = release,
                Some(_) | None => outcomes.push((release, release, steps)),
            }
        }
        outcomes
    });
    let mut text =
        "# claim, releases (point releases too): holds, or the steps of the counterexample\n".to_owned();
    for (claim, outcomes) in claims.iter().zip(found) {
        for (first, last, steps) in outcomes {
            let steps = steps.map_or_else(|| "holds".to_owned(), |steps| steps.to_string());
            writeln!(text, "{} {first}..{last}: {steps}", claim.name).expect("a string takes all");
        }
    }
    pinned::check("tests/run/properties.txt", &text);
}

/// What one walk clears has no counterexample either where it is searched by itself.
#[test]
fn what_is_not_doubtful_holds() {
    let (claims, release) = (always(), Release::V9_0);
    let doubts = doubtful(&claims, release);
    let cleared: Vec<_> = claims
        .iter()
        .zip(&doubts)
        .filter(|(_, doubtful)| !**doubtful)
        .collect();
    assert!(cleared.len() * 4 > claims.len() && cleared.len() < claims.len());
    for (claim, _) in cleared {
        assert_eq!(claim.search(release), None, "{}", claim.name);
    }
}

#[test]
fn every_state_is_reached_in_every_release() {
    for &release in Release::ALL {
        for property in sometimes() {
            // Every state but these needs no migration, and so no large search.
            let path = property.search(release);
            let path = path.unwrap_or_else(|| panic!("{release}: {} is never reached", property.name));
            assert_eq!(path.vm().run_state().name(), property.name, "{release}: {path:?}");
        }
    }
}

/// The searches find what is there: with the guest alone nothing resets for the host.
#[test]
fn a_claim_may_hold_in_a_small_scope_and_not_in_all() {
    let release = Release::V10_0;
    let abort = always().into_iter().find(|claim| claim.name == "no-abort");
    let abort = abort.expect("the first of all claims");
    let guest = Scope {
        families: Families::GUEST,
        launches: Launches::Plain,
        ..Scope::new(release)
    };
    assert_eq!(abort.search_in(guest), None);
    assert!(abort.search_in(Scope { races: true, ..guest }).is_some());
    assert!(abort.search(release).is_some());
}
