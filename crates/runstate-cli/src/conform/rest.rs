//! Whether a vCPU's thread rests: it is halted, or stopped by what its guest did.
//!
//! A vCPU that its own port write stops does not get to say that the write is done: since 8.2 TCG ends the block of code
//! with the instruction that accesses a port ([`Release::io_ends_block`](runstate::Release::io_ends_block)). But its thread
//! then waits on its condition variable (`qemu_process_cpu_events()`, system/cpus.c; `qemu_wait_io_event()` before 11.0),
//! which the system shows.

use nix::unistd::Pid;

/// futex(2), and the operation with which a condition variable waits; a mutex waits with another one.
#[cfg(target_arch = "x86_64")]
const FUTEX: i64 = 202;
#[cfg(not(target_arch = "x86_64"))]
const FUTEX: i64 = 98;
const WAIT_BITSET: u64 = 9;
/// The bits of the operation that do not say what it does: private, real-time clock.
const FLAGS: u64 = 0x180;

/// Whether the thread of the process waits on a condition variable. `false` too when the system does not say.
#[must_use]
pub(super) fn rests(process: Pid, thread: i64) -> bool {
    let path = format!("/proc/{process}/task/{thread}/syscall");
    std::fs::read_to_string(path).is_ok_and(|text| is_condition(&text))
}

/// Whether a line of `syscall` in /proc is such a wait: the number, then the arguments in hexadecimal.
fn is_condition(line: &str) -> bool {
    let mut words = line.split(' ');
    let call = words.next().and_then(|word| word.parse::<i64>().ok());
    let operation = words
        .nth(1)
        .and_then(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok());
    call == Some(FUTEX) && operation.is_some_and(|operation| operation & !FLAGS == WAIT_BITSET)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn condition_is_told_from_a_mutex_and_from_running() {
        let line = |operation: &str| {
            format!("{FUTEX} 0x7f1200001234 {operation} 0x0 0x0 0x0 0xffffffff 0x7ff 0x7fe")
        };
        assert!(is_condition(&line("0x189")) && is_condition(&line("0x89")));
        assert!(!is_condition(&line("0x80")), "a mutex");
        for other in ["running", "", "0 0x3 0x189 0x1", "-1 0x7ffc 0x7f00"] {
            assert!(!is_condition(other), "{other}");
        }
    }

    #[test]
    fn thread_that_is_not_there_does_not_rest() {
        assert!(!rests(Pid::this(), 0));
    }
}
