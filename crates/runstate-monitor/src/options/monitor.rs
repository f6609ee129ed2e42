//! Monitors are made when the character devices are there: objects first, then what `-mon` and its like ask for.

use runstate::Release;

use super::keyval::Pairs;
use super::object;
use super::parse::Parser;
use super::report::Report;
use super::{MonitorMode, MonitorOption};

/// What is printed once where `-mon` is given. 11.1, system/vl.c.
const DEPRECATED: &str =
    "'-mon' is deprecated, use '-object' with 'monitor-hmp' or 'monitor-qmp' types instead";

/// `-mon` is deprecated since 11.1.
pub(crate) fn warn_of_mon(parser: &mut Parser<'_>) {
    let warnings = &mut parser.options.warnings;
    let is_said = warnings.iter().any(|report| report.message == DEPRECATED);
    if parser.release >= Release::V11_1 && !is_said {
        warnings.push(Report::warning(DEPRECATED));
    }
}

/// `qemu_create_late_backends()`, system/vl.c; `monitor_init_opts()` and `monitor_init()`, monitor/monitor.c.
pub(crate) fn create(parser: &mut Parser<'_>) -> Result<(), Report> {
    object::check_ids(parser)?;
    // QEMU does not say where an object stands that cannot be made.
    for monitor in core::mem::take(&mut parser.pending.object_monitors) {
        add(parser, monitor)?;
    }
    for (pairs, location) in core::mem::take(&mut parser.pending.monitors) {
        let made = from_pairs(parser, &pairs, &location).and_then(|monitor| {
            if let Some(id) = monitor
                .id
                .as_ref()
                .filter(|id| parser.options.objects.contains(id))
            {
                return Err(Report::error(object::duplicate(id)));
            }
            add(parser, monitor)
        });
        made.map_err(|report| report.at(&location))?;
    }
    if let Some(id) = &parser.options.qtest
        && parser.options.chardev(id).is_none()
    {
        return Err(Report::error(format!(
            "Failed to initialize device for qtest: \"chardev:{id}\""
        )));
    }
    Ok(())
}

fn add(parser: &mut Parser<'_>, monitor: MonitorOption) -> Result<(), Report> {
    let options = &mut parser.options;
    let chardev = &monitor.chardev;
    if options.chardev(chardev).is_none() {
        return Err(Report::error(format!("chardev \"{chardev}\" not found")));
    }
    if options.monitors.iter().any(|other| other.chardev == *chardev) {
        // 9.0: d0bad43c4c
        return Err(Report::error(if parser.release >= Release::V9_0 {
            format!("chardev '{chardev}' is already in use")
        } else {
            format!("Device '{chardev}' is in use")
        }));
    }
    options.monitors.push(monitor);
    Ok(())
}

fn from_pairs(parser: &mut Parser<'_>, pairs: &Pairs, location: &str) -> Result<MonitorOption, Report> {
    let Some(chardev) = pairs.get("chardev") else {
        return Err(Report::error("Parameter 'chardev' is missing"));
    };
    let mode = match pairs.get("mode") {
        None | Some("readline") => MonitorMode::Readline,
        Some("control") => MonitorMode::Control,
        Some(other) => return Err(object::bad_value(parser.release, "mode", other)),
    };
    let pretty = pairs.is_on("pretty", false);
    if pretty && mode == MonitorMode::Readline {
        return Err(Report::error("'pretty' is not compatible with HMP monitors"));
    }
    let id = (parser.release >= Release::V11_1).then(|| {
        pairs
            .id
            .clone()
            .unwrap_or_else(|| parser.pending.next_compat_monitor())
    });
    Ok(MonitorOption {
        location: location.to_owned(),
        chardev: chardev.to_owned(),
        mode,
        pretty,
        id,
        deletes_on_close: false,
    })
}
