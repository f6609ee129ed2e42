//! Scenarios as text: what prints parses to the same.

use core::fmt::{self, Display, Write as _};

use runstate::{Guest, Host};
use runstate_qmp::Value;

use super::names::HOST;
use super::{Action, Exit, File, Note, Scenario, Step, With, payload, words};

/// The text of the file.
impl Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scenario) in self.scenarios.iter().enumerate() {
            if index > 0 {
                f.write_char('\n')?;
            }
            scenario.fmt(f)?;
        }
        Ok(())
    }
}

/// Its lines, each with its end.
impl Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        notes(&self.above, f)?;
        if let Some(name) = &self.name {
            writeln!(f, "scenario {name}")?;
        }
        notes(&self.notes, f)?;
        if !self.releases.is_all() {
            writeln!(f, "release {}", self.releases)?;
        }
        f.write_str("qemu")?;
        for argument in &self.launch {
            f.write_char(' ')?;
            words::quote(argument, f)?;
        }
        f.write_char('\n')?;
        for with in &self.with {
            writeln!(f, "with {with}")?;
        }
        for step in &self.steps {
            step.fmt(f)?;
        }
        if !self.below.is_empty() {
            f.write_char('\n')?;
            notes(&self.below, f)?;
        }
        Ok(())
    }
}

/// Its line, with what stands above it and with its end.
impl Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        notes(&self.notes, f)?;
        writeln!(f, "{}{}", self.action, if self.hold { " &" } else { "" })
    }
}

fn notes(notes: &[Note], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for note in notes {
        match note {
            Note::Blank => f.write_char('\n')?,
            Note::Comment(text) if text.is_empty() => f.write_str("#\n")?,
            Note::Comment(text) => writeln!(f, "# {text}")?,
        }
    }
    Ok(())
}

/// What stands behind `with`.
impl Display for With {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.thing())?;
        match self {
            Self::Disk => Ok(()),
            Self::IoErrors(errors) => write!(f, " {}", errors.name()),
            Self::Vcpus(number) => write!(f, " {number}"),
            Self::Snapshot { tag, status } => {
                f.write_char(' ')?;
                words::quote(tag, f)?;
                write!(f, " {{\"status\": \"{status}\"}}")
            }
            Self::CpusNotResettable => f.write_str(" not-resettable"),
            Self::WakeupOff | Self::NmiOff => f.write_str(" off"),
        }
    }
}

/// The statement, without ` &`.
impl Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(message) => write!(f, "-> {}", AsWritten(message)),
            Self::Expect(message) => write!(f, "<- {}", AsWritten(message)),
            Self::Guest { action, data } => {
                write!(f, "guest {}", action.name())?;
                if let Guest::DebugExit(code) = action {
                    write!(f, " {code}")?;
                }
                match data.clone().or_else(|| payload::data_of(*action)) {
                    None => Ok(()),
                    Some(data) => write!(f, " {}", AsWritten(&data)),
                }
            }
            Self::Host { action, signal } => {
                write!(f, "host {}", host_name(*action))?;
                if let Some(signal) = signal {
                    write!(f, " {}", signal.name())?;
                }
                if let Host::IncomingArrives(stream) = action {
                    write!(f, " {}", AsWritten(&payload::stream_data(*stream)))?;
                }
                Ok(())
            }
            Self::Wait(duration) => write!(f, "wait {duration}"),
            Self::Exit(exit) => write!(f, "exit {exit}"),
        }
    }
}

impl Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::Abort => f.write_str("abort"),
        }
    }
}

/// The name that scenarios give the action.
pub(super) fn host_name(action: Host) -> &'static str {
    let action = match action {
        Host::IncomingArrives(_) => Host::IncomingArrives(payload::STREAM),
        // It happens by itself, and no scenario says it.
        Host::MigrationSettles => return "migration settles",
        Host::Signal
        | Host::UiClose
        | Host::GdbAttach
        | Host::GdbInterrupt
        | Host::GdbContinue
        | Host::GdbDetach
        | Host::GdbKill
        | Host::MigrationConverges
        | Host::MigrationFails
        | Host::IncomingFails
        | Host::DumpCompletes
        | Host::JobCompletes => action,
    };
    HOST.iter()
        .find(|(_, host)| *host == action)
        .map(|(name, _)| *name)
        .expect("HOST has all that a scenario can say")
}

/// JSON on one line, members in the order in which they were written. QEMU's own order, which is that of a hash table,
/// is what a transcript of QEMU has been written in.
///
/// Unlike QEMU's printer it keeps what is a double a double, and text readable.
#[derive(Clone, Copy, Debug)]
pub struct AsWritten<'a>(pub &'a Value);

impl Display for AsWritten<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Uint(_) => self.0.fmt(f),
            Value::Double(value) if value.is_finite() => write!(f, "{value:?}"),
            // What QEMU reads as infinity. There is no text that it reads as not a number.
            Value::Double(value) if *value == f64::NEG_INFINITY => f.write_str("-1e999"),
            Value::Double(_) => f.write_str("1e999"),
            Value::String(text) => string(text, f),
            Value::Array(values) => {
                f.write_char('[')?;
                for (index, value) in values.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { ", " })?;
                    Self(value).fmt(f)?;
                }
                f.write_char(']')
            }
            Value::Object(object) => {
                f.write_char('{')?;
                for (index, (key, value)) in object.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { ", " })?;
                    string(key, f)?;
                    f.write_str(": ")?;
                    Self(value).fmt(f)?;
                }
                f.write_char('}')
            }
        }
    }
}

fn string(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for char in text.chars() {
        match char {
            '"' | '\\' => write!(f, "\\{char}")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            char if char.is_control() => write!(f, "\\u{:04x}", u32::from(char))?,
            char => f.write_char(char)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_printed_as_it_was_written() {
        for text in [
            r#"{"return": {}, "id": {"b": [1, -2.5, 1e300], "a": null}, "error": "é\"\\\n\r\t\u0000\u007f"}"#,
            "[1.0, 18446744073709551615, -9223372036854775808, 1e999, -1e999, true, [], -0.0]",
        ] {
            let value = Value::parse(text.as_bytes()).expect("it is JSON");
            assert_eq!(AsWritten(&value).to_string(), text);
        }
    }

    #[test]
    fn every_action_on_the_host_has_a_name() {
        assert!(HOST.iter().all(|(name, host)| host_name(*host) == *name));
        assert_eq!(HOST.len() + 1, 14, "all but the one that happens by itself");
    }
}
