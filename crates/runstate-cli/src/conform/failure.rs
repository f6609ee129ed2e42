//! What goes wrong between us and a QEMU.

use core::fmt;
use std::process::ExitStatus;

/// Why a scenario was not driven to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No device of this QEMU does what the scenario asks for; the reason.
    Undrivable(String),
    /// QEMU is missing, died, hangs, refuses an option, or speaks otherwise than expected.
    Qemu {
        /// What happened, while doing what.
        what: String,
        /// What QEMU wrote on its standard error.
        stderr: String,
    },
    /// QEMU ended before it spoke, usually because it refuses an option.
    Refused {
        /// How it ended.
        status: ExitStatus,
        /// What it wrote on its standard error.
        stderr: String,
    },
    /// A signal told us to stop.
    Interrupted,
}

impl Failure {
    /// Trouble with QEMU before there is any output of it.
    pub fn qemu(what: impl Into<String>) -> Self {
        Self::Qemu {
            what: what.into(),
            stderr: String::new(),
        }
    }

    /// Why a scenario is undrivable; anything else in words.
    #[must_use]
    pub fn reason(self) -> String {
        match self {
            Self::Undrivable(reason) => reason,
            Self::Qemu { .. } | Self::Refused { .. } | Self::Interrupted => self.to_string(),
        }
    }

    /// The same failure, with what QEMU wrote on its standard error.
    #[must_use]
    pub fn with_stderr(self, text: &str) -> Self {
        match self {
            Self::Qemu { what, .. } => Self::Qemu {
                what,
                stderr: text.trim_end().to_owned(),
            },
            Self::Refused { status, .. } => Self::Refused {
                status,
                stderr: text.trim_end().to_owned(),
            },
            Self::Undrivable(_) | Self::Interrupted => self,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stderr = match self {
            Self::Undrivable(reason) => return write!(f, "cannot be driven: {reason}"),
            Self::Interrupted => return write!(f, "interrupted"),
            Self::Qemu { what, stderr } => {
                write!(f, "{what}")?;
                stderr
            }
            Self::Refused { status, stderr } => {
                write!(f, "QEMU did not start: {status}")?;
                stderr
            }
        };
        if !stderr.is_empty() {
            write!(f, "; its standard error:")?;
        }
        for line in stderr.lines() {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}

impl core::error::Error for Failure {}
