//! The words of a qtest line.

use crate::devices::Width;

/// One line, its numbers read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// `endianness`
    Endianness,
    /// `inb PORT`, `inw`, `inl`
    In {
        /// The port.
        port: u16,
        /// How much is read.
        width: Width,
    },
    /// `outb PORT VALUE`, `outw`, `outl`
    Out {
        /// The port.
        port: u16,
        /// How much is written.
        width: Width,
        /// The value.
        value: u32,
    },
    /// `readb ADDR` to `readq`, `read ADDR SIZE`, `b64read ADDR SIZE`
    Read {
        /// The address.
        address: u64,
        /// How many bytes.
        size: usize,
        /// How the reply shows them.
        encoding: Encoding,
    },
    /// `writeb ADDR VALUE` to `writeq`, `write ADDR SIZE 0xHEX`, `b64write ADDR SIZE BASE64`
    Write {
        /// The address.
        address: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// `memset ADDR SIZE VALUE`
    Memset {
        /// The address.
        address: u64,
        /// How many bytes.
        size: u64,
        /// The value of each.
        value: u8,
    },
    /// `clock_step [NS]`
    ClockStep(Option<i64>),
    /// `clock_set NS`
    ClockSet(i64),
    /// `irq_intercept_in PATH`
    InterceptIn(&'a str),
    /// `irq_intercept_out PATH [NAME]`
    InterceptOut(&'a str),
    /// `set_irq_in PATH NAME NUM LEVEL`
    SetIrqIn(&'a str),
    /// `module_load PREFIX NAME`
    ModuleLoad,
    /// `write` with fewer than three characters of data
    BadSize,
    /// Anything else: its first word.
    Unknown(&'a str),
}

/// How a reply shows bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// A little-endian number of sixteen digits.
    Number,
    /// Two digits a byte.
    Hex,
    /// Base64.
    Base64,
}

/// The most bytes one command reads or writes. QEMU has no limit; no client may use up the host's memory.
const MOST_BYTES: u64 = 16 << 20;

impl<'a> Command<'a> {
    /// Reads a line, without its end.
    ///
    /// # Errors
    ///
    /// Why QEMU aborts: a word is missing or is not the number it should be.
    pub fn parse(line: &'a str) -> Result<Self, String> {
        let mut words = Words {
            words: line.split(' '),
        };
        let name = words.next()?;
        if name.is_empty() {
            return Err("qtest: empty command".to_owned());
        }
        let (verb, width) = match name.split_at_checked(name.len() - 1) {
            Some((verb @ ("in" | "out" | "read" | "write"), suffix)) => (verb, suffix),
            _ => (name, ""),
        };
        match (verb, width) {
            ("in", "b" | "w" | "l") => Ok(Self::In {
                width: width_of(width),
                port: words.port()?,
            }),
            ("out", "b" | "w" | "l") => {
                let port = words.port()?;
                let value = words.number()?.to_le_bytes();
                let value = u32::from_le_bytes([value[0], value[1], value[2], value[3]]);
                Ok(Self::Out {
                    width: width_of(width),
                    port,
                    value,
                })
            }
            ("read", "b" | "w" | "l" | "q") => {
                let (address, size) = (words.number()?, bytes_of(width));
                Ok(Self::Read {
                    address,
                    size,
                    encoding: Encoding::Number,
                })
            }
            ("write", "b" | "w" | "l" | "q") => {
                let (address, value) = (words.number()?, words.number()?);
                Ok(Self::Write {
                    address,
                    bytes: value.to_le_bytes()[..bytes_of(width)].to_vec(),
                })
            }
            _ => Self::parse_named(name, words),
        }
    }

    fn parse_named(name: &'a str, mut words: Words<'a>) -> Result<Self, String> {
        Ok(match name {
            "endianness" => Self::Endianness,
            "read" | "b64read" => {
                let (address, size) = (words.number()?, words.size()?);
                if size == 0 {
                    return Err(format!("qtest: {name} of no bytes"));
                }
                let encoding = if name == "read" {
                    Encoding::Hex
                } else {
                    Encoding::Base64
                };
                Self::Read {
                    address,
                    size,
                    encoding,
                }
            }
            "write" => {
                let (address, size, data) = (words.number()?, words.size()?, words.next()?);
                if data.len() < 3 {
                    return Ok(Self::BadSize);
                }
                Self::Write {
                    address,
                    bytes: from_hex(data.as_bytes(), size),
                }
            }
            "b64write" => {
                let (address, size, data) = (words.number()?, words.size()?, words.next()?);
                let mut bytes = from_base64(data);
                bytes.resize(size, 0);
                Self::Write { address, bytes }
            }
            "memset" => {
                let (address, size, value) = (words.number()?, words.number()?, words.number()?);
                Self::Memset {
                    address,
                    size,
                    value: value.to_le_bytes()[0],
                }
            }
            "clock_step" => Self::ClockStep(words.words.next().map(signed).transpose()?),
            "clock_set" => Self::ClockSet(signed(words.next()?)?),
            "irq_intercept_in" => Self::InterceptIn(words.next()?),
            "irq_intercept_out" => Self::InterceptOut(words.next()?),
            "set_irq_in" => {
                let path = words.next()?;
                words.next()?;
                words.number()?;
                words.number()?;
                Self::SetIrqIn(path)
            }
            "module_load" => {
                words.next()?;
                words.next()?;
                Self::ModuleLoad
            }
            _ => Self::Unknown(name),
        })
    }
}

/// The words after the first.
struct Words<'a> {
    words: core::str::Split<'a, char>,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Result<&'a str, String> {
        self.words
            .next()
            .ok_or_else(|| "qtest: a word is missing".to_owned())
    }

    fn number(&mut self) -> Result<u64, String> {
        unsigned(self.next()?)
    }

    fn port(&mut self) -> Result<u16, String> {
        let number = self.number()?;
        u16::try_from(number).map_err(|_| format!("qtest: no port {number:#x}"))
    }

    /// A size that this machine is willing to give.
    fn size(&mut self) -> Result<usize, String> {
        let size = self.number()?;
        if size > MOST_BYTES {
            return Err(format!(
                "qtest: {size} bytes are too many, {MOST_BYTES} are the most"
            ));
        }
        usize::try_from(size).map_err(|error| error.to_string())
    }
}

/// `qemu_strtou64()` with base 0: hexadecimal, octal or decimal; a sign wraps.
fn unsigned(word: &str) -> Result<u64, String> {
    let bad = || format!("qtest: '{word}' is not a number");
    let (negative, digits) = match word.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word.strip_prefix('+').unwrap_or(word)),
    };
    let (digits, radix) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (&digits[1..], 8),
        None => (digits, 10),
    };
    if digits.starts_with(['+', '-']) {
        return Err(bad());
    }
    let number = u64::from_str_radix(digits, radix).map_err(|_| bad())?;
    Ok(if negative { number.wrapping_neg() } else { number })
}

fn signed(word: &str) -> Result<i64, String> {
    unsigned(word).map(u64::cast_signed)
}

fn width_of(suffix: &str) -> Width {
    Width::of_suffix(suffix).expect("matched before")
}

fn bytes_of(suffix: &str) -> usize {
    match suffix {
        "b" => 1,
        "w" => 2,
        "l" => 4,
        _ => 8,
    }
}

/// Two digits a byte after `0x`; what is missing is zero.
fn from_hex(data: &[u8], size: usize) -> Vec<u8> {
    let digit = |at: usize| {
        data.get(at)
            .and_then(|&byte| char::from(byte).to_digit(16))
            .unwrap_or(0)
    };
    (0..size)
        .map(|i| (digit(2 + 2 * i) << 4 | digit(3 + 2 * i)).to_le_bytes()[0])
        .collect()
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(super) fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            let digit = BASE64[(bits >> (18 - 6 * i) & 63) as usize];
            text.push(if i > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

/// What is not base64 is passed over, as GLib does.
fn from_base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for digit in text
        .bytes()
        .filter_map(|byte| BASE64.iter().position(|&digit| digit == byte))
    {
        bits = bits << 6 | u32::try_from(digit).expect("below 64");
        count += 1;
        if count == 4 {
            bytes.extend_from_slice(&bits.to_be_bytes()[1..]);
            (bits, count) = (0, 0);
        }
    }
    if count > 1 {
        let left = bits << (6 * (4 - count));
        bytes.extend_from_slice(&left.to_be_bytes()[1..count]);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_cs() {
        for (word, number) in [
            ("0x505", 0x505),
            ("1285", 1285),
            ("02405", 0o2405),
            ("0", 0),
            ("-1", u64::MAX),
        ] {
            assert_eq!(unsigned(word), Ok(number), "{word}");
        }
        for word in ["", "x", "0x", "08", "1a", "--1", "18446744073709551616"] {
            unsigned(word).expect_err(word);
        }
    }

    #[test]
    fn base64_goes_both_ways() {
        for bytes in [&b""[..], b"Z", b"ZZ", b"ZZZ", b"ZZZZ"] {
            assert_eq!(from_base64(&to_base64(bytes)), bytes);
        }
        assert_eq!(to_base64(b"ZZZZ"), "WlpaWg==");
    }

    #[test]
    fn what_is_malformed_aborts() {
        for line in [
            "",
            "outb 0x80",
            "outb 0x80 x",
            "inb 0x10000",
            "read 0 0",
            "clock_set",
            "clock_step x",
            " inb 1",
        ] {
            Command::parse(line).expect_err(line);
        }
    }
}
