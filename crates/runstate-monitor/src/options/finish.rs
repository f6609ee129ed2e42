//! What QEMU checks when all options are read, in its order.

use runstate::Release;

use super::parse::{Parser, incoming_of};
use super::report::Report;
use super::{Backend, Incoming, MachineFamily, action, chardev, incoming, machine, monitor};

pub(crate) fn finish(parser: &mut Parser<'_>) -> Result<(), Report> {
    check_combinations(parser)?;
    let actions = core::mem::take(&mut parser.pending.actions);
    let at = parser.pending.actions_at.take().unwrap_or_default();
    action::apply(&actions, &mut parser.options, parser.release).map_err(|report| report.at(&at))?;
    create_chardevs(parser)?;
    select_machine(parser)?;
    monitor::create(parser)?;
    let incoming = incoming_of(parser).map_or(Ok(()), |incoming| incoming::check(incoming, parser.release));
    incoming.map_err(|report| report.at(&parser.pending.incoming_at))
}

/// `qemu_validate_options()`, system/vl.c; the first rule is 5a7f21efaf (9.0 and 7.2.22).
fn check_combinations(parser: &Parser<'_>) -> Result<(), Report> {
    let options = &parser.options;
    let refuses_both = parser.release >= Release::V9_0 || parser.release == Release::V7_2;
    if options.loadvm.is_some() && options.incoming.is_some() && refuses_both {
        return Err(Report::error(
            "'incoming' and 'loadvm' options are mutually exclusive",
        ));
    }
    if options.loadvm.is_some() && options.preconfig {
        return Err(Report::error(
            "'preconfig' and 'loadvm' options are mutually exclusive",
        ));
    }
    if options.preconfig && matches!(options.incoming, Some(Incoming::From(_))) {
        return Err(Report::error("'preconfig' supports '-incoming defer' only"));
    }
    if options.daemonize && options.nographic && options.default_devices {
        return Err(Report::error("-nographic cannot be used with -daemonize"));
    }
    Ok(())
}

fn create_chardevs(parser: &mut Parser<'_>) -> Result<(), Report> {
    for (pairs, location) in core::mem::take(&mut parser.pending.chardevs) {
        let chardev =
            chardev::from_pairs(&pairs, &location, parser.release).map_err(|report| report.at(&location))?;
        let stdio_taken = parser
            .options
            .chardevs
            .iter()
            .any(|other| other.backend == Backend::Stdio);
        if chardev.backend == Backend::Stdio && stdio_taken {
            return Err(Report::error("cannot use stdio by multiple character devices").at(&location));
        }
        if chardev.backend == Backend::Stdio && parser.options.daemonize {
            return Err(Report::error("cannot use stdio with -daemonize").at(&location));
        }
        parser.options.chardevs.push(chardev);
    }
    Ok(())
}

fn select_machine(parser: &mut Parser<'_>) -> Result<(), Report> {
    let type_ = &parser.options.machine;
    if MachineFamily::of(type_).is_none() {
        // The name is shown since 9.1.
        let message = if parser.release >= Release::V9_1 {
            format!("unsupported machine type: \"{type_}\"")
        } else {
            "unsupported machine type".to_owned()
        };
        return Err(Report::error(message).hint("Use -machine help to list supported machines"));
    }
    if let Some(smp) = parser.pending.smp.take() {
        let (cpus, max_cpus) = machine::parse_smp(&smp, &mut parser.options.warnings)?;
        parser.options.cpus = cpus;
        parser.options.max_cpus = max_cpus;
    }
    select_accelerators(parser)
}

/// `configure_accelerators()`, system/vl.c.
fn select_accelerators(parser: &mut Parser<'_>) -> Result<(), Report> {
    let named = core::mem::take(&mut parser.pending.accelerators);
    let from_machine = parser.pending.machine_accelerators.take();
    if !named.is_empty() && from_machine.is_some() {
        return Err(Report::error(
            "The -accel and \"-machine accel=\" options are incompatible",
        ));
    }
    let list = match from_machine {
        Some(list) => list
            .split(':')
            .map(|name| (name.to_owned(), String::new()))
            .collect(),
        None => named,
    };
    let mut refused = Vec::new();
    for (name, location) in list {
        if machine::is_accelerator(&name) {
            parser.options.accelerators.push(name);
        } else {
            refused.push(Report::error(format!("invalid accelerator {name}")).at(&location));
        }
    }
    if parser.options.accelerators.is_empty()
        && let Some(last) = refused.pop()
    {
        parser.options.warnings.append(&mut refused);
        return Err(last);
    }
    parser.options.warnings.append(&mut refused);
    Ok(())
}
