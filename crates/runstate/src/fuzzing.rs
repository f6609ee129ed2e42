//! The body of the fuzz target `inputs`. Not part of the API.
//!
//! An ordinary function, so that `cargo test` can replay the bytes that once broke something.

use core::hash::{Hash, Hasher};

use crate::{
    Actions, Answer, BlockErrorAction, Capability, Channel, Command, Detail, Guest, Host, IncomingOption,
    Input, Launch, Life, Load, Machine, MemoryFailure, MemoryFailureAction, MemoryFailureFlags,
    MemoryFailureRecipient, MigrationStatus, NotifyVmexitOption, Output, PanicAction, RebootAction, Release,
    RunState, SetAction, ShutdownAction, Stream, Thread, Vm, WatchdogAction,
};

/// Launches a VM and gives it inputs and passes of the main loop in any order, all of it read from `bytes`.
///
/// # Panics
///
/// If what is said and what is done do not agree, if the same inputs do not always do the same, or if two VMs with the same
/// [`Vm::key`] do not behave alike.
pub fn inputs(bytes: &[u8]) {
    let bytes = &mut Bytes(bytes);
    let Some(launch) = bytes.launch() else { return };
    let mut witness = Witness {
        state: RunState::Prelaunch,
        ended: None,
        release: launch.release,
        heard: Heard(0),
    };
    let mut vm = Vm::launch(&launch, &mut |output| witness.hear(output));
    witness.agrees_with(&vm);
    // A VM of the same launch as it was some time ago; once its key is this one's, both go on side by side.
    let (mut twin, mut side_by_side) = (vm, false);
    while let Some(step) = bytes.step() {
        if matches!(step, Step::Remember) {
            (twin, side_by_side) = (vm, false);
            continue;
        }
        let (again, answer, heard) = witness.watch(vm, step);
        assert_eq!(does(vm, step), (again, answer, heard), "the same again");
        vm = again;
        if side_by_side {
            let (next, its_answer, its_words) = does(twin.with_actions(vm.actions()), step);
            assert_eq!(
                (its_answer, its_words),
                (answer, heard),
                "VMs with one key behave alike"
            );
            twin = next;
        }
        twin = twin.with_actions(vm.actions());
        let alike = twin.key(Detail::Full) == vm.key(Detail::Full);
        assert!(alike || !side_by_side, "VMs with one key keep one key");
        side_by_side = alike;
    }
}

/// What can be done to a VM.
#[derive(Clone, Copy, Debug)]
enum Step {
    Input(Input),
    MainLoop,
    /// Nothing: the VM as it is now is kept for comparison.
    Remember,
}

/// Does it; what was said comes back as a number.
fn does(mut vm: Vm, step: Step) -> (Vm, Answer, Heard) {
    let mut heard = Heard(0);
    let mut out = |output: Output| output.hash(&mut heard);
    let answer = match step {
        Step::Input(input) => vm.handle(input, &mut out),
        Step::MainLoop => {
            vm.main_loop(&mut out);
            Answer::Done
        }
        Step::Remember => Answer::Done,
    };
    (vm, answer, heard)
}

/// Follows a VM by what it says.
struct Witness {
    state: RunState,
    ended: Option<Output>,
    release: Release,
    heard: Heard,
}

impl Witness {
    fn hear(&mut self, output: Output) {
        output.hash(&mut self.heard);
        match output {
            Output::State { from, to } => {
                assert_eq!(from, self.state, "a transition starts where the last one ended");
                assert_ne!(from, to, "a transition goes somewhere");
                let replayed = (from, to) == (RunState::Shutdown, RunState::Running);
                assert!(
                    self.release.graph().allows(from, to) || replayed,
                    "{from} -> {to}"
                );
                self.state = to;
            }
            Output::Event(_) => {}
            Output::Exit(_) | Output::Abort { .. } => {
                assert!(
                    !matches!(self.ended, Some(Output::Abort { .. })),
                    "after an abort there is nothing"
                );
                self.ended = Some(output);
            }
        }
    }

    fn watch(&mut self, mut vm: Vm, step: Step) -> (Vm, Answer, Heard) {
        let (before, had_ended) = (vm, self.ended);
        self.heard = Heard(0);
        let mut outputs = 0;
        let mut out = |output: Output| {
            outputs += 1;
            self.hear(output);
        };
        let answer = match step {
            Step::Input(input) => vm.handle(input, &mut out),
            Step::MainLoop => {
                vm.main_loop(&mut out);
                Answer::Done
            }
            Step::Remember => Answer::Done,
        };
        assert!(outputs <= 16, "{step:?} says {outputs} things");
        if matches!(answer, Answer::Impossible(_)) {
            assert_eq!(
                (vm, outputs),
                (before, 0),
                "{step:?} is impossible and changes nothing"
            );
        }
        if matches!(step, Step::MainLoop) {
            assert!(
                had_ended.is_none() || outputs == 0,
                "a process that ended has no main loop"
            );
            assert!(
                vm.is_gone() || !vm.has_requests(),
                "a pass services all that is pending"
            );
        }
        self.agrees_with(&vm);
        (vm, answer, self.heard)
    }

    fn agrees_with(&self, vm: &Vm) {
        assert_eq!(vm.run_state(), self.state, "every change of state is told");
        assert_eq!(vm.query_status().status, self.state);
        assert_eq!(vm.query_status().running, self.state == RunState::Running);
        assert!(vm.key(Detail::Full) >> Vm::KEY_BITS == 0 && vm.key(Detail::RunState) >> Vm::KEY_BITS == 0);
        match self.ended {
            None => assert!(!vm.is_gone(), "an end is told"),
            Some(Output::Exit(status)) => assert_eq!(vm.exit_status(), Some(status)),
            Some(Output::Abort { from, to }) => {
                assert_eq!((vm.life(), from), (Life::Aborted, self.state));
                let assertion = from == to;
                assert!(
                    assertion || !self.release.graph().allows(from, to),
                    "{from} -> {to}"
                );
            }
            Some(Output::Event(_) | Output::State { .. }) => unreachable!("these are no ends"),
        }
    }
}

/// What was said, as a number: FNV-1a.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Heard(u64);

impl Hasher for Heard {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }
}

/// Choices, one a byte.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn choice(&mut self, choices: usize) -> Option<usize> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(usize::from(byte) % choices)
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> Option<T> {
        Some(values[self.choice(values.len())?])
    }

    fn flag(&mut self) -> Option<bool> {
        Some(self.choice(2)? == 1)
    }

    fn launch(&mut self) -> Option<Launch> {
        Some(Launch {
            release: self.one_of(Release::WITH_POINTS)?,
            actions: Actions::new(
                self.one_of(RebootAction::ALL)?,
                self.one_of(ShutdownAction::ALL)?,
                self.one_of(PanicAction::ALL)?,
                self.one_of(WatchdogAction::ALL)?,
            ),
            autostart: self.flag()?,
            preconfig: self.flag()?,
            incoming: self.one_of(&[IncomingOption::None, IncomingOption::Defer, IncomingOption::Uri])?,
            loadvm: if self.flag()? { Some(self.load()?) } else { None },
            thread: self.one_of(&[Thread::Vcpu, Thread::MainLoop])?,
            machine: Machine {
                cpus_resettable: self.flag()?,
                wakeup_support: self.flag()?,
                nmi: self.flag()?,
                snapshot_disk: self.flag()?,
                notify_vmexit: self.one_of(NotifyVmexitOption::ALL)?,
                replay_play: self.flag()?,
            },
        })
    }

    fn step(&mut self) -> Option<Step> {
        Some(match self.choice(8)? {
            0 | 1 => Step::MainLoop,
            2 => Step::Remember,
            3 | 4 => Step::Input(Input::Guest(self.guest()?)),
            5 => Step::Input(Input::Host(self.host()?)),
            _ => Step::Input(Input::Command(self.command()?)),
        })
    }

    fn command(&mut self) -> Option<Command> {
        Some(match self.choice(31)? {
            0 => Command::QueryStatus,
            1 => Command::Stop,
            2 => Command::Cont,
            3 => Command::Quit,
            4 => Command::SystemReset,
            5 => Command::SystemPowerdown,
            6 => Command::SystemWakeup,
            7 => Command::InjectNmi,
            8 => Command::SetAction(self.set_action()?),
            9 => Command::WatchdogSetAction(self.one_of(WatchdogAction::ALL)?),
            10 => Command::ExitPreconfig,
            11 => Command::Migrate(self.channel()?),
            12 => Command::MigrateResume,
            13 => Command::MigrateCancel,
            14 => Command::MigrateContinue(self.one_of(MigrationStatus::ALL)?),
            15 => Command::MigrateStartPostcopy,
            16 => Command::MigratePause,
            17 => Command::MigrateRecover,
            18 => Command::MigrateSetCapability(self.one_of(Capability::ALL)?.0, self.flag()?),
            19 => Command::MigrateSetCprReboot(self.flag()?),
            20 => Command::MigrateIncoming {
                channel: self.channel()?,
                exit_on_error: self.flag()?,
            },
            21 => Command::Savevm,
            22 => Command::Loadvm(self.load()?),
            23 => Command::SnapshotSave {
                succeeds: self.flag()?,
            },
            24 => Command::SnapshotLoad(self.load()?),
            25 => Command::SnapshotDelete {
                succeeds: self.flag()?,
            },
            26 => Command::JobDismiss,
            27 => Command::DumpGuestMemory { detach: self.flag()? },
            28 => Command::XenSaveDevicesState,
            29 => Command::ColoLostHeartbeat,
            _ => Command::MigrateContinue(MigrationStatus::PreSwitchover),
        })
    }

    fn set_action(&mut self) -> Option<SetAction> {
        let mut change = SetAction::default();
        match self.choice(4)? {
            0 => change.reboot = Some(self.one_of(RebootAction::ALL)?),
            1 => change.shutdown = Some(self.one_of(ShutdownAction::ALL)?),
            2 => change.panic = Some(self.one_of(PanicAction::ALL)?),
            _ => change.watchdog = Some(self.one_of(WatchdogAction::ALL)?),
        }
        Some(change)
    }

    fn channel(&mut self) -> Option<Channel> {
        self.one_of(&[Channel::Good, Channel::UnknownProtocol, Channel::FailsAtOnce])
    }

    fn load(&mut self) -> Option<Load> {
        self.one_of(&[
            Load::Found { suspended: false },
            Load::Found { suspended: true },
            Load::Missing,
            Load::NoDisk,
        ])
    }

    fn guest(&mut self) -> Option<Guest> {
        Some(match self.choice(16)? {
            0 => Guest::Shutdown,
            1 => Guest::Reset,
            2 => Guest::Panic,
            3 => Guest::Crashloaded,
            4 => Guest::Pvshutdown,
            5 => Guest::Watchdog,
            6 => Guest::Suspend,
            7 => Guest::SuspendDisk,
            8 => Guest::Wakeup,
            9 => Guest::IoError(self.one_of(BlockErrorAction::ALL)?),
            10 => Guest::InternalError,
            11 => Guest::Debug,
            12 => Guest::MemoryFailure(MemoryFailure {
                recipient: self.one_of(MemoryFailureRecipient::ALL)?,
                action: self.one_of(MemoryFailureAction::ALL)?,
                flags: MemoryFailureFlags {
                    action_required: self.flag()?,
                    recursive: self.flag()?,
                },
            }),
            13 => Guest::NotifyVmexit,
            14 => Guest::DebugExit(self.one_of(&[0, 3, 127, 255])?),
            _ => Guest::SubsystemReset,
        })
    }

    fn host(&mut self) -> Option<Host> {
        Some(match self.choice(14)? {
            0 => Host::Signal,
            1 => Host::UiClose,
            2 => Host::GdbAttach,
            3 => Host::GdbInterrupt,
            4 => Host::GdbContinue,
            5 => Host::GdbDetach,
            6 => Host::GdbKill,
            7 => Host::MigrationConverges,
            8 => Host::MigrationFails,
            9 => Host::MigrationSettles,
            10 => Host::IncomingArrives(Stream {
                status: self.one_of(RunState::ALL)?,
                suspended: self.flag()?,
                postcopy: self.flag()?,
            }),
            11 => Host::IncomingFails,
            12 => Host::DumpCompletes,
            _ => Host::JobCompletes,
        })
    }
}
