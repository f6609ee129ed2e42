//! Many claims in one walk: those that need no memory and that no step breaks hold, and need not be searched one by one.

use core::cell::Cell;

use runstate::Release;

use super::Property;
use crate::explore::{Observer, Scope, Seen, Space, Verdict};

/// Those that one walk over all of a release cannot clear, in their order. The others hold.
///
/// Each step is shown to every claim with nothing remembered, whatever the actions: that is more than can happen. A claim that wants
/// to remember something is not judged.
#[must_use]
pub fn doubtful(properties: &[Property], release: Release) -> Vec<bool> {
    let sieve = Sieve {
        properties,
        // What only `events` makes QEMU tell does not come in this walk.
        doubtful: properties
            .iter()
            .map(|property| Cell::new(property.events))
            .collect(),
    };
    let _ = Space::of(Scope::new(release), &sieve);
    sieve.doubtful.into_iter().map(Cell::into_inner).collect()
}

struct Sieve<'a> {
    properties: &'a [Property],
    doubtful: Vec<Cell<bool>>,
}

impl Observer for Sieve<'_> {
    fn see(&self, _: u8, seen: &Seen<'_>) -> Verdict {
        for (property, doubtful) in self.properties.iter().zip(&self.doubtful) {
            if !doubtful.get() {
                doubtful.set(property.see(0, seen) != Verdict::Go(0));
            }
        }
        Verdict::Go(0)
    }
}
