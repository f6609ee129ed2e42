//! `runstate oracle`

use std::io::{BufRead, Write as _};

use runstate::Release;
use runstate_monitor::{
    machine::End,
    scenario::{File, Scenario, run::Player},
};
use serde_json::{Value, json};

use crate::exit::Outcome;
use crate::ui::{CommandResult, Trouble, Ui};

/// Answer what QEMU would do, line by line, for property tests in any language
///
/// Each line of standard input is an object of the scenario format's JSON; each gets one line on standard output.
///
/// `{"release": "10.0", "qemu": ["-no-shutdown"]}` launches a QEMU, a new one each time. `{"send": {"execute": "stop"}}`,
/// `{"guest": "panic"}`, `{"host": "signal"}` and `{"wait": "1s"}` happen to it.
///
/// The answer: `messages`, what QEMU sends, as it prints it but for the timestamps; `state`, the run state; `exit`, once QEMU
/// has ended, its status or "abort". `{"impossible": "..", "line": N}` is the answer to what cannot happen now, `{"error": "..",
/// "line": N}` to a line that says nothing or is longer than a megabyte; both change nothing, and N counts the lines from 1.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// How long a line may be, in bytes.
const LONGEST: usize = 1 << 20;

/// Runs the command.
///
/// # Errors
///
/// Standard input cannot be read.
pub fn run(_: &Args, ui: &mut Ui) -> CommandResult {
    let mut oracle = Oracle { player: None };
    let mut input = std::io::stdin().lock();
    let mut line = Vec::new();
    for number in 1_u64.. {
        let whole = match read_line(&mut input, &mut line) {
            Ok(Some(whole)) => whole,
            Ok(None) => break,
            Err(error) => return Err(Trouble::new(format_args!("cannot read standard input: {error}"))),
        };
        if line.trim_ascii().is_empty() {
            continue;
        }
        let answer = if whole {
            oracle.line(&line)
        } else {
            Err(Nothing::Error(format!("longer than {LONGEST} bytes")))
        };
        writeln!(
            ui.out(),
            "{}",
            answer.unwrap_or_else(|nothing| nothing.answer(number))
        )?;
        // Whoever asks waits for the answer.
        ui.out().flush()?;
    }
    Ok(Outcome::AsExpected)
}

/// Reads a line without its end; whether it is whole. What is too long is left out, and `None` is the end of the input.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<Option<bool>> {
    line.clear();
    let (mut any, mut whole) = (false, true);
    loop {
        let more = input.fill_buf()?;
        if more.is_empty() {
            return Ok(any.then_some(whole));
        }
        any = true;
        let end = memchr::memchr(b'\n', more);
        let part = &more[..end.unwrap_or(more.len())];
        whole &= line.len() + part.len() <= LONGEST;
        if whole {
            line.extend_from_slice(part);
        }
        let used = part.len() + usize::from(end.is_some());
        input.consume(used);
        if end.is_some() {
            return Ok(Some(whole));
        }
    }
}

/// Why a line changes nothing.
#[derive(Debug)]
enum Nothing {
    /// It cannot happen now.
    Impossible(String),
    /// It says nothing.
    Error(String),
}

impl Nothing {
    fn answer(self, line: u64) -> Value {
        match self {
            Self::Impossible(why) => json!({ "impossible": why, "line": line }),
            Self::Error(what) => json!({ "error": what, "line": line }),
        }
    }
}

impl From<&str> for Nothing {
    fn from(what: &str) -> Self {
        Self::Error(what.to_owned())
    }
}

struct Oracle {
    player: Option<Player>,
}

impl Oracle {
    fn line(&mut self, line: &[u8]) -> Result<Value, Nothing> {
        let value: Value =
            serde_json::from_slice(line).map_err(|error| Nothing::Error(format!("no JSON: {error}")))?;
        let Some(object) = value.as_object() else {
            return Err(Nothing::Error(format!(
                "{value} is no object; as in {{\"guest\": \"panic\"}}"
            )));
        };
        if object.contains_key("steps") {
            return Err("one step a line, and no 'steps'".into());
        }
        if ["release", "qemu", "with"]
            .iter()
            .any(|member| object.contains_key(*member))
        {
            let scenario = parse(&value)?;
            self.player = Some(Player::new(&scenario, scenario.releases.nearest()));
            return Ok(self.answer());
        }
        let scenario = parse(&json!({ "steps": [value] }))?;
        let Some(step) = scenario.steps.first() else {
            return Err("a line needs 'send', 'guest', 'host' or 'wait', or launches with 'qemu'".into());
        };
        if step.action.is_expectation() {
            return Err("what is expected is for the asker to compare".into());
        }
        let player = self
            .player
            .get_or_insert_with(|| Player::new(&Scenario::default(), Release::DEFAULT));
        match player.perform(step) {
            Ok(()) => Ok(self.answer()),
            Err(impossible) => Err(Nothing::Impossible(impossible.words().to_string())),
        }
    }

    fn answer(&mut self) -> Value {
        let Some(player) = &mut self.player else {
            return Value::Null;
        };
        let mut messages = Vec::new();
        while let Some(message) = player.poll() {
            let mut message: Value = serde_json::from_str(&message).unwrap_or(Value::String(message));
            if let Some(object) = message.as_object_mut() {
                object.remove("timestamp");
            }
            messages.push(message);
        }
        let exit = match player.end() {
            None => Value::Null,
            Some(End::Exit(status)) => status.0.into(),
            Some(End::Abort { .. }) => "abort".into(),
        };
        let state = player.machine().map(|machine| machine.vm().run_state().name());
        json!({ "messages": messages, "state": state, "exit": exit })
    }
}

fn parse(document: &Value) -> Result<Scenario, Nothing> {
    let file = File::parse("line", document.to_string().as_bytes()).map_err(|error| {
        // Where it stands would be a place in a document that nobody wrote.
        let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
        Nothing::Error(format!("{}{hint}", error.message()))
    })?;
    file.scenarios
        .into_iter()
        .next()
        .ok_or_else(|| "says nothing".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(oracle: &mut Oracle, line: &str) -> Value {
        oracle
            .line(line.as_bytes())
            .unwrap_or_else(|nothing| nothing.answer(1))
    }

    #[test]
    fn a_conversation() {
        let mut oracle = Oracle { player: None };
        let started = ask(&mut oracle, r#"{"release": "10.0", "qemu": ["-no-shutdown"]}"#);
        assert_eq!(
            started,
            json!({ "messages": [], "state": "running", "exit": null })
        );
        let down = ask(&mut oracle, r#"{"guest": "shutdown"}"#);
        assert_eq!(down["state"], "shutdown");
        assert_eq!(down["messages"][1], json!({ "event": "STOP" }));
        let asleep = ask(&mut oracle, r#"{"guest": "suspend"}"#);
        assert!(asleep["impossible"].is_string(), "{asleep}");
        let quit = ask(&mut oracle, r#"{"send": {"execute": "quit"}}"#);
        assert_eq!(quit["exit"], 0);
        let again = ask(&mut oracle, r#"{"release": "7.2", "qemu": []}"#);
        assert_eq!(again["state"], "running");
    }

    #[test]
    fn rubbish_is_answered() {
        let mut oracle = Oracle { player: None };
        for line in [
            "",
            "7",
            "{",
            "{}",
            r#"{"guest": "pannic"}"#,
            r#"{"steps": []}"#,
            r#"{"exit": 0}"#,
        ] {
            let answer = ask(&mut oracle, line);
            assert!(answer["error"].is_string(), "{line}: {answer}");
        }
    }

    #[test]
    fn lines_are_read_whole_or_left_out() {
        let long = vec![b'x'; LONGEST + 1];
        let exact = vec![b'y'; LONGEST];
        let text = [b"a\n\n", &long[..], b"\n", &exact[..], b"\nb"].concat();
        // A reader that gives little at a time.
        let mut input = std::io::BufReader::with_capacity(7, &text[..]);
        let mut line = Vec::new();
        let mut next = || {
            let whole = read_line(&mut input, &mut line).expect("memory can be read");
            whole.map(|whole| (whole, line.clone()))
        };
        assert_eq!(next(), Some((true, b"a".to_vec())));
        assert_eq!(next(), Some((true, Vec::new())));
        let (whole, kept) = next().expect("there is more");
        assert!(!whole && kept.len() <= LONGEST);
        assert_eq!(next(), Some((true, exact)));
        assert_eq!(next(), Some((true, b"b".to_vec())), "a last line without an end");
        assert_eq!(next(), None);
    }
}
