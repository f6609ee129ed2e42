//! [`Error`]: what QEMU answers when a command fails.

use alloc::string::String;
use core::fmt;

use crate::{Object, object};

/// A failed command, as `{"class": C, "desc": D}` on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Error {
    class: ErrorClass,
    desc: String,
}

/// `QapiErrorClass` of qapi/error.json, in schema order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the schema closes it")]
pub enum ErrorClass {
    /// Anything that has no class of its own.
    #[default]
    GenericError,
    /// The command does not exist, or not now.
    CommandNotFound,
    /// A device is not active.
    DeviceNotActive,
    /// A device does not exist.
    DeviceNotFound,
    /// KVM lacks something.
    KVMMissingCap,
}

impl Error {
    /// An error of `class`, described by `desc` for a person to read.
    #[must_use]
    pub fn new(class: ErrorClass, desc: impl Into<String>) -> Self {
        Self {
            class,
            desc: desc.into(),
        }
    }

    /// An error of [`ErrorClass::GenericError`].
    #[must_use]
    pub fn generic(desc: impl Into<String>) -> Self {
        Self::new(ErrorClass::GenericError, desc)
    }

    /// What QEMU says about a command it does not have. `qmp_dispatch()`, qapi/qmp-dispatch.c.
    #[must_use]
    pub fn command_not_found(command: &str) -> Self {
        Self::new(
            ErrorClass::CommandNotFound,
            format!("The command {command} has not been found"),
        )
    }

    /// The class.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        self.class
    }

    /// The description.
    #[must_use]
    pub fn desc(&self) -> &str {
        &self.desc
    }

    /// The error as an object: the value of `error` in a reply.
    #[must_use]
    pub fn to_object(&self) -> Object {
        object! { "class": self.class.name(), "desc": self.desc.as_str() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.desc)
    }
}

impl core::error::Error for Error {}

impl ErrorClass {
    /// All classes, in schema order.
    pub const ALL: [Self; 5] = [
        Self::GenericError,
        Self::CommandNotFound,
        Self::DeviceNotActive,
        Self::DeviceNotFound,
        Self::KVMMissingCap,
    ];

    /// The class's name in the schema.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GenericError => "GenericError",
            Self::CommandNotFound => "CommandNotFound",
            Self::DeviceNotActive => "DeviceNotActive",
            Self::DeviceNotFound => "DeviceNotFound",
            Self::KVMMissingCap => "KVMMissingCap",
        }
    }

    /// The class of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_found_by_name() {
        for class in ErrorClass::ALL {
            assert_eq!(ErrorClass::from_name(class.name()), Some(class));
        }
        assert_eq!(ErrorClass::from_name("genericerror"), None);
    }

    #[test]
    fn an_error_prints_its_class_first() {
        let error = Error::command_not_found("é");
        assert_eq!(
            error.to_object().to_string(),
            r#"{"class": "CommandNotFound", "desc": "The command \u00E9 has not been found"}"#
        );
    }
}
