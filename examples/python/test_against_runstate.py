"""A property test of a small daemon against QEMU's behaviour, with hypothesis: pip install hypothesis; pytest.

`runstate oracle` says what QEMU would do; $RUNSTATE names the tool where it is not in $PATH.
"""

import json
import os
import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st


class Oracle:
    """A QEMU that is not there."""

    def __init__(self):
        tool = os.environ.get("RUNSTATE", "runstate")
        self.process = subprocess.Popen(
            [tool, "oracle"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **line):
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class Tracker:
    """The code under test: follows a VM by its events."""

    def __init__(self, knows_suspend=True):
        self.running = True
        self.knows_suspend = knows_suspend

    def event(self, message):
        name = message.get("event")
        if name in ("STOP", "SHUTDOWN") or (self.knows_suspend and name == "SUSPEND"):
            self.running = False
        elif name in ("RESUME", "WAKEUP"):
            self.running = True


# What happens to the VM: commands, and what the guest does. After `stop` while the guest sleeps, `cont` says RESUME and the
# guest sleeps on (since 9.0): a tracker by events alone cannot know that, so it is left out here.
STEPS = st.lists(
    st.sampled_from(
        [
            {"send": {"execute": "cont"}},
            {"send": {"execute": "system_reset"}},
            {"send": {"execute": "system_wakeup"}},
            {"guest": "reset"},
            {"guest": "shutdown"},
            {"guest": "suspend"},
            {"guest": "wakeup"},
            {"guest": "panic"},
        ]
    ),
    max_size=12,
)


def disagreement(tracker, steps, oracle):
    """The first step after which the tracker is wrong."""
    oracle.ask(release="10.0", qemu=["-no-shutdown", "-action", "panic=pause"])
    for i, step in enumerate(steps):
        answer = oracle.ask(**step)
        for message in answer.get("messages", []):
            tracker.event(message)
        if "state" in answer and tracker.running != (answer["state"] == "running"):
            return i
    return None


@settings(deadline=None)
@given(STEPS)
def test_tracker_agrees(steps):
    assert disagreement(Tracker(), steps, ORACLE) is None


def test_a_tracker_without_suspend_is_found_out():
    steps = [{"guest": "suspend"}]
    assert disagreement(Tracker(knows_suspend=False), steps, ORACLE) == 0


ORACLE = Oracle()


def teardown_module():
    ORACLE.close()
