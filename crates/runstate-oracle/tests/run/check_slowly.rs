//! The checker beside a search that is slow and plain: every VM with all that is pending in it, every input, every order.
//!
//! The search knows fewer inputs than the checker, so what it can say the checker must call possible; and of what it cannot say the
//! checker must call most impossible.

use std::collections::{BTreeMap, HashSet};

use proptest::{
    prelude::{Strategy, any},
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use runstate::{
    Answer, BlockErrorAction, Command, Event, Guest, Host, Input, Launch, Output, Release, SetAction,
    ShutdownAction, ShutdownCause, Thread, Vm,
};
use runstate_oracle::{check::Checker, log::Reader};

const RELEASE: Release = Release::V10_0;

fn inputs() -> Vec<Input> {
    let shutdown = |shutdown| {
        Input::Command(Command::SetAction(SetAction {
            shutdown: Some(shutdown),
            ..SetAction::default()
        }))
    };
    vec![
        Input::Guest(Guest::Shutdown),
        Input::Guest(Guest::Reset),
        Input::Guest(Guest::Panic),
        Input::Guest(Guest::Suspend),
        Input::Guest(Guest::Wakeup),
        Input::Guest(Guest::IoError(BlockErrorAction::Stop)),
        Input::Command(Command::Stop),
        Input::Command(Command::Cont),
        Input::Command(Command::Quit),
        Input::Command(Command::SystemReset),
        Input::Host(Host::Signal),
        shutdown(ShutdownAction::Pause),
        shutdown(ShutdownAction::Poweroff),
    ]
}

/// A VM in the middle of whatever it does, whether a command waits for its pass, and what it has yet to say.
type Place = (Vm, bool, Vec<Event>);

/// Everything that can be done to a VM next, a pass of the main loop among it; one comes between any two commands.
fn next(vm: Vm, commanded: bool, inputs: &[Input]) -> Vec<Place> {
    let mut places = Vec::new();
    let mut said = Vec::new();
    let mut after = vm;
    after.main_loop(&mut |output| events(output, &mut said));
    places.push((after, false, said));
    for input in inputs {
        let command = matches!(input, Input::Command(_));
        if command && commanded {
            continue;
        }
        let (mut after, mut said) = (vm, Vec::new());
        match after.handle(*input, &mut |output| events(output, &mut said)) {
            Answer::Done | Answer::Refused(_) => places.push((after, commanded || command, said)),
            Answer::Impossible(_) => {}
        }
    }
    places
}

fn events(output: Output, said: &mut Vec<Event>) {
    if let Output::Event(event) = output {
        said.push(event);
    }
}

/// All that can be come to without a sound.
fn silently(places: HashSet<Place>, inputs: &[Input]) -> HashSet<Place> {
    let mut all = HashSet::new();
    let mut todo: Vec<Place> = places.into_iter().collect();
    while let Some(place) = todo.pop() {
        if place.2.is_empty() && !all.contains(&place) {
            todo.extend(next(place.0, place.1, inputs));
        }
        all.insert(place);
    }
    all
}

/// Every VM at rest.
fn start(inputs: &[Input]) -> HashSet<Place> {
    let (mut seen, mut todo) = (HashSet::new(), Vec::new());
    for thread in [Thread::Vcpu, Thread::MainLoop] {
        for autostart in [true, false] {
            let launch = Launch {
                thread,
                autostart,
                ..Launch::new(RELEASE)
            };
            todo.push(Vm::launch(&launch, &mut |_| {}));
        }
    }
    while let Some(vm) = todo.pop() {
        if !vm.is_gone() && seen.insert(vm) {
            for (next, ..) in next(vm, false, inputs) {
                todo.push(next);
            }
        }
    }
    seen.into_iter()
        .filter(|vm| !vm.has_requests())
        .map(|vm| (vm, false, Vec::new()))
        .collect()
}

/// Whether the events can come in this order.
fn can_be_said(start: &HashSet<Place>, log: &[Event], inputs: &[Input]) -> bool {
    let mut places = start.clone();
    for event in log {
        places = silently(places, inputs)
            .into_iter()
            .filter_map(|(vm, commanded, said)| {
                let (first, rest) = said.split_first()?;
                (first == event).then(|| (vm, commanded, rest.to_vec()))
            })
            .collect();
        if places.is_empty() {
            return false;
        }
    }
    true
}

fn line(event: Event) -> String {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the inputs above lead to no other event with data"
    )]
    let data = match event {
        Event::Shutdown(cause) | Event::Reset(cause) => {
            format!(
                ", \"data\": {{\"guest\": {}, \"reason\": \"{cause}\"}}",
                cause.by_guest()
            )
        }
        Event::GuestPanicked(action) => format!(", \"data\": {{\"action\": \"{action}\"}}"),
        Event::BlockIoError(action) => format!(", \"data\": {{\"action\": \"{action}\"}}"),
        _ => String::new(),
    };
    format!("{{\"event\": \"{}\"{data}}}\n", event.name())
}

fn judged(checker: &mut Checker, log: &[Event]) -> bool {
    let text: String = log.iter().map(|event| line(*event)).collect();
    let mut reader = Reader::new(None);
    reader.feed(text.as_bytes(), &mut |record| checker.hear(record));
    reader.finish(&mut |record| checker.hear(record));
    checker.finish().iter().all(|verdict| verdict.is_possible())
}

/// What a VM says while these inputs happen, with a pass where there is one.
fn played(choices: &[(usize, bool)], inputs: &[Input]) -> Vec<Event> {
    let mut vm = Vm::launch(&Launch::new(RELEASE), &mut |_| {});
    let mut said = Vec::new();
    for &(input, pass) in choices {
        let _ = vm.handle(inputs[input % inputs.len()], &mut |output| {
            events(output, &mut said);
        });
        if pass {
            vm.main_loop(&mut |output| events(output, &mut said));
        }
    }
    said
}

/// What somebody gets wrong: an event left out, told twice, in the wrong place, or with the wrong reason.
fn mutated(log: &[Event], at: usize, how: usize) -> Vec<Event> {
    let mut log = log.to_vec();
    if log.is_empty() {
        return log;
    }
    let at = at % log.len();
    match how % 4 {
        0 => {
            log.remove(at);
        }
        1 => log.insert(at, log[at]),
        2 if at + 1 < log.len() => log.swap(at, at + 1),
        _ => {
            log[at] = if let Event::Shutdown(_) = log[at] {
                Event::Shutdown(ShutdownCause::GuestPanic)
            } else if let Event::Reset(_) = log[at] {
                Event::Reset(ShutdownCause::HostQmpSystemReset)
            } else {
                Event::Wakeup
            };
        }
    }
    log
}

#[test]
fn nothing_possible_is_called_impossible_and_most_else_is() {
    let inputs = inputs();
    let start = start(&inputs);
    let mut checker = Checker::new();
    let mut known: BTreeMap<String, bool> = BTreeMap::new();
    let (mut impossible, mut caught) = (0, 0);
    let choices = proptest::collection::vec((any::<usize>(), proptest::bool::weighted(0.6)), 1..9);
    let strategy = (choices, any::<usize>(), any::<usize>());
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    for _ in 0..60 {
        let (choices, at, how) = strategy
            .new_tree(&mut runner)
            .expect("choices can be drawn")
            .current();
        let said = played(&choices, &inputs);
        for log in [mutated(&said, at, how), said] {
            let key: String = log.iter().map(|event| line(*event)).collect();
            if known.contains_key(&key) {
                continue;
            }
            let possible = can_be_said(&start, &log, &inputs);
            let judged = judged(&mut checker, &log);
            assert!(judged || !possible, "this can be said:\n{key}");
            if !possible {
                impossible += 1;
                caught += usize::from(!judged);
            }
            known.insert(key, possible);
        }
    }
    assert!(impossible > 10, "{impossible}");
    assert!(caught * 2 > impossible, "{caught} of {impossible} are caught");
}
