#!/usr/bin/env python3
"""Opens the page of `runstate explain --html` in chromium, filters as a person would, and looks at what is shown.

usage: explain.py RUNSTATE [DIRECTORY-FOR-SCREENSHOTS]
"""

import pathlib
import subprocess
import sys
import tempfile
import time

from driver import browser

ROWS = """return [...document.querySelectorAll('#rows tr')].map((tr) => tr.className === 'act'
  ? ['#', tr.textContent.trim()]
  : tr.querySelector('th:not(:empty)') ? ['##', tr.querySelector('th').textContent.trim(), [...tr.children].map((td) => td.textContent.trim().replace(/\\s+/g, ' '))]
  : [...tr.children].map((td) => td.textContent.trim().replace(/\\s+/g, ' ')));"""


def shown(window):
    """What the table shows: rows by act, which is a heading or the first column; a state that repeats is filled in."""
    acts, act, state = {}, None, ""
    for row in window.run(ROWS):
        if row[0] == "#":
            act = row[1]
            acts[act], state = [], ""
            continue
        if row[0] == "##":
            act, row = row[1], ["", *row[2][1:]]
            acts[act], state = [], ""
        state = row[0] or state
        acts[act].append([state, *row[1:]])
    return acts


def one_act(window):
    acts = shown(window)
    assert len(acts) == 1, list(acts)
    return next(iter(acts.values()))


def equal(what, found, expected):
    assert found == expected, f"{what}:\n  shown    {found}\n  expected {expected}"


def test_everything_is_there(window):
    equal("errors", window.run("return window.errors ?? []"), [])
    equal("requests", window.run("return performance.getEntriesByType('resource').length"), 0)
    assert len(shown(window)) > 50
    assert int(window.run("return document.getElementById('count').textContent").split()[0]) > 150


def test_typing_filters(window):
    window.type("#search", "GUEST_PANICKED exits")
    rows = one_act(window)
    equal("ends", sorted(row[4] for row in rows), ["exits 0", "exits 1"])
    window.type("#search", " no-such-thing")
    equal("rows", shown(window), {})
    assert window.run("return !document.getElementById('none').hidden")
    window.click("#clear")
    assert len(shown(window)) > 50


def test_a_panic(window):
    window.choose("#what", "guest panic")
    window.choose("#state", "running")
    window.choose("#thread", "on a vCPU")
    rows = one_act(window)
    expected = [
        ["", "panic=pause", "all", "GUEST_PANICKED pause STOP", "guest-panicked"],
        ["", "panic=shutdown shutdown=poweroff", "all", "GUEST_PANICKED poweroff SHUTDOWN guest-panic", "exits 0"],
        ["", "panic=shutdown shutdown=pause", "all", "GUEST_PANICKED pause STOP", "guest-panicked"],
        ["", "panic=exit-failure shutdown=poweroff", "all", "GUEST_PANICKED poweroff SHUTDOWN guest-panic", "exits 1"],
        ["", "panic=exit-failure shutdown=pause", "all", "GUEST_PANICKED poweroff SHUTDOWN guest-panic STOP", "shutdown"],
        ["", "panic=none", "all", "GUEST_PANICKED run", "stays"],
    ]
    equal("a panic", rows, expected)
    window.choose("#panic", "shutdown")
    window.choose("#shutdown", "pause")
    equal("under two actions", one_act(window), [["", "", "all", "GUEST_PANICKED pause STOP", "guest-panicked"]])


def test_releases(window):
    window.choose("#what", "stop")
    window.choose("#state", "suspended")
    equal(
        "all releases",
        one_act(window),
        [["", "", "up to 8.2", "return", "stays"], ["", "", "9.0 and later", "STOP return", "paused"]],
    )
    window.choose("#release", "8.2")
    equal("8.2", one_act(window), [["", "", "", "return", "stays"]])
    window.choose("#release", "9.0")
    equal("9.0", one_act(window), [["", "", "", "STOP return", "paused"]])


def test_clicking_follows(window):
    window.choose("#what", "stop")
    window.choose("#state", "running")
    window.click("td.then button")
    equal("state", window.run("return document.getElementById('state').value"), "paused")
    assert "reached by: qemu; stop" in window.run("return document.getElementById('recipe').textContent")
    window.choose("#what", "anything")
    window.click("th.in button")
    assert window.run("return document.getElementById('what').value") != ""


def test_variants_and_the_impossible(window):
    window.choose("#what", "cont")
    before = one_act(window)
    window.click("#variants")
    after = one_act(window)
    aborts = [row for row in after if row[4].startswith("aborts")]
    assert not any(row[4].startswith("aborts") for row in before)
    equal("cont that aborts", [row[0] for row in aborts], ["postmigrate (migrated while suspended)"])
    window.choose("#what", "anything")
    acts = len(shown(window))
    window.click("#impossible")
    assert len(shown(window)) >= acts
    assert any("cannot happen" in row[3] for rows in shown(window).values() for row in rows)


def test_the_address_keeps_the_view(window):
    window.choose("#what", "system_reset")
    window.choose("#state", "paused")
    window.choose("#release", "10.0")
    address = window.call("GET", "/url")
    rows = one_act(window)
    window.open("about:blank")
    window.open(address)
    equal("the same view", one_act(window), rows)


def test_the_keyboard_suffices(window):
    window.type("body", "/")
    equal("focus", window.run("return document.activeElement.id"), "search")
    named = """return [...document.querySelectorAll('input, select, button')]
      .filter((e) => !(e.labels?.length || e.textContent.trim())).map((e) => e.id)"""
    equal("controls without a label", window.run(named), [])


def test_it_is_quick(window):
    took = window.run(
        "const begin = performance.now(); document.getElementById('variants').checked = true; update();"
        "document.body.offsetHeight; return performance.now() - begin"
    )
    print(f"  everything drawn in {took:.0f} ms")
    assert took < 3000, took


def screenshots(window, page, directory):
    for name, media in (("light", "light"), ("dark", "dark")):
        window.emulate(features=[{"name": "prefers-color-scheme", "value": media}])
        window.open("about:blank")
        window.open(f"{page}#what=guest+panic&thread=on+a+vCPU")
        window.screenshot(directory / f"explain-{name}.png")
        window.open("about:blank")
        window.open(f"{page}#state=suspended&release=10.0&thread=on+a+vCPU")
        window.screenshot(directory / f"explain-{name}-state.png")
        window.open("about:blank")
        window.open(page)
        window.screenshot(directory / f"explain-{name}-all.png")


def main():
    runstate, directory = sys.argv[1], sys.argv[2:]
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    with tempfile.TemporaryDirectory() as temporary, browser() as window:
        file = pathlib.Path(temporary, "explain.html")
        subprocess.run([runstate, "explain", "--html", str(file)], check=True)
        page = file.as_uri()
        for test in tests:
            begin = time.monotonic()
            window.open("about:blank")
            window.open(page)
            test(window)
            print(f"ok {test.__name__[5:]} ({time.monotonic() - begin:.1f} s)")
        if directory:
            screenshots(window, page, pathlib.Path(directory[0]))
    print(f"{len(tests)} tests passed")


main()
