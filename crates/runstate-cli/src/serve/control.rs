//! The control socket: what no client of QEMU could say.
//!
//! A line is a command, the reply is a line: `OK`, or `ERR` and why.
//!
//! | command | what it does |
//! | --- | --- |
//! | `guest ACTION [JSON]`, `host ACTION [JSON]` | as in a scenario |
//! | `run`, `single-step`, `wedge` | how the VM goes on |
//! | `step [N]` | so many steps of the scenario, in `single-step` |
//! | `status` | the run state and the mode |

use super::io::Listener;
use super::open::{Open, OpenError};
use super::player::Mode;
use super::vm::Vm;

/// Opens the socket.
pub(crate) fn open(path: &str) -> Result<Open, OpenError> {
    let listener = super::open::bind_path(path)?;
    listener.set_nonblocking(true)?;
    Ok(Open::listening(
        Listener::Unix(mio::net::UnixListener::from_std(listener)),
        path,
    ))
}

/// Executes a line.
pub(crate) fn execute(vm: &mut Vm, line: &str) -> String {
    match attempt(vm, line) {
        Ok(None) => "OK\n".to_owned(),
        Ok(Some(text)) => format!("OK {text}\n"),
        Err(why) => format!("ERR {why}\n"),
    }
}

fn attempt(vm: &mut Vm, line: &str) -> Result<Option<String>, String> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    match word {
        "guest" | "host" => vm.act(line)?,
        "status" => {
            let mode = Mode::ALL
                .iter()
                .find(|(mode, _)| *mode == vm.mode)
                .map_or("", |(_, name)| name);
            return Ok(Some(format!(
                "{} {mode}",
                vm.monitor().machine().vm().run_state()
            )));
        }
        "step" => {
            if vm.mode != Mode::SingleStep {
                return Err("'step' needs the mode 'single-step'".to_owned());
            }
            let count = if rest.is_empty() {
                Ok(1)
            } else {
                rest.parse::<u64>()
            };
            vm.steps += count.map_err(|_| format!("'{rest}' is no number of steps"))?;
        }
        _ => {
            let mode = Mode::from_name(word).ok_or_else(|| {
                format!("'{word}' is none of guest, host, run, single-step, status, step, wedge")
            })?;
            vm.mode = mode;
        }
    }
    Ok(None)
}
