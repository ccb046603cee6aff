"""Fixtures and gates every test shares: golden files, shared data, slow tests, missing tools.

What a test needs and this machine lacks is a visible skip with a reason, never
a pass; the count of skips by reason is printed before pytest's last line.
"""

from __future__ import annotations

import difflib
import os
import shutil
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from hysteron.errors import ToolchainError
from hysteron.runners import choose_emulator, probe
from hysteron.targets import cpu_features, load_isa

_TESTS = Path(__file__).parent
_SHARES = 10

settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --slow and --update-golden."""
    parser.addoption("--slow", action="store_true", help="run every slow test")
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite golden files (ignored when CI is set)"
    )


def in_slow_share(nodeid: str, shares: int) -> bool:
    """Tell whether a slow test belongs to the first ``shares`` tenths, the same on any machine."""
    return zlib.crc32(nodeid.encode()) % _SHARES < shares


def _slow_skip(item: pytest.Item) -> str:
    if item.get_closest_marker("slow") is None or item.config.getoption("--slow"):
        return ""
    share = os.environ.get("HYSTERON_SLOW_SHARE", "")
    if not share:
        return "slow: run with --slow"
    if in_slow_share(item.nodeid, int(share)):
        return ""
    return f"slow: not in the {share} of {_SHARES} shares that run here"


def _isa_skip(name: str) -> str:
    """Return why an instruction set cannot be used here.

    ``set:family`` asks for one family of compiler, ``set@kind`` for one emulator.
    """
    isa_name, _, family = name.partition(":")
    isa_name, _, kind = isa_name.partition("@")
    isa = load_isa(isa_name)
    if missing := set(isa.cpu_features) - cpu_features():
        return f"{name}: this processor lacks {', '.join(sorted(missing))}"
    try:
        probe(isa, family or None)
        if isa.emulators:
            choose_emulator(isa, kind or None)
    except ToolchainError as error:
        return f"{name}: {error}"
    return ""


def _skip_reason(item: pytest.Item) -> str:
    if reason := _slow_skip(item):
        return reason
    if item.get_closest_marker("kernels") and shutil.which(os.environ.get("CC", "cc")) is None:
        return "no host C compiler"
    for marker in item.iter_markers("isa"):
        if reason := _isa_skip(marker.args[0]):
            return reason
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests/kernels as needing a compiler, and skip what cannot or should not run here."""
    for item in items:
        if _TESTS / "kernels" in item.path.parents:
            item.add_marker("kernels")
        if reason := _skip_reason(item):
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many tests were skipped, by the first words of the reason."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[text.removeprefix("Skipped: ").partition(":")[0]] += 1
    if reasons:
        parts = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        terminalreporter.write_line(f"skips: {sum(reasons.values())} ({parts})")


def _shared_folder(variable: str) -> Path:
    folder = os.environ.get(variable, "")
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"{variable}: {'no such folder' if folder else 'not set'}")
    return Path(folder)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of real data sets, or skip."""
    return _shared_folder("HYSTERON_DATA")


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Return the folder of third-party models, or skip."""
    return _shared_folder("HYSTERON_MODELS")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Return ``golden(name, text)``: compare with tests/golden/<test file>/<name>, byte for byte.

    ``--update-golden`` rewrites the file instead, except in CI.
    """
    folder = _TESTS / "golden" / request.path.stem.removeprefix("test_")
    update = request.config.getoption("--update-golden") and not os.environ.get("CI")

    def check(name: str, text: str) -> None:
        path = folder / name
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        if not path.exists():
            pytest.fail(f"no golden file {path.relative_to(_TESTS)}; run with --update-golden")
        wanted = path.read_bytes().decode()
        if text != wanted:
            lines = difflib.unified_diff(
                wanted.splitlines(True), text.splitlines(True), f"golden/{name}", "now"
            )
            pytest.fail(f"{path.relative_to(_TESTS)} differs:\n{''.join(lines)}")

    return check
