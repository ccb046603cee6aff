"""Loads and stores: the plugin's counts are those of the executed instructions' encodings."""

from __future__ import annotations

import importlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from access_counts import riscv, thumb
from net_maker import Maker

from hysteron._assets import asset_dir
from hysteron.driver.compile import CompiledModel, Options, compile_model, kernel_inputs
from hysteron.driver.samples import random_samples
from hysteron.runners.mcu_net import McuNet
from hysteron.runners.unicorn_part import UnicornPart
from hysteron.targets import known, load_isa

_QUICK = ("cortex-m0", "cortex-m3", "rv32imc")
_TWO_COUNTERS = [
    pytest.param(
        name,
        marks=[
            pytest.mark.isa(f"{name}@unicorn"),
            pytest.mark.isa(f"{name}@qemu"),
            *(() if name in _QUICK else (pytest.mark.slow,)),
        ],
    )
    for name in known("isa")
    if {"unicorn", "qemu"} <= {one.kind for one in load_isa(name).emulators}
]


def _executed(part: UnicornPart, sample: bytes) -> Counter[int]:
    """Return how often each instruction of one inference executed, failed conditions left out."""
    core: Any = part._mcu._uc
    counts: Counter[int] = Counter()

    def on_code(_: Any, address: int, size: int, data: object) -> None:
        counts[address] += 1

    core.hook_add(importlib.import_module("unicorn").UC_HOOK_CODE, on_code)
    core.ctl_flush_tb()  # a hook sees only what is translated after it
    part.infer([sample], ())
    return Counter({at: n for at, n in counts.items() if at < 0x9000_0000})


def _check(compiled: CompiledModel) -> None:
    inputs = kernel_inputs(compiled.program, random_samples(compiled.model.graph, 1, 0))
    with McuNet(compiled.program, compiled.target, "qemu") as net:
        net.run(inputs)
        counted = net.counts()
        image, memory = Path(net._folder.name) / "image.elf", net.emulator.memory
        part = UnicornPart(image, compiled.target, compiled.program.name, net._sizes, memory)
        (sample,) = net._samples(inputs)
        executed = _executed(part, sample)
        classify = riscv if net.emulator.arch == "riscv32" else thumb
        loads = stores = 0
        for at, times in executed.items():
            code = part._mcu.read(at, 4)
            one, two = (int.from_bytes(code[n : n + 2], "little") for n in (0, 2))
            reads, writes = classify(one, two)
            loads, stores = loads + times * reads, stores + times * writes
    assert (counted["loads"], counted["stores"]) == (loads, stores)
    assert loads > stores > 1000


@pytest.mark.parametrize("isa", _TWO_COUNTERS)
def test_the_accesses_of_a_network_of_bits_are_exact(isa: str) -> None:
    path = asset_dir("models") / "digits_mlp" / "digits_mlp.onnx"
    _check(compile_model(path, Options(target=isa, inputs=("uint8",))))


@pytest.mark.slow
@pytest.mark.parametrize("isa", _TWO_COUNTERS)
def test_the_accesses_of_a_network_of_real_numbers_are_exact(isa: str) -> None:
    """With FPU registers on the stack where the core has them."""
    rng = np.random.default_rng(0)
    net = Maker((24,), rng)
    net.dense(32, rng.normal(size=(24, 32)).astype(np.float32)).batch_norm().sign().dense(8)
    net.op("Softmax", axis=-1)
    options = Options(target=isa, inputs=("float32",), outputs="probabilities")
    _check(compile_model(net.model(), options))
