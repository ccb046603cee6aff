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


def test_a_peer_that_is_not_installed_is_named_with_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    pytest.importorskip("sklearn")
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setenv("ONNX2C", "no-such-program")
    monkeypatch.setitem(sys.modules, "emlearn", None)
    import peers_mcu
    from peers_common import Cost

    from hysteron.targets import load_isa

    monkeypatch.setattr(peers_mcu, "with_newlib", lambda isa: isa)
    monkeypatch.setattr(peers_mcu, "ours", lambda name, isa: (Cost(1000, 20, 30, 40), 583))
    monkeypatch.setattr(peers_mcu, "CORES", ("cortex-m0",))
    peers_mcu.compare()
    out = capsys.readouterr().out
    assert load_isa("cortex-m0").compilers[0].command[0] in out
    assert "emlearn        not installed: pip install emlearn" in out
    assert "onnx2c         not installed: build github.com/kraiskil/onnx2c" in out
    assert "97.33" in out


@pytest.mark.isa("cortex-m0:gcc")
@pytest.mark.kernels
@pytest.mark.parametrize("right", [True, False])
def test_a_peer_s_class_on_the_core_must_be_its_class_here(
    monkeypatch: pytest.MonkeyPatch, right: bool
):
    pytest.importorskip("sklearn")
    monkeypatch.syspath_prepend(str(HERE))
    import peers_common

    from hysteron.targets import load_isa

    isa = load_isa("cortex-m0")
    monkeypatch.setattr(peers_common, "with_newlib", lambda isa: isa)
    there = "x[0]" if right else "x[0] ^ (sizeof(void *) == 4)"
    source = f"int bench_class(const unsigned char *x) {{ return {there}; }}"
    inputs = np.arange(599, dtype=np.uint8).reshape(-1, 1) % 10
    candidate = peers_common.Candidate("peer", "copy", source, inputs, inputs[:, 0].astype(int))
    if right:
        cost = peers_common.measured(candidate, isa, 5)
        assert 1 < cost.instructions < 10 and 0 < cost.flash_bytes < 400
        assert candidate.agrees == 599 and cost.ram_bytes == 0
        return
    with pytest.raises(SystemExit, match="sample 0 is 0 on this machine and 1 there"):
        peers_common.measured(candidate, isa, 5)
