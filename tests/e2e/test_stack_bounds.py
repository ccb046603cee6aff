"""No inference goes deeper than the bound that the linked file proves."""

from __future__ import annotations

import importlib
from typing import Any

import msgspec
import pytest
from test_random_networks import drawn_network

from hysteron._assets import asset_dir
from hysteron.driver.compile import CompiledModel, Options, compile_model, kernel_inputs
from hysteron.driver.samples import random_samples
from hysteron.errors import CapacityError, UnsupportedError
from hysteron.runners.mcu_net import PAINT_MARGIN, McuNet
from hysteron.runners.stack import StackWalk
from hysteron.runners.unicorn_part import UnicornPart
from hysteron.targets import Target, known, load_isa, load_target

SLOW = pytest.mark.slow
_QUICK = ("cortex-m0", "cortex-m55", "rv32imc", "avr6")
_BUILDS = [
    pytest.param(
        isa,
        compiler.family,
        marks=[
            pytest.mark.isa(f"{isa}:{compiler.family}"),
            *(() if isa in _QUICK and number == 0 else (SLOW,)),
        ],
    )
    for isa in known("isa")
    for number, compiler in enumerate(load_isa(isa).compilers)
    if load_isa(isa).emulators
]


def _built_by(isa: str, family: str) -> Target:
    """Return the target with one compiler only."""
    target = load_target(isa)
    compilers = tuple(one for one in target.isa.compilers if one.family == family)
    return msgspec.structs.replace(
        target, isa=msgspec.structs.replace(target.isa, compilers=compilers)
    )


def _digits(model: str, isa: str) -> CompiledModel:
    path = asset_dir("models") / model / f"{model}.onnx"
    return compile_model(path, Options(target=isa, inputs=("uint8",)))


def _check(compiled: CompiledModel, target: Target, least: float = 0.0) -> None:
    """``least`` is how much of the bound an inference must use: some paths depend on data."""
    inputs = kernel_inputs(compiled.program, random_samples(compiled.model.graph, 2, 0))
    with McuNet(compiled.program, target) as net:
        net.run(inputs)
        bound = net.stack.functions["run"]
        assert bound.nbytes is not None, bound.reason
        assert all(one.nbytes is not None for one in net.stack.functions.values())
        # Below 32 bytes painting sees nothing (boot.c).
        assert least * bound.nbytes < net.peak_stack <= max(bound.nbytes, PAINT_MARGIN)
        if isinstance(net._part, UnicornPart):
            _check_every_step(net, inputs)


def _check_every_step(net: McuNet, inputs: Any) -> None:
    """Every executed instruction was walked, with the lowest stack pointer in the bound."""
    core, machine = net._part._mcu._uc, net._part._mcu._machine  # type: ignore[attr-defined]
    seen: set[int] = set()
    pointers: set[int] = set()
    stop = 0x9000_0000

    def on_code(_: Any, address: int, size: int, data: object) -> None:
        seen.add(address)
        pointers.add(core.reg_read(machine.sp))

    unicorn = importlib.import_module("unicorn")
    core.hook_add(unicorn.UC_HOOK_CODE, on_code)
    core.ctl_flush_tb()  # a hook sees only what is translated after it
    net.run({name: array[:1] for name, array in inputs.items()})
    walk = StackWalk(net.elf.path)
    bound = walk.bound(f"{net.program.name}_run").nbytes
    assert bound is not None and seen - {stop} <= walk.visited.keys()
    assert 0 < max(pointers) - min(pointers) <= bound


@pytest.mark.parametrize("model", ["digits_mlp", pytest.param("digits_cnn", marks=SLOW)])
@pytest.mark.parametrize(("isa", "family"), _BUILDS)
def test_no_inference_of_digits_is_deeper_than_proven(isa: str, family: str, model: str) -> None:
    _check(_digits(model, isa), _built_by(isa, family), least=0.25)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("isa", "family"), [one for one in _BUILDS if one.values[0] in _QUICK])
def test_random_networks_are_never_deeper_than_proven(isa: str, family: str, seed: int) -> None:
    model, declared = drawn_network(seed)
    try:
        compiled = compile_model(model, Options(target=isa, inputs=(declared,)))
        _check(compiled, _built_by(isa, family))
    except (UnsupportedError, CapacityError) as error:
        pytest.skip(f"this network does not run on {isa}: {error}")
