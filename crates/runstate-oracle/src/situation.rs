//! Situations: each of the sixteen run states, in the variants that behave differently, reached from a launch by inputs alone.
//!
//! Nothing is set from outside: a situation is a launch and a list of acts, and a test reaches every one in every release.

use runstate::{
    Actions, Capability, Command, IncomingOption, Input, Launch, Load, Machine, NotifyVmexitOption, Release,
    RunState, SetAction, Thread, Vm,
};

mod list;

pub use list::situations;

use crate::{
    act::acts,
    told::{Step, perform},
};

/// A state, and how it comes about.
#[derive(Clone, Debug)]
pub struct Situation {
    /// A short name: `paused`, `paused-while-suspended`.
    pub name: &'static str,
    /// The run state.
    pub state: RunState,
    /// What sets it apart from others of the same state; empty for the usual one.
    pub variant: &'static str,
    /// The first release in which it can be reached.
    pub since: Release,
    start: Start,
    recipe: &'static [Input],
}

/// The launch, as far as it differs from a `pc` with a disk that can hold snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Plain,
    Stopped,
    Preconfig,
    Defer,
    Incoming,
    IncomingStopped,
    NotResettable,
    NotifyVmexit,
    Bare,
}

impl Start {
    /// In QEMU's options and the scenario format's words.
    const fn text(self) -> &'static str {
        match self {
            Self::Plain => "qemu",
            Self::Stopped => "qemu -S",
            Self::Preconfig => "qemu -preconfig",
            Self::Defer => "qemu -incoming defer",
            Self::Incoming => "qemu -incoming URI",
            Self::IncomingStopped => "qemu -incoming URI -S",
            Self::NotResettable => "qemu, with cpus not-resettable",
            Self::NotifyVmexit => "qemu -accel kvm,notify-vmexit=internal-error",
            Self::Bare => "qemu, with wakeup off, with nmi off, without a disk",
        }
    }

    fn launch(self, release: Release, thread: Thread) -> Launch {
        let machine = Machine {
            snapshot_disk: self != Self::Bare,
            wakeup_support: self != Self::Bare,
            nmi: self != Self::Bare,
            cpus_resettable: self != Self::NotResettable,
            notify_vmexit: if self == Self::NotifyVmexit {
                NotifyVmexitOption::InternalError
            } else {
                NotifyVmexitOption::Run
            },
            ..Machine::DEFAULT
        };
        Launch {
            autostart: !matches!(self, Self::Stopped | Self::IncomingStopped),
            preconfig: self == Self::Preconfig,
            incoming: match self {
                Self::Defer => IncomingOption::Defer,
                Self::Incoming | Self::IncomingStopped => IncomingOption::Uri,
                Self::Plain
                | Self::Stopped
                | Self::Preconfig
                | Self::NotResettable
                | Self::NotifyVmexit
                | Self::Bare => IncomingOption::None,
            },
            thread,
            machine,
            ..Launch::new(release)
        }
    }
}

impl Situation {
    /// Reaches it, with these actions in force: the recipe runs, and then `set-action` sets them.
    ///
    /// # Errors
    ///
    /// [`Unreached`] where the release does not lead there.
    pub fn reach(&self, release: Release, thread: Thread, actions: Actions) -> Result<Vm, Unreached> {
        self.approach(release, thread)
            .and_then(|vm| self.under(vm, actions))
    }

    /// The same, without the last `set-action`.
    pub(crate) fn approach(&self, release: Release, thread: Thread) -> Result<Vm, Unreached> {
        let mut vm = Vm::launch(&self.start.launch(release, thread), &mut |_| {});
        let mut told = Vec::new();
        if release < self.since || (self.name == "running-colo" && !release.primary_enters_colo()) {
            return Err(Unreached { instead: None });
        }
        for &input in self.recipe_of(release) {
            told.clear();
            perform(&mut vm, input, &mut told);
            if told
                .iter()
                .any(|step| matches!(step, Step::Impossible(_) | Step::Abort(_)))
            {
                return Err(Unreached {
                    instead: Some(vm.run_state()),
                });
            }
        }
        self.check(vm)
    }

    /// Sets the actions of a VM that is in this situation.
    pub(crate) fn under(&self, mut vm: Vm, actions: Actions) -> Result<Vm, Unreached> {
        let set = SetAction {
            reboot: Some(actions.reboot()),
            shutdown: Some(actions.shutdown()),
            panic: Some(actions.panic()),
            watchdog: Some(actions.watchdog()),
        };
        if actions.panic().since() > vm.release() {
            return Err(Unreached { instead: None });
        }
        perform(&mut vm, Input::Command(Command::SetAction(set)), &mut Vec::new());
        self.check(vm)
    }

    fn check(&self, vm: Vm) -> Result<Vm, Unreached> {
        if vm.run_state() == self.state && !vm.is_gone() && !vm.has_requests() {
            Ok(vm)
        } else {
            Err(Unreached {
                instead: Some(vm.run_state()),
            })
        }
    }

    /// 6.0 takes a failed `loadvm` for one that worked, and the other way round.
    fn recipe_of(&self, release: Release) -> &'static [Input] {
        if self.name == "restore-vm" && release.loadvm_is_inverted() {
            const { &[Input::Command(Command::Loadvm(Load::Found { suspended: false }))] }
        } else {
            self.recipe
        }
    }

    /// How it is reached in that release: the launch, then the acts.
    #[must_use]
    pub fn steps(&self, release: Release) -> Vec<String> {
        let mut steps = vec![self.start.text().to_owned()];
        steps.extend(self.recipe_of(release).iter().map(|&input| describe(input)));
        steps
    }

    /// As a person says it: `paused, while suspended`.
    #[must_use]
    pub fn title(&self) -> String {
        if self.variant.is_empty() {
            self.state.name().to_owned()
        } else {
            format!("{}, {}", self.state, self.variant)
        }
    }

    /// Whether it is the usual one of its state.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        self.name == self.state.name()
    }

    /// Whether a person who types `text` means this one: its name, or its state, which means all variants.
    #[must_use]
    pub fn answers_to(&self, text: &str) -> bool {
        text.eq_ignore_ascii_case(self.name) || text.eq_ignore_ascii_case(self.state.name())
    }
}

/// A situation that a release does not lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreached {
    /// The state that came instead; `None` where the release lacks what it needs.
    pub instead: Option<RunState>,
}

/// An input as a step of a recipe: the act's name, or what `set-action` and capabilities are told.
#[must_use]
pub fn describe(input: Input) -> String {
    match input {
        Input::Command(Command::SetAction(set)) if set != SetAction::default() => {
            let mut text = "set-action".to_owned();
            for (key, value) in [
                ("reboot", set.reboot.map(|a| a.name())),
                ("shutdown", set.shutdown.map(|a| a.name())),
                ("panic", set.panic.map(|a| a.name())),
                ("watchdog", set.watchdog.map(|a| a.name())),
            ] {
                if let Some(value) = value {
                    text.push_str(&format!(" {key}={value}"));
                }
            }
            text
        }
        Input::Command(Command::MigrateSetCapability(capability, on)) => {
            let name = Capability::ALL.iter().find(|(c, _)| *c == capability);
            let name = name.map_or("", |(_, name)| *name);
            format!(
                "migrate-set-capabilities {name}={}",
                if on { "on" } else { "off" }
            )
        }
        Input::Command(_) | Input::Guest(_) | Input::Host(_) => acts()
            .into_iter()
            .find(|act| act.input == input)
            .map_or_else(|| format!("{input:?}"), |act| act.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every state has one that begins with its name, and each is reached in every release from `since` on, on either thread.
    #[test]
    fn every_situation_is_reached() {
        for situation in situations() {
            for &release in Release::WITH_POINTS {
                for thread in [Thread::Vcpu, Thread::MainLoop] {
                    let reached = situation.reach(release, thread, Actions::DEFAULT);
                    let absent = release < situation.since
                        || (situation.name == "running-colo" && !release.primary_enters_colo());
                    assert_eq!(
                        reached.is_err(),
                        absent,
                        "{} in {release}: {reached:?}",
                        situation.name
                    );
                }
            }
        }
        for &state in RunState::ALL {
            assert!(
                situations()
                    .iter()
                    .any(|s| s.state == state && s.name == state.name()),
                "{state}"
            );
        }
    }

    #[test]
    fn any_actions_can_be_set_in_any_situation() {
        for situation in situations() {
            for actions in Actions::all() {
                let vm = situation
                    .reach(Release::V9_2, Thread::Vcpu, actions)
                    .expect("9.2 has all");
                assert_eq!(vm.actions(), actions, "{}", situation.name);
            }
        }
    }

    #[test]
    fn recipes_are_told_in_words() {
        let all = situations();
        let steps = |name| {
            all.iter()
                .find(|s| s.name == name)
                .map(|s| s.steps(Release::V10_0))
        };
        let shutdown = ["qemu", "set-action shutdown=pause", "guest shutdown"].map(str::to_owned);
        assert_eq!(steps("shutdown"), Some(shutdown.to_vec()));
        for situation in &all {
            for step in situation.steps(Release::V10_0) {
                assert!(!step.contains("Command("), "{step}");
            }
        }
    }
}
