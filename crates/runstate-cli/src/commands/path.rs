//! `runstate path`

use std::io::Write as _;

use runstate::{Event, ExitStatus, Release, RunState, SetAction, Thread};
use runstate_monitor::scenario;
use runstate_oracle::{
    explore::{Families, Launches, Policies, Scope},
    path::{Goal, Path, events, find},
};

use crate::exit::Outcome;
use crate::names;
use crate::story;
use crate::ui::{CommandResult, Trouble, Ui};

/// Print the shortest scenario that leads from here to there
///
/// With one state: the shortest way from a launch to it. With two: by way of the first to the second. If there is none, that
/// has been proved: every state was visited.
///
/// Exit status 1 when there is no way.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// States: the one to reach, or the one to come from and the one to reach
    #[arg(value_name = "STATE", num_args = 0..=2, value_parser = state)]
    states: Vec<RunState>,
    /// To an event of this name instead
    #[arg(long, value_name = "EVENT", value_parser = event, group = "goal")]
    event: Option<&'static str>,
    /// To an exit with this status instead
    #[arg(long, value_name = "STATUS", group = "goal")]
    exit: Option<u8>,
    /// To an abort instead; of a transition from the first state to the second, where they are given
    #[arg(long, group = "goal")]
    abort: bool,
    /// In this release
    #[arg(long, value_name = "RELEASE", default_value_t = Release::DEFAULT, value_parser = release)]
    release: Release,
    /// Only under these actions, in QEMU's spelling: `panic=pause,shutdown=poweroff`. Absent: whichever are the least change
    #[arg(long, value_name = "K=V,..", value_parser = names::actions)]
    action: Option<SetAction>,
    /// Only by what the guest does
    #[arg(long)]
    guest_alone: bool,
    /// Where several things may meet one pass of the main loop; without migration
    #[arg(long)]
    races: bool,
    /// Where the guest acts: on a vCPU, as in life, or on the main loop, as with -accel qtest
    #[arg(long, value_enum, default_value_t = Where::Vcpu)]
    thread: Where,
    /// As what
    #[arg(long, value_enum, default_value_t = Form::Text)]
    output: Form,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Where {
    Vcpu,
    MainLoop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// A scenario
    Text,
    /// The scenario as JSON; `null` when there is no way
    Json,
}

fn state(text: &str) -> Result<RunState, String> {
    text.parse()
        .map_err(|error| format!("no run state '{text}': {error}"))
}

fn release(text: &str) -> Result<Release, String> {
    Release::from_name(text).ok_or_else(|| format!("no release '{text}'; as in 7.2 or 10.0"))
}

fn event(text: &str) -> Result<&'static str, String> {
    let name = text.to_ascii_uppercase();
    events().find(|event| *event == name).ok_or_else(|| {
        if Event::NAMES.contains(&name.as_str()) {
            return format!("{name} needs the capability 'events', which is not explored");
        }
        format!(
            "no event '{text}'; there are {}",
            events().collect::<Vec<_>>().join(", ")
        )
    })
}

/// Runs the command.
///
/// # Errors
///
/// Nothing, or too much, is asked for.
pub fn run(args: &Args, ui: &mut Ui) -> CommandResult {
    let (goal, words) = goal(args)?;
    let fixed = args.action.unwrap_or_default();
    let policies = Policies::of(args.release)
        .iter()
        .filter(|actions| actions.with(fixed) == *actions)
        .fold(Policies::EMPTY, Policies::with);
    if policies.is_empty() {
        return Err(Trouble::new(format_args!(
            "QEMU {} does not have these actions",
            args.release
        )));
    }
    let mut scope = if args.races {
        Scope::races(args.release)
    } else {
        Scope::new(args.release)
    };
    scope.policies = policies;
    scope.thread = match args.thread {
        Where::Vcpu => Thread::Vcpu,
        Where::MainLoop => Thread::MainLoop,
    };
    if args.guest_alone {
        scope.families = Families::GUEST;
        scope.launches = Launches::Plain;
    }
    match simplest(scope, goal) {
        Some(path) => tell(args, &path, &words, ui),
        None => {
            if args.output == Form::Json {
                writeln!(ui.out(), "null")?;
            }
            ui.note(format_args!(
                "No way {words}: every state {} was visited.",
                within(args)
            ));
            Ok(Outcome::Differs)
        }
    }
}

/// The shortest path; the one without migration and debugger if it is as short.
fn simplest(scope: Scope, goal: Goal) -> Option<Path> {
    let shortest = find(scope, goal)?;
    let plain = Scope {
        families: scope.families.and(Families::SIMPLE),
        launches: Launches::Plain,
        ..scope
    };
    let plain = find(plain, goal).filter(|plain| plain.steps.len() <= shortest.steps.len());
    Some(plain.unwrap_or(shortest))
}

fn goal(args: &Args) -> Result<(Goal, String), Trouble> {
    let states = args.states.as_slice();
    Ok(match (args.event, args.exit, args.abort, states) {
        (Some(event), _, _, []) => (Goal::Event(event), format!("to {event}")),
        (_, Some(status), _, []) => (Goal::Exit(ExitStatus(status)), format!("to exit status {status}")),
        (_, _, true, []) => (Goal::Abort { from: None, to: None }, "to an abort".to_owned()),
        (_, _, true, &[from]) => (
            Goal::Abort {
                from: Some(from),
                to: None,
            },
            format!("to an abort in {from}"),
        ),
        (_, _, true, &[from, to]) => (
            Goal::Abort {
                from: Some(from),
                to: Some(to),
            },
            format!("to the abort {from} -> {to}"),
        ),
        (None, None, false, &[to]) => (Goal::State { from: None, to }, format!("to {to}")),
        (None, None, false, &[from, to]) => (
            Goal::State { from: Some(from), to },
            format!("from {from} to {to}"),
        ),
        (None, None, false, _) => {
            return Err(Trouble::new("where to?").hint("a state, --event, --exit or --abort"));
        }
        (_, _, _, _) => {
            return Err(
                Trouble::new("a state and an event or exit status are two goals").hint("name one of them")
            );
        }
    })
}

fn within(args: &Args) -> String {
    let what = if args.guest_alone {
        "that a guest reaches alone"
    } else if args.races {
        "that is reached without migration, in every interleaving,"
    } else {
        "that is reached by one thing after another"
    };
    format!("of QEMU {} {what}", args.release)
}

fn tell(args: &Args, path: &Path, words: &str, ui: &mut Ui) -> CommandResult {
    let story = story::tell(path, None, &format!("The shortest way {words}."));
    let file = scenario::File {
        name: "path".to_owned(),
        scenarios: vec![story.scenario],
    };
    match args.output {
        Form::Text => write!(ui.out(), "{file}")?,
        Form::Json => write!(ui.out(), "{}", file.to_json_lines())?,
    }
    if !story.replays {
        ui.warning(
            "what QEMU does by itself would have to be slower than a scenario can make it: this does not replay",
        );
    }
    Ok(Outcome::AsExpected)
}
