"""Model in, Program out: the stages in order."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from hysteron.codegen.names import c_ident
from hysteron.driver.ecc import protected_layout
from hysteron.driver.place import parse_places, region_places
from hysteron.frontends.inputs import to_model_layout
from hysteron.frontends.load import ImportedModel, load_model
from hysteron.image.layout import build_image, plan_layout
from hysteron.image.program import OutputSpec, Program
from hysteron.image.protection import AS_READ
from hysteron.interpreter.tiers import assign_tiers
from hysteron.ir.graph import Graph, Node, Origin
from hysteron.ir.types import Array, TensorType
from hysteron.ops import registry
from hysteron.ops.kernel._base import KernelOp
from hysteron.passes.choose_layouts import ChooseLayouts
from hysteron.passes.lowering.head import Head
from hysteron.passes.pipeline import Compiled, run_pipeline
from hysteron.passes.plan_buffers import plan_buffers
from hysteron.targets import Target, load_target

AfterPass = Callable[[str, Graph], None]


@dataclass(frozen=True)
class Options:
    """What the user chose; recorded in report.json and in the generated banner."""

    target: str = "host"
    inputs: tuple[str, ...] = ()
    name: str | None = None
    sign_zero: str | None = None
    weight_tolerance: float = 0.0
    outputs: str = "logits"
    with_model: bool = True
    constant_time: bool = False
    ecc: str | None = None
    ecc_policy: str = AS_READ
    place: str | None = None
    serial: bool = False


@dataclass(frozen=True, eq=False)
class CompiledModel:
    """A Program with what verification needs: the model as imported and its tiers."""

    program: Program
    model: ImportedModel
    tiers: Mapping[str, str]
    head: Head
    target: Target
    options: Options
    notes: tuple[str, ...] = field(default_factory=tuple)


def compile_model(model: Any, options: Options, after: AfterPass | None = None) -> CompiledModel:
    """Compile an ONNX path or ModelProto.

    ``after`` is called with each pass's name and graph. Raises HysteronError
    subclasses: nothing is approximated silently.
    """
    target = load_target(options.target)
    imported = load_model(
        model,
        inputs=options.inputs,
        sign_zero=options.sign_zero,
        weight_tolerance=options.weight_tolerance,
    )
    tiers = assign_tiers(imported.graph)
    compiled = run_pipeline(imported.graph, tiers, _choose_layouts(target, options), after)
    graph, output = _with_outputs(compiled, options)
    plan = plan_buffers(graph)
    plain = plan_layout(graph, plan.steps)
    if options.place is not None:
        plain = plan_layout(graph, plan.steps, parse_places(options.place, plain, target))
    images = protected_layout(plain, options.ecc, options.ecc_policy)
    program = Program(
        name=c_ident(options.name or _stem(model)),
        imported=imported.graph,
        final=graph,
        plan=plan,
        layout=images,
        images=build_image(images, graph.consts),
        target=target.name,
        isa=target.isa,
        word_bits=target.isa.word_bits,
        input_specs=dict(graph.specs),
        output=output,
        options=_recorded(options, target.name, bool(images.protected)),
        model=imported.model_bytes if options.with_model else None,
        model_sha256=hashlib.sha256(imported.model_bytes).hexdigest(),
        report={} if target.mcu is None else {"regions": region_places(images, target.mcu)},
    )
    notes = (
        *imported.notes,
        *(f"{what} is dropped: it does not change the class" for what in compiled.dropped),
    )
    return CompiledModel(program, imported, tiers, compiled.head, target, options, notes)


def _choose_layouts(target: Target, options: Options) -> ChooseLayouts:
    """Return the layouts of the target, or of its form whose time has no data in it.

    64-bit hosts gather several pixels at once: they have caches and RAM to spare.
    """
    isa = target.isa
    layout: str = isa.weight_layout
    if options.constant_time and layout == "sliced":
        layout = "sliced_ct"
    tile = 64 if isa.word_bits == 64 else 1
    return ChooseLayouts(layout, tile, isa.list_scratch_bytes, isa.layout_costs)


def _stem(model: Any) -> str:
    if isinstance(model, str | os.PathLike):
        return re.sub(r"[^A-Za-z0-9_]", "_", Path(model).stem)
    return "model"


def _recorded(options: Options, target: str, protected: bool) -> dict[str, Any]:
    ecc = {"ecc": options.ecc, "ecc_policy": options.ecc_policy} if protected else {}
    return {
        "target": target,
        "inputs": list(options.inputs),
        "sign_zero": options.sign_zero,
        "weight_tolerance": options.weight_tolerance,
        "outputs": options.outputs,
        "constant_time": options.constant_time,
        **ecc,
        **({"place": options.place} if options.place is not None else {}),
        **({"serial": True} if options.serial else {}),
    }


def _with_outputs(compiled: Compiled, options: Options) -> tuple[Graph, OutputSpec]:
    """Append the argmax (and softmax where probabilities are wanted)."""
    graph, head = compiled.graph, compiled.head
    nodes = list(graph.nodes)
    types: dict[str, TensorType] = dict(graph.types)
    origin = Origin(node="output")
    outputs = [head.tensor]

    def append(name: str, source: str, **fields: object) -> str:
        op = registry("kernel")[name](**fields)
        assert isinstance(op, KernelOp)
        (kind,) = op.infer(types[source])
        result = f"y{len(nodes)}"
        types[result] = kind
        nodes.append(Node(op, (source,), (result,), origin))
        return result

    winner = append("argmax", head.tensor)
    scores = head.tensor
    kind = "logits"
    if options.outputs == "probabilities":
        logits = head.tensor
        if types[logits].dtype != "f32":
            lsb = Fraction(head.lsb)
            den = lsb.denominator
            logits = append("to_float", logits, num=int(lsb * den), den=den, zero_num=0)
        scores, kind = append("float_softmax", logits, log=False), "probabilities"
    outputs = [scores, winner]
    scale = Fraction(head.lsb) if head.kind != "float" else None
    spec = OutputSpec(kind, head.classes, scores, winner, scale, Fraction(head.error_lsb))
    return graph.with_nodes(nodes, types=types, outputs=tuple(outputs)), spec


def kernel_inputs(program: Program, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Map samples keyed by imported input id to the kernel graph's inputs.

    Both list their inputs in the same order; only the shape without the batch
    axis differs (channels last where the deployed layout says so).
    """
    assert program.imported is not None
    result: dict[str, Array] = {}
    for source, kernel in zip(program.imported.inputs, program.final.inputs, strict=True):
        array = np.asarray(arrays[source])
        result[kernel] = array.reshape(array.shape[0], *program.final.types[kernel].shape)
    return result


def imported_inputs(program: Program, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Bring deployed samples (maybe channels last) to the imported graph's own layout."""
    assert program.imported is not None
    result: dict[str, Array] = {}
    for name in program.imported.inputs:
        spec = program.imported.specs.get(name)
        array = np.asarray(arrays[name])
        shape = program.imported.types[name].shape
        if spec is not None and spec.layout == "nhwc" and len(shape) == 4:
            array = to_model_layout(array.reshape(-1, shape[2], shape[3], shape[1]), spec)
        result[name] = array.reshape(-1, *shape[1:])
    return result
