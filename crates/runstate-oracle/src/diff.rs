//! What differs between two releases, found by running both over the same inputs: every input in every situation under every
//! combination of actions on either thread, and then both in lockstep from their launches, breadth first.
//!
//! Nothing here knows a difference by name. What is found is put into groups that a person would call one difference.

mod compare;
mod group;
pub mod json;
mod lockstep;
pub mod text;

use runstate::{Release, RunState};

use crate::{
    matrix::{ActionSets, Query},
    told::Step,
};

pub use group::Group;
pub use lockstep::Sequence;

/// What is compared.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many inputs a sequence has at most.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 3 }
    }
}

/// The differences.
#[derive(Clone, Debug)]
pub struct Diff {
    /// One release,
    pub from: Release,
    /// and the other.
    pub to: Release,
    /// Transitions that only the first allows.
    pub removed: Vec<(RunState, RunState)>,
    /// Transitions that only the second allows.
    pub added: Vec<(RunState, RunState)>,
    /// Names of the schema that only one of them has.
    pub names: Vec<Name>,
    /// What was asked in both; rows name its acts and situations by their places.
    pub query: Query,
    /// The differences in what happens, in groups.
    pub groups: Vec<Group>,
}

/// A name of the schema that only one of two releases has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// The type that has it.
    pub of: &'static str,
    /// The name.
    pub name: &'static str,
    /// The first release with it.
    pub since: Release,
}

/// Two outcomes that differ.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Pair {
    pub(crate) from: Told,
    pub(crate) to: Told,
}

/// What was told, comparable and in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Told(pub Vec<Step>);

impl PartialOrd for Told {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Told {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        format!("{self:?}").cmp(&format!("{other:?}"))
    }
}

/// A row: one act, where and under what it differs, and both outcomes.
#[derive(Clone, Debug)]
pub struct Row {
    /// The act's place in the query.
    pub act: usize,
    /// The situations' places in the query.
    pub situations: Vec<usize>,
    /// On which threads.
    pub threads: Vec<runstate::Thread>,
    /// Under which actions.
    pub actions: ActionSets,
    /// What the first says.
    pub from: Told,
    /// What the second says.
    pub to: Told,
    /// The release that brought it.
    pub since: Release,
}

/// What kind of difference it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The same is said, and the reply comes elsewhere.
    Order,
    /// The same is said with other members or another rate limit.
    Data,
    /// The same is refused in other words.
    Words,
    /// One of them aborts.
    Abort,
    /// Other things are said, or it ends elsewhere.
    Behaviour,
}

impl Kind {
    /// Every kind, in the order in which they are told.
    pub const ALL: &'static [Self] = &[Self::Order, Self::Data, Self::Words, Self::Abort, Self::Behaviour];

    /// Its name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Data => "data",
            Self::Words => "words",
            Self::Abort => "abort",
            Self::Behaviour => "behaviour",
        }
    }
}

impl Diff {
    /// Compares two releases.
    #[must_use]
    pub fn of(from: Release, to: Release, limits: Limits) -> Self {
        let mut query = Query::all();
        query.releases = vec![from, to];
        let pairs =
            |release: Release| -> Vec<(RunState, RunState)> { release.graph().transitions().collect() };
        let only = |one: Release, other: Release| -> Vec<(RunState, RunState)> {
            let there = pairs(other);
            pairs(one)
                .into_iter()
                .filter(|pair| !there.contains(pair))
                .collect()
        };
        let rows = compare::rows(&query, from, to);
        let sequences = if from == to {
            Vec::new()
        } else {
            lockstep::sequences(&query.acts, from, to, limits)
        };
        let groups = group::groups(&query, rows, sequences);
        Self {
            from,
            to,
            removed: only(from, to),
            added: only(to, from),
            names: names(from, to),
            query,
            groups,
        }
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty() && self.names.is_empty() && self.groups.is_empty()
    }
}

/// The names that one release has and the other has not, of every type whose values have come over time.
fn names(from: Release, to: Release) -> Vec<Name> {
    use runstate::{GuestPanicInformationType, MigrationStatus, PanicAction, ShutdownCause, WatchdogAction};
    let (older, newer) = (from.min(to), from.max(to));
    let mut names = Vec::new();
    let mut list = |of: &'static str, all: Vec<(&'static str, Release)>| {
        let new = all
            .into_iter()
            .filter(|(_, since)| *since > older && *since <= newer);
        names.extend(new.map(|(name, since)| Name { of, name, since }));
    };
    list(
        "RunState",
        RunState::ALL.iter().map(|v| (v.name(), v.since())).collect(),
    );
    list(
        "ShutdownCause",
        ShutdownCause::ALL.iter().map(|v| (v.name(), v.since())).collect(),
    );
    list(
        "WatchdogAction",
        WatchdogAction::ALL
            .iter()
            .map(|v| (v.name(), v.since()))
            .collect(),
    );
    list(
        "PanicAction",
        PanicAction::ALL.iter().map(|v| (v.name(), v.since())).collect(),
    );
    list(
        "GuestPanicInformationType",
        GuestPanicInformationType::ALL
            .iter()
            .map(|v| (v.name(), v.since()))
            .collect(),
    );
    list(
        "MigrationStatus",
        MigrationStatus::ALL
            .iter()
            .map(|v| (v.name(), v.since()))
            .collect(),
    );
    names
}

/// How two outcomes differ.
pub(crate) fn kind(from: &[Step], to: &[Step]) -> Kind {
    let aborts = |told: &[Step]| told.iter().any(|step| matches!(step, Step::Abort(_)));
    // An abort comes before a late reply, which then is not sent.
    if compare::glance(from) == compare::glance(to)
        || aborts(from) && aborts(to) && compare::without_replies(from) == compare::without_replies(to)
    {
        Kind::Order
    } else if compare::plain(from) == compare::plain(to) {
        Kind::Data
    } else if aborts(from) != aborts(to) {
        Kind::Abort
    } else if compare::without_words(from) == compare::without_words(to) {
        Kind::Words
    } else {
        Kind::Behaviour
    }
}
