//! Which claims hold, and how soon the others break. Blessed as `pinned` is.

use core::fmt::Write as _;

use runstate::Release;
use runstate_oracle::{
    explore::{Families, Launches, Scope},
    property::{always, sometimes},
};

use crate::pinned;

#[test]
fn claims_hold_or_break_as_known() {
    let mut found = "# release, claim: holds, or the steps of the shortest counterexample\n".to_owned();
    for release in [Release::V6_0, Release::V8_2, Release::V9_0, Release::V11_0] {
        for property in always() {
            write!(found, "{release} {}: ", property.name).expect("a string takes all");
            match property.search(release) {
                None => writeln!(found, "holds"),
                Some(path) => writeln!(found, "{}", path.steps.len()),
            }
            .expect("a string takes all");
        }
    }
    pinned::check("tests/run/properties.txt", &found);
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
