//! `-incoming`.

use runstate::Release;
use runstate_qmp::Value;

use super::report::Report;

/// Where an incoming migration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// `defer`: `migrate-incoming` will say.
    Defer,
    /// A URI, or a channel as JSON.
    From(String),
}

impl Incoming {
    /// The argument, as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Defer => "defer",
            Self::From(text) => text,
        }
    }
}

/// The protocols of `migrate_uri_parse()`, migration/migration.c.
const PROTOCOLS: &[&str] = &["exec", "fd", "file", "rdma", "tcp", "unix", "vsock"];

/// Reads the argument. Up to 9.2 a wrong one is only found when the migration starts; see [`check`].
pub(crate) fn parse(text: &str, release: Release) -> Result<Incoming, Report> {
    if text == "defer" {
        return Ok(Incoming::Defer);
    }
    let incoming = Incoming::From(text.to_owned());
    if release >= Release::V10_0_0 {
        check_channel(text)?;
    }
    Ok(incoming)
}

/// `qemu_start_incoming_migration()` of 6.0 to 9.2.
pub(crate) fn check(incoming: &Incoming, release: Release) -> Result<(), Report> {
    let Incoming::From(text) = incoming else {
        return Ok(());
    };
    if release < Release::V10_0_0 && !has_known_protocol(text) {
        return Err(Report::error(format!("unknown migration protocol: {text}")));
    }
    Ok(())
}

/// `incoming_option_parse()`, system/vl.c (10.0): a URI, or a `MigrationChannel` in keyval syntax or JSON.
fn check_channel(text: &str) -> Result<(), Report> {
    if has_known_protocol(text) {
        return Ok(());
    }
    let kind = if text.starts_with('{') {
        let value = Value::parse(text.as_bytes()).map_err(|error| Report::error(error.words()))?;
        value
            .get("channel-type")
            .and_then(Value::as_str)
            .map(str::to_owned)
    } else {
        let first = text.split(',').next().unwrap_or_default();
        Some(first.strip_prefix("channel-type=").unwrap_or(first).to_owned())
    };
    match kind.as_deref() {
        Some("main" | "cpr") => Ok(()),
        Some(kind) => Err(Report::error(format!(
            "Parameter 'channel-type' does not accept value '{kind}'"
        ))),
        None => Err(Report::error("Parameter 'channel-type' is missing")),
    }
}

fn has_known_protocol(text: &str) -> bool {
    text.split_once(':')
        .is_some_and(|(protocol, _)| PROTOCOLS.contains(&protocol))
}
