"""A property test of a small daemon against QEMU's behaviour, with hypothesis: pip install hypothesis; python3 -m unittest.

`runstate oracle` says what QEMU would do; $RUNSTATE names the tool where it is not in $PATH.
"""

import json
import os
import subprocess
import unittest

from hypothesis import given, settings
from hypothesis import strategies as st


# ANCHOR: oracle
class Oracle:
    """A QEMU that is not there."""

    def __init__(self):
        tool = os.environ.get("RUNSTATE", "runstate")
        self.process = subprocess.Popen([tool, "oracle"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **line):
        print(json.dumps(line), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.communicate()
# ANCHOR_END: oracle


# ANCHOR: tracker
class Tracker:
    """The code under test: follows a VM by its events. Its author may have forgotten that guests sleep."""

    def __init__(self, knows_suspend=True):
        self.running = True
        self.knows_suspend = knows_suspend

    def event(self, message):
        name = message.get("event")
        if name in ("STOP", "SHUTDOWN") or (self.knows_suspend and name == "SUSPEND"):
            self.running = False
        elif name in ("RESUME", "WAKEUP"):
            self.running = True
# ANCHOR_END: tracker


# ANCHOR: property
# What happens to the VM. After `stop` while the guest sleeps, `cont` says RESUME and the guest sleeps on (since 9.0): a tracker by
# events alone cannot know that, so `stop` is left out here.
STEPS = st.lists(
    st.sampled_from(
        [{"send": {"execute": command}} for command in ("cont", "system_reset", "system_wakeup")]
        + [{"guest": action} for action in ("reset", "shutdown", "suspend", "wakeup", "panic")]
    ),
    max_size=12,
)


class Tracking(unittest.TestCase):
    def setUp(self):
        self.oracle = Oracle()
        self.addCleanup(self.oracle.close)

    def disagreement(self, tracker, steps):
        """The first step after which the tracker is wrong."""
        self.oracle.ask(release="10.0", qemu=["-no-shutdown", "-action", "panic=pause"])
        for i, step in enumerate(steps):
            answer = self.oracle.ask(**step)
            for message in answer.get("messages", []):
                tracker.event(message)
            if "state" in answer and tracker.running != (answer["state"] == "running"):
                return i
        return None

    @settings(deadline=None)
    @given(STEPS)
    def test_it_agrees(self, steps):
        self.assertIsNone(self.disagreement(Tracker(), steps))
# ANCHOR_END: property

    def test_one_without_suspend_is_found_out(self):
        @settings(deadline=None, database=None)
        @given(STEPS)
        def agrees(steps):
            assert self.disagreement(Tracker(knows_suspend=False), steps) is None, steps

        with self.assertRaises(AssertionError) as found:
            agrees()
        # Shrunk to the one thing that matters.
        self.assertIn(str([{"guest": "suspend"}]), str(found.exception))


if __name__ == "__main__":
    unittest.main()
