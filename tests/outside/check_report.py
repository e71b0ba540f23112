"""The report of a rehearsal in a real browser: `check_report.py target/debug/rehearsal [--keep FOLDER]`.

Plays scenarios and opens their pages in headless Chromium, on a screen and on a phone, light and dark: nothing is loaded
but the page, nothing is complained of, nothing is wider than the screen, and everything can be read. `--keep` keeps the
pages and pictures of them.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from browser import Browser
from claims import Claims

SCENARIOS = ("ship", "failed-migration", "failed-test-traffic", "same-push-twice", "several-pipelines", "never-starts")
SCREENS = (("screen", 1280, 900, False), ("phone", 360, 740, True))
SCHEMES = ("light", "dark")
EVENT = Path(__file__).parents[2] / "events" / "start-deployment" / "push.json"
CHECKS = Path(__file__).with_name("page_checks.js")
# The rehearsal gives every container a variable with this in its value.
PLANTED = "planted-value-of-the-rehearsal"
COMPLAINTS = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rehearsal", type=Path)
    parser.add_argument("--keep", type=Path, help="folder for the pages and pictures")
    arguments = parser.parse_args()
    claims = Claims()
    with tempfile.TemporaryDirectory(prefix="greenlight-report-") as temporary, Browser() as browser:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        refuses_early(claims, arguments.rehearsal, Path(temporary))
        with_other_options(claims, arguments.rehearsal, Path(temporary).resolve() / "event.html")
        interrupted(claims, arguments.rehearsal, Path(temporary).resolve() / "interrupted.html")
        for scenario in SCENARIOS:
            page = folder.resolve() / f"{scenario}.html"
            played(claims, arguments.rehearsal, scenario, page)
            if page.exists():
                looked_at(claims, browser, page, keep=arguments.keep is not None)
    print(f"\n{claims.passed} claims hold, {claims.failed} do not")
    return 1 if claims.failed else 0


def rehearse(rehearsal: Path, *arguments: object) -> subprocess.CompletedProcess:
    command = [rehearsal, *arguments, "--binaries", rehearsal.parent]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True)


def refuses_early(claims: Claims, rehearsal: Path, folder: Path) -> None:
    claims.about("a report that cannot be written")
    for place in (folder, folder / "no" / "such" / "folder.html"):
        ended = rehearse(rehearsal, "ship", "--report", place)
        claims.equal("is wrong usage", ended.returncode, 2)
        claims.equal("and nothing is played", ended.stdout, "")
        claims.contains("the error names the file", ended.stderr, str(place), "hint:")


def with_other_options(claims: Claims, rehearsal: Path, page: Path) -> None:
    claims.about("an event of one's own, and the record as JSON")
    ended = rehearse(rehearsal, "--event", EVENT, "--json", "--report", page)
    claims.equal("stdout is the record alone", json.loads(ended.stdout)["scenario"], "event")
    claims.equal("stderr says where the page is", ended.stderr.splitlines()[-1:], [f"report: {page}"])
    claims.contains("the page is of this event", page.read_text(), "<span>event</span>", "✓ as expected")


def interrupted(claims: Claims, rehearsal: Path, page: Path) -> None:
    claims.about("a rehearsal that is interrupted")
    command = [rehearsal, "ship", "--binaries", rehearsal.parent, "--report", page]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        next(line for line in process.stdout if "BeforeInstall" in line)
        process.send_signal(signal.SIGINT)
        said, complaint = process.communicate()
    claims.equal("fails", process.returncode, 1)
    claims.contains("says why", complaint, "error: interrupted")
    claims.contains("says where its page is", said, f"report: {page}")
    claims.contains("the page tells what happened until then", page.read_text(), "■ broken off", "interrupted", "Install")


def played(claims: Claims, rehearsal: Path, scenario: str, page: Path) -> None:
    claims.about(scenario)
    ended = rehearse(rehearsal, scenario, "--report", page)
    claims.equal("goes as expected", ended.returncode, 0)
    claims.equal("says where its page is", ended.stdout.splitlines()[-1:], [f"report: {page}"])
    text = page.read_text() if page.exists() else ""
    claims.holds("the page tells no value of an environment variable", text and PLANTED not in text, "found one, or no page")


def looked_at(claims: Claims, browser: Browser, page: Path, keep: bool) -> None:
    checks = CHECKS.read_text()
    for device, width, height, phone in SCREENS:
        for scheme in SCHEMES:
            browser.show_as(width, height, scheme, phone)
            events = browser.open(page)
            loaded = {event["params"]["request"]["url"] for event in events
                      if event["method"] == "Network.requestWillBeSent"}
            claims.equal(f"{device}, {scheme}: nothing is loaded but the page", loaded, {page.as_uri()})
            complaints = [event["params"] for event in events if event["method"] in COMPLAINTS]
            claims.equal(f"{device}, {scheme}: the browser has nothing to complain of", complaints, [])
            if keep:
                browser.picture(page.with_name(f"{page.stem}-{device}-{scheme}.png"))
            browser.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
            # Only what is on the screen can be asked for by its place.
            length = browser.evaluate("document.documentElement.scrollHeight")
            browser.show_as(width, length, scheme, phone)
            claims.equal(f"{device}, {scheme}: it can be read and fits", browser.evaluate(checks), [])
    if keep:
        browser.paper(page.with_suffix(".pdf"))


if __name__ == "__main__":
    sys.exit(main())
