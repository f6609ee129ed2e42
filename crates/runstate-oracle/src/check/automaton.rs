//! The machine as an automaton over letters: for one kind of QEMU, every state it can rest in, and what one group of deeds makes
//! it say.

use std::collections::{HashMap, VecDeque};

use runstate::{
    Detail, IncomingOption, Input, Launch, Output, Release, RunState, SetAction, ShutdownAction, Thread, Vm,
};

use super::{
    deed::{Deed, Step, deeds, forget_actions},
    letter::Letter,
};

/// A state in which nothing is pending: an index into [`Automaton::states`].
pub(super) type Rest = u32;

/// What a group of deeds does: says some letters, and rests again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Edge {
    pub(super) letters: Box<[Letter]>,
    pub(super) to: Rest,
    /// The deeds, as indices into [`Automaton::deeds`]; the second is absent where there is one. Not part of what is heard.
    pub(super) deeds: [u16; 2],
}

/// No second deed.
pub(super) const ALONE: u16 = u16::MAX;
/// Not a deed: an event that a rate limit held back.
pub(super) const HELD_BACK: u16 = u16::MAX - 1;
/// Not a deed: a vCPU that still ran when QEMU left its main loop.
pub(super) const LATE: u16 = u16::MAX - 3;
/// Not a deed: nothing happened but the answer.
pub(super) const ASKED: u16 = u16::MAX - 2;

/// One kind of QEMU.
#[derive(Debug)]
pub(super) struct Automaton {
    /// The releases that it stands for: they behave alike as far as a log can tell.
    pub(super) releases: Vec<Release>,
    pub(super) thread: Thread,
    pub(super) states: Vec<Vm>,
    pub(super) edges: Vec<Vec<Edge>>,
    /// Of each state: those that it can come to without a sound, itself among them, one bit each.
    pub(super) silent: Vec<Box<[u64]>>,
    pub(super) deeds: Vec<Deed>,
}

impl Automaton {
    /// Explores one release; `releases` are all that behave like it.
    pub(super) fn build(releases: Vec<Release>, thread: Thread) -> Self {
        let release = releases[0];
        let mut automaton = Self {
            releases,
            thread,
            states: Vec::new(),
            edges: Vec::new(),
            silent: Vec::new(),
            deeds: deeds(),
        };
        let mut index = HashMap::new();
        let mut todo = VecDeque::new();
        for vm in launches(release, thread) {
            automaton.enter(vm, &mut index, &mut todo);
        }
        while let Some(at) = todo.pop_front() {
            let edges = automaton.leave(at, &mut index, &mut todo);
            automaton.edges[at as usize] = edges;
        }
        automaton.silent = (0..automaton.states.len())
            .map(|from| automaton.silently(from))
            .collect();
        automaton
    }

    fn silently(&self, from: usize) -> Box<[u64]> {
        let mut seen = vec![0_u64; self.states.len().div_ceil(64)];
        let mut todo = vec![from];
        while let Some(at) = todo.pop() {
            if seen[at / 64] & (1 << (at % 64)) == 0 {
                seen[at / 64] |= 1 << (at % 64);
                todo.extend(
                    self.edges[at]
                        .iter()
                        .filter(|edge| edge.letters.is_empty())
                        .map(|edge| edge.to as usize),
                );
            }
        }
        seen.into_boxed_slice()
    }

    fn enter(&mut self, vm: Vm, index: &mut HashMap<(u64, u8), Rest>, todo: &mut VecDeque<Rest>) -> Rest {
        *index.entry(identity(&vm)).or_insert_with(|| {
            let at = Rest::try_from(self.states.len()).unwrap_or(Rest::MAX);
            self.states.push(vm);
            self.edges.push(Vec::new());
            todo.push_back(at);
            at
        })
    }

    /// Every edge that leaves a state.
    fn leave(
        &mut self,
        at: Rest,
        index: &mut HashMap<(u64, u8), Rest>,
        todo: &mut VecDeque<Rest>,
    ) -> Vec<Edge> {
        let vm = self.states[at as usize];
        let mut found: HashMap<(Box<[Letter]>, Rest), [u16; 2]> = HashMap::new();
        let mut add = |letters: Vec<Letter>, to: Rest, deeds: [u16; 2]| {
            let silent_loop = letters.is_empty() && to == at;
            if !silent_loop {
                found.entry((letters.into_boxed_slice(), to)).or_insert(deeds);
            }
        };
        for letter in self.told_at_rest(&vm) {
            add(vec![letter], at, [ASKED, ALONE]);
        }
        for letter in held_back(&vm) {
            add(vec![letter], at, [HELD_BACK, ALONE]);
        }
        for letter in after_exit(&vm) {
            add(vec![letter], at, [LATE, ALONE]);
        }
        // While QEMU cleans up it still dispatches a command; of those only cont can say something.
        let single: Vec<[u16; 2]> = (0..self.deeds.len() as u16)
            .filter(|deed| !vm.is_gone() || self.deeds[*deed as usize].name == "cont")
            .map(|deed| [deed, ALONE])
            .collect();
        let grouped: Vec<u16> = (0..self.deeds.len() as u16)
            .filter(|deed| self.deeds[*deed as usize].groups)
            .collect();
        let pairs = grouped.iter().flat_map(|&a| grouped.iter().map(move |&b| [a, b]));
        for deeds in single.into_iter().chain(pairs.filter(|_| !vm.is_gone())) {
            let parts: Vec<&Deed> = deeds
                .iter()
                .filter(|deed| **deed != ALONE)
                .map(|deed| &self.deeds[*deed as usize])
                .collect();
            let Some((letters, next)) = run(vm, &parts) else {
                continue;
            };
            let droppable = parts.iter().any(|deed| deed.held_back);
            let to = self.enter(next, index, todo);
            if droppable {
                let kept: Vec<Letter> = letters
                    .iter()
                    .copied()
                    .filter(|letter| !is_limited(*letter, &vm))
                    .collect();
                add(kept, to, deeds);
            }
            if vm.release().reply_after_pass() && !letters.is_empty() && !vm.is_gone() {
                // An answer that was true before the pass, and goes out after it.
                let mut late = letters.clone();
                late.push(Letter::status(vm.run_state()));
                add(late, to, deeds);
            }
            if next.run_state() == RunState::FinishMigrate || next.run_state() == RunState::Postmigrate {
                // The migration's thread changes the state before it says STOP.
                let mut early = vec![Letter::status(RunState::FinishMigrate)];
                early.extend(&letters);
                add(early, to, deeds);
            }
            add(letters, to, deeds);
        }
        let mut edges: Vec<Edge> = found
            .into_iter()
            .map(|((letters, to), deeds)| Edge { letters, to, deeds })
            .collect();
        // In an order that does not depend on the hash map's.
        edges.sort_by(|a, b| (&a.letters, a.to, a.deeds).cmp(&(&b.letters, b.to, b.deeds)));
        edges
    }

    /// What a VM at rest answers.
    fn told_at_rest(&self, vm: &Vm) -> impl Iterator<Item = Letter> + use<> {
        let state = vm.run_state();
        let reset = matches!(state, RunState::InternalError | RunState::Shutdown);
        [
            Some(Letter::status(state)),
            reset.then_some(Letter::RESET_REQUIRED),
            (state == RunState::FinishMigrate).then_some(Letter::NOT_FINALIZED),
            (state != RunState::Suspended).then_some(Letter::NOT_SUSPENDED),
        ]
        .into_iter()
        .flatten()
    }
}

/// What a VM at rest has to differ in to be another one.
///
/// Where no migration is at work and none is awaited, its run state, the suspended flag and two actions decide what a log can
/// hear of it; a dump in the background is left out.
fn identity(vm: &Vm) -> (u64, u8) {
    let actions = vm.actions();
    let policy = actions.reboot() as u8 | (actions.shutdown() as u8) << 1;
    let plain = vm.run_state() as u64 | u64::from(vm.was_suspended()) << 4;
    if vm.is_gone() {
        return (
            1 << 63 | 1 << 62 | vm.run_state() as u64,
            u8::from(vm.exit_status().is_some()),
        );
    }
    if vm.migration_in_flight() || matches!(vm.run_state(), RunState::Inmigrate | RunState::SaveVm) {
        return (vm.key(Detail::RunState), policy);
    }
    (1 << 63 | plain, policy)
}

/// How QEMU can have been started.
fn launches(release: Release, thread: Thread) -> Vec<Vm> {
    let mut vms = Vec::new();
    // Those without a migration first: they stand for the others that are like them.
    for incoming in [IncomingOption::None, IncomingOption::Uri] {
        for autostart in [true, false] {
            for &shutdown in ShutdownAction::ALL {
                let mut launch = Launch::new(release);
                launch.machine.snapshot_disk = true;
                (launch.autostart, launch.incoming, launch.thread) = (autostart, incoming, thread);
                launch.actions = launch.actions.with(SetAction {
                    shutdown: Some(shutdown),
                    ..SetAction::default()
                });
                let mut vm = Vm::launch(&launch, &mut |_| {});
                vm.main_loop(&mut |_| {});
                vms.push(vm);
            }
        }
    }
    vms
}

/// Does the deeds of one group, and the pass. `None` where one of them cannot happen.
fn run(mut vm: Vm, deeds: &[&Deed]) -> Option<(Vec<Letter>, Vm)> {
    let mut letters = Vec::new();
    let mut hear = |output: Output| {
        if let Output::Event(event) = output {
            letters.extend(Letter::of(event));
        }
    };
    for deed in deeds {
        for step in &deed.steps {
            match step {
                Step::Do(input) => match vm.handle(*input, &mut hear) {
                    runstate::Answer::Done => {}
                    runstate::Answer::Refused(_) if matches!(input, Input::Command(_)) => {}
                    runstate::Answer::Refused(_) | runstate::Answer::Impossible(_) => return None,
                },
                Step::Pass => vm.main_loop(&mut hear),
            }
        }
    }
    vm.main_loop(&mut hear);
    let _ = vm.handle(forget_actions(), &mut |_| {});
    Some((letters, vm))
}

/// Whether the event's rate is limited, so that it may be missing, or late.
fn is_limited(letter: Letter, vm: &Vm) -> bool {
    held_back(vm).any(|limited| limited == letter)
}

/// What may come late, for something that happened within the second before; and an I/O error, which may come while the VM is
/// stopped, of whatever action.
fn held_back(vm: &Vm) -> impl Iterator<Item = Letter> + use<> {
    let (release, gone, live) = (vm.release(), vm.is_gone(), vm.is_live());
    let watchdog = runstate::WatchdogAction::ALL
        .iter()
        .map(|&action| Letter::watchdog(action));
    let block = runstate::BlockErrorAction::ALL
        .iter()
        .filter(move |action| release.throttles_block_io_error(**action) || !live)
        .map(|&action| Letter::block_io_error(action));
    watchdog.chain(block).filter(move |_| !gone)
}

/// What a vCPU that has not been stopped yet may cause after the last SHUTDOWN.
fn after_exit(vm: &Vm) -> impl Iterator<Item = Letter> + use<> {
    let exited = vm.exit_status().is_some();
    let panicked = runstate::GuestPanicAction::ALL
        .iter()
        .map(|&action| Letter::panicked(action));
    panicked
        .chain([Letter::crashloaded(runstate::GuestPanicAction::Run)])
        .filter(move |_| exited)
}
