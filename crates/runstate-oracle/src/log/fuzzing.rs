//! The body of the fuzz target `log`.

use super::{Heard, Reader};

/// Reads the input as a log, whole and in two portions: it must not panic, and both must say the same.
///
/// The first byte chooses the format, the second the place of the cut.
///
/// # Panics
///
/// If they do not.
pub fn log(input: &[u8]) {
    let Some((&[format, cut], log)) = input.split_first_chunk() else {
        return;
    };
    let format = super::Format::ALL.get(usize::from(format)).copied();
    let cut = usize::from(cut).min(log.len());
    let whole = records(format, &[log]);
    let parts = records(format, &[&log[..cut], &log[cut..]]);
    assert_eq!(whole, parts, "the portions must not matter");
}

fn records(format: Option<super::Format>, portions: &[&[u8]]) -> Vec<String> {
    let mut reader = Reader::new(format);
    let mut records = Vec::new();
    let mut length = 0;
    let mut sink = |record: &super::Record<'_>| {
        if let Heard::Trouble(trouble) = record.what {
            records.push(trouble.to_string());
        }
        records.push(format!("{record:?}"));
    };
    for portion in portions {
        length += portion.len() as u64;
        reader.feed(portion, &mut sink);
    }
    reader.finish(&mut sink);
    assert_eq!(reader.counts().bytes, length, "every byte is counted");
    records
}
