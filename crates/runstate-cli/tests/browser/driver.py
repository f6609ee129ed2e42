"""The little of WebDriver that the page tests need: chromedriver over HTTP, with nothing but Python's library."""

import base64
import contextlib
import json
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """One window of a headless chromium."""

    def __init__(self, base, size):
        self.base = base
        self.profile = tempfile.TemporaryDirectory(prefix="runstate-browser-")
        flags = FLAGS + [f"--user-data-dir={self.profile.name}", "--window-size=%d,%d" % size]
        options = {"args": flags, "binary": shutil.which("chromium")}
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})
        self.base = f"{base}/session/{answer['sessionId']}"

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {json.load(error)['value']['message']}") from None

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """The value of a piece of JavaScript that ends in `return`."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, selector):
        return self.call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def type(self, selector, text):
        self.call("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def click(self, selector):
        self.call("POST", f"/element/{self.find(selector)}/click", {})

    def choose(self, select, text):
        """Chooses an entry of a list as a person does, by its text."""
        options = self.call("POST", "/elements", {"using": "css selector", "value": f"{select} option"})
        for option in options:
            if self.call("GET", f"/element/{option[ELEMENT]}/text") == text:
                self.call("POST", f"/element/{option[ELEMENT]}/click", {})
                return
        raise AssertionError(f"{select} has no entry {text}")

    def emulate(self, **media):
        self.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": media})

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("GET", "/screenshot")))

    def close(self):
        self.call("DELETE", "")
        self.profile.cleanup()


@contextlib.contextmanager
def browser(size=(1400, 1000)):
    """A browser that is gone afterwards, whatever happens."""
    driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
    try:
        port = None
        for line in driver.stdout:
            if found := re.search(r"on port (\d+)", line):
                port = found.group(1)
            if port and port != "0":
                break
        window = Browser(f"http://127.0.0.1:{port}", size)
        try:
            yield window
        finally:
            window.close()
    finally:
        driver.terminate()
        driver.wait(timeout=20)
