#!/usr/bin/env python3
"""A QEMU that connects to its sockets as told and then misbehaves, as the file MOOD beside it says."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

arguments = sys.argv[1:]
if arguments[:2] == ["-accel", "help"]:
    print("Accelerators supported in QEMU binary:\ntcg")
    sys.exit()
with open(os.path.join(os.path.dirname(os.path.realpath(__file__)), "MOOD")) as file:
    mood = file.read().strip()
if mood == "child":
    # A process of its own that nobody waits for; its command line names the directory.
    subprocess.Popen(["/bin/sh", "-c", "sleep 1000; : " + os.getcwd()])

paths = {}
for word in arguments:
    named = re.match(r"socket,id=(\w+),path=(.*)", word)
    if named:
        paths[named[1]] = named[2]
    elif word.startswith("unix:") and word.endswith("/qtest"):
        paths["qtest"] = word[5:]


def connect(name):
    end = socket.socket(socket.AF_UNIX)
    end.connect(paths[name])
    return end


ends = {name: connect(name) for name in ("qmp", "control", "qtest", "com1")}
version = {"major": 5, "minor": 2, "micro": 0} if mood == "old" else {"major": 7, "minor": 2, "micro": 22}
greeting = {"QMP": {"version": {"qemu": version, "package": ""}, "capabilities": ["oob"]}}
said = {"not-json": b"hello\r\n", "other": b'{"hello": "world"}\r\n'}
negotiated = 0


def misbehave():
    if mood == "dies":
        print("the disk is on fire", file=sys.stderr, flush=True)
        os._exit(3)
    if mood == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(1000)


def serve(name):
    end = ends[name]
    if mood != "silent":
        end.sendall(said.get(mood, json.dumps(greeting).encode() + b"\r\n"))
    for line in end.makefile():
        if "qmp_capabilities" not in line:
            misbehave()
        end.sendall(b'{"return": {}}\r\n')


for name in ("control", "qmp"):
    threading.Thread(target=serve, args=(name,), daemon=True).start()
# The end of the sockets is the end of a QEMU that is not killed before.
time.sleep(1000)
