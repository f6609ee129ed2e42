"""The stand-in beside a real QEMU, in one run: python3 benches/stand_in.py STAND-IN QEMU [ROUNDS].

Time from start to greeting (median), round trip of query-status, stop and cont together, resident memory.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time

OPTIONS = ["-S", "-nodefaults", "-display", "none", "-machine", "none"]


class Vm:
    """One emulator with a client that has negotiated."""

    def __init__(self, emulator, path):
        begin = time.perf_counter()
        self.process = subprocess.Popen([emulator, *OPTIONS, "-qmp", f"unix:{path},server=on,wait=off"])
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                break
            except OSError:
                self.socket.close()
        self.lines = self.socket.makefile("rb")
        self.lines.readline()
        self.start = time.perf_counter() - begin
        self.ask("qmp_capabilities")

    def ask(self, command):
        self.socket.sendall(b'{"execute": "%s"}\n' % command.encode())
        while b'"return"' not in self.lines.readline():
            pass

    def memory(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    def quit(self):
        self.ask("quit")
        assert self.process.wait() == 0


def measure(emulator, rounds):
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "q")
        starts = []
        for _ in range(rounds):
            vm = Vm(emulator, path)
            starts.append(vm.start)
            vm.quit()
        vm = Vm(emulator, path)

        def per_call(*commands, calls=3000):
            begin = time.perf_counter()
            for _ in range(calls):
                for command in commands:
                    vm.ask(command)
            return (time.perf_counter() - begin) / calls * 1e6

        status, stop_cont, memory = per_call("query-status"), per_call("cont", "stop"), vm.memory()
        vm.quit()
    return statistics.median(starts) * 1e3, status, stop_cont, memory / 1024


stand_in, qemu, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 30
names = ["start to greeting, ms", "query-status, us", "cont and stop, us", "memory, MiB"]
ours, theirs = measure(stand_in, rounds), measure(qemu, rounds)
print(f"{'':24}{'stand-in':>12}{'QEMU':>12}{'ratio':>8}")
for name, mine, other in zip(names, ours, theirs):
    print(f"{name:24}{mine:12.2f}{other:12.2f}{other / mine:8.1f}")
