//! VMs that are served: sockets, clocks, signals around [`Monitor`](runstate_monitor::monitor::Monitor)s.
//!
//! One thread and one poll serve all VMs of the process, so that a slow, silent or flooding client costs the others
//! nothing but its share.

pub mod stand_in;

mod clock;
mod config_file;
mod control;
mod daemon;
mod fd;
mod hub;
mod io;
mod link;
mod links;
mod open;
mod player;
mod profile;
mod qtest_log;
mod settings;
mod signals;
mod vm;

pub use clock::epoch_micros;
pub use hub::{Hub, Outcome};
pub use open::{OpenError, Openness, raise_descriptor_limit, reason, stdio_nonblocking};
pub use player::{Mode, Player};
pub use profile::{read as read_profile, version as profile_version, write as write_profile};
pub use settings::no_release;
pub use stand_in::{lazy_profile, read_scenario, release_of, version_of};
pub use vm::{Served, Vm};
