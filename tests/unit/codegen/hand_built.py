"""Kernel graphs written by hand: programs without a model file behind them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from hysteron.image.layout import build_image, plan_layout
from hysteron.image.program import Golden, OutputSpec, Program
from hysteron.image.protection import protect
from hysteron.interpreter.final import run_final
from hysteron.ir.graph import Graph, InputSpec, Node
from hysteron.ir.types import LIMITS, NUMPY, Array, TensorType
from hysteron.ops import registry
from hysteron.ops.kernel._base import KernelOp
from hysteron.passes.plan_buffers import plan_buffers
from hysteron.targets import load_isa


class Builder:
    """Collects nodes and random constants, then makes a Program."""

    def __init__(self, seed: int, *inputs: TensorType) -> None:
        self.rng = np.random.default_rng(seed)
        self.types: dict[str, TensorType] = {f"v{i}": t for i, t in enumerate(inputs)}
        self.inputs = tuple(self.types)
        self.consts: dict[str, Array] = {}
        self.nodes: list[Node] = []

    def draw(self, type_: TensorType, shape: tuple[int, ...] | None = None) -> Array:
        """Return random values of a type; small ones for wide integers."""
        shape = type_.shape if shape is None else shape
        if type_.dtype == "f32":
            return self.rng.normal(size=shape).astype(np.float32)
        low, high = (max(LIMITS[type_.dtype][0], -300), min(LIMITS[type_.dtype][1], 300))
        if type_.dtype == "b1":
            return self.rng.choice(np.array([-1, 1], dtype=np.int8), shape)
        return self.rng.integers(low, high + 1, shape).astype(NUMPY[type_.dtype])

    def const(self, dtype: str, *shape: int) -> str:
        """Add a random constant and return its id."""
        name, type_ = f"c{len(self.consts)}", TensorType(dtype, shape)
        self.types[name], self.consts[name] = type_, self.draw(type_)
        return name

    def steps(self, channels: int, planes: int = 1, flips: int = 1) -> list[str]:
        """Add thresholds and inversions."""
        return [self.const("i16", planes, flips, channels), self.const("b1", planes, channels)]

    def add(self, name: str, *inputs: str, **fields: Any) -> list[str]:
        """Append a node and return its output ids."""
        op = registry("kernel")[name](**fields)
        assert isinstance(op, KernelOp)
        outputs = []
        for type_ in op.infer(*(self.types[tensor] for tensor in inputs)):
            outputs.append(f"t{len(self.types)}")
            self.types[outputs[-1]] = type_
        self.nodes.append(Node(op, inputs, tuple(outputs)))
        return outputs

    def program(
        self,
        scores: str,
        winner: str | None,
        name: str = "tiny",
        isa: str = "host-portable",
        regions: dict[str, str] | None = None,
        golden: Golden | None = None,
    ) -> Program:
        """Return the Program of what was added."""
        outputs = (scores,) if winner is None else (scores, winner)
        graph = Graph(self.inputs, outputs, tuple(self.nodes), self.types, self.consts)
        plan = plan_buffers(graph)
        layout = plan_layout(graph, plan.steps, regions)
        classes = self.types[scores].size
        return Program(
            name=name,
            imported=None,
            final=graph,
            plan=plan,
            layout=layout,
            images=build_image(layout, self.consts),
            target="host",
            isa=load_isa(isa),
            word_bits=64,
            input_specs={self.inputs[0]: InputSpec("u8", Fraction(1, 255))},
            output=OutputSpec("logits" if winner else "values", classes, scores, winner),
            options={"target": "host", "inputs": ["*/ evil"]},
            golden=golden,
        )


def mlp(seed: int = 0, layout: str = "rows", **options: Any) -> Program:
    """Return u8[20] -> 33 bits -> 5 sums -> class."""
    build = Builder(seed, TensorType("u8", (20,)))
    weights = build.const("b1", 33, 20)
    (hidden,) = build.add("int_dense", "v0", weights, *build.steps(33), out="b1", layout=layout)
    (sums,) = build.add("xnor_dense", hidden, build.const("b1", 5, 33), layout=layout)
    (winner,) = build.add("argmax", sums)
    return build.program(sums, winner, **options)


def convolutional(seed: int, layout: str = "rows", **options: Any) -> Program:
    """Return a net with pooling planes, groups, ternary maps, reshape and concat."""
    build = Builder(seed, TensorType("u8", (9, 8, 3)))
    rng = build.rng
    width = int(rng.choice([16, 34, 40]))
    planes = build.add(
        "int_conv", "v0", build.const("b1", width, 3, 3, 3), *build.steps(width, 2, 2),
        out="b1x2", flips=2, layout=layout, pad_top=1, pad_left=1, pad_bottom=1, pad_right=1,
    )  # fmt: skip
    (pooled,) = build.add(
        "bit_pool",
        *planes,
        build.const("b1", width),
        kernel_h=2,
        kernel_w=2,
        stride_h=2,
        stride_w=2,
    )
    (maps,) = build.add(
        "xnor_conv", pooled, build.const("t2", 2 * width, 3, 3, width // 2),
        *build.steps(2 * width, 2), out="t2", groups=2, layout=layout, pad_top=1, pad_left=1,
        pad_bottom=1, pad_right=1, pad_value=int(rng.integers(-1, 2)),
    )  # fmt: skip
    (flat,) = build.add("reshape", maps, shape=(build.types[maps].size,))
    (bits,) = build.add(
        "xnor_dense", flat, build.const("b1", 37, build.types[flat].size),
        *build.steps(37), out="b1", layout=layout,
    )  # fmt: skip
    (both,) = build.add("concat", bits, bits, axis=0)
    (sums,) = build.add("xnor_dense", both, build.const("b1", 7, 74), layout=layout)
    (winner,) = build.add("argmax", sums)
    return build.program(sums, winner, **options)


def real(seed: int = 0, **options: Any) -> Program:
    """Return f32[17] -> float layer -> bits -> sums -> probabilities."""
    build = Builder(seed, TensorType("f32", (17,)))
    (first,) = build.add("float_dense", "v0", build.const("f32", 12, 17))
    thresholds = build.const("f32", 1, 1, 12), build.const("b1", 1, 12)
    (bits,) = build.add("float_step", first, *thresholds, out="b1")
    (sums,) = build.add("xnor_dense", bits, build.const("b1", 4, 12))
    (logits,) = build.add("to_float", sums, num=1, den=3, zero_num=0)
    (scores,) = build.add("float_softmax", logits, log=False)
    (winner,) = build.add("argmax", sums)
    return build.program(scores, winner, **options)


def protected(program: Program, codes: dict[str, str] | str, policy: str = "as-read") -> Program:
    """Return the program with error-correcting codes: one for all sections, or by role or name."""
    plain = program.layout.data_sections
    if isinstance(codes, str):
        codes = {section.name: codes for section in plain}
    by_name = {s.name: codes.get(s.name, codes.get(s.role)) for s in plain}
    chosen = {name: code for name, code in by_name.items() if code is not None}
    layout = protect(program.layout, chosen, policy)
    return replace(program, layout=layout, images=build_image(layout, program.final.consts))


def with_vectors(program: Program, count: int = 3) -> Program:
    """Return the program with self-test vectors: random samples and what the interpreter says."""
    (name,), output = program.final.inputs, program.output
    x = samples(program, count)
    values = run_final(program.final, {name: x})
    assert output.scores is not None
    classes = None if output.winner is None else values[output.winner].ravel().astype(np.int64)
    return replace(program, golden=Golden({name: x}, classes, values[output.scores]))


def samples(program: Program, count: int, seed: int = 1) -> Array:
    """Return random samples (n, *shape) of the program's only input."""
    (name,) = program.final.inputs
    type_ = program.final.types[name]
    return Builder(seed).draw(type_, (count, *type_.shape))
