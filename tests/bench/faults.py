"""One trial of a fault campaign beside PyTorch and NumPy: 784-1024-1024-10, uint8 input, one core.

A trial is: flip the wrong weights, classify all samples, count the right ones, restore.
``make bench`` runs it in a process of its own (one thread, NumPy's own choice of kernel). It
prints and never asserts a time. Classes of all engines are compared in every trial.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from nets import SEED

from hysteron._assets import asset_dir
from hysteron.campaign.evaluate import NetEvaluator
from hysteron.campaign.incremental import IncrementalEvaluator
from hysteron.chips.draw import Faults, NestedDraw
from hysteron.driver.compile import Options, compile_model
from hysteron.training.data import data_folder, idx_split

RATES = (1e-4, 1e-3, 2e-3, 1e-2)
BATCH = 1000
Classify = Callable[[Faults], np.ndarray]


@dataclass(frozen=True)
class Layers:
    """Weights (n, k) as -1/+1 and thresholds: bit = [sum >= t], inversions folded in."""

    weights: list[np.ndarray]
    thresholds: list[np.ndarray]
    sections: list[str]


def layers_of(program) -> Layers:
    """Return the dense layers of a compiled perceptron for the other engines."""
    graph, by_const = program.final, program.layout.by_const
    weights, thresholds, sections = [], [], []
    for node in graph.nodes:
        consts = node.inputs[1:]
        if not node.op.name.endswith("_dense"):
            continue
        w = graph.consts[consts[0]].astype(np.int8)
        if len(consts) == 3:
            t = graph.consts[consts[1]][0, 0].astype(np.int64)
            inverted = graph.consts[consts[2]][0] > 0
            # not (s >= t) is -s >= 1 - t: the row changes sign
            w = np.where(inverted[:, None], -w, w).astype(np.int8)
            thresholds.append(np.where(inverted, 1 - t, t))
        weights.append(w)
        sections.append(by_const[consts[0]].name)
    return Layers(weights, thresholds, sections)


def torch_fp32(layers: Layers, x: np.ndarray) -> Classify:
    """Return the best PyTorch float32: sparse flips in place, batches of 1000."""
    import torch

    torch.set_num_threads(1)
    ws = [torch.from_numpy(w.astype(np.float32)) for w in layers.weights]
    limits = [torch.from_numpy((t - 0.5).astype(np.float32)) for t in layers.thresholds]
    batches = torch.from_numpy(x.astype(np.float32)).split(BATCH)

    @torch.no_grad()
    def classify(wrong: Faults) -> np.ndarray:
        at = [torch.from_numpy(wrong[s].cell) if s in wrong else None for s in layers.sections]
        _negate(ws, at)
        found = []
        for batch in batches:
            for w, limit in zip(ws, limits, strict=False):
                batch = torch.nn.functional.linear(batch, w).sub_(limit).sign_()
            found.append(torch.nn.functional.linear(batch, ws[-1]).argmax(1))
        _negate(ws, at)
        return torch.cat(found).numpy()

    return classify


def _negate(ws, at) -> None:
    for w, cells in zip(ws, at, strict=True):
        if cells is not None:
            flat = w.view(-1)
            flat[cells] = -flat[cells]


def torch_int8(layers: Layers, x: np.ndarray) -> Classify:
    """Return the best PyTorch int8: quantized::linear of oneDNN, repacked in each trial."""
    import torch

    # newer versions announce its end
    warnings.filterwarnings("ignore", message=".*quantize", category=UserWarning)
    torch.set_num_threads(1)
    if "onednn" not in torch.backends.quantized.supported_engines:
        raise RuntimeError("this PyTorch has no onednn engine")
    torch.backends.quantized.engine = "onednn"
    ws = [torch.from_numpy(w.copy()) for w in layers.weights]
    biases = [torch.from_numpy((0.5 - t).astype(np.float32)) for t in layers.thresholds]
    images = torch.from_numpy(x.copy())
    quantized = torch._make_per_tensor_quantized_tensor

    @torch.no_grad()
    def classify(wrong: Faults) -> np.ndarray:
        at = [torch.from_numpy(wrong[s].cell) if s in wrong else None for s in layers.sections]
        _negate(ws, at)
        packed = [
            torch.ops.quantized.linear_prepack(quantized(w, 1.0, 0), bias)
            for w, bias in zip(ws, biases, strict=False)
        ]
        last = ws[-1].to(torch.float32)
        found = []
        for batch in images.split(BATCH):
            bits = quantized(batch, 1.0, 0)
            for one in packed:
                # sums lie half way between integers: saturated at scale 1/2 they keep their sign
                sums = torch.ops.quantized.linear(bits, one, 0.5, 128).int_repr()
                bits = quantized(sums.gt(128).to(torch.uint8).mul_(2), 1.0, 1)
            # 8 bits do not hold the last sums: 10 of 2058 outputs are float
            found.append(torch.nn.functional.linear(bits.dequantize(), last).argmax(1))
        _negate(ws, at)
        return torch.cat(found).numpy()

    return classify


def numpy_fp32(layers: Layers, x: np.ndarray) -> Classify:
    """Return the best NumPy: sparse flips, folded thresholds, preallocated."""
    ws = [np.ascontiguousarray(w.astype(np.float32)) for w in layers.weights]
    limits = [(t - 0.5).astype(np.float32) for t in layers.thresholds]
    images = x.astype(np.float32)
    rooms = [np.empty((len(x), len(w)), np.float32) for w in ws]

    def classify(wrong: Faults) -> np.ndarray:
        for w, section in zip(ws, layers.sections, strict=True):
            if section in wrong:
                w.ravel()[wrong[section].cell] *= -1
        now = images
        for w, limit, room in zip(ws, limits, rooms, strict=False):
            np.matmul(now, w.T, out=room)
            np.subtract(room, limit, out=room)
            now = np.copysign(np.float32(1), room, out=room)
        found = np.matmul(now, ws[-1].T, out=rooms[-1]).argmax(1)
        for w, section in zip(ws, layers.sections, strict=True):
            if section in wrong:
                w.ravel()[wrong[section].cell] *= -1
        return found

    return classify


def engines_of(program, x: np.ndarray) -> dict[str, Classify]:
    """Return what runs, by name; says what does not."""
    inputs = {program.final.inputs[0]: x}
    layers = layers_of(program)
    makers: dict[str, Callable[[], Classify]] = {
        "hysteron incremental": lambda: IncrementalEvaluator(program, inputs).classes,
        "hysteron, whole net": lambda: NetEvaluator(program, inputs).classes,
        "PyTorch fp32, sparse flips": lambda: torch_fp32(layers, x),
        "PyTorch int8, oneDNN": lambda: torch_int8(layers, x),
        "NumPy fp32, sparse flips": lambda: numpy_fp32(layers, x),
    }
    engines = {}
    for name, make in makers.items():
        try:
            engines[name] = make()
        except ImportError as error:
            print(f"  {name}: skipped, not installed ({error.name})")
        except RuntimeError as error:
            print(f"  {name}: skipped, {str(error).splitlines()[0][:100]}")
    return engines


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Return CPU and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    call()
    return time.process_time() - cpu, time.perf_counter() - wall


def _accuracy(classify: Classify, wrong: Faults, labels: np.ndarray) -> int:
    return int((classify(wrong) == labels).sum())


def _drawn(program, names: tuple[str, ...], rate: float, chip: int) -> Faults:
    return NestedDraw(program.layout, program.images, names, rate, 0, chip).below(rate)


def compare(engines: Mapping[str, Classify], wrong: Faults, labels, rounds: int) -> None:
    """Print one table; engines take turns, after one trial each that is not counted."""
    answers = {name: classify(wrong) for name, classify in engines.items()}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, classify in engines.items():
            times[name].append(timed(partial(_accuracy, classify, wrong, labels)))
    mine = next(iter(answers.values()))
    for name, taken in times.items():
        cpu, wall = (statistics.median(column) for column in zip(*taken, strict=True))
        same = int((answers[name] == mine).sum())
        print(f"  {name:28} {1e3 * cpu:10.2f} {1e3 * min(c for c, _ in taken):9.2f} "
              f"{1e3 * wall:10.2f}   {same} of {len(mine)} classes agree")  # fmt: skip


def draws(program, names: tuple[str, ...], rate: float) -> None:
    """Print what drawing a chip costs."""
    taken = [timed(partial(_drawn, program, names, rate, chip))[0] for chip in range(9)]
    cells = sum(program.layout.section(name).cells.count for name in names)
    print(f"  draw of {cells:,} cells, once per chip for all its rates: "
          f"{1e3 * statistics.median(taken):.2f} ms CPU")  # fmt: skip


def describe() -> None:
    """Print the BLAS kernel and the load."""
    try:
        threads = importlib.import_module("threadpoolctl")
        blas = [f"{one['internal_api']} {one.get('architecture')} x{one['num_threads']}"
                for one in threads.threadpool_info() if one["user_api"] == "blas"]  # fmt: skip
        print(f"  NumPy's BLAS: {', '.join(sorted(set(blas)))}")
    except ImportError:
        print("  NumPy's BLAS: unknown (no threadpoolctl)")
    if hasattr(os, "getloadavg"):
        print(f"  load {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores: trust CPU times")


def test_set(samples: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Return pictures, labels and what they are: MNIST's test set where HYSTERON_DATA has it."""
    if data_folder() is not None:
        split = idx_split("mnist")
        return split.x_test.reshape(-1, 784)[:samples], split.y_test[:samples], "MNIST images"
    rng = np.random.default_rng(SEED)
    x = rng.integers(0, 256, (samples, 784), dtype=np.uint8)
    return x, rng.integers(0, 10, samples), "random images (HYSTERON_DATA is not set)"


def main() -> None:
    """Compare at four rates, wrong weights only; then ours with every kind of cell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few samples, one round")
    options = parser.parse_args()
    samples, rounds = (500, 1) if options.quick else (10_000, 5)
    model = asset_dir("models") / "mnist_mlp" / "mnist_mlp.onnx"
    program = compile_model(str(model), Options(inputs=("uint8",), target="host")).program
    x, labels, what = test_set(samples)
    print(f"\nFault trial, mnist_mlp 784-1024-1024-10, uint8 input, {samples} {what}, one core")
    describe()
    engines = engines_of(program, x)
    names = tuple(s.name for s in program.layout.sections if s.role == "weights")
    every = tuple(s.name for s in program.layout.sections)
    ours = {name: engines[name] for name in list(engines)[:2]}
    for rate in RATES:
        wrong = NestedDraw(program.layout, program.images, names, rate, 0, 0).below(rate)
        flips = sum(found.cell.size for found in wrong.values())
        print(f"\n BER {rate:g}, weights: {flips} flips, {rounds} rounds")
        print(f"  {'engine':28} {'CPU ms':>10} {'least':>9} {'wall ms':>10}")
        compare(engines, wrong, labels, rounds)
        draws(program, every, rate)
        print(f" BER {rate:g}, every cell (thresholds and inversions too)")
        all_cells = NestedDraw(program.layout, program.images, every, rate, 0, 0).below(rate)
        compare(ours, all_cells, labels, rounds)
    print("\n  bar: at most 100 ms at any BER <= 1e-2, 30 ms at 1e-3, then 10 ms at 1e-3")


if __name__ == "__main__":
    main()
