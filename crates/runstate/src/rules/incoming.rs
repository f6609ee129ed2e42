//! The destination of a migration. migration/migration.c.

use crate::{
    Answer, Capability, Channel, Event, Impossible, MigrationStatus, Output, Refusal, RunState, Stream, Vm,
    vm::{Aborted, Flags, Ran},
};

/// How far the incoming migration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Incoming {
    /// `-incoming` was not given.
    None,
    /// `-incoming defer`, waiting for `migrate-incoming`.
    Deferred,
    /// Waiting for the stream; if it breaks, QEMU exits.
    Started,
    /// The same; if it breaks, QEMU stays (9.1).
    StartedAndStays,
    /// The secondary of a COLO pair.
    Colo,
    /// The same, and the link is broken: COLO_EXIT was said, and there are no more checkpoints.
    ColoBroken,
    /// The stream came, or broke.
    Ended,
}

impl Vm {
    /// Whether the incoming migration has the registration with yank, from `qmp_migrate_incoming()` to
    /// `migration_incoming_state_destroy()`. Nothing else of migration can have it then.
    pub(crate) const fn incoming_is_yankable(&self) -> bool {
        match self.incoming {
            Incoming::Started | Incoming::StartedAndStays | Incoming::Colo | Incoming::ColoBroken => true,
            Incoming::None | Incoming::Deferred | Incoming::Ended => false,
        }
    }

    /// `qmp_migrate_incoming()`, migration/migration.c.
    pub(crate) fn qmp_migrate_incoming(
        &mut self,
        channel: Channel,
        exit_on_error: bool,
        out: &mut impl FnMut(Output),
    ) -> Answer {
        match self.incoming {
            Incoming::None => return Answer::Refused(Refusal::NoIncoming),
            Incoming::Deferred if self.run != RunState::Inmigrate => {
                return Answer::Refused(Refusal::NoIncoming);
            }
            Incoming::Deferred => {}
            Incoming::Started
            | Incoming::StartedAndStays
            | Incoming::Colo
            | Incoming::ColoBroken
            | Incoming::Ended => {
                return Answer::Refused(Refusal::IncomingStarted);
            }
        }
        // Up to 9.0 the migration has begun before its uri is read.
        let always = self.release.incoming_setup_is_always_announced();
        if always || (channel != Channel::UnknownProtocol && self.has_capability(Capability::Events)) {
            Self::emit(Event::Migration(MigrationStatus::Setup), out);
        }
        match channel {
            Channel::Good => {}
            Channel::UnknownProtocol => return Answer::Refused(Refusal::UnknownProtocol),
            Channel::FailsAtOnce => return Answer::Refused(Refusal::ChannelFailed),
        }
        let exits = exit_on_error || !self.release.has_exit_on_error();
        self.incoming = if exits {
            Incoming::Started
        } else {
            Incoming::StartedAndStays
        };
        Answer::Done
    }

    /// The stream is complete. `process_incoming_migration_bh()`, migration/migration.c.
    pub(crate) fn incoming_arrives(
        &mut self,
        stream: Stream,
        out: &mut impl FnMut(Output),
    ) -> Result<Answer, Aborted> {
        match self.incoming {
            Incoming::Started | Incoming::StartedAndStays => {}
            Incoming::Colo => {
                self.colo_checkpoint(out)?;
                return Ok(Answer::Done);
            }
            Incoming::None | Incoming::Deferred | Incoming::ColoBroken | Incoming::Ended => {
                return Ok(Answer::Impossible(Impossible::NoIncoming));
            }
        }
        self.announce_migration(MigrationStatus::Active, out);
        if self.has_capability(Capability::Colo) {
            self.incoming = Incoming::Colo;
            self.flags.set(Flags::DISKS_GIVEN_AWAY, false);
            self.announce_migration(MigrationStatus::Colo, out);
            self.vm_start(out)?;
            return Ok(Answer::Done);
        }
        if stream.postcopy {
            if self.release.migration_announces_postcopy_device() {
                self.announce_migration(MigrationStatus::PostcopyDevice, out);
            }
            self.announce_migration(MigrationStatus::PostcopyActive, out);
        }
        self.incoming = Incoming::Ended;
        if !self.release.disks_wait_for_start() {
            self.flags.set(Flags::DISKS_GIVEN_AWAY, false);
        }
        self.start_destination(stream, out)?;
        self.announce_migration(MigrationStatus::Completed, out);
        Ok(Answer::Done)
    }

    fn start_destination(&mut self, stream: Stream, out: &mut impl FnMut(Output)) -> Ran {
        // global_state_post_load(), migration/global_state.c
        let suspended = stream.suspended || stream.status == RunState::Suspended;
        if self.release.suspended_is_live() {
            self.flags.set(Flags::WAS_SUSPENDED, suspended);
        }
        // loadvm_postcopy_handle_run_bh() does not look at the stored state.
        if stream.postcopy || self.state_is_live(stream.status) {
            if self.flags.has(Flags::AUTOSTART) {
                self.flags.set(Flags::DISKS_GIVEN_AWAY, false);
                self.vm_start(out)
            } else {
                self.set(RunState::Paused, out)
            }
        } else {
            self.set(stream.status, out)
        }
    }

    /// The stream breaks. `process_incoming_migration_co()`, migration/migration.c.
    pub(crate) fn incoming_fails(&mut self, out: &mut impl FnMut(Output)) -> Result<Answer, Aborted> {
        match self.incoming {
            Incoming::Started | Incoming::StartedAndStays => {}
            Incoming::Colo => {
                self.incoming = Incoming::ColoBroken;
                Self::colo_exits(crate::ColoMode::Secondary, out);
                return Ok(Answer::Done);
            }
            Incoming::None | Incoming::Deferred | Incoming::ColoBroken | Incoming::Ended => {
                return Ok(Answer::Impossible(Impossible::NoIncoming));
            }
        }
        let exits = self.incoming == Incoming::Started;
        self.incoming = Incoming::Ended;
        self.announce_migration(MigrationStatus::Active, out);
        self.announce_migration(MigrationStatus::Failed, out);
        if exits {
            self.exit_now(1, out);
        }
        Ok(Answer::Done)
    }
}
