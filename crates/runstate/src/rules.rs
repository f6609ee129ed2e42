//! QEMU's rules, one file per family of the functions they mirror.
//!
//! | file | QEMU's functions |
//! |---|---|
//! | [`main_loop`] | `main_loop_should_exit()`, `qemu_system_reset()`, `qemu_system_suspend()` and what follows the loop, system/runstate.c |
//! | [`stop_start`] | `vm_stop()`, `vm_start()`, `vm_prepare_start()`, `vm_resume()`, `vm_stop_force_state()`, system/cpus.c |
//! | [`request`] | `qemu_system_shutdown_request()` and its kin, system/runstate.c |
//! | [`guest`] | what devices and hypervisors call: hw/misc/pvpanic.c, hw/acpi/core.c, hw/watchdog/watchdog.c, block/block-backend.c, .. |
//! | [`command`] | `qmp_stop()`, `qmp_cont()` and the other handlers, monitor/qmp-cmds.c, system/runstate-action.c |
//! | [`startup`] | `qemu_init()`, `qmp_x_exit_preconfig()`, system/vl.c |
//! | [`gdb`] | gdbstub/system.c |
//! | [`snapshot`] | `save_snapshot()`, `load_snapshot()`, migration/savevm.c; dump/dump.c |
//! | [`job`] | snapshot jobs, migration/savevm.c, job.c |
//! | [`announce`] | MIGRATION and MIGRATION_PASS, migration/migration.c |
//! | [`capability`] | what migrations are set to, migration/options.c |
//! | [`migration`] | the source, migration/migration.c |
//! | [`migration_end`] | the source, when it fails or is cancelled: `migration_detect_error()`, `migration_iteration_finish()`, migration/migration.c |
//! | [`incoming`] | the destination, migration/migration.c |
//! | [`colo`] | migration/colo.c |

pub(crate) mod announce;
pub(crate) mod capability;
pub(crate) mod colo;
pub(crate) mod command;
pub(crate) mod gdb;
pub(crate) mod guest;
pub(crate) mod incoming;
pub(crate) mod job;
pub(crate) mod main_loop;
pub(crate) mod migration;
pub(crate) mod migration_end;
pub(crate) mod request;
pub(crate) mod snapshot;
pub(crate) mod startup;
pub(crate) mod stop_start;
