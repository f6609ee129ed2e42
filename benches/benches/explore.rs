//! How fast the explorer is: everything there is, one space, and the same space by stateright.

#[path = "../../crates/runstate-oracle/tests/run/stateright/model.rs"]
mod model;

use core::hint::black_box;
use std::thread;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use runstate::{Actions, Release, Thread};
use runstate_oracle::explore::{Nothing, Policies, Scope, Space, Survey, survey_all};
use stateright::{Checker as _, Model as _};

use model::One;

/// Every release under every policy, as `runstate explore` does it: on all cores.
fn everything(c: &mut Criterion) {
    let survey = || survey_all(Release::ALL, Thread::Vcpu, Policies::everything());
    let steps = |surveys: Vec<Survey>| -> u64 { surveys.iter().map(|s| s.calm.steps + s.races.steps).sum() };
    let mut group = c.benchmark_group("explore");
    group.sample_size(10);
    group.throughput(Throughput::Elements(steps(survey())));
    group.bench_function("all releases, all policies", |b| b.iter(|| black_box(survey())));
    group.finish();
}

/// One space on one core: what is walked of it once, and what of it every policy reaches.
fn one(c: &mut Criterion) {
    let mut group = c.benchmark_group("explore 10.0");
    let scope = Scope::new(Release::V10_0);
    let space = Space::of(scope, &Nothing);
    group.throughput(Throughput::Elements(space.steps()));
    group.bench_function("walk", |b| b.iter(|| Space::of(black_box(scope), &Nothing).len()));
    group.throughput(Throughput::Elements(space.reach().states()));
    group.bench_function("reach", |b| b.iter(|| black_box(&space).reach().states()));
    group.finish();
}

/// The same states by the same rules, under one policy: ours on one thread, stateright on one and on all.
fn beside_stateright(c: &mut Criterion) {
    let actions = Actions::DEFAULT;
    let scope = Scope {
        policies: Policies::only(actions),
        ..Scope::new(Release::V10_0)
    };
    let ours = || Space::of(black_box(scope), &Nothing).reach().states();
    let theirs = |threads| {
        let model = One { scope, actions };
        model
            .checker()
            .threads(threads)
            .spawn_bfs()
            .join()
            .unique_state_count() as u64
    };
    let states = ours();
    assert_eq!(states, theirs(1), "both count the same states");
    let mut group = c.benchmark_group("explore 10.0, one policy");
    group.sample_size(20);
    group.throughput(Throughput::Elements(states));
    group.bench_function("runstate", |b| b.iter(ours));
    group.bench_function("stateright, 1 thread", |b| b.iter(|| theirs(1)));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    group.bench_function("stateright, all cores", |b| b.iter(|| theirs(cores)));
    group.finish();
}

criterion_group!(benches, everything, one, beside_stateright);
criterion_main!(benches);
