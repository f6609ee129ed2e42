//! Reading JSON that must have a certain shape, with errors that know where they are.

use runstate_qmp::{Object, Value};

use super::suggest;

/// What is wrong with a part of a JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misshapen {
    /// The way to the part, innermost first.
    pub(super) path: Vec<Part>,
    /// Whether the member's name is meant, not its value.
    pub(super) key: bool,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// One step of the way into a JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Member(String),
    Element(usize),
}

impl Misshapen {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            path: Vec::new(),
            key: false,
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, seen from the object whose member it is in.
    pub(super) fn member(mut self, key: &str) -> Self {
        self.path.push(Part::Member(key.to_owned()));
        self
    }

    /// The same, seen from the array whose element it is in.
    pub(super) fn element(mut self, index: usize) -> Self {
        self.path.push(Part::Element(index));
        self
    }

    /// The name of the member `key` is meant.
    pub(super) fn at_key(mut self, key: &str) -> Self {
        self.key = true;
        self.member(key)
    }
}

pub(super) type Shaped<T> = Result<T, Misshapen>;

/// What kind of value it is, with its article.
pub(super) const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Int(_) | Value::Uint(_) | Value::Double(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The object that `value` must be, with no other members than `known`.
pub(super) fn object<'a>(value: &'a Value, what: &str, known: &[&str]) -> Shaped<&'a Object> {
    let object = value
        .as_object()
        .ok_or_else(|| Misshapen::new(format!("{what} is an object, and this is {}", kind(value))))?;
    match object.keys().find(|key| !known.contains(key)) {
        None => Ok(object),
        Some(key) => Err(Misshapen::new(format!("{what} has no member `{key}`"))
            .hint(suggest::hint(key, known))
            .at_key(key)),
    }
}

/// The member `key`, which must be there.
pub(super) fn required<'a>(object: &'a Object, what: &str, key: &str) -> Shaped<&'a Value> {
    object
        .get(key)
        .ok_or_else(|| Misshapen::new(format!("{what} lacks the member `{key}`")))
}

/// The string that the member `key` must be, if it is there.
pub(super) fn string<'a>(object: &'a Object, key: &str) -> Shaped<Option<&'a str>> {
    object.get(key).map(|value| text(value, key)).transpose()
}

/// The string that the value of the member `key` must be.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> Shaped<&'a str> {
    value.as_str().ok_or_else(|| wrong(value, key, "a string"))
}

/// The truth value that the member `key` must be, if it is there.
pub(super) fn truth(object: &Object, key: &str) -> Shaped<Option<bool>> {
    object
        .get(key)
        .map(|value| {
            value
                .as_bool()
                .ok_or_else(|| wrong(value, key, "`true` or `false`"))
        })
        .transpose()
}

/// The whole number from 0 to `most` that the member `key` must be.
pub(super) fn number(object: &Object, what: &str, key: &str, most: u64) -> Shaped<u64> {
    let value = required(object, what, key)?;
    value
        .as_u64()
        .filter(|number| *number <= most)
        .ok_or_else(|| wrong(value, key, &format!("a whole number from 0 to {most}")))
}

/// The one of `names` that the value of the member `key` must be, as `parse` has it.
pub(super) fn name<T: Copy>(
    value: &Value,
    key: &str,
    all: &[T],
    name_of: impl Fn(T) -> &'static str,
) -> Shaped<T> {
    let written = text(value, key)?;
    all.iter()
        .copied()
        .find(|one| name_of(*one) == written)
        .ok_or_else(|| {
            let names: Vec<&str> = all.iter().copied().map(name_of).collect();
            Misshapen::new(format!("`{written}` is no `{key}`"))
                .hint(suggest::hint(written, &names))
                .member(key)
        })
}

fn wrong(value: &Value, key: &str, expected: &str) -> Misshapen {
    let is = match value {
        Value::Int(_) | Value::Uint(_) | Value::Double(_) => value.to_string(),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            kind(value).to_owned()
        }
    };
    Misshapen::new(format!("`{key}` is {expected}, and this is {is}")).member(key)
}
