"""Sense errors per product: a weight is sensed once for each output position that uses it.

    sense = xnor        one sense per XNOR product: dense and conv with binary inputs; other
                        constants are sensed once per inference
    sense = per-fetch   one sense per fetch of a kernel that holds no weight between output
                        positions and reads one position at a time; depends on the kernel

Runs in the interpreter, sample by sample: a wrong product adds x (w' - w) to its accumulator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hysteron.campaign.evaluate import Classes
from hysteron.chips.draw import apply
from hysteron.chips.trajectory import Specimen
from hysteron.errors import InputError, UnsupportedError
from hysteron.image.layout import Section, read_image
from hysteron.image.program import Program
from hysteron.ir.graph import Node
from hysteron.ir.types import NUMPY, Array
from hysteron.ops.kernel._steps import apply_steps
from hysteron.ops.kernel._window import taps

_XNOR = ("xnor_dense", "xnor_conv")
_PRODUCTS = {"xnor": _XNOR, "per-fetch": (*_XNOR, "int_dense", "int_conv")}


def classes_by_product(
    program: Program, inputs: Mapping[str, Array], specimen: Specimen, sense: str
) -> Classes:
    """Return the class of every sample (n,) with sense errors per product.

    Raises UnsupportedError where a layer's products cannot be told apart, InputError for
    programs without a class.
    """
    if program.output.winner is None:
        raise InputError("this program has no class output", where=program.name)
    if program.layout.protected:
        raise UnsupportedError(
            f"sense = {sense} of protected sections", where=program.layout.protected[0].name,
            fix="a decoder sees whole words: use the default, one sense per inference and cell",
        )  # fmt: skip
    by_product = _sections(program, sense)
    count = len(next(iter(inputs.values())))
    images = apply(program.layout, program.images, specimen.faults)
    found = np.empty(count, dtype=np.int64)
    for number in range(count):
        reads = specimen.reads(number)
        once = {name: wrong for name, wrong in reads.items() if name not in by_product}
        consts = read_image(program.layout, apply(program.layout, images, once))
        one = {name: array[number : number + 1] for name, array in inputs.items()}
        walk = _Walk(program, specimen, by_product, number)
        found[number] = walk.run(one, consts)
    return found


def _sections(program: Program, sense: str) -> frozenset[str]:
    """Return the weight sections that are sensed per product; refuse what cannot be."""
    kinds, chosen = _PRODUCTS[sense], set()
    for node in program.final.nodes:
        if len(node.inputs) < 2 or (section := program.layout.by_const.get(node.inputs[1])) is None:
            continue
        if node.op.name in kinds:
            chosen.add(section.name)
        elif sense == "per-fetch" and section.role == "weights":
            raise UnsupportedError(
                f"sense = per-fetch of {node.op.name}", where=section.name,
                wanted=", ".join(kinds), fix="use the default, one sense per inference and cell",
            )  # fmt: skip
    return frozenset(chosen)


class _Walk:
    """One inference of the interpreter with wrong products."""

    def __init__(
        self, program: Program, specimen: Specimen, by_product: frozenset[str], inference: int
    ) -> None:
        self._program, self._specimen = program, specimen
        self._by_product, self._inference = by_product, inference

    def run(self, inputs: Mapping[str, Array], consts: Mapping[str, Array]) -> int:
        """Return the class of one sample."""
        graph = self._program.final
        values: dict[str, Array] = {**graph.consts, **consts}
        for name in graph.inputs:
            values[name] = np.asarray(inputs[name]).astype(NUMPY[graph.types[name].dtype])
        for node in graph.nodes:
            arrays = [values[name] for name in node.inputs]
            results = self._results(node, arrays)
            values.update(zip(node.outputs, results, strict=True))
        winner = self._program.output.winner
        assert winner is not None
        return int(values[winner].reshape(-1)[0])

    def _results(self, node: Node, arrays: list[Array]) -> tuple[Array, ...]:
        op: Any = node.op
        section = self._program.layout.by_const.get(node.inputs[1]) if len(arrays) > 1 else None
        if section is None or section.name not in self._by_product:
            return tuple(op.reference(*arrays))
        plain: Any = replace(op, out="i32")
        (sums,) = plain.reference(*arrays[:2])
        acc = np.array(sums)
        positions = acc.size // acc.shape[-1]
        found = self._specimen.products(section.name, self._inference, positions)
        if found is not None:
            position, cell, planes = found
            _correct(op, acc.reshape(positions, -1), arrays[0], arrays[1],
                     (position, cell, planes), section)  # fmt: skip
        return apply_steps(op.out, acc, arrays[2:])


def _correct(
    op: Any,
    acc: npt.NDArray[Any],
    x: Array,
    w: Array,
    wrong: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint8]],
    section: Section,
) -> None:
    """Add x (w' - w) of wrong products to accumulators (positions, outputs)."""
    position, cell, planes = wrong
    flat = w.reshape(w.shape[0], -1).astype(np.int64)
    output, tap = cell // flat.shape[1], cell % flat.shape[1]
    before = flat[output, tap]
    after = _sensed(before, planes, section.type.dtype)
    operand = x.reshape(-1)[tap] if w.ndim == 2 else _taps(op, x, w, position, output, tap)
    change = operand.astype(np.int64) * (after - before)
    np.add.at(acc, (position, output), change.astype(acc.dtype))


def _sensed(
    value: npt.NDArray[np.int64], planes: npt.NDArray[np.uint8], dtype: str
) -> npt.NDArray[np.int64]:
    """Return the weights with planes flipped; a ternary 11 counts as 0."""
    if dtype == "b1":
        return -value
    raw = np.where(value > 0, 1, np.where(value < 0, 2, 0)) ^ planes
    return (raw & 1) - (raw >> 1)


def _taps(
    op: Any,
    x: Array,
    w: Array,
    position: npt.NDArray[np.int64],
    output: npt.NDArray[np.int64],
    tap: npt.NDArray[np.int64],
) -> npt.NDArray[Any]:
    outputs, kernel_h, kernel_w, depth = w.shape
    patches = taps(op, np.asarray(x), kernel_h, kernel_w, op.pad_value)[0]
    patches = patches.reshape(-1, kernel_h * kernel_w, patches.shape[-1])
    channel = output // (outputs // op.groups) * depth + tap % depth
    return np.asarray(patches[position, tap // depth, channel])
