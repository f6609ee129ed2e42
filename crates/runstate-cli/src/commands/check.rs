//! `runstate check`

mod read;
mod tell;

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use runstate_oracle::log::Format;

use crate::{
    exit::Outcome,
    ui::{CommandResult, Trouble, Ui, name_of},
};
use read::{Checked, Explain};

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
    /// Tell what must have happened, step by step: all of a short log, the end of a long one
    #[arg(long, short)]
    explain: bool,
    /// Tell what must have happened from this line on
    #[arg(long, value_name = "LINE", conflicts_with = "explain_all")]
    explain_from: Option<u64>,
    /// Tell all that must have happened, however long the log is; it is kept in memory for that
    #[arg(long)]
    explain_all: bool,
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

impl Args {
    const fn explains(&self) -> Explain {
        match (self.explain_all, self.explain_from, self.explain) {
            (true, ..) => Explain::All,
            (_, Some(line), _) => Explain::From(line),
            (_, None, true) => Explain::End,
            (_, None, false) => Explain::Nothing,
        }
    }
}

fn format(name: &str) -> Result<Format, String> {
    Format::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
        format!("it is one of {}", names.join(", "))
    })
}

/// Runs the command.
///
/// # Errors
///
/// Standard output that cannot be written.
pub fn run(args: &Args, ui: &mut Ui) -> CommandResult {
    let mut outcome = Outcome::AsExpected;
    // They are checked in any order, and told in the order given.
    let (mut done, mut next) = (BTreeMap::new(), 0);
    read::all(&args.logs, args.format, args.explains(), |number, checked| {
        done.insert(number, checked);
        while let Some(checked) = done.remove(&next) {
            outcome = outcome.and(one(args, &args.logs[next], checked, ui)?);
            next += 1;
        }
        Ok(())
    })?;
    Ok(outcome)
}

fn one(args: &Args, path: &Path, checked: io::Result<Checked>, ui: &mut Ui) -> CommandResult {
    let checked = match checked {
        Ok(checked) => checked,
        Err(error) => {
            if let Trouble::Wrong { message, hint } = Trouble::file("read", path, &error) {
                ui.error(message, hint.as_deref());
            }
            return Ok(Outcome::Trouble);
        }
    };
    let mut outcome = Outcome::AsExpected;
    let name = name_of(path);
    for trouble in &checked.troubles {
        ui.warning(format_args!("{name}:{trouble}"));
    }
    if checked.untold > 0 {
        ui.warning(format_args!("{name}: {} more like these", checked.untold));
    }
    if let Some(broken) = &checked.broken {
        ui.error(
            format_args!("{name}: line {}, byte {}: {broken}", checked.lines, checked.bytes),
            Some("what was read before that still counts"),
        );
        outcome = outcome.and(Outcome::Trouble);
    }
    let silent = |verdict: &runstate_oracle::check::Verdict| verdict.letters + verdict.contradictions == 0;
    if checked.verdicts.iter().all(silent) {
        let hint = "--format names the kind of log; an event looks like {\"event\": \"STOP\", ..}";
        ui.error(
            format_args!("{name}: nothing in it says anything about the run state"),
            Some(hint),
        );
        return Ok(outcome.and(Outcome::Trouble));
    }
    for verdict in checked.verdicts.iter().filter(|verdict| !silent(verdict)) {
        if !verdict.is_possible() {
            outcome = outcome.and(Outcome::Differs);
        }
        let vm = checked.names.get(&verdict.vm).map_or("", String::as_str);
        match args.output {
            Form::Json => writeln!(ui.out(), "{}", tell::as_json(&name, vm, checked.lines, verdict))?,
            Form::Text => {
                let text = tell::as_text(&name, vm, verdict, args.explains() != Explain::Nothing);
                ui.out().write_all(text.as_bytes())?;
            }
        }
    }
    Ok(outcome)
}
