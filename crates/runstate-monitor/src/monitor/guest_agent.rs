//! The guest agent, tied to the machine.

use runstate::RunState;

use super::Monitor;
use crate::agent::Deed;

impl Monitor {
    /// The character device that leads to the guest's agent, if it has one.
    #[must_use]
    pub fn agent_chardev(&self) -> Option<&str> {
        self.agent.as_ref().map(|agent| agent.chardev())
    }

    /// How many bytes the guest's agent would read: none while the guest does not run, or has no agent running.
    #[must_use]
    pub fn agent_wants_input(&self) -> usize {
        let is_there = self.machine.end().is_none() && self.machine.vm().run_state() == RunState::Running;
        match &self.agent {
            Some(agent) if is_there && agent.is_open() => agent.wants_input(),
            Some(_) | None => 0,
        }
    }

    /// Takes what was sent to the guest's agent and gives what it answers. What it makes the guest do is announced.
    pub fn agent(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut answers = Vec::new();
        if let Some(agent) = &mut self.agent {
            agent.receive(bytes);
        }
        while self.machine.end().is_none() && self.machine.vm().run_state() == RunState::Running {
            let Some(deed) = self.agent.as_mut().and_then(|agent| agent.step(&mut answers)) else {
                break;
            };
            let guest = match deed {
                Deed::Nothing => None,
                Deed::Sleep(guest) => Some(guest),
                Deed::Down(guest) => {
                    self.set_agent_open(false);
                    guest
                }
            };
            // The guest runs: it can.
            if let Some(guest) = guest {
                let _ = self.guest(guest, None);
            }
        }
        answers
    }

    /// What the VM says starts and ends the agent.
    pub(super) fn agent_hears(&mut self, event: &str) {
        match event {
            // The guest boots.
            "RESET" => {
                self.set_agent_open(false);
                self.start_agent();
            }
            "RESUME" => self.start_agent(),
            _ => {}
        }
    }

    /// A guest that runs has its agent running; booting takes no time.
    pub(super) fn start_agent(&mut self) {
        if self.machine.vm().run_state() == RunState::Running {
            self.set_agent_open(true);
        }
    }

    fn set_agent_open(&mut self, open: bool) {
        let now = self.elapsed;
        let message = self.agent.as_mut().and_then(|agent| agent.set_open(open, now));
        if let Some(message) = message {
            self.announce(&message);
        }
    }

    /// Events of the agent's port that a rate limit held back.
    pub(super) fn expire_agent(&mut self) {
        let now = self.elapsed;
        let message = self.agent.as_mut().and_then(|agent| agent.expire(now));
        if let Some(message) = message {
            self.announce(&message);
        }
    }

    /// Whether the guest's side of a character device is open, as `query-chardev` says.
    pub(super) fn is_frontend_open(&self, chardev: &str) -> bool {
        self.agent
            .as_ref()
            .is_none_or(|agent| agent.chardev() != chardev || agent.is_open())
    }
}
