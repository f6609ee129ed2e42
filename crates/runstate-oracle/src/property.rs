//! What always holds, or sometimes happens: claims with names, checked on every reachable step.
//!
//! Some are what a client would like to rely on, some are promises of QEMU's documentation. Where one does not hold, the
//! shortest counterexample is part of the answer.
//!
//! A promise is taken at its word: many a counterexample is harmless, and shows that the sentence says too much.

mod claims;
mod lifecycle;
mod migration;
mod sieve;
mod states;

use runstate::{Actions, Release};

pub use claims::{always, sometimes};
pub use sieve::doubtful;

use crate::{
    explore::{End, Families, Family, Launches, Observer, Policies, Scope, Seen, Space, Verdict},
    path::Path,
};

/// A claim.
#[derive(Clone, Copy)]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// What is claimed, in a sentence.
    pub claim: &'static str,
    /// Where QEMU's documentation promises it.
    pub promise: Option<Promise>,
    /// Under which actions it is claimed.
    pub(crate) under: fn(Actions) -> bool,
    /// Whether it is about what only the capability `events` makes QEMU tell.
    pub(crate) events: bool,
    /// Finds a step that breaks it, or for what sometimes happens one that shows it.
    pub(crate) find: Find,
}

/// Looks at a step with what is remembered of the story.
pub(crate) type Find = fn(u8, &Seen<'_>) -> Verdict;

/// A sentence of QEMU's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// The file it stands in, and what it is about.
    pub source: &'static str,
    /// The words.
    pub quote: &'static str,
    /// The first release that promises it, perhaps in other words.
    pub since: Release,
    /// The last one.
    pub until: Release,
}

impl core::fmt::Debug for Property {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Property")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Observer for Property {
    fn see(&self, memory: u8, seen: &Seen<'_>) -> Verdict {
        (self.find)(memory, seen)
    }
}

impl Property {
    /// Whether it is claimed of that release: what its documentation promises, and what a client would like.
    #[must_use]
    pub fn is_claimed_of(&self, release: Release) -> bool {
        self.promise
            .is_none_or(|promise| (promise.since..=promise.until).contains(&release))
    }

    /// The shortest story in which the step that is looked for comes: a counterexample to what always holds, an example of
    /// what sometimes happens. `None`: every story was told and none has it.
    ///
    /// Of several stories one without migration, debuggers and COLO is told, for it is easier to follow.
    #[must_use]
    pub fn search(&self, release: Release) -> Option<Path> {
        let all = Scope::new(release);
        let simple = Families::SIMPLE;
        let no_debugger = all.families.without(Family::Debugger);
        let within = |(families, launches)| {
            self.search_in(Scope {
                families,
                launches,
                ..all
            })
        };
        // The small searches take no time. Of the large ones the largest comes first: often there is nothing in it.
        [(simple, Launches::Plain), (simple, Launches::Local)]
            .into_iter()
            .find_map(within)
            .or_else(|| {
                let shortest = self.search_in(all)?;
                [no_debugger.without(Family::Colo), no_debugger]
                    .into_iter()
                    .find_map(|families| within((families, all.launches)))
                    .or(Some(shortest))
            })
    }

    /// The same within a scope.
    #[must_use]
    pub fn search_in(&self, scope: Scope) -> Option<Path> {
        let policies = Policies::of(scope.release)
            .iter()
            .filter(|&actions| (self.under)(actions))
            .fold(Policies::EMPTY, Policies::with)
            .and(scope.policies);
        let scope = Scope {
            policies,
            events: scope.events || self.events,
            ..scope
        };
        let space = Space::of(scope, self);
        let reach = space.reach();
        space.shortest(&reach, End::Goal(0)).map(Path::simplified)
    }
}
