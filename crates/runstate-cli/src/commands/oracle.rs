//! `runstate oracle`

use std::io::{BufRead as _, Write as _};

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
/// has ended, its status or "abort". `{"impossible": ".."}` is the answer to what cannot happen now, `{"error": ".."}` to a line
/// that says nothing; both change nothing.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
///
/// # Errors
///
/// Standard input cannot be read.
pub fn run(_: &Args, ui: &mut Ui) -> CommandResult {
    let mut oracle = Oracle { player: None };
    let mut line = Vec::new();
    let mut input = std::io::stdin().lock();
    loop {
        line.clear();
        let read = input.read_until(b'\n', &mut line);
        if read.map_err(|error| Trouble::new(format_args!("cannot read standard input: {error}")))? == 0 {
            return Ok(Outcome::AsExpected);
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let answer = oracle
            .line(&line)
            .unwrap_or_else(|error| json!({ "error": error }));
        writeln!(ui.out(), "{answer}")?;
        // Whoever asks waits for the answer.
        ui.out().flush()?;
    }
}

struct Oracle {
    player: Option<Player>,
}

impl Oracle {
    fn line(&mut self, line: &[u8]) -> Result<Value, String> {
        let value: Value = serde_json::from_slice(line).map_err(|error| format!("no JSON: {error}"))?;
        let Some(object) = value.as_object() else {
            return Err(format!("{value} is no object; as in {{\"guest\": \"panic\"}}"));
        };
        if object.contains_key("steps") {
            return Err("one step a line, and no 'steps'".to_owned());
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
        if self.player.is_none() {
            self.player = Some(Player::new(&Scenario::default(), Release::DEFAULT));
        }
        let (Some(player), Some(step)) = (&mut self.player, scenario.steps.first()) else {
            return Err("a line needs 'send', 'guest', 'host' or 'wait', or launches with 'qemu'".to_owned());
        };
        if step.action.is_expectation() {
            return Err("what is expected is for the asker to compare".to_owned());
        }
        match player.perform(step) {
            Ok(()) => Ok(self.answer()),
            Err(impossible) => Ok(json!({ "impossible": impossible.words() })),
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

fn parse(document: &Value) -> Result<Scenario, String> {
    let file = File::parse("line", document.to_string().as_bytes()).map_err(|error| error.to_string())?;
    file.scenarios
        .into_iter()
        .next()
        .ok_or_else(|| "says nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(oracle: &mut Oracle, line: &str) -> Value {
        oracle
            .line(line.as_bytes())
            .unwrap_or_else(|error| json!({ "error": error }))
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
}
