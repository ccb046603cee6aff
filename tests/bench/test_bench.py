"""The comparison runs from start to end; no time is asserted."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")


@pytest.mark.slow
@pytest.mark.kernels
def test_quick_run_prints_a_ratio_for_every_network():
    script = Path(__file__).parent / "run.py"
    done = subprocess.run(
        [sys.executable, str(script), "--quick", "--rounds", "1"],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for engine in ("onnxruntime fp32", "onnxruntime int8", "hysteron portable C99 "):
        rows = [line for line in done.stdout.splitlines() if line.strip().startswith(engine)]
        assert len(rows) == 3
        assert all(float(row.removeprefix("  " + engine).split()[2]) > 0 for row in rows)


@pytest.mark.slow
@pytest.mark.kernels
def test_quick_fault_trials_agree_in_every_class():
    script = Path(__file__).parent / "run.py"
    done = subprocess.run(
        [sys.executable, str(script), "--quick", "--only", "fault trial"],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.endswith("classes agree")]
    assert len([row for row in rows if "hysteron incremental" in row]) == 8
    for row in rows:
        same, of = row.split("   ")[-1].split(" of ")
        assert same.strip() == of.split()[0], row
