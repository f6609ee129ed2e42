//! Tells a difference: the scenario up to it, then both sides.

use core::fmt;

use runstate_monitor::scenario::{Exit, Scenario, Step};

use super::drive;
use super::trial::Difference;

/// How many lines before and after the first difference are shown.
const CONTEXT: usize = 8;

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let common = self.common();
        let hidden = common.len().saturating_sub(CONTEXT);
        if hidden > 0 {
            writeln!(f, "      .. {hidden} lines before")?;
        }
        for line in &common[hidden..] {
            writeln!(f, "      {line}")?;
        }
        side(f, "model", self.model_lines())?;
        side(f, "QEMU ", self.qemu_lines())?;
        if !self.qemu.stderr.is_empty() {
            writeln!(f, "      QEMU's standard error:")?;
            for line in self.qemu.stderr.trim_end().lines() {
                writeln!(f, "          {line}")?;
            }
        }
        Ok(())
    }
}

fn side(f: &mut fmt::Formatter<'_>, name: &str, lines: Vec<String>) -> fmt::Result {
    let count = lines.len();
    for line in lines.iter().take(CONTEXT) {
        writeln!(f, "{name} {line}")?;
    }
    if count > CONTEXT {
        writeln!(f, "{name} .. {} more lines", count - CONTEXT)?;
    }
    Ok(())
}

impl Difference {
    /// What is done and said before the first difference.
    fn common(&self) -> Vec<String> {
        let upto = self.at_step();
        let mut lines = beginning(&self.scenario);
        let mut said = self.model.heard.iter().take(self.at).peekable();
        for (index, step) in self.scenario.steps.iter().enumerate() {
            if index > upto {
                break;
            }
            lines.push(line_of(step));
            while let Some((_, message)) = said.next_if(|(at, _)| *at == index) {
                lines.push(format!("<- {message}"));
            }
        }
        lines
    }

    /// The step after which the sides differ: the earlier one.
    fn at_step(&self) -> usize {
        let ours = self.model.heard.get(self.at).map(|(step, _)| *step);
        let theirs = self.qemu.heard.get(self.at).map(|heard| heard.step);
        let ends = self.model.exit.map(|(step, _)| step).into_iter();
        let ends = ends.chain(self.qemu.exit.map(|(step, _)| step)).min();
        let first = ours.into_iter().chain(theirs).min();
        first.or(ends).unwrap_or(usize::MAX)
    }

    fn model_lines(&self) -> Vec<String> {
        let messages = self.model.heard.iter().skip(self.at);
        let lines = self.rest(messages.map(|(step, message)| (*step, message.to_string())));
        ended(lines, self.model.exit.map(|(_, exit)| exit_line(exit)))
    }

    fn qemu_lines(&self) -> Vec<String> {
        let messages = self.qemu.heard.iter().skip(self.at);
        let lines = self.rest(messages.map(|heard| (heard.step, heard.message.text.clone())));
        ended(lines, self.qemu.exit.map(|(_, exit)| qemu_exit_line(exit)))
    }

    /// The messages from the difference on, with the steps between them.
    fn rest(&self, messages: impl Iterator<Item = (usize, String)>) -> Vec<String> {
        let mut lines = Vec::new();
        let mut shown = self.at_step();
        for (step, message) in messages {
            while shown < step {
                shown += 1;
                if let Some(step) = self.scenario.steps.get(shown) {
                    lines.push(line_of(step));
                }
            }
            lines.push(format!("<- {message}"));
        }
        lines
    }
}

fn ended(mut lines: Vec<String>, exit: Option<String>) -> Vec<String> {
    lines.push(exit.unwrap_or_else(|| "nothing more".to_owned()));
    lines
}

fn exit_line(exit: Exit) -> String {
    match exit {
        Exit::Status(status) => format!("exit {status}"),
        Exit::Abort => "exit abort".to_owned(),
    }
}

fn qemu_exit_line(exit: drive::Exit) -> String {
    match exit {
        drive::Exit::Status(status) => format!("exit {status}"),
        drive::Exit::Signal(signal) => match nix::sys::signal::Signal::try_from(signal) {
            Ok(nix::sys::signal::Signal::SIGABRT) => "exit abort".to_owned(),
            Ok(signal) => format!("killed by {signal}"),
            Err(_) => format!("killed by signal {signal}"),
        },
    }
}

/// A step as a scenario writes it.
fn line_of(step: &Step) -> String {
    format!("{}{}", step.action, if step.hold { " &" } else { "" })
}

/// The scenario's first lines, up to its steps.
fn beginning(scenario: &Scenario) -> Vec<String> {
    let head = Scenario {
        above: Vec::new(),
        notes: Vec::new(),
        steps: Vec::new(),
        below: Vec::new(),
        ..scenario.clone()
    };
    head.to_string().lines().map(str::to_owned).collect()
}
