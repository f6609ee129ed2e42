//! The same graph in three state-machine libraries, given the same wishes. A wish that the graph forbids changes nothing.

mod rust_fsm;
mod smlang;
mod statig;

use core::hint::black_box;

use ::statig::prelude::*;
use criterion::{BenchmarkGroup, measurement::WallTime};
use runstate::RunState;

/// Adds the peers to the group.
pub(crate) fn bench(group: &mut BenchmarkGroup<'_, WallTime>, wishes: &[RunState]) {
    group.bench_function("statig", |b| {
        let mut machine = statig::Machine.state_machine();
        b.iter(|| {
            for to in black_box(wishes) {
                machine.handle(to);
            }
        });
    });
    let events: Vec<smlang::Events> = wishes.iter().map(|&to| smlang::event(to)).collect();
    group.bench_function("smlang", |b| {
        let mut machine = smlang::StateMachine::new(smlang::Context);
        b.iter(|| {
            let mut allowed = 0_u32;
            for event in black_box(&events) {
                allowed += u32::from(machine.process_event(*event).is_ok());
            }
            allowed
        });
    });
    let inputs: Vec<_> = wishes.iter().map(|&to| rust_fsm::event(to)).collect();
    group.bench_function("rust-fsm", |b| {
        let mut machine = rust_fsm::machine::StateMachine::new();
        b.iter(|| {
            let mut allowed = 0_u32;
            for input in black_box(&inputs) {
                allowed += u32::from(machine.consume(input).is_ok());
            }
            allowed
        });
    });
}
