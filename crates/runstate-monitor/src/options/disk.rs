//! Disks: what matters is whether snapshots fit in them.

use super::device;
use super::keyval::{self, Pairs, Syntax};
use super::report::Report;

/// A disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// The format named, or the file's suffix where none is.
    pub format: String,
    /// The image file, if one is named.
    pub file: Option<String>,
    /// Its name: `id`, `node-name` or the one that QEMU makes up.
    pub name: String,
    /// Writes are refused.
    pub read_only: bool,
}

const BLOCKDEV: Syntax = Syntax {
    implied: Some("driver"),
    keys: &[],
};

/// The disk of `-drive`, or of a section of a configuration file, unless it holds no state of the VM.
pub(crate) fn from_pairs(pairs: &Pairs) -> Option<Disk> {
    if pairs.get("media") == Some("cdrom") || matches!(pairs.get("if"), Some("pflash" | "floppy")) {
        return None;
    }
    let file = pairs.get("file").map(str::to_owned);
    let format = pairs
        .get("format")
        .map_or_else(|| suffix(file.as_deref().unwrap_or_default()), str::to_owned);
    let read_only = pairs.is_on("readonly", false) || pairs.is_on("read-only", false);
    let name = pairs
        .id
        .clone()
        .or_else(|| pairs.get("node-name").map(str::to_owned))
        .unwrap_or_default();
    Some(Disk {
        format,
        file,
        name,
        read_only,
    })
}

/// `-blockdev`, in either spelling. Only format nodes count: a protocol node lies below one.
pub(crate) fn from_blockdev(text: &str, warnings: &mut Vec<Report>) -> Result<Option<Disk>, Report> {
    let list = if text.starts_with('{') {
        let device = device::parse(text, warnings)?;
        let mut list = device.properties;
        list.push(("driver".to_owned(), device.driver));
        list
    } else {
        keyval::parse(text, BLOCKDEV, warnings)?.list
    };
    let pairs = Pairs { id: None, list };
    let Some(driver) = pairs.get("driver") else {
        return Err(Report::error("Parameter 'driver' is missing"));
    };
    if !matches!(
        driver,
        "qcow2" | "raw" | "qed" | "vmdk" | "vdi" | "vpc" | "vhdx" | "luks"
    ) {
        return Ok(None);
    }
    Ok(Some(Disk {
        format: driver.to_owned(),
        file: pairs.get("file.filename").map(str::to_owned),
        name: pairs.get("node-name").unwrap_or_default().to_owned(),
        read_only: pairs.is_on("read-only", false),
    }))
}

/// The format that a file's name suggests; QEMU looks into the file instead.
pub(crate) fn suffix(file: &str) -> String {
    match file.rsplit_once('.') {
        Some((_, "qcow2")) => "qcow2".to_owned(),
        _ => "raw".to_owned(),
    }
}
