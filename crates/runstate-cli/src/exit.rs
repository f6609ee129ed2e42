//! What exit statuses mean.

use std::process::ExitCode;

/// How a command ended.
///
/// A bug is none of these: a panic ends with Rust's 101, so that status 1 always means a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 0: all is as it was expected to be.
    AsExpected,
    /// 1: something differs from what was expected.
    Differs,
    /// 2: the command line is wrong, or something cannot be read or written.
    Trouble,
    /// 141: whoever read stdout has closed it, as `head` does. What a shell says of a program that SIGPIPE ended.
    ClosedPipe,
}

impl Outcome {
    /// The process's exit status.
    #[must_use]
    pub const fn status(self) -> u8 {
        match self {
            Self::AsExpected => 0,
            Self::Differs => 1,
            Self::Trouble => 2,
            Self::ClosedPipe => 128 + 13,
        }
    }

    /// The worse of two: trouble above a difference.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if other.status() > self.status() {
            other
        } else {
            self
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome.status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_difference_is_1() {
        /// What Rust's runtime ends with when the main thread panics.
        const PANIC: u8 = 101;
        let statuses = [
            Outcome::AsExpected,
            Outcome::Differs,
            Outcome::Trouble,
            Outcome::ClosedPipe,
        ]
        .map(Outcome::status);
        assert_eq!(statuses, [0, 1, 2, 141]);
        assert!(!statuses.contains(&PANIC));
        assert_eq!(Outcome::Differs.and(Outcome::Trouble), Outcome::Trouble);
    }
}
