"""The importer: a checked ModelProto to a source graph. Runs inside the worker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from onnx import AttributeProto, ModelProto, NodeProto, ValueInfoProto

from hysteron.errors import ModelError, UnsupportedError
from hysteron.frontends.emitter import MAX_RANK, Emitter, ImportOptions
from hysteron.frontends.onnx_clean import clean_model
from hysteron.frontends.onnx_file import (
    CONTROL_FLOW,
    check_structure,
    count,
    live_nodes,
    node_name,
    opset_versions,
    parse,
    subgraph_reasons,
)
from hysteron.frontends.onnx_fold import fold
from hysteron.frontends.onnx_node import NodeView
from hysteron.frontends.onnx_ops import spellings
from hysteron.frontends.onnx_tensor import checked_size, element_name, to_array
from hysteron.frontends.text import quoted, shown
from hysteron.frontends.value import Value, constant
from hysteron.ir.graph import Graph

MAX_REASONS: Final = 50
#: Types a model input may have: the rest has no meaning as a real number here.
_INPUT_ELEMS: Final = ("float32", "uint8", "int8", "int16", "uint16", "bool")


@dataclass
class Imported:
    """What the importer hands back: the graph, the cleaned model and remarks."""

    graph: Graph
    model: ModelProto
    notes: list[str] = field(default_factory=list)


def import_bytes(data: bytes, options: ImportOptions) -> Imported:
    """Return the source graph of the ONNX model in ``data``.

    Raises ModelError for damaged or hostile models and UnsupportedError, with
    every reason found, for sound ones that cannot be expressed.
    """
    model = parse(data)
    check_structure(model)
    return _Importer(model, options).run()


class _Importer:
    """Walks the live nodes once; what an unsupported node feeds is skipped, not guessed."""

    def __init__(self, model: ModelProto, options: ImportOptions) -> None:
        self.model = model
        self.options = options
        self.opsets = opset_versions(model)
        if options.sign_zero is not None and self.opsets[""] < 9:
            raise UnsupportedError(
                "sign_zero needs operator set 9 or later",
                got=str(self.opsets[""]),
                fix="convert the model with onnx.version_converter",
            )
        self.reasons: list[str] = subgraph_reasons(model.graph.node)
        self.unknown: dict[str, list[str]] = {}
        self.values: dict[str, Value | None] = {}  # None: depends on something unsupported
        self.emitter = Emitter(options, None)

    def run(self) -> Imported:
        nodes = live_nodes(self.model.graph)
        used = {name for node in nodes for name in node.input}
        used.update(output.name for output in self.model.graph.output)
        self._read_initializers(used)
        self._read_inputs(used)
        for node in nodes:
            self._read_node(node)
        self._refuse()
        graph = self._finish()
        model = clean_model(self.model, self.options.sign_zero, self.emitter.snapped_weights)
        return Imported(graph, model, self._notes())

    # -- what the graph starts from -------------------------------------------------------

    def _read_initializers(self, used: set[str]) -> None:
        for tensor in self.model.graph.initializer:
            where = f"initializer {quoted(tensor.name)}"
            if tensor.name in used:
                self.values[tensor.name] = constant(to_array(tensor, where), tensor.name)
            else:
                checked_size(tuple(tensor.dims), where)

    def _read_inputs(self, used: set[str]) -> None:
        constants = {tensor.name for tensor in self.model.graph.initializer}
        real = [value for value in self.model.graph.input if value.name not in constants]
        if not real:
            raise ModelError("the model has no input")
        batches: set[int | None] = set()
        for value in real:
            try:
                shape, elem = self._input_type(value, batches)
                if value.name not in used:
                    raise UnsupportedError("is never used", where=f"input {quoted(value.name)}")
            except UnsupportedError as err:
                self.reasons.append(err.message())
                self.values[value.name] = None
                continue
            self.values[value.name] = self.emitter.add_input(value.name, shape, elem)
        if len(batches) > 1:
            self.reasons.append(f"inputs differ in batch size: {sorted(map(str, batches))}")
        self.emitter.batch = next(iter(batches), None)

    def _input_type(
        self, value: ValueInfoProto, batches: set[int | None]
    ) -> tuple[tuple[int, ...], str]:
        """Return shape (batch 1) and element type of a graph input."""
        where = f"input {quoted(value.name)}"
        if value.type.WhichOneof("value") != "tensor_type":
            raise UnsupportedError("is not a dense tensor", where=where)
        kind = value.type.tensor_type
        elem = element_name(kind.elem_type)
        if elem not in _INPUT_ELEMS:
            raise UnsupportedError(
                "has an element type that is not supported", where=where, got=elem, wanted="float32"
            )
        dims = list(kind.shape.dim)
        if not kind.HasField("shape") or not 2 <= len(dims) <= MAX_RANK:
            raise UnsupportedError(
                "needs a batch axis and at least one more",
                where=where,
                got=f"{len(dims)} axes" if kind.HasField("shape") else "no shape",
            )
        sizes = [d.dim_value if d.HasField("dim_value") else None for d in dims]
        known = tuple(size for size in sizes[1:] if size is not None)
        if len(known) < len(sizes) - 1 or any(size == 0 for size in known):
            raise UnsupportedError(
                "has an axis of unknown size",
                where=where,
                got=shown(str([d.dim_param or d.dim_value for d in dims])),
                wanted="only the first axis (the batch) symbolic",
            )
        checked_size(known, where)
        if sizes[0] is not None and sizes[0] < 0:
            raise ModelError("negative dimension", where=where, got=str(sizes[0]))
        batches.add(sizes[0] or None)
        return (1, *known), elem

    # -- nodes ----------------------------------------------------------------------------

    def _read_node(self, node: NodeProto) -> None:
        domain = "" if node.domain == "ai.onnx" else node.domain
        inputs = [self.values[name] if name else None for name in node.input]
        poisoned = any(name and self.values[name] is None for name in node.input)
        results: tuple[Value | None, ...] = ()
        try:
            view = NodeView(node, inputs, self.opsets.get(domain, 1), self.options.file)
            results = self._results(view, domain, poisoned)
        except UnsupportedError as err:
            self.reasons.append(err.message())
        named = enumerate(name for name in node.output)
        for index, name in ((i, n) for i, n in named if n):
            value = results[index] if index < len(results) else None
            self.values[name] = None if value is None else self.emitter.label(value, name)
        if not poisoned and results and len(results) < view.outputs_used:
            raise ModelError(
                f"{shown(node.op_type)} has no output {len(results)}", where=str(view.origin)
            )

    def _results(self, view: NodeView, domain: str, poisoned: bool) -> tuple[Value, ...]:
        node = view.node
        function = spellings().get((domain, node.op_type))
        is_const = all(value is None or value.is_const for value in view.inputs)
        self.emitter.origin = view.origin
        if node.op_type == "Constant" and domain == "":
            return (_constant_node(view),)
        own = node.op_type == "BipolarQuant" or (node.op_type == "Sign" and self.options.sign_zero)
        if poisoned or (is_const and domain == "" and not own):
            folded = None if poisoned else fold(view, self.opsets)
            if folded is None and not (poisoned and function):
                self._unknown(node, domain, is_const and function is not None)
            return folded or ()
        if function is None:
            self._unknown(node, domain, False)
            return ()
        result = function(view, self.emitter)
        view.finish()
        return result if isinstance(result, tuple) else (result,)

    def _unknown(self, node: NodeProto, domain: str, constant_only: bool) -> None:
        if node.op_type in CONTROL_FLOW:
            return  # already among the reasons
        name = shown(f"{domain}.{node.op_type}" if domain else node.op_type)
        what = "cannot be folded" if constant_only else "operator is not supported"
        self.unknown.setdefault(f"{name}: {what}", []).append(node_name(node))

    # -- results --------------------------------------------------------------------------

    def _refuse(self) -> None:
        found = self.reasons + [f"{text}, {count(names)}" for text, names in self.unknown.items()]
        if not found:
            return
        shown_reasons = tuple(found[:MAX_REASONS])
        head = "; ".join(found[:5]) + (f"; and {len(found) - 5} more" if len(found) > 5 else "")
        raise UnsupportedError(
            f"the model cannot be compiled: {head}",
            fix="hysteron inspect lists every reason" if len(found) > 5 else "",
            reasons=shown_reasons,
        )

    def _finish(self) -> Graph:
        outputs: dict[str, None] = {}
        for output in self.model.graph.output:
            value = self.values[output.name]
            if value is None or value.is_const:
                raise UnsupportedError(
                    "graph output does not depend on the model input",
                    where=f"output {quoted(output.name)}",
                )
            outputs[value.tensor] = None
        if not self.emitter.nodes:
            raise UnsupportedError("the model computes nothing: its output is its input")
        return self.emitter.graph(tuple(outputs))

    def _notes(self) -> list[str]:
        emitter = self.emitter
        notes = []
        if emitter.batch not in (None, 1):
            notes.append(f"batch size {emitter.batch} of the file replaced by 1")
        if emitter.signs_overridden:
            notes.append(
                f"sign(0) taken as {self.options.sign_zero} "
                f"at {emitter.signs_overridden} Sign nodes"
            )
        if emitter.weights_snapped:
            notes.append(
                f"{emitter.weights_snapped} weights snapped to one magnitude a channel "
                f"(tolerance {self.options.weight_tolerance:g})"
            )
        return notes


def _constant_node(view: NodeView) -> Value:
    """Return the value of a Constant node, whichever ``value_*`` attribute it uses."""
    node = view.node
    if len(node.attribute) != 1:
        raise view.damaged("Constant needs exactly one value", got=str(len(node.attribute)))
    attribute = node.attribute[0]
    array = view.tensor("value") if attribute.name == "value" else None
    if array is None:
        kinds = {
            "value_float": (AttributeProto.FLOAT, np.float32, "f"),
            "value_floats": (AttributeProto.FLOATS, np.float32, "floats"),
            "value_int": (AttributeProto.INT, np.int64, "i"),
            "value_ints": (AttributeProto.INTS, np.int64, "ints"),
        }
        kind, dtype, name = kinds.get(attribute.name, (None, np.float32, ""))
        if kind is None or attribute.type != kind:
            raise view.unsupported("Constant holds no dense tensor", got=shown(attribute.name))
        value = getattr(attribute, name)
        array = np.array(value if name in ("f", "i") else list(value), dtype)
    if array.dtype.kind == "f" and bool(np.isnan(array).any()):
        raise view.damaged("Constant holds NaN")
    return constant(array)
