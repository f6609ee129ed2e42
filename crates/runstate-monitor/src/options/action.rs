//! `-action` and what is short for it. All are merged; per key the last on the command line wins.

use runstate::{PanicAction, RebootAction, Release, ShutdownAction, WatchdogAction};

use super::keyval::{Kind, Pairs, Syntax};
use super::{Options, Report};

/// `qemu_action_opts`, system/vl.c.
pub(crate) const SYNTAX: Syntax = Syntax {
    implied: None,
    keys: &[
        ("shutdown", Kind::Text),
        ("reboot", Kind::Text),
        ("panic", Kind::Text),
        ("watchdog", Kind::Text),
    ],
};

/// Applies the merged actions, in the order of `set-action`. `process_runstate_actions()`, system/vl.c.
pub(crate) fn apply(actions: &Pairs, options: &mut Options, release: Release) -> Result<(), Report> {
    let refuse = |key: &str, value: &str| {
        Report::error(if release.enum_error_names_parameter() {
            format!("Parameter '{key}' does not accept value '{value}'")
        } else {
            format!("Invalid parameter '{value}'")
        })
    };
    if let Some(value) = actions.get("reboot") {
        options.reboot = RebootAction::from_name(value).ok_or_else(|| refuse("reboot", value))?;
    }
    if let Some(value) = actions.get("shutdown") {
        options.shutdown = ShutdownAction::from_name(value).ok_or_else(|| refuse("shutdown", value))?;
    }
    if let Some(value) = actions.get("panic") {
        let action = PanicAction::from_name(value).filter(|action| action.since() <= release);
        options.panic = action.ok_or_else(|| refuse("panic", value))?;
    }
    if let Some(value) = actions.get("watchdog") {
        options.watchdog = WatchdogAction::from_name(value).ok_or_else(|| refuse("watchdog", value))?;
    }
    Ok(())
}

/// `-watchdog-action` of 6.0 and 6.1: applied while parsing, in any case. `select_watchdog_action()`.
pub(crate) fn early_watchdog(value: &str) -> Result<WatchdogAction, Report> {
    WatchdogAction::from_name(&value.to_ascii_lowercase())
        .ok_or_else(|| Report::error("unknown -watchdog-action parameter"))
}
