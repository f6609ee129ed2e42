//! pvpanic: the guest tells that it panicked. hw/misc/pvpanic.c.

use runstate::{Guest, Release};

use super::{Act, Width};
use crate::options::Device;

/// The guest panicked.
const PANICKED: u8 = 1;
/// The guest panicked and a crash kernel is loaded.
const CRASH_LOADED: u8 = 2;
/// The guest shuts down (9.1).
const SHUTDOWN: u8 = 4;

/// pvpanic on the ISA bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pvpanic {
    /// Its one port.
    pub(super) port: u16,
    events: u8,
}

impl Pvpanic {
    pub(super) fn isa(device: &Device, release: Release) -> Self {
        let port = device
            .number("ioport")
            .and_then(|port| u16::try_from(port).ok())
            .unwrap_or(0x505);
        Self {
            port,
            events: events(device, release),
        }
    }

    /// The region is one byte wide; a wider access repeats it.
    pub(super) fn read(self, width: Width) -> u32 {
        (u32::from(self.events) * 0x0101_0101) & width.mask()
    }
}

/// What a read tells the guest it may write: the property `events`.
pub(super) fn events(device: &Device, release: Release) -> u8 {
    let default = if release.has_pvshutdown() {
        PANICKED | CRASH_LOADED | SHUTDOWN
    } else {
        PANICKED | CRASH_LOADED
    };
    device
        .number("events")
        .and_then(|events| u8::try_from(events).ok())
        .unwrap_or(default)
}

/// `handle_event()`: the lowest bit counts, whatever a read tells.
pub(super) fn write(value: u8, release: Release, act: Act<'_>) {
    if value & PANICKED != 0 {
        act(Guest::Panic);
    } else if value & CRASH_LOADED != 0 {
        act(Guest::Crashloaded);
    } else if value & SHUTDOWN != 0 && release.has_pvshutdown() {
        act(Guest::Pvshutdown);
    }
}
