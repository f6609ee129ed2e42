//! `runstate check`

use core::fmt::Write as _;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use runstate::Release;
use runstate_oracle::{
    check::{Checker, Contradiction, Happened, Verdict},
    log::{Format, Heard, Reader, VmId},
};
use serde_json::{Value, json};

use crate::{
    exit::Outcome,
    input::Input,
    ui::{CommandResult, Trouble, Ui, name_of},
};

/// Say whether a QEMU can have said what a log says, which releases, and what must have happened
///
/// Reads QMP lines, `->`/`<-` transcripts, qmp-shell logs, libvirt's and KubeVirt's debug logs, those of Incus, Multipass and Kata, and
/// QEMU's traces; plain, gzip or zstd; from files or from standard input (`-`). What the guest and the host did, and QEMU's options, is
/// inferred. Exit status: 0 possible, 1 impossible, 2 unreadable.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The logs; `-` is standard input
    #[arg(required = true, value_name = "LOG")]
    logs: Vec<PathBuf>,
    /// Who wrote them: qmp, transcript, qmp-shell, libvirt, kubevirt, incus, multipass, kata, trace. Absent: told by what is in them
    #[arg(long, value_parser = format)]
    format: Option<Format>,
    /// Tell what must have happened, step by step
    #[arg(long, short)]
    explain: bool,
    /// As what
    #[arg(long, value_enum, default_value_t = Form::Text)]
    output: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For people
    Text,
    /// JSON, one object a VM and line
    Json,
}

fn format(name: &str) -> Result<Format, String> {
    Format::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
        format!("it is one of {}", names.join(", "))
    })
}

/// What came of a log.
struct Checked {
    verdicts: Vec<Verdict>,
    names: BTreeMap<VmId, String>,
    lines: u64,
    /// What could not be read: line, byte and words.
    troubles: Vec<String>,
    /// Reading ended early: what was good before it still counts.
    broken: Option<String>,
}

/// Runs the command.
///
/// # Errors
///
/// A log that cannot be opened.
pub fn run(args: &Args, ui: &mut Ui) -> CommandResult {
    let mut outcome = Outcome::AsExpected;
    for path in &args.logs {
        let checked = match check(path, args.format) {
            Ok(checked) => checked,
            Err(error) => {
                let Trouble::Wrong { message, hint } = Trouble::file("read", path, &error) else {
                    continue;
                };
                ui.error(message, hint.as_deref());
                outcome = outcome.and(Outcome::Trouble);
                continue;
            }
        };
        let name = name_of(path);
        for trouble in &checked.troubles {
            ui.warning(format_args!("{name}:{trouble}"));
        }
        if let Some(broken) = &checked.broken {
            ui.error(
                format_args!("{name}: {broken}"),
                Some("what was read before that still counts"),
            );
            outcome = outcome.and(Outcome::Trouble);
        }
        if checked
            .verdicts
            .iter()
            .all(|verdict| verdict.letters + verdict.contradictions == 0)
        {
            let hint = "--format names the kind of log; an event looks like {\"event\": \"STOP\", ..}";
            ui.error(
                format_args!("{name}: nothing in it says anything about the run state"),
                Some(hint),
            );
            outcome = outcome.and(Outcome::Trouble);
            continue;
        }
        outcome = outcome.and(report(args, &name, &checked, ui)?);
    }
    Ok(outcome)
}

fn check(path: &Path, format: Option<Format>) -> std::io::Result<Checked> {
    /// So many troubles are told; the rest are like them.
    const TOLD: usize = 20;
    let mut input = Input::open(path)?;
    let (mut reader, mut checker) = (Reader::new(format), Checker::new());
    let (mut troubles, mut vms) = (Vec::new(), BTreeSet::new());
    let mut hear = |record: &runstate_oracle::log::Record<'_>| {
        if let Heard::Trouble(trouble) = &record.what {
            if troubles.len() < TOLD {
                troubles.push(format!("{}: byte {}: {trouble}", record.line, record.offset));
            }
        } else {
            vms.insert(record.vm);
        }
        checker.hear(record);
    };
    let mut buffer = vec![0; 1 << 18];
    let mut broken = None;
    loop {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => reader.feed(&buffer[..read], &mut hear),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                broken = Some(error.to_string());
                break;
            }
        }
    }
    reader.finish(&mut hear);
    let names = vms
        .iter()
        .map(|vm| (*vm, reader.vm_name(*vm).to_owned()))
        .collect();
    Ok(Checked {
        verdicts: checker.finish(),
        names,
        lines: reader.counts().lines,
        troubles,
        broken,
    })
}

fn report(args: &Args, name: &str, checked: &Checked, ui: &mut Ui) -> CommandResult {
    let mut outcome = Outcome::AsExpected;
    for verdict in checked
        .verdicts
        .iter()
        .filter(|verdict| verdict.letters + verdict.contradictions > 0)
    {
        if !verdict.is_possible() {
            outcome = Outcome::Differs;
        }
        let vm = checked.names.get(&verdict.vm).map_or("", String::as_str);
        match args.output {
            Form::Json => writeln!(ui.out(), "{}", as_json(name, vm, checked.lines, verdict))?,
            Form::Text => {
                let text = as_text(name, vm, verdict, args.explain);
                ui.out().write_all(text.as_bytes())?;
            }
        }
    }
    Ok(outcome)
}

fn as_text(name: &str, vm: &str, verdict: &Verdict, explain: bool) -> String {
    let mut text = name.to_owned();
    if !vm.is_empty() {
        let _ = write!(text, " [{vm}]");
    }
    if verdict.is_possible() {
        let states: Vec<&str> = verdict.states.iter().map(|state| state.name()).collect();
        let end = if verdict.gone {
            "QEMU has gone".to_owned()
        } else if states.len() > 4 {
            "the VM can be in many states".to_owned()
        } else {
            format!("the VM is {}", states.join(" or "))
        };
        let _ = writeln!(
            text,
            ": possible; {} heard, consistent with {}; {end}",
            verdict.letters,
            ranges(&verdict.releases)
        );
        if explain {
            text += &account(verdict);
        }
        return text;
    }
    let _ = writeln!(
        text,
        ": impossible, {} time{}",
        verdict.contradictions,
        if verdict.contradictions == 1 { "" } else { "s" }
    );
    for contradiction in &verdict.first {
        text += &contradicted(name, contradiction);
    }
    text
}

fn contradicted(name: &str, contradiction: &Contradiction) -> String {
    let mut text = format!("  {name}:{}: byte {}: ", contradiction.line, contradiction.offset);
    if let Some(why) = &contradiction.why {
        let _ = writeln!(text, "{why}");
        return text;
    }
    let _ = writeln!(text, "{} cannot come here", contradiction.heard);
    let believed: Vec<&str> = contradiction.believed.iter().map(|state| state.name()).collect();
    let gone = if contradiction.gone {
        "; QEMU must have gone by then"
    } else {
        ""
    };
    let _ = writeln!(text, "    believed: {}{gone}", believed.join(", "));
    let _ = writeln!(
        text,
        "    so far consistent with {}",
        ranges(&contradiction.releases)
    );
    let could: Vec<String> = contradiction
        .could_come
        .iter()
        .filter(|letter| letter.as_status().is_none())
        .map(ToString::to_string)
        .collect();
    let _ = writeln!(
        text,
        "    could have come: {}",
        if could.is_empty() {
            "nothing".to_owned()
        } else {
            could.join(", ")
        }
    );
    text
}

fn account(verdict: &Verdict) -> String {
    let mut text = String::new();
    for happened in &verdict.explanation {
        let _ = match happened {
            Happened::Begins { state, options } if options.is_empty() => {
                writeln!(text, "  the VM is {state}")
            }
            Happened::Begins { state, options } => writeln!(text, "  the VM is {state}, QEMU has {options}"),
            Happened::Inferred(deed) => writeln!(text, "  {deed}"),
            Happened::Heard { line, letter } => writeln!(text, "    {line}: {letter}"),
        };
    }
    text
}

fn as_json(name: &str, vm: &str, lines: u64, verdict: &Verdict) -> Value {
    let releases: Vec<&str> = verdict.releases.iter().map(|release| release.name()).collect();
    let states: Vec<&str> = verdict.states.iter().map(|state| state.name()).collect();
    let contradictions: Vec<Value> = verdict
        .first
        .iter()
        .map(|contradiction| {
            json!({
                "line": contradiction.line,
                "offset": contradiction.offset,
                "heard": contradiction.heard,
                "why": contradiction.why,
                "believed": contradiction.believed.iter().map(|state| state.name()).collect::<Vec<_>>(),
                "gone": contradiction.gone,
                "releases": contradiction.releases.iter().map(|release| release.name()).collect::<Vec<_>>(),
                "could-come": contradiction.could_come.iter().map(ToString::to_string).collect::<Vec<_>>(),
            })
        })
        .collect();
    let explanation: Vec<Value> = verdict
        .explanation
        .iter()
        .map(|happened| match happened {
            Happened::Begins { state, options } => json!({ "begins": state.name(), "options": options }),
            Happened::Inferred(deed) => json!({ "inferred": deed }),
            Happened::Heard { line, letter } => json!({ "heard": letter.to_string(), "line": line }),
        })
        .collect();
    json!({
        "log": name,
        "vm": vm,
        "lines": lines,
        "possible": verdict.is_possible(),
        "heard": verdict.letters,
        "releases": releases,
        "states": states,
        "gone": verdict.gone,
        "contradictions": verdict.contradictions,
        "first": contradictions,
        "explanation": explanation,
    })
}

/// `6.0 to 8.2, 9.1`
fn ranges(releases: &BTreeSet<Release>) -> String {
    if releases.is_empty() {
        return "no release".to_owned();
    }
    if releases.len() == Release::WITH_POINTS.len() {
        return "every release from 6.0 to 11.0".to_owned();
    }
    let mut runs: Vec<(Release, Release)> = Vec::new();
    for &release in releases {
        match runs.last_mut() {
            Some((_, last)) if *last as usize + 1 == release as usize => *last = release,
            Some(_) | None => runs.push((release, release)),
        }
    }
    let words: Vec<String> = runs
        .iter()
        .map(|(first, last)| {
            if first == last {
                first.to_string()
            } else {
                format!("{first} to {last}")
            }
        })
        .collect();
    format!("{} only", words.join(", "))
}
