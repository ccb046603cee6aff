"""The whole story on built-in data: compile, prove, run on a part, corrupt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hysteron._assets import asset_dir
from hysteron.chips.draw import chip_images
from hysteron.driver.compile import CompiledModel, Options, compile_model, kernel_inputs
from hysteron.driver.devices import open_device, save_project
from hysteron.driver.golden import with_golden
from hysteron.driver.verify import Verification, try_witness, verify
from hysteron.errors import ToolchainError
from hysteron.frontends.inputs import quantize_input
from hysteron.host.bridge import Net
from hysteron.memory.channel import Channel
from hysteron.training.data import digits_split

BERS = (0.0, 1e-3, 1e-2, 2e-2, 5e-2, 1e-1, 2e-1)
CHIPS = 20
PARTS = ("cortex-m0", "cortex-m4")
EMULATED_SAMPLES = 10


@dataclass
class DemoResult:
    """What the demo measured; all integers are counts over the held-out digits."""

    model: str
    folder: Path
    files: int
    verification: Verification
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    correct_per_chip: dict[float, list[int]] = field(default_factory=dict)
    samples: int = 0
    picture: Path | None = None

    @property
    def passed(self) -> bool:
        """True when the C was exact on the host and on every part that ran."""
        return self.verification.passed and all(p["bit_exact"] for p in self.parts.values())


def run_demo(folder: Path, model: str, say: Callable[[str], None]) -> DemoResult:
    """Run the demo; ``say`` is told what happens. Raises HysteronError subclasses."""
    x, y = _digits()
    path = asset_dir("models") / model / f"{model}.onnx"
    compiled = compile_model(path, Options(inputs=("uint8",)))
    say(f"compile {model} ({x.shape[0]} held-out digits, 8x8 pixels)")
    files = save_project(with_golden(compiled, None), folder / model)
    say("verify: exact interpreter of the ONNX graph = compiled graph = C, layer by layer")
    samples = _samples(compiled, x)
    with open_device(compiled) as device:
        witness = try_witness(compiled.model.model_bytes)
        result = DemoResult(
            model, folder, len(files), verify(compiled, samples, y, device, witness)
        )
    result.samples = int(y.size)
    for part in PARTS:
        say(f"cross-compile and run {EMULATED_SAMPLES} digits on an emulated {part}")
        _emulate(path, part, x[:EMULATED_SAMPLES], y, result)
    say(f"corrupt the weight image: {CHIPS} chips at {len(BERS)} bit error rates")
    _corrupt(compiled, x, y, result)
    result.picture = _plot(result)
    return result


def _digits() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    split = digits_split()
    return np.asarray(split[2], dtype=np.uint8), np.asarray(split[3], dtype=np.int64)


def _samples(compiled: CompiledModel, x: npt.NDArray[np.uint8]) -> dict[str, Any]:
    graph = compiled.model.graph
    name = graph.inputs[0]
    flat = x.reshape(x.shape[0], -1)
    return {name: quantize_input(flat, graph.specs[name], graph.types[name].shape)}


def _emulate(
    path: Path,
    part: str,
    x: npt.NDArray[np.uint8],
    y: npt.NDArray[np.int64],
    result: DemoResult,
) -> None:
    compiled = compile_model(path, Options(inputs=("uint8",), target=part))
    try:
        with open_device(compiled) as device:
            outcome = verify(compiled, _samples(compiled, x), y[: x.shape[0]], device)
            result.parts[part] = {**device.counts(), "bit_exact": outcome.passed}
    except ToolchainError as error:
        result.skipped[part] = error.message()


def _corrupt(
    compiled: CompiledModel,
    x: npt.NDArray[np.uint8],
    y: npt.NDArray[np.int64],
    result: DemoResult,
) -> None:
    program = compiled.program
    net = Net(program)
    deployed = kernel_inputs(program, _samples(compiled, x))
    weights = [s.name for s in program.layout.sections if s.role == "weights"]
    for ber in BERS:
        counts = []
        channels = dict.fromkeys(weights, Channel.symmetric(ber))
        for chip in range(CHIPS if ber else 1):
            images = chip_images(program.layout, program.images, channels, 0, chip)
            predicted = net.with_images(images).predict(deployed)
            counts.append(int((predicted == y).sum()))
        result.correct_per_chip[ber] = counts


def _plot(result: DemoResult) -> Path:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rates = [ber for ber in result.correct_per_chip if ber]
    accuracy = [np.array(result.correct_per_chip[ber]) / result.samples * 100 for ber in rates]
    figure, axes = pyplot.subplots(figsize=(6, 3.6), layout="constrained")
    axes.fill_between(
        rates,
        [a.min() for a in accuracy],
        [a.max() for a in accuracy],
        alpha=0.25,
        label="all chips",
    )
    axes.plot(rates, [a.mean() for a in accuracy], marker="o", label=f"mean of {CHIPS} chips")
    perfect = result.correct_per_chip[0.0][0] / result.samples * 100
    axes.axhline(perfect, color="grey", linestyle="--", label="no errors")
    axes.set(
        xscale="log",
        xlabel="bit error rate of the weight memory",
        ylabel="accuracy (%)",
        title=f"{result.model}: deployed accuracy of the C code",
    )
    axes.legend()
    path = result.folder / "accuracy.png"
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
    return path
