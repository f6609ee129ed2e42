//! What an installed QEMU answered: everything that clients ask beyond run states.
//!
//! libvirt asks a few hundred questions before it starts a domain: machine types, CPU models, the schema, properties of
//! devices. `runstate profile record` asks them all of a QEMU and keeps the answers; the stand-in gives them again.
//! The file is one JSON object:
//!
//! ```json
//! {"profile": 1, "answers": [{"execute": "query-target", "return": {"arch": "x86_64"}},
//!  {"execute": "qom-get", "arguments": {"path": "/machine", "property": "type"}, "return": "pc-machine"}]}
//! ```

mod questions;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use runstate::Release;
use runstate_qmp::{Error, ErrorClass, Layout, Object, Value, Version, object};

pub use questions::{Question, domain, followed_by, probe};

/// The version of the format that this crate writes and reads.
const FORMAT: i64 = 1;

/// What is answered where nothing was recorded: the machines, devices and CPU models that the stand-in has something to do
/// with, and what libvirt insists on. `RELEASE` stands for the release in the names of machine types.
const SMALL: &str = include_str!("../data/small.profile");

/// A profile that is read when it is first asked for.
pub type LazyProfile = LazyLock<Profile, Box<dyn FnOnce() -> Profile + Send + Sync>>;

/// The project's own small profile, for where nothing was recorded: enough for libvirt to start a domain.
#[must_use]
pub fn small(release: Release) -> Arc<LazyProfile> {
    Arc::new(LazyLock::new(Box::new(move || Profile::small(release))))
}

/// Recorded answers, by command and arguments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    answers: BTreeMap<String, BTreeMap<String, Result<Value, Error>>>,
}

/// Why a profile cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileError(String);

impl core::fmt::Display for ProfileError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for ProfileError {}

impl Profile {
    /// A profile without answers.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            answers: BTreeMap::new(),
        }
    }

    /// The project's own small profile.
    fn small(release: Release) -> Self {
        let (major, minor, _) = release.version();
        let text = SMALL.replace("RELEASE", &format!("{major}.{minor}"));
        Self::parse(text.as_bytes()).expect("it is part of the source, and tested")
    }

    /// Reads a profile.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, and where.
    pub fn parse(text: &[u8]) -> Result<Self, ProfileError> {
        let document = Value::parse(text).map_err(|error| ProfileError(error.to_string()))?;
        match document.get("profile").and_then(Value::as_i64) {
            Some(FORMAT) => {}
            Some(other) => {
                return Err(ProfileError(format!(
                    "this is a profile of format {other}, not {FORMAT}"
                )));
            }
            None => {
                return Err(ProfileError(
                    "this is no profile: the member 'profile' is missing".to_owned(),
                ));
            }
        }
        let answers = document.get("answers").and_then(Value::as_array);
        let answers = answers.ok_or_else(|| ProfileError("the member 'answers' is no array".to_owned()))?;
        let mut profile = Self::new();
        for (index, answer) in answers.iter().enumerate() {
            profile
                .take(answer)
                .map_err(|why| ProfileError(format!("answer {index}: {why}")))?;
        }
        Ok(profile)
    }

    fn take(&mut self, answer: &Value) -> Result<(), String> {
        let command = answer
            .get("execute")
            .and_then(Value::as_str)
            .ok_or("the member 'execute' is no string")?;
        let none = Object::new();
        let arguments = answer.get("arguments").map_or(Some(&none), Value::as_object);
        let arguments = arguments.ok_or("the member 'arguments' is no object")?;
        let reply = match (answer.get("return"), answer.get("error")) {
            (Some(value), None) => Ok(value.clone()),
            (None, Some(error)) => Err(read_error(error).ok_or("the member 'error' is no QMP error")?),
            _ => return Err("it has to have either 'return' or 'error'".to_owned()),
        };
        self.insert(command, arguments, reply);
        Ok(())
    }

    /// Keeps an answer; a later one to the same question takes its place.
    pub fn insert(&mut self, command: &str, arguments: &Object, reply: Result<Value, Error>) {
        self.answers
            .entry(command.to_owned())
            .or_default()
            .insert(canonical(arguments), reply);
    }

    /// The answer to a question, if it was asked.
    #[must_use]
    pub fn answer(&self, command: &str, arguments: &Object) -> Option<&Result<Value, Error>> {
        self.answers.get(command)?.get(&canonical(arguments))
    }

    /// What a command without arguments returned.
    #[must_use]
    pub fn returned(&self, command: &str) -> Option<&Value> {
        self.answer(command, &Object::new())?.as_ref().ok()
    }

    /// Whether the command was asked at all.
    #[must_use]
    pub fn knows(&self, command: &str) -> bool {
        self.answers.contains_key(command)
    }

    /// The commands that were asked, and how many answers there are to each.
    pub fn commands(&self) -> impl Iterator<Item = (&str, usize)> {
        self.answers
            .iter()
            .map(|(command, answers)| (command.as_str(), answers.len()))
    }

    /// The version in the first line of a profile, which can be read without the rest.
    #[must_use]
    pub fn version_of_first_line(line: &str) -> Option<Version> {
        let head = line.trim_end().strip_suffix('[')?;
        let head = Value::parse(format!("{head}[]}}").as_bytes()).ok()?;
        let version = head.get("version")?;
        let number = |key: &str| u32::try_from(version.get("qemu")?.get(key)?.as_u64()?).ok();
        let package = version
            .get("package")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let (major, minor, micro) = (number("major")?, number("minor")?, number("micro")?);
        Some(Version {
            major,
            minor,
            micro,
            package: package.into(),
        })
    }

    /// How many answers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.answers.values().map(BTreeMap::len).sum()
    }

    /// Whether there is no answer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// The profile as text, an answer a line.
    #[must_use]
    pub fn print(&self) -> String {
        let version = self
            .returned("query-version")
            .map(|version| version.print(Layout::Compact));
        let version = version.map_or_else(String::new, |version| format!("\"version\": {version}, "));
        let mut text = format!("{{\"profile\": {FORMAT}, {version}\"answers\": [");
        let answers = self.answers.iter().flat_map(|(command, answers)| {
            answers
                .iter()
                .map(move |(arguments, reply)| (command, arguments, reply))
        });
        for (index, (command, arguments, reply)) in answers.enumerate() {
            let mut answer = object! { "execute": command.as_str() };
            if arguments != "{}" {
                let arguments = Value::parse(arguments.as_bytes()).expect("it was printed from a value");
                answer.insert("arguments", arguments);
            }
            match reply {
                Ok(value) => answer.insert("return", value.clone()),
                Err(error) => answer.insert("error", error.to_object()),
            };
            text.push_str(if index == 0 { "\n" } else { ",\n" });
            text.push_str(&Value::from(answer).print(Layout::Compact));
        }
        text.push_str("\n]}\n");
        text
    }
}

fn read_error(error: &Value) -> Option<Error> {
    let class = ErrorClass::from_name(error.get("class")?.as_str()?)?;
    Some(Error::new(class, error.get("desc")?.as_str()?))
}

/// Arguments in a form that does not depend on the order of their members.
fn canonical(arguments: &Object) -> String {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(object) => {
                let mut members: Vec<_> = object.iter().collect();
                members.sort_by_key(|(key, _)| *key);
                members
                    .into_iter()
                    .fold(Object::new(), |object, (key, value)| {
                        object.with(key, sorted(value))
                    })
                    .into()
            }
            Value::Array(array) => Value::Array(array.iter().map(sorted).collect()),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Uint(_)
            | Value::Double(_)
            | Value::String(_) => value.clone(),
        }
    }
    sorted(&Value::Object(arguments.clone())).print(Layout::Compact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_it_prints() {
        let mut profile = Profile::new();
        profile.insert(
            "query-target",
            &Object::new(),
            Ok(object! { "arch": "x86_64" }.into()),
        );
        let arguments = object! { "path": "/nope", "property": "x" };
        let error = Error::new(ErrorClass::DeviceNotFound, "Device '/nope' not found");
        profile.insert("qom-get", &arguments, Err(error.clone()));
        let read = Profile::parse(profile.print().as_bytes()).expect("it was printed");
        assert_eq!(read, profile);
        let other_order = object! { "property": "x", "path": "/nope" };
        assert_eq!(read.answer("qom-get", &other_order), Some(&Err(error)));
    }

    #[test]
    fn the_small_profile_names_machines_by_release() {
        for release in Release::WITH_POINTS {
            let profile = Profile::small(*release);
            let (major, minor, _) = release.version();
            let machines = profile.returned("query-machines").and_then(Value::as_array);
            let names = machines
                .into_iter()
                .flatten()
                .filter_map(|machine| machine.get("name")?.as_str());
            let expected = ["pc-i440fx", "pc-q35"].map(|board| format!("{board}-{major}.{minor}"));
            assert!(names.skip(1).eq(&expected), "{release:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, why) in [
            ("{", "premature"),
            ("{}", "this is no profile"),
            (r#"{"profile": 2}"#, "format 2"),
            (
                r#"{"profile": 1, "answers": [{}]}"#,
                "answer 0: the member 'execute'",
            ),
            (
                r#"{"profile": 1, "answers": [{"execute": "x"}]}"#,
                "either 'return' or 'error'",
            ),
        ] {
            let error = Profile::parse(text.as_bytes())
                .expect_err("no profile")
                .to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
