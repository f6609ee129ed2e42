//! Any scenario.

use core::num::NonZeroU16;
use std::collections::HashSet;

use proptest::prelude::*;
use proptest::sample::select;
use runstate::{
    BlockErrorAction, Guest, Host, MemoryFailure, MemoryFailureAction, MemoryFailureFlags,
    MemoryFailureRecipient, Release, RunState, Stream,
};
use runstate_monitor::scenario::{
    Action, Exit, File, IoErrors, Nanoseconds, Note, ReleaseRange, Scenario, Signal, Step, With,
};
use runstate_qmp::{Object, Value, object};

/// A file with one scenario without a name, or with several that have one.
pub(super) fn file() -> impl Strategy<Value = File> {
    let named = prop::collection::vec((name(), scenario()), 1..4).prop_map(|named| {
        let mut names = HashSet::new();
        let named = named.into_iter().filter(|(name, _)| names.insert(name.clone()));
        let mut scenarios: Vec<Scenario> = named
            .map(|(name, scenario)| Scenario {
                name: Some(name),
                ..scenario
            })
            .collect();
        for scenario in &mut scenarios[1..] {
            // A blank line ends what is below the scenario before.
            scenario.above.retain(|note| *note != Note::Blank);
        }
        scenarios
    });
    let alone = scenario().prop_map(|mut scenario| {
        scenario.above.clear();
        scenario.notes = from_comment(scenario.notes);
        vec![scenario]
    });
    prop_oneof![named, alone].prop_map(|scenarios| File {
        name: "made".to_owned(),
        scenarios,
    })
}

fn scenario() -> impl Strategy<Value = Scenario> {
    let head = (
        notes(),
        notes(),
        releases(),
        prop::collection::vec(argument(), 0..4),
    );
    (head, prop::collection::vec(with(), 0..4), steps(), notes()).prop_map(
        |((above, notes, releases, launch), with, steps, below)| {
            let mut things = HashSet::new();
            Scenario {
                above: from_comment(above),
                notes,
                releases,
                launch,
                with: with
                    .into_iter()
                    .filter(|with| things.insert(with.thing()))
                    .collect(),
                steps,
                below: to_comment(from_comment(below)),
                ..Scenario::default()
            }
        },
    )
}

fn name() -> impl Strategy<Value = String> {
    "[^\\s\\pC]([^\\pC]{0,8}[^\\s\\pC])?"
}

fn notes() -> impl Strategy<Value = Vec<Note>> {
    let comment = "[ -~é]{0,9}".prop_map(|text| Note::Comment(text.trim_end().to_owned()));
    prop::collection::vec(prop_oneof![Just(Note::Blank), comment], 0..4)
}

/// Blank lines at the ends are nobody's.
fn from_comment(notes: Vec<Note>) -> Vec<Note> {
    notes
        .into_iter()
        .skip_while(|note| *note == Note::Blank)
        .collect()
}

fn to_comment(mut notes: Vec<Note>) -> Vec<Note> {
    while notes.pop_if(|note| *note == Note::Blank).is_some() {}
    notes
}

fn releases() -> impl Strategy<Value = ReleaseRange> {
    let end = || prop::option::of(select(Release::WITH_POINTS));
    (end(), end()).prop_map(|(first, last)| {
        ReleaseRange::new(first, last)
            .or_else(|| ReleaseRange::new(last, first))
            .expect("one of the two is not backwards")
    })
}

fn argument() -> impl Strategy<Value = String> {
    prop_oneof!["-[a-z]{1,9}", "[a-z=,.:]{1,9}", "[^\\n\\x00]{0,6}"]
}

fn with() -> impl Strategy<Value = With> {
    prop_oneof![
        Just(With::Disk),
        select(vec![IoErrors::Once, IoErrors::Always]).prop_map(With::IoErrors),
        any::<NonZeroU16>().prop_map(With::Vcpus),
        ("[^\\pC]{1,6}", select(RunState::ALL)).prop_map(|(tag, status)| With::Snapshot { tag, status }),
        Just(With::CpusNotResettable),
        Just(With::WakeupOff),
        Just(With::NmiOff),
    ]
}

/// `exit` is last, if it is there.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let exit = prop_oneof![any::<u8>().prop_map(Exit::Status), Just(Exit::Abort)].prop_map(Action::Exit);
    let steps = prop::collection::vec(step(action()), 0..6);
    (steps, prop::option::of(step(exit))).prop_map(|(mut steps, exit)| {
        steps.extend(exit);
        steps
    })
}

fn step(action: impl Strategy<Value = Action>) -> impl Strategy<Value = Step> {
    (notes(), any::<bool>(), action).prop_map(|(notes, hold, action)| Step {
        line: 0,
        notes,
        hold: hold && action.can_be_held(),
        action,
    })
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        json().prop_map(Action::Send),
        message().prop_map(Action::Expect),
        guest(),
        host(),
        any::<u64>().prop_map(|time| Action::Wait(Nanoseconds(time))),
    ]
}

fn message() -> impl Strategy<Value = Value> {
    let data = || prop::option::of(json());
    (select(vec!["event", "return", "error"]), json(), data(), data()).prop_map(|(kind, value, data, id)| {
        let mut message = Object::new();
        for (key, value) in [("data", data), ("id", id)] {
            if let Some(value) = value {
                message.insert(key, value);
            }
        }
        message.insert(kind, value);
        message.into()
    })
}

/// JSON that QEMU's parser makes.
fn json() -> impl Strategy<Value = Value> {
    let number =
        prop_oneof![any::<f64>(), Just(f64::INFINITY), Just(1.0), Just(-0.0)].prop_map(Value::Double);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        number,
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((text(), inner), 0..4)
                .prop_map(|members| Value::from(members.into_iter().collect::<Object>())),
        ]
    })
}

/// QEMU's strings have none of Unicode's noncharacters.
fn text() -> impl Strategy<Value = String> {
    let text = prop_oneof!["[a-z-]{0,8}", any::<String>()];
    text.prop_map(|text| {
        let is_character = |char: char| {
            let code = u32::from(char);
            code & 0xFFFE != 0xFFFE && !(0xFDD0..=0xFDEF).contains(&code)
        };
        text.chars().filter(|char| is_character(*char)).collect()
    })
}

fn guest() -> impl Strategy<Value = Action> {
    let plain = select(vec![
        Guest::Shutdown,
        Guest::Reset,
        Guest::Panic,
        Guest::Crashloaded,
        Guest::Pvshutdown,
        Guest::Watchdog,
        Guest::Suspend,
        Guest::SuspendDisk,
        Guest::Wakeup,
        Guest::InternalError,
        Guest::Debug,
        Guest::NotifyVmexit,
        Guest::SubsystemReset,
    ]);
    let failure = (
        select(MemoryFailureRecipient::ALL),
        select(MemoryFailureAction::ALL),
        any::<[bool; 2]>(),
    );
    let failure = failure.prop_map(|(recipient, action, [action_required, recursive])| {
        Guest::MemoryFailure(MemoryFailure {
            recipient,
            action,
            flags: MemoryFailureFlags {
                action_required,
                recursive,
            },
        })
    });
    let panic = (select(vec![Guest::Panic, Guest::Crashloaded]), any::<[u64; 5]>());
    let panic = panic.prop_map(|(action, [arg1, arg2, arg3, arg4, arg5])| {
        let data = object! {
            "type": "hyper-v", "arg1": arg1, "arg2": arg2, "arg3": arg3, "arg4": arg4, "arg5": arg5,
        };
        Action::Guest {
            action,
            data: Some(data.into()),
        }
    });
    prop_oneof![
        plain.prop_map(Action::guest),
        any::<u8>().prop_map(|code| Action::guest(Guest::DebugExit(code))),
        select(BlockErrorAction::ALL).prop_map(|action| Action::guest(Guest::IoError(action))),
        failure.prop_map(Action::guest),
        panic,
    ]
}

fn host() -> impl Strategy<Value = Action> {
    let plain = select(vec![
        Host::UiClose,
        Host::GdbAttach,
        Host::GdbInterrupt,
        Host::GdbContinue,
        Host::GdbDetach,
        Host::GdbKill,
        Host::MigrationConverges,
        Host::MigrationFails,
        Host::IncomingFails,
        Host::DumpCompletes,
        Host::JobCompletes,
    ]);
    let stream = (select(RunState::ALL), any::<[bool; 2]>()).prop_map(|(status, [suspended, postcopy])| {
        Host::IncomingArrives(Stream {
            status,
            suspended,
            postcopy,
        })
    });
    let signal = prop::option::of(select(Signal::ALL)).prop_map(|signal| Action::Host {
        action: Host::Signal,
        signal,
    });
    prop_oneof![
        plain.prop_map(Action::host),
        stream.prop_map(Action::host),
        signal
    ]
}
