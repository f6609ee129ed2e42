//! From the core's events to their data on the wire: the one place where the two meet.

use runstate::{Event, Release};
use runstate_qmp::{Object, Value, object};

/// The event's data: what the core decides, with what travelled beside it.
pub(super) fn of(event: Event, beside: Option<&Object>, release: Release) -> Option<Object> {
    let data = match event {
        Event::Powerdown
        | Event::Stop
        | Event::Resume
        | Event::Suspend
        | Event::SuspendDisk
        | Event::Wakeup
        | Event::GuestPvshutdown => return None,
        Event::Shutdown(cause) | Event::Reset(cause) => {
            object! { "guest": cause.by_guest(), "reason": cause.name() }
        }
        Event::Watchdog(action) => object! { "action": action.name() },
        Event::GuestPanicked(action) | Event::GuestCrashloaded(action) => {
            let data = object! { "action": action.name() };
            match beside {
                Some(info) if info.contains_key("type") => data.with("info", info.clone()),
                Some(_) | None => data,
            }
        }
        Event::MemoryFailure(failure) => object! {
            "recipient": failure.recipient.name(),
            "action": failure.action.name(),
            "flags": object! {
                "action-required": failure.flags.action_required,
                "recursive": failure.flags.recursive,
            },
        },
        Event::BlockIoError(action) => block_io_error(
            beside.cloned().unwrap_or_default().with("action", action.name()),
            release,
        ),
        Event::Migration(status) => object! { "status": status.name() },
        Event::MigrationPass(pass) => object! { "pass": i64::from(pass) },
        Event::ColoExit(mode, reason) => object! { "mode": mode.name(), "reason": reason.name() },
        Event::DumpCompleted => object! {
            "result": beside.cloned().unwrap_or_else(|| object! { "total": 0, "status": "completed", "completed": 0 }),
        },
        Event::JobStatusChange(status) => {
            let id = beside
                .and_then(|beside| beside.get("id"))
                .cloned()
                .unwrap_or_else(|| Value::from(""));
            object! { "status": status.name(), "id": id }
        }
    };
    Some(data)
}

/// BLOCK_IO_ERROR as the release says it: `send_qmp_error_event()`, block/block-backend.c.
fn block_io_error(mut data: Object, release: Release) -> Object {
    for (member, value) in [
        ("device", Value::from("")),
        ("operation", Value::from("write")),
        ("reason", Value::from("Input/output error")),
    ] {
        if !data.contains_key(member) {
            data.insert(member, value);
        }
    }
    if !release.block_io_error_has_qom_path() {
        data.remove("qom-path");
    } else if release.block_io_error_is_swapped() {
        let (device, path) = (data.remove("device"), data.remove("qom-path"));
        data.insert("device", path.unwrap_or_else(|| Value::from("")));
        data.insert("qom-path", device.unwrap_or_else(|| Value::from("")));
    }
    data
}

/// Whether a GuestPanicInformation is a TDX guest's.
pub(super) fn is_tdx(info: Option<&Object>) -> bool {
    info.and_then(|info| info.get("type")?.as_str()) == Some("tdx")
}
