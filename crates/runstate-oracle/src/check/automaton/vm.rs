//! VMs as a log can tell them apart, and what they say while nothing happens.

use runstate::{
    Capability, Detail, IncomingOption, Launch, MigrationStatus, Release, Requests, RunState, Thread, Vm,
};

use super::super::{deed::actions, letter::Letter};

/// What a VM at rest has to differ in to be another one, as far as a log can hear it.
///
/// Left out, because a VM without it can be heard to do all that one with it does: a dump in the background (its end is heard
/// as a `cont` is), a stream still awaited by a VM that runs already, the state behind a switchover that is over.
pub(super) const fn identity(vm: &Vm) -> u64 {
    if vm.is_gone() {
        let colo = match vm.colo_exit_to_come() {
            None => 0,
            Some(mode) => 1 + mode as u64,
        };
        let cancels = is_being_cancelled(vm);
        return 1 << 63
            | (vm.run_state() as u64) << 1
            | vm.exit_status().is_some() as u64
            | colo << 8
            | (cancels as u64) << 10;
    }
    if matches!(vm.run_state(), RunState::Inmigrate | RunState::SaveVm) && !vm.migration_in_flight() {
        return 1 << 62 | vm.with_requests(Requests::NONE).key(Detail::RunState);
    }
    let flight = if vm.migration_in_flight() {
        1 + vm.migration_phase() as u64
    } else {
        0
    };
    let back_to = match (vm.switchover_from(), vm.run_state()) {
        (None, _) => 0,
        (Some(from), RunState::FinishMigrate) => 1 + from as u64,
        (Some(RunState::Running), _) => 17,
        (Some(RunState::Suspended), _) if vm.release().suspended_is_live() => 17,
        (Some(_), _) => 18,
    };
    vm.run_state() as u64
        | (vm.was_suspended() as u64) << 4
        | (vm.is_colo_secondary() as u64) << 5
        | (vm.colo_exit_to_come().is_some() as u64) << 6
        | flight << 7
        | ((vm.migration_in_flight() && vm.announces_migration()) as u64) << 13
        | back_to << 14
}

/// Whether a migration that is told was cancelled, and has yet to say that it has ended.
const fn is_being_cancelled(vm: &Vm) -> bool {
    matches!(vm.migration_status(), MigrationStatus::Cancelling) && vm.announces_migration()
}

pub(super) fn launched(release: Release, thread: Thread, incoming: IncomingOption, autostart: bool) -> Vm {
    let mut launch = Launch::new(release);
    launch.machine.snapshot_disk = true;
    (launch.autostart, launch.incoming, launch.thread) = (autostart, incoming, thread);
    let mut vm = Vm::launch(&launch, &mut |_| {});
    vm.main_loop(&mut |_| {});
    settled(vm)
}

/// How QEMU can have been started.
pub(super) fn launches(release: Release, thread: Thread) -> Vec<Vm> {
    let mut vms = Vec::new();
    for incoming in [IncomingOption::None, IncomingOption::Uri, IncomingOption::Defer] {
        for autostart in [true, false] {
            vms.push(launched(release, thread, incoming, autostart));
        }
    }
    vms
}

/// Under the actions and the capabilities that stand for all: a deed that looks at them brings its own. What a migration under way
/// was begun with stays, but for a told one, whose steps bring theirs too.
pub(super) fn settled(vm: Vm) -> Vm {
    let mut vm = vm.with_actions(actions::SHUTDOWN[0]);
    if vm.is_gone() {
        return vm;
    }
    let (under_way, told) = (vm.migration_in_flight(), vm.announces_migration());
    for &(capability, _) in Capability::ALL {
        let kept = under_way && (!told || capability == Capability::Events);
        if !kept {
            vm = vm.with_capability(capability, false);
        }
    }
    vm
}

/// What a VM answers that was in that state when it was asked.
pub(super) fn answers(vm: &Vm, state: RunState) -> impl Iterator<Item = Letter> + use<> {
    let reset = matches!(state, RunState::InternalError | RunState::Shutdown);
    let aborted = vm.is_gone() && vm.exit_status().is_none();
    [
        Some(Letter::status(state)),
        reset.then_some(Letter::RESET_REQUIRED),
        (state == RunState::FinishMigrate).then_some(Letter::NOT_FINALIZED),
        (state != RunState::Suspended).then_some(Letter::NOT_SUSPENDED),
    ]
    .into_iter()
    .flatten()
    .filter(move |_| !aborted)
}

/// What may come late, for something that happened within the second before; and an I/O error, which may come while the VM is
/// stopped, of whatever action.
pub(super) fn held_back(vm: &Vm) -> impl Iterator<Item = Letter> + use<> {
    let (release, gone, live) = (vm.release(), vm.is_gone(), vm.is_live());
    let watchdog = runstate::WatchdogAction::ALL
        .iter()
        .map(|&action| Letter::watchdog(action));
    let block = runstate::BlockErrorAction::ALL
        .iter()
        .filter(move |action| release.throttles_block_io_error(**action) || !live)
        .map(|&action| Letter::block_io_error(action));
    watchdog.chain(block).filter(move |_| !gone)
}

/// What a thread that has not ended yet may cause after the last SHUTDOWN.
pub(super) fn after_exit(vm: &Vm) -> impl Iterator<Item = Letter> + use<> {
    let exited = vm.exit_status().is_some();
    let panicked = runstate::GuestPanicAction::ALL
        .iter()
        .map(|&action| Letter::panicked(action));
    // The migration is cancelled on the way out; its thread may still say so, and that of a COLO pair too.
    let cancelled = is_being_cancelled(vm);
    let ended = [
        cancelled.then_some(Letter::migration(MigrationStatus::Cancelled)),
        vm.colo_exit_to_come().map(Letter::colo_exit),
    ];
    panicked
        .chain([Letter::crashloaded(runstate::GuestPanicAction::Run)])
        .chain(ended.into_iter().flatten())
        .filter(move |_| exited)
}
