//! The links of a VM: one for each character device, and one for the control socket.

use mio::{Registry, Token};
use runstate_monitor::options::{Chardev, MonitorMode, Options};

use super::control;
use super::link::{Link, Role};
use super::open::{Chardevs, OpenError, Openness};
use super::vm::Served;

/// How many links a VM may have: the low bits of a token are the link's.
const LINK_BITS: usize = 7;

/// The tokens of a link: of its listener, of its stream.
const fn tokens(vm: usize, link: usize) -> (Token, Token) {
    let base = (vm << LINK_BITS | link) << 1;
    (Token(base), Token(base | 1))
}

/// The token of a file that a command reads: the last link's, which no VM has.
pub(super) const fn config_token(vm: usize) -> Token {
    tokens(vm, (1 << LINK_BITS) - 1).0
}

/// The VM of a token.
pub(crate) const fn vm_of(token: Token) -> usize {
    token.0 >> (LINK_BITS + 1)
}

/// Opens every character device, and the control socket.
pub(super) fn open(
    served: &Served,
    index: usize,
    registry: &Registry,
    waiting: &mut dyn FnMut(&str, &str),
    links: &mut Vec<Link>,
) -> Result<(), (String, OpenError)> {
    let options = &served.settings.setup.options;
    for chardev in &options.chardevs {
        let open = Chardevs {
            chardev,
            openness: served.openness,
        }
        .open(|filename| waiting(&chardev.location, filename))
        .map_err(|error| (chardev.location.clone(), error))?;
        let tokens = tokens(index, links.len());
        let role = role(options, &chardev.id);
        links.push(Link::new(&chardev.id, role, open, tokens));
    }
    if let Some(path) = &served.control {
        let open = control::open(path).map_err(|error| (format!("control={path}"), error))?;
        links.push(Link::new(
            "control",
            Role::Control,
            open,
            tokens(index, links.len()),
        ));
    }
    for link in links {
        link.register(registry)
            .map_err(|error| (link.id.clone(), OpenError::from(error)))?;
    }
    Ok(())
}

/// Opens a character device of run time and gives it a link.
pub(super) fn open_further(
    chardev: &Chardev,
    openness: Openness,
    index: usize,
    registry: &Registry,
    links: &mut Vec<Link>,
) -> Result<(), OpenError> {
    // The place of one that has gone; the last token is that of a file.
    let free = links.iter().position(|link| link.id.is_empty());
    let at = free.unwrap_or(links.len());
    if at >= (1 << LINK_BITS) - 1 {
        return Err(OpenError::new("the stand-in has no place for more sockets"));
    }
    let open = Chardevs { chardev, openness }.open(|_| {})?;
    let mut link = Link::new(&chardev.id, Role::Idle, open, tokens(index, at));
    link.register(registry)?;
    match links.get_mut(at) {
        Some(place) => *place = link,
        None => links.push(link),
    }
    Ok(())
}

fn role(options: &Options, chardev: &str) -> Role {
    if options.qtest.as_deref() == Some(chardev) {
        return Role::Qtest;
    }
    let mut ports = 0;
    for monitor in &options.monitors {
        match (monitor.chardev == chardev, monitor.mode) {
            (true, MonitorMode::Control) => return Role::Qmp(ports),
            (true, MonitorMode::Readline) => return Role::Hmp,
            (false, MonitorMode::Control) => ports += 1,
            (false, MonitorMode::Readline) => {}
        }
    }
    Role::Idle
}
