//! What is to be driven, step by step.

use core::time::Duration;

use runstate::{Guest, Host, RunState};
use runstate_qmp::Value;

use super::failure::Failure;
use super::machine::{ErrorDrive, Machine, devices};
use super::ports::ResetBy;

/// How the guest's actions come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Injection {
    /// Through the qtest socket, on the main-loop thread.
    Qtest,
    /// By a vCPU.
    Vcpu,
}

/// A signal that asks QEMU to end.
pub type Signal = nix::sys::signal::Signal;

/// One thing that is done to QEMU.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// A QMP message.
    Send(Value),
    /// The guest acts; the data of the action.
    Guest(Guest, Option<Value>),
    /// Something happens on the host.
    Host(Host, Option<Signal>),
    /// Time passes.
    Wait(Duration),
}

/// An act, and whether the main loop's next pass is held back after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What.
    pub act: Act,
    /// ` &`
    pub hold: bool,
}

impl Step {
    /// Whether it is a command that saves or loads a snapshot.
    fn is_about_snapshots(&self) -> bool {
        let Act::Send(command) = &self.act else {
            return false;
        };
        let text = command.to_string();
        ["savevm", "loadvm", "snapshot-"]
            .iter()
            .any(|word| text.contains(word))
    }
}

/// A scenario without its expectations.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// QEMU's options.
    pub options: Vec<String>,
    /// A disk that can hold snapshots.
    pub disk: bool,
    /// Snapshots that the disk has before QEMU starts.
    pub snapshots: Vec<(String, RunState)>,
    /// A request that is repeated succeeds.
    pub errors_once: bool,
    /// How the guest resets; in all ways in turn, if it is not said.
    pub reset_by: Option<ResetBy>,
    /// How many vCPUs, if it says so.
    pub vcpus: Option<u16>,
    /// What happens.
    pub steps: Vec<Step>,
}

impl Script {
    /// How its guest acts: `-accel qtest` says on the main-loop thread.
    #[must_use]
    pub fn injection(&self) -> Injection {
        if self.accelerator() == Some("qtest") {
            Injection::Qtest
        } else {
            Injection::Vcpu
        }
    }

    /// The accelerator that its options name.
    #[must_use]
    pub fn accelerator(&self) -> Option<&str> {
        let at = self.options.iter().position(|word| word == "-accel")?;
        let value = self.options.get(at + 1)?;
        Some(value.split(',').next().unwrap_or(value))
    }

    /// Whether its watchdog is the i6300esb: its options add one.
    #[must_use]
    pub fn has_i6300esb(&self) -> bool {
        devices(&self.options).any(|device| {
            let driver = device.split(',').next().unwrap_or(device);
            let driver = driver.strip_prefix("driver=").unwrap_or(driver);
            driver == "i6300esb" || device.contains(r#""i6300esb""#)
        })
    }

    /// The steps of each group: those up to one that is not held.
    #[must_use]
    pub fn groups(&self) -> Vec<core::ops::Range<usize>> {
        let mut groups = Vec::new();
        let mut start = 0;
        for (index, step) in self.steps.iter().enumerate() {
            if !step.hold || index + 1 == self.steps.len() {
                groups.push(start..index + 1);
                start = index + 1;
            }
        }
        groups
    }

    /// As many vCPUs as the largest group has guest actions, at least one.
    fn vcpus(&self) -> Result<u8, Failure> {
        let needed = self.groups().into_iter().map(|group| {
            let acts = self.steps[group].iter();
            acts.filter(|step| matches!(step.act, Act::Guest(..))).count()
        });
        let needed = needed.max().unwrap_or(0).max(1);
        let given = self.vcpus.map_or(needed, usize::from);
        if self.injection() == Injection::Vcpu && given < needed {
            return undrivable(
                "actions of one vCPU that the main loop finds together: how far it comes is a race",
            );
        }
        match u8::try_from(given) {
            Ok(count) if count <= super::firmware::MAX_VCPUS => Ok(count),
            _ => undrivable("more vCPUs than the guest has room for"),
        }
    }

    /// The machine for it; `qtest` says whether QEMU has that accelerator.
    ///
    /// # Errors
    ///
    /// When there is no such machine.
    pub fn machine(&self, qtest: bool) -> Result<Machine, Failure> {
        let mut options = self.options.clone();
        match self.accelerator() {
            Some("qtest") if !qtest => {
                for word in &mut options {
                    if word == "qtest" {
                        "tcg".clone_into(word);
                    }
                }
            }
            Some(_) => {}
            None => options.extend(["-accel".to_owned(), "tcg".to_owned()]),
        }
        let errors: Vec<&Value> = self
            .steps
            .iter()
            .filter_map(|step| match &step.act {
                Act::Guest(Guest::IoError(_), data) => Some(data.as_ref().unwrap_or(&Value::Null)),
                Act::Send(_) | Act::Guest(..) | Act::Host(..) | Act::Wait(_) => None,
            })
            .collect();
        let debugger = self.steps.iter().any(|step| {
            matches!(
                step.act,
                Act::Guest(Guest::Debug, _)
                    | Act::Host(
                        Host::GdbAttach
                            | Host::GdbInterrupt
                            | Host::GdbContinue
                            | Host::GdbDetach
                            | Host::GdbKill,
                        _
                    )
            )
        });
        let machine = Machine {
            options,
            vcpus: self.vcpus()?,
            disk: self.disk || !self.snapshots.is_empty(),
            errors: ErrorDrive::for_errors(&errors, self.errors_once)?,
            debugger,
        };
        if machine.errors.is_some() && (machine.disk || self.steps.iter().any(Step::is_about_snapshots)) {
            return undrivable("a drive with errors beside snapshots, which it forbids");
        }
        Ok(machine)
    }
}

/// Why an action is beyond the devices of the machine, if it is.
#[must_use]
pub fn beyond_devices(action: Guest, data: Option<&Value>) -> Option<&'static str> {
    match action {
        Guest::Panic | Guest::Crashloaded => {
            data.map(|_| "pvpanic tells nothing about the panic; a hypervisor would")
        }
        Guest::InternalError => Some("no device makes the hypervisor fail (KVM does)"),
        Guest::NotifyVmexit => Some("only KVM on new Intel processors notices it"),
        Guest::SubsystemReset => Some("only s390 has it"),
        Guest::MemoryFailure(failure) => {
            use runstate::{MemoryFailureAction, MemoryFailureRecipient};
            let guest = failure.recipient == MemoryFailureRecipient::Guest;
            let action = matches!(
                failure.action,
                MemoryFailureAction::Inject | MemoryFailureAction::Reset
            );
            (!guest || !action || failure.flags.recursive)
                .then_some("the monitor's mce injects into the guest, or resets it, not recursively")
        }
        Guest::Shutdown
        | Guest::Reset
        | Guest::Pvshutdown
        | Guest::Watchdog
        | Guest::Suspend
        | Guest::SuspendDisk
        | Guest::Wakeup
        | Guest::IoError(_)
        | Guest::Debug
        | Guest::DebugExit(_) => None,
    }
}

pub(super) fn undrivable<T>(reason: &str) -> Result<T, Failure> {
    Err(Failure::Undrivable(reason.to_owned()))
}
