//! One pass of the main loop, taken apart: a step for each thing that it services.

use runstate::{Requests, RunState, ShutdownCause, Thread, Vm};

use super::super::{
    deed::{Kind, actions},
    letter::Letter,
    word::Word,
};
use super::{Automaton, Cause, Found, Guesses, Profile, State, answers, bits, hear, identity, run, settled};

impl Automaton {
    /// One pass of the main loop, up to the next thing that it services.
    pub(super) fn pass(&mut self, state: &State, profile: &Profile, found: &mut Found) {
        let begun = if state.in_pass() {
            *state
        } else {
            State {
                extra: state.extra | profile.guesses,
                phase: 1,
                began: state.vm.run_state(),
                ..*state
            }
        };
        for slot in begun.phase - 1..Requests::SLOTS {
            let must = begun.pending.takes(slot);
            if must {
                self.serve(&begun, slot, begun.pending.only(slot), None, found);
            }
            for guess in bits(begun.extra) {
                let (asked, deed) = self.guesses[guess];
                if asked.takes(slot) && !(must && begun.pending.only(slot) == asked) {
                    self.serve(&begun, slot, asked, Some(deed), found);
                }
            }
            if must {
                return;
            }
        }
        // Nothing is left that must be serviced.
        let to = self.enter(State {
            pending: state.pending,
            extra: state.fresh,
            ..State::resting(state.vm).after(state)
        });
        found.add(Some(Word::SILENCE), to, Cause::Ends);
        if state.in_pass() && state.vm.release().reply_after_pass() {
            for letter in answers(&state.vm, state.began) {
                found.add(Word::of([letter]), to, Cause::Asked);
            }
        }
    }

    fn serve(&mut self, begun: &State, slot: u8, asked: Requests, guessed: Option<u16>, found: &mut Found) {
        const SHUTDOWN: u8 = 2;
        let policies: &[runstate::Actions] = if slot == SHUTDOWN {
            match is_for_good(asked) {
                true => &actions::SHUTDOWN[..1],
                false => &actions::SHUTDOWN,
            }
        } else {
            &actions::SHUTDOWN[..1]
        };
        for policy in policies {
            let mut letters = Vec::new();
            let mut next = begun.vm.with_actions(*policy).with_requests(asked);
            next.main_loop(&mut |output| hear(output, &mut letters));
            let next = settled(next);
            let same = letters.is_empty() && identity(&next) == identity(&begun.vm);
            if same && guessed.is_some() {
                continue;
            }
            let pending = begun.pending.without(slot).then(next.requests());
            let cause = Cause::Serves {
                guessed,
                meanwhile: None,
            };
            self.served(begun, slot, (&letters, next), pending, cause, found);
            if self.thread == Thread::Vcpu && begun.vm.run_state() == RunState::Running {
                self.meanwhile(begun, slot, (&letters, next), guessed, found);
            }
        }
    }

    /// The main thread lets go of its lock until the vCPUs are stopped, for a stop and for a reset: one of them may do something
    /// yet.
    fn meanwhile(
        &mut self,
        begun: &State,
        slot: u8,
        (letters, next): (&[Letter], Vm),
        guessed: Option<u16>,
        found: &mut Found,
    ) {
        let Some((last, first)) = letters.split_last().filter(|(last, _)| last.stops_vcpus()) else {
            return;
        };
        let profile = self.profile(&begun.vm);
        for &number in &profile.deeds {
            let deed = &self.deeds[usize::from(number)];
            if deed.kind != Kind::Vcpu {
                continue;
            }
            let vm = begun.vm.with_requests(begun.pending.without(slot));
            let Some((word, acted)) = run(vm, deed) else {
                continue;
            };
            if acted.is_gone() || word.is_empty() {
                continue;
            }
            let letters: Vec<Letter> = first
                .iter()
                .copied()
                .chain(word.letters())
                .chain([*last])
                .collect();
            let cause = Cause::Serves {
                guessed,
                meanwhile: Some(number),
            };
            self.served(begun, slot, (&letters, next), acted.requests(), cause, found);
        }
    }

    fn served(
        &mut self,
        begun: &State,
        slot: u8,
        (letters, next): (&[Letter], Vm),
        pending: Requests,
        cause: Cause,
        found: &mut Found,
    ) {
        let word = Word::of(letters.iter().copied()).map(|word| begun.truly(word));
        let late = begun.vm.release().reply_after_pass();
        if next.is_gone() {
            let to = self.enter(State::resting(next.with_requests(Requests::NONE)).after(begun));
            found.add(word, to, cause);
            self.overtaken(begun, word, to, cause, found);
            if late && next.exit_status().is_some() {
                found.add(word.and_then(|w| w.with(Letter::status(begun.began))), to, cause);
            }
            return;
        }
        let vm = next.with_requests(Requests::NONE);
        let (before, now) = (self.profile(&begun.vm).guesses, self.profile(&vm).guesses);
        let stopped = begun.vm.run_state() == RunState::Running && vm.run_state() != RunState::Running;
        let fresh = if stopped && self.thread == Thread::Vcpu {
            begun.fresh | before & !now
        } else {
            begun.fresh
        };
        let later = |guesses: Guesses| {
            bits(guesses)
                .filter(|bit| (slot + 1..Requests::SLOTS).any(|later| self.guesses[*bit].0.takes(later)))
                .fold(0, |set, bit| set | 1 << bit)
        };
        // What could be asked for now as well may as well wait for the next pass.
        let over = pending == Requests::NONE
            && later(begun.extra & !now) == 0
            && (!late || begun.began == vm.run_state());
        let left = later(begun.extra);
        let to = if over {
            self.enter(State {
                extra: fresh,
                ..State::resting(vm).after(begun)
            })
        } else {
            self.enter(State {
                vm,
                pending,
                extra: left,
                phase: slot + 2,
                fresh,
                began: if late { begun.began } else { RunState::Debug },
                ..State::resting(vm).after(begun)
            })
        };
        found.add(word, to, cause);
    }
}

/// After a request of this kind QEMU exits, whatever the shutdown action is: it is changed with the request, and a second command
/// that changed it back would come after the pass. For a signal there is no such order.
fn is_for_good(asked: Requests) -> bool {
    asked.shutdown() == Some(ShutdownCause::HostQmpQuit)
}
