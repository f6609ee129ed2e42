//! [`ReleaseRange`]: the releases for which a scenario holds.

use core::fmt;

use runstate::Release;

/// A range of releases, both ends included: `7.2`, `9.0..`, `..8.2`, `6.0..8.2`. All of them by default.
///
/// A release means its latest stable point release, so `7.2` does not hold 7.2.0, while `7.1..` holds both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ReleaseRange {
    first: Option<Release>,
    last: Option<Release>,
}

/// Why text is not a range of releases.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RangeError {
    /// There is no such release.
    UnknownRelease {
        /// Where it begins in the text, in bytes.
        at: usize,
        /// What stands there.
        name: String,
    },
    /// It ends before it begins.
    Backwards(Release, Release),
    /// Neither end is named.
    Open,
}

impl ReleaseRange {
    /// All releases.
    pub const ALL: Self = Self {
        first: None,
        last: None,
    };

    /// From `first` to `last`, where named, both included. `None` if that is backwards.
    #[must_use]
    pub fn new(first: Option<Release>, last: Option<Release>) -> Option<Self> {
        let backwards = matches!((first, last), (Some(first), Some(last)) if first > last);
        (!backwards).then_some(Self { first, last })
    }

    /// Only this release.
    #[must_use]
    pub const fn only(release: Release) -> Self {
        Self {
            first: Some(release),
            last: Some(release),
        }
    }

    /// Whether it is all releases.
    #[must_use]
    pub fn is_all(self) -> bool {
        self == Self::ALL
    }

    /// Whether the expectations hold for `release`.
    #[must_use]
    pub fn contains(self, release: Release) -> bool {
        self.first.is_none_or(|first| first <= release) && self.last.is_none_or(|last| release <= last)
    }

    /// The release to run on where none is asked for: the default one if it is in the range, else the nearest to it.
    #[must_use]
    pub fn nearest(self) -> Release {
        let first = self.first.unwrap_or(Release::FIRST);
        let last = self.last.unwrap_or(Release::LAST);
        Release::DEFAULT.clamp(first, last.max(first))
    }
}

impl core::str::FromStr for ReleaseRange {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let release = |at: usize, name: &str| {
            Release::from_name(name).ok_or_else(|| RangeError::UnknownRelease {
                at,
                name: name.to_owned(),
            })
        };
        let Some((first, last)) = text.split_once("..") else {
            return release(0, text).map(Self::only);
        };
        let end = |at: usize, name: &str| {
            if name.is_empty() {
                Ok(None)
            } else {
                release(at, name).map(Some)
            }
        };
        let last = end(first.len() + "..".len(), last)?;
        match (end(0, first)?, last) {
            (None, None) => Err(RangeError::Open),
            (Some(first), Some(last)) if first > last => Err(RangeError::Backwards(first, last)),
            (first, last) => Ok(Self { first, last }),
        }
    }
}

/// `all` for all of them; otherwise what parses again.
impl fmt::Display for ReleaseRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first, self.last) {
            (None, None) => f.write_str("all"),
            (Some(first), Some(last)) if first == last => write!(f, "{first}"),
            (first, last) => {
                let name = |end: Option<Release>| end.map_or("", Release::name);
                write!(f, "{}..{}", name(first), name(last))
            }
        }
    }
}

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownRelease { name, .. } if name.is_empty() => f.write_str("no release is named"),
            Self::UnknownRelease { name, .. } => write!(f, "there is no release `{name}` here"),
            Self::Backwards(first, last) => {
                write!(f, "the range ends before it begins: {first} is after {last}")
            }
            Self::Open => f.write_str("neither end of the range is named"),
        }
    }
}

impl core::error::Error for RangeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_they_name() {
        for (text, inside, outside) in [
            ("7.2", "7.2.22", "7.2.0"),
            ("7.2.0", "7.2.8", "7.2"),
            ("9.0..", "11.0", "8.2"),
            ("..8.2", "7.2.0", "9.0"),
            ("6.0..8.2", "7.2.0", "9.0"),
        ] {
            let range: ReleaseRange = text.parse().expect("a range");
            let contains = |name| range.contains(Release::from_name(name).expect("a release"));
            assert!(contains(inside) && !contains(outside), "{text}");
            assert_eq!(range.to_string(), text);
        }
        assert!(
            Release::WITH_POINTS
                .iter()
                .all(|release| ReleaseRange::ALL.contains(*release))
        );
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for (text, words) in [
            ("", "no release is named"),
            ("9", "there is no release `9` here"),
            ("9.0..=10.0", "there is no release `=10.0` here"),
            ("9.0...10.0", "there is no release `.10.0` here"),
            ("10.0..9.0", "the range ends before it begins: 10.0 is after 9.0"),
            ("..", "neither end of the range is named"),
        ] {
            let error = text.parse::<ReleaseRange>().expect_err("no range");
            assert_eq!(error.to_string(), words, "{text}");
        }
    }

    #[test]
    fn the_nearest_release_is_in_the_range() {
        for (text, nearest) in [
            ("7.2", "7.2"),
            ("..8.2", "8.2"),
            ("10.1..", "10.1"),
            ("6.0..", "10.0"),
        ] {
            let range: ReleaseRange = text.parse().expect("a range");
            assert_eq!(range.nearest().name(), nearest);
        }
        assert_eq!(ReleaseRange::ALL.nearest(), Release::DEFAULT);
    }
}
