//! Which files are meant.

use std::path::{Path, PathBuf};

use crate::ui::Trouble;

/// The files, and those in the folders that are named.
pub(super) fn collect(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Trouble> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        folder(path, &mut files)?;
        files[before..].sort();
        if files.len() == before {
            return Err(Trouble::new(format_args!(
                "there is no *.qmp in {}",
                path.display()
            )));
        }
    }
    Ok(files)
}

/// All scenarios in the folder and the folders in it. Links to folders are not followed, so this ends.
fn folder(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Trouble> {
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let trouble = |error| Trouble::file("read", &folder, &error);
        for entry in folder.read_dir().map_err(trouble)? {
            let entry = entry.map_err(trouble)?;
            let path = entry.path();
            if entry.file_type().map_err(trouble)?.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "qmp") {
                files.push(path);
            }
        }
    }
    Ok(())
}
