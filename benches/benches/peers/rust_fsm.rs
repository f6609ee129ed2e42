//! The graph in rust-fsm: a row per transition.

use rust_fsm::state_machine;

state_machine! {
    #[derive(Debug, Clone, Copy)]
    pub machine(Running)

    Running => {
        GoDebug => Debug,
        GoInternalError => InternalError,
        GoIoError => IoError,
        GoPaused => Paused,
        GoFinishMigrate => FinishMigrate,
        GoRestoreVm => RestoreVm,
        GoSaveVm => SaveVm,
        GoShutdown => Shutdown,
        GoSuspended => Suspended,
        GoWatchdog => Watchdog,
        GoGuestPanicked => GuestPanicked,
        GoColo => Colo,
    },
    Debug => {
        GoPrelaunch => Prelaunch,
        GoFinishMigrate => FinishMigrate,
        GoRunning => Running,
        GoSuspended => Suspended,
    },
    Inmigrate => {
        GoInternalError => InternalError,
        GoIoError => IoError,
        GoPaused => Paused,
        GoPostmigrate => Postmigrate,
        GoPrelaunch => Prelaunch,
        GoFinishMigrate => FinishMigrate,
        GoRunning => Running,
        GoShutdown => Shutdown,
        GoSuspended => Suspended,
        GoWatchdog => Watchdog,
        GoGuestPanicked => GuestPanicked,
        GoColo => Colo,
    },
    InternalError => {
        GoPaused => Paused,
        GoPrelaunch => Prelaunch,
        GoFinishMigrate => FinishMigrate,
    },
    IoError => {
        GoPrelaunch => Prelaunch,
        GoFinishMigrate => FinishMigrate,
        GoRunning => Running,
    },
    Paused => {
        GoPostmigrate => Postmigrate,
        GoPrelaunch => Prelaunch,
        GoFinishMigrate => FinishMigrate,
        GoRunning => Running,
        GoSuspended => Suspended,
        GoColo => Colo,
    },
    Postmigrate => {
        GoPrelaunch => Prelaunch,
        GoFinishMigrate => FinishMigrate,
        GoRunning => Running,
    },
    Prelaunch => {
        GoInmigrate => Inmigrate,
        GoFinishMigrate => FinishMigrate,
        GoRunning => Running,
        GoSuspended => Suspended,
    },
    FinishMigrate => {
        GoInternalError => InternalError,
        GoIoError => IoError,
        GoPaused => Paused,
        GoPostmigrate => Postmigrate,
        GoPrelaunch => Prelaunch,
        GoRunning => Running,
        GoShutdown => Shutdown,
        GoSuspended => Suspended,
        GoWatchdog => Watchdog,
        GoGuestPanicked => GuestPanicked,
        GoColo => Colo,
    },
    RestoreVm => {
        GoPrelaunch => Prelaunch,
        GoRunning => Running,
        GoSuspended => Suspended,
    },
    SaveVm => {
        GoRunning => Running,
        GoSuspended => Suspended,
    },
    Shutdown => {
        GoPaused => Paused,
        GoPrelaunch => Prelaunch,
        GoFinishMigrate => FinishMigrate,
        GoColo => Colo,
    },
    Suspended => {
        GoPaused => Paused,
        GoPrelaunch => Prelaunch,
        GoFinishMigrate => FinishMigrate,
        GoRestoreVm => RestoreVm,
        GoRunning => Running,
        GoSaveVm => SaveVm,
        GoShutdown => Shutdown,
        GoColo => Colo,
    },
    Watchdog => {
        GoPrelaunch => Prelaunch,
        GoFinishMigrate => FinishMigrate,
        GoRunning => Running,
        GoColo => Colo,
    },
    GuestPanicked => {
        GoPrelaunch => Prelaunch,
        GoFinishMigrate => FinishMigrate,
        GoRunning => Running,
    },
    Colo => {
        GoPrelaunch => Prelaunch,
        GoRunning => Running,
        GoShutdown => Shutdown,
    }
}

/// The event that asks for a state.
pub(super) const fn event(to: runstate::RunState) -> machine::Input {
    use runstate::RunState;
    match to {
        RunState::Debug => machine::Input::GoDebug,
        RunState::Inmigrate => machine::Input::GoInmigrate,
        RunState::InternalError => machine::Input::GoInternalError,
        RunState::IoError => machine::Input::GoIoError,
        RunState::Paused => machine::Input::GoPaused,
        RunState::Postmigrate => machine::Input::GoPostmigrate,
        RunState::Prelaunch => machine::Input::GoPrelaunch,
        RunState::FinishMigrate => machine::Input::GoFinishMigrate,
        RunState::RestoreVm => machine::Input::GoRestoreVm,
        RunState::Running => machine::Input::GoRunning,
        RunState::SaveVm => machine::Input::GoSaveVm,
        RunState::Shutdown => machine::Input::GoShutdown,
        RunState::Suspended => machine::Input::GoSuspended,
        RunState::Watchdog => machine::Input::GoWatchdog,
        RunState::GuestPanicked => machine::Input::GoGuestPanicked,
        RunState::Colo => machine::Input::GoColo,
    }
}
