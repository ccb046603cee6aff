"""Every instruction set with a runner gives the interpreter's bits; what cannot run skips."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from _pytest.mark.structures import ParameterSet
from net_maker import Maker
from sklearn.datasets import load_digits
from test_random_networks import drawn_network

from hysteron._assets import asset_dir
from hysteron.driver.compile import CompiledModel, Options, compile_model, kernel_inputs
from hysteron.driver.devices import open_device
from hysteron.driver.samples import random_samples
from hysteron.driver.verify import verify
from hysteron.errors import CapacityError, UnsupportedError
from hysteron.runners import build_elf
from hysteron.runners.mcu_net import McuNet
from hysteron.runners.unicorn_part import UnicornPart
from hysteron.targets import Compiler, known, load_isa

SLOW = pytest.mark.slow
_EMULATED = [
    pytest.param(name, marks=pytest.mark.isa(name))
    for name in known("isa")
    if load_isa(name).emulator is not None
]


_TWO_COUNTERS = [
    pytest.param(name, marks=[pytest.mark.isa(f"{name}@unicorn"), pytest.mark.isa(f"{name}@qemu")])
    for name in known("isa")
    if {"unicorn", "qemu"} <= {one.kind for one in load_isa(name).emulators}
]


def _digits(count: int) -> npt.NDArray[np.uint8]:
    """Return samples of the test part (index % 3 == 2) as the models take them."""
    images = load_digits().images[2 : 3 * count : 3]
    return np.asarray(images, dtype=np.uint8).reshape(count, 1, 8, 8)


def _model(name: str, target: str) -> CompiledModel:
    path = asset_dir("models") / name / f"{name}.onnx"
    return compile_model(path, Options(target=target, inputs=("uint8",)))


_QUICK = ("cortex-m0", "cortex-m55", "rv32imc", "avr6")
# And a core that shares an architecture but has kernels of its own.
_WITH_KERNELS = (*_QUICK, "rv32imc_zbb")


def _others_slow(cases: Sequence[ParameterSet]) -> list[ParameterSet]:
    """Return the cases with all but one of each architecture and emulator marked slow."""
    return [
        one if one.values[0] in _QUICK else pytest.param(*one.values, marks=[*one.marks, SLOW])
        for one in cases
    ]


@pytest.mark.parametrize("model", ["digits_cnn", pytest.param("digits_mlp", marks=SLOW)])
@pytest.mark.parametrize("isa", _EMULATED)
def test_every_emulated_instruction_set_is_exact_layer_by_layer(isa: str, model: str) -> None:
    compiled = _model(model, isa)
    (name,) = compiled.model.graph.inputs
    samples = {name: _digits(3).reshape(3, *compiled.model.graph.types[name].shape[1:])}
    with open_device(compiled) as device:
        result = verify(compiled, samples, None, device)
        counts = device.counts()
    assert result.passed and result.samples == 3, result.problems
    assert counts["instructions_per_inference"] > 10_000
    assert 0 < counts["stack_bytes"] < 4096
    assert counts["emulator"]


@pytest.mark.parametrize("isa", _others_slow(_TWO_COUNTERS))
def test_two_independent_emulators_agree_on_every_count(isa: str) -> None:
    """One boots an image and counts in a TCG plugin, the other calls functions, counts blocks."""
    compiled = _model("digits_mlp", isa)
    inputs = kernel_inputs(compiled.program, random_samples(compiled.model.graph, 2, 0))
    with McuNet(compiled.program, compiled.target, "qemu") as net:
        net.trace(inputs)
        # The image that QEMU booted, called from outside.
        image, memory = Path(net._folder.name) / "image.elf", net.emulator.memory
        part = UnicornPart(image, compiled.target, compiled.program.name, net._sizes, memory)
        seen = part.infer(net._samples(inputs), ())
        assert [one.instructions for one in seen] == net.instructions
        assert max(one.stack_bytes for one in seen) == net.peak_stack
        slowest = max(seen, key=lambda one: one.instructions or 0)
        layers = net.counts()["instructions_per_layer"]
        assert list(slowest.layer_instructions) == layers and len(layers) >= 3
        assert 0.9 * max(net.instructions) < sum(layers) < max(net.instructions)
        # The first of a kind repeats exactly.
        net.run(inputs)
        assert net.instructions[:2] == net.instructions[2:]


def _real_net(target: str) -> CompiledModel:
    """Return a network whose first layer multiplies and adds binary32 numbers."""
    rng = np.random.default_rng(0)
    net = Maker((24,), rng)
    net.dense(32, rng.normal(size=(24, 32)).astype(np.float32)).batch_norm().sign().dense(8)
    net.op("Softmax", axis=-1)
    options = Options(target=target, inputs=("float32",), outputs="probabilities")
    return compile_model(net.model(), options)


@pytest.mark.parametrize("isa", _others_slow(_EMULATED))
def test_real_numbers_have_the_same_bits_on_every_instruction_set(isa: str) -> None:
    compiled = _real_net(isa)
    assert "float_dense" in {node.op.name for node in compiled.program.final.nodes}
    with open_device(compiled) as device:
        result = verify(compiled, random_samples(compiled.model.graph, 4, 0), None, device)
    assert result.bit_exact, result.problems


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("isa", [one for one in _EMULATED if one.values[0] in _WITH_KERNELS])
def test_random_networks_are_exact_on_every_architecture(isa: str, seed: int) -> None:
    """The same generator as on the host: other kernels, 16-bit ints, vectors, soft float."""
    model, declared = drawn_network(seed)
    try:
        compiled = compile_model(model, Options(target=isa, inputs=(declared,)))
        with open_device(compiled) as device:
            samples = random_samples(compiled.model.graph, 2, seed)
            result = verify(compiled, samples, None, device)
    except (UnsupportedError, CapacityError) as error:
        pytest.skip(f"this network does not run on {isa}: {error}")
    assert result.bit_exact, result.problems


def _with_ram(compiled: CompiledModel, ram_bytes: int) -> CompiledModel:
    """Return the same model on a part with that much data memory."""
    mcu = compiled.target.mcu
    assert mcu is not None
    data = mcu.region("data")
    size = msgspec.structs.replace(data.size_bytes, value=ram_bytes)
    regions = [one if one != data else msgspec.structs.replace(data, size_bytes=size)
               for one in mcu.regions]  # fmt: skip
    small = msgspec.structs.replace(mcu, regions=tuple(regions))
    return replace(compiled, target=msgspec.structs.replace(compiled.target, mcu=small))


@pytest.mark.isa("cortex-m55")
def test_a_part_without_room_for_the_stack_is_refused_though_the_emulated_one_has_it() -> None:
    compiled = _model("digits_mlp", "apollo510")
    inputs = kernel_inputs(compiled.program, random_samples(compiled.model.graph, 1, 0))
    with open_device(compiled) as device:
        device.run(inputs)
        need = device.counts()["ram_bytes"] + device.counts()["stack_bytes"]
    with open_device(_with_ram(compiled, need)) as device:
        assert device.run(inputs)["class"].shape == (1,)
    wanted = rf"do not fit into the RAM; got \d.* bytes; wanted at most {need - 1:,}"
    with (
        open_device(_with_ram(compiled, need - 1)) as device,
        pytest.raises(CapacityError, match=wanted),
    ):
        device.run(inputs)


def _contracting(compiler: Compiler) -> Compiler:
    """Return the compiler with GCC's default dialect, which fuses multiply and add."""
    flags = [flag for flag in compiler.flags if not flag.startswith(("-ffp-contract", "-std="))]
    return msgspec.structs.replace(compiler, flags=(*flags, "-std=gnu11"))


@pytest.mark.isa("cortex-m33:gcc")
def test_real_numbers_survive_flags_under_which_gcc_fuses_multiply_and_add(tmp_path: Path) -> None:
    isa = load_isa("cortex-m33")
    fusing = msgspec.structs.replace(isa, compilers=(_contracting(isa.compilers[0]),))
    source = tmp_path / "f.c"
    source.write_text("float f(float a, float b, float c); float f(float a, float b, float c)\n"
                      "{ return a * b + c; }\n")  # fmt: skip
    plain = build_elf([source], [], fusing, tmp_path / "f.elf", ["f"])
    assert "vfma" in _disassembled(plain.path)
    compiled = _real_net("cortex-m33")
    target = msgspec.structs.replace(compiled.target, isa=fusing)
    with open_device(replace(compiled, target=target)) as device:
        result = verify(compiled, random_samples(compiled.model.graph, 4, 0), None, device)
    assert result.bit_exact, result.problems


def _disassembled(path: Path) -> str:
    command = ["arm-none-eabi-objdump", "-d", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
