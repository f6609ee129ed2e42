//! What logs are read from: files and standard input, compressed or not.
//!
//! Compression is told by the first bytes. What is readable before damage or a premature end is delivered first, then
//! the error: what was good still counts.

use core::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// How much compressed data is read at once.
const PORTION: usize = 1 << 16;

/// The largest window of a zstd frame, which is what `zstd --long` makes. So much memory is kept.
const MAX_WINDOW: u64 = 1 << 27;

/// How a log is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// It is not.
    None,
    /// gzip (RFC 1952), one member or several.
    Gzip,
    /// zstd (RFC 8878), one frame or several.
    Zstd,
}

/// A log, uncompressed as it is read.
pub struct Input {
    source: Box<dyn Read + Send>,
    compression: Compression,
}

impl Input {
    /// Opens a file, or standard input for `-`.
    ///
    /// # Errors
    ///
    /// Those of opening and of reading the first bytes; `Unsupported` for a compression that is not read here.
    pub fn open(path: &Path) -> io::Result<Self> {
        if path.as_os_str() == "-" {
            Self::new(io::stdin())
        } else {
            Self::new(File::open(path)?)
        }
    }

    /// Reads from this.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn new(mut source: impl Read + Send + 'static) -> io::Result<Self> {
        let mut magic = Vec::with_capacity(6);
        source.by_ref().take(6).read_to_end(&mut magic)?;
        let compression = compression(&magic)?;
        let source = Cursor::new(magic).chain(source);
        Ok(Self {
            source: match compression {
                Compression::None => Box::new(source),
                Compression::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(PORTION, source))),
                Compression::Zstd => Box::new(Zstd::new(BufReader::with_capacity(PORTION, source))),
            },
            compression,
        })
    }

    /// How it is compressed.
    #[must_use]
    pub const fn compression(&self) -> Compression {
        self.compression
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.source.read(buffer)
    }
}

fn compression(magic: &[u8]) -> io::Result<Compression> {
    let other = match magic {
        [0x1f, 0x8b, ..] => return Ok(Compression::Gzip),
        // A frame, or one to be skipped, as pzstd puts in front.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => return Ok(Compression::Zstd),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => "xz",
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => "bzip2",
        [0x04, 0x22, 0x4d, 0x18, ..] => "lz4",
        _ => return Ok(Compression::None),
    };
    let text = format!(
        "compressed with {other}; gzip and zstd are read, or try: {other} -dc FILE | runstate check -"
    );
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}

/// Frames of zstd, one after the other.
struct Zstd<R> {
    source: R,
    frame: FrameDecoder,
    /// Inside a frame.
    reading: bool,
    /// What is wrong, to be said when what is decoded has been read.
    broken: Option<io::Error>,
    ended: bool,
}

impl<R: BufRead> Zstd<R> {
    fn new(source: R) -> Self {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(MAX_WINDOW);
        Self {
            source,
            frame,
            reading: false,
            broken: None,
            ended: false,
        }
    }

    /// Goes on by a portion, or by a frame's beginning or end.
    fn step(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.reading {
            self.next_frame()?;
            return Ok(0);
        }
        self.decode()?;
        let length = self.frame.read(buffer)?;
        if length == 0 {
            self.end_frame()?;
        }
        Ok(length)
    }

    /// Begins the next frame, if there is one.
    fn next_frame(&mut self) -> io::Result<()> {
        if self.source.fill_buf()?.is_empty() {
            self.ended = true;
            return Ok(());
        }
        match self.frame.reset(&mut self.source) {
            Ok(()) => self.reading = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => {
                io::copy(&mut self.source.by_ref().take(length.into()), &mut io::sink())?;
            }
            Err(error) => return Err(damaged(&error)),
        }
        Ok(())
    }

    /// Decodes until there is something to read or the frame is at its end.
    fn decode(&mut self) -> io::Result<()> {
        while self.frame.can_collect() == 0 && !self.frame.is_finished() {
            if let Err(error) = self
                .frame
                .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
            {
                self.broken = Some(damaged(&error));
                // The decoder keeps a window's size until the frame ends. So it gets an empty last block (and room for
                // a checksum) in place of what is not there.
                let end: &[u8] = &[1, 0, 0, 0, 0, 0, 0];
                self.frame
                    .decode_blocks(end, BlockDecodingStrategy::All)
                    .map_err(|error| damaged(&error))?;
            }
        }
        Ok(())
    }

    fn end_frame(&mut self) -> io::Result<()> {
        self.reading = false;
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        let sums = (
            self.frame.get_checksum_from_data(),
            self.frame.get_calculated_checksum(),
        );
        if let (Some(expected), Some(found)) = sums
            && expected != found
        {
            let text = format!("damaged zstd data: the checksum is {found:08x}, not {expected:08x}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !buffer.is_empty() {
            match self.step(buffer) {
                Ok(0) => {}
                Ok(length) => return Ok(length),
                Err(error) => {
                    self.ended = true;
                    return Err(error);
                }
            }
        }
        Ok(0)
    }
}

fn damaged(error: &FrameDecoderError) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("damaged or cut zstd data: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    /// What can be read, and the error that ends it.
    fn read(bytes: Vec<u8>) -> (Compression, Vec<u8>, Option<String>) {
        let mut input = Input::new(Cursor::new(bytes)).expect("it can be opened");
        let mut text = Vec::new();
        let mut portion = [0; 4096];
        let error = loop {
            match input.read(&mut portion) {
                Ok(0) => break None,
                Ok(length) => text.extend_from_slice(&portion[..length]),
                Err(error) => break Some(error.to_string()),
            }
        };
        assert_eq!(
            input.read(&mut portion).ok().filter(|&length| length > 0),
            None,
            "nothing after the end"
        );
        (input.compression(), text, error)
    }

    /// A log that does not compress to nothing.
    fn log() -> Vec<u8> {
        let line = |n: u64| {
            let noise = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            format!(
                "{{\"timestamp\": {{\"seconds\": {n}, \"microseconds\": 1}}, \"event\": \"X{noise:x}\"}}\r\n"
            )
        };
        (0..20_000).map(line).collect::<String>().into_bytes()
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).expect("memory takes it");
        encoder.finish().expect("memory takes it")
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    #[test]
    fn plain_text_is_itself() {
        for text in ["", "{", "{\"event\": \"STOP\"}\n"] {
            assert_eq!(read(text.into()), (Compression::None, text.into(), None));
        }
    }

    #[test]
    fn members_and_frames_follow_each_other() {
        let log = log();
        let twice = [&log[..], &log[..]].concat();
        let gzipped = [gzip(&log), gzip(&log)].concat();
        assert_eq!(read(gzipped), (Compression::Gzip, twice.clone(), None));
        // Between them one to be skipped.
        let skipped = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
        let zstd = [skipped.clone(), zstd(&log), skipped, zstd(&log)].concat();
        assert_eq!(read(zstd), (Compression::Zstd, twice, None));
    }

    #[test]
    fn what_gzip_and_zstd_made_is_read() {
        // With gzip 1.12 -9n, and zstd 1.5.4 -19 --check.
        let log = include_bytes!("../../runstate-oracle/tests/data/logs/libvirtd.log").to_vec();
        let gzipped = include_bytes!("../tests/data/logs/libvirtd.log.gz").to_vec();
        assert_eq!(read(gzipped), (Compression::Gzip, log.clone(), None));
        let mut zstd = include_bytes!("../tests/data/logs/libvirtd.log.zst").to_vec();
        assert_eq!(read(zstd.clone()), (Compression::Zstd, log.clone(), None));
        // A wrong checksum: everything was read, and is not to be trusted.
        *zstd.last_mut().expect("it has a checksum") ^= 1;
        let (_, text, error) = read(zstd);
        assert_eq!(text, log);
        assert!(error.is_some_and(|error| error.contains("the checksum is")));
    }

    #[test]
    fn what_is_good_before_the_cut_is_read() {
        let log = log();
        for compressed in [gzip(&log), zstd(&log)] {
            for part in [2, 3, 10] {
                let (_, text, error) =
                    read(compressed[..compressed.len() - compressed.len() / part].to_vec());
                assert!(error.is_some(), "the cut is said");
                assert!(log.starts_with(&text), "what is read is the log's beginning");
                // A block of either is far shorter than the cut part.
                let expected = log.len() - log.len() / part;
                assert!(
                    text.len() + (1 << 18) > expected,
                    "{} of about {expected} bytes",
                    text.len()
                );
                assert!(!text.is_empty());
            }
        }
    }

    #[test]
    fn damage_is_said() {
        let log = log();
        for mut compressed in [gzip(&log), zstd(&log)] {
            let middle = compressed.len() / 2;
            for byte in &mut compressed[middle..middle + 64] {
                *byte ^= 0x55;
            }
            let (_, text, error) = read(compressed);
            assert!(error.is_some() && text != log, "{error:?}");
        }
    }

    #[test]
    fn rubbish_behind_the_magic_is_an_error() {
        for magic in [
            &b"\x1f\x8b"[..],
            b"\x28\xb5\x2f\xfd",
            b"\x1f\x8b\x08\x00\xff",
            b"\x28\xb5\x2f\xfd\xff\xff\xff",
        ] {
            let (_, text, error) = read(magic.to_vec());
            assert!(text.is_empty() && error.is_some(), "{magic:x?}: {error:?}");
        }
    }

    #[test]
    fn other_compressions_are_named() {
        for (magic, name) in [
            (&b"\xfd7zXZ\0"[..], "xz"),
            (b"BZh91AY", "bzip2"),
            (b"\x04\x22\x4d\x18", "lz4"),
        ] {
            let error = Input::new(Cursor::new(magic.to_vec())).expect_err("it is not read");
            assert_eq!(error.kind(), io::ErrorKind::Unsupported);
            assert!(
                error.to_string().starts_with(&format!("compressed with {name};")),
                "{error}"
            );
        }
    }
}
