"""Measure our C beside other engines: one process, one thread, batch 1, in turns.

``make bench`` runs it; ``--quick`` is a smoke run with small networks. It prints and never
asserts: a time says something only beside the others of the same run.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from engines import (
    Engine,
    compiled_for,
    density,
    limit_engine,
    onnxruntime_engine,
    our_engine,
    quantised,
)
from nets import SEED, mlp, vgg
from openvino_binary import openvino_binary_engine

from hysteron.driver.compile import CompiledModel
from hysteron.host.compiler import find_cc
from hysteron.targets import cpu_features, load_isa

FAULTS = "fault trial"
REFERENCE, OPENVINO = "onnxruntime fp32", "OpenVINO BinaryConvolution"
AVX512, AVX2, PORTABLE = "hysteron AVX-512", "hysteron AVX2", "hysteron portable C99"
#: The same plain C under -march=x86-64-v3 and -v4.
V3, V4 = "hysteron portable C99, x86-64-v3", "hysteron portable C99, x86-64-v4"
#: Our engines by instruction set, shown where this processor has it.
OURS = {"avx512": AVX512, "avx2": AVX2, "portable": PORTABLE, "x86-64-v3": V3, "x86-64-v4": V4}


@dataclass(frozen=True)
class Case:
    """One network with one kind of input, its repeats per round, and the bars."""

    title: str
    model: onnx.ModelProto
    macs: int
    spec: str
    sample: np.ndarray
    repeats: int
    bars: Mapping[str, str]


def bars(first: int, then: int) -> dict[str, str]:
    """Return the bar of our intrinsics: each machine is measured with all it has."""
    return dict.fromkeys((AVX2, AVX512), f">= {first}x, then {then}x")


def cases(quick: bool) -> list[Case]:
    """Return the networks of the comparison."""
    rng = np.random.default_rng(SEED)
    signs = rng.choice([-1, 1], (1, 784)).astype(np.int8)
    bytes_ = rng.integers(0, 256, (1, 784), dtype=np.uint8)
    image = rng.integers(0, 256, (1, 3, 32, 32), dtype=np.uint8)
    many, few = (20, 1) if quick else (400, 3)
    dense = "MLP 784-1024-1024-10"
    return [
        Case(f"{dense}, binary input", *mlp(1.0), "b1", signs, many, bars(18, 24)),
        Case(f"{dense}, uint8 input", *mlp(147.0), "uint8", bytes_, many, bars(7, 12)),
        Case("BinaryNet VGG 3x32x32, uint8 input", *vgg(32 if quick else 128), "uint8", image, few,
             bars(6, 8) | dict.fromkeys((V3, V4), ">= 4x, then 4.5x")),
    ]  # fmt: skip


def _add(engines: dict[str, Engine], name: str, make: Callable[[], Engine]) -> None:
    """Add an engine, or say why there is none."""
    try:
        engines[name] = make()
    except ImportError as error:
        print(f"  {name}: not installed ({error.name})")
    except RuntimeError as error:
        print(f"  {name}: did not run ({str(error).strip().splitlines()[-1][:100]})")


def engines_of(case: Case, compiled: CompiledModel) -> tuple[dict[str, Engine], dict[str, str]]:
    """Return what runs for one case, by name, and what to say at the end of its row."""
    features = cpu_features()
    engines: dict[str, Engine] = {}
    notes = {name: f"bar {bar}" for name, bar in case.bars.items()}
    x, n = case.sample, case.repeats
    few = max(n // 10, 1)
    _add(engines, REFERENCE, lambda: onnxruntime_engine(case.model, x, few))
    _add(engines, "onnxruntime int8", lambda: onnxruntime_engine(quantised(case.model, x), x, few))

    def openvino() -> Engine:
        notes[OPENVINO], engine = openvino_binary_engine(case.model, compiled, x, n)
        return engine

    _add(engines, OPENVINO, openvino)

    def ours(isa: str) -> Engine:
        return our_engine(compiled_for(case.model, case.spec, isa), x, n)

    for isa, name in OURS.items():
        if set(load_isa(f"host-{isa}").cpu_features) <= features:
            engines[name] = ours(isa)
    if "avx2" in features:
        engines["popcount limit"] = limit_engine()
    return engines, notes


def measure(engines: Mapping[str, Engine], rounds: int) -> dict[str, list[float]]:
    """Return seconds of each engine in each round; engines take turns, one warm-up round."""
    times: dict[str, list[float]] = {name: [] for name in engines}
    for number in range(rounds + 1):
        for name, call in engines.items():
            took = call()
            if number:
                times[name].append(took)
    return times


def report(case: Case, times: Mapping[str, list[float]], notes: Mapping[str, str]) -> None:
    """Print one table; ratios are medians of the rounds' own ratios."""
    reference = times.get(REFERENCE)
    limit = times.get("popcount limit")
    print(
        f"  {'engine':34} {'median ms':>10} {'min ms':>9} {'x fp32':>7} {'GMAC/s':>7} {'limit':>6}"
    )
    for name, taken in times.items():
        if taken is limit:
            continue
        median, best = statistics.median(taken), min(taken)
        ratio = "-"
        if reference:
            ratio = f"{statistics.median(r / t for r, t in zip(reference, taken, strict=True)):.1f}"
        share = f"{min(limit) * case.macs / best:.2f}" if limit else "-"
        print(
            f"  {name:34} {1e3 * median:10.4f} {1e3 * best:9.4f} {ratio:>7} "
            f"{case.macs / median / 1e9:7.1f} {share:>6}   {notes.get(name, '')}".rstrip()
        )
    if limit:
        print(f"  popcount limit {1 / min(limit) / 1e9:.0f} GMAC/s; share at the minimum, "
              "bar >= 0.70, then 0.85")  # fmt: skip


def fault_trials(quick: bool) -> None:
    """Run faults.py in a process with one thread where NumPy chooses its own kernel."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    script = str(Path(__file__).parent / "faults.py")
    command = [sys.executable, script, *(["--quick"] if quick else [])]
    subprocess.run(command, env=kept | one, check=True)


def describe() -> None:
    """Print the processor, its load and the compiler."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="ascii", errors="replace").splitlines() if info.exists() else []
    model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), "")
    wanted = ("popcnt", "avx2", "avx512f", "avx512_vpopcntdq", "avx512_vnni", "avx_vnni")
    features = [name for name in wanted if name in cpu_features()]
    print(f"{model or platform.processor()}; {' '.join(features)}")
    if hasattr(os, "getloadavg"):
        print(f"{os.cpu_count()} logical cores, load {os.getloadavg()[0]:.2f}")


def main() -> None:
    """Run all cases."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small networks, three rounds")
    parser.add_argument("--rounds", type=int, default=0, help="rounds per case (default 31)")
    parser.add_argument("--only", default="", help="run the cases whose title contains this")
    options = parser.parse_args()
    rounds = options.rounds or (3 if options.quick else 31)
    describe()
    for case in cases(options.quick):
        if options.only not in case.title:
            continue
        isa = "avx2" if "avx2" in cpu_features() else "portable"
        compiled = compiled_for(case.model, case.spec, isa)
        cc = find_cc(compiled.program.isa)
        print(f"\n{case.title}: {case.macs / 1e6:.2f} MMAC, {rounds} rounds of {case.repeats}")
        print(f"  {cc.version.splitlines()[0]}; {' '.join(cc.flags)}")
        print(f"  +1 among binary activations: {density(compiled, case.sample):.2f}")
        engines, notes = engines_of(case, compiled)
        report(case, measure(engines, rounds), notes)
    if options.only in FAULTS:
        sys.stdout.flush()
        fault_trials(options.quick)


if __name__ == "__main__":
    main()
