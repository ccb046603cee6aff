"""The gates themselves: a gate that lets everything through would hide every other failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import hysteron

_CONFTEST = Path(__file__).parents[1] / "conftest.py"

_SAMPLE = """
import pytest

@pytest.mark.slow
@pytest.mark.parametrize("n", range(50))
def test_slow(n): pass

@pytest.mark.isa("cortex-m0:none")
def test_needs_a_compiler_that_does_not_exist(): pass

def test_data(data_dir): pass

def test_golden(golden): golden("text.txt", "one\\ntwo\\n")
"""


def _pytest(folder: Path, *args: str, **env: str) -> str:
    (folder / "conftest.py").write_text(_CONFTEST.read_text())
    (folder / "test_sample.py").write_text(_SAMPLE)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  slow\n  kernels\n  isa(name)\n")
    kept = {
        key: value
        for key, value in os.environ.items()
        if key not in ("CI", "HYSTERON_DATA", "HYSTERON_SLOW_SHARE", "PYTEST_ADDOPTS")
    }
    # An editable install is found anyway; a checkout on PYTHONPATH may be a relative path.
    kept["PYTHONPATH"] = str(Path(hysteron.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *args],
        cwd=folder, env=kept | env, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done.stdout


def test_slow_tests_and_missing_things_skip_and_are_counted(tmp_path: Path) -> None:
    out = _pytest(tmp_path)
    assert "1 failed, 52 skipped" in out
    assert "skips: 52 (50 slow, 1 cortex-m0, 1 HYSTERON_DATA)" in out
    assert "no golden file golden/sample/text.txt; run with --update-golden" in out


def test_slow_share_is_a_fixed_tenth(tmp_path: Path) -> None:
    first = _pytest(tmp_path, "-vv", HYSTERON_SLOW_SHARE="1")
    ran = [line.split()[0] for line in first.splitlines() if "PASSED" in line]
    assert 2 <= len(ran) <= 9
    second = _pytest(tmp_path, "-vv", HYSTERON_SLOW_SHARE="1")
    assert ran == [line.split()[0] for line in second.splitlines() if "PASSED" in line]
    assert "1 failed, 50 passed, 2 skipped" in _pytest(tmp_path, HYSTERON_SLOW_SHARE="10")


@pytest.mark.parametrize(("ci", "wanted"), [("", "51 passed"), ("1", "1 failed, 50 passed")])
def test_golden_files_are_written_on_request_but_never_in_ci(
    tmp_path: Path, ci: str, wanted: str
) -> None:
    assert wanted in _pytest(tmp_path, "--slow", "--update-golden", **({"CI": ci} if ci else {}))
    assert (tmp_path / "golden/sample/text.txt").exists() == (not ci)


def test_a_golden_difference_is_shown_as_a_diff(tmp_path: Path) -> None:
    (tmp_path / "golden/sample").mkdir(parents=True)
    (tmp_path / "golden/sample/text.txt").write_text("one\nthree\n")
    out = _pytest(tmp_path)
    assert "-three" in out
    assert "+two" in out
