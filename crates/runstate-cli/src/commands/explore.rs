//! `runstate explore`

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use runstate::{Release, SetAction, Thread};
use runstate_monitor::scenario;
use runstate_oracle::{
    abort::{Abort, Takes, aborts},
    explore::{Policies, Survey, on_all_cores, survey_all},
    property::{Property, always, doubtful, sometimes},
};
use serde_json::json;

use super::progress::Progress;
use crate::exit::Outcome;
use crate::names::{self, Releases};
use crate::story::{self, Story};
use crate::ui::{CommandResult, Trouble, Ui};

/// Visit every state that a VM can reach, and say what was found
///
/// Every mix of what the guest, the host and commands can do, from every way to launch QEMU, under every combination of the
/// reboot, shutdown, panic and watchdog actions. Without an option: how many states there are, and which transitions of
/// QEMU's own table are never taken.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Look for this instead, and tell the shortest way to each
    #[arg(long, value_enum)]
    find: Option<What>,
    /// Only in these releases: `10.0`, `9.0..`, `7.2..8.2`
    #[arg(long, value_name = "RELEASES", value_parser = names::releases)]
    release: Option<Releases>,
    /// Only under these actions, in QEMU's spelling: `panic=pause,shutdown=poweroff`
    #[arg(long, value_name = "K=V,..", value_parser = names::actions, conflicts_with = "find")]
    action: Option<SetAction>,
    /// Where the guest acts: on a vCPU, as in life, or on the main loop, as with -accel qtest
    #[arg(long, value_enum, default_value_t = Where::Vcpu, conflicts_with = "find")]
    thread: Where,
    /// Write each way as a scenario, DIR/RELEASE/NAME.qmp
    #[arg(long, value_name = "DIR", requires = "find")]
    write: Option<PathBuf>,
    /// As what
    #[arg(long, value_enum, default_value_t = Form::Text)]
    output: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// Transitions that make QEMU abort, and who can bring them about
    Abort,
    /// Claims that do not hold: those of clients, and promises of QEMU's documentation
    Broken,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Where {
    Vcpu,
    MainLoop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// Tables and scenarios
    Text,
    /// JSON, one finding a line
    Json,
}

/// Runs the command.
///
/// # Errors
///
/// A scenario cannot be written.
pub fn run(args: &Args, ui: &mut Ui) -> CommandResult {
    let releases = match &args.release {
        Some(Releases(releases)) => releases.clone(),
        None => Release::ALL.to_vec(),
    };
    match args.find {
        None => survey(args, &releases, ui),
        Some(What::Abort) => find_aborts(args, &releases, ui),
        Some(What::Broken) => find_broken(args, &releases, ui),
    }
}

fn survey(args: &Args, releases: &[Release], ui: &mut Ui) -> CommandResult {
    let thread = match args.thread {
        Where::Vcpu => Thread::Vcpu,
        Where::MainLoop => Thread::MainLoop,
    };
    let fixed = args.action.unwrap_or_default();
    let policies = Policies::all()
        .iter()
        .filter(|actions| actions.with(fixed) == **actions)
        .fold(Policies::EMPTY, |set, &actions| set.with(actions));
    #[expect(clippy::disallowed_methods, reason = "to tell how long it took")]
    let begun = Instant::now();
    let surveys = survey_all(releases, thread, policies);
    let took = begun.elapsed();
    match args.output {
        Form::Json => {
            for survey in &surveys {
                writeln!(ui.out(), "{}", survey_as_json(survey))?;
            }
        }
        Form::Text => survey_as_text(&surveys, ui)?,
    }
    if ui.is_watched() {
        let total: u64 = surveys
            .iter()
            .map(|s| s.calm.times_policies + s.races.times_policies)
            .sum();
        let steps: u64 = surveys.iter().map(|s| s.calm.steps + s.races.steps).sum();
        let rate = total as f64 / took.as_secs_f64() / 1e6;
        ui.note(format_args!(
            "{total} states under their policies, {steps} steps, in {took:.2?}: {rate:.0} million states a second"
        ));
    }
    Ok(Outcome::AsExpected)
}

fn survey_as_json(survey: &Survey) -> serde_json::Value {
    let size = |size: &runstate_oracle::explore::Size| json!({ "states": size.states, "times-policies": size.times_policies, "steps": size.steps });
    let taken: Vec<_> = survey
        .taken
        .iter()
        .map(|((from, to), policies)| json!({ "from": from, "to": to, "policies": policies.len() }))
        .collect();
    let never: Vec<_> = survey
        .never
        .iter()
        .map(|(from, to, why)| json!({ "from": from, "to": to, "why": why.map(|known| known.why) }))
        .collect();
    let aborts: Vec<_> = survey
        .aborts
        .iter()
        .map(|(from, to)| json!({ "from": from, "to": to }))
        .collect();
    json!({
        "release": survey.release.name(),
        "one-at-a-time": size(&survey.calm),
        "races-without-migration": size(&survey.races),
        "taken": taken,
        "never-taken": never,
        "aborts": aborts,
    })
}

fn survey_as_text(surveys: &[Survey], ui: &mut Ui) -> Result<(), Trouble> {
    let out = ui.out();
    writeln!(
        out,
        "          one thing at a time         racing, without migration    transitions     pairs"
    )?;
    writeln!(
        out,
        "release   states   times policies     states   times policies     taken  never   that abort"
    )?;
    for survey in surveys {
        writeln!(
            out,
            "{:<8} {:>7} {:>16} {:>10} {:>16} {:>9} {:>6} {:>12}",
            survey.release.name(),
            survey.calm.states,
            survey.calm.times_policies,
            survey.races.states,
            survey.races.times_policies,
            survey.taken.len(),
            survey.never.len(),
            survey.aborts.len(),
        )?;
    }
    let explored: Vec<_> = surveys.iter().map(|survey| survey.release).collect();
    let mut never: Vec<_> = surveys
        .iter()
        .flat_map(|survey| survey.never.iter().map(move |n| (n, survey.release)))
        .collect();
    never.sort_by_key(|((from, to, _), release)| (*from, *to, *release));
    if !never.is_empty() {
        writeln!(out, "\nNever taken, though QEMU's table has it:")?;
    }
    for group in never.chunk_by(|((a, b, _), _), ((c, d, _), _)| (a, b) == (c, d)) {
        let ((from, to, why), _) = group[0];
        let releases = names::in_words(group.iter().map(|(_, release)| *release), &explored);
        let why = why.map_or("only where the guest acts on another thread", |known| known.why);
        let pair = format!("{from} -> {to}");
        writeln!(out, "  {pair:<30} {releases:<13} {why}")?;
    }
    Ok(())
}

fn find_aborts(args: &Args, releases: &[Release], ui: &mut Ui) -> CommandResult {
    let progress = Progress::of(releases.len(), "releases");
    let found = on_all_cores(releases, |&release| {
        let told: Vec<_> = aborts(release)
            .into_iter()
            .map(|abort| {
                let story = tell_abort(&abort);
                (abort, story)
            })
            .collect();
        progress.done_one();
        told
    });
    progress.end();
    for (release, found) in releases.iter().zip(&found) {
        if let Some(dir) = &args.write {
            for (abort, story) in found {
                write(dir, *release, &abort_name(abort), story)?;
            }
        }
        for (abort, story) in found {
            match args.output {
                Form::Json => writeln!(
                    ui.out(),
                    "{}",
                    json!({
                        "release": release.name(),
                        "from": abort.from,
                        "to": abort.to,
                        "takes": abort.takes.name(),
                        "policies": abort.policies.len(),
                        "replays": story.replays,
                        "scenario": as_json(story),
                    })
                )?,
                Form::Text => writeln!(ui.out(), "{}", as_text(story))?,
            }
        }
        if args.output == Form::Text {
            writeln!(ui.out(), "# {release}: {} pairs{}", found.len(), by_takes(found))?;
        }
    }
    Ok(Outcome::AsExpected)
}

fn by_takes(found: &[(Abort, Story)]) -> String {
    Takes::ALL
        .iter()
        .filter_map(|&takes| {
            let count = found.iter().filter(|(abort, _)| abort.takes == takes).count();
            (count > 0).then(|| format!("; {count} {}", takes.words()))
        })
        .collect()
}

fn abort_name(abort: &Abort) -> String {
    format!("abort-{}-to-{}", abort.from, abort.to)
}

fn tell_abort(abort: &Abort) -> Story {
    let (from, to) = (abort.from, abort.to);
    let what = if from == to {
        format!("an assertion fails in '{from}'")
    } else {
        format!("invalid runstate transition: '{from}' -> '{to}'")
    };
    let mut about = format!(
        "QEMU aborts: {what}.\nTakes: {}. Possible under {} of {} combinations of actions.",
        abort.takes.words(),
        abort.policies.len(),
        Policies::of(abort.path.launch.release).len(),
    );
    let story = story::tell(&abort.path, Some(abort_name(abort)), &about);
    if story.replays {
        return story;
    }
    about.push_str("\nNot to be replayed as written: what QEMU does by itself would have to be slower than a scenario can make it.");
    Story {
        replays: false,
        ..story::tell(&abort.path, Some(abort_name(abort)), &about)
    }
}

fn find_broken(args: &Args, releases: &[Release], ui: &mut Ui) -> CommandResult {
    let claims = always();
    let doubts = on_all_cores(releases, |&release| doubtful(&claims, release));
    // Whether it should always hold, and whether there is something to search for.
    let jobs: Vec<(Release, Property, bool, bool)> = releases
        .iter()
        .zip(doubts)
        .flat_map(|(&release, doubts)| {
            let always = claims.iter().zip(doubts);
            let always = always
                .filter(move |(property, _)| property.is_claimed_of(release))
                .map(move |(&property, doubtful)| (release, property, true, doubtful));
            let sometimes = sometimes().into_iter();
            always.chain(sometimes.map(move |property| (release, property, false, true)))
        })
        .collect();
    let progress = Progress::of(jobs.len(), "searches");
    let found = on_all_cores(&jobs, |(release, property, _, doubtful)| {
        let path = doubtful.then(|| property.search(*release)).flatten();
        progress.done_one();
        path
    });
    progress.end();
    for ((release, property, always, _), path) in jobs.iter().zip(found) {
        // What should sometimes happen and does is no news.
        if *always != path.is_some() && args.output == Form::Text {
            if *always {
                writeln!(
                    ui.out(),
                    "# {release}: {} holds: {}\n",
                    property.name,
                    property.claim
                )?;
            } else {
                continue;
            }
        }
        let story =
            path.map(|path| story::tell(&path, Some(property.name.to_owned()), &about(property, *always)));
        if let (Some(dir), Some(story), true) = (&args.write, &story, *always) {
            write(dir, *release, property.name, story)?;
        }
        match (args.output, &story) {
            (Form::Json, story) => writeln!(
                ui.out(),
                "{}",
                json!({
                    "release": release.name(),
                    "name": property.name,
                    "claim": property.claim,
                    "kind": if *always { "always" } else { "sometimes" },
                    "promise": property.promise.map(|promise| json!({ "source": promise.source, "quote": promise.quote })),
                    "holds": *always != story.is_some(),
                    "scenario": story.as_ref().map(as_json),
                })
            )?,
            (Form::Text, Some(story)) if *always => writeln!(ui.out(), "{}", as_text(story))?,
            (Form::Text, None) if !*always => writeln!(ui.out(), "# {release}: never: {}\n", property.claim)?,
            (Form::Text, _) => {}
        }
    }
    Ok(Outcome::AsExpected)
}

fn about(property: &Property, always: bool) -> String {
    let mut about = if always {
        format!("Does not hold: {}.", property.claim)
    } else {
        format!("Sometimes {}.", property.claim)
    };
    if let Some(promise) = property.promise {
        about.push_str(&format!(
            "\nPromised by {}: \"{}\".",
            promise.source, promise.quote
        ));
    }
    about
}

fn file(story: &Story) -> scenario::File {
    scenario::File {
        name: String::new(),
        scenarios: vec![story.scenario.clone()],
    }
}

fn as_text(story: &Story) -> String {
    file(story).to_string()
}

fn as_json(story: &Story) -> serde_json::Value {
    serde_json::from_str(&file(story).to_json_lines()).unwrap_or_default()
}

fn write(dir: &Path, release: Release, name: &str, story: &Story) -> Result<(), Trouble> {
    let dir = dir.join(release.name());
    std::fs::create_dir_all(&dir).map_err(|error| Trouble::file("make", &dir, &error))?;
    let path = dir.join(name).with_extension("qmp");
    std::fs::write(&path, as_text(story)).map_err(|error| Trouble::file("write", &path, &error))
}
