//! How a random scenario's QEMU is launched.

use rand::Rng;
use rand::seq::IndexedRandom as _;
use runstate::RunState;

use super::{Acting, Profile, Wish};
use crate::scenario::{IoErrors, ReleaseRange, Scenario, With};

/// A launch; no steps yet.
pub(super) fn draw(rng: &mut impl Rng, wish: Wish, acting: Acting) -> Scenario {
    let mut launch: Vec<&str> = Vec::new();
    if acting == Acting::MainLoop {
        launch.extend(["-accel", "qtest"]);
    }
    let mut with = Vec::new();
    let mut may = |chance: f64| rng.random_bool(chance);
    if may(0.15) {
        launch.push("-S");
    }
    if may(0.2) {
        launch.push("-no-reboot");
    }
    if may(0.55) {
        launch.push("-no-shutdown");
    }
    let (incoming, preconfig, disk, always) = match wish.profile {
        Profile::Everything => (0.1, 0.05, 0.2, 0.05),
        Profile::Actions => (0.0, 0.03, 0.0, 0.1),
        Profile::Groups => (0.0, 0.0, 0.0, 0.0),
        Profile::Migration => (0.4, 0.02, 0.0, 0.0),
        Profile::Snapshots => (0.0, 0.0, 1.0, 0.0),
    };
    if may(incoming) {
        launch.push("-incoming");
        launch.push(if may(0.5) { "exec:cat state" } else { "defer" });
    } else if may(preconfig) {
        launch.push("-preconfig");
    } else if may(disk) {
        if may(0.2) {
            launch.extend(["-loadvm", "s1"]);
            let status = if may(0.5) {
                RunState::Running
            } else {
                RunState::Suspended
            };
            with.push(With::Snapshot {
                tag: "s1".to_owned(),
                status,
            });
        }
        with.insert(0, With::Disk);
    }
    if may(always) {
        with.push(With::IoErrors(IoErrors::Always));
    }
    // The guest's watchdog is then this one, and not the machine's ib700.
    if may(0.25) {
        launch.extend(["-device", "i6300esb"]);
    }
    let panic = [
        "panic=pause",
        "panic=shutdown",
        "panic=none",
        "panic=exit-failure",
    ];
    if rng.random_bool(0.5) {
        launch.push("-action");
        launch.push(panic.choose(rng).expect("there are four"));
    }
    let watchdog = [
        "reset",
        "shutdown",
        "pause",
        "debug",
        "none",
        "inject-nmi",
        "poweroff",
    ];
    if rng.random_bool(0.4) {
        launch.push("-watchdog-action");
        launch.push(watchdog.choose(rng).expect("there are seven"));
    }
    Scenario {
        releases: ReleaseRange::only(wish.release),
        launch: launch.into_iter().map(str::to_owned).collect(),
        with,
        ..Scenario::default()
    }
}
