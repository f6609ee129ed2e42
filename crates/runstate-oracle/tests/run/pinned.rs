//! How large the spaces are. A number changes when a rule does, and then somebody should know why:
//! `RUNSTATE_BLESS=1 cargo test -p runstate-oracle pinned` writes the new ones, and the commit says the reason.

use core::fmt::Write as _;
use std::path::Path;

use runstate::Release;
use runstate_oracle::{
    abort::{Takes, aborts},
    explore::{Nothing, Scope, Space},
};

#[test]
fn the_spaces_are_as_large_as_ever() {
    let mut counted =
        "# release: states, times policies; with races: states, times policies; aborts by what they take\n"
            .to_owned();
    for &release in Release::ALL {
        let size = |scope| {
            let space = Space::of(scope, &Nothing);
            (space.len(), space.reach().states())
        };
        let ((all, all_policies), (races, races_policies)) =
            (size(Scope::new(release)), size(Scope::races(release)));
        write!(
            counted,
            "{release}: {all}, {all_policies}; {races}, {races_policies};"
        )
        .expect("a string takes all");
        let found = aborts(release);
        for &takes in Takes::ALL {
            let count = found.iter().filter(|abort| abort.takes == takes).count();
            write!(counted, " {} {count}", takes.name()).expect("a string takes all");
        }
        counted.push('\n');
    }
    check("tests/run/pinned.txt", &counted);
}

/// Compares with a file of the source tree, line by line.
pub(crate) fn check(file: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("RUNSTATE_BLESS").is_some() {
        std::fs::write(&path, found).expect("the source tree is writable where tests are blessed");
    }
    let pinned = std::fs::read_to_string(&path).expect("what is pinned is in the source tree");
    for (found, pinned) in found.lines().zip(pinned.lines()) {
        assert_eq!(found, pinned);
    }
    assert_eq!(found.lines().count(), pinned.lines().count());
}
