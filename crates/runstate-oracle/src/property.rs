//! What always holds, or sometimes happens: claims with names, checked on every reachable step.
//!
//! Some are what a client would like to rely on, some are promises of QEMU's documentation. Where one does not hold, the
//! shortest counterexample is part of the answer.

mod claims;
mod states;

use runstate::{Actions, Release};

pub use claims::{always, sometimes};

use crate::{
    explore::{End, Families, Launches, Observer, Policies, Scope, Seen, Space, Verdict},
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
    /// The shortest story in which the step that is looked for comes: a counterexample to what always holds, an example of
    /// what sometimes happens. `None`: every story was told and none has it.
    ///
    /// Stories without debuggers and migration are told first, for they are easier to follow.
    #[must_use]
    pub fn search(&self, release: Release) -> Option<Path> {
        let all = Scope::new(release);
        let simple = Families::SIMPLE;
        [
            (simple, Launches::Plain),
            (simple, Launches::Local),
            (all.families, all.launches),
        ]
        .into_iter()
        .find_map(|(families, launches)| {
            self.search_in(Scope {
                families,
                launches,
                ..all
            })
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
        let space = Space::of(Scope { policies, ..scope }, self);
        let reach = space.reach();
        space.shortest(&reach, End::Goal(0)).map(Path::simplified)
    }
}
