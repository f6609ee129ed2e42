//! `runstate explain`

use std::io::Write as _;
use std::path::PathBuf;

use runstate::{Event, Release, SetAction, Thread};
use runstate_oracle::{
    act::{Act, acts},
    explain::{html, json, text},
    matrix::{ActionSets, Detail, Matrix, Query},
    situation::situations,
    told::Step,
};

use crate::exit::Outcome;
use crate::names::{self, Releases};
use crate::ui::{CommandResult, Trouble, Ui};

/// Say what an event or command does: what QEMU emits, in which state it ends, with which exit status
///
/// Every state is reached by a real sequence of inputs, and every answer comes from running the machine. What is the same
/// in several releases, states or under several actions is one row.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What happens: `panic`, `guest reset`, `system_reset`, `gdb attach`, or an event that QEMU emits, as `SHUTDOWN`
    ///
    /// Absent: everything that can happen. `--list` names them.
    #[arg(value_name = "INPUT|EVENT")]
    what: Vec<String>,
    /// Only in this state, in all its variants; or in one variant, as `paused-while-suspended`
    #[arg(long, value_name = "STATE")]
    state: Vec<String>,
    /// Also in the unusual variants of each state: while migrating, while suspended, with another machine
    #[arg(long)]
    variants: bool,
    /// Only in these releases: `10.0`, `9.0..`, `7.2..8.2`
    #[arg(long, value_name = "RELEASES", value_parser = names::releases)]
    release: Option<Releases>,
    /// Only under these actions, in QEMU's spelling: `panic=pause,shutdown=poweroff`
    #[arg(long, value_name = "K=V,..", value_parser = names::actions)]
    action: Vec<SetAction>,
    /// Where the guest acts: on a vCPU, as in life, or on the main loop, as with -accel qtest
    #[arg(long, value_enum, default_value_t = Where::Vcpu)]
    thread: Where,
    /// Tell also what makes no difference at a glance: where the reply comes, what cannot happen, how states are reached
    #[arg(long, short)]
    verbose: bool,
    /// List what can happen and the states, instead
    #[arg(long, conflicts_with_all = ["what", "output"])]
    list: bool,
    /// As what
    #[arg(long, value_enum, default_value_t = Form::Text)]
    output: Form,
    /// Write the HTML page to this file
    #[arg(long, value_name = "FILE", conflicts_with = "output")]
    html: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Where {
    Vcpu,
    MainLoop,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// Tables
    Text,
    /// JSON, one row a line
    Json,
    /// One page, of everything, in which one filters
    Html,
}

/// Runs the command.
///
/// # Errors
///
/// Something is asked for that there is not.
pub fn run(args: &Args, ui: &mut Ui) -> CommandResult {
    if args.list {
        return list(ui);
    }
    let mut query = query(args)?;
    let event = choose_acts(args, &mut query)?;
    if let Some(path) = &args.html {
        std::fs::write(path, page(query)?).map_err(|error| Trouble::file("write", path, &error))?;
        return Ok(Outcome::AsExpected);
    }
    match args.output {
        Form::Html => ui.out().write_all(page(query)?.as_bytes())?,
        Form::Json => {
            let mut matrix = Matrix::of(query);
            keep_event(&mut matrix, &event);
            let lines = json::lines(&matrix).map_err(Trouble::new)?;
            ui.out().write_all(lines.as_bytes())?;
        }
        Form::Text => {
            query.detail = if args.verbose {
                Detail::Visible
            } else {
                Detail::Glance
            };
            let mut matrix = Matrix::of(query);
            keep_event(&mut matrix, &event);
            let layout = text::Layout {
                width: names::width(),
                impossible: args.verbose,
                recipes: args.verbose,
            };
            ui.out().write_all(text::text(&matrix, layout).as_bytes())?;
        }
    }
    Ok(Outcome::AsExpected)
}

fn page(mut query: Query) -> Result<String, Trouble> {
    query.detail = Detail::Visible;
    html::page(&Matrix::of(query)).map_err(Trouble::new)
}

fn query(args: &Args) -> Result<Query, Trouble> {
    let page = args.html.is_some() || args.output == Form::Html;
    let mut query = Query::all();
    if !args.state.is_empty() {
        for state in &args.state {
            if !query
                .situations
                .iter()
                .any(|situation| situation.answers_to(state))
            {
                return Err(Trouble::new(format_args!("no state is called '{state}'"))
                    .hint(names::suggestion(state, query.situations.iter().map(|s| s.name))));
            }
        }
        query
            .situations
            .retain(|situation| args.state.iter().any(|state| situation.answers_to(state)));
    }
    // A page filters by itself.
    if !args.variants && !page {
        let named = |name: &str| args.state.iter().any(|state| state == name);
        query.situations.retain(|s| s.is_usual() || named(s.name));
    }
    query.threads = match args.thread {
        Where::Vcpu if page => query.threads,
        Where::Vcpu => vec![Thread::Vcpu],
        Where::MainLoop => vec![Thread::MainLoop],
        Where::All => query.threads,
    };
    if let Some(Releases(releases)) = &args.release {
        query.releases.clone_from(releases);
        query
            .situations
            .retain(|s| releases.iter().any(|release| *release >= s.since));
    }
    let mut given = SetAction::default();
    for set in &args.action {
        given.reboot = set.reboot.or(given.reboot);
        given.shutdown = set.shutdown.or(given.shutdown);
        given.panic = set.panic.or(given.panic);
        given.watchdog = set.watchdog.or(given.watchdog);
    }
    query.actions = ActionSets::given(given);
    Ok(query)
}

/// Leaves the acts that `what` names. Where it names events, all acts stay, and the events are returned in capitals.
fn choose_acts(args: &Args, query: &mut Query) -> Result<Vec<String>, Trouble> {
    if args.what.is_empty() {
        return Ok(Vec::new());
    }
    // `runstate explain gdb attach` needs no quotes.
    let whole = args.what.join(" ");
    let named: Vec<Act> = query
        .acts
        .iter()
        .filter(|act| act.answers_to(&whole))
        .cloned()
        .collect();
    let is_event = |word: &String| word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    if args.what.iter().all(is_event) && args.what.iter().all(|word| Event::NAMES.contains(&word.as_str())) {
        return Ok(args.what.clone());
    }
    if named.is_empty() {
        let names = query
            .acts
            .iter()
            .map(|act| act.name.as_str())
            .chain(Event::NAMES.iter().copied());
        return Err(
            Trouble::new(format_args!("nothing that happens is called '{whole}'"))
                .hint(names::suggestion(&whole, names)),
        );
    }
    query.acts = named;
    Ok(Vec::new())
}

fn keep_event(matrix: &mut Matrix, events: &[String]) {
    if events.is_empty() {
        return;
    }
    let has = |told: &[Step]| {
        let said: Vec<&str> = told.iter().filter_map(event_of).map(Event::name).collect();
        events.iter().all(|event| said.contains(&event.as_str()))
    };
    let keep: Vec<bool> = matrix.outcomes.iter().map(|told| has(told)).collect();
    matrix.rows.retain(|row| keep[usize::from(row.outcome.0)]);
}

const fn event_of(step: &Step) -> Option<Event> {
    match step {
        Step::Event { event, .. } => Some(*event),
        Step::State(_)
        | Step::Return(_)
        | Step::Refused(_)
        | Step::Impossible(_)
        | Step::Exit(_)
        | Step::Abort(_) => None,
    }
}

fn list(ui: &mut Ui) -> CommandResult {
    writeln!(ui.out(), "What can happen:")?;
    for act in acts() {
        writeln!(ui.out(), "  {:<40}  {}", act.name, act.note)?;
    }
    writeln!(ui.out(), "\nThe states, and how they are reached:")?;
    for situation in situations() {
        let steps = situation.steps(Release::DEFAULT.max(situation.since)).join("; ");
        writeln!(ui.out(), "  {:<28}  {steps}", situation.name)?;
    }
    Ok(Outcome::AsExpected)
}
