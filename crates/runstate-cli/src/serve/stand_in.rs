//! `qemu-system-runstate`: started like QEMU, spoken to like QEMU.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, LazyLock};

use runstate::{ExitStatus, Release};
use runstate_monitor::machine::{End, Setup};
use runstate_monitor::monitor::Settings;
use runstate_monitor::options::{Information, Options, Report};
use runstate_monitor::profile::{self as profiles, LazyProfile, Profile};
use runstate_monitor::scenario::File;
use runstate_qmp::Version;

use super::clock::{epoch_micros, iso8601};
use super::daemon::{self, Pidfile};
use super::hub::Hub;
use super::player::Player;
use super::settings::OwnSettings;
use super::vm::Served;
use super::{open, profile};

/// Does what QEMU's command line says. The first argument is the program.
#[must_use]
pub fn main(arguments: Vec<String>) -> ExitCode {
    let program = arguments.first().map_or("qemu-system-runstate", |program| {
        program.rsplit('/').next().unwrap_or_default()
    });
    let program = program.to_owned();
    match run(arguments, &program) {
        Ok(code) => code,
        Err(message) => {
            complain(&message);
            ExitCode::FAILURE
        }
    }
}

/// Runs to the end. An error is what stderr is to say.
fn run(arguments: Vec<String>, program: &str) -> Result<ExitCode, String> {
    let mut words = arguments.clone();
    let own = OwnSettings::take(&mut words, &|name| std::env::var(name).ok());
    let own = own.map_err(|why| Report::error(why).to_stderr(program))?;
    let recorded = own.profile.as_deref().map(|path| (path, profile::version(path)));
    let version = match recorded {
        None => None,
        Some((_, Ok(version))) => Some(version),
        Some((path, Err(error))) => {
            let why = format!(
                "cannot read the profile {}: {}",
                path.display(),
                open::reason(&error)
            );
            return Err(Report::error(why).to_stderr(program));
        }
    };
    let release = own
        .release
        .or_else(|| release_of(version.as_ref()?))
        .unwrap_or_default();
    let read = &mut |path: &str| std::fs::read_to_string(path);
    let options = Options::parse(&words[1..], release, read).map_err(|bad| bad.to_stderr(program))?;
    let version = version.unwrap_or_else(|| version_of(release));
    if let Some(information) = options.information {
        print(&describe(information, program, &version));
        return Ok(ExitCode::SUCCESS);
    }
    if options.daemonize && !daemon::is_daemon() {
        return daemon::start(&arguments)
            .map_err(|error| Report::error(error.to_string()).to_stderr(program));
    }
    for report in &options.warnings {
        complain(&report.to_stderr(program));
    }
    if own.show_ignored && !options.ignored.is_empty() {
        complain(&Report::warning(format!("ignored: {}", options.ignored.join(", "))).to_stderr(program));
    }
    serve(own, options, release, version, program)
}

fn serve(
    own: OwnSettings,
    options: Options,
    release: Release,
    version: Version,
    program: &str,
) -> Result<ExitCode, String> {
    let name = options.name.clone().filter(|_| options.message_guest_name);
    let timestamps = options.message_timestamps;
    let program = &move || prefix(timestamps, name.as_deref(), program);
    let fail = |report: Report| report.to_stderr(&program());
    let daemonize = options.daemonize;
    let keep_stderr = options.log_file.is_some();
    prepare(&options).map_err(|why| fail(Report::error(why)))?;
    let pidfile = options.pidfile.as_deref().map(Pidfile::write).transpose();
    let pidfile = pidfile.map_err(|why| fail(Report::error(format!("cannot create PID file: {why}"))))?;
    let player = own
        .scenario
        .as_deref()
        .map(read_scenario)
        .transpose()
        .map_err(|why| fail(Report::error(why)))?;
    let settings = Settings {
        setup: Setup::new(release, options),
        profile: lazy_profile(own.profile.as_deref(), release),
        version,
        epoch: epoch_micros(),
        pid: std::process::id(),
        faults: own.faults,
        agent: !own.no_agent,
    };
    let served = Served {
        settings: Arc::new(settings),
        openness: own.openness,
        player,
        mode: own.mode,
        control: own.control,
    };
    let system = |error: io::Error| fail(Report::error(open::reason(&error)));
    let mut hub = Hub::new().map_err(system)?;
    let waiting = &mut |location: &str, filename: &str| {
        let report = Report::warning(format!("QEMU waiting for connection on: {filename}")).at(location);
        complain(
            &Report {
                severity: runstate_monitor::options::Severity::Info,
                ..report
            }
            .to_stderr(&program()),
        );
    };
    let launched = hub.launch(served, waiting);
    if let Err((location, why)) = launched {
        hub.remove_all();
        return Err(fail(Report::error(why.to_string()).at(&location)));
    }
    hub.listen_to_signals().map_err(system)?;
    if daemonize {
        daemon::ready(keep_stderr).map_err(system)?;
    }
    let mut outcome = None;
    let report = &mut |text: &str| complain(&format!("{}: {text}\n", program()));
    hub.run(report, &mut |ended| outcome = Some(ended.clone()))
        .map_err(system)?;
    open::stdio_nonblocking(false);
    drop(pidfile);
    let outcome = outcome.expect("the hub runs until its one VM is gone");
    if let Some(reason) = outcome.abort {
        complain(&format!("**\nERROR:{reason}\nBail out! ERROR:{reason}\n"));
        std::process::abort();
    }
    match outcome.end {
        Some(End::Exit(ExitStatus(status))) => Ok(ExitCode::from(status)),
        Some(End::Abort { from, to }) if from == to => {
            complain(&format!("{}: an assertion fails in '{from}'\n", program()));
            std::process::abort();
        }
        Some(End::Abort { from, to }) => {
            complain(&format!(
                "{}: invalid runstate transition: '{from}' -> '{to}'\n",
                program()
            ));
            std::process::abort();
        }
        None => Ok(ExitCode::SUCCESS),
    }
}

/// What messages begin with: `-msg timestamp=on` and `guest-name=on`.
fn prefix(timestamps: bool, guest: Option<&str>, program: &str) -> String {
    let mut prefix = String::new();
    if timestamps {
        prefix = iso8601(epoch_micros()) + " ";
    }
    if let Some(guest) = guest {
        prefix = prefix + guest + " ";
    }
    prefix + program
}

/// What a process does before it opens anything: the session, the death of its parent, the log.
fn prepare(options: &Options) -> Result<(), String> {
    if options.daemonize {
        daemon::detach();
    }
    if let Some(path) = &options.log_file {
        let log = std::fs::File::create(path);
        log.map_err(|error| format!("could not open log file '{path}': {}", open::reason(&error)))?;
    }
    if options.exit_with_parent {
        let signal = Some(rustix::process::Signal::TERM);
        let asked = rustix::process::set_parent_process_death_signal(signal);
        asked.map_err(|error| format!("exit-with-parent: {error}"))?;
    }
    Ok(())
}

/// A player of the first scenario of a file.
///
/// # Errors
///
/// What is wrong with the file.
pub fn read_scenario(path: &Path) -> Result<Player, String> {
    let bytes = std::fs::read(path);
    let bytes = bytes.map_err(|error| format!("cannot read {}: {}", path.display(), open::reason(&error)))?;
    let file = File::parse(&path.display().to_string(), &bytes).map_err(|error| error.to_string())?;
    let scenario = file
        .scenarios
        .first()
        .ok_or_else(|| format!("{} holds no scenario", path.display()))?;
    Ok(Player::new(scenario))
}

/// A profile that is read when a client first asks for something in it: the recorded one, or else the small one.
#[must_use]
pub fn lazy_profile(path: Option<&Path>, release: Release) -> Arc<LazyProfile> {
    let Some(path) = path.map(Path::to_owned) else {
        return profiles::small(release);
    };
    Arc::new(LazyLock::new(Box::new(move || {
        profile::read(&path).unwrap_or_else(|error| {
            complain(&format!(
                "warning: cannot read the profile {}: {error}\n",
                path.display()
            ));
            Profile::new()
        })
    })))
}

/// The version that a release greets with.
#[must_use]
pub fn version_of(release: Release) -> Version {
    let (major, minor, micro) = release.version();
    Version::new(major.into(), minor.into(), micro.into())
}

/// The release of a version that was recorded.
#[must_use]
pub fn release_of(version: &Version) -> Option<Release> {
    Release::from_version(version.major.into(), version.minor.into(), version.micro.into())
}

fn describe(information: Information, program: &str, version: &Version) -> String {
    let Version {
        major,
        minor,
        micro,
        package,
    } = version;
    let package = if package.is_empty() {
        String::new()
    } else {
        format!(" ({package})")
    };
    let own = env!("CARGO_PKG_VERSION");
    let first = format!(
        "QEMU emulator version {major}.{minor}.{micro}{package}\nrunstate {own}: a stand-in that runs no guest\n"
    );
    match information {
        Information::Version => first,
        Information::Help => format!(
            "{first}usage: {program} [options] [disk_image]\n\n\
             It takes QEMU's options; those that say nothing about run states change nothing.\n\n\
             -runstate KEY=VALUE,..  the stand-in's own settings: release, profile, fault, scenario, mode,\n                        \
             control, allow-remote, agent, show-ignored\n"
        ),
    }
}

fn print(text: &str) {
    // Nobody may be there to read it.
    let _ = io::stdout().write_all(text.as_bytes());
}

pub(crate) fn complain(text: &str) {
    // With stderr closed there is nobody to tell.
    let _ = io::stderr().write_all(text.as_bytes());
}
