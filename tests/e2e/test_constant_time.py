"""--constant-time: a whole network executes the same number of instructions for any input."""

from __future__ import annotations

import numpy as np
import pytest

from hysteron._assets import asset_dir
from hysteron.driver.compile import CompiledModel, Options, compile_model
from hysteron.runners.mcu_net import McuNet
from hysteron.targets import load_target

pytest.importorskip("unicorn")


def build(name: str, target: str, *, constant_time: bool) -> CompiledModel:
    path = asset_dir("models") / name / f"{name}.onnx"
    return compile_model(
        path, Options(target=target, inputs=("uint8",), constant_time=constant_time)
    )


def instructions(compiled: CompiledModel, target: str) -> set[int]:
    """Return the counts of an empty, a full and random inputs."""
    graph = compiled.program.final
    shape = graph.types[graph.inputs[0]].shape
    rng = np.random.default_rng(0)
    samples = [np.zeros(shape), np.full(shape, 255), *rng.integers(0, 256, (3, *shape))]
    with McuNet(compiled.program, load_target(target)) as net:
        net.run({graph.inputs[0]: np.stack(samples).astype(np.uint8)})
        return set(net.instructions)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits_mlp", "digits_cnn"])
@pytest.mark.parametrize(
    ("target", "layout"),
    [
        ("cortex-m0", "sliced_ct"),
        ("cortex-m4", "sliced_ct"),
        pytest.param("cortex-m55", "sliced_ct", marks=pytest.mark.isa("cortex-m55")),
        pytest.param("rv32imc_zbb", "rows", marks=pytest.mark.isa("rv32imc_zbb")),
    ],
)
def test_instructions_of_a_network_do_not_depend_on_its_input(
    name: str, target: str, layout: str
) -> None:
    compiled = build(name, target, constant_time=True)
    layouts = {getattr(node.op, "layout", "") for node in compiled.program.final.nodes}
    assert layout in layouts and "sliced" not in layouts
    assert compiled.program.options["constant_time"] is True
    assert len(instructions(compiled, target)) == 1
    assert len(instructions(build(name, target, constant_time=False), target)) > 1
