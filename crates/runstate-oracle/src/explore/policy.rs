//! All combinations of the four actions at once: each is a bit, and a step says for which bits it happens.
//!
//! An input that looks at no action happens alike for all 112; one that does is tried once for each outcome, not once for each
//! combination. `tests/run/reach.rs` holds this against trying all.

use std::{collections::HashMap, sync::LazyLock};

use runstate::{
    Actions, Guest, Input, MemoryFailureAction, PanicAction, RebootAction, Release, SetAction,
    ShutdownAction, ShutdownCause, Vm, WatchdogAction,
};

/// A set of combinations of the four actions. Bit 0 is the default; those that change fewer actions come first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Policies(pub(crate) u128);

impl Policies {
    /// None.
    pub const EMPTY: Self = Self(0);

    /// All combinations, in the order of the bits.
    #[must_use]
    pub fn all() -> &'static [Actions] {
        static ALL: LazyLock<Vec<Actions>> = LazyLock::new(|| {
            let mut all: Vec<_> = Actions::all().collect();
            // Stable: among equals the schema's order stays.
            all.sort_by_key(|&actions| changed(actions));
            all
        });
        &ALL
    }

    /// Every combination there is.
    #[must_use]
    pub fn everything() -> Self {
        Self((1 << Self::all().len()) - 1)
    }

    /// Those that a release has.
    #[must_use]
    pub fn of(release: Release) -> Self {
        Self::all()
            .iter()
            .enumerate()
            .filter(|(_, actions)| actions.panic().since() <= release)
            .fold(Self::EMPTY, |set, (bit, _)| Self(set.0 | 1 << bit))
    }

    /// Just this one.
    #[must_use]
    pub fn only(actions: Actions) -> Self {
        let bit = Self::all().iter().position(|&a| a == actions);
        Self(bit.map_or(0, |bit| 1 << bit))
    }

    /// These and one more.
    #[must_use]
    pub fn with(self, actions: Actions) -> Self {
        Self(self.0 | Self::only(actions).0)
    }

    /// How many.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every one of `other` is in it.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The member that changes the fewest actions.
    #[must_use]
    pub fn simplest(self) -> Option<Actions> {
        self.iter().next()
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The members, those that change the fewest actions first.
    pub fn iter(self) -> impl Iterator<Item = Actions> {
        Self::all()
            .iter()
            .enumerate()
            .filter(move |(bit, _)| self.0 >> bit & 1 == 1)
            .map(|(_, &actions)| actions)
    }
}

impl core::fmt::Debug for Policies {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} of 112", self.len())
    }
}

fn changed(actions: Actions) -> u32 {
    let default = Actions::DEFAULT;
    u32::from(actions.reboot() != default.reboot())
        + u32::from(actions.shutdown() != default.shutdown())
        + u32::from(actions.panic() != default.panic())
        + u32::from(actions.watchdog() != default.watchdog())
}

/// Which actions an input looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looks {
    Nowhere,
    AtReboot,
    AtPanicAndShutdown,
    AtWatchdogAndReboot,
    AtShutdown,
}

/// One outcome: actions that have it, and all the combinations that do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) actions: Actions,
    pub(crate) for_all_of: Policies,
    /// The number of `for_all_of` among the [`Outcomes::masks`].
    pub(crate) mask: u8,
}

/// The outcomes of every kind of input, made once.
#[derive(Debug)]
pub(crate) struct Outcomes {
    nowhere: Vec<Outcome>,
    reboot: Vec<Outcome>,
    panic_and_shutdown: Vec<Outcome>,
    watchdog_and_reboot: Vec<Outcome>,
    shutdown: Vec<Outcome>,
    /// Every set of policies that an outcome has, and every one that two in turn have.
    masks: Vec<Policies>,
    /// The number of what two of the first masks share, row by row; `NONE` where they share nothing.
    shared: Vec<u8>,
    /// How long a row is.
    row: usize,
}

/// The number of no mask.
const NONE: u8 = u8::MAX;

/// Where an action is not looked at. The shutdown action is pause, so that a change of it to poweroff shows.
const ELSEWHERE: Actions = Actions::new(
    RebootAction::Reset,
    ShutdownAction::Pause,
    PanicAction::Pause,
    WatchdogAction::None,
);

impl Outcomes {
    /// For these policies only; an outcome that none of them has is left out.
    pub(crate) fn new(among: Policies) -> Self {
        let mut masks = Vec::new();
        let mut by = |project: fn(Actions) -> Actions| {
            let mut outcomes: Vec<Outcome> = Vec::new();
            for (bit, &actions) in Policies::all().iter().enumerate() {
                let bit = Policies(1 << bit).and(among);
                if bit.is_empty() {
                    continue;
                }
                let actions = project(actions);
                match outcomes.iter_mut().find(|o| o.actions == actions) {
                    Some(outcome) => outcome.for_all_of.0 |= bit.0,
                    None => outcomes.push(Outcome {
                        actions,
                        for_all_of: bit,
                        mask: NONE,
                    }),
                }
            }
            for outcome in &mut outcomes {
                outcome.mask = number(&mut masks, outcome.for_all_of);
            }
            outcomes
        };
        let outcomes = Self {
            nowhere: by(|_| ELSEWHERE),
            reboot: by(|a| {
                ELSEWHERE.with(SetAction {
                    reboot: Some(a.reboot()),
                    ..SetAction::default()
                })
            }),
            panic_and_shutdown: by(|a| {
                ELSEWHERE.with(SetAction {
                    panic: Some(a.panic()),
                    shutdown: Some(a.shutdown()),
                    ..SetAction::default()
                })
            }),
            watchdog_and_reboot: by(|a| {
                ELSEWHERE.with(SetAction {
                    watchdog: Some(a.watchdog()),
                    reboot: Some(a.reboot()),
                    ..SetAction::default()
                })
            }),
            shutdown: by(|a| {
                ELSEWHERE.with(SetAction {
                    shutdown: Some(a.shutdown()),
                    ..SetAction::default()
                })
            }),
            masks: Vec::new(),
            shared: Vec::new(),
            row: 0,
        };
        outcomes.with_masks(masks)
    }

    fn with_masks(mut self, mut masks: Vec<Policies>) -> Self {
        self.row = masks.len();
        let mut numbers: HashMap<Policies, u8> = masks.iter().copied().zip(0..).collect();
        for one in 0..self.row {
            for other in 0..self.row {
                let both = masks[one].and(masks[other]);
                self.shared.push(if both.is_empty() {
                    NONE
                } else {
                    *numbers.entry(both).or_insert_with(|| number(&mut masks, both))
                });
            }
        }
        self.masks = masks;
        self
    }

    /// The sets of policies, by number.
    pub(crate) fn masks(&self) -> &[Policies] {
        &self.masks
    }

    /// The number of the policies that two outcomes share, if they share any.
    #[inline]
    pub(crate) fn shared(&self, one: u8, other: u8) -> Option<u8> {
        let number = self.shared[usize::from(one) * self.row + usize::from(other)];
        (number != NONE).then_some(number)
    }

    /// The outcomes to try for `input`.
    pub(crate) fn of_input(&self, input: Input) -> &[Outcome] {
        self.get(looks(input))
    }

    /// The outcomes to try for a pass of the main loop.
    pub(crate) fn of_pass(&self, vm: &Vm) -> &[Outcome] {
        self.get(match vm.pending_shutdown() {
            None => Looks::Nowhere,
            // The exit status may be the panic action's.
            Some(ShutdownCause::GuestPanic) => Looks::AtPanicAndShutdown,
            Some(_) => Looks::AtShutdown,
        })
    }

    fn get(&self, looks: Looks) -> &[Outcome] {
        match looks {
            Looks::Nowhere => &self.nowhere,
            Looks::AtReboot => &self.reboot,
            Looks::AtPanicAndShutdown => &self.panic_and_shutdown,
            Looks::AtWatchdogAndReboot => &self.watchdog_and_reboot,
            Looks::AtShutdown => &self.shutdown,
        }
    }
}

fn number(masks: &mut Vec<Policies>, mask: Policies) -> u8 {
    let known = masks.iter().position(|&known| known == mask);
    let number = known.unwrap_or_else(|| {
        masks.push(mask);
        masks.len() - 1
    });
    let number = u8::try_from(number).unwrap_or(NONE);
    assert_ne!(
        number, NONE,
        "there are some dozens of outcomes, and some dozens of pairs"
    );
    number
}

fn looks(input: Input) -> Looks {
    match input {
        Input::Guest(guest) => match guest {
            Guest::Reset | Guest::SubsystemReset => Looks::AtReboot,
            Guest::MemoryFailure(failure) if failure.action == MemoryFailureAction::Reset => Looks::AtReboot,
            Guest::Panic => Looks::AtPanicAndShutdown,
            Guest::Watchdog => Looks::AtWatchdogAndReboot,
            Guest::Shutdown
            | Guest::Crashloaded
            | Guest::Pvshutdown
            | Guest::Suspend
            | Guest::SuspendDisk
            | Guest::Wakeup
            | Guest::IoError(_)
            | Guest::InternalError
            | Guest::Debug
            | Guest::MemoryFailure(_)
            | Guest::NotifyVmexit
            | Guest::DebugExit(_) => Looks::Nowhere,
        },
        Input::Command(runstate::Command::SystemReset) => Looks::AtReboot,
        Input::Command(_) | Input::Host(_) => Looks::Nowhere,
    }
}

#[cfg(test)]
mod tests {
    use runstate::{Answer, Detail, Life, Output};

    use super::*;
    use crate::explore::{Nothing, Scope, Space, alphabet};

    /// What came of it, as far as it is kept.
    fn came_of(vm: &Vm, answer: Answer, outputs: &[Output]) -> (u64, Life, Answer, Vec<Output>) {
        (vm.key(Detail::Full), vm.life(), answer, outputs.to_vec())
    }

    /// Every combination of actions, tried one by one, has the outcome that it is said to have.
    #[test]
    fn an_outcome_is_that_of_all_its_policies() {
        for release in [Release::V7_2, Release::V11_0] {
            let scope = Scope::races(release);
            let space = Space::of(scope, &Nothing);
            let outcomes = Outcomes::new(scope.policies);
            let letters = alphabet(scope.families, release);
            for state in (0..space.len() as u32).step_by(3) {
                let vm = *space.vm(state);
                for letter in &letters {
                    check(outcomes.of_input(letter.input), |actions| {
                        let mut vm = vm.with_actions(actions);
                        let mut said = Vec::new();
                        let answer = vm.handle(letter.input, &mut |output| said.push(output));
                        came_of(&vm, answer, &said)
                    });
                }
                check(outcomes.of_pass(&vm), |actions| {
                    let mut vm = vm.with_actions(actions);
                    let mut said = Vec::new();
                    vm.main_loop(&mut |output| said.push(output));
                    came_of(&vm, Answer::Done, &said)
                });
            }
        }
    }

    fn check<T: PartialEq + core::fmt::Debug>(outcomes: &[Outcome], run: impl Fn(Actions) -> T) {
        let mut all = 0;
        for outcome in outcomes {
            let one = run(outcome.actions);
            for actions in outcome.for_all_of.iter() {
                assert_eq!(run(actions), one, "{actions} as {}", outcome.actions);
            }
            all += outcome.for_all_of.len();
        }
        assert!(all == 84 || all == 112, "every policy has one outcome: {all}");
    }

    #[test]
    fn policies_are_ordered_by_what_they_change() {
        assert_eq!(Policies::all()[0], Actions::DEFAULT);
        assert_eq!(Policies::of(Release::V6_0).len(), 84);
        assert_eq!(Policies::of(Release::V7_1).len(), 112);
        assert_eq!(
            Policies::only(Policies::all()[5]).simplest(),
            Some(Policies::all()[5])
        );
    }
}
