//! What QEMU says on stderr about its command line.

use core::fmt;

/// One message about the command line, as `error_report()` and `warn_report()` print it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The words of the command line it is about, or `FILE:LINE` of a configuration file. Empty where QEMU names none.
    pub location: String,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in QEMU's words.
    pub message: String,
    /// Further lines, printed as they are.
    pub hint: String,
}

/// The kind of a [`Report`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// QEMU does not start, its exit status is 1.
    Error,
    /// QEMU goes on.
    Warning,
    /// QEMU goes on.
    Info,
}

impl Report {
    /// An error with this message, about nothing in particular.
    #[must_use]
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            location: String::new(),
            severity: Severity::Error,
            message: message.into(),
            hint: String::new(),
        }
    }

    /// A warning with this message, about nothing in particular.
    #[must_use]
    pub fn warning(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(message)
        }
    }

    /// The same, about these words of the command line.
    #[must_use]
    pub fn at(mut self, location: &str) -> Self {
        location.clone_into(&mut self.location);
        self
    }

    /// The same, with a hint on lines of its own.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// What stderr shows, each line ended: `PROGRAM: OPTION: MESSAGE`, or `PROGRAM:FILE:LINE: MESSAGE` (`print_loc()`,
    /// util/qemu-error.c).
    #[must_use]
    pub fn to_stderr(&self, program: &str) -> String {
        let in_file = !self.location.is_empty() && !self.location.starts_with('-');
        let space = if in_file { "" } else { " " };
        format!("{program}:{space}{self}\n")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.location.is_empty() {
            write!(f, "{}: ", self.location)?;
        }
        match self.severity {
            Severity::Error => {}
            Severity::Warning => f.write_str("warning: ")?,
            Severity::Info => f.write_str("info: ")?,
        }
        f.write_str(&self.message)?;
        if !self.hint.is_empty() {
            write!(f, "\n{}", self.hint)?;
        }
        Ok(())
    }
}

/// Why QEMU does not start: the error, and what was said before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadOptions {
    /// The warnings that came first.
    pub warnings: Vec<Report>,
    /// The error. QEMU exits with status 1.
    pub error: Report,
}

impl BadOptions {
    /// What stderr shows.
    #[must_use]
    pub fn to_stderr(&self, program: &str) -> String {
        self.warnings
            .iter()
            .chain([&self.error])
            .map(|report| report.to_stderr(program))
            .collect()
    }
}

impl fmt::Display for BadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl core::error::Error for BadOptions {}
