//! Migration, out and in. migration/migration.c.

use runstate::{Capability, Channel, Command, MigrationStatus, Release};
use runstate_qmp::{Error, Object, Value, arguments::Arguments, object};

use super::{actions::one_of, done};
use crate::machine::Machine;

/// `MigrationCapability` (qapi/migration.json), with the release that brought each and, where it is gone, the first without.
const CAPABILITIES: &[(&str, Release, Option<Release>)] = &[
    ("xbzrle", Release::V6_0, None),
    ("rdma-pin-all", Release::V6_0, None),
    ("auto-converge", Release::V6_0, None),
    ("zero-blocks", Release::V6_0, Some(Release::V11_0)),
    ("compress", Release::V6_0, Some(Release::V9_1)),
    ("events", Release::V6_0, None),
    ("postcopy-ram", Release::V6_0, None),
    ("x-colo", Release::V6_0, None),
    ("release-ram", Release::V6_0, None),
    ("block", Release::V6_0, Some(Release::V9_1)),
    ("return-path", Release::V6_0, None),
    ("pause-before-switchover", Release::V6_0, None),
    ("multifd", Release::V6_0, None),
    ("dirty-bitmaps", Release::V6_0, None),
    ("postcopy-blocktime", Release::V6_0, None),
    ("late-block-activate", Release::V6_0, None),
    ("x-ignore-shared", Release::V6_0, None),
    ("validate-uuid", Release::V6_0, None),
    ("background-snapshot", Release::V6_0, None),
    ("zero-copy-send", Release::V7_1, None),
    ("postcopy-preempt", Release::V7_1, None),
    ("switchover-ack", Release::V8_1, None),
    ("dirty-limit", Release::V8_1, None),
    ("mapped-ram", Release::V9_0, None),
];

/// `check_caps_background_snapshot`, in its order.
const BACKGROUND_SNAPSHOT_EXCLUDES: &[&str] = &[
    "postcopy-ram",
    "dirty-bitmaps",
    "postcopy-blocktime",
    "late-block-activate",
    "return-path",
    "multifd",
    "pause-before-switchover",
    "auto-converge",
    "release-ram",
    "rdma-pin-all",
    "xbzrle",
    "x-colo",
    "validate-uuid",
    "zero-copy-send",
];

fn capabilities(release: Release) -> impl Iterator<Item = &'static str> {
    CAPABILITIES
        .iter()
        .filter(move |(_, since, until)| *since <= release && until.is_none_or(|until| release < until))
        .map(|(name, _, _)| *name)
}

/// A uri as the core has to know it, and the words with which QEMU refuses it.
fn channel(uri: &str, release: Release) -> (Channel, String) {
    const PROTOCOLS: &[&str] = &["tcp:", "unix:", "vsock:", "exec:", "rdma:"];
    if let Some(name) = uri.strip_prefix("fd:") {
        if name.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() {
            return (Channel::Good, String::new());
        }
        return (
            Channel::FailsAtOnce,
            format!("File descriptor named '{name}' has not been found"),
        );
    }
    let known = PROTOCOLS.iter().any(|protocol| uri.starts_with(protocol))
        || (uri.starts_with("file:") && release >= Release::V8_2);
    (
        if known {
            Channel::Good
        } else {
            Channel::UnknownProtocol
        },
        uri.to_owned(),
    )
}

/// Where to, by `uri` or (8.2) by `channels`.
fn destination(arguments: &mut Arguments<'_>, release: Release) -> Result<(Channel, String), Error> {
    if release < Release::V8_2 {
        return Ok(channel(arguments.required("uri")?.string()?, release));
    }
    let uri = arguments.optional("uri").map(|uri| uri.string()).transpose()?;
    let channels = arguments
        .optional("channels")
        .map(|channels| channels.array().map(|all| all.len()))
        .transpose()?;
    match (uri, channels) {
        (Some(uri), None) => Ok(channel(uri, release)),
        (None, Some(_)) => Ok((Channel::Good, String::new())),
        (None, None) | (Some(_), Some(_)) => Err(Error::generic("need either 'uri' or 'channels' argument")),
    }
}

pub(super) fn migrate(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    let release = machine.release();
    let mut arguments = Arguments::new(arguments);
    let (channel, words) = destination(&mut arguments, release)?;
    if release < Release::V9_1 {
        for name in ["blk", "inc"] {
            arguments.optional(name).map(|flag| flag.boolean()).transpose()?;
        }
    }
    if release < Release::V11_0 {
        arguments
            .optional("detach")
            .map(|flag| flag.boolean())
            .transpose()?;
    }
    let resume = arguments
        .optional("resume")
        .map(|flag| flag.boolean())
        .transpose()?
        .unwrap_or(false);
    arguments.finish()?;
    done(machine.core(
        if resume {
            Command::MigrateResume
        } else {
            Command::Migrate(channel)
        },
        &words,
    ))
}

pub(super) fn migrate_incoming(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    let release = machine.release();
    let mut arguments = Arguments::new(arguments);
    let (channel, words) = destination(&mut arguments, release)?;
    let mut exit_on_error = true;
    if release.has_exit_on_error() {
        exit_on_error = arguments
            .optional("exit-on-error")
            .map(|flag| flag.boolean())
            .transpose()?
            .unwrap_or(true);
    }
    arguments.finish()?;
    done(machine.core(
        Command::MigrateIncoming {
            channel,
            exit_on_error,
        },
        &words,
    ))
}

pub(super) fn migrate_cancel(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    Arguments::new(arguments).finish()?;
    done(machine.core(Command::MigrateCancel, ""))
}

pub(super) fn migrate_continue(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    let release = machine.release();
    let mut arguments = Arguments::new(arguments);
    let state = one_of(&arguments.required("state")?, release, |name| {
        MigrationStatus::from_name(name).filter(|status| status.since() <= release)
    })?;
    arguments.finish()?;
    done(machine.core(Command::MigrateContinue(state), ""))
}

pub(super) fn migrate_start_postcopy(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    Arguments::new(arguments).finish()?;
    done(machine.core(Command::MigrateStartPostcopy, ""))
}

pub(super) fn migrate_pause(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    Arguments::new(arguments).finish()?;
    done(machine.core(Command::MigratePause, ""))
}

pub(super) fn migrate_recover(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    let mut arguments = Arguments::new(arguments);
    arguments.required("uri")?.string()?;
    arguments.finish()?;
    done(machine.core(Command::MigrateRecover, ""))
}

/// `qmp_migrate_set_capabilities()`, migration/options.c: all of them or none.
pub(super) fn migrate_set_capabilities(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    let release = machine.release();
    let mut arguments = Arguments::new(arguments);
    let mut changes = Vec::new();
    for element in arguments.required("capabilities")?.array()? {
        let mut element = element.structure()?;
        let name = one_of(&element.required("capability")?, release, |name| {
            capabilities(release).find(|known| *known == name)
        })?;
        let state = element.required("state")?.boolean()?;
        element.finish()?;
        changes.push((name, state));
    }
    arguments.finish()?;
    if machine.vm().migration_in_flight() {
        return Err(Error::generic("There's a migration process in progress"));
    }
    check_capabilities(release, |name| {
        let change = changes.iter().rev().find(|(changed, _)| *changed == name);
        change.map_or_else(|| machine.has_capability(name), |(_, state)| *state)
    })?;
    for (name, state) in changes {
        machine.set_capability(name, state);
        if let Some(capability) = Capability::from_name(name) {
            machine.core(Command::MigrateSetCapability(capability, state), "")?;
        }
    }
    Ok(Value::empty())
}

/// What excludes or requires what: `migrate_caps_check()`, migration/options.c (migration/migration.c before 8.1).
fn check_capabilities(release: Release, on: impl Fn(&str) -> bool) -> Result<(), Error> {
    if release >= Release::V11_0 && on("x-colo") && !on("return-path") {
        return Err(Error::generic(
            "Capability 'x-colo' requires capability 'return-path'",
        ));
    }
    if on("background-snapshot")
        && let Some(conflict) = BACKGROUND_SNAPSHOT_EXCLUDES.iter().find(|name| on(name))
    {
        return Err(Error::generic(format!(
            "Background-snapshot is not compatible with {conflict}"
        )));
    }
    Ok(())
}

pub(super) fn query_migrate_capabilities(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    Arguments::new(arguments).finish()?;
    let list: Value = capabilities(machine.release())
        .map(|name| Value::from(object! { "state": machine.has_capability(name), "capability": name }))
        .collect();
    Ok(list)
}

/// `migrate-set-parameters`: what matters here is `mode`; the others are taken as they come, for they change no run state.
pub(super) fn migrate_set_parameters(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    const MODES: &[(&str, Release)] = &[
        ("normal", Release::V8_2),
        ("cpr-reboot", Release::V9_0),
        ("cpr-transfer", Release::V10_0_0),
        ("cpr-exec", Release::V10_2),
    ];
    let release = machine.release();
    let mut checked = Arguments::new(arguments);
    if let Some(mode) = checked.optional("mode").filter(|_| release >= Release::V8_2) {
        let mode = one_of(&mode, release, |name| {
            MODES
                .iter()
                .find(|(mode, since)| *mode == name && *since <= release)
        })?;
        machine.core(Command::MigrateSetCprReboot(mode.0 == "cpr-reboot"), "")?;
    }
    Ok(Value::empty())
}

pub(super) fn query_migrate(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    Arguments::new(arguments).finish()?;
    let status = machine.vm().migration_status();
    if status == MigrationStatus::None {
        return Ok(Value::empty());
    }
    Ok(object! { "status": status.name() }.into())
}

pub(super) fn x_colo_lost_heartbeat(machine: &mut Machine, arguments: &Object) -> Result<Value, Error> {
    Arguments::new(arguments).finish()?;
    done(machine.core(Command::ColoLostHeartbeat, ""))
}
