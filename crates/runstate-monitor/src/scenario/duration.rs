//! [`Nanoseconds`]: how far the clock advances.

use core::fmt;

/// A duration in nanoseconds: `250ms`, `1s`, `2.5s`, `10us`, `1ns`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanoseconds(pub u64);

/// Why text is not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DurationError {
    /// It does not begin with a number.
    NoNumber,
    /// It has no unit, or one that is not known.
    NoUnit,
    /// It is finer than a nanosecond.
    TooFine,
    /// It is longer than 2^64 nanoseconds, which is 584 years.
    TooLong,
}

impl Nanoseconds {
    /// The units, longest first, with their nanoseconds.
    const UNITS: [(&'static str, u64); 4] =
        [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];
}

impl core::str::FromStr for Nanoseconds {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let end = text
            .bytes()
            .position(|byte| !byte.is_ascii_digit() && byte != b'.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let (whole, fraction) = match number.split_once('.') {
            None => (number, ""),
            Some((_, "")) => return Err(DurationError::NoNumber),
            Some(parts) => parts,
        };
        if whole.is_empty() || fraction.contains('.') {
            return Err(DurationError::NoNumber);
        }
        let (_, scale) = Self::UNITS
            .into_iter()
            .find(|(name, _)| *name == unit)
            .ok_or(DurationError::NoUnit)?;
        let whole: u64 = whole.parse().map_err(|_| DurationError::TooLong)?;
        let mut total = whole.checked_mul(scale).ok_or(DurationError::TooLong)?;
        let mut place = scale;
        for digit in fraction.bytes() {
            let digit = u64::from(digit - b'0');
            if !place.is_multiple_of(10) {
                if digit != 0 {
                    return Err(DurationError::TooFine);
                }
                continue;
            }
            place /= 10;
            total = total.checked_add(digit * place).ok_or(DurationError::TooLong)?;
        }
        Ok(Self(total))
    }
}

/// A whole number of the longest unit that fits.
impl fmt::Display for Nanoseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, scale) = Self::UNITS
            .into_iter()
            .find(|(_, scale)| self.0.is_multiple_of(*scale))
            .expect("every number is a multiple of 1");
        write!(f, "{}{unit}", self.0 / scale)
    }
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoNumber => "a duration begins with a decimal number",
            Self::NoUnit => "a duration ends with its unit",
            Self::TooFine => "a duration is no finer than a nanosecond",
            Self::TooLong => "a duration is no longer than 584 years",
        })
    }
}

impl core::error::Error for DurationError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_parse_and_print() {
        for (text, nanoseconds, printed) in [
            ("250ms", 250_000_000, "250ms"),
            ("1s", 1_000_000_000, "1s"),
            ("2.5s", 2_500_000_000, "2500ms"),
            ("0.000000001s", 1, "1ns"),
            ("1.0000000000s", 1_000_000_000, "1s"),
            ("1.0ns", 1, "1ns"),
            ("10us", 10_000, "10us"),
            ("0ms", 0, "0s"),
            ("18446744073.709551615s", u64::MAX, "18446744073709551615ns"),
        ] {
            let duration: Nanoseconds = text.parse().expect("a duration");
            assert_eq!((duration.0, &*duration.to_string()), (nanoseconds, printed));
            assert_eq!(printed.parse(), Ok(duration));
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for (text, error) in [
            ("", DurationError::NoNumber),
            ("ms", DurationError::NoNumber),
            ("-1s", DurationError::NoNumber),
            (".5s", DurationError::NoNumber),
            ("1.s", DurationError::NoNumber),
            ("1.2.3s", DurationError::NoNumber),
            ("1", DurationError::NoUnit),
            ("1 s", DurationError::NoUnit),
            ("1min", DurationError::NoUnit),
            ("1.5ns", DurationError::TooFine),
            ("0.0000000001s", DurationError::TooFine),
            ("18446744073.709551616s", DurationError::TooLong),
            ("99999999999999999999s", DurationError::TooLong),
        ] {
            assert_eq!(text.parse::<Nanoseconds>(), Err(error), "{text}");
        }
    }
}
