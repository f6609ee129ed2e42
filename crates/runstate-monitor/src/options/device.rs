//! `-device`: only some devices matter to run states, all are remembered.

use runstate_qmp::{Layout, Value};

use super::keyval::{self, Syntax};
use super::report::Report;

/// A device of the command line, in either spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Its kind: `pvpanic`, `ib700`, ...
    pub driver: String,
    /// Its id, if it has one.
    pub id: Option<String>,
    /// Its other properties, as text.
    pub properties: Vec<(String, String)>,
}

impl Device {
    /// The value of a property, the last one given.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a numeric property, in any base C knows.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        keyval::parse_number(self.property(name)?)
    }

    /// The slot and the function a PCI device asks for with `addr=`: `04.0`, `0x4`, `1.2`.
    #[must_use]
    pub fn pci_address(&self) -> Option<(u8, u8)> {
        let text = self.property("addr")?;
        let (slot, function) = text.split_once('.').unwrap_or((text, "0"));
        let slot = u8::from_str_radix(slot.trim_start_matches("0x"), 16).ok()?;
        let function = function.parse().ok()?;
        (slot < 32 && function < 8).then_some((slot, function))
    }
}

const SYNTAX: Syntax = Syntax {
    implied: Some("driver"),
    keys: &[],
};

/// Reads the argument of `-device`.
pub(crate) fn parse(text: &str, warnings: &mut Vec<Report>) -> Result<Device, Report> {
    if text.starts_with('{') {
        return from_json(text);
    }
    let pairs = keyval::parse(text, SYNTAX, warnings)?;
    from_pairs(pairs.id, pairs.list)
}

/// A device from the pairs of `-device` or of a section of a configuration file.
pub(crate) fn from_pairs(id: Option<String>, list: Vec<(String, String)>) -> Result<Device, Report> {
    let mut device = Device {
        id,
        ..Device::default()
    };
    for (key, value) in list {
        match key.as_str() {
            "driver" => device.driver = value,
            _ => device.properties.push((key, value)),
        }
    }
    if device.driver.is_empty() {
        return Err(Report::error("Parameter 'driver' is missing"));
    }
    Ok(device)
}

fn from_json(text: &str) -> Result<Device, Report> {
    let value = Value::parse(text.as_bytes()).map_err(|error| Report::error(error.words()))?;
    let object = value
        .as_object()
        .ok_or_else(|| Report::error("Parameter 'driver' is missing"))?;
    let list = object.iter().map(|(key, value)| (key.to_owned(), plain(value)));
    let (id, rest): (Vec<_>, Vec<_>) = list.partition(|(key, _)| key == "id");
    from_pairs(id.into_iter().next().map(|(_, value)| value), rest)
}

/// A JSON value as the other spelling would have it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "on".to_owned(),
        Value::Bool(false) => "off".to_owned(),
        Value::Null
        | Value::Int(_)
        | Value::Uint(_)
        | Value::Double(_)
        | Value::Array(_)
        | Value::Object(_) => value.print(Layout::Compact),
    }
}
