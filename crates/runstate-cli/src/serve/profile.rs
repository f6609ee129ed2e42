//! Profiles as files: text, or gzip.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use runstate_monitor::profile::{Profile, ProfileError};
use runstate_qmp::Version;

/// Reads a profile.
///
/// # Errors
///
/// The file cannot be read, or is none.
pub fn read(path: &Path) -> io::Result<Profile> {
    let mut text = Vec::new();
    open(path)?.read_to_end(&mut text)?;
    Profile::parse(&text).map_err(|error: ProfileError| io::Error::other(error.to_string()))
}

/// The version that a profile greets with: its first line has it, so that the rest need not be read.
///
/// # Errors
///
/// The file cannot be read, or is none.
pub fn version(path: &Path) -> io::Result<Version> {
    let mut line = String::new();
    BufReader::new(open(path)?).take(4096).read_line(&mut line)?;
    Profile::version_of_first_line(&line)
        .ok_or_else(|| io::Error::other("this is no profile: its first line has no version"))
}

/// Writes a profile; compressed if the name ends in `.gz`.
///
/// # Errors
///
/// The file cannot be written.
pub fn write(path: &Path, profile: &Profile) -> io::Result<()> {
    let text = profile.print();
    if path.extension().is_some_and(|extension| extension == "gz") {
        let mut encoder = GzEncoder::new(File::create(path)?, Compression::best());
        encoder.write_all(text.as_bytes())?;
        encoder.finish()?.sync_all()
    } else {
        std::fs::write(path, text)
    }
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let mut file = BufReader::new(File::open(path)?);
    if file.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(GzDecoder::new(file)));
    }
    Ok(Box::new(file))
}
