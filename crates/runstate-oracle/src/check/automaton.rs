//! The machine as an automaton over letters: for one kind of QEMU, every state that a log can leave it in, and what can be heard
//! on the way to the next.
//!
//! What QEMU does between two things heard is taken apart as QEMU does it: any number of deeds, and then one pass of the main
//! loop, which services the requests that they left, one after the other. A request that was left in silence is not remembered:
//! it is guessed when its slot comes up, from what could have left it. So a group of any size takes no more states than one deed.
//!
//! The reboot, shutdown, panic and watchdog actions can be changed in silence at any time, so each deed that looks at one brings
//! its own.

use runstate::{Answer, IncomingOption, Input, Output, Release, Requests, RunState, Thread, Vm};
use rustc_hash::FxHashMap as HashMap;

use super::{
    deed::{Deed, Kind, actions, deeds},
    letter::Letter,
    word::Word,
};

mod pass;
mod told;
mod vm;

use told::Owes;
use vm::{after_exit, answers, held_back, identity, launched, launches, settled};

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
    /// What the migration's thread has told of its next step, which the machine takes as a whole.
    told: Word,
    /// What it has yet to tell of the last one.
    owes: Owes,
}

type Key = (u64, Requests, Guesses, u8, Guesses, RunState, Word, Owes);

impl State {
    fn key(&self) -> Key {
        (
            identity(&self.vm),
            self.pending,
            self.extra,
            self.phase,
            self.fresh,
            self.began,
            self.told,
            self.owes,
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
            told: Word::SILENCE,
            owes: Owes::Nothing,
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
    /// The migration's thread tells of its next step, or of the last one.
    Tells,
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
    /// How many of them, the first ones, are at rest in a machine that has not gone, and in which MIGRATION is not told.
    pub(super) resting: usize,
    /// What is told in those in which it is, where it was needed.
    told: Option<std::sync::Arc<[Edge]>>,
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
            told: None,
            deeds: deeds(release),
            index: HashMap::default(),
            edges: Vec::new(),
            profiles: HashMap::default(),
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
                if !of_interest(&self.deeds[deed]) || self.deeds[deed].is_told() {
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
            if vm.is_gone() && deed.kind != Kind::Command || !deed.is_for(vm) || deed.is_a_step() {
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
            self.steps(&state, &mut found);
        }
        if !state.vm.is_gone() {
            self.pass(&state, &profile, &mut found);
        }
        found.edges(at)
    }

    /// What QEMU says while nothing happens.
    fn told(&mut self, state: &State, at: Rest, found: &mut Found) {
        for letter in answers(&state.vm, state.vm.run_state()) {
            found.add(Word::of([letter]), at, Cause::Asked);
        }
        for letter in held_back(&state.vm) {
            found.add(Word::of([letter]), at, Cause::Late);
        }
        for letter in after_exit(&state.vm) {
            let word = Word::of([letter]);
            if !letter.ends_a_migration() {
                found.add(word, at, Cause::AfterExit);
            } else if !state.told.letters().any(|told| told == letter) {
                let told = state.told.with(letter).unwrap_or(state.told);
                let to = self.enter(State { told, ..*state });
                found.add(word, to, Cause::AfterExit);
            }
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
            if !state.can_be_steered_by(&self.deeds[usize::from(number)]) {
                continue;
            }
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
        let word = state.truly(word);
        let to = if next.is_gone() {
            self.enter(State::resting(next.with_requests(Requests::NONE)).after(state))
        } else {
            let vm = next.with_requests(Requests::NONE);
            let now = self.profile(&vm).guesses;
            self.enter(State {
                pending: next.requests(),
                extra: possible & !now,
                ..State::resting(vm).after(state)
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

fn hear(output: Output, letters: &mut Vec<Letter>) {
    if let Output::Event(event) = output {
        letters.extend(Letter::of(event));
    }
}

/// Does a deed. `None` where it cannot happen.
fn run(vm: Vm, deed: &Deed) -> Option<(Word, Vm)> {
    let mut letters = Vec::new();
    let mut vm = deed.prepared(vm);
    for input in &deed.inputs {
        let answer = vm.handle(*input, &mut |output| hear(output, &mut letters));
        match answer {
            Answer::Done => {}
            Answer::Refused(_) if matches!(input, Input::Command(_)) => {}
            Answer::Refused(_) | Answer::Impossible(_) => return None,
        }
    }
    letters.retain(|letter| {
        letter
            .as_migration()
            .is_none_or(|status| !deed.unsaid.contains(&status))
    });
    Some((Word::of(letters)?, settled(vm)))
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
