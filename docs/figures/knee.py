"""The knee study of docs/showcase.md: campaigns, the table, the figures.

    python docs/figures/knee.py run [MODEL ...]     campaigns into docs/figures/knee.json
    python docs/figures/knee.py show                the tables, and knee_*.svg beside this file

``run`` needs HYSTERON_DATA (and HYSTERON_MODELS for the ECG network). It keeps every
chip in build/knee/MODEL.sqlite, the store of ``hysteron emulate --resume``, and goes on
from there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hysteron.campaign.knee import Knee, find_knee
from hysteron.campaign.plots import rendered
from hysteron.training.data import data_folder, digits_split, idx_split

HERE = Path(__file__).parent
MODELS = HERE.parents[1] / "models"
RESULTS = HERE / "knee.json"
STORES = HERE.parents[1] / "build/knee"
RATES = (1e-3, 2e-3, 5e-3, 1e-2, 1.5e-2, 2e-2, 3e-2, 4e-2, 6e-2, 0.1, 0.15, 0.2)
SHOWN = (1e-3, 1e-2, 4e-2, 0.1, 0.2)
TRAININGS = {"": "plain", "_fixed": "fixed 0.04", "_range": "range 0.001 to 0.2"}
BASES = (
    "digits_cnn", "fashion_mlp_128", "fashion_mlp_256", "fashion_mlp", "mnist_mlp_128", "mnist_mlp",
)  # fmt: skip
NAMES = (*(base + suffix for base in BASES for suffix in TRAININGS), "ecg_5class_bnn")
SAMPLES = 5000
SEED = 0

Labelled = tuple[npt.NDArray[Any], npt.NDArray[Any]]


def _digits() -> Labelled:
    split = digits_split()
    return split.x_test.reshape(-1, 1, 8, 8), split.y_test


def _idx(name: str) -> Labelled:
    split = idx_split(name)
    return split.x_test.reshape(-1, 784)[:SAMPLES], split.y_test[:SAMPLES]


def _ecg() -> Labelled:
    """Every eighth record, z-scored with the sample deviation, as the network was trained."""
    folder = data_folder()
    if folder is None:
        raise SystemExit("HYSTERON_DATA is not set")
    stored = np.load(folder / "ecg/mitbih_5class.npz")
    x, y = stored["x"][::8].astype(np.float64), stored["y"][::8]
    x = (x - x.mean(1, keepdims=True)) / x.std(1, ddof=1, keepdims=True)
    return x.astype(np.float32), y


DATA: dict[str, Callable[[], Labelled]] = {
    "digits": _digits,
    "fashion": lambda: _idx("fashion-mnist"),
    "mnist": lambda: _idx("mnist"),
    "ecg": _ecg,
}


def run(name: str, chips: int) -> None:
    """Run one model's campaign, errors in the weights only, and put it into RESULTS."""
    kind = name.split("_")[0]
    path = MODELS / name / f"{name}.onnx"
    if kind == "ecg":
        path = Path(os.environ["HYSTERON_MODELS"]) / f"{name}.onnx"
    STORES.mkdir(parents=True, exist_ok=True)
    x, y = DATA[kind]()
    np.save(STORES / f"{name}_x.npy", x)
    np.save(STORES / f"{name}_y.npy", y)
    result = emulated(path, "float32" if kind == "ecg" else "uint8", chips)
    found = {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "samples": result["samples"],
        "reference_correct": result["reference_correct"],
        "seed": SEED,
        "rates": list(RATES),
        "correct_per_chip": [row["correct_per_chip"] for row in result["conditions"]],
    }
    everything = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    everything[name] = found
    ordered = {key: everything[key] for key in NAMES if key in everything}
    lines = ",\n".join(f'"{key}": {json.dumps(value)}' for key, value in ordered.items())
    RESULTS.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    print(name, knee_of(found).text(), flush=True)


def emulated(path: Path, kind: str, chips: int) -> Any:
    """Return what ``hysteron emulate --json`` says of the model; stops where it fails."""
    stem = STORES / path.stem
    command = [sys.executable, "-c", "from hysteron.cli import main; main()", "emulate", str(path)]
    command += ["--input", kind, "--inputs", f"{stem}_x.npy", "--labels", f"{stem}_y.npy"]
    command += ["--ber", ",".join(map(str, RATES)), "--only", "weights", "--chips", str(chips)]
    command += ["--seed", str(SEED), "--resume", f"{stem}.sqlite", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise SystemExit(done.returncode)
    return json.loads(done.stdout)


def knee_of(found: dict[str, Any]) -> Knee:
    """Return the knee of one entry of RESULTS: one point lost against its own error-free net."""
    correct = np.array(found["correct_per_chip"], np.float64).T
    drops = (found["reference_correct"] - correct) / found["samples"]
    return find_knee(found["rates"], drops)


def accuracy(found: dict[str, Any], rate: float) -> float:
    """Return the mean accuracy over chips in percent; at rate 0 that without errors."""
    if rate == 0:
        return float(100 * found["reference_correct"] / found["samples"])
    counts = found["correct_per_chip"][found["rates"].index(rate)]
    return float(100 * np.mean(counts) / found["samples"])


def table(results: dict[str, Any]) -> str:
    """Return the Markdown table of docs/showcase.md."""
    rates = " | ".join(f"{rate:g}" for rate in (0.0, *SHOWN))
    lines = [f"| network | knee (95 % interval) | {rates} |", "|---|---|" + "---|" * 6]
    for name, found in results.items():
        shown = " | ".join(f"{accuracy(found, rate):.2f}" for rate in (0.0, *SHOWN))
        lines.append(f"| `{name}` | {knee_of(found).text()} | {shown} |")
    return "\n".join(lines)


def curves(results: dict[str, Any]) -> Any:
    """Return the figure of mean accuracy against bit error rate, one panel per network."""
    from matplotlib.figure import Figure

    bases = [base for base in BASES if base in results]
    rows = -(-len(bases) // 3)
    figure = Figure(figsize=(9.6, 3 * rows), layout="constrained")
    for axes, base in zip(figure.subplots(rows, 3, squeeze=False).flat, bases, strict=False):
        for colour, (suffix, label) in enumerate(TRAININGS.items()):
            if (found := results.get(base + suffix)) is None:
                continue
            means = [accuracy(found, rate) for rate in found["rates"]]
            axes.plot(found["rates"], means, f"C{colour}o-", markersize=3, label=label)
            axes.axhline(accuracy(found, 0), color=f"C{colour}", linestyle=":", linewidth=0.8)
        top = accuracy(results[base], 0)
        axes.set(xscale="log", title=base, xlabel="bit error rate", ylim=(top - 20, top + 1))
        axes.grid(alpha=0.3)
    figure.supylabel("mean accuracy over chips (%); dotted: no errors", fontsize=9)
    figure.axes[0].legend(fontsize=8)
    return figure


def knees(results: dict[str, Any]) -> Any:
    """Return the figure of the knee with its interval, one group per network."""
    from matplotlib.figure import Figure

    bases = [base for base in BASES if base in results]
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for number, (suffix, label) in enumerate(TRAININGS.items()):
        places, found = [], []
        for place, base in enumerate(bases):
            if base + suffix in results:
                places.append(place + 0.2 * (number - 1))
                found.append(knee_of(results[base + suffix]))
        # An end outside the measured rates is drawn at the edge of what was measured.
        low, rate, high = (
            np.clip([getattr(k, end) for k in found], RATES[0], RATES[-1])
            for end in ("low", "rate", "high")
        )
        bars = [rate - low, high - rate]
        axes.errorbar(places, rate, bars, fmt="o", color=f"C{number}", capsize=3, label=label)
    axes.set(yscale="log", ylabel="bit error rate at one point lost")
    axes.set_xticks(range(len(bases)), bases, rotation=15)
    axes.grid(axis="y", which="both", alpha=0.3)
    axes.legend(title="training")
    return figure


def show() -> None:
    """Print the table and write the figures."""
    results = json.loads(RESULTS.read_text("utf-8"))
    print(table(results))
    (HERE / "knee_accuracy.svg").write_bytes(rendered(curves(results), "svg"))
    (HERE / "knee_rates.svg").write_bytes(rendered(knees(results), "svg"))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["run", "show"])
    parser.add_argument("models", nargs="*", metavar="MODEL", default=NAMES)
    parser.add_argument("--chips", type=int, default=20)
    arguments = parser.parse_args()
    if arguments.what == "show":
        return show()
    for name in arguments.models:
        run(name, arguments.chips)


if __name__ == "__main__":
    main()
