"""Declared inputs and sample files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hysteron.errors import InputError
from hysteron.frontends.inputs import (
    load_npy,
    nearest_float32,
    parse_inputs,
    parse_spec,
    quantize_input,
    to_model_layout,
)
from hysteron.ir.graph import Graph, InputSpec
from hysteron.ir.types import TensorType

ONE = Graph(("v0",), (), (), {"v0": TensorType("f32", (1, 2, 3, 4))}, labels={"v0": "image"})
TWO = Graph(
    ("v0", "v1"),
    (),
    (),
    {"v0": TensorType("f32", (1, 4)), "v1": TensorType("f32", (1, 2))},
    labels={"v0": "a:0", "v1": "b"},
)


def test_a_full_declaration_is_read_exactly() -> None:
    spec = parse_inputs(("image:uint8,scale=1/255,zero=128,layout=nhwc",), ONE)["v0"]
    assert spec == InputSpec("u8", Fraction(1, 255), Fraction(128), "nhwc")


@pytest.mark.parametrize(
    "text, value",
    [("1/255", Fraction(1, 255)), ("0.1", Fraction(1, 10)), ("1e-3", Fraction(1, 1000))],
)
def test_scales_are_exact_rationals(text: str, value: Fraction) -> None:
    assert parse_spec(f"int8,scale={text}").scale == value


def test_the_name_may_be_left_out_when_there_is_one_input() -> None:
    assert parse_inputs(("int16",), ONE)["v0"].dtype == "i16"
    assert parse_inputs((), ONE)["v0"] == InputSpec()


def test_names_with_colons_are_matched_whole() -> None:
    specs = parse_inputs(("a:0:b1", "b:int8"), TWO)
    assert (specs["v0"].dtype, specs["v1"].dtype) == ("b1", "i8")


@pytest.mark.parametrize(
    "texts, graph, match",
    [
        (("other:uint8",), ONE, "unknown input 'other'; known inputs: 'image'"),
        (("uint8",), TWO, "which input .* known inputs: 'a:0', 'b'"),
        (("image:float16",), ONE, "unknown input type 'float16'; known: b1, uint8"),
        (("image:uint8", "image:int8"), ONE, "declared twice"),
        (("image:uint8,scale=0",), ONE, "must be positive"),
        (("image:uint8,scale=x",), ONE, "scale is not a number"),
        (("image:uint8,scale=1/0",), ONE, "scale is not a number"),
        (("image:uint8,scale=1e-999999999",), ONE, "scale is not a number"),
        (("image:uint8,zero=",), ONE, "unknown input option 'zero='"),
        (("image:uint8,gain=2",), ONE, "unknown input option 'gain=2'"),
        (("image:uint8,layout=chwn",), ONE, "unknown layout 'chwn'; known: nchw, nhwc"),
        (("image:float32,scale=2",), ONE, "no scale or zero"),
        (("b:uint8,layout=nhwc",), TWO, "needs a map"),
    ],
)
def test_wrong_declarations_say_what_exists(
    texts: tuple[str, ...], graph: Graph, match: str
) -> None:
    with pytest.raises(InputError, match=match):
        parse_inputs(texts, graph)


@given(st.integers(-(10**6), 10**6), st.integers(1, 10**9))
def test_nearest_float32_rounds_as_numpy_does_for_exact_doubles(top: int, bottom: int) -> None:
    value = Fraction(top, bottom)
    rounded = Fraction(nearest_float32(value))
    near = np.float32(float(value))
    for other in (
        np.nextafter(near, np.float32(-np.inf)),
        near,
        np.nextafter(near, np.float32(3e38)),
    ):
        assert abs(rounded - value) <= abs(Fraction(float(other)) - value)


@pytest.mark.parametrize("dtype, low, high", [("u8", 0, 255), ("i8", -128, 127)])
def test_floats_of_every_code_convert_back_exactly(dtype: str, low: int, high: int) -> None:
    spec = InputSpec(dtype, Fraction(1, 255), Fraction(3, 2))
    codes = np.arange(low, high + 1)
    levels = [np.float32(nearest_float32(spec.scale * (int(q) - spec.zero))) for q in codes]
    samples = np.array(levels, np.float32).reshape(-1, 1)
    np.testing.assert_array_equal(quantize_input(samples, spec)[:, 0], codes)


def test_the_first_float_that_is_no_code_is_named() -> None:
    samples = np.array([[0.0, 1.0], [2.0, 2.5]], np.float32)
    with pytest.raises(InputError, match=r"2\.5 at index \(1, 1\).*integer q in \[0, 255\]"):
        quantize_input(samples, InputSpec("u8"))


@pytest.mark.parametrize(
    "samples, spec, match",
    [
        (np.array([[np.nan]]), InputSpec("f32"), "NaN"),
        (np.array([[np.nan]]), InputSpec("u8"), "nan at index"),
        (np.array([[0.1]]), InputSpec("f32"), "not binary32"),
        (np.array([[256]]), InputSpec("u8"), r"256 at index \(0, 0\); wanted 0 to 255"),
        (np.array([[1, 0]]), InputSpec("b1"), r"0 at index \(0, 1\); wanted -1 or \+1"),
        (np.array([["a"]]), InputSpec("u8"), "not numbers"),
    ],
)
def test_samples_that_do_not_fit_are_refused(
    samples: np.ndarray, spec: InputSpec, match: str
) -> None:
    with pytest.raises(InputError, match=match):
        quantize_input(samples, spec)


def test_binary_samples_are_signs() -> None:
    samples = np.array([[-1.0, 1.0]])
    quantized = quantize_input(samples, InputSpec("b1"))
    assert quantized.dtype == np.int8 and quantized.tolist() == [[-1, 1]]


def test_flat_and_shaped_samples_are_accepted_in_the_declared_layout() -> None:
    flat = np.arange(48, dtype=np.uint8).reshape(2, 24)
    nchw = quantize_input(flat, InputSpec("u8"), (1, 2, 3, 4))
    nhwc = quantize_input(flat, InputSpec("u8", layout="nhwc"), (1, 2, 3, 4))
    assert (nchw.shape, nhwc.shape) == ((2, 2, 3, 4), (2, 3, 4, 2))
    assert to_model_layout(nhwc, InputSpec("u8", layout="nhwc")).shape == (2, 2, 3, 4)
    assert to_model_layout(nchw, InputSpec("u8")) is nchw
    with pytest.raises(InputError, match=r"got \(2, 3, 8\); wanted \(N, 2, 3, 4\) or \(N, 24\)"):
        quantize_input(flat.reshape(2, 3, 8), InputSpec("u8"), (1, 2, 3, 4))


def test_npy_files_load_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    good = tmp_path / "x.npy"
    np.save(good, np.arange(6, dtype=np.float32).reshape(2, 3))
    assert load_npy(good).shape == (2, 3)
    cut = tmp_path / "cut.npy"
    cut.write_bytes(good.read_bytes()[:-3])
    header = tmp_path / "header.npy"
    header.write_bytes(good.read_bytes()[:30])
    foreign = tmp_path / "foreign.npy"
    foreign.write_bytes(b"PK\3\4 not an array")
    objects = tmp_path / "objects.npy"
    np.save(objects, np.array([{}], object), allow_pickle=True)
    words = tmp_path / "words.npy"
    np.save(words, np.array(["a"]))
    for path, match in (
        (cut, "damaged"),
        (header, "damaged"),
        (foreign, "not an .npy file"),
        (objects, "damaged"),
        (words, "does not hold numbers"),
        (tmp_path / "none.npy", "No such file"),
    ):
        with pytest.raises(InputError, match=match):
            load_npy(path)
