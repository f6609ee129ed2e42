//! `runstate serve`: VMs to talk to.

use core::time::Duration;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use runstate::Release;
use runstate_monitor::faults::Fault;
use runstate_monitor::machine::{End, Setup};
use runstate_monitor::monitor::Settings;
use runstate_monitor::options::Options;

use crate::exit::Outcome as Exit;
use crate::serve::{self, Hub, Mode, Openness, Outcome, Served};
use crate::ui::{CommandResult, Trouble, Ui};

/// Serve VMs that speak QMP as QEMU does
///
/// Without --dir one VM is served on --qmp. With --dir there is one VM or, with --count, a fleet of them in one process,
/// each with a socket DIR/vm-N.sock; VMs that end are gone for good, and a line of JSON says how.
///
/// The guest acts by a scenario (--scenario), by the extra command x-guest
/// ({"execute": "x-guest", "arguments": {"action": "panic"}}), or through a control socket (--control), whose lines are
/// `guest ACTION [JSON]`, `host ACTION [JSON]`, `run`, `single-step`, `step [N]`, `wedge`, `status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the monitor is: unix:PATH, tcp:HOST:PORT or stdio
    #[arg(long, value_name = "ADDRESS", default_value = "stdio", conflicts_with = "dir")]
    qmp: String,
    /// The release to be
    #[arg(long, value_name = "RELEASE", value_parser = release)]
    release: Option<Release>,
    /// Play this scenario to each VM: what guest and host do, at its times; `->` waits for a client to send the command
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// How the VM goes through its scenario: run, single-step or wedge
    #[arg(long, value_name = "MODE", default_value = "run", value_parser = mode)]
    mode: Mode,
    /// Misbehave so; may be repeated. A wrong name lists them all
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<Fault>,
    /// Answer questions beyond run states from this profile (see `runstate profile`)
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// A control socket; with --dir each VM has its own anyway, DIR/vm-N.control, if this is given
    #[arg(long, value_name = "PATH")]
    control: Option<PathBuf>,
    /// The directory of the sockets
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// How many VMs
    #[arg(long, value_name = "N", default_value_t = 1, requires = "dir")]
    count: usize,
    /// A guest without an agent, even where it has the port org.qemu.guest_agent.0
    #[arg(long)]
    no_agent: bool,
    /// Let TCP clients of other hosts in
    #[arg(long)]
    allow_remote: bool,
    /// QEMU's own options for each VM
    #[arg(last = true, value_name = "QEMU OPTIONS")]
    options: Vec<String>,
}

fn release(name: &str) -> Result<Release, String> {
    Release::from_name(name).ok_or_else(|| serve::no_release(name))
}

fn mode(name: &str) -> Result<Mode, String> {
    let names: Vec<_> = Mode::ALL.iter().map(|(_, name)| *name).collect();
    Mode::from_name(name).ok_or_else(|| format!("there are {}", names.join(", ")))
}

pub(super) fn run(args: &Args, ui: &mut Ui) -> CommandResult {
    let failed = |error: std::io::Error| Trouble::new(serve::reason(&error));
    check_descriptors(args, serve::raise_descriptor_limit(), ui)?;
    let mut hub = Hub::new().map_err(failed)?;
    let player = args
        .scenario
        .as_deref()
        .map(serve::read_scenario)
        .transpose()
        .map_err(Trouble::new)?;
    if let Some(dir) = &args.dir {
        std::fs::create_dir_all(dir).map_err(|error| Trouble::file("create", dir, &error))?;
    }
    let mut profile = None;
    for index in 0..args.count {
        let (release, version, setup) = setup(args, index)?;
        let settings = Settings {
            setup: Setup::new(release, setup),
            profile: Arc::clone(
                profile.get_or_insert_with(|| serve::lazy_profile(args.profile.as_deref(), release)),
            ),
            version,
            epoch: serve::epoch_micros(),
            pid: std::process::id(),
            faults: args.faults.clone(),
            agent: !args.no_agent,
        };
        let served = Served {
            settings: Arc::new(settings),
            openness: if args.allow_remote {
                Openness::Anybody
            } else {
                Openness::Loopback
            },
            player: player.clone(),
            mode: args.mode,
            control: control(args, index),
        };
        let launched = hub.launch(served, &mut |_, filename| {
            ui.note(format_args!("waiting for a client on {filename}"));
        });
        if let Err((location, why)) = launched {
            hub.remove_all();
            return Err(Trouble::new(format_args!("{location}: {why}")));
        }
    }
    hub.listen_to_signals().map_err(failed)?;
    if let Some(dir) = &args.dir {
        writeln!(
            ui.out(),
            "{{\"serving\": {}, \"dir\": {:?}}}",
            args.count,
            dir.display().to_string()
        )?;
        ui.out().flush()?;
    }
    let teller = args.dir.is_some().then(Teller::start);
    let ended = &mut |outcome: &Outcome| {
        if let Some(teller) = &teller {
            teller.tell(describe(outcome));
        }
    };
    hub.run(&mut |_| {}, ended).map_err(failed)?;
    if let Some(teller) = teller {
        teller.finish();
    }
    serve::stdio_nonblocking(false);
    Ok(Exit::AsExpected)
}

/// Prints what became of VMs from a thread of its own: whoever started the fleet may read late, or not at all, and the VMs that
/// are left go on.
struct Teller {
    lines: Sender<String>,
    done: Receiver<()>,
}

impl Teller {
    fn start() -> Self {
        let (lines, to_print) = channel::<String>();
        let (printed, done) = channel();
        std::thread::spawn(move || {
            for line in to_print {
                // Nobody may be there any more.
                if !print_line(line + "\n") {
                    break;
                }
            }
            // The hub may have given up waiting.
            let _ = printed.send(());
        });
        Self { lines, done }
    }

    fn tell(&self, line: String) {
        // The thread has ended where nobody listens.
        let _ = self.lines.send(line);
    }

    /// Waits until everything is printed, but not for ever.
    fn finish(self) {
        let Self { lines, done } = self;
        drop(lines);
        let _ = done.recv_timeout(LAST_WORDS);
    }
}

/// Writes a line to standard output, past the standard library, whose lock a reader that is late would hold at the end.
fn print_line(line: String) -> bool {
    let mut left = line.as_bytes();
    while !left.is_empty() {
        match rustix::io::write(rustix::stdio::stdout(), left) {
            Ok(written) => left = &left[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
    true
}

/// How long a reader of standard output has for the last lines.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What a process has open besides its VMs: standard streams, the poll, signals, a profile.
const OTHER_DESCRIPTORS: u64 = 32;

/// Whether there are descriptors enough, for the VMs and for their clients.
fn check_descriptors(args: &Args, limit: Option<u64>, ui: &mut Ui) -> Result<(), Trouble> {
    let Some(limit) = limit.filter(|_| args.count > 1) else {
        return Ok(());
    };
    let count = u64::try_from(args.count).unwrap_or(u64::MAX);
    let sockets = count.saturating_mul(1 + u64::from(args.control.is_some()));
    let room = limit.saturating_sub(OTHER_DESCRIPTORS);
    if sockets > room {
        return Err(Trouble::new(format_args!(
            "{count} VMs need {sockets} sockets, and this process may have {limit} files open"
        ))
        .hint(format_args!(
            "raise the limit, `ulimit -n {}`",
            sockets.saturating_mul(2).saturating_add(OTHER_DESCRIPTORS)
        )));
    }
    if count > room - sockets {
        ui.note(format_args!(
            "this process may have {limit} files open: {} clients at a time, the others wait (`ulimit -n` raises it)",
            room - sockets
        ));
    }
    Ok(())
}

/// What the VM of this place is made from.
fn setup(args: &Args, index: usize) -> Result<(Release, runstate_qmp::Version, Options), Trouble> {
    let recorded = args
        .profile
        .as_deref()
        .map(|path| serve::profile_version(path).map_err(|error| Trouble::file("read", path, &error)));
    let recorded = recorded.transpose()?;
    let release = args
        .release
        .or_else(|| serve::release_of(recorded.as_ref()?))
        .unwrap_or_default();
    let address = match &args.dir {
        Some(dir) => format!("unix:{}", socket(dir, index, "sock")),
        None => args.qmp.clone(),
    };
    let address = if address == "stdio" {
        address
    } else {
        format!("{address},server=on,wait=off")
    };
    let mut words = vec!["-qmp".to_owned(), address];
    words.extend_from_slice(&args.options);
    let options = Options::parse(&words, release, &mut |path| std::fs::read_to_string(path));
    let options =
        options.map_err(|bad| Trouble::new(bad.error).hint("what follows `--` are QEMU's options"))?;
    Ok((
        release,
        recorded.unwrap_or_else(|| serve::version_of(release)),
        options,
    ))
}

fn control(args: &Args, index: usize) -> Option<String> {
    let path = args.control.as_ref()?;
    Some(match &args.dir {
        Some(dir) => socket(dir, index, "control"),
        None => path.display().to_string(),
    })
}

/// A comma in a path is doubled for QEMU's options.
fn socket(dir: &Path, index: usize, suffix: &str) -> String {
    let path = dir.join(format!("vm-{index}.{suffix}")).display().to_string();
    if suffix == "sock" {
        path.replace(',', ",,")
    } else {
        path
    }
}

/// A line of JSON for a VM that has gone.
fn describe(outcome: &Outcome) -> String {
    let vm = outcome.vm;
    match outcome.end {
        Some(End::Exit(status)) => format!("{{\"vm\": {vm}, \"exit\": {}}}", status.0),
        Some(End::Abort { from, to }) => format!("{{\"vm\": {vm}, \"abort\": \"{from} -> {to}\"}}"),
        None => format!(
            "{{\"vm\": {vm}, \"abort\": {:?}}}",
            outcome.abort.as_deref().unwrap_or_default()
        ),
    }
}
