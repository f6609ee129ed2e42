//! What commands read and print through.

use core::fmt::{self, Display};
use std::io::{self, BufWriter, IsTerminal as _, Read as _, Write};
use std::path::Path;

use runstate_monitor::scenario;

use crate::exit::Outcome;

/// What a command comes to: how it ended, or why it could not go on.
pub type CommandResult = Result<Outcome, Trouble>;

/// Why a command cannot go on.
#[derive(Debug)]
pub enum Trouble {
    /// Something is wrong, and perhaps this helps.
    Wrong {
        /// What is wrong; may have several lines.
        message: String,
        /// What would be right.
        hint: Option<String>,
    },
    /// Whoever read stdout has closed it. Nothing is wrong.
    ClosedPipe,
}

impl Trouble {
    /// Something is wrong.
    pub fn new(message: impl Display) -> Self {
        Self::Wrong {
            message: message.to_string(),
            hint: None,
        }
    }

    /// The same, and this may help.
    #[must_use]
    pub fn hint(self, hint: impl Display) -> Self {
        match self {
            Self::Wrong { message, .. } => Self::Wrong {
                message,
                hint: Some(hint.to_string()),
            },
            Self::ClosedPipe => Self::ClosedPipe,
        }
    }

    /// A file that cannot be read or written.
    #[must_use]
    pub fn file(what: &str, path: &Path, error: &io::Error) -> Self {
        Self::new(format_args!("cannot {what} {}: {}", path.display(), Plain(error)))
    }
}

/// What writing to stdout comes to.
impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ClosedPipe
        } else {
            Self::new(format_args!("cannot write to standard output: {}", Plain(&error)))
        }
    }
}

/// An error of the operating system without its number.
struct Plain<'a>(&'a io::Error);

impl Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        f.write_str(text.split(" (os error").next().unwrap_or(&text))
    }
}

/// Where a command prints: what was asked for on stdout, which is buffered, and all else on stderr.
#[derive(Debug)]
pub struct Ui {
    out: BufWriter<io::Stdout>,
}

impl Default for Ui {
    fn default() -> Self {
        Self::new()
    }
}

impl Ui {
    /// On this process's streams.
    #[must_use]
    pub fn new() -> Self {
        Self {
            out: BufWriter::new(io::stdout()),
        }
    }

    /// Standard output.
    pub const fn out(&mut self) -> &mut impl Write {
        &mut self.out
    }

    /// Prints `Error: ..` and perhaps `Hint: ..` to stderr, after what was printed to stdout.
    pub fn error(&mut self, message: impl Display, hint: Option<&str>) {
        self.tell(anstyle::AnsiColor::Red, "Error", &message);
        if let Some(hint) = hint {
            self.tell(anstyle::AnsiColor::Cyan, "Hint", &hint);
        }
    }

    /// Prints what is wrong with a scenario.
    pub fn scenario_error(&mut self, error: &scenario::Error) {
        let text = error.to_string();
        match error
            .hint()
            .and_then(|hint| text.strip_suffix(&format!("\nHint: {hint}")))
        {
            Some(plain) => self.error(plain, error.hint()),
            None => self.error(text, None),
        }
    }

    /// Prints `Difference: ..` to stderr.
    pub fn difference(&mut self, message: impl Display) {
        self.tell(anstyle::AnsiColor::Red, "Difference", &message);
    }

    /// Prints `Warning: ..` to stderr.
    pub fn warning(&mut self, message: impl Display) {
        self.tell(anstyle::AnsiColor::Yellow, "Warning", &message);
    }

    /// Prints a line to stderr.
    pub fn note(&mut self, message: impl Display) {
        self.flush();
        // With stderr closed there is nobody to tell.
        let _ = writeln!(anstream::stderr(), "{message}");
    }

    /// Whether a person watches stderr.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Reads a file, or standard input where it is called `-`.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, Trouble> {
        if path == Path::new("-") {
            let mut bytes = Vec::new();
            io::stdin()
                .read_to_end(&mut bytes)
                .map_err(|error| Trouble::file("read", Path::new(name_of(path).as_str()), &error))?;
            return Ok(bytes);
        }
        std::fs::read(path).map_err(|error| Trouble::file("read", path, &error))
    }

    /// Ends a command: tells what went wrong.
    #[must_use]
    pub fn finish(mut self, result: CommandResult) -> Outcome {
        let flushed = self.out.flush().map_err(Trouble::from);
        let outcome = result.and_then(|outcome| flushed.map(|()| outcome));
        match outcome {
            Ok(outcome) => outcome,
            Err(Trouble::ClosedPipe) => {
                // What is still buffered would be tried again.
                let (_, _) = self.out.into_parts();
                Outcome::ClosedPipe
            }
            Err(Trouble::Wrong { message, hint }) => {
                self.error(message, hint.as_deref());
                Outcome::Trouble
            }
        }
    }

    fn tell(&mut self, color: anstyle::AnsiColor, word: &str, message: &dyn Display) {
        self.flush();
        let style = color.on_default().bold();
        let _ = writeln!(anstream::stderr(), "{style}{word}:{style:#} {message}");
    }

    /// So that stderr comes after stdout where both are one terminal. A failure shows again at the end.
    fn flush(&mut self) {
        let _ = self.out.flush();
    }
}

/// How messages call a file.
#[must_use]
pub fn name_of(path: &Path) -> String {
    if path == Path::new("-") {
        "<stdin>".to_owned()
    } else {
        path.display().to_string()
    }
}
