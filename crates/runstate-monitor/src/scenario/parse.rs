//! A file of scenarios from text: lines, their order, and what stands between them.

use std::collections::HashMap;

use super::error::{Error, Fault};
use super::names::Wrong;
use super::statement::{self, Statement};
use super::{File, Note, Scenario, Step, With, json};

impl File {
    /// Parses a file of scenarios: text, or JSON where the first character that is no blank is a `{`.
    ///
    /// `name` is how messages name the file.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let text =
            core::str::from_utf8(bytes).map_err(|error| Error::not_utf8(name, bytes, error.valid_up_to()))?;
        let parsed = if text.trim_start().starts_with(['{', '[']) {
            json::read(name, text)
        } else {
            scenarios(text)
        };
        Ok(Self {
            name: name.to_owned(),
            scenarios: parsed.map_err(|fault| Error::new(name, text, fault))?,
        })
    }
}

/// The scenarios of a text.
fn scenarios(text: &str) -> Result<Vec<Scenario>, Fault> {
    let mut parser = Parser::default();
    let mut offset = 0;
    for (index, line) in text.split('\n').enumerate() {
        parser.line(index + 1, offset, line)?;
        offset += line.len() + 1;
    }
    parser.finish(text)
}

#[derive(Default)]
struct Parser {
    done: Vec<Scenario>,
    /// The scenario being read, once there is a statement of it.
    current: Option<Scenario>,
    /// What stood above the next statement.
    notes: Vec<Note>,
    /// The lines on which named scenarios begin.
    names: HashMap<String, usize>,
    last_with: Option<usize>,
}

impl Parser {
    fn line(&mut self, number: usize, offset: usize, line: &str) -> Result<(), Fault> {
        let trimmed = line.trim_matches([' ', '\t', '\r']);
        if trimmed.is_empty() {
            self.notes.push(Note::Blank);
            return Ok(());
        }
        if let Some(comment) = trimmed.strip_prefix('#') {
            self.notes.push(Note::comment(comment));
            return Ok(());
        }
        let start = offset + (line.len() - line.trim_start_matches([' ', '\t', '\r']).len());
        let statement = statement::parse(trimmed, start)?;
        let word = trimmed.find([' ', '\t']).unwrap_or(trimmed.len());
        self.statement(number, statement)
            .map_err(|(message, hint)| Fault {
                span: start..start + word,
                message,
                hint: Some(hint),
            })
    }

    /// Puts a statement where it belongs, if it may stand here.
    fn statement(&mut self, line: usize, statement: Statement) -> Result<(), Wrong> {
        if let Statement::Scenario(name) = statement {
            return self.begin(line, name);
        }
        let notes = self.take_notes();
        let scenario = self.current.get_or_insert_with(|| Scenario {
            line,
            ..Scenario::default()
        });
        match statement {
            Statement::Scenario(_) => {}
            Statement::Release(releases) => {
                once("release", scenario.releases_line)?;
                before("release", "`qemu`", scenario.launch_line)?;
                before("release", "`with`", self.last_with)?;
                before("release", "the first step", first_step(scenario))?;
                scenario.releases = releases;
                scenario.releases_line = Some(line);
                scenario.notes.extend(notes);
            }
            Statement::Qemu(launch) => {
                once("qemu", scenario.launch_line)?;
                before("qemu", "the first step", first_step(scenario))?;
                scenario.launch = launch;
                scenario.launch_line = Some(line);
                scenario.notes.extend(notes);
            }
            Statement::With(with) => {
                before("with", "the first step", first_step(scenario))?;
                excluded(&scenario.with, &with).map_or(Ok(()), Err)?;
                scenario.with.push(with);
                scenario.notes.extend(notes);
                self.last_with = Some(line);
            }
            Statement::Step { hold, action } => {
                after_exit(&scenario.steps)?;
                let mut notes = notes;
                if scenario.steps.is_empty() && !scenario.has_launch() {
                    // Nothing else is there to have the comments.
                    scenario.notes.append(&mut notes);
                }
                scenario.steps.push(Step {
                    line,
                    notes,
                    hold,
                    action,
                });
            }
        }
        Ok(())
    }

    /// `scenario NAME`
    fn begin(&mut self, line: usize, name: String) -> Result<(), Wrong> {
        let mut notes = core::mem::take(&mut self.notes);
        if let Some(mut before) = self.current.take() {
            if before.name.is_none() {
                return Err((
                    format!("line {} already began a scenario without a name", before.line),
                    "a file has one scenario without `scenario`, or each begins with `scenario NAME`"
                        .to_owned(),
                ));
            }
            // What is below the last blank line belongs to the scenario that begins here.
            if let Some(blank) = notes.iter().rposition(|note| *note == Note::Blank) {
                before.below = trimmed(notes.drain(..=blank));
            }
            self.done.push(before);
        }
        if let Some(first) = self.names.insert(name.clone(), line) {
            return Err(name_taken(&name, first));
        }
        self.last_with = None;
        self.current = Some(Scenario {
            name: Some(name),
            line,
            above: without_blanks_above(notes.into_iter()),
            ..Scenario::default()
        });
        Ok(())
    }

    /// What stood above a statement other than `scenario`. Blank lines above the first are nobody's.
    fn take_notes(&mut self) -> Vec<Note> {
        let notes = core::mem::take(&mut self.notes);
        if self.current.is_none() {
            without_blanks_above(notes.into_iter())
        } else {
            notes
        }
    }

    fn finish(mut self, text: &str) -> Result<Vec<Scenario>, Fault> {
        let Some(mut last) = self.current.take() else {
            return Err(Fault::new(text.len()..text.len(), "the file has no scenario")
                .hint("the shortest one is the line `qemu`"));
        };
        last.below = trimmed(self.notes.into_iter());
        self.done.push(last);
        Ok(self.done)
    }
}

fn without_blanks_above(notes: impl Iterator<Item = Note>) -> Vec<Note> {
    notes.skip_while(|note| *note == Note::Blank).collect()
}

/// Without the blank lines at both ends.
fn trimmed(notes: impl Iterator<Item = Note>) -> Vec<Note> {
    let mut notes = without_blanks_above(notes);
    while notes.pop_if(|note| *note == Note::Blank).is_some() {}
    notes
}

fn first_step(scenario: &Scenario) -> Option<usize> {
    scenario.steps.first().map(|step| step.line)
}

fn once(word: &str, line: Option<usize>) -> Result<(), Wrong> {
    match line {
        None => Ok(()),
        Some(line) => Err((
            format!("there is a `{word}` already, on line {line}"),
            format!("a scenario has one `{word}`; a new scenario begins with `scenario NAME`"),
        )),
    }
}

fn before(word: &str, other: &str, line: Option<usize>) -> Result<(), Wrong> {
    match line {
        None => Ok(()),
        Some(line) => Err((
            format!("`{word}` comes too late"),
            format!("`{word}` stands before {other}, which is on line {line}"),
        )),
    }
}

/// Whether what was said about the machine leaves no room for `with`.
pub(super) fn excluded(all: &[With], with: &With) -> Option<Wrong> {
    all.iter().any(|other| other.excludes(with)).then(|| {
        let message = format!("`with {}` is said already", with.thing());
        (message, "leave one of the two".to_owned())
    })
}

/// Another scenario of the file has the name.
pub(super) fn name_taken(name: &str, line: usize) -> Wrong {
    let message = format!("there is a scenario `{name}` already, on line {line}");
    (message, "every scenario of a file has its own name".to_owned())
}

/// Nothing happens to a QEMU that has ended.
pub(super) fn after_exit(steps: &[Step]) -> Result<(), Wrong> {
    match steps.last() {
        Some(Step {
            action: super::Action::Exit(_),
            line,
            ..
        }) => Err((
            "nothing happens to a QEMU that has ended".to_owned(),
            match line {
                0 => "`exit` is the last step of a scenario".to_owned(),
                line => format!(
                    "`exit` on line {line} is the last step; a new scenario begins with `scenario NAME`"
                ),
            },
        )),
        Some(_) | None => Ok(()),
    }
}
