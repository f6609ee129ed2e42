//! Random scenarios that a real QEMU can be driven through, the same from the same seed.
//!
//! A scenario grows by one thing at a time, drawn by the profile's weights; the model plays along, and what cannot happen,
//! or cannot be done to a real QEMU so that it always answers in the same way, is drawn again.

mod draw;
mod launch;

use rand::Rng as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use runstate::{Guest, MigrationStatus, Release, RunState, Vm};

use super::run::Player;
use super::{Action, Note, Scenario, Step, With};
use crate::machine::Machine;

/// What random scenarios are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// A bit of everything.
    Everything,
    /// The guest's actions, commands and policies.
    Actions,
    /// Several actions that meet one pass of the main loop.
    Groups,
    /// Migration, out and in.
    Migration,
    /// Snapshots.
    Snapshots,
}

impl Profile {
    /// Every profile, the default first.
    pub const ALL: [Self; 5] = [
        Self::Everything,
        Self::Actions,
        Self::Groups,
        Self::Migration,
        Self::Snapshots,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Actions => "actions",
            Self::Groups => "groups",
            Self::Migration => "migration",
            Self::Snapshots => "snapshots",
        }
    }
}

/// Where the guest acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Acting {
    /// On the main loop's thread: `-accel qtest`.
    MainLoop,
    /// On a vCPU's thread.
    Vcpu,
}

/// What to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Everything follows from it.
    pub seed: u64,
    /// How many steps; fewer when QEMU ends before.
    pub steps: usize,
    /// What it is about.
    pub profile: Profile,
    /// The release that it can be driven through.
    pub release: Release,
    /// Where the guest acts; drawn if it is not said.
    pub acting: Option<Acting>,
}

/// A scenario without expectations.
///
/// The same wish gives the same scenario, on every machine; another version of this crate may give another one.
#[must_use]
pub fn generate(wish: Wish) -> Scenario {
    let mut rng = ChaCha8Rng::seed_from_u64(wish.seed);
    let acting = match wish.acting {
        Some(acting) => acting,
        None if rng.random_bool(0.5) => Acting::MainLoop,
        None => Acting::Vcpu,
    };
    let mut scenario = launch::draw(&mut rng, wish, acting);
    scenario.name = Some(format!("random-{}-{}", wish.profile.name(), wish.seed));
    let words = format!("From seed {}, profile {}.", wish.seed, wish.profile.name());
    scenario.notes = vec![Note::Comment(words)];
    let mut growing = Growing::new(scenario, wish.release, acting);
    while growing.scenario.steps.len() < wish.steps && !growing.state.ended {
        // What fits is found soon; a query always fits.
        let drawn = (0..50).find_map(|_| {
            let steps = draw::steps(&mut rng, wish.profile, &growing);
            growing.try_steps(&steps).map(|state| (steps, state))
        });
        let Some((steps, state)) = drawn else { break };
        growing.scenario.steps.extend(steps);
        growing.state = state;
    }
    for (index, step) in growing.scenario.steps.iter_mut().enumerate() {
        step.line = index + 1;
    }
    growing.scenario
}

/// What the model knows at the end of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    ended: bool,
    run_state: Option<RunState>,
    /// How far the outgoing migration is.
    migration: MigrationStatus,
    /// One is at work.
    migrates: bool,
    /// A WATCHDOG was said or held back since time last passed.
    watchdog: bool,
    /// The same for BLOCK_IO_ERROR.
    io_error: bool,
}

/// A scenario that grows.
#[derive(Debug)]
struct Growing {
    scenario: Scenario,
    release: Release,
    acting: Acting,
    state: State,
}

impl Growing {
    fn new(scenario: Scenario, release: Release, acting: Acting) -> Self {
        let mut growing = Self {
            scenario,
            release,
            acting,
            state: State {
                ended: false,
                run_state: None,
                migration: MigrationStatus::None,
                migrates: false,
                watchdog: false,
                io_error: false,
            },
        };
        if let Some(state) = growing.try_steps(&[]) {
            growing.state = state;
        }
        growing
    }

    fn has(&self, wanted: &With) -> bool {
        self.scenario.with.contains(wanted)
    }

    /// What comes of these steps; `None` when they cannot happen, or cannot be driven.
    fn try_steps(&self, steps: &[Step]) -> Option<State> {
        let mut player = Player::new(&self.scenario, self.release);
        for step in self.scenario.steps.iter().chain(steps) {
            player.perform(step).ok()?;
        }
        let ended = player.end().is_some();
        let commands = steps.iter().any(|step| matches!(step.action, Action::Send(_)));
        let group = steps.iter().any(|step| step.hold);
        if group && commands && ended {
            // A command that QEMU gets while it exits may hang it (monitor_cleanup() in aio_poll()).
            return None;
        }
        let vm = player.machine().map(Machine::vm);
        let all = || self.scenario.steps.iter().chain(steps);
        Some(State {
            ended,
            run_state: vm.map(Vm::run_state),
            migration: vm.map_or(MigrationStatus::None, Vm::migration_status),
            migrates: vm.is_some_and(Vm::migration_in_flight),
            watchdog: draw::since_time_passed(all(), |action| action == Guest::Watchdog),
            io_error: draw::since_time_passed(all(), |action| matches!(action, Guest::IoError(_))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    use runstate::Host;
    use runstate_qmp::Value;

    use crate::scenario::File;
    use crate::scenario::run::{Outcome, run};

    fn wish(seed: u64, profile: Profile) -> Wish {
        Wish {
            seed,
            steps: 12,
            profile,
            release: Release::V7_2,
            acting: None,
        }
    }

    #[test]
    fn a_seed_gives_the_same_scenario() {
        for profile in Profile::ALL {
            assert_eq!(generate(wish(7, profile)), generate(wish(7, profile)));
            assert_ne!(generate(wish(7, profile)).steps, generate(wish(8, profile)).steps);
        }
    }

    #[test]
    fn what_is_generated_can_happen_and_parses_again() {
        for profile in Profile::ALL {
            for release in [Release::V7_2, Release::V10_0] {
                for seed in 0..40 {
                    let scenario = generate(Wish {
                        release,
                        ..wish(seed, profile)
                    });
                    let report = run(&scenario, release);
                    assert_eq!(report.outcome, Outcome::AsExpected, "{scenario}");
                    let parsed = File::parse("x", scenario.to_string().as_bytes()).expect("it parses");
                    assert_eq!(parsed.scenarios[0].launch, scenario.launch);
                    assert_eq!(
                        parsed.scenarios[0].steps.len(),
                        scenario.steps.len(),
                        "{scenario}"
                    );
                }
            }
        }
    }

    #[test]
    fn wishes_are_heeded() {
        for seed in 0..30 {
            let scenario = generate(Wish {
                acting: Some(Acting::MainLoop),
                ..wish(seed, Profile::Actions)
            });
            assert_eq!(scenario.launch[..2], ["-accel", "qtest"]);
            let vcpu = generate(Wish {
                acting: Some(Acting::Vcpu),
                ..wish(seed, Profile::Groups)
            });
            assert!(!vcpu.launch.contains(&"qtest".to_owned()), "{vcpu}");
            assert!(vcpu.steps.len() <= 12 + 3);
        }
        let grouped = (0..20).filter(|seed| {
            let scenario = generate(wish(*seed, Profile::Groups));
            scenario.steps.iter().any(|step| step.hold)
        });
        assert!(grouped.count() >= 10);
    }

    #[test]
    fn both_watchdogs_are_drawn_with_every_action() {
        let expires = |step: &Step| {
            matches!(
                step.action,
                Action::Guest {
                    action: Guest::Watchdog,
                    ..
                }
            )
        };
        let mut actions = BTreeSet::new();
        // Profiles with the same seed launch alike.
        for (profile, seeds) in Profile::ALL
            .into_iter()
            .zip((0..).map(|index| 300 * index..300 * (index + 1)))
        {
            let mut counts = [0, 0];
            for scenario in seeds.map(|seed| generate(wish(seed, profile))) {
                if !scenario.steps.iter().any(expires) {
                    continue;
                }
                let words = &scenario.launch;
                let i6300esb = words.iter().any(|word| word == "i6300esb");
                counts[usize::from(i6300esb)] += 1;
                if i6300esb {
                    let at = words.iter().position(|word| word == "-watchdog-action");
                    actions.extend(at.and_then(|at| words.get(at + 1)).cloned());
                }
            }
            assert!(counts.iter().all(|count| *count > 0), "{profile:?}: {counts:?}");
        }
        assert_eq!(actions.len(), 7, "{actions:?}");
    }

    #[test]
    fn pause_before_switchover_ends_in_the_step_after() {
        let (mut ends, mut others) = ([0, 0], 0);
        for seed in 0..500 {
            let scenario = generate(wish(seed, Profile::Migration));
            let report = run(&scenario, Release::V7_2);
            let steps = &report.transcript.steps;
            for (index, step) in steps.iter().enumerate() {
                let goes_on = |message: &Value| message.to_string().contains("migrate-continue");
                let Some([answer, end]) = steps.get(index + 1..index + 3) else {
                    continue;
                };
                let done = matches!(&answer.action, Action::Expect(answer) if answer.get("return").is_some());
                if !matches!(&step.action, Action::Send(message) if goes_on(message)) || !done {
                    continue;
                }
                let host = |host| matches!(end.action, Action::Host { action, .. } if action == host);
                ends[0] += usize::from(host(Host::MigrationConverges));
                ends[1] += usize::from(host(Host::MigrationFails));
                others += usize::from(!host(Host::MigrationConverges) && !host(Host::MigrationFails));
            }
        }
        assert!(
            others == 0 && ends.iter().all(|count| *count > 0),
            "{ends:?}, {others}"
        );
    }

    #[test]
    fn no_command_meets_an_end_in_its_group() {
        for seed in 0..200 {
            let scenario = generate(wish(seed, Profile::Groups));
            let report = run(&scenario, Release::V7_2);
            let in_group = scenario.steps.windows(2).next_back();
            let command = |step: &Step| matches!(step.action, Action::Send(_));
            if let (Some([before, last]), Some(_)) = (in_group, report.end) {
                assert!(!(before.hold && command(last)), "{scenario}");
            }
        }
    }
}
