//! The machine as an automaton over letters: for one kind of QEMU, every state that a log can leave it in, and what can be heard
//! on the way to the next.
//!
//! What QEMU does between two things heard is taken apart as QEMU does it: any number of deeds, and then one pass of the main
//! loop, which services the requests that they left, one after the other. A request that was left in silence is not remembered:
//! it is guessed when its slot comes up, from what could have left it. So a group of any size takes no more states than one deed.
//!
//! The reboot, shutdown, panic and watchdog actions can be changed in silence at any time, so each deed that looks at one brings
//! its own.

use std::collections::HashMap;

use runstate::{
    Answer, Detail, IncomingOption, Input, Launch, Output, Release, Requests, RunState, Thread, Vm,
};

use super::{
    deed::{Deed, Kind, actions, deeds},
    letter::Letter,
    word::Word,
};

mod pass;

/// An index into [`Automaton::states`].
pub(super) type Rest = u32;

/// A set of guesses, one bit each.
type Guesses = u32;

/// Where a QEMU is between two things heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// The machine, nothing pending.
    pub(super) vm: Vm,
    /// What is pending and must be serviced, because its deed was heard or changed something else.
    pub(super) pending: Requests,
    /// What else can be pending, though nobody could ask for it now: the guest could before it was stopped.
    extra: Guesses,
    /// The next slot of the pass, plus 1; 0 while no pass is under way.
    phase: u8,
    /// What the vCPUs could ask for until they were stopped in this pass.
    fresh: Guesses,
    /// The run state in which the pass began.
    began: RunState,
}

type Key = (u64, Requests, Guesses, u8, Guesses, RunState);

impl State {
    fn key(&self) -> Key {
        (
            identity(&self.vm),
            self.pending,
            self.extra,
            self.phase,
            self.fresh,
            self.began,
        )
    }

    const fn resting(vm: Vm) -> Self {
        Self {
            vm,
            pending: Requests::NONE,
            extra: 0,
            phase: 0,
            fresh: 0,
            began: RunState::Debug,
        }
    }

    /// Whether a pass is under way.
    pub(super) const fn in_pass(&self) -> bool {
        self.phase > 0
    }
}

/// A step: something is said, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) word: Word,
    pub(super) to: Rest,
    pub(super) cause: Cause,
}

/// Why an edge is there. Of several the least is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// QEMU answers what it was asked.
    Asked,
    /// The pass is over, or nothing happened in it.
    Ends,
    /// The pass services what is pending.
    Serves {
        /// The deed that asked for it, where that was not heard.
        guessed: Option<u16>,
        /// What a vCPU did before it was stopped.
        meanwhile: Option<u16>,
    },
    /// A deed, and another one in silence just before it.
    Deed {
        /// The deed.
        deed: u16,
        /// What was pending when it was done.
        before: Option<u16>,
    },
    /// A rate limit lets an event go that it had held back.
    Late,
    /// A vCPU still runs while QEMU exits.
    AfterExit,
}

/// What can be done to a machine at rest, and what it says.
#[derive(Debug)]
struct Profile {
    /// What can be asked for in silence.
    guesses: Guesses,
    /// The other deeds that do something.
    deeds: Box<[u16]>,
}

/// One kind of QEMU. Grows as it is asked.
#[derive(Clone, Debug)]
pub(super) struct Automaton {
    /// The releases that it stands for: they behave alike as far as a log can tell.
    pub(super) releases: Vec<Release>,
    pub(super) thread: Thread,
    pub(super) states: Vec<State>,
    /// How many of them, the first ones, are at rest in a machine that has not gone.
    pub(super) resting: usize,
    pub(super) deeds: Vec<Deed>,
    index: HashMap<Key, Rest>,
    edges: Vec<Option<std::sync::Arc<[Edge]>>>,
    profiles: HashMap<u64, std::sync::Arc<Profile>>,
    /// What a guess stands for, and the deed that asks for it.
    guesses: Vec<(Requests, u16)>,
}

impl Automaton {
    /// Finds the states of one release; `releases` are all that behave like it.
    pub(super) fn build(releases: Vec<Release>, thread: Thread) -> Self {
        let release = releases[0];
        let mut automaton = Self {
            releases,
            thread,
            states: Vec::new(),
            resting: 0,
            deeds: deeds(release),
            index: HashMap::new(),
            edges: Vec::new(),
            profiles: HashMap::new(),
            guesses: Vec::new(),
        };
        automaton.guesses = automaton.every_guess();
        for vm in launches(release, thread) {
            automaton.enter(State::resting(vm));
        }
        // What every deed with a pass of its own leads to is all that there is at rest. The plain VMs first: they stand for others.
        automaton.explore(|deed| !deed.is_long());
        automaton.explore(|_| true);
        automaton.resting = automaton.states.len();
        automaton
    }

    fn explore(&mut self, of_interest: impl Fn(&Deed) -> bool) {
        let mut at = 0;
        while at < self.states.len() {
            let vm = self.states[at].vm;
            for deed in 0..self.deeds.len() {
                if !of_interest(&self.deeds[deed]) {
                    continue;
                }
                for policy in actions::SHUTDOWN {
                    let Some((_, mut next)) = run(vm, &self.deeds[deed]) else {
                        continue;
                    };
                    next = next.with_actions(policy);
                    next.main_loop(&mut |_| {});
                    next = settled(next);
                    if !next.is_gone() {
                        self.enter(State::resting(next));
                    }
                }
            }
            at += 1;
        }
    }

    /// The edges that leave a state.
    pub(super) fn edges(&mut self, at: Rest) -> std::sync::Arc<[Edge]> {
        if let Some(known) = &self.edges[at as usize] {
            return std::sync::Arc::clone(known);
        }
        let edges = self.leave(at);
        let edges: std::sync::Arc<[Edge]> = edges.into();
        self.edges[at as usize] = Some(std::sync::Arc::clone(&edges));
        edges
    }

    fn enter(&mut self, state: State) -> Rest {
        let next = Rest::try_from(self.states.len()).unwrap_or(Rest::MAX);
        let at = *self.index.entry(state.key()).or_insert(next);
        if at == next {
            self.states.push(state);
            self.edges.push(None);
        }
        at
    }

    /// Everything that anybody can ask for in silence, in any state.
    fn every_guess(&self) -> Vec<(Requests, u16)> {
        let mut guesses: Vec<(Requests, u16)> = Vec::new();
        for incoming in [IncomingOption::None, IncomingOption::Uri] {
            let vm = launched(self.releases[0], self.thread, incoming, true);
            for (number, deed) in self.deeds.iter().enumerate() {
                if let Some(asked) = asks_only(vm, deed)
                    && !guesses.iter().any(|(known, _)| *known == asked)
                {
                    guesses.push((asked, number as u16));
                }
            }
        }
        debug_assert!(guesses.len() <= Guesses::BITS as usize, "one bit each");
        guesses
    }

    fn profile(&mut self, vm: &Vm) -> std::sync::Arc<Profile> {
        let key = identity(vm);
        if let Some(known) = self.profiles.get(&key) {
            return std::sync::Arc::clone(known);
        }
        let (mut guesses, mut rest) = (0, Vec::new());
        for (number, deed) in self.deeds.iter().enumerate() {
            if vm.is_gone() && deed.kind != Kind::Command {
                continue;
            }
            if let Some(asked) = asks_only(*vm, deed)
                && let Some(bit) = self.guesses.iter().position(|(known, _)| *known == asked)
            {
                guesses |= 1 << bit;
                if !deed.held_back {
                    continue;
                }
            }
            if let Some((word, next)) = run(*vm, deed)
                && (!word.is_empty() || identity(&next) != key || next.requests() != Requests::NONE)
            {
                rest.push(number as u16);
            }
        }
        let profile = std::sync::Arc::new(Profile {
            guesses,
            deeds: rest.into(),
        });
        self.profiles.insert(key, std::sync::Arc::clone(&profile));
        profile
    }

    fn leave(&mut self, at: Rest) -> Vec<Edge> {
        let state = self.states[at as usize];
        let profile = self.profile(&state.vm);
        let mut found = Found::default();
        if !state.in_pass() {
            self.told(&state, at, &mut found);
            self.done(&state, &profile, &mut found);
        }
        if !state.vm.is_gone() {
            self.pass(&state, &profile, &mut found);
        }
        found.edges(at)
    }

    /// What QEMU says while nothing happens.
    fn told(&self, state: &State, at: Rest, found: &mut Found) {
        for letter in answers(&state.vm, state.vm.run_state()) {
            found.add(Word::of([letter]), at, Cause::Asked);
        }
        for letter in held_back(&state.vm) {
            found.add(Word::of([letter]), at, Cause::Late);
        }
        for letter in after_exit(&state.vm) {
            found.add(Word::of([letter]), at, Cause::AfterExit);
        }
    }

    /// The deeds that are heard, or that change more than what is asked for.
    fn done(&mut self, state: &State, profile: &Profile, found: &mut Found) {
        let possible = state.extra | profile.guesses;
        // Starting the vCPUs looks at whether a stop is pending.
        let stop = bits(possible)
            .find(|bit| self.guesses[*bit].0.takes(VMSTOP))
            .filter(|_| !state.pending.takes(VMSTOP));
        for &number in &profile.deeds {
            let vm = state.vm.with_requests(state.pending);
            let Some(outcome) = run(vm, &self.deeds[usize::from(number)]) else {
                continue;
            };
            let cause = Cause::Deed {
                deed: number,
                before: None,
            };
            self.did(state, possible, outcome, cause, found);
            if let Some(stop) = stop {
                let (asked, before) = self.guesses[stop];
                let vm = vm.with_requests(state.pending.then(asked));
                let same = |next: Vm| next.with_requests(next.requests().without(VMSTOP));
                if let Some(other) = run(vm, &self.deeds[usize::from(number)])
                    && (other.0 != outcome.0
                        || !other.1.requests().takes(VMSTOP) && same(other.1) != same(outcome.1))
                {
                    let cause = Cause::Deed {
                        deed: number,
                        before: Some(before),
                    };
                    self.did(state, possible, other, cause, found);
                }
            }
        }
    }

    fn did(
        &mut self,
        state: &State,
        possible: Guesses,
        outcome: (Word, Vm),
        cause: Cause,
        found: &mut Found,
    ) {
        let (word, next) = outcome;
        let to = if next.is_gone() {
            self.enter(State::resting(next.with_requests(Requests::NONE)))
        } else {
            let vm = next.with_requests(Requests::NONE);
            let now = self.profile(&vm).guesses;
            self.enter(State {
                pending: next.requests(),
                extra: possible & !now,
                ..State::resting(vm)
            })
        };
        found.add(Some(word), to, cause);
        if let Cause::Deed { deed, .. } = cause
            && self.deeds[usize::from(deed)].held_back
        {
            let kept = unlimited(word, &state.vm);
            // What is left of it may be no more than what is guessed.
            if asks_only(state.vm, &self.deeds[usize::from(deed)]).is_none() {
                found.add(Some(kept), to, cause);
            }
        }
        if word.is_empty() || state.vm.is_gone() {
            return;
        }
        let long = matches!(cause, Cause::Deed { deed, .. } if self.deeds[usize::from(deed)].is_long());
        if state.vm.release().reply_after_pass() && !long {
            // An answer that was true before, and goes out after it.
            found.add(word.with(Letter::status(state.vm.run_state())), to, cause);
        }
        if matches!(next.run_state(), RunState::FinishMigrate | RunState::Postmigrate) {
            // The migration's thread changes the state before it says STOP.
            let early = Word::of([Letter::status(RunState::FinishMigrate)]);
            found.add(early.and_then(|early| early.then(word)), to, cause);
        }
    }
}

/// The slot of a stop.
const VMSTOP: u8 = Requests::SLOTS - 1;

/// The edges of one state.
#[derive(Default)]
struct Found(Vec<Edge>);

impl Found {
    fn add(&mut self, word: Option<Word>, to: Rest, cause: Cause) {
        debug_assert!(word.is_some(), "no step says more than a word has room for");
        let Some(word) = word else { return };
        self.0.push(Edge { word, to, cause });
    }

    /// Those that leave `at`, by their first letter, the silent ones first; the least cause of each.
    fn edges(mut self, at: Rest) -> Vec<Edge> {
        self.0.retain(|edge| !(edge.word.is_empty() && edge.to == at));
        self.0
            .sort_unstable_by_key(|edge| (edge.word.first(), edge.word, edge.to, edge.cause));
        self.0.dedup_by_key(|edge| (edge.word, edge.to));
        self.0
    }
}

/// What a VM at rest has to differ in to be another one, as far as a log can hear it.
///
/// Left out, because a VM without it can be heard to do all that one with it does: a dump in the background (its end is heard
/// as a `cont` is), a stream still awaited by a VM that runs already, the state behind a switchover that is over.
const fn identity(vm: &Vm) -> u64 {
    if vm.is_gone() {
        return 1 << 63 | (vm.run_state() as u64) << 1 | vm.exit_status().is_some() as u64;
    }
    if matches!(vm.run_state(), RunState::Inmigrate | RunState::SaveVm) && !vm.migration_in_flight() {
        return 1 << 62 | vm.with_requests(Requests::NONE).key(Detail::RunState);
    }
    let flight = if vm.migration_in_flight() {
        1 + vm.migration_status() as u64
    } else {
        0
    };
    let back_to = match (vm.switchover_from(), vm.run_state()) {
        (None, _) => 0,
        (Some(from), RunState::FinishMigrate) => 1 + from as u64,
        (Some(RunState::Running), _) => 17,
        (Some(RunState::Suspended), _) if vm.release().suspended_is_live() => 17,
        (Some(_), _) => 18,
    };
    vm.run_state() as u64
        | (vm.was_suspended() as u64) << 4
        | (vm.is_colo_secondary() as u64) << 5
        | flight << 6
        | back_to << 12
}

fn launched(release: Release, thread: Thread, incoming: IncomingOption, autostart: bool) -> Vm {
    let mut launch = Launch::new(release);
    launch.machine.snapshot_disk = true;
    (launch.autostart, launch.incoming, launch.thread) = (autostart, incoming, thread);
    let mut vm = Vm::launch(&launch, &mut |_| {});
    vm.main_loop(&mut |_| {});
    settled(vm)
}

/// How QEMU can have been started.
fn launches(release: Release, thread: Thread) -> Vec<Vm> {
    let mut vms = Vec::new();
    for incoming in [IncomingOption::None, IncomingOption::Uri, IncomingOption::Defer] {
        for autostart in [true, false] {
            vms.push(launched(release, thread, incoming, autostart));
        }
    }
    vms
}

fn hear(output: Output, letters: &mut Vec<Letter>) {
    if let Output::Event(event) = output {
        letters.extend(Letter::of(event));
    }
}

/// Under the actions that stand for all.
const fn settled(vm: Vm) -> Vm {
    vm.with_actions(actions::SHUTDOWN[0])
}

/// Does a deed. `None` where it cannot happen.
fn run(mut vm: Vm, deed: &Deed) -> Option<(Word, Vm)> {
    let mut letters = Vec::new();
    let mut word = Some(Word::SILENCE);
    vm = vm.with_actions(deed.actions);
    for input in &deed.inputs {
        let answer = vm.handle(*input, &mut |output| hear(output, &mut letters));
        match answer {
            Answer::Done => {}
            Answer::Refused(_) if matches!(input, Input::Command(_)) => {}
            Answer::Refused(_) | Answer::Impossible(_) => return None,
        }
    }
    for letter in letters {
        word = word.and_then(|word| word.with(letter));
    }
    Some((word?, settled(vm)))
}

/// What is left of a word when its events are held back by a rate limit.
fn unlimited(word: Word, vm: &Vm) -> Word {
    let kept = word
        .letters()
        .filter(|letter| !held_back(vm).any(|l| l == *letter));
    Word::of(kept).unwrap_or(Word::SILENCE)
}

/// Where a deed does nothing but ask for one thing, and can be silent about it: for what.
fn asks_only(vm: Vm, deed: &Deed) -> Option<Requests> {
    let (mut word, next) = run(vm, deed)?;
    if deed.held_back {
        word = unlimited(word, &vm);
    }
    let asked = next.requests();
    let one = (0..Requests::SLOTS).filter(|slot| asked.takes(*slot)).count() == 1;
    (one && word.is_empty() && identity(&next) == identity(&vm)).then_some(asked)
}

/// What a VM answers that was in that state when it was asked.
fn answers(vm: &Vm, state: RunState) -> impl Iterator<Item = Letter> + use<> {
    let reset = matches!(state, RunState::InternalError | RunState::Shutdown);
    let aborted = vm.is_gone() && vm.exit_status().is_none();
    [
        Some(Letter::status(state)),
        reset.then_some(Letter::RESET_REQUIRED),
        (state == RunState::FinishMigrate).then_some(Letter::NOT_FINALIZED),
        (state != RunState::Suspended).then_some(Letter::NOT_SUSPENDED),
    ]
    .into_iter()
    .flatten()
    .filter(move |_| !aborted)
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

/// The numbers of the bits that are set.
fn bits(mut set: Guesses) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let bit = set.trailing_zeros() as usize;
        (set != 0).then(|| {
            set &= set - 1;
            bit
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A group of any size costs no states: what is not heard is not remembered.
    #[test]
    fn few_states_are_come_to_in_silence() {
        for thread in [Thread::Vcpu, Thread::MainLoop] {
            let mut automaton = Automaton::build(vec![Release::V10_0], thread);
            let mut todo: Vec<Rest> = (0..automaton.resting as Rest).collect();
            let mut seen = std::collections::BTreeSet::new();
            while let Some(at) = todo.pop() {
                if seen.insert(at) {
                    let edges = automaton.edges(at);
                    todo.extend(
                        edges
                            .iter()
                            .filter(|edge| edge.word.is_empty())
                            .map(|edge| edge.to),
                    );
                }
            }
            assert!(
                seen.len() < 2 * automaton.resting,
                "{} of {}",
                seen.len(),
                automaton.resting
            );
        }
    }
}
