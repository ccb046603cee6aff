"""A linked program somewhere: samples packed into its structs, outputs and traces unpacked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hysteron.codegen.views import arena_offsets
from hysteron.errors import InternalError
from hysteron.image.buffers import content_bytes, pack_buffer, unpack_buffer
from hysteron.image.layout import executed
from hysteron.image.program import Program
from hysteron.ir.types import Array
from hysteron.runners.inference import Inference, Runner


class PartNet:
    """The generated C of ``program`` on ``part``.

    ``sizes`` are bytes of the context, input and output structs, offsets of the
    inputs, the scores and the class in them, and bytes of the arena.
    """

    def __init__(self, program: Program, part: Runner, sizes: Sequence[int]) -> None:
        self.program = program
        self._part = part
        self._sizes = tuple(sizes)
        self.instructions: list[int] = []
        self.layer_instructions: dict[int, int] = {}
        self.peak_stack = 0
        self._most: dict[str, int] = {}

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return {"scores": (n, classes), "class": (n,)} of a batch of q arrays."""
        return self._answers(self._infer(inputs, ()))

    def _answers(self, done: Sequence[Inference]) -> dict[str, Array]:
        outputs = [np.frombuffer(one.output, dtype=np.uint8) for one in done]
        scores = [self._output(out, 0, self.program.output.scores) for out in outputs]
        classes = [self._output(out, 1, self.program.output.winner) for out in outputs]
        return {"scores": np.concatenate(scores), "class": np.concatenate(classes).reshape(-1)}

    def _output(self, out: Array, position: int, tensor: str | None) -> Array:
        if tensor is None:
            return np.zeros((1, 0), dtype=np.int32)
        kind = self.program.final.types[tensor]
        at = self._sizes[3 + len(self.program.final.inputs) + position]
        data = np.asarray(out[at : at + content_bytes(kind)], dtype=np.uint8)
        return unpack_buffer(data[None, :], kind)

    def trace(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return every tensor of every layer, read when its function returned."""
        graph = self.program.final
        offsets = arena_offsets(self.program)
        layers = [node.outputs for node in executed(graph, self.program.plan.steps)]
        watch = [[(offsets[t], content_bytes(graph.types[t])) for t in outs] for outs in layers]
        found: dict[str, list[Array]] = {tensor: [] for outs in layers for tensor in outs}
        for one in self._infer(inputs, watch):
            for outs, tensors in zip(layers, one.layers, strict=True):
                for tensor, data in zip(outs, tensors, strict=True):
                    row = np.frombuffer(data, dtype=np.uint8)[None, :]
                    found[tensor].append(unpack_buffer(row, graph.types[tensor]))
        traced = {name: np.concatenate(parts) for name, parts in found.items()}
        for node in (n for n in graph.nodes if getattr(n.op, "ALIAS", False)):
            source = traced.get(node.inputs[0], inputs.get(node.inputs[0]))
            if source is None:
                raise InternalError("a reshape of an unknown tensor", where=node.inputs[0])
            shape = graph.types[node.outputs[0]].shape
            traced[node.outputs[0]] = np.asarray(source).reshape(-1, *shape)
        return traced

    def _samples(self, inputs: Mapping[str, Array]) -> list[bytes]:
        graph = self.program.final
        count = next(iter(inputs.values())).shape[0]
        packed = [pack_buffer(inputs[name], graph.types[name]) for name in graph.inputs]
        rows = []
        for n in range(count):
            image = bytearray(self._sizes[1])
            for position, data in enumerate(packed):
                at = self._sizes[3 + position]
                image[at : at + data.shape[1]] = data[n].tobytes()
            rows.append(bytes(image))
        return rows

    def _infer(
        self, inputs: Mapping[str, Array], watch: Sequence[Sequence[tuple[int, int]]]
    ) -> list[Inference]:
        done = self._part.infer(self._samples(inputs), watch)
        for one in done:
            if one.status != 0:
                raise InternalError(
                    f"the generated run returned {one.status}", where=self.program.name
                )
            if one.instructions is not None:
                self.instructions.append(one.instructions)
            self.peak_stack = max(self.peak_stack, one.stack_bytes)
            if one.instructions == max(self.instructions, default=None):
                self.layer_instructions = dict(enumerate(one.layer_instructions))
            for name, value in one.counts.items():
                self._most[name] = max(self._most.get(name, 0), value)
        return done
