"""The host bridge: C equals the interpreter layer by layer, for any image, from any thread."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hand_built import Builder, convolutional, mlp, real, samples

from hysteron.errors import InputError, ToolchainError
from hysteron.host.bridge import CHUNK, Net
from hysteron.host.compiler import build, cache_dir, find_cc
from hysteron.host.sanitized import SanitizedNet
from hysteron.image.layout import read_image
from hysteron.image.program import Program
from hysteron.interpreter.final import run_final
from hysteron.ir.types import Array, TensorType
from hysteron.targets import load_isa

pytestmark = pytest.mark.kernels


def _reference(
    program: Program, x: Array, images: dict[str, bytes] | None = None
) -> dict[str, Array]:
    consts = read_image(program.layout, program.images if images is None else images)
    return run_final(program.final, {program.final.inputs[0]: x}, consts)


def _assert_equal(found: dict[str, Array], wanted: dict[str, Array]) -> None:
    for tensor, array in found.items():
        one, two = array, wanted[tensor]
        if one.dtype == np.float32:  # bit patterns: -0.0 and NaN count too
            one, two = one.view(np.uint32), two.astype(np.float32).view(np.uint32)
        np.testing.assert_array_equal(one, two, err_msg=tensor)


def _images(program: Program, kind: str) -> dict[str, bytes]:
    rng = np.random.default_rng(5)
    sizes = {region: program.layout.region_bytes(region) for region in program.layout.regions}
    fill = {"random": rng.bytes, "zero": lambda n: b"\0" * n, "one": lambda n: b"\xff" * n}
    return {region: fill[kind](size) for region, size in sizes.items()}


@pytest.mark.parametrize("layout", ["rows", "sliced"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "isa", ["host-portable", pytest.param("host-avx2", marks=pytest.mark.isa("host-avx2"))]
)
def test_every_tensor_equals_the_interpreter(isa: str, seed: int, layout: str) -> None:
    for make in (mlp, convolutional):
        program = make(seed, layout=layout, isa=isa)
        x = samples(program, 20)
        found = Net(program).trace(x)
        assert len(found) == len([t for node in program.final.nodes for t in node.outputs])
        _assert_equal(found, _reference(program, x))


def test_the_real_tier_is_equal_bit_for_bit() -> None:
    program = real(3)
    x = samples(program, 50)
    net, wanted = Net(program), _reference(program, x)
    _assert_equal(net.trace(x), wanted)
    scores = program.output.scores
    assert scores is not None
    np.testing.assert_array_equal(net.run(x)["scores"], wanted[scores])


def test_run_and_predict_agree_with_the_interpreter_over_many_chunks() -> None:
    program = mlp(1)
    x = samples(program, 5 * CHUNK + 3)
    wanted = _reference(program, x)
    assert program.output.scores is not None and program.output.winner is not None
    for threads in (1, 3):
        net = Net(program, threads=threads)
        result = net.run(x)
        np.testing.assert_array_equal(result["scores"], wanted[program.output.scores])
        np.testing.assert_array_equal(net.predict(x), wanted[program.output.winner].ravel())
        np.testing.assert_array_equal(net.predict(x), net.predict(x))


@pytest.mark.parametrize("kind", ["random", "zero", "one"])
@pytest.mark.parametrize("layout", ["rows", "sliced"])
def test_any_image_means_what_the_interpreter_says(layout: str, kind: str) -> None:
    program = convolutional(2, layout=layout)
    x, images = samples(program, 10), _images(program, kind)
    _assert_equal(Net(program).with_images(images).trace(x), _reference(program, x, images))


@pytest.mark.parametrize("kind", ["random", "zero", "one"])
def test_any_image_is_clean_under_sanitizers(kind: str) -> None:
    program = convolutional(1, layout="sliced" if kind == "one" else "rows")
    x, images = samples(program, 3), _images(program, kind)
    found = SanitizedNet(program).trace(x, images)
    assert found
    _assert_equal(found, _reference(program, x, images))


def test_flipping_every_padding_bit_changes_nothing() -> None:
    for layout in ("rows", "sliced"):
        program = convolutional(0, layout=layout)
        images = {region: bytearray(data) for region, data in program.images.items()}
        flipped = 0
        for section in program.layout.sections:
            every = np.arange(8 * section.nbytes)
            owner, _ = section.cells.index(every // 8, every % 8)
            for bit in np.flatnonzero(owner < 0):
                images[section.region][section.offset + bit // 8] ^= 1 << (int(bit) % 8)
                flipped += 1
        assert flipped > 100
        x = samples(program, 10)
        net = Net(program)
        _assert_equal(
            net.with_images({r: bytes(d) for r, d in images.items()}).trace(x), net.trace(x)
        )


def test_many_images_share_one_library_and_do_not_disturb_each_other() -> None:
    program = mlp(0)
    net, x = Net(program), samples(program, 30)
    before = net.run(x)["scores"]
    others = [net.with_images(_images(program, kind)) for kind in ("zero", "one", "random")]
    assert len({net.with_images(dict(program.images))._lib} | {other._lib for other in others}) == 1
    assert any(not np.array_equal(other.run(x)["scores"], before) for other in others)
    np.testing.assert_array_equal(net.run(x)["scores"], before)
    assert net.check_image() and not others[0].check_image()


def test_bit_and_ternary_inputs_and_several_inputs_reach_the_kernels() -> None:
    build = Builder(0, TensorType("b1", (70,)), TensorType("t2", (70,)))
    weights = build.const("b1", 9, 70)
    (one,) = build.add("xnor_dense", "v0", weights)
    (two,) = build.add("xnor_dense", "v1", weights)
    (total,) = build.add("int_add", one, two, p=3, q=-2)
    program = build.program(total, None)
    x = {name: build.draw(program.final.types[name], (12, 70)) for name in ("v0", "v1")}
    wanted = run_final(program.final, x)[total]
    net = Net(program)
    np.testing.assert_array_equal(net.run(x)["scores"], wanted)
    with pytest.raises(InputError, match="several inputs; wanted v0, v1"):
        net.run(x["v0"])
    with pytest.raises(InputError, match="no samples for input v1"):
        net.run({"v0": x["v0"]})
    with pytest.raises(InputError, match="different numbers of samples"):
        net.run({"v0": x["v0"], "v1": x["v1"][:3]})
    with pytest.raises(InputError, match="no class output"):
        net.predict(x)


def test_nan_is_refused_and_named_by_sample() -> None:
    program = real(0)
    x = samples(program, 9)
    x[7, 3] = np.nan
    with pytest.raises(InputError, match=r"tiny, sample 7: input holds a NaN"):
        Net(program, threads=1).run(x)
    with pytest.raises(InputError, match="input holds a NaN"):
        Net(program).trace(x)
    x[7, 3] = np.inf
    Net(program).run(x)


def test_values_outside_the_input_type_are_refused() -> None:
    net = Net(mlp(0))
    with pytest.raises(InputError, match=r"input does not fit u8\[20\]"):
        net.run(np.full((2, 20), 256))
    with pytest.raises(InputError, match=r"input has another shape; got \(2, 19\)"):
        net.run(np.zeros((2, 19), dtype=np.uint8))


def test_no_samples_give_no_results() -> None:
    result = Net(mlp(0)).run(np.zeros((0, 20), dtype=np.uint8))
    assert result["scores"].shape == (0, 5) and result["class"].shape == (0,)


def test_a_second_build_compiles_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cc = find_cc(load_isa("host-portable"))
    files = {"a.c": b"int f(void) { return 1; }\n", "b.h": b""}
    first = build(files, cc, "library")
    stamps = {path.name: path.stat().st_mtime_ns for path in cache_dir().iterdir()}
    assert build(files, cc, "library") == first
    assert {path.name: path.stat().st_mtime_ns for path in cache_dir().iterdir()} == stamps
    assert build(files | {"b.h": b"#define X\n"}, cc, "library") != first
    assert build(files, replace(cc, version="other"), "library") != first


def test_a_missing_compiler_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    isa = load_isa("host-portable")
    gcc_only = type("Isa", (), {"name": isa.name, "compilers": isa.compilers[:1]})()
    monkeypatch.setenv("PATH", str(tmp_path))
    from hysteron.host import compiler

    compiler._version.cache_clear()
    with pytest.raises(
        ToolchainError, match="no C compiler found; wanted cc; install gcc or clang"
    ):
        find_cc(gcc_only)
    monkeypatch.undo()
    compiler._version.cache_clear()


def test_compiler_errors_show_the_first_lines() -> None:
    cc = find_cc(load_isa("host-portable"))
    with pytest.raises(ToolchainError, match=r"(?s)the C compiler failed; got .*error: .*nonsense"):
        build({"a.c": b"int f(void) { return nonsense; }\n"}, cc, "library")


def test_cached_files_belong_to_the_user_alone_to_write() -> None:
    Net(mlp(0))
    for path in cache_dir().iterdir():
        assert not path.stat().st_mode & stat.S_IWOTH and path.stat().st_uid == os.getuid()
