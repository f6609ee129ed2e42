//! The monitor commands.

use crate::{
    Answer, Channel, Command, Output, Refusal, RunState, ShutdownCause, Vm,
    vm::{Aborted, Flags},
};

impl Command {
    /// Whether it may run before the machine exists. `allow-preconfig` in the schema.
    pub(crate) const fn allowed_in_preconfig(self) -> bool {
        matches!(
            self,
            Self::QueryStatus | Self::Quit | Self::SetAction(_) | Self::ExitPreconfig
        )
    }
}

impl Vm {
    #[inline]
    pub(crate) fn dispatch(
        &mut self,
        command: Command,
        out: &mut impl FnMut(Output),
    ) -> Result<Answer, Aborted> {
        match command {
            Command::QueryStatus => {}
            Command::Stop => return self.qmp_stop(out),
            Command::Cont => return self.qmp_cont(out),
            Command::Quit => self.quit(),
            // qmp_system_reset(), hw/core/machine-qmp-cmds.c
            Command::SystemReset => self.reset_request(ShutdownCause::HostQmpSystemReset),
            Command::SystemPowerdown => self.powerdown_request(),
            Command::SystemWakeup => return self.qmp_system_wakeup(out),
            Command::InjectNmi => return Ok(self.qmp_inject_nmi()),
            // qmp_set_action(), system/runstate-action.c: all or nothing, and nothing can fail any more.
            Command::SetAction(change) => self.actions = self.actions.with(change),
            Command::WatchdogSetAction(action) => {
                self.actions = self.actions.with(crate::SetAction {
                    watchdog: Some(action),
                    ..Default::default()
                });
            }
            Command::ExitPreconfig => return self.exit_preconfig(out),
            Command::Migrate(channel) => return self.qmp_migrate(channel, out),
            Command::MigrateResume => return Ok(self.qmp_migrate_resume(out)),
            Command::MigrateCancel => return Ok(self.qmp_migrate_cancel(out)),
            Command::MigrateContinue(status) => return Ok(self.qmp_migrate_continue(status)),
            Command::MigrateStartPostcopy => return Ok(self.qmp_migrate_start_postcopy()),
            Command::MigratePause => return Ok(self.qmp_migrate_pause(out)),
            Command::MigrateRecover => return Ok(Answer::Refused(Refusal::RecoverOnlyWhenPaused)),
            Command::MigrateSetCapability(capability, on) => {
                return Ok(self.qmp_migrate_set_capability(capability, on));
            }
            Command::MigrateSetCprReboot(on) => self.set_capability(Self::CPR_REBOOT, on),
            Command::MigrateIncoming {
                channel,
                exit_on_error,
            } => {
                return Ok(self.qmp_migrate_incoming(channel, exit_on_error, out));
            }
            Command::Savevm => return self.savevm(out),
            Command::Loadvm(load) => return self.hmp_loadvm(load, out),
            Command::SnapshotSave { succeeds } => return self.snapshot_save(succeeds, out),
            Command::SnapshotLoad(load) => return self.snapshot_load(load, out),
            Command::SnapshotDelete { succeeds } => return Ok(self.snapshot_delete(succeeds, out)),
            Command::JobDismiss => return Ok(self.job_dismiss(out)),
            Command::DumpGuestMemory { detach } => return self.dump_guest_memory(detach, out),
            Command::XenSaveDevicesState => return self.xen_save_devices_state(out),
            Command::ColoLostHeartbeat => return self.colo_lost_heartbeat(out),
        }
        Ok(Answer::Done)
    }

    /// `runstate_needs_reset()`, system/runstate.c.
    pub(crate) const fn needs_reset(&self) -> bool {
        matches!(self.run, RunState::InternalError | RunState::Shutdown)
    }

    /// `qmp_stop()`, monitor/qmp-cmds.c.
    fn qmp_stop(&mut self, out: &mut impl FnMut(Output)) -> Result<Answer, Aborted> {
        if self.flags.has(Flags::DUMPING) {
            return Ok(Answer::Refused(Refusal::DumpInProgress));
        }
        if self.run == RunState::Inmigrate {
            self.flags.set(Flags::AUTOSTART, false);
        } else {
            self.vm_stop(RunState::Paused, out)?;
        }
        Ok(Answer::Done)
    }

    /// `qmp_cont()`, monitor/qmp-cmds.c. The order of the checks is QEMU's.
    pub(crate) fn qmp_cont(&mut self, out: &mut impl FnMut(Output)) -> Result<Answer, Aborted> {
        if self.flags.has(Flags::DUMPING) {
            return Ok(Answer::Refused(Refusal::DumpInProgress));
        }
        match self.run {
            RunState::InternalError | RunState::Shutdown => {
                return Ok(Answer::Refused(Refusal::ResetRequired));
            }
            RunState::Suspended => {}
            RunState::FinishMigrate => return Ok(Answer::Refused(Refusal::MigrationNotFinalized)),
            RunState::Colo if self.release.cont_refused_in_colo() => {
                return Ok(Answer::Refused(Refusal::ColoCheckpoint));
            }
            // What a migration will do when it ends; nothing now.
            RunState::Inmigrate => {
                if !self.release.disks_wait_for_start() {
                    self.flags.set(Flags::DISKS_GIVEN_AWAY, false);
                }
                self.flags.set(Flags::AUTOSTART, true);
            }
            RunState::Debug
            | RunState::IoError
            | RunState::Paused
            | RunState::Postmigrate
            | RunState::Prelaunch
            | RunState::RestoreVm
            | RunState::Running
            | RunState::SaveVm
            | RunState::Watchdog
            | RunState::GuestPanicked
            | RunState::Colo => {
                // bdrv_activate_all()
                self.flags.set(Flags::DISKS_GIVEN_AWAY, false);
                self.vm_start(out)?;
            }
        }
        Ok(Answer::Done)
    }

    /// `qmp_system_wakeup()`, hw/core/machine-qmp-cmds.c.
    fn qmp_system_wakeup(&mut self, out: &mut impl FnMut(Output)) -> Result<Answer, Aborted> {
        if !self.flags.has(Flags::WAKEUP_SUPPORT) {
            return Ok(Answer::Refused(Refusal::WakeupNotSupported));
        }
        Ok(self.wakeup_request(out)?.map_or(Answer::Done, Answer::Refused))
    }

    /// `qmp_inject_nmi()`, `nmi_monitor_handle()`, hw/core/nmi.c.
    const fn qmp_inject_nmi(&self) -> Answer {
        if self.flags.has(Flags::NMI) {
            Answer::Done
        } else if self.release.nmi_error_names_machine() {
            Answer::Refused(Refusal::NoNmi)
        } else {
            Answer::Refused(Refusal::NmiUnsupported)
        }
    }

    /// What a channel that cannot be opened is refused with.
    pub(crate) const fn channel_refusal(&self, channel: Channel) -> Option<Refusal> {
        match channel {
            Channel::Good => None,
            Channel::UnknownProtocol if self.release.migrate_checks_state_first() => {
                Some(Refusal::InvalidProtocol)
            }
            Channel::UnknownProtocol => Some(Refusal::UnknownProtocol),
            Channel::FailsAtOnce => Some(Refusal::ChannelFailed),
        }
    }
}
