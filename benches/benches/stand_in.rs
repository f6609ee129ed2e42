//! The stand-in beside a QEMU that is installed, as a client sees them: from start to greeting, and commands over a pipe.
//!
//! Needs `cargo build --release` first; without qemu-system-x86_64 the stand-in runs alone.

use core::time::Duration;
use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

/// A QEMU, or what says it is one, with a monitor on its standard streams.
struct Qemu {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    line: String,
}

impl Qemu {
    /// Starts it, and waits for the greeting.
    fn start(program: &PathBuf) -> Self {
        let mut process = Command::new(program)
            .args("-machine none -nodefaults -display none -qmp stdio".split(' '))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let input = process.stdin.take().expect("it is a pipe");
        let output = BufReader::new(process.stdout.take().expect("it is a pipe"));
        let mut this = Self {
            process,
            input,
            output,
            line: String::new(),
        };
        this.read("{\"QMP\"");
        this
    }

    fn negotiated(program: &PathBuf) -> Self {
        let mut this = Self::start(program);
        this.ask("{\"execute\": \"qmp_capabilities\"}\n");
        this
    }

    /// Reads until a message begins with `start`.
    fn read(&mut self, start: &str) {
        loop {
            self.line.clear();
            let length = self.output.read_line(&mut self.line).expect("a pipe can be read");
            assert_ne!(length, 0, "it says {start} before it ends");
            if self.line.starts_with(start) {
                return;
            }
        }
    }

    /// Sends a command and waits for its return.
    fn ask(&mut self, command: &str) {
        self.input.write_all(command.as_bytes()).expect("it reads");
        self.read("{\"return\"");
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.process.kill().expect("it is a child of ours");
        self.process.wait().expect("it was killed");
    }
}

/// The stand-in as `cargo build --release` leaves it, and a QEMU from PATH.
fn programs() -> Vec<(&'static str, PathBuf)> {
    let own = env::current_exe().expect("this program has a path");
    let stand_in = own
        .ancestors()
        .nth(2)
        .expect("it is in target/release/deps")
        .join("qemu-system-runstate");
    let path = env::var_os("PATH").unwrap_or_default();
    let qemu = env::split_paths(&path)
        .map(|folder| folder.join("qemu-system-x86_64"))
        .find(|program| program.exists());
    let mut programs = Vec::new();
    if stand_in.exists() {
        programs.push(("qemu-system-runstate", stand_in));
    } else {
        eprintln!(
            "skipped: {} is missing, cargo build --release makes it",
            stand_in.display()
        );
    }
    match qemu {
        Some(qemu) => programs.push(("qemu-system-x86_64", qemu)),
        None => eprintln!("skipped: there is no qemu-system-x86_64"),
    }
    programs
}

fn stand_in(c: &mut Criterion) {
    for (name, program) in programs() {
        let mut group = c.benchmark_group("start to greeting");
        group.sample_size(20).measurement_time(Duration::from_secs(8));
        group.bench_function(name, |b| {
            b.iter_batched(|| (), |()| Qemu::start(&program), BatchSize::PerIteration);
        });
        group.finish();
        let mut group = c.benchmark_group("round trip");
        let mut qemu = Qemu::negotiated(&program);
        group.bench_function(format!("query-status/{name}"), |b| {
            b.iter(|| qemu.ask("{\"execute\": \"query-status\"}\n"));
        });
        group.bench_function(format!("stop and cont/{name}"), |b| {
            b.iter(|| {
                qemu.ask("{\"execute\": \"stop\"}\n");
                qemu.ask("{\"execute\": \"cont\"}\n");
            });
        });
        group.finish();
    }
}

criterion_group!(benches, stand_in);
criterion_main!(benches);
