"""The report of a campaign in a real browser: whole, readable, and alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hysteron._assets import asset_dir
from hysteron.cli import main
from hysteron.training.data import digits_split

_MODEL = str(asset_dir("models") / "digits_mlp" / "digits_mlp.onnx")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


class Browser:
    """A headless browser, driven through its debugging pipe; remembers all events."""

    def __init__(self, program: str, profile: Path) -> None:
        here, there = os.pipe(), os.pipe()
        options = (
            "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run"
            " --remote-debugging-pipe"
        )
        command = [program, *options.split(), f"--user-data-dir={profile}", "about:blank"]

        def connect() -> None:  # the browser talks through descriptors 3 and 4
            reads, writes = os.dup(here[0]), os.dup(there[1])
            os.dup2(reads, 3)
            os.dup2(writes, 4)

        self._process = subprocess.Popen(
            command, preexec_fn=connect, close_fds=False, stderr=subprocess.DEVNULL
        )
        os.close(here[0])
        os.close(there[1])
        self._out, self._in = os.fdopen(here[1], "wb"), os.fdopen(there[0], "rb")
        self._number, self.events = 0, list[dict[str, Any]]()
        made = self.ask("Target.createTarget", {"url": "about:blank"})
        found = self.ask("Target.attachToTarget", {"targetId": made["targetId"], "flatten": True})
        self._session: str | None = found["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    _session: str | None = None

    def ask(self, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the answer to a command; events on the way are kept."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method}
        message["params"] = parameters or {}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        self._out.flush()
        while (found := self._next()).get("id") != self._number:
            self.events.append(found)
        assert "error" not in found, found
        result: dict[str, Any] = found["result"]
        return result

    def open(self, path: Path) -> None:
        """Load a file and wait until everything in it is loaded."""
        self.events.clear()
        self.ask("Page.navigate", {"url": path.as_uri()})
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self._next())

    def value(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page."""
        asked = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        return self.ask("Runtime.evaluate", asked)["result"].get("value")

    def close(self) -> None:
        """End the browser."""
        self._process.kill()
        self._process.wait()
        self._out.close()
        self._in.close()

    def _next(self) -> dict[str, Any]:
        data = b""
        while not data.endswith(b"\0"):
            byte = self._in.read(1)
            assert byte, "the browser ended"
            data += byte
        message: dict[str, Any] = json.loads(data[:-1])
        return message


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Yield a running browser; skip visibly without one."""
    program = next((name for name in _BROWSERS if shutil.which(name)), None)
    if program is None:
        pytest.skip("no chromium")
    started = Browser(program, tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


def _campaign(folder: Path, *arguments: str) -> Path:
    split = digits_split()
    np.save(folder / "x.npy", np.asarray(split[2][:60], dtype=np.uint8))
    np.save(folder / "y.npy", np.asarray(split[3][:60]))
    files = ["--inputs", str(folder / "x.npy"), "--labels", str(folder / "y.npy")]
    made = folder / "out"
    with pytest.raises(SystemExit) as done:
        main(["emulate", _MODEL, "--input", "uint8", *files, *arguments, "-o", str(made)])
    assert done.value.code == 0
    return made


_GRID = ("-m", "st-mram", "--set", "write_pulse_ns=4,6", "--set", "write_current_ratio=2,3")

_STUDIES = (
    *("--sensitivity", "--by", "role", "--critical", "2", "--only", "inverts"),
    *("--optimize", "energy", "--max-drop", "50"),
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "pictures", "rows"),
    [
        (("--ber", "0,0.001,0.02"), 1, 3),
        (_GRID, 4, 4),
        # table, ranking, two worst flips, Pareto front
        (("-m", "st-mram", *_STUDIES), 3, 1 + 1 + 2 + 1),
    ],
    ids=["rates", "conditions", "studies"],
)
def test_the_page_shows_everything_and_loads_nothing(
    arguments: tuple[str, ...], pictures: int, rows: int, browser: Browser, tmp_path: Path
) -> None:
    page = _campaign(tmp_path, "--chips", "3", *arguments) / "report.html"
    browser.open(page)
    assert browser.value("document.querySelectorAll('tbody tr').length") == rows
    wide = browser.value("[...document.images].map(i => i.complete ? i.naturalWidth : 0)")
    assert len(wide) == pictures and min(wide) > 300
    assert all(browser.value("[...document.images].map(i => i.alt)"))
    fits = "[...document.images].every(i => i.getBoundingClientRect().right <= innerWidth)"
    assert browser.value(fits)
    asked = [
        event["params"]["request"]["url"]
        for event in browser.events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in asked if not url.startswith("data:")] == [page.as_uri()]
    complaints = [
        event
        for event in browser.events
        if event["method"]
        in ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
    ]
    assert not complaints


@pytest.mark.slow
def test_the_page_refuses_to_load_what_is_not_in_it(browser: Browser, tmp_path: Path) -> None:
    page = _campaign(tmp_path, "--chips", "2", "--ber", "0.01") / "report.html"
    text = page.read_text()
    (tmp_path / "spy.png").write_bytes((page.parent / "accuracy.png").read_bytes())
    page.write_text(text.replace("</body>", "<img src='../spy.png'></body>"))
    browser.open(page)
    *own, foreign = browser.value("[...document.images].map(i => i.naturalWidth)")
    assert foreign == 0 and min(own) > 300
    assert any("Content Security Policy" in str(event) for event in browser.events)


def test_each_varying_condition_has_its_picture(tmp_path: Path) -> None:
    made = _campaign(tmp_path, "--chips", "2", *_GRID)
    names = {path.stem for path in made.glob("*.png")}
    assert names == {
        "accuracy", "accuracy_energy", "accuracy_write_pulse_ns", "accuracy_write_current_ratio"
    }  # fmt: skip
    assert names == {path.stem for path in made.glob("*.svg")}
    assert (made / "accuracy.png").read_bytes().startswith(b"\x89PNG")
