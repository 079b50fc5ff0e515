"""Chromium without a window, for tests of pages: it opens a file, and answers what JavaScript finds in it.

It is spoken to in the DevTools protocol. Debian's package `chromium` brings it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium")
_OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--hide-scrollbars")


@dataclass
class Browser:
    """One page of a running browser. `faults` collects what its console reports as an error."""

    connection: ClientConnection
    faults: list[str] = field(default_factory=list)
    _count: int = 0

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol; its result."""
        self._count += 1
        self.connection.send(json.dumps({"id": self._count, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.connection.recv(timeout=180))
            self._note(message)
            if message.get("id") == self._count:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result

    def open(self, file: Path, width: int, *, dark: bool = False) -> None:
        """Show the file in a window of that width, in pixels, in light or dark colours."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.send("Page.navigate", url=file.as_uri())
        while True:
            message = json.loads(self.connection.recv(timeout=180))
            self._note(message)
            if message.get("method") == "Page.loadEventFired":
                return

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def _note(self, message: dict[str, Any]) -> None:
        parameters = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.faults.append(parameters["exceptionDetails"]["text"])
        elif message.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.faults.append(parameters["entry"]["text"])
        elif message.get("method") == "Page.javascriptDialogOpening":
            self.faults.append(f"dialog: {parameters['message']}")


@contextmanager
def running(profile: Path) -> Iterator[Browser]:
    """A browser with that folder as its profile; it ends with the block."""
    process = subprocess.Popen(
        [str(CHROMIUM), *_OPTIONS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = _port(profile / "DevToolsActivePort")
        with connect(f"ws://127.0.0.1:{port[0]}{port[1]}", max_size=None, open_timeout=60) as main:
            target = Browser(main).send("Target.createTarget", url="about:blank")["targetId"]
            with connect(
                f"ws://127.0.0.1:{port[0]}/devtools/page/{target}", max_size=None, open_timeout=60
            ) as connection:
                browser = Browser(connection)
                for domain in ("Page", "Runtime", "Log"):
                    browser.send(f"{domain}.enable")
                yield browser
    finally:
        process.terminate()
        process.wait(timeout=30)


def _port(file: Path) -> tuple[str, str]:
    """The port and path at which the browser listens, which it writes to the file."""
    for _ in range(300):
        lines = file.read_text().splitlines() if file.exists() else []
        if len(lines) == 2:
            return lines[0], lines[1]
        time.sleep(0.1)
    raise TimeoutError("Chromium didn't start within 30 seconds")
