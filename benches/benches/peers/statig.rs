//! The graph in statig: a handler per state.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a peer is written as its users write it"
)]

use runstate::RunState;
use statig::prelude::*;

#[derive(Default)]
pub(super) struct Machine;

#[state_machine(initial = "State::running()")]
impl Machine {
    #[state]
    fn debug(event: &RunState) -> Outcome<State> {
        match event {
            RunState::Prelaunch => Transition(State::prelaunch()),
            RunState::FinishMigrate => Transition(State::finish_migrate()),
            RunState::Running => Transition(State::running()),
            RunState::Suspended => Transition(State::suspended()),
            _ => Handled,
        }
    }

    #[state]
    fn inmigrate(event: &RunState) -> Outcome<State> {
        match event {
            RunState::InternalError => Transition(State::internal_error()),
            RunState::IoError => Transition(State::io_error()),
            RunState::Paused => Transition(State::paused()),
            RunState::Postmigrate => Transition(State::postmigrate()),
            RunState::Prelaunch => Transition(State::prelaunch()),
            RunState::FinishMigrate => Transition(State::finish_migrate()),
            RunState::Running => Transition(State::running()),
            RunState::Shutdown => Transition(State::shutdown()),
            RunState::Suspended => Transition(State::suspended()),
            RunState::Watchdog => Transition(State::watchdog()),
            RunState::GuestPanicked => Transition(State::guest_panicked()),
            RunState::Colo => Transition(State::colo()),
            _ => Handled,
        }
    }

    #[state]
    fn internal_error(event: &RunState) -> Outcome<State> {
        match event {
            RunState::Paused => Transition(State::paused()),
            RunState::Prelaunch => Transition(State::prelaunch()),
            RunState::FinishMigrate => Transition(State::finish_migrate()),
            _ => Handled,
        }
    }

    #[state]
    fn io_error(event: &RunState) -> Outcome<State> {
        match event {
            RunState::Prelaunch => Transition(State::prelaunch()),
            RunState::FinishMigrate => Transition(State::finish_migrate()),
            RunState::Running => Transition(State::running()),
            _ => Handled,
        }
    }

    #[state]
    fn paused(event: &RunState) -> Outcome<State> {
        match event {
            RunState::Postmigrate => Transition(State::postmigrate()),
            RunState::Prelaunch => Transition(State::prelaunch()),
            RunState::FinishMigrate => Transition(State::finish_migrate()),
            RunState::Running => Transition(State::running()),
            RunState::Suspended => Transition(State::suspended()),
            RunState::Colo => Transition(State::colo()),
            _ => Handled,
        }
    }

    #[state]
    fn postmigrate(event: &RunState) -> Outcome<State> {
        match event {
            RunState::Prelaunch => Transition(State::prelaunch()),
            RunState::FinishMigrate => Transition(State::finish_migrate()),
            RunState::Running => Transition(State::running()),
            _ => Handled,
        }
    }

    #[state]
    fn prelaunch(event: &RunState) -> Outcome<State> {
        match event {
            RunState::Inmigrate => Transition(State::inmigrate()),
            RunState::FinishMigrate => Transition(State::finish_migrate()),
            RunState::Running => Transition(State::running()),
            RunState::Suspended => Transition(State::suspended()),
            _ => Handled,
        }
    }

    #[state]
    fn finish_migrate(event: &RunState) -> Outcome<State> {
        match event {
            RunState::InternalError => Transition(State::internal_error()),
            RunState::IoError => Transition(State::io_error()),
            RunState::Paused => Transition(State::paused()),
            RunState::Postmigrate => Transition(State::postmigrate()),
            RunState::Prelaunch => Transition(State::prelaunch()),
            RunState::Running => Transition(State::running()),
            RunState::Shutdown => Transition(State::shutdown()),
            RunState::Suspended => Transition(State::suspended()),
            RunState::Watchdog => Transition(State::watchdog()),
            RunState::GuestPanicked => Transition(State::guest_panicked()),
            RunState::Colo => Transition(State::colo()),
            _ => Handled,
        }
    }

    #[state]
    fn restore_vm(event: &RunState) -> Outcome<State> {
        match event {
            RunState::Prelaunch => Transition(State::prelaunch()),
            RunState::Running => Transition(State::running()),
            RunState::Suspended => Transition(State::suspended()),
            _ => Handled,
        }
    }

    #[state]
    fn running(event: &RunState) -> Outcome<State> {
        match event {
            RunState::Debug => Transition(State::debug()),
            RunState::InternalError => Transition(State::internal_error()),
            RunState::IoError => Transition(State::io_error()),
            RunState::Paused => Transition(State::paused()),
            RunState::FinishMigrate => Transition(State::finish_migrate()),
            RunState::RestoreVm => Transition(State::restore_vm()),
            RunState::SaveVm => Transition(State::save_vm()),
            RunState::Shutdown => Transition(State::shutdown()),
            RunState::Suspended => Transition(State::suspended()),
            RunState::Watchdog => Transition(State::watchdog()),
            RunState::GuestPanicked => Transition(State::guest_panicked()),
            RunState::Colo => Transition(State::colo()),
            _ => Handled,
        }
    }

    #[state]
    fn save_vm(event: &RunState) -> Outcome<State> {
        match event {
            RunState::Running => Transition(State::running()),
            RunState::Suspended => Transition(State::suspended()),
            _ => Handled,
        }
    }

    #[state]
    fn shutdown(event: &RunState) -> Outcome<State> {
        match event {
            RunState::Paused => Transition(State::paused()),
            RunState::Prelaunch => Transition(State::prelaunch()),
            RunState::FinishMigrate => Transition(State::finish_migrate()),
            RunState::Colo => Transition(State::colo()),
            _ => Handled,
        }
    }

    #[state]
    fn suspended(event: &RunState) -> Outcome<State> {
        match event {
            RunState::Paused => Transition(State::paused()),
            RunState::Prelaunch => Transition(State::prelaunch()),
            RunState::FinishMigrate => Transition(State::finish_migrate()),
            RunState::RestoreVm => Transition(State::restore_vm()),
            RunState::Running => Transition(State::running()),
            RunState::SaveVm => Transition(State::save_vm()),
            RunState::Shutdown => Transition(State::shutdown()),
            RunState::Colo => Transition(State::colo()),
            _ => Handled,
        }
    }

    #[state]
    fn watchdog(event: &RunState) -> Outcome<State> {
        match event {
            RunState::Prelaunch => Transition(State::prelaunch()),
            RunState::FinishMigrate => Transition(State::finish_migrate()),
            RunState::Running => Transition(State::running()),
            RunState::Colo => Transition(State::colo()),
            _ => Handled,
        }
    }

    #[state]
    fn guest_panicked(event: &RunState) -> Outcome<State> {
        match event {
            RunState::Prelaunch => Transition(State::prelaunch()),
            RunState::FinishMigrate => Transition(State::finish_migrate()),
            RunState::Running => Transition(State::running()),
            _ => Handled,
        }
    }

    #[state]
    fn colo(event: &RunState) -> Outcome<State> {
        match event {
            RunState::Prelaunch => Transition(State::prelaunch()),
            RunState::Running => Transition(State::running()),
            RunState::Shutdown => Transition(State::shutdown()),
            _ => Handled,
        }
    }
}
