"""A headless Chromium, spoken to over the DevTools protocol."""

import base64
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import websocket

# The first start on a slow machine takes its time.
PATIENCE_SECONDS = 60
NAMES = ("chromium", "chromium-browser", "google-chrome")


class Browser:
    """A browser with a profile of its own, from its making to the end of its `with`."""

    def __init__(self) -> None:
        program = next(filter(None, map(shutil.which, NAMES)), None)
        if program is None:
            raise SystemExit(f"no browser is installed, expected one of {', '.join(NAMES)}")
        self.profile = tempfile.TemporaryDirectory(prefix="greenlight-browser-", ignore_cleanup_errors=True)
        # Without a sandbox: it reads files that this machine has just written, as root where CI is root.
        arguments = [
            program, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0",
            "--remote-debugging-address=127.0.0.1", f"--user-data-dir={self.profile.name}", "about:blank",
        ]
        self.process = subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self.said: list[str] = []
        address = self._address()
        self.socket = websocket.create_connection(address, timeout=PATIENCE_SECONDS, suppress_origin=True)
        self.number = 0
        self.events: list[dict] = []
        self.session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Log", "Runtime", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()
        self.process.terminate()
        self.process.wait(PATIENCE_SECONDS)
        self.profile.cleanup()

    def _address(self) -> str:
        for line in self.process.stderr:
            self.said.append(line)
            if found := re.search(r"DevTools listening on (ws://\S+)", line):
                return found[1]
        raise SystemExit(f"the browser ended: {''.join(self.said)}")

    def call(self, method: str, **parameters) -> dict:
        """One command and its answer; events that come in between are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.socket.send(json.dumps(message))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, page: Path) -> list[dict]:
        """Loads a file, and gives every event until it was loaded."""
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(json.loads(self.socket.recv()))
        # What a script or a late request would do, it has done when two frames were drawn.
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return list(self.events)

    def evaluate(self, expression: str):
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def show_as(self, width: int, height: int, scheme: str, phone: bool) -> None:
        """A screen of this size, with a light or dark scheme."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if phone else 1,
                  mobile=phone)
        self.call("Emulation.setEmulatedMedia", media="screen",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, file: Path) -> None:
        """The whole page, however long it is."""
        taken = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(taken["data"]))

    def paper(self, file: Path) -> None:
        self.call("Emulation.setEmulatedMedia", media="")
        printed = self.call("Page.printToPDF", printBackground=True, paperWidth=8.27, paperHeight=11.69)
        file.write_bytes(base64.b64decode(printed["data"]))
