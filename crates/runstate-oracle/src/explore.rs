//! Every state that a VM can reach, by any mix of inputs, in every interleaving that QEMU allows.
//!
//! [`Space::of`] walks breadth first from every way to launch QEMU and numbers the states as they come. What an action decides
//! (reboot, shutdown, panic, watchdog) is not walked once for each of the 112 combinations: a step carries the set of
//! combinations for which it happens, and [`Space::reach`] then spreads all of them over the graph together, as the bits of a
//! word, level by level.
//!
//! **Interleavings.** Without races, one pass of the main loop follows each input, as it does when nothing else happens in
//! those few microseconds. With races, any number of guest and host inputs come between two passes, and one command: its
//! handler runs with the requests of what came before it pending, and those of what comes after it are serviced in the same
//! pass. Two commands are never without a pass between them (`monitor_qmp_dispatcher_co()`, monitor/qmp.c). Each guest action
//! is on a vCPU that still runs: there are always enough of them.
//!
//! **What is merged.** [`alphabet()`] says which inputs stand for others, [`Detail`](runstate::Detail) which states count as one.

mod alphabet;
mod launches;
mod policy;
mod reach;
mod space;
mod survey;
mod table;
mod untaken;
mod walk;

pub use alphabet::{Families, Family, Letter, Setup, alphabet, streams};
pub use launches::Launches;
pub use policy::Policies;
pub use reach::Reach;
pub(crate) use space::Edge;
pub use space::{End, Nothing, Observer, Scope, Seen, Space, Verdict};
pub use survey::{Size, Survey, on_all_cores, survey_all};
pub use untaken::{Untaken, untaken};
