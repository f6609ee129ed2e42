"""A whole life cycle through the Python package qemu.qmp, unchanged: python3 pyqmp.py QEMU DIR."""

import asyncio
import subprocess
import sys

from qemu.qmp import ExecuteError, QMPClient
from qemu.qmp.legacy import QEMUMonitorProtocol


async def connect(path):
    client = QMPClient("test")
    for _ in range(400):
        try:
            await client.connect(path)
            return client
        except Exception:  # Nobody listens yet.
            await asyncio.sleep(0.02)
    raise SystemExit(f"nobody listens on {path}")


async def life_cycle(path):
    client = await connect(path)
    seen = []

    async def listen():
        async for event in client.events:
            seen.append(event["event"])

    listener = asyncio.create_task(listen())
    assert (await client.execute("query-status"))["status"] == "running"
    await client.execute("stop")
    assert (await client.execute("query-status"))["status"] == "paused"
    await client.execute("cont")
    await client.execute("system_reset")
    await client.execute("system_powerdown")
    try:
        await client.execute("system_wakeup")
        raise SystemExit("it was not asleep")
    except ExecuteError as error:
        assert error.error_class == "GenericError", error
        assert "not in suspended state" in str(error), error
    try:
        await client.execute_msg(client.make_execute_msg("migrate-pause", oob=True))
        raise SystemExit("there is no migration")
    except ExecuteError as error:
        assert "postcopy" in str(error), error
    names = [command["name"] for command in await client.execute("query-commands")]
    assert "set-action" in names and "x-guest" not in names, names
    await client.execute("x-guest", {"action": "panic"})
    await asyncio.sleep(0.1)
    assert (await client.execute("query-status"))["status"] == "guest-panicked"
    await client.execute("quit")
    await asyncio.sleep(0.1)
    try:
        await client.disconnect()
    except EOFError:
        pass
    listener.cancel()
    expected = ["STOP", "RESUME", "RESET", "POWERDOWN", "GUEST_PANICKED", "STOP", "SHUTDOWN"]
    assert seen == expected, seen


def legacy(path):
    """The synchronous face that QEMU's own tests use: the test listens, QEMU connects."""
    monitor = QEMUMonitorProtocol(path, server=True)
    process = subprocess.Popen([qemu, "-S", "-chardev", f"socket,id=m,path={path}", "-mon", "m,mode=control"])
    monitor.accept()
    assert monitor.cmd_raw("query-status")["return"]["status"] == "prelaunch"
    monitor.cmd_raw("cont")
    assert monitor.pull_event(wait=5.0)["event"] == "RESUME"
    monitor.cmd_raw("quit")
    assert process.wait(30) == 0
    try:
        monitor.close()
    except EOFError:
        pass


def shell(path):
    """qmp-shell, typed at."""
    process = subprocess.Popen([qemu, "-S", "-qmp", f"unix:{path},server=on,wait=off"])
    for _ in range(400):
        out = subprocess.run(
            [sys.executable, "-m", "qemu.qmp.qmp_shell", path],
            input="query-status\ncont\nset-action reboot=shutdown\nquit\n",
            capture_output=True,
            text=True,
            timeout=60,
        )
        if "Connected to QEMU" in out.stdout:
            break
    assert "Connected to QEMU 10.0.13" in out.stdout, out
    assert '"prelaunch"' in out.stdout and out.stdout.count('{"return": {}}') == 3, out
    assert process.wait(30) == 0


qemu, directory = sys.argv[1:]
stand_in = subprocess.Popen([qemu, "-no-shutdown", "-qmp", f"unix:{directory}/q,server=on,wait=off"])
asyncio.run(life_cycle(f"{directory}/q"))
assert stand_in.wait(30) == 0
legacy(f"{directory}/l")
shell(f"{directory}/s")
print("qemu.qmp: ok")
