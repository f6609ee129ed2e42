//! One statement from one line.

use core::num::NonZeroU16;
use core::ops::Range;

use runstate::{Guest, Host};
use runstate_qmp::Value;

use super::error::Fault;
use super::names::{self, HOST, shortened};
use super::shape::{Misshapen, Shaped};
use super::{Action, Exit, IoErrors, RangeError, ReleaseRange, With, locate, payload, suggest, words};

/// What a line says.
pub(super) enum Statement {
    Scenario(String),
    Release(ReleaseRange),
    Qemu(Vec<String>),
    With(With),
    Step { hold: bool, action: Action },
}

/// The first words of statements.
const STATEMENTS: &[&str] = &[
    "scenario", "release", "qemu", "with", "->", "<-", "guest", "host", "wait", "exit",
];

/// A piece of a line, and where it begins in the text.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    pub(super) start: usize,
}

impl<'a> Piece<'a> {
    /// A whole text.
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, start: 0 }
    }

    fn span(self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// The first word, and what follows it.
    fn word(self) -> (Self, Self) {
        let end = self.text.find([' ', '\t']).unwrap_or(self.text.len());
        self.split(end)
    }

    /// What stands before byte `at` and what stands behind, without blanks around that.
    fn split(self, at: usize) -> (Self, Self) {
        let (first, rest) = self.text.split_at(at);
        let trimmed = rest.trim_start_matches([' ', '\t']);
        let rest = Self {
            text: trimmed,
            start: self.start + at + (rest.len() - trimmed.len()),
        };
        (Self { text: first, ..self }, rest)
    }

    /// A place behind the piece.
    fn end(self) -> Range<usize> {
        let end = self.start + self.text.len();
        end..end
    }

    fn fault(self, message: impl Into<String>) -> Fault {
        let span = if self.text.is_empty() {
            self.end()
        } else {
            self.span()
        };
        Fault::new(span, message)
    }

    /// Nothing may stand here.
    fn nothing(self, after: &str) -> Result<(), Fault> {
        if self.text.is_empty() {
            return Ok(());
        }
        Err(self.fault(format!("nothing stands behind {after}")))
    }
}

/// The statement of a line, which is not blank, not a comment, and begins at `start`.
pub(super) fn parse(text: &str, start: usize) -> Result<Statement, Fault> {
    let line = Piece { text, start };
    let (word, rest) = match text.get(..2) {
        Some("->" | "<-") => line.split(2),
        Some(_) | None => line.word(),
    };
    match word.text {
        "scenario" => scenario(rest).map(Statement::Scenario),
        "release" => release(rest).map(Statement::Release),
        "qemu" => qemu(rest).map(Statement::Qemu),
        "with" => with(rest).map(Statement::With),
        "->" | "<-" | "guest" | "host" | "wait" | "exit" => step(word, rest),
        other => {
            let hint = match other.as_bytes()[0] {
                b'{' | b'[' => {
                    "a message begins with `->` where the host sends it, with `<-` where QEMU does".to_owned()
                }
                b'/' | b';' => "a comment begins with `#`".to_owned(),
                _ => suggest::hint(other, STATEMENTS),
            };
            Err(word
                .fault(format!("no statement begins with `{}`", shortened(other)))
                .hint(hint))
        }
    }
}

fn scenario(name: Piece<'_>) -> Result<String, Fault> {
    if name.text.is_empty() {
        return Err(name
            .fault("the scenario has no name")
            .hint("write `scenario NAME`"));
    }
    plain_text(name)?;
    Ok(name.text.to_owned())
}

/// A name is printed in messages, so it has no control characters.
fn plain_text(name: Piece<'_>) -> Result<(), Fault> {
    match name.text.char_indices().find(|(_, char)| char.is_control()) {
        None => Ok(()),
        Some((at, char)) => {
            let at = name.start + at;
            Err(Fault::new(
                at..at + char.len_utf8(),
                format!("a name has no control characters, as U+{:04X}", u32::from(char)),
            ))
        }
    }
}

fn release(range: Piece<'_>) -> Result<ReleaseRange, Fault> {
    range.text.parse().map_err(|error: RangeError| {
        let mut fault = range
            .fault(names::range_error(&error))
            .hint(names::range_hint(&error));
        if let RangeError::UnknownRelease { at, name } = error
            && !name.is_empty()
        {
            fault.span = range.start + at..range.start + at + name.len();
        }
        fault
    })
}

fn qemu(options: Piece<'_>) -> Result<Vec<String>, Fault> {
    if let Some(at) = options.text.find('\0') {
        let at = options.start + at;
        return Err(Fault::new(at..at + 1, "an argument has no U+0000"));
    }
    let words = words::split(options.text, options.start)?;
    if let Some(word) = words.iter().find(|word| word.plain && word.text == "&") {
        return Err(
            Fault::new(word.span.clone(), "a launch cannot be held back").hint(
                "` &` stands behind what happens: `->`, `guest` and `host`; an argument `&` is written '&'",
            ),
        );
    }
    Ok(words.into_iter().map(|word| word.text).collect())
}

/// What stands behind `with`.
pub(super) fn with(thing: Piece<'_>) -> Result<With, Fault> {
    let (word, rest) = thing.word();
    let with = match word.text {
        "disk" => {
            rest.nothing("`with disk`")?;
            With::Disk
        }
        "io-errors" => choose(
            rest,
            "io-errors",
            &[("once", IoErrors::Once), ("always", IoErrors::Always)],
        )
        .map(With::IoErrors)?,
        "vcpus" => With::Vcpus(vcpus(rest)?),
        "snapshot" => return snapshot(rest),
        "cpus" => choose(rest, "cpus", &[("not-resettable", With::CpusNotResettable)])?,
        "wakeup" => choose(rest, "wakeup", &[("off", With::WakeupOff)])?,
        "nmi" => choose(rest, "nmi", &[("off", With::NmiOff)])?,
        "" => return Err(word.fault("`with` what?").hint(suggest::hint("", With::THINGS))),
        other => {
            return Err(word
                .fault(format!("a machine has no `{}`", shortened(other)))
                .hint(suggest::hint(other, With::THINGS)));
        }
    };
    Ok(with)
}

fn choose<T: Clone>(word: Piece<'_>, what: &str, choices: &[(&str, T)]) -> Result<T, Fault> {
    match choices.iter().find(|(name, _)| *name == word.text) {
        Some((_, choice)) => Ok(choice.clone()),
        None => {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let message = if word.text.is_empty() {
                format!("`{what}` needs a word")
            } else {
                format!("`{what}` is not `{}`", shortened(word.text))
            };
            Err(word.fault(message).hint(suggest::hint(word.text, &names)))
        }
    }
}

fn vcpus(number: Piece<'_>) -> Result<NonZeroU16, Fault> {
    number.text.parse().map_err(|_| {
        number
            .fault("`vcpus` needs a number from 1 to 65535")
            .hint("write `with vcpus 1`")
    })
}

fn snapshot(rest: Piece<'_>) -> Result<With, Fault> {
    let Some(tag) = words::first(rest.text, rest.start)?.filter(|tag| !tag.text.is_empty()) else {
        return Err(rest
            .fault("the snapshot has no name")
            .hint("write `with snapshot TAG {\"status\": \"running\"}`"));
    };
    let (name, data) = rest.split(tag.span.end - rest.start);
    plain_text(Piece {
        text: &tag.text,
        ..name
    })
    .map_err(|fault| Fault {
        span: name.span(),
        ..fault
    })?;
    let status = if data.text.is_empty() {
        runstate::RunState::Running
    } else {
        let (value, piece) = json(data)?;
        shaped(piece, payload::snapshot(&value))?
    };
    Ok(With::Snapshot {
        tag: tag.text,
        status,
    })
}

/// A step: `word` is one of those that begin one.
fn step(word: Piece<'_>, rest: Piece<'_>) -> Result<Statement, Fault> {
    let (rest, hold) = held(word, rest)?;
    let action = match word.text {
        "->" => Action::Send(json(rest)?.0),
        "<-" => Action::Expect(expectation(rest)?),
        "guest" => guest(rest)?,
        "host" => host(rest)?,
        "wait" => wait(rest)?,
        _ => exit(rest)?,
    };
    Ok(Statement::Step { hold, action })
}

/// Takes the ` &` from the end.
fn held<'a>(word: Piece<'_>, rest: Piece<'a>) -> Result<(Piece<'a>, bool), Fault> {
    let Some(without) = rest.text.strip_suffix('&') else {
        return Ok((rest, false));
    };
    let mark = rest.start + without.len();
    if matches!(word.text, "<-" | "wait" | "exit") {
        return Err(
            Fault::new(mark..mark + 1, format!("`{}` cannot be held back", word.text))
                .hint("` &` stands behind what happens: `->`, `guest` and `host`"),
        );
    }
    let trimmed = without.trim_end_matches([' ', '\t']);
    if trimmed.len() == without.len() && !without.is_empty() {
        return Err(Fault::new(mark..mark + 1, "a blank stands before `&`").hint("write ` &`"));
    }
    Ok((
        Piece {
            text: trimmed,
            ..rest
        },
        true,
    ))
}

/// The JSON that a piece must be.
pub(super) fn json(piece: Piece<'_>) -> Result<(Value, Piece<'_>), Fault> {
    if piece.text.is_empty() {
        return Err(piece.fault("JSON is missing here"));
    }
    Value::parse(piece.text.as_bytes())
        .map(|value| (value, piece))
        .map_err(|error| not_json(piece, &error))
}

/// QEMU's words where they say enough, at the character that they are about.
pub(super) fn not_json(piece: Piece<'_>, error: &runstate_qmp::ParseError) -> Fault {
    let words = match error.words() {
        "JSON parse error, premature EOI" => "it ends too early",
        "Expecting at most one JSON value" => "something stands behind the value",
        words => words.strip_prefix("JSON parse error, ").unwrap_or(words),
    };
    let at = piece.start + error.offset();
    let fault = Fault::new(at..at + 1, format!("this is not JSON: {}", shortened(words)));
    if error.offset() >= piece.text.len() {
        return fault.hint("a statement ends with its line");
    }
    fault
}

/// A misshapen part of the JSON in `piece`.
fn shaped<T>(piece: Piece<'_>, result: Shaped<T>) -> Result<T, Fault> {
    result.map_err(|misshapen| locate::fault(piece.text, piece.start, misshapen))
}

fn expectation(piece: Piece<'_>) -> Result<Value, Fault> {
    let (value, piece) = json(piece)?;
    shaped(piece, message(&value))?;
    Ok(value)
}

/// What QEMU sends is one of four kinds of objects.
pub(super) fn message(value: &Value) -> Shaped<()> {
    const KINDS: &[&str] = &["event", "return", "error", "QMP"];
    const ALL: &[&str] = &["event", "data", "timestamp", "return", "error", "id", "QMP"];

    let object = super::shape::object(value, "a message of QEMU's", ALL)?;
    match KINDS.iter().filter(|kind| object.contains_key(kind)).count() {
        1 => Ok(()),
        0 => Err(Misshapen::new("this is no message of QEMU's")
            .hint("it has a member `event`, `return` or `error`")),
        _ => Err(Misshapen::new("this is several messages in one")
            .hint("it has one of `event`, `return` and `error`")),
    }
}

fn guest(rest: Piece<'_>) -> Result<Action, Fault> {
    let (name, rest) = rest.word();
    let action = names::guest_action(name.text).map_err(|(message, hint)| name.fault(message).hint(hint))?;
    if let Guest::DebugExit(_) = action {
        let code = code(rest)?;
        return Ok(Action::Guest {
            action: Guest::DebugExit(code),
            data: None,
        });
    }
    if rest.text.is_empty() {
        return Ok(Action::Guest { action, data: None });
    }
    if !names::takes_data(action) {
        rest.nothing(&format!("`guest {}`", name.text))?;
    }
    let (value, piece) = json(rest)?;
    let action = shaped(piece, names::guest_with(action, &value))?;
    Ok(Action::Guest {
        action,
        data: Some(value),
    })
}

/// The value that the guest writes to isa-debug-exit, decimal or `0x..`.
fn code(word: Piece<'_>) -> Result<u8, Fault> {
    let parsed = match word.text.strip_prefix("0x") {
        Some(digits) if !digits.starts_with('+') => u8::from_str_radix(digits, 16),
        Some(_) | None => word.text.parse(),
    };
    parsed
        .ok()
        .filter(|_| !word.text.starts_with('+'))
        .ok_or_else(|| {
            word.fault("`debug-exit` needs the value that the guest writes, from 0 to 255")
                .hint("write `guest debug-exit 3`; QEMU's status is twice that and one more")
        })
}

fn host(rest: Piece<'_>) -> Result<Action, Fault> {
    let (first, after) = rest.word();
    let names: Vec<&str> = HOST.iter().map(|(name, _)| *name).collect();
    let two_words = names
        .iter()
        .any(|name| name.split(' ').next() == Some(first.text) && name.contains(' '));
    let (name, after) = if two_words && !after.text.is_empty() {
        let (second, _) = after.word();
        rest.split(second.start + second.text.len() - rest.start)
    } else {
        (first, after)
    };
    let action = names::host_action(name.text).map_err(|(message, hint)| name.fault(message).hint(hint))?;
    match action {
        Host::Signal => Ok(Action::Host {
            action,
            signal: (!after.text.is_empty())
                .then(|| names::signal_named(after.text))
                .transpose()
                .map_err(|(message, hint)| after.fault(message).hint(hint))?,
        }),
        Host::IncomingArrives(_) if !after.text.is_empty() => {
            let (value, piece) = json(after)?;
            shaped(piece, payload::stream(&value)).map(|stream| Action::host(Host::IncomingArrives(stream)))
        }
        Host::UiClose
        | Host::GdbAttach
        | Host::GdbInterrupt
        | Host::GdbContinue
        | Host::GdbDetach
        | Host::GdbKill
        | Host::MigrationConverges
        | Host::MigrationFails
        | Host::MigrationSettles
        | Host::IncomingArrives(_)
        | Host::IncomingFails
        | Host::DumpCompletes
        | Host::JobCompletes => {
            after.nothing(&format!("`host {}`", name.text))?;
            Ok(Action::host(action))
        }
    }
}

fn wait(duration: Piece<'_>) -> Result<Action, Fault> {
    names::duration_in(duration.text)
        .map(Action::Wait)
        .map_err(|(message, hint)| duration.fault(message).hint(hint))
}

fn exit(status: Piece<'_>) -> Result<Action, Fault> {
    if status.text == "abort" {
        return Ok(Action::Exit(Exit::Abort));
    }
    let parsed = status.text.parse().ok().filter(|_| !status.text.starts_with('+'));
    parsed
        .map(|status| Action::Exit(Exit::Status(status)))
        .ok_or_else(|| {
            status
                .fault("`exit` needs a status from 0 to 255, or `abort`")
                .hint("write `exit 0`, or `exit abort`")
        })
}
