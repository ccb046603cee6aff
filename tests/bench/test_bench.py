"""The comparison runs from start to end; no time is asserted."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.kernels
def test_quick_run_prints_a_ratio_for_every_network():
    script = HERE / "run.py"
    done = subprocess.run(
        [sys.executable, str(script), "--quick", "--rounds", "1"],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for engine in ("onnxruntime fp32", "onnxruntime int8", "hysteron portable C99 "):
        rows = [line for line in done.stdout.splitlines() if line.strip().startswith(engine)]
        assert len(rows) == 3
        assert all(float(row.removeprefix("  " + engine).split()[2]) > 0 for row in rows)


@pytest.mark.kernels
@pytest.mark.parametrize("damaged", [False, True], ids=["right", "one-weight-flipped"])
def test_openvino_is_timed_only_when_every_sum_is_right(
    monkeypatch: pytest.MonkeyPatch, damaged: bool
):
    pytest.importorskip("openvino")
    monkeypatch.syspath_prepend(str(HERE))
    import engines
    import nets
    import openvino_binary

    net = nets.Builder()
    net.conv(3, 40, 8)
    net.norm(40, 500.0)
    net.sign()
    net.conv(40, 24, 8)
    net.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    net.norm(24, 20.0)
    net.sign()
    net.add("Flatten", axis=1)
    net.dense(24 * 16, 10)
    net.norm(10, 20.0)
    model = net.model((3, 8, 8))
    oracle = engines.compiled_for(model, "uint8", "portable")
    x = np.random.default_rng(0).integers(0, 256, (1, 3, 8, 8), dtype=np.uint8)
    if not damaged:
        kernels, engine = openvino_binary.openvino_binary_engine(model, oracle, x, 2)
        assert kernels.endswith("; 3 layers checked") and engine() > 0
        return
    weights = next(c for c in model.graph.initializer if tuple(c.dims) == (24, 40, 3, 3))
    values = np.frombuffer(weights.raw_data, np.float32).copy()
    values[7] *= -1
    weights.raw_data = values.tobytes()
    with pytest.raises(RuntimeError, match=r"layer 2: \d+ of 1536 sums are wrong"):
        openvino_binary.openvino_binary_engine(model, oracle, x, 2)


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
