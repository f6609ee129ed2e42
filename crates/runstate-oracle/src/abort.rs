//! The ways to make QEMU abort with "invalid runstate transition": for each pair of states the simplest.

use runstate::{Machine, Release, RunState, Thread};

use crate::{
    explore::{End, Families, Family, Launches, Nothing, Policies, Scope, Space},
    path::Path,
};

/// What it takes to bring an abort about, the simplest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Takes {
    /// The guest does it alone: an ordinary launch, and one thing after another.
    Guest,
    /// The guest does it alone, with several vCPUs whose actions meet one pass of the main loop.
    GuestRace,
    /// Somebody on the host must take part, by a command, a migration, a snapshot, or because a disk fails.
    Host,
    /// The same, and several things meet one pass.
    HostRace,
    /// One of a COLO pair.
    Colo,
    /// A debugger must take part.
    Debugger,
    /// The same, and several things meet one pass.
    DebuggerRace,
    /// Guest actions must happen on the main loop, as with `-accel qtest` or HMP's `o`.
    MainLoop,
}

impl Takes {
    /// All, the simplest first.
    pub const ALL: &'static [Self] = &[
        Self::Guest,
        Self::GuestRace,
        Self::Host,
        Self::HostRace,
        Self::Colo,
        Self::Debugger,
        Self::DebuggerRace,
        Self::MainLoop,
    ];

    /// A word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::GuestRace => "guest-race",
            Self::Host => "host",
            Self::HostRace => "host-race",
            Self::Colo => "colo",
            Self::Debugger => "debugger",
            Self::DebuggerRace => "debugger-race",
            Self::MainLoop => "main-loop",
        }
    }

    /// A sentence about it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Guest => "the guest alone",
            Self::GuestRace => {
                "the guest alone, by actions of several vCPUs that meet one pass of the main loop"
            }
            Self::Host => "needs somebody on the host",
            Self::HostRace => {
                "needs somebody on the host, and several things that meet one pass of the main loop"
            }
            Self::Colo => "needs a COLO pair",
            Self::Debugger => "needs a debugger",
            Self::DebuggerRace => "needs a debugger, and several things that meet one pass of the main loop",
            Self::MainLoop => "needs guest actions on the main loop (qtest, or HMP's o)",
        }
    }

    /// What is explored for it.
    #[must_use]
    pub fn scope(self, release: Release) -> Scope {
        let all = Scope::new(release);
        let races = Scope::races(release);
        let guest = Scope {
            families: Families::GUEST,
            launches: Launches::Plain,
            machine: Machine::DEFAULT,
            ..all
        };
        match self {
            Self::Guest => guest,
            Self::GuestRace => Scope { races: true, ..guest },
            Self::Host => Scope {
                families: all.families.without(Family::Debugger).without(Family::Colo),
                ..all
            },
            Self::Colo => Scope {
                families: all.families.without(Family::Debugger),
                ..all
            },
            Self::HostRace => Scope {
                families: races.families.without(Family::Debugger),
                ..races
            },
            Self::Debugger => Scope {
                families: all.families.without(Family::Colo),
                ..all
            },
            Self::DebuggerRace => races,
            Self::MainLoop => Scope {
                thread: Thread::MainLoop,
                ..all
            },
        }
    }
}

/// One pair of states, and how to bring it about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abort {
    /// The state QEMU is in.
    pub from: RunState,
    /// The state it cannot go to.
    pub to: RunState,
    /// What it takes.
    pub takes: Takes,
    /// The shortest way, under the actions that change the fewest defaults.
    pub path: Path,
    /// The policies under which there is a way that takes no more.
    pub policies: Policies,
}

/// Every abort of a release that the explored scopes reach, by what it takes, then by pair.
#[must_use]
pub fn aborts(release: Release) -> Vec<Abort> {
    let mut found: Vec<Abort> = Vec::new();
    for &takes in Takes::ALL {
        let space = Space::of(takes.scope(release), &Nothing);
        let reach = space.reach();
        for end in reach.ends() {
            let End::Abort { from, to } = end else { continue };
            if found.iter().any(|abort| (abort.from, abort.to) == (from, to)) {
                continue;
            }
            if let Some(path) = space.shortest(&reach, end) {
                let path = path.simplified();
                let policies = reach.of_end(end);
                found.push(Abort {
                    from,
                    to,
                    takes,
                    path,
                    policies,
                });
            }
        }
    }
    found
}
