//! From the command line to the main loop.

use crate::{
    Answer, Load, Output, Refusal, RunState, Vm,
    rules::incoming::Incoming,
    vm::{Aborted, Flags, Life, Ran},
};

impl Vm {
    /// The end of `qemu_init()`: `qmp_x_exit_preconfig()`, system/vl.c.
    pub(crate) fn machine_ready(&mut self, loadvm: Option<Load>, out: &mut impl FnMut(Output)) -> Ran {
        self.life = Life::Alive;
        let autostart = self.flags.has(Flags::AUTOSTART);
        if let Some(load) = loadvm {
            let Load::Found { suspended } = load else {
                self.exit_now(1, out);
                return Ok(());
            };
            self.load_state(suspended, out);
            if self.release.suspended_is_live() {
                let state = if autostart { RunState::Running } else { self.run };
                self.load_snapshot_resume(state, out)?;
            }
        }
        if autostart && self.incoming == Incoming::None {
            self.vm_start(out)?;
        }
        Ok(())
    }

    /// `qmp_x_exit_preconfig()`, system/vl.c.
    pub(crate) fn exit_preconfig(&mut self, out: &mut impl FnMut(Output)) -> Result<Answer, Aborted> {
        if self.life != Life::Preconfig {
            return Ok(Answer::Refused(Refusal::OnlyBeforeInitialization));
        }
        self.machine_ready(None, out)?;
        Ok(Answer::Done)
    }
}
