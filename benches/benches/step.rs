//! How fast the machine steps: graph checks, whole inputs, and what three state-machine libraries make of the same graph.

mod peers;

use core::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use runstate::{
    Command, Guest, Host, Input, Launch, Output, Release, RunState, SetAction, ShutdownAction, Vm,
};

/// A fixed sequence without a pattern that a branch predictor could learn by heart: splitmix64.
fn numbers(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// A life: what management software and guests do to a VM that stays. Each input is followed by its pass of the main loop.
fn life() -> Vec<Input> {
    let inputs = [
        Input::Command(Command::Stop),
        Input::Command(Command::Cont),
        Input::Command(Command::QueryStatus),
        Input::Command(Command::SystemReset),
        Input::Command(Command::SystemPowerdown),
        Input::Command(Command::SystemWakeup),
        Input::Command(Command::Cont),
        Input::Guest(Guest::Reset),
        Input::Guest(Guest::Panic),
        Input::Guest(Guest::Suspend),
        Input::Guest(Guest::Shutdown),
        Input::Guest(Guest::Watchdog),
        Input::Guest(Guest::Crashloaded),
        Input::Host(Host::GdbInterrupt),
        Input::Host(Host::GdbContinue),
        Input::Command(Command::Cont),
    ];
    let mut number = numbers(1);
    (0..4096)
        .map(|_| inputs[(number() % inputs.len() as u64) as usize])
        .collect()
}

fn vm() -> Vm {
    let mut launch = Launch::new(Release::DEFAULT);
    // -no-shutdown, so that the VM stays.
    launch.actions = launch.actions.with(SetAction {
        shutdown: Some(ShutdownAction::Pause),
        ..SetAction::default()
    });
    Vm::launch(&launch, &mut |_| {})
}

fn steps(c: &mut Criterion) {
    let mut group = c.benchmark_group("inputs");
    let inputs = life();
    group.throughput(Throughput::Elements(inputs.len() as u64));
    group.bench_function("runstate: handle and main_loop, counting sink", |b| {
        let mut vm = vm();
        b.iter(|| {
            let mut count = 0_u64;
            let mut sink = |_: Output| count += 1;
            for &input in black_box(&inputs) {
                let _ = vm.handle(input, &mut sink);
                vm.main_loop(&mut sink);
            }
            count
        });
    });
    group.bench_function("runstate: eight machines side by side", |b| {
        let mut vms = [vm(); 8];
        b.iter(|| {
            let mut count = 0_u64;
            let mut sink = |_: Output| count += 1;
            for chunk in black_box(&inputs).chunks_exact(8) {
                for (vm, &input) in vms.iter_mut().zip(chunk) {
                    let _ = vm.handle(input, &mut sink);
                    vm.main_loop(&mut sink);
                }
            }
            count
        });
    });
    group.finish();
}

fn graph(c: &mut Criterion) {
    let mut number = numbers(2);
    let wishes: Vec<RunState> = (0..4096)
        .map(|_| RunState::ALL[(number() % 16) as usize])
        .collect();
    let mut group = c.benchmark_group("graph");
    group.throughput(Throughput::Elements(wishes.len() as u64));
    let graph = Release::DEFAULT.graph();
    group.bench_function("runstate", |b| {
        let mut state = RunState::Running;
        b.iter(|| {
            for &to in black_box(&wishes) {
                if graph.allows(state, to) {
                    state = to;
                }
            }
            state
        });
    });
    peers::bench(&mut group, &wishes);
    group.finish();
}

criterion_group!(benches, graph, steps);
criterion_main!(benches);
