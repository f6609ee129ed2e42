//! `key=value,key=value`: the syntax that most of QEMU's options share.
//!
//! Mirrors `opts_parse()` and `get_opt_name_value()`, util/qemu-option.c. A doubled comma is a comma of the value; a
//! word without `=` is the value of the implied key where it comes first, and a short form of `key=on` elsewhere.

use super::report::Report;

/// What a value must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Anything.
    Text,
    /// `on`, `yes`, `true`, `y` or `off`, `no`, `false`, `n`.
    Bool,
    /// A number as `strtoull()` takes it, base 0.
    Number,
}

/// The keys an option takes. Empty: any key, unchecked.
pub(crate) type Keys = &'static [(&'static str, Kind)];

/// How an option's argument is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Syntax {
    /// The key of a first word that has none.
    pub(crate) implied: Option<&'static str>,
    /// The keys it takes.
    pub(crate) keys: Keys,
}

/// The keys and values of one option, in the order given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pairs {
    pub(crate) id: Option<String>,
    pub(crate) list: Vec<(String, String)>,
}

impl Pairs {
    /// The value of a key; the last one wins, as in `qemu_opt_get()`.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.list
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// Whether a key checked as [`Kind::Bool`] is on.
    pub(crate) fn is_on(&self, key: &str, default: bool) -> bool {
        self.get(key)
            .map_or(default, |value| parse_bool(value).unwrap_or(default))
    }

    /// The value of a key checked as [`Kind::Number`].
    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        parse_number(self.get(key)?)
    }

    /// Adds a pair after checking it against the keys that are allowed.
    pub(crate) fn push(&mut self, keys: Keys, key: String, value: String) -> Result<(), Report> {
        if key == "id" {
            return Ok(());
        }
        if !keys.is_empty() {
            let Some((_, kind)) = keys.iter().find(|(name, _)| *name == key) else {
                return Err(Report::error(format!("Invalid parameter '{key}'")));
            };
            kind.check(&key, &value)?;
        }
        self.list.push((key, value));
        Ok(())
    }
}

impl Kind {
    fn check(self, key: &str, value: &str) -> Result<(), Report> {
        let what = match self {
            Self::Text => return Ok(()),
            Self::Bool if parse_bool(value).is_some() => return Ok(()),
            Self::Number if parse_number(value).is_some() => return Ok(()),
            Self::Bool => "'on' or 'off'",
            Self::Number => "a number",
        };
        Err(Report::error(format!("Parameter '{key}' expects {what}")))
    }
}

/// Reads an argument. What QEMU warns of goes to `warnings`; `qemu_opts_parse_noisily()`.
pub(crate) fn parse(text: &str, syntax: Syntax, warnings: &mut Vec<Report>) -> Result<Pairs, Report> {
    let mut pairs = Pairs {
        id: find_id(text, syntax.implied),
        ..Pairs::default()
    };
    if let Some(id) = &pairs.id
        && !is_well_formed_id(id)
    {
        return Err(bad_id());
    }
    parse_into(&mut pairs, text, syntax, Some(warnings))?;
    Ok(pairs)
}

/// Reads an argument into pairs that exist already; `qemu_opts_do_parse()`, which does not warn.
pub(crate) fn parse_into(
    pairs: &mut Pairs,
    text: &str,
    syntax: Syntax,
    mut warnings: Option<&mut Vec<Report>>,
) -> Result<(), Report> {
    let mut rest = text;
    let mut implied = syntax.implied;
    while !rest.is_empty() {
        let (key, value, short) = next_pair(&mut rest, implied.take());
        if let (Some(short), Some(warnings)) = (short, warnings.as_deref_mut()) {
            warnings.push(short_form_warning(&short, &key, &value));
        }
        pairs.push(syntax.keys, key, value)?;
    }
    Ok(())
}

fn short_form_warning(short: &str, key: &str, value: &str) -> Report {
    let better = match (key, value) {
        ("delay", "off") => "nodelay=on".to_owned(),
        ("delay", _) => "nodelay=off".to_owned(),
        _ => format!("{key}={value}"),
    };
    Report::warning(format!("short-form boolean option '{short}' deprecated"))
        .hint(format!("Please use {better} instead"))
}

/// Takes the next pair, and the short form it was written in if it was.
fn next_pair(rest: &mut &str, implied: Option<&str>) -> (String, String, Option<String>) {
    let end = rest.find(['=', ',']).unwrap_or(rest.len());
    if rest[end..].starts_with('=') {
        let key = rest[..end].to_owned();
        *rest = &rest[end + 1..];
        return (key, take_value(rest), None);
    }
    if let Some(implied) = implied {
        return (implied.to_owned(), take_value(rest), None);
    }
    let word = rest[..end].to_owned();
    *rest = rest[end..].strip_prefix(',').unwrap_or("");
    match word.strip_prefix("no") {
        Some(key) => (key.to_owned(), "off".to_owned(), Some(word)),
        None => (word.clone(), "on".to_owned(), Some(word)),
    }
}

/// Takes a value up to a single comma, and the comma. `get_opt_value()`.
fn take_value(rest: &mut &str) -> String {
    let mut value = String::new();
    loop {
        let end = rest.find(',').unwrap_or(rest.len());
        value.push_str(&rest[..end]);
        *rest = &rest[end..];
        let Some(after) = rest.strip_prefix(",,") else {
            *rest = rest.strip_prefix(',').unwrap_or("");
            return value;
        };
        value.push(',');
        *rest = after;
    }
}

/// The id of an argument, wherever it stands. `opts_parse_id()`.
fn find_id(text: &str, implied: Option<&str>) -> Option<String> {
    let mut rest = text;
    let mut implied = implied;
    while !rest.is_empty() {
        let (key, value, _) = next_pair(&mut rest, implied.take());
        if key == "id" {
            return Some(value);
        }
    }
    None
}

/// `id_wellformed()`, util/id.c.
pub(crate) fn is_well_formed_id(id: &str) -> bool {
    id.starts_with(|c: char| c.is_ascii_alphabetic())
        && id
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
}

pub(crate) fn bad_id() -> Report {
    Report::error("Parameter 'id' expects an identifier")
        .hint("Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.")
}

/// `qapi_bool_parse()`, qapi/qapi-util.c.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "on" | "yes" | "true" | "y" => Some(true),
        "off" | "no" | "false" | "n" => Some(false),
        _ => None,
    }
}

/// A number as C's `strtoull()` with base 0 takes it, and nothing after it.
pub(crate) fn parse_number(text: &str) -> Option<u64> {
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u64::from_str_radix(hex, 16).ok();
    }
    if text.len() > 1 && text.starts_with('0') {
        return u64::from_str_radix(&text[1..], 8).ok();
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Syntax = Syntax {
        implied: Some("first"),
        keys: &[],
    };

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text, ANY, &mut Vec::new())
            .expect("any key is allowed")
            .list
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn commas_double() {
        assert_eq!(
            pairs("a,,b,c=d,,,e=f"),
            [pair("first", "a,b"), pair("c", "d,"), pair("e", "f")]
        );
        assert_eq!(pairs("a=1,"), [pair("a", "1")]);
        assert_eq!(pairs(",,"), [pair("first", ",")]);
    }

    #[test]
    fn short_forms_are_warned_of() {
        let mut warnings = Vec::new();
        let pairs = parse("x,server,nowait", ANY, &mut warnings).expect("any key is allowed");
        assert_eq!(
            pairs.list,
            [pair("first", "x"), pair("server", "on"), pair("wait", "off")]
        );
        assert_eq!(warnings.len(), 2);
        assert_eq!(
            warnings[1].message,
            "short-form boolean option 'nowait' deprecated"
        );
        assert_eq!(warnings[1].hint, "Please use wait=off instead");
    }

    #[test]
    fn ids_are_taken_out() {
        let pairs = parse("x,id=a-1,y=2", ANY, &mut Vec::new()).expect("any key is allowed");
        assert_eq!(pairs.id.as_deref(), Some("a-1"));
        assert_eq!(pairs.list, [pair("first", "x"), pair("y", "2")]);
        parse("x,id=_a", ANY, &mut Vec::new()).expect_err("no identifier");
    }
}
