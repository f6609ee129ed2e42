//! The machine: what decides what happens next, the calling contract, and the one door through which the run state changes.
//!
//! How QEMU goes about each thing is in [`rules`](crate::rules), one file per family of QEMU functions.

use crate::{
    Actions, Answer, Event, ExitStatus, Host, Impossible, IncomingOption, Input, Launch, NotifyVmexitOption,
    Output, Refusal, Release, RunState, ShutdownCause, StatusInfo, Thread,
    requests::Requests,
    rules::{incoming::Incoming, job::Job, migration::Migration},
};

/// QEMU called `abort()`; whoever sees this returns at once.
#[derive(Debug)]
pub(crate) struct Aborted;

/// What a rule returns: it ran to its end, or QEMU aborted in it.
pub(crate) type Ran = Result<(), Aborted>;

/// A VM: all that decides what happens next, and nothing else.
///
/// **One input, then passes of the main loop.** After each [`handle`](Self::handle) the driver calls
/// [`main_loop`](Self::main_loop) at least once before the next command; several guest and host inputs may come before one
/// pass, and then they are served in QEMU's order. For a command, [`Release::reply_after_pass`] says whether its reply goes
/// out before or after that pass.
///
/// Plain data: an explorer keeps millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Vm {
    pub(crate) release: Release,
    pub(crate) run: RunState,
    pub(crate) actions: Actions,
    pub(crate) life: Life,
    pub(crate) flags: Flags,
    pub(crate) requests: Requests,
    /// `shutdown_exit_code`, and once QEMU has exited its status.
    pub(crate) exit_code: u8,
    pub(crate) migration: Migration,
    /// `MigrationState::vm_old_state`: the run state at the stop for switchover.
    pub(crate) old_state: RunState,
    pub(crate) capabilities: u8,
    pub(crate) incoming: Incoming,
    pub(crate) job: Job,
}

const _: () = assert!(size_of::<Vm>() <= 16);

/// How far QEMU's process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Life {
    /// `-preconfig`, before `x-exit-preconfig`.
    Preconfig,
    /// The machine exists.
    Alive,
    /// The main loop was left, or `exit()` called.
    Exited,
    /// `abort()` was called.
    Aborted,
}

/// One-bit facts, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Flags(u16);

impl Flags {
    pub(crate) const WAS_SUSPENDED: u16 = 1;
    pub(crate) const AUTOSTART: u16 = 1 << 1;
    pub(crate) const DUMPING: u16 = 1 << 2;
    pub(crate) const DUMP_RESUMES: u16 = 1 << 3;
    /// The disks belong to the other end of a migration: `BDRV_O_INACTIVE`, block/block.c.
    pub(crate) const DISKS_GIVEN_AWAY: u16 = 1 << 11;
    // From here on they are the launch's and never change.
    pub(crate) const MAIN_LOOP_THREAD: u16 = 1 << 4;
    pub(crate) const CPUS_RESETTABLE: u16 = 1 << 5;
    pub(crate) const WAKEUP_SUPPORT: u16 = 1 << 6;
    pub(crate) const NMI: u16 = 1 << 7;
    pub(crate) const SNAPSHOT_DISK: u16 = 1 << 8;
    pub(crate) const VMEXIT_INTERNAL_ERROR: u16 = 1 << 9;
    pub(crate) const REPLAY_PLAY: u16 = 1 << 10;

    pub(crate) const fn bits(self) -> u16 {
        self.0
    }

    pub(crate) const fn has(self, flag: u16) -> bool {
        self.0 & flag != 0
    }

    pub(crate) const fn set(&mut self, flag: u16, value: bool) {
        if value {
            self.0 |= flag;
        } else {
            self.0 &= !flag;
        }
    }

    pub(crate) const fn take(&mut self, flag: u16) -> bool {
        let was = self.has(flag);
        self.set(flag, false);
        was
    }
}

impl Vm {
    /// Starts QEMU: up to where the main loop begins, or with `-preconfig` to where it waits for the machine.
    ///
    /// A monitor sees none of what is said here: it has not negotiated yet. `qemu_init()`, system/vl.c.
    pub fn launch(launch: &Launch, out: &mut impl FnMut(Output)) -> Self {
        let mut flags = Flags::default();
        flags.set(Flags::AUTOSTART, launch.autostart);
        flags.set(Flags::MAIN_LOOP_THREAD, launch.thread == Thread::MainLoop);
        flags.set(Flags::CPUS_RESETTABLE, launch.machine.cpus_resettable);
        flags.set(Flags::WAKEUP_SUPPORT, launch.machine.wakeup_support);
        flags.set(Flags::NMI, launch.machine.nmi);
        flags.set(Flags::SNAPSHOT_DISK, launch.machine.snapshot_disk);
        flags.set(
            Flags::VMEXIT_INTERNAL_ERROR,
            launch.machine.notify_vmexit == NotifyVmexitOption::InternalError,
        );
        flags.set(Flags::REPLAY_PLAY, launch.machine.replay_play);
        let mut vm = Self {
            release: launch.release,
            run: RunState::Prelaunch,
            actions: launch.actions,
            life: Life::Preconfig,
            flags,
            requests: Requests::NONE,
            exit_code: 0,
            migration: Migration::None,
            old_state: RunState::Prelaunch,
            capabilities: 0,
            incoming: Incoming::None,
            job: Job::None,
        };
        // An abort in here is told to `out` and recorded in `life`, as any other.
        if launch.incoming != IncomingOption::None && vm.set(RunState::Inmigrate, out).is_ok() {
            // blk_new_open(), block/block-backend.c
            vm.flags.set(Flags::DISKS_GIVEN_AWAY, true);
            vm.incoming = if launch.incoming == IncomingOption::Uri {
                Incoming::Started
            } else {
                Incoming::Deferred
            };
        }
        if !launch.preconfig {
            let _ = vm.machine_ready(launch.loadvm, out);
        }
        vm
    }

    /// Something happens. What it does at once it says to `out`; what it only asks for waits for
    /// [`main_loop`](Self::main_loop).
    ///
    /// Never panics, whatever the order of inputs. After an [`Output::Abort`] nothing is possible any more.
    #[inline]
    pub fn handle(&mut self, input: Input, out: &mut impl FnMut(Output)) -> Answer {
        if self.life != Life::Alive
            && let Some(answer) = self.cannot_take(input)
        {
            return answer;
        }
        let answer = match input {
            Input::Command(command) => self.dispatch(command, out),
            Input::Guest(guest) => self.guest(guest, out),
            Input::Host(host) => self.host(host, out),
        };
        answer.unwrap_or(Answer::Done)
    }

    /// What cannot happen before the machine exists, or after QEMU's end.
    #[cold]
    const fn cannot_take(&self, input: Input) -> Option<Answer> {
        match (self.life, input) {
            (Life::Aborted, _) => Some(Answer::Impossible(Impossible::Gone)),
            // QEMU still dispatches a command while it cleans up.
            (Life::Exited, Input::Guest(_) | Input::Host(_)) => Some(Answer::Impossible(Impossible::Gone)),
            // gdbserver_start() comes with the machine: qemu_machine_creation_done(), system/vl.c.
            (
                Life::Preconfig,
                Input::Guest(_)
                | Input::Host(
                    Host::GdbAttach
                    | Host::GdbInterrupt
                    | Host::GdbContinue
                    | Host::GdbDetach
                    | Host::GdbKill,
                ),
            ) => Some(Answer::Impossible(Impossible::NoMachine)),
            (Life::Preconfig, Input::Command(command)) if !command.allowed_in_preconfig() => {
                Some(Answer::Refused(Refusal::OnlyAfterInitialization))
            }
            (Life::Exited | Life::Preconfig | Life::Alive, _) => None,
        }
    }

    /// One pass of the main loop: services what is pending, in QEMU's order.
    ///
    /// Does nothing where nothing is pending or QEMU has gone. `main_loop_should_exit()`, system/runstate.c.
    #[inline]
    pub fn main_loop(&mut self, out: &mut impl FnMut(Output)) {
        if self.has_requests() && !self.is_gone() {
            let _ = self.main_loop_should_exit(out);
        }
    }

    /// The run state.
    #[must_use]
    #[inline]
    pub const fn run_state(&self) -> RunState {
        self.run
    }

    /// What `query-status` returns.
    #[must_use]
    pub const fn query_status(&self) -> StatusInfo {
        StatusInfo {
            running: matches!(self.run, RunState::Running),
            status: self.run,
            singlestep: if self.release.status_has_singlestep() {
                Some(false)
            } else {
                None
            },
        }
    }

    /// Which QEMU this is.
    #[must_use]
    pub const fn release(&self) -> Release {
        self.release
    }

    /// The actions in force.
    #[must_use]
    pub const fn actions(&self) -> Actions {
        self.actions
    }

    /// The same VM under other actions, as if they had been there all along.
    #[must_use]
    #[inline]
    pub const fn with_actions(mut self, actions: Actions) -> Self {
        self.actions = actions;
        self
    }

    /// What waits for the next pass of the main loop.
    #[must_use]
    #[inline]
    pub const fn requests(&self) -> Requests {
        self.requests
    }

    /// The same VM with just these requests pending: for those who take a pass apart. QEMU services one request after the
    /// other, so a pass is the same as one pass for each of its requests, in the order of their slots.
    #[must_use]
    #[inline]
    pub const fn with_requests(mut self, requests: Requests) -> Self {
        self.requests = requests;
        self
    }

    /// How far the process is.
    #[must_use]
    pub const fn life(&self) -> Life {
        self.life
    }

    /// The process's exit status, once it has one.
    #[must_use]
    pub const fn exit_status(&self) -> Option<ExitStatus> {
        match self.life {
            Life::Exited => Some(ExitStatus(self.exit_code)),
            Life::Preconfig | Life::Alive | Life::Aborted => None,
        }
    }

    /// Whether the process has exited or aborted.
    #[must_use]
    #[inline]
    pub const fn is_gone(&self) -> bool {
        matches!(self.life, Life::Exited | Life::Aborted)
    }

    /// Whether the next pass has something to do.
    #[must_use]
    #[inline]
    pub const fn has_requests(&self) -> bool {
        self.requests.any()
    }

    /// Why the next pass shuts down, if it does.
    #[must_use]
    #[inline]
    pub const fn pending_shutdown(&self) -> Option<ShutdownCause> {
        self.requests.shutdown()
    }

    /// `vm_was_suspended`: `cont` leads back to `suspended`.
    #[must_use]
    pub const fn was_suspended(&self) -> bool {
        self.flags.has(Flags::WAS_SUSPENDED)
    }

    /// Whether guest actions run on the main loop.
    #[must_use]
    pub const fn thread(&self) -> Thread {
        if self.flags.has(Flags::MAIN_LOOP_THREAD) {
            Thread::MainLoop
        } else {
            Thread::Vcpu
        }
    }

    /// Whether the state counts as live: running, and since 9.0 suspended too. `runstate_is_live()`, system/runstate.c.
    #[must_use]
    #[inline]
    pub const fn is_live(&self) -> bool {
        self.state_is_live(self.run)
    }

    pub(crate) const fn state_is_live(&self, state: RunState) -> bool {
        matches!(state, RunState::Running)
            || (matches!(state, RunState::Suspended) && self.release.suspended_is_live())
    }

    /// The one door: every change of the run state goes through here.
    ///
    /// `runstate_set()`, system/runstate.c. Staying is accepted; what the graph does not have aborts.
    #[inline]
    pub(crate) fn set(&mut self, to: RunState, out: &mut impl FnMut(Output)) -> Ran {
        let from = self.run;
        if from == to {
            return Ok(());
        }
        if !self.release.graph().allows(from, to) && !self.replay_allows(from, to) {
            self.life = Life::Aborted;
            out(Output::Abort { from, to });
            return Err(Aborted);
        }
        self.run = to;
        out(Output::State { from, to });
        Ok(())
    }

    /// Whether the disks belong to the other end of a migration: nothing may be written to them.
    #[must_use]
    pub const fn disks_given_away(&self) -> bool {
        self.flags.has(Flags::DISKS_GIVEN_AWAY)
    }

    /// An assertion fails that is about what only the driver knows: QEMU aborts.
    pub fn fail_assertion(&mut self, out: &mut impl FnMut(Output)) {
        if !self.is_gone() {
            let Aborted = self.assertion_fails(out);
        }
    }

    /// QEMU finds what must not be, and calls `abort()`: no transition.
    pub(crate) fn assertion_fails(&mut self, out: &mut impl FnMut(Output)) -> Aborted {
        self.life = Life::Aborted;
        out(Output::Abort {
            from: self.run,
            to: self.run,
        });
        Aborted
    }

    /// `replay_play_runstate_transitions_def[]`, system/runstate.c (9.1).
    const fn replay_allows(&self, from: RunState, to: RunState) -> bool {
        self.flags.has(Flags::REPLAY_PLAY)
            && self.release.replay_runs_after_shutdown()
            && matches!((from, to), (RunState::Shutdown, RunState::Running))
    }

    fn host(&mut self, host: Host, out: &mut impl FnMut(Output)) -> Result<Answer, Aborted> {
        match host {
            Host::Signal => self.killed(),
            Host::UiClose => self.ui_closed(),
            Host::GdbAttach => self.gdb_attach(out)?,
            Host::GdbInterrupt => self.gdb_interrupt(out)?,
            Host::GdbContinue | Host::GdbDetach => self.gdb_continue(out)?,
            Host::GdbKill => self.gdb_kill(out),
            Host::MigrationConverges => return self.migration_converges(out),
            Host::MigrationFails => return self.migration_fails(out),
            Host::MigrationSettles => return self.migration_settles(out),
            Host::IncomingArrives(stream) => return self.incoming_arrives(stream, out),
            Host::IncomingFails => return self.incoming_fails(out),
            Host::DumpCompletes => return self.dump_completes(out),
            Host::JobCompletes => return self.job_completes(out),
        }
        Ok(Answer::Done)
    }

    /// Says an event.
    #[inline]
    pub(crate) fn emit(event: Event, out: &mut impl FnMut(Output)) {
        out(Output::Event(event));
    }
}
