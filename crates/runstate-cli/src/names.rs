//! What people type: releases, actions, and what they may have meant.

use std::io::IsTerminal as _;

use runstate::{PanicAction, RebootAction, Release, SetAction, ShutdownAction, WatchdogAction};

/// What `--release` says: a list that is not empty.
#[derive(Clone, Debug)]
pub(crate) struct Releases(pub(crate) Vec<Release>);

/// What may have been meant: the nearest name, or where the names are.
pub(crate) fn suggestion<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> String {
    let near =
        |name: &str| strsim::normalized_damerau_levenshtein(text, name.rsplit(' ').next().unwrap_or(name));
    let best = names.max_by(|a, b| near(a).total_cmp(&near(b)));
    match best.filter(|name| near(name) > 0.5) {
        Some(name) => format!("did you mean '{name}'? `runstate explain --list` has all names"),
        None => "`runstate explain --list` has all names".to_owned(),
    }
}

/// As wide as the terminal says it is; otherwise a width that most have.
pub(crate) fn width() -> usize {
    let columns = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    let usual = if std::io::stdout().is_terminal() { 120 } else { 132 };
    columns.unwrap_or(usual).max(60)
}

/// A release by its name.
pub(crate) fn release(name: &str) -> Result<Release, String> {
    Release::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = Release::WITH_POINTS
            .iter()
            .map(|release| release.name())
            .collect();
        format!("no release '{name}'; there are {}", known.join(", "))
    })
}

/// `10.0`, `9.0..`, `..8.2`, `7.2..8.2`.
pub(crate) fn releases(text: &str) -> Result<Releases, String> {
    let one = release;
    let (from, to) = match text.split_once("..") {
        None => (one(text)?, one(text)?),
        Some((from, to)) => (
            if from.is_empty() {
                Release::FIRST
            } else {
                one(from)?
            },
            if to.is_empty() { Release::LAST } else { one(to)? },
        ),
    };
    let within: Vec<Release> = Release::WITH_POINTS
        .iter()
        .copied()
        .filter(|release| (from..=to).contains(release))
        .collect();
    if within.is_empty() {
        return Err(format!("{from} is later than {to}"));
    }
    Ok(Releases(within))
}

/// Releases in words: `6.0 to 8.2, 9.1`. They come oldest first, as they do in the list they are taken from; what is next to each
/// other there is one range.
pub(crate) fn in_words(releases: impl IntoIterator<Item = Release>, among: &[Release]) -> String {
    let follows = |one, next| among.windows(2).any(|pair| pair == [one, next]);
    let mut runs: Vec<(Release, Release)> = Vec::new();
    for release in releases {
        match runs.last_mut() {
            Some((_, last)) if follows(*last, release) => *last = release,
            Some(_) | None => runs.push((release, release)),
        }
    }
    let words = runs.into_iter().map(|(first, last)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first} to {last}")
        }
    });
    words.collect::<Vec<_>>().join(", ")
}

/// `panic=pause,shutdown=poweroff`, as `-action` takes it.
pub(crate) fn actions(text: &str) -> Result<SetAction, String> {
    let mut set = SetAction::default();
    for pair in text.split(',') {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(format!("'{pair}' has no '='; as in panic=pause"));
        };
        let wrong = |error: runstate::UnknownName| format!("{key}={value}: {error}");
        match key {
            "reboot" => set.reboot = Some(value.parse::<RebootAction>().map_err(wrong)?),
            "shutdown" => set.shutdown = Some(value.parse::<ShutdownAction>().map_err(wrong)?),
            "panic" => set.panic = Some(value.parse::<PanicAction>().map_err(wrong)?),
            "watchdog" => set.watchdog = Some(value.parse::<WatchdogAction>().map_err(wrong)?),
            _ => {
                return Err(format!(
                    "no action '{key}'; there are reboot, shutdown, panic, watchdog"
                ));
            }
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_as_scenarios_write_them() {
        let count = |text: &str| releases(text).map(|Releases(all)| all.len());
        assert_eq!(count("10.0"), Ok(1));
        assert_eq!(count(".."), Ok(Release::WITH_POINTS.len()));
        assert_eq!(count("9.0.."), Ok(11));
        assert_eq!(count("..6.1"), Ok(2));
        let reversed = releases("10.0..9.0").map(|Releases(all)| all);
        assert_eq!(reversed, Err("10.0 is later than 9.0".to_owned()));
        assert!(releases("12.0").is_err_and(|error| error.contains("there are 6.0, ")));
    }

    #[test]
    fn actions_are_read_as_qemu_writes_them() {
        let set = actions("panic=pause,reboot=shutdown").expect("both are there");
        assert_eq!(set.panic, Some(PanicAction::Pause));
        assert_eq!(set.reboot, Some(RebootAction::Shutdown));
        assert!(actions("panic=stop").is_err_and(|error| error.contains("expected one of pause")));
        assert!(actions("panik=pause").is_err_and(|error| error.starts_with("no action 'panik'")));
        assert!(actions("panic").is_err_and(|error| error.contains("has no '='")));
    }
}
