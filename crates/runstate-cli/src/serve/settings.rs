//! The stand-in's own settings, which QEMU's command line has no words for.
//!
//! They come from the program's name (`qemu-system-runstate-7.2`), from the environment, and from the option
//! `-runstate KEY=VALUE,..`, which may be repeated; what comes later wins.
//!
//! | key | environment | meaning |
//! | --- | --- | --- |
//! | `release` | `RUNSTATE_RELEASE` | the release to be: `7.2`, `10.0` |
//! | `profile` | `RUNSTATE_PROFILE` | answers recorded by `runstate profile record`; absent: a file beside the program, `PROGRAM.profile.gz` or `PROGRAM.profile` |
//! | `fault` | `RUNSTATE_FAULTS` | misbehaviour, several joined by `+`: `late-reply:250+second-shutdown` |
//! | `scenario` | `RUNSTATE_SCENARIO` | a scenario that is played to the VM |
//! | `mode` | `RUNSTATE_MODE` | `run`, `single-step` or `wedge` |
//! | `control` | `RUNSTATE_CONTROL` | a control socket |
//! | `allow-remote` | `RUNSTATE_ALLOW_REMOTE` | `on`: TCP beyond this host |
//! | `agent` | `RUNSTATE_AGENT` | `off`: the guest has no agent, even where it has the port `org.qemu.guest_agent.0` |
//! | `show-ignored` | `RUNSTATE_SHOW_IGNORED` | `on`: say on stderr which options change nothing |

use std::path::{Path, PathBuf};

use runstate::Release;
use runstate_monitor::faults::Fault;

use super::open::Openness;
use super::player::Mode;

/// The stand-in's own settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OwnSettings {
    pub(crate) release: Option<Release>,
    pub(crate) profile: Option<PathBuf>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) scenario: Option<PathBuf>,
    pub(crate) mode: Mode,
    pub(crate) control: Option<String>,
    pub(crate) openness: Openness,
    pub(crate) no_agent: bool,
    pub(crate) show_ignored: bool,
}

/// The keys, with the variables of the environment.
const KEYS: &[(&str, &str)] = &[
    ("release", "RUNSTATE_RELEASE"),
    ("profile", "RUNSTATE_PROFILE"),
    ("fault", "RUNSTATE_FAULTS"),
    ("scenario", "RUNSTATE_SCENARIO"),
    ("mode", "RUNSTATE_MODE"),
    ("control", "RUNSTATE_CONTROL"),
    ("allow-remote", "RUNSTATE_ALLOW_REMOTE"),
    ("agent", "RUNSTATE_AGENT"),
    ("show-ignored", "RUNSTATE_SHOW_IGNORED"),
];

impl OwnSettings {
    /// Takes the own options out of a command line, whose first word is the program.
    pub(crate) fn take(
        arguments: &mut Vec<String>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let mut settings = Self::default();
        let program = arguments.first().cloned().unwrap_or_default();
        settings.release = release_of_name(&program);
        for (key, variable) in KEYS {
            if let Some(value) = environment(variable).filter(|value| !value.is_empty()) {
                settings
                    .set(key, &value)
                    .map_err(|why| format!("{variable}={value}: {why}"))?;
            }
        }
        while let Some(at) = arguments
            .iter()
            .skip(1)
            .position(|word| matches!(word.as_str(), "-runstate" | "--runstate"))
        {
            let at = at + 1;
            if at + 1 >= arguments.len() {
                return Err("-runstate: requires an argument".to_owned());
            }
            let text = arguments.remove(at + 1);
            arguments.remove(at);
            for pair in text.split(',') {
                let (key, value) = pair.split_once('=').unwrap_or((pair, "on"));
                settings
                    .set(key, value)
                    .map_err(|why| format!("-runstate {text}: {why}"))?;
            }
        }
        if settings.profile.is_none() {
            settings.profile = profile_beside(&program);
        }
        Ok(settings)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "release" => {
                self.release = Some(Release::from_name(value).ok_or_else(|| no_release(value))?);
            }
            "profile" => self.profile = Some(PathBuf::from(value)),
            "fault" => {
                for fault in value.split('+') {
                    self.faults
                        .push(fault.parse::<Fault>().map_err(|error| error.to_string())?);
                }
            }
            "scenario" => self.scenario = Some(PathBuf::from(value)),
            "mode" => {
                let modes: Vec<_> = Mode::ALL.iter().map(|(_, name)| *name).collect();
                self.mode = Mode::from_name(value)
                    .ok_or_else(|| format!("there is no mode '{value}'; there are {}", modes.join(", ")))?;
            }
            "control" => self.control = Some(value.to_owned()),
            "allow-remote" => {
                self.openness = if on_or_off(value)? {
                    Openness::Anybody
                } else {
                    Openness::Loopback
                };
            }
            "agent" => self.no_agent = !on_or_off(value)?,
            "show-ignored" => self.show_ignored = on_or_off(value)?,
            _ => {
                let keys: Vec<_> = KEYS.iter().map(|(key, _)| *key).collect();
                return Err(format!(
                    "there is no setting '{key}'; there are {}",
                    keys.join(", ")
                ));
            }
        }
        Ok(())
    }
}

/// What is said of a release that is not modelled.
#[must_use]
pub fn no_release(name: &str) -> String {
    let known: Vec<_> = Release::WITH_POINTS
        .iter()
        .map(|release| release.name())
        .collect();
    format!("there is no release '{name}'; there are {}", known.join(", "))
}

fn on_or_off(value: &str) -> Result<bool, String> {
    match value {
        "on" | "1" | "yes" | "true" => Ok(true),
        "off" | "0" | "no" | "false" => Ok(false),
        _ => Err(format!("'{value}' is neither on nor off")),
    }
}

/// `qemu-system-runstate-7.2` is a 7.2.
fn release_of_name(program: &str) -> Option<Release> {
    let name = Path::new(program).file_name()?.to_str()?;
    Release::from_name(name.rsplit_once('-')?.1)
}

fn profile_beside(program: &str) -> Option<PathBuf> {
    let candidates = ["profile.gz", "profile"].map(|suffix| PathBuf::from(format!("{program}.{suffix}")));
    candidates.into_iter().find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(line: &str, environment: &[(&str, &str)]) -> Result<(OwnSettings, Vec<String>), String> {
        let mut arguments: Vec<_> = line.split(' ').map(str::to_owned).collect();
        let look = |name: &str| {
            environment
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        let settings = OwnSettings::take(&mut arguments, &look)?;
        Ok((settings, arguments))
    }

    #[test]
    fn the_name_decides_and_the_option_overrides() {
        let release =
            |line: &str, environment: &[(&str, &str)]| take(line, environment).expect("valid").0.release;
        assert_eq!(
            release("/usr/bin/qemu-system-runstate-7.2 -S", &[]),
            Some(Release::V7_2)
        );
        assert_eq!(release("qemu-system-x86_64", &[]), None);
        assert_eq!(
            release("qemu-9.0", &[("RUNSTATE_RELEASE", "8.2")]),
            Some(Release::V8_2)
        );
        assert_eq!(
            release("qemu-9.0 -runstate release=6.0", &[("RUNSTATE_RELEASE", "8.2")]),
            Some(Release::V6_0)
        );
    }

    #[test]
    fn own_options_are_taken_out() {
        let (settings, rest) = take(
            "qemu -S -runstate fault=coalesce+late-reply:5,mode=wedge -no-reboot",
            &[],
        )
        .expect("valid");
        assert_eq!(rest, ["qemu", "-S", "-no-reboot"]);
        assert_eq!(settings.faults, [Fault::Coalesce, Fault::LateReply(5)]);
        assert_eq!(settings.mode, Mode::Wedge);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, why) in [
            ("q -runstate", "requires an argument"),
            ("q -runstate x=y", "there is no setting 'x'"),
            ("q -runstate release=5.2", "there is no release '5.2'"),
            ("q -runstate fault=nope", "there is no fault 'nope'"),
            ("q -runstate allow-remote=maybe", "neither on nor off"),
        ] {
            let error = take(line, &[]).expect_err("wrong");
            assert!(error.contains(why), "{error}");
        }
        let error = take("q", &[("RUNSTATE_MODE", "x")]).expect_err("wrong");
        assert!(error.starts_with("RUNSTATE_MODE=x: there is no mode"), "{error}");
    }
}
