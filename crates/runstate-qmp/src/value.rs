//! [`Value`]: QEMU's QObject.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::Object;

/// A JSON value as QEMU holds it: its QObject.
///
/// Numbers keep QEMU's three kinds: what fits is an `i64`, else a `u64`, else a double (`parse_literal()`,
/// qobject/json-parser.c). Strings are Unicode text, U+0000 included; QEMU's parser lets nothing else in.
///
/// A whole number is never equal to a double, as in `qnum_is_equal()` (qobject/qnum.c).
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_enums, reason = "JSON closes it")]
pub enum Value {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number that fits in 64 bits with sign.
    Int(i64),
    /// A whole number above [`i64::MAX`]. `Value::from(n)` for a `u64` chooses between this and [`Int`](Self::Int).
    Uint(u64),
    /// Any other number. May be infinite: QEMU reads `1e400` as infinity, and prints `inf`.
    Double(f64),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Self>),
    /// An object.
    Object(Object),
}

impl Value {
    /// An empty object, `{}`: what QEMU returns for a command that has no result.
    #[must_use]
    pub const fn empty() -> Self {
        Self::Object(Object::new())
    }

    /// The truth value, if it is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self {
            Some(*value)
        } else {
            None
        }
    }

    /// The number, if it is whole and fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Uint(value) => i64::try_from(*value).ok(),
            Self::Null
            | Self::Bool(_)
            | Self::Double(_)
            | Self::String(_)
            | Self::Array(_)
            | Self::Object(_) => None,
        }
    }

    /// The number, if it is whole, not negative, and fits.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Int(value) => u64::try_from(*value).ok(),
            Self::Uint(value) => Some(*value),
            Self::Null
            | Self::Bool(_)
            | Self::Double(_)
            | Self::String(_)
            | Self::Array(_)
            | Self::Object(_) => None,
        }
    }

    /// The number, rounded to a double. `qnum_get_double()`, qobject/qnum.c.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Uint(value) => Some(*value as f64),
            Self::Double(value) => Some(*value),
            Self::Null | Self::Bool(_) | Self::String(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// The string, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(value) = self {
            Some(value)
        } else {
            None
        }
    }

    /// The elements, if it is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(value) = self {
            Some(value)
        } else {
            None
        }
    }

    /// The object, if it is one.
    #[must_use]
    pub const fn as_object(&self) -> Option<&Object> {
        if let Self::Object(value) = self {
            Some(value)
        } else {
            None
        }
    }

    /// The object, to change it.
    pub const fn as_object_mut(&mut self) -> Option<&mut Object> {
        if let Self::Object(value) = self {
            Some(value)
        } else {
            None
        }
    }

    /// The member `key`, if it is an object that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_object().and_then(|object| object.get(key))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Uint(a), Self::Uint(b)) => a == b,
            (Self::Int(a), Self::Uint(b)) | (Self::Uint(b), Self::Int(a)) => u64::try_from(*a) == Ok(*b),
            (Self::Double(a), Self::Double(b)) => a == b,
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => a == b,
            (Self::Object(a), Self::Object(b)) => a == b,
            (
                Self::Null
                | Self::Bool(_)
                | Self::Int(_)
                | Self::Uint(_)
                | Self::Double(_)
                | Self::String(_)
                | Self::Array(_)
                | Self::Object(_),
                _,
            ) => false,
        }
    }
}

impl PartialEq<str> for Value {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Value {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == Some(*other)
    }
}

macro_rules! from {
    ($($type:ty, $value:ident => $result:expr;)*) => {
        $(impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $result
            }
        })*
    };
}

from! {
    (), _unit => Self::Null;
    bool, value => Self::Bool(value);
    i32, value => Self::Int(i64::from(value));
    i64, value => Self::Int(value);
    u8, value => Self::Int(i64::from(value));
    u16, value => Self::Int(i64::from(value));
    u32, value => Self::Int(i64::from(value));
    u64, value => i64::try_from(value).map_or(Self::Uint(value), Self::Int);
    usize, value => Self::from(value as u64);
    f64, value => Self::Double(value);
    &str, value => Self::String(String::from(value));
    String, value => Self::String(value);
    &String, value => Self::String(value.clone());
    Box<str>, value => Self::String(String::from(value));
    Cow<'_, str>, value => Self::String(value.into_owned());
    Object, value => Self::Object(value);
}

impl<T: Into<Self>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Self {
        values.into_iter().collect()
    }
}

impl<T: Into<Self>, const N: usize> From<[T; N]> for Value {
    fn from(values: [T; N]) -> Self {
        values.into_iter().collect()
    }
}

impl<T: Into<Self>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self::Array(values.into_iter().map(Into::into).collect())
    }
}

/// An [`Object`] from its members: `object! { "guest": false, "reason": "host-qmp-quit" }`.
///
/// Keys are anything that is `Into<Box<str>>`, values anything that is `Into<Value>`.
///
/// ```
/// use runstate_qmp::{Value, object};
///
/// let data = object! { "guest": true, "reason": "guest-reset", "more": object! { "list": [1, 2] } };
/// assert_eq!(
///     Value::from(data).to_string(),
///     r#"{"guest": true, "more": {"list": [1, 2]}, "reason": "guest-reset"}"#
/// );
/// ```
#[macro_export]
macro_rules! object {
    ($($key:tt : $value:expr),* $(,)?) => {
        $crate::Object::new()$(.with($key, $value))*
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_compare_by_value_and_never_equal_a_double() {
        assert_eq!(Value::from(5_u64), Value::Int(5));
        assert_eq!(Value::Uint(5), Value::Int(5));
        assert_eq!(Value::from(u64::MAX), Value::Uint(u64::MAX));
        assert_ne!(Value::Int(-1), Value::Uint(u64::MAX));
        assert_ne!(Value::Int(1), Value::Double(1.0));
    }

    #[test]
    fn arrays_and_objects_are_made_from_what_they_hold() {
        assert_eq!(
            Value::from(["a", "b"]),
            Value::Array(vec!["a".into(), "b".into()])
        );
        assert_eq!(Value::from(vec![1_u32]), Value::Array(vec![Value::Int(1)]));
        assert_eq!(object! { "a": 1 }.get("a"), Some(&Value::Int(1)));
        assert_eq!(object! {}, Object::new());
    }
}
