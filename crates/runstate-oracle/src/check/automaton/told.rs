//! Migrations that MIGRATION tells of.
//!
//! A step of the migration's thread is one input of the machine, with all that QEMU says in it; but between two of these things
//! anything else can be heard. So a state remembers what of the next step was told ahead of it, and what of the last one is yet to be
//! told.

use runstate::{Capability, Command, Input, MigrationStatus, Requests, RunState, Vm};

use super::super::{
    deed::{Deed, From, Told},
    letter::Letter,
    word::Word,
};
use super::{Automaton, Cause, Edge, Found, Rest, State, hear, run, settled};

/// What of a step that was taken is yet to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Owes {
    /// Nothing.
    Nothing,
    /// How it ended.
    The(Letter),
    /// The end of a background snapshot; the VM has long been going on.
    Background,
    /// The end of a postcopy, at the destination.
    Postcopy,
    /// Any of these: the log begins in the middle.
    Any,
}

const fn migration(status: MigrationStatus) -> Letter {
    Letter::migration(status)
}

/// Whether it is said by a migration's thread, which nothing that is said before it waits for.
fn is_told(letter: Letter) -> bool {
    letter.as_migration().is_some()
}

impl Owes {
    /// What can be told, and what is owed then.
    fn paid(self) -> Vec<(Letter, Self)> {
        use MigrationStatus as S;
        let ends = |statuses: &[S]| -> Vec<(Letter, Self)> {
            let end = |status: &S| (migration(*status), Self::Nothing);
            statuses.iter().map(end).collect()
        };
        let goes_on = |statuses: &[S]| -> Vec<(Letter, Self)> {
            let go_on = |status: &S| (migration(*status), self);
            statuses.iter().map(go_on).collect()
        };
        let recovery = [S::PostcopyPaused, S::PostcopyRecover, S::PostcopyActive];
        match self {
            Self::Nothing => Vec::new(),
            Self::The(letter) => {
                let mut paid = vec![(letter, Self::Nothing)];
                // It is cancelled once more, or, while it is failing, all the same.
                if matches!(letter.as_migration(), Some(S::Cancelled | S::Failed)) {
                    paid.push((migration(S::Cancelling), Self::The(migration(S::Cancelled))));
                }
                paid
            }
            Self::Background => {
                let cancelled = Self::The(migration(S::Cancelled));
                let mut paid = ends(&[S::Completed, S::Failed]);
                paid.extend(goes_on(&[S::Failing]));
                paid.push((migration(S::Cancelling), cancelled));
                paid
            }
            Self::Postcopy => {
                let mut paid = ends(&[S::Completed, S::Failed]);
                paid.extend(goes_on(&recovery));
                paid
            }
            Self::Any => {
                let mut paid = ends(&[S::Completed, S::Failed, S::Cancelled]);
                paid.extend(goes_on(&recovery));
                paid.extend(goes_on(&[S::Failing, S::Cancelling]));
                paid
            }
        }
    }
}

impl State {
    /// What was told and what is owed does not change by what happens meanwhile, as long as the migration is where it was.
    pub(super) fn after(mut self, before: &Self) -> Self {
        let waits = |state: &Self| state.vm.run_state() == RunState::Inmigrate;
        let same = self.vm.migration_phase() == before.vm.migration_phase() && waits(&self) == waits(before);
        if same && !self.vm.is_gone() {
            self.told = before.told;
        }
        self.owes = before.owes;
        self
    }

    /// Whether the thread has told how the migration ended.
    fn has_told_the_end(&self) -> bool {
        use MigrationStatus as S;
        let last = self.told.last().and_then(Letter::as_migration);
        matches!(last, Some(S::Completed | S::Failed))
    }

    /// Whether a client can do this, or an incoming migration can go on in silence.
    pub(super) fn can_be_steered_by(&self, deed: &Deed) -> bool {
        match deed.told {
            Told::Either | Told::Goes(_) | Told::Arrives => true,
            Told::Off => self.told == Word::SILENCE,
            Told::Begins => matches!(self.owes, Owes::Nothing | Owes::Any),
            Told::Steers(_) => !self.has_told_the_end(),
        }
    }

    /// A migration that has ended is not cancelled, though the machine has yet to be told.
    pub(super) fn truly(&self, word: Word) -> Word {
        if !self.has_told_the_end() {
            return word;
        }
        let cancelling = migration(MigrationStatus::Cancelling);
        let rest = word.letters().filter(|letter| *letter != cancelling);
        Word::of(rest).unwrap_or(word)
    }
}

impl Automaton {
    /// Where a VM can be that has just told this of a migration, whatever was told before: a log may begin in the middle of one.
    pub(in super::super) fn in_the_middle(&mut self, letter: Letter) -> Vec<(Rest, Word)> {
        let mut places = Vec::new();
        for edge in self.told_edges().iter() {
            for (number, _) in edge.word.letters().enumerate().filter(|(_, l)| *l == letter) {
                let rest = Word::of(edge.word.letters().skip(number + 1));
                places.extend(rest.map(|rest| (edge.to, rest)));
            }
        }
        places.sort_unstable();
        places.dedup();
        places
    }

    /// What can be told in any of their states.
    fn told_edges(&mut self) -> std::sync::Arc<[Edge]> {
        if let Some(known) = &self.told {
            return std::sync::Arc::clone(known);
        }
        let mut found = Found::default();
        for at in self.told_states() {
            let state = self.states[at as usize];
            self.steps(&state, &mut found);
            self.steered(&state, &mut found);
        }
        let edges: std::sync::Arc<[Edge]> = found.edges(Rest::MAX).into();
        self.told = Some(std::sync::Arc::clone(&edges));
        edges
    }

    /// Every state at rest of a VM whose migrations are told.
    fn told_states(&mut self) -> Vec<Rest> {
        let mut todo: Vec<Rest> = (0..self.resting as Rest).collect();
        let mut seen: rustc_hash::FxHashSet<Rest> = todo.iter().copied().collect();
        let mut all = Vec::new();
        while let Some(at) = todo.pop() {
            let state = self.states[at as usize];
            let mut next: Vec<State> = (0..self.deeds.len())
                .filter_map(|deed| self.settles_to(state.vm, deed))
                .map(State::resting)
                .collect();
            next.extend(
                self.ahead(&state)
                    .into_iter()
                    .map(|(_, told)| State { told, ..state }),
            );
            for next in next {
                let at = self.enter(next);
                if seen.insert(at) {
                    todo.push(at);
                    all.push(at);
                }
            }
            if !state.vm.migration_in_flight() && state.vm.run_state() != RunState::Inmigrate {
                all.push(self.enter(State {
                    owes: Owes::Any,
                    ..state
                }));
            }
        }
        all
    }

    /// The VM after a deed and a pass, if there is one.
    fn settles_to(&self, vm: Vm, deed: usize) -> Option<Vm> {
        let deed = &self.deeds[deed];
        let (_, mut next) = deed.is_for(&vm).then(|| run(vm, deed))??;
        next.main_loop(&mut |_| {});
        let next = settled(next);
        (!next.is_gone()).then_some(next)
    }

    /// What a client does to a migration: it begins one, steers it, or ends QEMU, which cancels it.
    fn steered(&mut self, state: &State, found: &mut Found) {
        let cause = Cause::Tells;
        let told: Vec<(Word, Vm)> = self
            .deeds
            .iter()
            .filter(|deed| matches!(deed.told, Told::Begins | Told::Steers(_)) && deed.is_for(&state.vm))
            .filter_map(|deed| run(state.vm, deed))
            .collect();
        for (word, next) in told {
            let resting = State {
                pending: next.requests(),
                ..State::resting(next.with_requests(Requests::NONE))
            };
            let to = self.enter(resting.after(state));
            found.add(Some(word), to, cause);
        }
        let mut letters = Vec::new();
        let mut vm = state.vm;
        let _ = vm.handle(Input::Command(Command::Quit), &mut |output| {
            hear(output, &mut letters);
        });
        vm.main_loop(&mut |output| hear(output, &mut letters));
        let word = Word::of(letters).map(|word| state.truly(word));
        let to = self.enter(State::resting(settled(vm).with_requests(Requests::NONE)).after(state));
        found.add(word, to, cause);
        self.overtaken(state, word, to, cause, found);
    }

    /// What of its next step the thread can tell ahead, and what has been told then.
    fn ahead(&self, state: &State) -> Vec<(Letter, Word)> {
        use MigrationStatus as S;
        let mut ahead: Vec<(Letter, Word)> = self
            .next_steps(state)
            .filter(|(_, rest, next)| !is_all_told(&state.vm, *rest, next))
            .filter_map(|(number, rest, _)| {
                let letter = rest.first().filter(|letter| is_told(*letter))?;
                let step = self.deeds[usize::from(number)].told;
                let not_ahead = match letter.as_migration() {
                    Some(S::Cancelling | S::Cancelled) => true,
                    // It is the same bottom half that sets the state: process_incoming_migration_bh(), migration/migration.c.
                    Some(S::Completed | S::Failed) => step == Told::Arrives,
                    _ => false,
                };
                if not_ahead {
                    return None;
                }
                let aside = step == Told::Goes(From::Aside);
                // Where it was going does not matter any more.
                let failing = state.told.last() == Some(migration(S::Failing));
                let told = if aside && !failing {
                    Word::SILENCE
                } else {
                    state.told
                };
                Some((letter, told.with(letter)?))
            })
            .collect();
        ahead.sort_unstable();
        ahead.dedup();
        ahead
    }

    /// The steps that agree with what was told, with what is left to be told of them.
    fn next_steps<'a>(&'a self, state: &'a State) -> impl Iterator<Item = (u16, Word, Vm)> + use<'a> {
        let vm = state.vm.with_requests(state.pending);
        self.deeds
            .iter()
            .enumerate()
            .filter(move |(_, deed)| deed.is_a_step() && deed.is_for(&vm))
            .filter_map(move |(number, deed)| {
                let (word, next) = run(vm, deed)?;
                Some((number as u16, left(state.told, word, deed)?, next))
            })
    }

    /// What the migration's thread does and says.
    pub(super) fn steps(&mut self, state: &State, found: &mut Found) {
        for (letter, owes) in state.owes.paid() {
            let to = self.enter(State { owes, ..*state });
            found.add(Word::of([letter]), to, Cause::Tells);
        }
        if state.vm.is_gone() {
            return;
        }
        self.waits_for_unplug(state, found);
        for (letter, told) in self.ahead(state) {
            let to = self.enter(State { told, ..*state });
            found.add(Word::of([letter]), to, Cause::Tells);
        }
        let steps: Vec<_> = self.next_steps(state).collect();
        for (number, rest, next) in steps {
            self.step(state, number, (rest, next), found);
        }
    }

    fn step(&mut self, state: &State, number: u16, outcome: (Word, Vm), found: &mut Found) {
        let (rest, next) = outcome;
        let deed = &self.deeds[usize::from(number)];
        let background = deed.capabilities == [Capability::BackgroundSnapshot];
        let colo = deed.capabilities == [Capability::Colo];
        let arrives = deed.told == Told::Arrives;
        let any_time = arrives
            || is_all_told(&state.vm, rest, &next)
            || matches!(deed.told, Told::Goes(From::Cancelled))
            || state.told.last() == Some(migration(MigrationStatus::Failing));
        let Some((word, owes)) = taken(rest, any_time) else {
            return;
        };
        let postcopy = state
            .told
            .letters()
            .chain(rest.letters())
            .any(|letter| letter == migration(MigrationStatus::PostcopyActive));
        let owes = match owes {
            Owes::The(_) if background => Owes::Background,
            Owes::The(_) if arrives && postcopy => Owes::Postcopy,
            Owes::Nothing | Owes::The(_) | Owes::Background | Owes::Postcopy | Owes::Any => owes,
        };
        let cause = Cause::Deed {
            deed: number,
            before: None,
        };
        let vm = next.with_requests(Requests::NONE);
        let device = Word::of([migration(MigrationStatus::Device)]).unwrap_or_default();
        let silent = vm.migration_status() == MigrationStatus::Device
            && deed.unsaid == [MigrationStatus::PreSwitchover]
            && !vm.release().migration_announces_device();
        let resting = State {
            pending: next.requests(),
            owes,
            told: if silent { device } else { Word::SILENCE },
            ..State::resting(vm)
        };
        let to = if next.is_gone() {
            self.enter(State {
                pending: Requests::NONE,
                ..resting
            })
        } else {
            let now = self.profile(&vm).guesses;
            let possible = state.extra | self.profile(&state.vm).guesses;
            self.enter(State {
                extra: possible & !now,
                ..resting
            })
        };
        found.add(Some(word), to, cause);
        if vm.run_state() == RunState::FinishMigrate || colo {
            // The state is changed before anything is said, and the main loop may answer before more is.
            let status = Letter::status(RunState::FinishMigrate);
            for (at, letter) in word.letters().enumerate() {
                if at == 0 || is_told(letter) || colo {
                    let (before, after) = (word.letters().take(at), word.letters().skip(at));
                    found.add(Word::of(before.chain([status]).chain(after)), to, cause);
                }
            }
        }
    }

    /// A NIC of a failover pair may have to be unplugged first. `qemu_savevm_wait_unplug()`, migration/migration.c.
    fn waits_for_unplug(&mut self, state: &State, found: &mut Found) {
        let set_up = state.vm.migration_in_flight()
            && state.vm.announces_migration()
            && state.vm.migration_status() == MigrationStatus::Active
            && state.told == Word::SILENCE;
        if set_up {
            let to = self.enter(*state);
            let word = Word::of([migration(MigrationStatus::WaitUnplug)]);
            found.add(word, to, Cause::Tells);
        }
    }

    /// QEMU exits, and cancels the migration on the way; its thread may say something before that, and be too late to be cancelled.
    pub(super) fn overtaken(
        &mut self,
        begun: &State,
        word: Option<Word>,
        to: Rest,
        cause: Cause,
        found: &mut Found,
    ) {
        let cancelling = migration(MigrationStatus::Cancelling);
        let Some(word) = word.filter(|word| word.last() == Some(cancelling)) else {
            return;
        };
        for (letter, _) in self.ahead(begun) {
            let before = word.letters().take(word.len() - 1).chain([letter]);
            let after = (letter != migration(MigrationStatus::Completed)).then_some(cancelling);
            found.add(Word::of(before.chain(after)), to, cause);
        }
    }
}

/// Whether there is nothing to a step but what is told of it.
fn is_all_told(vm: &Vm, rest: Word, next: &Vm) -> bool {
    rest.len() == 1 && rest.letters().all(is_told) && vm.run_state() == next.run_state() && !next.is_gone()
}

/// What is left of a step when this was told.
fn left(told: Word, step: Word, deed: &Deed) -> Option<Word> {
    use MigrationStatus as S;
    let (told, mut step): (Vec<Letter>, Vec<Letter>) = (told.letters().collect(), step.letters().collect());
    let aside = matches!(deed.told, Told::Goes(From::Aside)) || step.last() == Some(&migration(S::Failed));
    let ended = |letter: &Letter| {
        matches!(
            letter.as_migration(),
            Some(S::Completed | S::Colo | S::Failing | S::Failed)
        )
    };
    if matches!(deed.told, Told::Goes(From::Cancelled)) {
        if told.iter().any(ended) {
            return None;
        }
        let cancelling = migration(S::Cancelling);
        let others = step
            .into_iter()
            .filter(|letter| !matches!(letter.as_migration(), Some(S::Cancelling | S::Active)));
        return Word::of([cancelling].into_iter().chain(others));
    }
    let from = if aside {
        // It turns away from where it was going, which another step tells.
        if deed.told == Told::Goes(From::Aside) {
            let end = step.iter().position(ended).unwrap_or(0);
            step.drain(..end);
        }
        let first = step.first();
        let from = told
            .iter()
            .position(|letter| Some(letter) == first)
            .unwrap_or(told.len());
        if told[..from].iter().any(ended) {
            return None;
        }
        from
    } else {
        0
    };
    let rest = step.strip_prefix(&told[from..])?;
    Word::of(rest.iter().copied())
}

/// The step itself, when what comes before it was told: what is heard of it, and what is told later. `None` where something has to be
/// told first.
fn taken(rest: Word, any_time: bool) -> Option<(Word, Owes)> {
    use MigrationStatus as S;
    let letters: Vec<Letter> = rest.letters().collect();
    let statuses: Vec<Option<S>> = letters.iter().map(|letter| letter.as_migration()).collect();
    let Some((&last, before)) = letters.split_last() else {
        return Some((rest, Owes::Nothing));
    };
    let later = match (statuses.last().copied().flatten(), before.last()) {
        (Some(S::Cancelled), _) => true,
        (Some(S::Completed | S::Failed), Some(before)) => !is_told(*before),
        (Some(S::Completed | S::Failed), None) => any_time,
        (_, _) => false,
    };
    let said = if later { before } else { &letters[..] };
    if !any_time && said.first().is_some_and(|letter| is_told(*letter)) {
        return None;
    }
    let owes = if later { Owes::The(last) } else { Owes::Nothing };
    Some((Word::of(said.iter().copied())?, owes))
}
