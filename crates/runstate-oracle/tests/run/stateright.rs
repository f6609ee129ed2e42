//! Stateright, an explorer by others, counts the same states.

mod model;

use runstate::{Actions, PanicAction, RebootAction, Release, ShutdownAction, WatchdogAction};
use runstate_oracle::explore::{Nothing, Policies, Scope, Space};
use stateright::{Checker as _, Model as _};

use self::model::One;

#[test]
fn stateright_counts_the_same() {
    let paused = Actions::new(
        RebootAction::Shutdown,
        ShutdownAction::Pause,
        PanicAction::Pause,
        WatchdogAction::Pause,
    );
    for (release, actions) in [
        (Release::V6_0, Actions::DEFAULT),
        (Release::V8_2, paused),
        (Release::V10_0, Actions::DEFAULT),
        (Release::V11_0, paused),
    ] {
        let scope = Scope {
            policies: Policies::only(actions),
            ..Scope::new(release)
        };
        let ours = Space::of(scope, &Nothing).reach().states();
        let theirs = One { scope, actions }.checker().threads(2).spawn_bfs().join();
        theirs.assert_properties();
        assert_eq!(theirs.unique_state_count() as u64, ours, "{release} {actions}");
        assert!(ours > 1000, "{release} {actions}: {ours}");
    }
}
