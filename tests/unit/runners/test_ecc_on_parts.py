"""Codes on emulated parts: corrupted memory is decoded as Python decodes it; scrub repairs it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hand_built import Builder, convolutional, mlp, protected, samples

from hysteron.codegen.emit import emit_sources
from hysteron.errors import InternalError
from hysteron.image.layout import read_image
from hysteron.image.program import Program
from hysteron.interpreter.final import run_final
from hysteron.ir.types import TensorType
from hysteron.runners import EmulatedMcu, build_elf
from hysteron.runners.mcu_net import McuNet
from hysteron.targets import load_target

pytest.importorskip("unicorn")

_PARTS = [
    pytest.param(name, marks=pytest.mark.isa(name)) for name in ("cortex-m0", "cortex-m4")
]  # fmt: skip


def _corrupted(program: Program, rate: float) -> Program:
    """Return the program with errors built into its image."""
    rng = np.random.default_rng(2)
    images = {
        region: (
            np.frombuffer(data, np.uint8) ^ np.packbits(rng.random(8 * len(data)) < rate)
        ).tobytes()
        for region, data in program.images.items()
    }
    return replace(program, images=images)


def _protected(part: str, code: str, policy: str, make=mlp) -> Program:
    program = make(1, layout="sliced", isa=part)
    return protected(replace(program, word_bits=32), code, policy)


def _check(part: str, program: Program) -> None:
    x = samples(program, 2)
    wanted = run_final(program.final, {"v0": x}, read_image(program.layout, program.images))
    with McuNet(program, load_target(part)) as net:
        for tensor, array in net.trace({"v0": x}).items():
            np.testing.assert_array_equal(array, wanted[tensor], err_msg=tensor)


@pytest.mark.parametrize("part", _PARTS)
@pytest.mark.parametrize(
    ("code", "policy"),
    [
        ("secded-8-4", "as-read"),
        ("secded-39-32", "zero"),
        ("secded-72-64", "as-read"),
        ("duplicate", "zero"),
        ("triplicate", "as-read"),
    ],
)
def test_corrupted_memory_means_what_python_decodes(part: str, code: str, policy: str) -> None:
    _check(part, _corrupted(_protected(part, code, policy), 0.01))


@pytest.mark.slow
@pytest.mark.parametrize("part", _PARTS)
@pytest.mark.parametrize("rate", [0.002, 0.5])
def test_a_convolution_decodes_alike(part: str, rate: float) -> None:
    for code in ("secded-39-32", "triplicate"):
        _check(part, _corrupted(_protected(part, code, "zero", convolutional), rate))


@pytest.mark.isa("cortex-m0")
def test_a_trap_ends_the_run_on_a_part() -> None:
    program = _corrupted(_protected("cortex-m0", "secded-39-32", "trap"), 0.05)
    with (
        McuNet(program, load_target("cortex-m0")) as net,
        pytest.raises(InternalError, match="returned -8"),
    ):
        net.run({"v0": samples(program, 1)})


@pytest.mark.isa("cortex-m4")
def test_codes_cost_ram_flash_and_instructions_and_nothing_without_them() -> None:
    target, costs = load_target("cortex-m4"), {}
    for code in ("", "secded-39-32"):
        program = replace(mlp(1, layout="sliced", isa="cortex-m4"), word_bits=32)
        program = protected(program, code) if code else program
        with McuNet(program, target) as net:
            net.run({"v0": samples(program, 1)})
            costs[code] = net.counts()
    plain, coded = costs[""], costs["secded-39-32"]
    tile = max(s.nbytes for s in program.layout.data_sections)
    assert int(coded["ram_bytes"]) - int(plain["ram_bytes"]) >= tile
    for key in ("flash_bytes", "instructions_per_inference"):
        assert int(coded[key]) > int(plain[key])


_SCRUB = """
#include "tiny.h"
#include <string.h>
static uint32_t memory[%(words)d];
static tiny_ctx ctx;
static void repair(void *user, uint32_t region, uint32_t offset, const void *bytes, uint32_t n)
{
    (void)region;
    memcpy((unsigned char *)user + offset, bytes, n);
}
/* 1 when every image with one wrong bit at first, first + step, ... is scrubbed to the original. */
int scrub_test(uint32_t first, uint32_t step, uint32_t bits);
int scrub_test(uint32_t first, uint32_t step, uint32_t bits)
{
    tiny_images images;
    uint32_t bit;
    images.region[0] = memory;
    memcpy(memory, tiny_image_main, sizeof memory);
    if (tiny_init(&ctx, &images) != HYST_OK) return -1;
    for (bit = first; bit < bits; bit += step) {
        hyst_ecc_counts counts;
        memory[bit / 32u] ^= 1u << (bit %% 32u);
        counts = tiny_scrub(&ctx, repair, memory);
        if (counts.corrected > 1u || counts.detected != 0u) return -2;
        if (counts.corrected == 0u) memory[bit / 32u] ^= 1u << (bit %% 32u); /* padding */
        if (memcmp(memory, tiny_image_main, sizeof memory) != 0) return -3;
    }
    return 1;
}
"""


@pytest.mark.parametrize("part", _PARTS)
@pytest.mark.parametrize("code", ["secded-39-32", "triplicate"])
def test_scrubbing_repairs_memory_on_a_part(part: str, code: str, tmp_path: Path) -> None:
    build = Builder(0, TensorType("b1", (40,)))
    (sums,) = build.add("xnor_dense", "v0", build.const("b1", 3, 40), layout="sliced")
    program = protected(build.program(sums, None, isa=part), code)
    size = len(program.images["main"])
    files = emit_sources(program) | {"scrub.c": (_SCRUB % {"words": size // 4}).encode()}
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    sources = [tmp_path / path for path in files if path.endswith(".c")]
    isa = load_target(part).isa
    info = build_elf(sources, [tmp_path], isa, tmp_path / "net.elf", ["scrub_test"])
    mcu = EmulatedMcu(info.path, isa, strict_alignment=part == "cortex-m0")
    assert mcu.call("scrub_test", 0, 13, 8 * size) == 1
