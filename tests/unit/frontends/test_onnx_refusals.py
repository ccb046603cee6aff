"""What the importer refuses, with a message that names the node and the reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hysteron.errors import ModelError, UnsupportedError

RNG = np.random.default_rng(0)
VEC = "(float[N,6] x) => (float y)"
MAP = "(float[N,4,9,7] x) => (float y)"


def whole(*shape: int) -> np.ndarray:
    return RNG.integers(-4, 5, shape).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


BN = {name: np.ones(4, np.float32) for name in "gbmv"}


@pytest.mark.parametrize(
    "text, consts, match",
    [
        ("{ y = MatMul(x, x) }", {}, "both factors"),
        ("{ y = MatMul(w, x) }", {"w": whole(3, 1)}, "mixes samples"),
        ("{ y = Transpose(x) }", {}, "moves the batch axis"),
        ("{ y = Reshape(x, s) }", {"s": ints(6, -1)}, "batch as its first axis"),
        ("{ y = ReduceSum(x) }", {}, "reduces over the batch"),
        ("{ y = Concat<axis=0>(x, x) }", {}, "along the batch axis"),
        ("{ y = Softmax<axis=0>(x) }", {}, "along the batch axis"),
        ("{ y = Abs(x) }", {}, "Abs: operator is not supported"),
        ("{ y = Max(x, x) }", {}, "several activations"),
        ("{ y = Pow(x, c) }", {"c": np.float32(2)}, "Pow of an activation"),
        ("{ y = Cast<to=10>(x) }", {}, "this cast changes activations; got float32 to float16"),
        ("{ y = Cast<to=7>(x) }", {}, "float32 to int64"),
        ("{ y = Add(x, c) }", {"c": whole(3, 6)}, "batch as its first axis"),
        ('{ y = Pad<mode="reflect">(x, p) }', {"p": ints(0, 1, 0, 1)}, "reflect; wanted constant"),
        ("{ y = Pad(x, p) }", {"p": ints(0, -1, 0, 0)}, "negative pads"),
        ("{ y = Pad(x, p) }", {"p": ints(1, 0, 0, 0)}, "adds samples"),
        ("{ y = Clip(x, a, b) }", {"a": np.float32(1), "b": np.float32(0)}, "above the upper"),
        (
            "{ z = Unsqueeze<axes=[2]>(x)\n t = Concat<axis=2>(z, z)\n y = Softmax(t) }",
            {},
            "vector",
        ),
        ("{ y, m = Dropout(x) }", {}, "mask output"),
        ("{ y = ArgMax<axis=1, select_last_index=1>(x) }", {}, "select_last_index"),
        ("{ y = Relu<beta=1.0>(x) }", {}, "attributes are not understood; got 'beta'"),
        ("{ y = HardSigmoid(x) }", {}, "HardSigmoid: operator is not supported"),
        ("{ y = my.domain.Relu(x) }", {}, r"my\.domain\.Relu: operator is not supported"),
    ],
)
def test_what_cannot_be_exact_is_refused_by_name(
    text: str, consts: dict[str, Any], match: str, tools: Any
) -> None:
    with pytest.raises(UnsupportedError, match=match) as caught:
        tools.imported(tools.build(VEC + text, consts))
    assert caught.value.reasons


@pytest.mark.parametrize(
    "text, consts, match",
    [
        ("{ y = MatMul(x, w) }", {"w": whole(5, 2)}, "shapes do not fit"),
        ("{ y = Reshape(x, s) }", {"s": ints(-1, 5)}, "does not fit"),
        ("{ y = Reshape(x, s) }", {"s": ints(-1, -1)}, "impossible target shape"),
        ("{ y = Div(x, c) }", {"c": np.float32(0)}, "constant zero"),
        ("{ y = Add(x, c) }", {"c": np.array([np.inf] * 6, np.float32)}, "infinity"),
        ("{ z = Div(c, c)\n y = Add(x, z) }", {"c": np.float32(0)}, "evaluates to NaN"),
        ("{ z = Reshape(c, s)\n y = Add(x, z) }", {"c": whole(6), "s": ints(7)}, "be evaluated"),
        ("{ y = Softmax<axis=5>(x) }", {}, "axis out of range"),
        ("{ y = Relu() }", {}, "missing 1 required"),
        ('{ y = Softmax<axis="one">(x) }', {}, "wrong kind"),
    ],
)
def test_damage_is_a_model_error(text: str, consts: dict[str, Any], match: str, tools: Any) -> None:
    with pytest.raises((ModelError, UnsupportedError), match=match):
        tools.imported(tools.build(VEC + text, consts))


@pytest.mark.parametrize(
    "change, error, match",
    [
        ({"v": np.array([1, -1, 1, 1], np.float32)}, ModelError, "variance"),
        ({"v": np.array([1, np.nan, 1, 1], np.float32)}, ModelError, "holds NaN"),
        ({"g": whole(3)}, ModelError, "do not fit the channels"),
    ],
)
def test_damaged_batch_norm_is_refused(
    change: dict[str, Any], error: type[Exception], match: str, tools: Any
) -> None:
    model = tools.build(MAP + "{ y = BatchNormalization(x, g, b, m, v) }", BN | change)
    with pytest.raises(error, match=match):
        tools.imported(model)


@pytest.mark.parametrize(
    "attribute, opset, match", [("training_mode=1", 15, "training"), ("spatial=0", 7, "spatial")]
)
def test_batch_norm_modes_are_refused(attribute: str, opset: int, match: str, tools: Any) -> None:
    text = MAP + f"{{ y = BatchNormalization<{attribute}>(x, g, b, m, v) }}"
    with pytest.raises(UnsupportedError, match=match):
        tools.imported(tools.build(text, BN, opset))


def test_the_folding_cap_counts_the_bytes_of_the_data_only(tools: Any) -> None:
    text = "(float[N,4096] x) => (float y) { t = Tile(w, r)\n y = MatMul(x, t) }"
    column = np.ones((4096, 1), np.float32)
    model = tools.build(text, {"w": column, "r": ints(1, 4096)})
    assert tools.imported(model).graph.consts["c0"].nbytes == 64 * 2**20
    with pytest.raises(UnsupportedError, match="got 16781312 elements; wanted at most 64 MiB"):
        tools.imported(tools.build(text, {"w": column, "r": ints(1, 4097)}))


def test_every_reason_is_listed_not_only_the_first(tools: Any) -> None:
    text = VEC + "{ a = Gelu(x)\n b = Gelu(a)\n c = Abs(b)\n d = Relu(c)\n e = Transpose(x)\n"
    text += " f = ReduceProd(e)\n y = Add(d, f) }"
    with pytest.raises(UnsupportedError) as caught:
        tools.imported(tools.build(text, {}, 20))
    reasons = " | ".join(caught.value.reasons)
    for part in (
        "Gelu: operator is not supported, 2 nodes",
        "Abs:",
        "moves the batch",
        "ReduceProd",
    ):
        assert part in reasons
    assert len(caught.value.reasons) == 4
