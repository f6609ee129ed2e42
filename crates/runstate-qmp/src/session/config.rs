//! What a session is told at its beginning: the greeting.

use alloc::borrow::Cow;

use crate::{Layout, Object, Value, object};

/// A monitor's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "QEMU's greeting and its options close it"
)]
pub struct Config {
    /// The version to greet with.
    pub version: Version,
    /// Whether out-of-band execution is offered. QEMU offers it on character devices that its monitor I/O thread
    /// can serve: sockets and stdio among them.
    pub offer_oob: bool,
    /// The option `pretty`.
    pub layout: Layout,
    /// Whether a client is greeted and has to negotiate. A guest agent greets nobody, knows no `qmp_capabilities` and
    /// executes commands from the start: qga/main.c.
    pub negotiates: bool,
}

/// QEMU's version: `VersionInfo` of qapi/control.json.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the schema closes it")]
pub struct Version {
    /// 7 of 7.2.22.
    pub major: u32,
    /// 2 of 7.2.22.
    pub minor: u32,
    /// 22 of 7.2.22.
    pub micro: u32,
    /// What a distribution adds: `Debian 1:7.2+dfsg-7+deb12u18+b3`. Empty in QEMU's own releases.
    pub package: Cow<'static, str>,
}

impl Config {
    /// A monitor on a socket, in one line a message.
    #[must_use]
    pub const fn new(version: Version) -> Self {
        Self {
            version,
            offer_oob: true,
            layout: Layout::Compact,
            negotiates: true,
        }
    }

    /// The first message to a client. `qmp_greeting()`, monitor/qmp.c.
    #[must_use]
    pub fn greeting(&self) -> Object {
        let capabilities: Value = self.offer_oob.then_some("oob").into_iter().collect();
        object! {
            "QMP": object! { "version": self.version.to_object(), "capabilities": capabilities },
        }
    }
}

impl Version {
    /// A release of QEMU's own.
    #[must_use]
    pub const fn new(major: u32, minor: u32, micro: u32) -> Self {
        Self {
            major,
            minor,
            micro,
            package: Cow::Borrowed(""),
        }
    }

    /// The version as `query-version` returns it. `qmp_query_version()`, monitor/qmp-cmds-control.c.
    #[must_use]
    pub fn to_object(&self) -> Object {
        object! {
            "qemu": object! { "major": self.major, "minor": self.minor, "micro": self.micro },
            "package": &*self.package,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded on QEMU 7.2.22 of Debian.
    #[test]
    fn greeting_is_qemus() {
        let package = Cow::Borrowed("Debian 1:7.2+dfsg-7+deb12u18+b3");
        let mut config = Config::new(Version {
            package,
            ..Version::new(7, 2, 22)
        });
        assert_eq!(
            config.greeting().to_string(),
            "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, \
             \"package\": \"Debian 1:7.2+dfsg-7+deb12u18+b3\"}, \"capabilities\": [\"oob\"]}}"
        );
        config.offer_oob = false;
        assert!(config.greeting().to_string().ends_with("\"capabilities\": []}}"));
    }
}
