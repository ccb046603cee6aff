"""The digits models beside emlearn's and onnx2c's for the same task, on the same cores.

``make bench-mcu`` prints it. Same test images, compiler, flags, linker script and emulator;
accuracy is that of the C, on all test images. What is not equal: docs/peers.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np
import peers_emlearn
import peers_onnx2c
from peers_common import Candidate, Cost, MissingError, digits, linked, measured, with_newlib

from hysteron._assets import asset_dir
from hysteron.driver.compile import Options, compile_model, kernel_inputs
from hysteron.errors import ToolchainError
from hysteron.runners.mcu_net import McuNet
from hysteron.targets import Isa, load_isa

CORES = ("cortex-m0", "cortex-m4", "cortex-m4f")
OURS = ("digits_cnn", "digits_mlp")
#: Of the same first images for every model. Networks in binary32 hardly depend on the image and
#: cost 1e7 to 1e8 instructions each without an FPU.
SAMPLES = 16
SLOW_SAMPLES = 1


def ours(name: str, isa: Isa) -> tuple[Cost, int]:
    """Return what our model costs and how many test images its C gets right."""
    data = digits()
    path = asset_dir("models") / name / f"{name}.onnx"
    compiled = compile_model(path, Options(target=isa.name, inputs=("uint8",)))
    (tensor,) = compiled.model.graph.inputs
    shape = compiled.model.graph.types[tensor].shape[1:]
    pixels = data.test.astype(np.uint8).reshape(-1, *shape)
    inputs = kernel_inputs(compiled.program, {tensor: pixels})
    with McuNet(compiled.program, compiled.target, "unicorn") as net:
        classes = net.run(inputs)["class"]
        most = max(net.instructions[:SAMPLES])
        cost = Cost(most, net.elf.flash_bytes, net.elf.ram_bytes, net.peak_stack)
    return cost, int((classes == data.test_labels).sum())


def emlearn(flash_bytes: int, correct: int) -> Iterator[Candidate]:
    """Yield the forests that matter beside a model of that size and accuracy, then the rest.

    They are chosen by accuracy on the test images, which favours them, and by flash on Cortex-M4.
    """
    peers_emlearn.tool()
    front = peers_emlearn.forests()
    sized = []
    for forest in front:
        candidate = forest.candidate("loadable")
        with linked(candidate, load_isa("cortex-m4")) as elf:
            sized.append((elf.flash_bytes, forest, candidate))
    within = [c for flash, _, c in sized if flash <= flash_bytes][-1:]
    reaching = [(f, c) for _, f, c in sized if f.correct >= correct][:1]
    yield from within
    for forest, candidate in reaching:
        yield candidate
        yield forest.candidate("inline")
    if not reaching or reaching[0][1] is not sized[-1][2]:
        yield sized[-1][2]
    yield from peers_emlearn.others()


def _row(tool: str, name: str, cost: Cost, correct: int, note: str = "") -> None:
    share = 100 * correct / digits().test_labels.size
    print(f"  {tool:14} {name:42} {cost.instructions:>12,} {cost.flash_bytes:>8,} "
          f"{cost.ram_bytes:>7,} {cost.stack_bytes:>6,} {share:7.2f}  {note}")  # fmt: skip


def report(isa: Isa, peers: dict[str, list[Candidate] | str]) -> None:
    """Print the table of one core."""
    compiler = isa.compilers[0]
    print(f"\n{isa.name}: {compiler.command[0]} {' '.join(compiler.flags)}")
    print(f"  {'tool':14} {'model':42} {'instructions':>12} {'flash':>8} {'RAM':>7} {'stack':>6} "
          f"{'correct %':>9}")  # fmt: skip
    for name in OURS:
        _row("hysteron", name, *ours(name, isa))
    total = digits().test_labels.size
    for tool, found in peers.items():
        if isinstance(found, str):
            print(f"  {tool:14} not installed: {found}")
            continue
        for one in found:
            cost = measured(one, isa, SLOW_SAMPLES if "CNN" in one.name else SAMPLES)
            note = "" if one.agrees == total else f"{one.agrees} of {total} as in Python"
            _row(one.tool, one.name, cost, one.correct, note)


def _found(
    tool: Callable[[], str], candidates: Callable[[], Iterator[Candidate]]
) -> list[Candidate] | str:
    """Return the candidates, or how to get the tool."""
    try:
        tool()
        with_newlib(load_isa("cortex-m4"))
        return list(candidates())
    except MissingError as error:
        return str(error)


def compare(only: str = "") -> None:
    """Print the digits models beside the peers' on every core whose name contains ``only``."""
    cores = [load_isa(name) for name in CORES if only in name]
    if not cores:
        return
    print(
        "\ndigits, 8x8 pixels, 599 test images: instructions of one inference (not cycles), bytes"
    )
    try:
        cost, correct = ours(OURS[0], load_isa("cortex-m4"))
    except ToolchainError as error:
        print(f"  {error}")
        return
    peers = {
        "emlearn": _found(peers_emlearn.tool, lambda: emlearn(cost.flash_bytes, correct)),
        "onnx2c": _found(peers_onnx2c.tool, peers_onnx2c.candidates),
    }
    for isa in cores:
        report(isa, peers)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="cores whose name contains this")
    compare(parser.parse_args().only)
