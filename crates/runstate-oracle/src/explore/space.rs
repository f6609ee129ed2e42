//! The walk, and the graph it leaves.

use runstate::{
    Actions, Answer, Detail, ExitStatus, Input, Launch, Life, Machine, Output, Release, RunState, SetAction,
    ShutdownAction, Thread, Vm,
};

use super::{
    Families, Launches, Letter, Policies, Setup, alphabet,
    policy::{Outcome, Outcomes},
    table::Numbers,
};

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
const PASS: u8 = u8::MAX;
const ENDS: u32 = u32::MAX - 3 * 256;

impl End {
    const fn code(self) -> u32 {
        ENDS + match self {
            Self::Exit(status) => status.0 as u32,
            Self::Abort { from, to } => 256 + from as u32 * 16 + to as u32,
            Self::Goal(goal) => 512 + goal as u32,
        }
    }

    fn from_code(code: u32) -> Option<Self> {
        let code = code.checked_sub(ENDS)?;
        let low = (code % 256) as u8;
        Some(match code / 256 {
            0 => Self::Exit(ExitStatus(low)),
            1 => Self::Abort {
                from: RunState::ALL[usize::from(low >> 4)],
                to: RunState::ALL[usize::from(low & 15)],
            },
            _ => Self::Goal(low),
        })
    }
}

/// One step of the graph.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    to: u32,
    pub(crate) letter: u8,
    mask: u8,
    /// Which run states it goes through: an index into `Space::ways`.
    way: u16,
}

impl Edge {
    pub(crate) fn end(self) -> Option<End> {
        End::from_code(self.to)
    }

    /// The state it leads to, if it is not an end.
    pub(crate) const fn state(self) -> u32 {
        self.to
    }
}

// Nine bits are left for what a story remembers.
const _: () = assert!(Vm::KEY_BITS <= 55);

/// A VM, and what a story remembers beside it.
#[derive(Clone, Copy, Debug)]
struct Node {
    vm: Vm,
    /// Somebody insisted on poweroff: the shutdown action does not count any more.
    forced: bool,
    /// A command was handled since the last pass.
    commanded: bool,
    memory: u8,
}

impl Node {
    fn key(&self, detail: Detail) -> u64 {
        self.vm.key(detail)
            | u64::from(self.forced) << 55
            | u64::from(self.commanded) << 56
            | u64::from(self.memory) << 57
    }

    fn under(&self, actions: Actions) -> Vm {
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
    fn become_vm(&mut self, before: Actions, vm: Vm) {
        self.forced |=
            before.shutdown() == ShutdownAction::Pause && vm.actions().shutdown() == ShutdownAction::Poweroff;
        self.vm = vm.with_actions(Actions::DEFAULT);
    }
}

/// All states within a scope, and the steps between them.
#[derive(Debug)]
pub struct Space {
    scope: Scope,
    letters: Vec<Letter>,
    launches: Vec<Launch>,
    /// The state of each launch.
    pub(crate) roots: Vec<Result<u32, End>>,
    /// The changes of run state within each launch, as an index into `ways`.
    pub(crate) launch_ways: Vec<u16>,
    nodes: Vec<Node>,
    /// Where each state's edges begin; one more at the end.
    first: Vec<u32>,
    edges: Vec<Edge>,
    masks: Vec<Policies>,
    ways: Vec<Vec<(RunState, RunState)>>,
    steps: u64,
}

impl Space {
    /// Walks all of it.
    #[must_use]
    pub fn of(scope: Scope, observer: &impl Observer) -> Self {
        let mut walk = Walk::new(scope, observer);
        walk.launch();
        let mut at = 0;
        while at < walk.space.nodes.len() {
            walk.space.first.push(walk.space.edges.len() as u32);
            walk.expand(at as u32);
            at += 1;
        }
        walk.space.first.push(walk.space.edges.len() as u32);
        walk.space
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

    /// The launches explored, in order.
    #[must_use]
    pub fn launches(&self) -> &[Launch] {
        &self.launches
    }
}

/// The same with that setup, if it can be set now.
fn set_up(mut node: Node, setup: Setup) -> Option<Node> {
    for command in setup.commands(setup.opposite()) {
        if node.vm.handle(Input::Command(command), &mut |_| ()) != Answer::Done {
            return None;
        }
    }
    Some(node)
}

struct Walk<'a, O> {
    space: Space,
    numbers: Numbers,
    outcomes: Outcomes,
    observer: &'a O,
    /// What a step said; kept for its capacity.
    outputs: Vec<Output>,
    way: Vec<(RunState, RunState)>,
}

impl<'a, O: Observer> Walk<'a, O> {
    fn new(scope: Scope, observer: &'a O) -> Self {
        let letters = alphabet(scope.families, scope.release);
        assert!(
            letters.len() < usize::from(PASS),
            "a letter fits in a byte beside the pass"
        );
        Self {
            outcomes: Outcomes::new(scope.policies),
            space: Space {
                launches: scope.launches.of(scope.release, scope.thread, scope.machine),
                letters,
                scope,
                roots: Vec::new(),
                launch_ways: Vec::new(),
                nodes: Vec::new(),
                first: Vec::new(),
                edges: Vec::new(),
                masks: Vec::new(),
                ways: vec![Vec::new()],
                steps: 0,
            },
            numbers: Numbers::new(),
            observer,
            outputs: Vec::new(),
            way: Vec::new(),
        }
    }

    fn launch(&mut self) {
        for i in 0..self.space.launches.len() {
            self.outputs.clear();
            let vm = Vm::launch(&self.space.launches[i], &mut |output| self.outputs.push(output));
            let node = Node {
                vm,
                forced: false,
                commanded: false,
                memory: 0,
            };
            let root = match self.end_of(&vm) {
                Some(end) => Err(end),
                None => Ok(self.number(node)),
            };
            self.space.roots.push(root);
            let way = self.way();
            self.space.launch_ways.push(way);
        }
    }

    fn end_of(&self, vm: &Vm) -> Option<End> {
        match vm.life() {
            Life::Preconfig | Life::Alive => None,
            Life::Exited => vm.exit_status().map(End::Exit),
            Life::Aborted => self.outputs.iter().find_map(|&output| match output {
                Output::Abort { from, to } => Some(End::Abort { from, to }),
                Output::Event(_) | Output::State { .. } | Output::Exit(_) => None,
            }),
        }
    }

    fn number(&mut self, node: Node) -> u32 {
        let (number, new) = self.numbers.number(node.key(self.space.scope.detail));
        if new {
            self.space.nodes.push(node);
        }
        number
    }

    fn expand(&mut self, state: u32) {
        let node = self.space.nodes[state as usize];
        if self.space.scope.races && (node.vm.has_requests() || node.commanded) {
            self.pass(state, &node, PASS, None, Answer::Done, Policies(u128::MAX), 0);
        }
        for letter in 0..self.space.letters.len() {
            let Letter { input, setup } = self.space.letters[letter];
            // A setup is for the beginning of a migration.
            let node = match setup {
                None => Some(node),
                Some(setup) => set_up(node, setup),
            };
            let Some(node) = node else { continue };
            if node.commanded && matches!(input, Input::Command(_)) {
                continue;
            }
            for i in 0..self.outcomes.of_input(input).len() {
                let outcome = self.outcomes.of_input(input)[i];
                if !self.input(state, &node, letter as u8, input, outcome) {
                    break;
                }
            }
        }
    }

    /// One input; whether it is possible.
    fn input(&mut self, state: u32, node: &Node, letter: u8, input: Input, outcome: Outcome) -> bool {
        let before = node.under(outcome.actions);
        let mut vm = before;
        self.outputs.clear();
        let answer = vm.handle(input, &mut |output| self.outputs.push(output));
        if matches!(answer, Answer::Impossible(_)) {
            return false;
        }
        let mut next = *node;
        next.become_vm(before.actions(), vm);
        if self.space.scope.races {
            next.commanded |= matches!(input, Input::Command(_)) && vm.has_requests();
            self.settle(state, node, letter, Some(input), answer, outcome.for_all_of, next);
        } else if vm.has_requests() && !vm.is_gone() {
            let said = self.outputs.len();
            self.pass(
                state,
                &next,
                letter,
                Some(input),
                answer,
                outcome.for_all_of,
                said,
            );
        } else {
            self.settle(state, node, letter, Some(input), answer, outcome.for_all_of, next);
        }
        true
    }

    /// A pass of the main loop, after `said` outputs of the input.
    #[expect(clippy::too_many_arguments, reason = "one step, taken apart for speed")]
    fn pass(
        &mut self,
        state: u32,
        node: &Node,
        letter: u8,
        input: Option<Input>,
        answer: Answer,
        among: Policies,
        said: usize,
    ) {
        for i in 0..self.outcomes.of_pass(&node.vm).len() {
            let outcome = self.outcomes.of_pass(&node.vm)[i];
            let policies = outcome.for_all_of.and(among);
            if policies.is_empty() {
                continue;
            }
            let before = node.under(outcome.actions);
            let mut vm = before;
            self.outputs.truncate(said);
            vm.main_loop(&mut |output| self.outputs.push(output));
            let mut next = *node;
            next.become_vm(before.actions(), vm);
            next.commanded = false;
            let from = self.space.nodes[state as usize];
            self.settle(state, &from, letter, input, answer, policies, next);
        }
    }

    /// Takes down a step.
    #[expect(clippy::too_many_arguments, reason = "one step, taken apart for speed")]
    fn settle(
        &mut self,
        state: u32,
        node: &Node,
        letter: u8,
        input: Option<Input>,
        answer: Answer,
        policies: Policies,
        mut next: Node,
    ) {
        self.space.steps += 1;
        let seen = Seen {
            before: &node.vm,
            input,
            outputs: &self.outputs,
            answer,
            after: &next.vm,
        };
        let to = match self.observer.see(node.memory, &seen) {
            Verdict::Goal(goal) => End::Goal(goal).code(),
            Verdict::Go(memory) => {
                next.memory = memory;
                match self.end_of(&next.vm) {
                    Some(end) => end.code(),
                    None => self.number(next),
                }
            }
        };
        let way = self.way();
        if to == state && way == 0 {
            return;
        }
        let mask = self.mask(policies);
        let edge = Edge {
            to,
            letter,
            mask,
            way,
        };
        let first = self.space.first[state as usize] as usize;
        // Of several letters that do the same the first explains it best.
        let known = self.space.edges[first..]
            .iter()
            .any(|e| (e.to, e.mask, e.way) == (to, mask, way));
        if !known {
            self.space.edges.push(edge);
        }
    }

    /// The number of the changes of run state among the outputs; 0 is none.
    fn way(&mut self) -> u16 {
        self.way.clear();
        for output in &self.outputs {
            if let &Output::State { from, to } = output {
                self.way.push((from, to));
            }
        }
        if self.way.is_empty() {
            return 0;
        }
        let known = self.space.ways.iter().position(|way| *way == self.way);
        known.unwrap_or_else(|| {
            self.space.ways.push(self.way.clone());
            self.space.ways.len() - 1
        }) as u16
    }

    fn mask(&mut self, policies: Policies) -> u8 {
        let known = self.space.masks.iter().position(|&mask| mask == policies);
        let number = known.unwrap_or_else(|| {
            self.space.masks.push(policies);
            self.space.masks.len() - 1
        });
        u8::try_from(number).expect("there are some dozens of outcomes")
    }
}
