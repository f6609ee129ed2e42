//! What is reachable: held against the table, against the explorer's own assumptions, against itself.

use core::cell::RefCell;
use std::collections::BTreeSet;

use runstate::{Detail, Output, Release, RunState, Thread, Vm};
use runstate_oracle::explore::{
    End, Families, Family, Launches, Nothing, Observer, Scope, Seen, Space, Verdict, streams, untaken,
};

/// The scopes that together are everything.
fn scopes(release: Release) -> [Scope; 4] {
    let on_main_loop = |scope| Scope {
        thread: Thread::MainLoop,
        ..scope
    };
    let (all, races) = (Scope::new(release), Scope::races(release));
    [all, races, on_main_loop(all), on_main_loop(races)]
}

#[test]
fn every_pair_of_the_table_is_taken_or_has_a_reason() {
    for &release in Release::ALL {
        let mut taken = BTreeSet::new();
        for scope in scopes(release) {
            taken.extend(Space::of(scope, &Nothing).reach().pairs().map(|(pair, _)| pair));
        }
        for &from in RunState::ALL {
            for to in release.graph().successors(from).iter() {
                let listed =
                    untaken().any(|u| (u.from, u.to) == (from, to) && (u.since..=u.until).contains(&release));
                assert_ne!(
                    listed,
                    taken.contains(&(from, to)),
                    "{release}: {from} -> {to} is taken or listed in data/untaken.txt, and not both"
                );
            }
        }
        for (from, to) in taken {
            assert!(
                release.graph().allows(from, to),
                "{release}: {from} -> {to} went past the table"
            );
        }
    }
}

/// Merging states must not lose or make any: the full states, seen as the merged ones, are the merged ones.
#[test]
fn what_is_merged_behaves_alike() {
    for release in [Release::V6_0, Release::V10_0] {
        let small = Scope {
            families: Families::WITHOUT_MIGRATION.with(Family::Migration),
            ..Scope::new(release)
        };
        for scope in [small, Scope::races(release)] {
            let merged = Space::of(scope, &Nothing);
            let full = Space::of(
                Scope {
                    detail: Detail::Full,
                    ..scope
                },
                &Nothing,
            );
            let keys = |space: &Space| -> BTreeSet<u64> {
                let reach = space.reach();
                (0..space.len() as u32)
                    .filter(|&state| !reach.of_state(state).is_empty())
                    .map(|state| space.vm(state).key(Detail::RunState))
                    .collect()
            };
            let (few, many) = (keys(&merged), keys(&full));
            assert!(full.len() > merged.len(), "{release}: merging is worth it");
            assert_eq!(few.symmetric_difference(&many).count(), 0, "{release}: {scope:?}");
            let aborts = |space: &Space| -> Vec<_> {
                let reach = space.reach();
                let aborts = reach.ends().filter(|end| matches!(end, End::Abort { .. }));
                aborts.map(|end| (end, reach.of_end(end))).collect()
            };
            assert_eq!(aborts(&merged), aborts(&full), "{release}: {scope:?}");
        }
    }
}

/// Takes down what a migration's source says about itself: at the stop for the switchover.
struct Sources {
    said: RefCell<BTreeSet<(RunState, bool)>>,
}

impl Observer for Sources {
    fn see(&self, _: u8, seen: &Seen<'_>) -> Verdict {
        for output in seen.outputs {
            if let &Output::State {
                from,
                to: RunState::FinishMigrate,
            } = output
            {
                let with_flag = seen.before.release().suspended_is_live();
                let suspended = from == RunState::Suspended || seen.before.was_suspended();
                self.said.borrow_mut().insert((from, with_flag && suspended));
            }
        }
        Verdict::Go(0)
    }
}

#[test]
fn streams_are_those_that_sources_write() {
    for &release in Release::ALL {
        let sources = Sources {
            said: RefCell::default(),
        };
        let scope = Scope::new(release);
        let _ = Space::of(
            Scope {
                families: scope.families.without(Family::Colo),
                // Not one that a debugger sent on its way before its own stream had come.
                launches: Launches::Local,
                ..scope
            },
            &sources,
        );
        let heard: BTreeSet<_> = streams(release)
            .filter(|stream| !stream.postcopy)
            .map(|stream| (stream.status, stream.suspended))
            .collect();
        assert_eq!(sources.said.into_inner(), heard, "{release}");
    }
}

#[test]
fn every_path_that_is_told_replays() {
    for release in [Release::V7_2, Release::V11_0] {
        for scope in scopes(release) {
            let space = Space::of(scope, &Nothing);
            let reach = space.reach();
            for end in reach.ends() {
                let (steps, _) = reach
                    .soonest(end)
                    .expect("an end that is reached is reached some time");
                let path = space.shortest(&reach, end).expect("what is reached has a path");
                if matches!(end, End::Abort { .. }) {
                    assert_eq!(path.end(), Some(end), "{release}: {path:?}");
                } else {
                    assert!(matches!(path.end(), Some(End::Exit(_))), "{release}: {path:?}");
                }
                assert!(path.replays_on(&path.launch), "{release}: {path:?}");
                assert!(path.vm().is_gone());
                assert!(steps as usize <= 1 + 2 * path.steps.len(), "{release}: {path:?}");
            }
        }
    }
}

#[test]
fn a_key_tells_apart_what_it_must() {
    let plain = Vm::launch(&runstate::Launch::new(Release::V10_0), &mut |_| ());
    let mut stopped = plain;
    let _ = stopped.handle(runstate::Input::Command(runstate::Command::Stop), &mut |_| ());
    assert_ne!(plain.key(Detail::RunState), stopped.key(Detail::RunState));
    let mut pending = plain;
    let _ = pending.handle(
        runstate::Input::Command(runstate::Command::SystemPowerdown),
        &mut |_| (),
    );
    assert_ne!(plain.key(Detail::Full), pending.key(Detail::Full));
    assert_eq!(plain.key(Detail::RunState), pending.key(Detail::RunState));
}
