//! One act and what QEMU tells of it, in order: events, the reply at its place, the states gone through, the end.

use runstate::{
    Answer, BlockErrorAction, Event, ExitStatus, Impossible, Input, Launch, Output, Refusal, Release,
    RunState, Vm,
};

/// One thing in the order of telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A QMP event.
    Event {
        /// The event.
        event: Event,
        /// Whether its rate is limited: one that follows another within a second is kept back.
        limited: bool,
        /// The shape of its data, where releases differ.
        form: Form,
    },
    /// The run state changes, in silence.
    State(RunState),
    /// The command returns.
    Return(Reply),
    /// The command is refused.
    Refused(Refusal),
    /// It cannot happen.
    Impossible(Impossible),
    /// QEMU's process ends.
    Exit(ExitStatus),
    /// QEMU aborts on going to this state.
    Abort(RunState),
}

/// What a command returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// `{}`
    Empty,
    /// `StatusInfo` of the current state.
    Status {
        /// Whether the member `singlestep` is there.
        singlestep: bool,
    },
}

/// The shape of an event's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// As in all releases.
    Plain,
    /// BLOCK_IO_ERROR with `qom-path`.
    QomPath,
    /// BLOCK_IO_ERROR with the values of `device` and `qom-path` exchanged.
    QomPathSwapped,
}

impl Step {
    fn of(output: Output, release: Release) -> Self {
        match output {
            Output::Event(event) => Self::Event {
                event,
                limited: event.is_throttled(release),
                form: Form::of(event, release),
            },
            Output::State { from: _, to } => Self::State(to),
            Output::Exit(status) => Self::Exit(status),
            Output::Abort { from: _, to } => Self::Abort(to),
        }
    }
}

impl Form {
    const fn of(event: Event, release: Release) -> Self {
        if !matches!(
            event,
            Event::BlockIoError(BlockErrorAction::Stop | BlockErrorAction::Report | BlockErrorAction::Ignore)
        ) {
            Self::Plain
        } else if release.block_io_error_is_swapped() {
            Self::QomPathSwapped
        } else if release.block_io_error_has_qom_path() {
            Self::QomPath
        } else {
            Self::Plain
        }
    }
}

/// The most passes of the main loop that one act can be followed by. Each pass empties every slot, and none fills more
/// than one again, so that a run that needs more is a mistake of the core.
const MOST_PASSES: usize = 4;

/// Performs `input` and the passes of the main loop that follow, and appends what is told to `told`.
///
/// The reply stands where that release sends it: before the first pass, or after it. An exit is told last, as the process
/// still answers what it has taken.
pub fn perform(vm: &mut Vm, input: Input, told: &mut Vec<Step>) {
    let begin = told.len();
    let release = vm.release();
    let answer = vm.handle(input, &mut |output| told.push(Step::of(output, release)));
    let reply = match (answer, input) {
        (Answer::Impossible(why), _) => {
            told.push(Step::Impossible(why));
            return;
        }
        (_, Input::Guest(_) | Input::Host(_)) => None,
        (Answer::Refused(refusal), Input::Command(_)) => Some(Step::Refused(refusal)),
        (Answer::Done, Input::Command(runstate::Command::QueryStatus)) => Some(Step::Return(Reply::Status {
            singlestep: vm.query_status().singlestep.is_some(),
        })),
        (Answer::Done, Input::Command(_)) => Some(Step::Return(Reply::Empty)),
    };
    if !release.reply_after_pass() {
        told.extend(reply.filter(|_| !aborted(&told[begin..])));
    }
    vm.main_loop(&mut |output| told.push(Step::of(output, release)));
    if release.reply_after_pass() {
        told.extend(reply.filter(|_| !aborted(&told[begin..])));
    }
    settle(vm, told);
    // The process ends when all is said.
    if let Some(at) = told[begin..]
        .iter()
        .position(|step| matches!(step, Step::Exit(_)))
    {
        told[begin + at..].rotate_left(1);
    }
}

/// Launches a VM and lets the main loop's first passes run.
pub fn launched(launch: &Launch, told: &mut Vec<Step>) -> Vm {
    let release = launch.release;
    let mut vm = Vm::launch(launch, &mut |output| told.push(Step::of(output, release)));
    settle(&mut vm, told);
    vm
}

/// Performs a guest or host input and leaves what it asks for to a later pass: something else happens before it.
pub fn perform_held(vm: &mut Vm, input: Input, told: &mut Vec<Step>) {
    let release = vm.release();
    if let Answer::Impossible(why) = vm.handle(input, &mut |output| told.push(Step::of(output, release))) {
        told.push(Step::Impossible(why));
    }
}

/// Passes of the main loop until nothing is pending.
fn settle(vm: &mut Vm, told: &mut Vec<Step>) {
    let release = vm.release();
    for _ in 0..MOST_PASSES {
        if vm.is_gone() || !vm.has_requests() {
            return;
        }
        vm.main_loop(&mut |output| told.push(Step::of(output, release)));
    }
    debug_assert!(vm.is_gone() || !vm.has_requests(), "requests without end: {vm:?}");
}

fn aborted(told: &[Step]) -> bool {
    told.iter().any(|step| matches!(step, Step::Abort(_)))
}

/// The state at the end, if it is another than at the beginning.
#[must_use]
pub fn final_state(told: &[Step]) -> Option<RunState> {
    told.iter().rev().find_map(|step| match step {
        Step::State(state) => Some(*state),
        Step::Event { .. }
        | Step::Return(_)
        | Step::Refused(_)
        | Step::Impossible(_)
        | Step::Exit(_)
        | Step::Abort(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use runstate::{Command, Guest, ShutdownCause};

    fn told(release: Release, input: Input) -> Vec<Step> {
        let mut vm = Vm::launch(&Launch::new(release), &mut |_| {});
        let mut told = Vec::new();
        perform(&mut vm, input, &mut told);
        told
    }

    fn event(event: Event) -> Step {
        Step::Event {
            event,
            limited: false,
            form: Form::Plain,
        }
    }

    #[test]
    fn the_reply_stands_where_the_release_sends_it() {
        let reset = event(Event::Reset(ShutdownCause::HostQmpSystemReset));
        let back = Step::Return(Reply::Empty);
        let input = Input::Command(Command::SystemReset);
        assert_eq!(told(Release::V7_2_0, input), [back, reset]);
        assert_eq!(told(Release::V7_2, input), [reset, back]);
    }

    #[test]
    fn the_exit_comes_last() {
        let said = told(Release::V10_0, Input::Command(Command::Quit));
        assert_eq!(
            said,
            [
                event(Event::Shutdown(ShutdownCause::HostQmpQuit)),
                Step::State(RunState::Shutdown),
                Step::Return(Reply::Empty),
                Step::Exit(ExitStatus(0)),
            ]
        );
        let said = told(Release::V10_0, Input::Guest(Guest::DebugExit(3)));
        assert_eq!(said.last(), Some(&Step::Exit(ExitStatus(7))));
    }

    #[test]
    fn what_cannot_happen_says_why() {
        let mut vm = Vm::launch(&Launch::new(Release::V10_0), &mut |_| {});
        let mut said = Vec::new();
        perform(&mut vm, Input::Command(Command::Stop), &mut said);
        said.clear();
        perform(&mut vm, Input::Guest(Guest::Panic), &mut said);
        assert_eq!(said, [Step::Impossible(Impossible::GuestNotRunning)]);
    }
}
