//! `runstate profile`: what an installed QEMU answers, for the stand-in to answer the same.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use clap::Subcommand;
use runstate_monitor::profile::{self, Profile, Question};
use runstate_qmp::{Error, ErrorClass, Layout, Object, Value, object};

use crate::exit::Outcome;
use crate::serve;
use crate::ui::{CommandResult, Trouble, Ui};

/// Record what an installed QEMU answers to questions beyond run states
///
/// libvirt and others ask for machine types, CPU models, the schema and properties of devices before they start a VM.
/// With a profile `qemu-system-runstate` gives QEMU's own answers.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Ask a QEMU and keep the answers
    Record {
        /// The QEMU to ask
        #[arg(long, value_name = "PATH", default_value = "qemu-system-x86_64")]
        qemu: PathBuf,
        /// The file to write; compressed if its name ends in .gz
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// A machine type to look at, with its first CPU's properties
        #[arg(long, value_name = "TYPE", default_value = "pc")]
        machine: String,
    },
    /// Say what a profile holds
    Show {
        /// The profile
        file: PathBuf,
    },
}

pub(super) fn run(args: &Args, ui: &mut Ui) -> CommandResult {
    match &args.action {
        Action::Record {
            qemu,
            output,
            machine,
        } => {
            let profile = record(qemu, machine, ui)?;
            serve::write_profile(output, &profile).map_err(|error| Trouble::file("write", output, &error))?;
            writeln!(ui.out(), "{} answers in {}", profile.len(), output.display())?;
        }
        Action::Show { file } => {
            let profile = serve::read_profile(file).map_err(|error| Trouble::file("read", file, &error))?;
            if let Some(version) = profile.returned("query-version") {
                writeln!(ui.out(), "version: {}", version.print(Layout::Compact))?;
            }
            for (command, answers) in profile.commands() {
                writeln!(ui.out(), "{answers:6} {command}")?;
            }
        }
    }
    Ok(Outcome::AsExpected)
}

/// Asks a QEMU without a machine, and one with.
fn record(qemu: &Path, machine: &str, ui: &mut Ui) -> Result<Profile, Trouble> {
    let mut profile = Profile::new();
    let machine = format!("{machine},accel=tcg");
    let probe = ["-machine", "none,accel=kvm:tcg"];
    let mut domain = vec!["-machine", &machine];
    // A machine of type none takes neither memory nor devices.
    if !machine.starts_with("none,") {
        domain.extend(["-m", "64", "-device", "pvpanic", "-device", "ib700,id=watchdog0"]);
    }
    for (options, questions) in [(&probe[..], profile::probe()), (&domain[..], profile::domain())] {
        let mut asked = Asked::start(qemu, options)?;
        for question in questions {
            // Some releases die of some questions: QEMU 7.2 without KVM when it is asked to expand the model `host`.
            if asked.ask(&question, &mut profile).is_err() {
                let arguments = Value::from(question.arguments.clone()).print(Layout::Compact);
                ui.warning(format_args!("QEMU died of {} {arguments}", question.command));
                asked = Asked::start(qemu, options)?;
            }
        }
        asked.quit()?;
    }
    Ok(profile)
}

/// A QEMU that is being asked.
struct Asked {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Asked {
    fn start(qemu: &Path, options: &[&str]) -> Result<Self, Trouble> {
        let mut command = Command::new(qemu);
        command
            .args([
                "-S",
                "-no-user-config",
                "-nodefaults",
                "-display",
                "none",
                "-qmp",
                "stdio",
            ])
            .args(options);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| Trouble::file("run", qemu, &error))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = (input, output) else {
            return Err(Trouble::new("QEMU has no standard input or output"));
        };
        let mut asked = Self {
            child,
            input,
            output: BufReader::new(output),
        };
        asked.message()?;
        asked
            .execute("qmp_capabilities", &Object::new())?
            .map_err(|error| Trouble::new(error.desc()))?;
        Ok(asked)
    }

    /// Asks a question and what follows from its answer.
    fn ask(&mut self, question: &Question, profile: &mut Profile) -> Result<(), Trouble> {
        let reply = self.execute(&question.command, &question.arguments)?;
        let is_missing = matches!(&reply, Err(error) if error.class() == ErrorClass::CommandNotFound);
        let follow = reply
            .as_ref()
            .map_or_else(|_| Vec::new(), |answer| profile::followed_by(question, answer));
        if !is_missing {
            profile.insert(&question.command, &question.arguments, reply);
        }
        for question in follow {
            self.ask(&question, profile)?;
        }
        Ok(())
    }

    fn execute(&mut self, command: &str, arguments: &Object) -> Result<Result<Value, Error>, Trouble> {
        let mut message = object! { "execute": command };
        if !arguments.is_empty() {
            message.insert("arguments", arguments.clone());
        }
        // In one write: QEMU obeys `quit` at its closing brace, and may be gone before a line end of its own.
        let text = Value::from(message).print(Layout::Compact) + "\n";
        self.input
            .write_all(text.as_bytes())
            .map_err(|error| Trouble::new(format_args!("QEMU does not listen: {error}")))?;
        loop {
            let message = self.message()?;
            if let Some(value) = message.get("return") {
                return Ok(Ok(value.clone()));
            }
            if let Some(error) = message.get("error") {
                let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
                let class = ErrorClass::from_name(text("class")).unwrap_or(ErrorClass::GenericError);
                return Ok(Err(Error::new(class, text("desc"))));
            }
        }
    }

    fn message(&mut self) -> Result<Value, Trouble> {
        let mut line = Vec::new();
        let read = self.output.read_until(b'\n', &mut line);
        match read {
            Ok(0) => Err(Trouble::new("QEMU ended before it answered").hint("its own message is above")),
            Ok(_) => Value::parse(&line)
                .map_err(|error| Trouble::new(format_args!("QEMU does not speak QMP: {error}"))),
            Err(error) => Err(Trouble::new(format_args!("QEMU cannot be read: {error}"))),
        }
    }

    fn quit(mut self) -> Result<(), Trouble> {
        self.execute("quit", &Object::new())?
            .map_err(|error| Trouble::new(error.desc()))?;
        self.child
            .wait()
            .map_err(|error| Trouble::new(format_args!("QEMU cannot be waited for: {error}")))?;
        Ok(())
    }
}
