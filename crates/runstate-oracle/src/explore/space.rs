//! What is explored, and the graph that it is.

use runstate::{
    Actions, Answer, Capability, Command, Detail, ExitStatus, Input, Launch, Machine, Output, Release,
    RunState, SetAction, ShutdownAction, Thread, Vm,
};

use super::{Families, Launches, Letter, Policies, Setup, walk::Walk};

/// What is explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Of which QEMU.
    pub release: Release,
    /// Where guest actions run.
    pub thread: Thread,
    /// The machine.
    pub machine: Machine,
    /// How it may be started.
    pub launches: Launches,
    /// What may happen.
    pub families: Families,
    /// Whether several things may happen before one pass of the main loop.
    pub races: bool,
    /// Under which actions, fixed for a VM's life.
    pub policies: Policies,
    /// Which states count as one.
    pub detail: Detail,
    /// Whether the capability `events` is switched on first, so that MIGRATION and MIGRATION_PASS are told. It changes nothing else.
    pub events: bool,
}

impl Scope {
    /// Everything but races: guests on vCPU threads, a machine with a disk for snapshots, all actions.
    #[must_use]
    pub fn new(release: Release) -> Self {
        Self {
            release,
            thread: Thread::Vcpu,
            machine: Machine {
                snapshot_disk: true,
                ..Machine::DEFAULT
            },
            launches: Launches::All,
            families: Families::ALL,
            races: false,
            policies: Policies::of(release),
            detail: Detail::RunState,
            events: false,
        }
    }

    /// Every interleaving of everything but migration.
    #[must_use]
    pub fn races(release: Release) -> Self {
        Self {
            launches: Launches::Local,
            families: Families::WITHOUT_MIGRATION,
            races: true,
            ..Self::new(release)
        }
    }
}

/// One step, as an [`Observer`] sees it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The VM before.
    pub before: &'a Vm,
    /// What happened; `None` is a pass of the main loop.
    pub input: Option<Input>,
    /// What was set before it, if it begins a migration.
    pub setup: Option<Setup>,
    /// What QEMU did, in order. Without races that includes the pass that follows the input.
    pub outputs: &'a [Output],
    /// Its answer, if the step is a command.
    pub answer: Answer,
    /// The VM after.
    pub after: &'a Vm,
}

/// What an observer makes of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on, remembering this (at most seven bits).
    Go(u8),
    /// This is what was looked for: the story ends here.
    Goal(u8),
}

/// Somebody who watches the walk and remembers a little of each story: its memory is part of the state.
pub trait Observer {
    /// A step. `memory` is what the last verdict of this story told to remember; at the launch it is 0.
    fn see(&self, memory: u8, seen: &Seen<'_>) -> Verdict;
}

/// Watches nothing.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl Observer for Nothing {
    #[inline]
    fn see(&self, _: u8, _: &Seen<'_>) -> Verdict {
        Verdict::Go(0)
    }
}

/// Where a story ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// QEMU has exited.
    Exit(ExitStatus),
    /// QEMU has aborted.
    Abort {
        /// In this state,
        from: RunState,
        /// for it cannot go to this one.
        to: RunState,
    },
    /// The observer has found what it looked for.
    Goal(u8),
}

/// The letter of a step that is a pass.
pub(super) const PASS: u8 = u8::MAX;
/// From here on a state's number is an end's.
const ENDS: u32 = u32::MAX - End::CODES as u32;

impl End {
    /// How many numbers there are.
    pub(super) const CODES: usize = 3 * 256;

    /// A number for it; they are in the order of the ends.
    pub(super) const fn number(self) -> usize {
        match self {
            Self::Exit(status) => status.0 as usize,
            Self::Abort { from, to } => 256 + from as usize * 16 + to as usize,
            Self::Goal(goal) => 512 + goal as usize,
        }
    }

    pub(super) fn from_number(number: usize) -> Option<Self> {
        let low = (number % 256) as u8;
        Some(match number / 256 {
            0 => Self::Exit(ExitStatus(low)),
            1 => Self::Abort {
                from: RunState::ALL[usize::from(low >> 4)],
                to: RunState::ALL[usize::from(low & 15)],
            },
            2 => Self::Goal(low),
            _ => return None,
        })
    }

    /// The same in the place of a state's number.
    pub(super) const fn code(self) -> u32 {
        ENDS + self.number() as u32
    }
}

/// One step of the graph.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub(super) to: u32,
    pub(crate) letter: u8,
    pub(super) mask: u8,
    /// Which run states it goes through: an index into `Space::ways`.
    pub(super) way: u16,
}

impl Edge {
    pub(crate) fn end(self) -> Option<End> {
        End::from_number(self.end_number()?)
    }

    #[inline]
    pub(super) fn end_number(self) -> Option<usize> {
        self.to.checked_sub(ENDS).map(|number| number as usize)
    }

    /// The state it leads to, if it is not an end.
    pub(crate) const fn state(self) -> u32 {
        self.to
    }
}

// Nine bits are left for what a story remembers.
const _: () = assert!(Vm::KEY_BITS <= 55);

/// A VM, and what a story remembers beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) vm: Vm,
    /// Somebody insisted on poweroff: the shutdown action does not count any more.
    pub(super) forced: bool,
    /// A command was handled since the last pass.
    pub(super) commanded: bool,
    pub(super) memory: u8,
}

impl Node {
    #[inline]
    pub(super) fn key(&self, detail: Detail) -> u64 {
        self.vm.key(detail)
            | u64::from(self.forced) << 55
            | u64::from(self.commanded) << 56
            | u64::from(self.memory) << 57
    }

    #[inline]
    pub(super) fn under(&self, actions: Actions) -> Vm {
        self.vm.with_actions(if self.forced {
            actions.with(SetAction {
                shutdown: Some(ShutdownAction::Poweroff),
                ..SetAction::default()
            })
        } else {
            actions
        })
    }

    /// Takes what came of it. Actions that lost their pause were forced to poweroff.
    #[inline]
    pub(super) fn become_vm(&mut self, before: Actions, vm: Vm) {
        self.forced |=
            before.shutdown() == ShutdownAction::Pause && vm.actions().shutdown() == ShutdownAction::Poweroff;
        self.vm = vm.with_actions(Actions::DEFAULT);
    }
}

/// All states within a scope, and the steps between them.
#[derive(Debug)]
pub struct Space {
    pub(super) scope: Scope,
    pub(super) letters: Vec<Letter>,
    pub(super) launches: Vec<Launch>,
    /// The state of each launch.
    pub(crate) roots: Vec<Result<u32, End>>,
    /// The changes of run state within each launch, as an index into `ways`.
    pub(crate) launch_ways: Vec<u16>,
    pub(super) nodes: Vec<Node>,
    /// Where each state's edges begin; one more at the end.
    pub(super) first: Vec<u32>,
    pub(super) edges: Vec<Edge>,
    pub(super) masks: Vec<Policies>,
    pub(super) ways: Vec<Vec<(RunState, RunState)>>,
    pub(super) steps: u64,
}

impl Space {
    /// Walks all of it.
    #[must_use]
    pub fn of(scope: Scope, observer: &impl Observer) -> Self {
        Walk::new(scope, observer).walked()
    }

    /// What was explored.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// How many states there are, under any policy.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none: every launch ends at once.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// How many steps were tried and possible.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// The VM of a state. Its actions are the default, whatever they were.
    #[must_use]
    pub fn vm(&self, state: u32) -> &Vm {
        &self.nodes[state as usize].vm
    }

    pub(crate) fn edges(&self, state: u32) -> &[Edge] {
        let at = state as usize;
        &self.edges[self.first[at] as usize..self.first[at + 1] as usize]
    }

    pub(crate) fn mask(&self, edge: Edge) -> Policies {
        self.masks[usize::from(edge.mask)]
    }

    pub(crate) const fn ways_len(&self) -> usize {
        self.ways.len()
    }

    pub(crate) fn way_number(&self, edge: Edge) -> usize {
        usize::from(edge.way)
    }

    /// The changes of the run state on steps of that way.
    pub(crate) fn way_of_number(&self, number: usize) -> &[(RunState, RunState)] {
        &self.ways[number]
    }

    /// The letter of that number; `None` for a pass.
    pub(crate) fn letter(&self, letter: u8) -> Option<Letter> {
        self.letters.get(usize::from(letter)).copied()
    }

    /// What is done to a VM before anything else: see [`Scope::events`].
    pub(crate) fn preparation(&self) -> Option<Input> {
        let events = Command::MigrateSetCapability(Capability::Events, true);
        self.scope.events.then_some(Input::Command(events))
    }

    /// The launches explored, in order.
    #[must_use]
    pub fn launches(&self) -> &[Launch] {
        &self.launches
    }
}
