//! The ways to start QEMU.

use runstate::{IncomingOption, Launch, Load, Machine, Release, Thread};

/// Which of them an exploration begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Launches {
    /// Without options (but for the actions').
    Plain,
    /// And with `-S`, `-preconfig`, `-loadvm`.
    Local,
    /// And with `-incoming`.
    All,
}

impl Launches {
    /// The launches, those with the fewest options first; their actions are the default.
    #[must_use]
    pub fn of(self, release: Release, thread: Thread, machine: Machine) -> Vec<Launch> {
        let plain = Launch {
            thread,
            machine,
            ..Launch::new(release)
        };
        let stopped = Launch {
            autostart: false,
            ..plain
        };
        let mut launches = vec![plain];
        let both = [plain, stopped];
        if self != Self::Plain {
            launches.push(stopped);
            launches.extend(both.map(|launch| Launch {
                preconfig: true,
                ..launch
            }));
            if machine.snapshot_disk {
                let suspended: &[bool] = if release.suspended_is_live() {
                    &[false, true]
                } else {
                    &[false]
                };
                for &suspended in suspended {
                    launches.extend(both.map(|launch| Launch {
                        loadvm: Some(Load::Found { suspended }),
                        ..launch
                    }));
                }
            }
        }
        if self == Self::All {
            for incoming in [IncomingOption::Uri, IncomingOption::Defer] {
                launches.extend(both.map(|launch| Launch { incoming, ..launch }));
            }
            // With -preconfig QEMU takes -incoming defer only.
            launches.extend(both.map(|launch| Launch {
                incoming: IncomingOption::Defer,
                preconfig: true,
                ..launch
            }));
        }
        launches
    }
}
