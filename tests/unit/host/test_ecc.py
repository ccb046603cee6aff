"""Codes in generated C: what Python decodes, the C decodes; single errors always heal."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hand_built import Builder, convolutional, mlp, protected, samples

from hysteron.codegen.emit import emit_project, write_project
from hysteron.errors import InputError, UncorrectableError
from hysteron.host.bridge import UNCORRECTABLE, Net
from hysteron.host.ecc import Written, decoded_sections, run_counts, scrub
from hysteron.host.sanitized import SanitizedNet
from hysteron.image.layout import read_image
from hysteron.image.program import Program
from hysteron.image.protection import WordCounts, decode_images, decoded_data
from hysteron.interpreter.final import run_final
from hysteron.ir.types import TensorType

pytestmark = pytest.mark.kernels

SECDED = ("secded-8-4", "secded-39-32", "secded-72-64")
CODES = (*SECDED, "duplicate", "triplicate")
#: Each program is compiled anew, so the quick tests share these.
CASES = (
    ("secded-8-4", "rows", "zero"),
    ("secded-39-32", "sliced", "as-read"),
    ("secded-72-64", "rows", "as-read"),
    ("secded-72-64", "sliced", "zero"),
    ("duplicate", "sliced", "zero"),
    ("triplicate", "rows", "as-read"),
)
IMAGES = ("random", "zero", "one", "few errors")


def _images(program: Program, kind: str) -> dict[str, bytes]:
    rng, found = np.random.default_rng(5), {}
    for region, data in program.images.items():
        size = len(data)
        if kind == "few errors":
            flips = np.packbits(rng.random(8 * size) < 0.004)
            found[region] = (np.frombuffer(data, np.uint8) ^ flips).tobytes()
        else:
            fill = {"random": rng.bytes(size), "zero": bytes(size), "one": b"\xff" * size}
            found[region] = fill[kind]
    return found


def _flipped(program: Program, section: str, cell: int) -> dict[str, bytes]:
    """Return the images with the first bit of a cell wrong."""
    place = program.layout.section(section)
    byte, bit = place.cells.locate(cell)
    images = {region: bytearray(data) for region, data in program.images.items()}
    images[place.region][place.offset + int(byte[0])] ^= 1 << int(bit[0])
    return {region: bytes(data) for region, data in images.items()}


def _assert_meaning(program: Program, net: Net, images: dict[str, bytes]) -> None:
    x = samples(program, 3)
    wanted = run_final(program.final, {"v0": x}, read_image(program.layout, images))
    for tensor, array in net.trace(x).items():
        np.testing.assert_array_equal(array, wanted[tensor], err_msg=tensor)
    total = decode_images(program.layout, images).total
    assert run_counts(net, x) == scrub(net)[0] == total
    tiles = decoded_sections(net, x)
    for section in program.layout.protected:
        assert tiles[section.name] == decoded_data(program.layout, section, images)[0]


def _check_any_image(program: Program) -> None:
    net = Net(program)
    for kind in IMAGES:
        images = _images(program, kind)
        _assert_meaning(program, net.with_images(images), images)


@pytest.mark.parametrize(("code", "layout", "policy"), CASES)
def test_any_image_means_what_python_decodes(code: str, layout: str, policy: str) -> None:
    _check_any_image(protected(convolutional(0, layout=layout), code, policy))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("code", CODES)
def test_any_image_means_what_python_decodes_in_more_networks(code: str, seed: int) -> None:
    for layout in ("rows", "sliced"):
        for policy in ("as-read", "zero"):
            _check_any_image(protected(convolutional(seed, layout=layout), code, policy))


def test_codes_may_differ_by_section_and_regions() -> None:
    codes = {"weights": "secded-39-32", "layer_2_thresholds": "triplicate"}
    program = protected(convolutional(0, regions={"weights": "rram"}), codes)
    kinds = {s.name: s.code for s in program.layout.data_sections}
    assert kinds["layer_2_thresholds"] == "triplicate" and kinds["layer_0_thresholds"] == ""
    assert program.layout.section("layer_0_weights_checks").region == "rram"
    _check_any_image(program)


_SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("code", "make"),
    [("secded-39-32", mlp), ("triplicate", mlp)]
    + [pytest.param(code, convolutional, marks=_SLOW) for code in CODES],
)
def test_any_image_is_clean_under_sanitizers(code: str, make: Callable[..., Program]) -> None:
    program = protected(make(1, layout="sliced"), code, "zero")
    net, x = SanitizedNet(program), samples(program, 2)
    for kind in ("random", "one"):
        images = _images(program, kind)
        wanted = run_final(program.final, {"v0": x}, read_image(program.layout, images))
        for tensor, array in net.trace(x, images).items():
            np.testing.assert_array_equal(array, wanted[tensor], err_msg=tensor)


@pytest.mark.parametrize(
    ("code", "layout"),
    [("secded-8-4", "rows"), ("secded-39-32", "rows"), ("secded-72-64", "sliced")]
    + [pytest.param(code, "sliced", marks=_SLOW) for code in ("secded-8-4", "secded-39-32")]
    + [pytest.param(code, "rows", marks=_SLOW) for code in ("secded-72-64", "triplicate")],
)
def test_a_single_error_in_any_cell_is_corrected_and_scrubbed(code: str, layout: str) -> None:
    program = protected(mlp(0, layout=layout), code)
    net, x = Net(program), samples(program, 1)
    clean, cells = decoded_sections(net, x), 0
    for section in program.layout.sections:
        for cell in range(section.cells.count):
            images = _flipped(program, section.name, cell)
            wrong = net.with_images(images)
            assert decoded_sections(wrong, x) == clean
            counts, writes = scrub(wrong)
            assert (counts.corrected, counts.detected, len(writes)) == (1, 0, 1)
            _write(program, images, writes)
            assert images == program.images
            cells += 1
    assert cells > 1600


def _write(program: Program, images: dict[str, bytes], writes: list[Written]) -> None:
    """Do what a firmware's callback does."""
    for one in writes:
        region = program.layout.regions[one.region]
        data = images[region]
        end = one.offset + len(one.data)
        images[region] = data[: one.offset] + one.data + data[end:]


@pytest.mark.parametrize(("code", "layout", "policy"), CASES)
def test_scrubbing_leaves_only_what_was_detected(code: str, layout: str, policy: str) -> None:
    program = protected(convolutional(0, layout=layout), code, policy)
    images = _images(program, "few errors")
    seen, writes = scrub(Net(program, images))
    _write(program, images, writes)
    again, more = scrub(Net(program, images))
    assert again == WordCounts(seen.words, 0, seen.detected) and not more
    assert bool(writes) == (code != "duplicate")


@pytest.mark.parametrize(("code", "layout", "policy"), CASES)
def test_flipping_every_padding_bit_changes_nothing(code: str, layout: str, policy: str) -> None:
    program = protected(convolutional(0, layout=layout), code, policy)
    images = {region: bytearray(data) for region, data in program.images.items()}
    padding = 0
    for section in program.layout.sections:
        every = np.arange(8 * section.nbytes)
        owner, _ = section.cells.index(every // 8, every % 8)
        for bit in np.flatnonzero(owner < 0):
            images[section.region][section.offset + bit // 8] ^= 1 << (int(bit) % 8)
            padding += 1
    assert padding > 100
    net, x = Net(program), samples(program, 3)
    noisy = net.with_images({region: bytes(data) for region, data in images.items()})
    assert decoded_sections(noisy, x) == decoded_sections(net, x)
    counts, writes = scrub(noisy)
    assert (counts.corrected, counts.detected, writes) == (0, 0, [])


def test_a_trap_is_a_status_and_a_class() -> None:
    program = protected(mlp(3), {"weights": "secded-39-32"}, "trap")
    x = samples(program, 5)
    images = {"main": bytearray(program.images["main"])}
    place = program.layout.section("layer_1_weights").offset
    images["main"][place] ^= 1
    single = Net(program, {"main": bytes(images["main"])})
    np.testing.assert_array_equal(single.predict(x), Net(program).predict(x))
    images["main"][place] ^= 2
    double = Net(program, {"main": bytes(images["main"])})
    with pytest.raises(UncorrectableError, match=r"sample 0: words that the code cannot correct"):
        double.run(x)
    with pytest.raises(UncorrectableError):
        double.trace(x)
    assert double.predict(x).tolist() == [UNCORRECTABLE] * 5
    assert run_counts(double, x).detected == 1
    with pytest.raises(UncorrectableError, match="layer_1_weights: words that the code cannot"):
        read_image(program.layout, {"main": bytes(images["main"])})


def test_a_constant_of_two_layers_is_counted_once() -> None:
    build = Builder(0, TensorType("b1", (70,)))
    weights = build.const("b1", 70, 70)
    (first,) = build.add("xnor_dense", "v0", weights, *build.steps(70), out="b1")
    (sums,) = build.add("xnor_dense", first, weights)
    (winner,) = build.add("argmax", sums)
    program = protected(build.program(sums, winner), {"weights": "secded-39-32"})
    images = _flipped(program, "layer_0_weights", 17)
    _assert_meaning(program, Net(program, images), images)


_MAIN = """
#include "tiny.h"
#include <string.h>
static uint32_t memory[%(words)d];
static int calls;
static void repair(void *user, uint32_t region, uint32_t offset, const void *bytes, uint32_t n)
{
    calls++;
    if (region == 0) memcpy((unsigned char *)user + offset, bytes, n);
}
static tiny_ctx ctx;
static tiny_input in;
static tiny_output out;
int main(void)
{
    tiny_images images;
    int done = 0;
    images.region[0] = memory;
    memcpy(memory, tiny_image_main, sizeof memory);
    if (tiny_scrub(&ctx, repair, memory).words != 0 || tiny_ecc(&ctx).words != 0) return 1;
    if (tiny_init(&ctx, &images) != HYST_OK) return 2;
    ((unsigned char *)memory)[0] ^= 1; /* one error: corrected at each run, then scrubbed */
    if (tiny_run(&ctx, &in, &out) != HYST_OK || tiny_ecc(&ctx).corrected != 1) return 3;
    if (tiny_scrub(&ctx, NULL, NULL).corrected != 1 || calls != 0) return 4;
    if (tiny_scrub(&ctx, repair, memory).corrected != 1 || calls != 1) return 5;
    if (memcmp(memory, tiny_image_main, sizeof memory) != 0) return 6;
    if (tiny_run(&ctx, &in, &out) != HYST_OK || tiny_ecc(&ctx).corrected != 0) return 7;
    ((unsigned char *)memory)[0] ^= 3; /* two errors: a trap until the memory is restored */
    if (tiny_run(&ctx, &in, &out) != HYST_ERR_UNCORRECTABLE) return 8;
    if (tiny_predict(&ctx, &in) != (int)HYST_ERR_UNCORRECTABLE) return 9;
    if (tiny_scrub(&ctx, repair, memory).detected != 1 || calls != 1) return 10;
    if (tiny_begin(&ctx, &in) != HYST_OK) return 11;
    if (tiny_step(&ctx, &done) != HYST_ERR_UNCORRECTABLE || done != 0) return 12;
    ((unsigned char *)memory)[0] ^= 3;
    while (done == 0) if (tiny_step(&ctx, &done) != HYST_OK) return 13;
    return tiny_result(&ctx, &out) == HYST_OK ? 0 : 14;
}
"""


@pytest.mark.parametrize("compiler", ["gcc", "clang", "g++"])
def test_a_firmware_repairs_its_memory_and_steps_on(compiler: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    program = protected(mlp(0, layout="sliced"), {"weights": "secded-39-32"}, "trap")
    files = emit_project(program)
    write_project(files, tmp_path / "net")
    (tmp_path / "net/main.c").write_text(_MAIN % {"words": len(program.images["main"]) // 4})
    language = ["-x", "c++", "-std=c++17"] if compiler == "g++" else ["-std=c99"]
    flags = "-pedantic -Wall -Wextra -Wconversion -Wshadow -Werror -O2 -I.".split()
    sources = ["main.c", *(path for path in files if path.endswith(".c"))]
    command = [compiler, *language, *flags, *sources, "-o", "run"]
    done = subprocess.run(
        command, cwd=tmp_path / "net", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[:3000]
    assert subprocess.run([tmp_path / "net/run"], check=False).returncode == 0


def test_models_without_codes_carry_nothing_of_them() -> None:
    files = emit_project(convolutional(0))
    assert not [path for path in files if "ecc" in path]
    own = {path: text for path, text in files.items() if path in ("tiny.c", "tiny.h")}
    assert not [path for path, text in own.items() if re.search(rb"tile\[|hyst_ecc|scrub", text)]


def test_only_the_code_in_use_is_delivered() -> None:
    one, two = (
        {path for path in emit_project(protected(mlp(0), code)) if "ecc" in path}
        for code in ("triplicate", "secded-8-4")
    )
    assert one == {"hyst/ecc.h", "hyst/ecc_copies.h", "src/ecc_copies_portable.c"}
    headers = {f"hyst/ecc{end}.h" for end in ("", "_8_4", "_secded", "_walk")}
    assert two == headers | {"src/ecc_8_4_portable.c", "src/ecc_secded_portable.c"}


def test_delivered_objects_need_only_memcpy_and_memset(tmp_path: Path) -> None:
    codes = {"weights": "secded-39-32", "thresholds": "triplicate"}
    files = emit_project(protected(convolutional(2), codes))
    write_project(files, tmp_path / "net")
    sources = [path for path in files if path.endswith(".c")]
    flags = ["-std=c99", "-O2", "-fno-pic", "-I.", "-c"]
    subprocess.run(["cc", *flags, *sources], cwd=tmp_path / "net", check=True)
    objects = [str(path) for path in (tmp_path / "net").glob("*.o")]
    listed = subprocess.run(["nm", *objects], capture_output=True, text=True, check=True).stdout
    symbols = re.findall(r"^[0-9a-f ]{16} (\w) (\S+)$", listed, re.MULTILINE)
    defined = {name for kind, name in symbols if kind != "U"}
    assert not [name for kind, name in symbols if kind in "BbDdC"]
    assert {name for kind, name in symbols if kind == "U"} - defined <= {
        *("memcpy", "memset", "memcmp", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_")
    }


def test_a_program_without_codes_has_nothing_to_scrub() -> None:
    with pytest.raises(InputError, match="no error-correcting code"):
        scrub(Net(mlp(0)))


def test_sums_of_decoded_weights_follow_the_memory(tmp_path: Path) -> None:
    """Sliced kernels use sums of their weights: those of init would be stale here."""
    program = protected(mlp(0, layout="sliced"), {"weights": "duplicate"}, "zero")
    text = emit_project(program)["tiny.c"].decode()
    init = text[text.index("hyst_status tiny_init") : text.index("tiny_protected[")]
    assert text.count("hyst_sliced_sums(HYST_IN_SRAM(ctx->tile") == 1 and "sums" not in init
