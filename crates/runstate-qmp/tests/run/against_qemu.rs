//! Random conversations with an installed QEMU and with the session, side by side.
//!
//! RUNSTATE_QEMU names the binary, `qemu-system-x86_64` for instance, and RUNSTATE_QEMU_CASES how many
//! conversations to hold, 300 if it is not set. Without a binary there is nothing to compare with, and the test says so.

use core::time::Duration;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use runstate_qmp::{Config, Layout, Session, Value, Version};

use crate::flood::PIECES;
use crate::monitor::Monitor;

/// Keys of objects; `arg1` to `arg3` share a bucket.
const KEYS: [&str; 14] = [
    "execute",
    "exec-oob",
    "arguments",
    "id",
    "foo",
    "a",
    "b",
    "c",
    "",
    "\u{E9}",
    "\\u0000",
    "arg1",
    "arg2",
    "arg3",
];

const COMMANDS: [&str; 6] = [
    "query-name",
    "balloon",
    "watchdog-set-action",
    "qmp_capabilities",
    "nonesuch",
    "nop\\u00e9\\\\",
];

const NUMBERS: [&str; 14] = [
    "0",
    "-0",
    "7",
    "0.0",
    "-0.0",
    "1e400",
    "0e0",
    "1E+2",
    "0.1",
    "-1.5e-7",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
];

const CHARACTERS: [&str; 14] = [
    "a",
    "\\n",
    "\\\"",
    "\\'",
    "\\\\",
    "\\/",
    "\\u00e9",
    "\\ud83d\\ude00",
    "\u{20AC}",
    "\u{1F600}",
    "\u{7F}",
    "%",
    "\\u0000",
    "\\ufffe",
];

/// What the client sends last, after a byte that resynchronises.
const END: &[u8] = b"\xFF\n{\"execute\":\"nonesuch\",\"id\":\"END\"}";

/// The same conversations each time: xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as usize % limit
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn number(&mut self) -> String {
        match self.below(3) {
            0 => self.of(&NUMBERS).to_owned(),
            1 => (self.below(1 << 32) as i64 - (1 << 31)).to_string(),
            _ => {
                let exponent = self.below(680) as i64 - 345;
                format!(
                    "{}.{}{}e{exponent}",
                    self.below(1000),
                    self.below(1 << 32),
                    self.below(1 << 32)
                )
            }
        }
    }

    fn string(&mut self) -> String {
        let quote = self.of(&["\"", "'"]);
        let characters: String = (0..self.below(5)).map(|_| self.of(&CHARACTERS)).collect();
        format!("{quote}{characters}{quote}")
    }

    fn value(&mut self, depth: usize) -> String {
        match self.below(if depth > 3 { 4 } else { 7 }) {
            0 | 1 => self.number(),
            2 => self.string(),
            3 => self.of(&["null", "true", "false"]).to_owned(),
            4 => {
                let values: Vec<String> = (0..self.below(4)).map(|_| self.value(depth + 1)).collect();
                format!("[{}]", values.join(","))
            }
            _ => self.object(depth + 1),
        }
    }

    fn object(&mut self, depth: usize) -> String {
        let mut keys: Vec<&str> = (0..self.below(8)).map(|_| self.of(&KEYS)).collect();
        if self.below(10) > 0 {
            keys.sort_unstable();
            keys.dedup();
            let by = self.below(keys.len().max(1));
            keys.rotate_left(by);
        }
        let members: Vec<String> = keys
            .iter()
            .map(|key| format!("\"{key}\":{}", self.value(depth)))
            .collect();
        format!("{{{}}}", members.join(","))
    }

    fn command(&mut self) -> String {
        let mut members = Vec::new();
        if self.below(10) > 0 {
            members.push(format!("\"execute\":\"{}\"", self.of(&COMMANDS)));
        }
        if self.below(2) > 0 {
            members.push(format!(
                "\"arguments\":{}",
                if self.below(5) > 0 {
                    self.object(1)
                } else {
                    self.value(1)
                }
            ));
        }
        if self.below(2) > 0 {
            members.push(format!("\"id\":{}", self.value(0)));
        }
        if self.below(5) == 0 {
            members.push(format!("\"{}\":{}", self.of(&KEYS), self.value(0)));
        }
        let by = self.below(members.len().max(1));
        members.rotate_left(by);
        format!("{{{}}}", members.join(","))
    }

    fn conversation(&mut self) -> Vec<u8> {
        let mut input = Vec::new();
        if self.below(5) > 0 {
            input.extend_from_slice(b"{\"execute\":\"qmp_capabilities\"}");
        }
        for _ in 0..=self.below(6) {
            if self.below(5) > 1 {
                let mut command = self.command().into_bytes();
                if self.below(5) == 0 {
                    let from = self.below(command.len());
                    let to = command.len().min(from + self.below(3));
                    let piece = PIECES[self.below(PIECES.len())];
                    command.splice(from..to, piece.iter().copied());
                }
                input.extend_from_slice(&command);
            } else {
                for _ in 0..=self.below(6) {
                    input.extend_from_slice(PIECES[self.below(PIECES.len())]);
                }
            }
            input.extend_from_slice(self.of(&["\n", "", " ", "\r\n"]).as_bytes());
        }
        input.extend_from_slice(END);
        input
    }
}

/// A QEMU without a machine, and its monitor's socket.
struct Qemu {
    process: Child,
    socket: PathBuf,
}

impl Qemu {
    fn start(binary: &str, layout: Layout) -> Self {
        let name = format!("runstate-qmp-{}-{layout:?}.sock", std::process::id());
        let socket = std::env::temp_dir().join(name);
        let pretty = if layout == Layout::Pretty { "on" } else { "off" };
        let process = Command::new(binary)
            .args(["-machine", "none", "-S", "-display", "none", "-chardev"])
            .arg(format!(
                "socket,id=m,path={},server=on,wait=off",
                socket.display()
            ))
            .args(["-mon", &format!("chardev=m,mode=control,pretty={pretty}")])
            .stdin(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("RUNSTATE_QEMU={binary} does not start: {error}"));
        Self { process, socket }
    }

    fn connect(&self) -> UnixStream {
        for _ in 0..2000 {
            if let Ok(stream) = UnixStream::connect(&self.socket) {
                return stream;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("QEMU does not listen at {}", self.socket.display())
    }

    /// Sends the input and reads up to the answer to [`END`].
    fn talk(&self, input: &[u8]) -> String {
        let mut stream = self.connect();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a timeout can be set");
        stream.write_all(input).expect("QEMU reads");
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        while !ends(&answer) {
            let length = stream.read(&mut buffer).expect("QEMU answers");
            assert!(length > 0, "QEMU closed the connection");
            answer.extend_from_slice(&buffer[..length]);
        }
        String::from_utf8(answer).expect("QEMU sends ASCII")
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.process.kill().expect("QEMU can be ended");
        self.process.wait().expect("QEMU ends");
        // The socket is left behind by a QEMU that is killed.
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// Whether the answer to [`END`] is complete, in either layout.
fn ends(answer: &[u8]) -> bool {
    let marked = answer.windows(5).any(|window| window == b"\"END\"");
    marked && (answer.ends_with(b"\"}}\r\n") || answer.ends_with(b"    }\r\n}\r\n"))
}

/// The version a QEMU greets with.
fn version(greeting: &str) -> Version {
    let end = greeting
        .find("\r\n}\r\n")
        .map_or_else(|| greeting.find("\r\n"), |at| Some(at + 3));
    let greeting = Value::parse(&greeting.as_bytes()[..end.expect("a greeting")]).expect("a greeting");
    crate::recordings::version(&greeting)
}

#[test]
fn random_conversations() {
    let Ok(binary) = std::env::var("RUNSTATE_QEMU") else {
        eprintln!("skipped: RUNSTATE_QEMU names no QEMU to compare with");
        return;
    };
    let cases = std::env::var("RUNSTATE_QEMU_CASES").map_or(300, |cases| cases.parse().expect("a number"));
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    let mut bytes = 0;
    for layout in [Layout::Compact, Layout::Pretty] {
        let qemu = Qemu::start(&binary, layout);
        let version = version(&qemu.talk(END));
        for case in 0..cases {
            let input = random.conversation();
            let config = Config {
                layout,
                ..Config::new(version.clone())
            };
            let mut session = Session::new(config);
            session.connect();
            let ours = Monitor { session }.send(&input).concat();
            assert_eq!(
                ours,
                qemu.talk(&input),
                "{layout:?}, case {case}: {}",
                input.escape_ascii()
            );
            bytes += ours.len();
        }
    }
    println!("{cases} conversations in each layout, {bytes} bytes of answers alike");
}
