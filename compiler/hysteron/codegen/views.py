"""Program -> frozen views: all arithmetic and all names, before any template.

A template only prints what a view holds. No string of the model gets here:
tensors are called by position, files by the program's checked name.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from hysteron.codegen.ecc_views import EccView, ecc_view, tile_offsets
from hysteron.codegen.golden import VectorView, golden_views, word_lines
from hysteron.codegen.names import checked_ident, checked_suffix
from hysteron.errors import InternalError
from hysteron.image.buffers import content_bytes
from hysteron.image.encodings import align
from hysteron.image.layout import Section, executed, section_bytes
from hysteron.image.program import Program
from hysteron.ir.graph import Node
from hysteron.ir.types import TensorType
from hysteron.ops.kernel._base import KernelOp

_C_TYPES = {
    "b1": "uint64_t",
    "t2": "uint64_t",
    "u8": "uint8_t",
    "i8": "int8_t",
    "i16": "int16_t",
    "i32": "int32_t",
    "f32": "float",
}
_MEANING = {
    "b1": "bits, 1 means +1: element e is bit e%8 of byte e/8, zeros after the last",
    "t2": "bit plane of +1, then bit plane of -1: element e is bit e%8 of byte e/8 of each",
}


@dataclass(frozen=True, slots=True)
class FieldView:
    """One array in the generated input or output struct."""

    name: str
    ctype: str
    count: int
    type: str
    meaning: str
    is_float: bool
    source: str


@dataclass(frozen=True, slots=True)
class LayerView:
    """One generated function: the call of one kernel."""

    index: int
    op: str
    symbol: str
    params: tuple[tuple[str, int], ...]
    arguments: tuple[str, ...]
    sums: tuple[str, ...]
    fetched: bool
    result: str


@dataclass(frozen=True, slots=True)
class RegionView:
    """The image of one region as 32-bit words, eight to a line.

    ``pieces`` are the same lines in groups where the C compiler takes no array of that size:
    the assembler gets them in strings, of which C99 promises 4,095 characters.
    """

    index: int
    name: str
    macro: str
    words: int
    nbytes: int
    lines: tuple[str, ...]
    pieces: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class SectionView:
    """One entry of the generated section table."""

    name: str
    region: int
    offset: int
    nbytes: int
    crc: int


@dataclass(frozen=True, slots=True)
class ModelView:
    """Everything the templates print."""

    name: str
    macro: str
    tag: int
    inputs: tuple[FieldView, ...]
    scores: FieldView | None
    winner: str
    layers: tuple[LayerView, ...]
    headers: tuple[str, ...]
    arena_words: int
    scratch_words: int
    sums_words: int
    regions: tuple[RegionView, ...]
    sections: tuple[SectionView, ...]
    layout_id: str
    ecc: EccView | None
    real: bool
    classes: int
    golden_inputs: tuple[VectorView, ...]
    golden_scores: VectorView | None
    golden_classes: str
    golden_count: int


class _Places:
    """C expressions for every tensor of a program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        graph = program.final
        self.tile = tile_offsets(program)
        self.alias: dict[str, str] = {}
        for node in graph.nodes:
            if getattr(node.op, "ALIAS", False):
                self.alias[node.outputs[0]] = node.inputs[0]

    def root(self, tensor: str) -> str:
        """Return the tensor whose buffer this one shares."""
        while tensor in self.alias:
            tensor = self.alias[tensor]
        return tensor

    def arena_offset(self, tensor: str) -> int | None:
        """Return the byte offset in the arena, None for model inputs."""
        root = self.root(tensor)
        if root in self.program.final.inputs:
            return None
        offset = self.program.plan.offsets.get(root)
        if offset is None or offset % 8:
            raise InternalError(f"tensor {root} has no aligned place", got=str(offset))
        return offset

    def activation(self, tensor: str) -> str:
        """Return the expression of a tensor's buffer."""
        offset = self.arena_offset(tensor)
        if offset is None:
            position = self.program.final.inputs.index(self.root(tensor))
            return f"ctx->input->in{position}"
        return f"ctx->arena + {offset // 8}" if offset else "ctx->arena"

    def constant(self, tensor: str, layer: int) -> str:
        """Return the expression of a section, or of its place in the tile of a layer."""
        section = self.program.layout.by_const[tensor]
        if section.code:
            return in_sram(f"ctx->tile + {self.tile[layer, section.name] // 8}")
        region = self.program.layout.regions.index(section.region)
        return f"{self.program.name.upper()}_SECTION(ctx, {region}, {section.offset})"


def arena_offsets(program: Program) -> dict[str, int]:
    """Return the byte offset in the arena of every tensor a node writes, aliases included."""
    places = _Places(program)
    written = [tensor for node in program.final.nodes for tensor in node.outputs]
    offsets = ((tensor, places.arena_offset(tensor)) for tensor in written)
    return {tensor: offset for tensor, offset in offsets if offset is not None}


def kernel_op(node: Node) -> KernelOp:
    """Return the node's op as a kernel op. Raises InternalError for source ops."""
    if not isinstance(node.op, KernelOp):
        raise InternalError(f"'{node.op.name}' is not a kernel op", where=str(node.origin))
    return node.op


def in_sram(place: str) -> str:
    """Return a C expression of the address of an image for one of data memory (hyst/abi.h)."""
    return f"HYST_IN_SRAM({place})"


def _padded(items: list[str], wanted: int, null: str) -> list[str]:
    """Return C address arguments; kernels take ``null`` for those a node does not have."""
    return items + [null] * (wanted - len(items))


def _layers(program: Program, places: _Places) -> Iterator[tuple[LayerView, int]]:
    """Yield each layer with its sums table's length in bytes."""
    graph, sums_at = program.final, 0
    for index, node in enumerate(executed(graph, program.plan.steps)):
        layer, nbytes = _layer(program, places, node, index, sums_at)
        sums_at += align(nbytes)
        yield layer, align(nbytes)


def _layer(
    program: Program, places: _Places, node: Node, index: int, sums_at: int
) -> tuple[LayerView, int]:
    op = kernel_op(node)
    types = [program.final.types[tensor] for tensor in node.inputs]
    split = op.activation_count(*types)
    consts = [places.constant(tensor, index) for tensor in node.inputs[split:]]
    given = [places.activation(t) for t in node.inputs[:split]]
    arguments = _padded(given[: op.ACTIVATIONS[1]], op.ACTIVATIONS[1], "NULL")
    # What takes a constant's place is addressed like one.
    arguments += [in_sram(place) for place in given[op.ACTIVATIONS[1] :]]
    arguments += _padded(consts, op.CONSTANTS[1], "0")
    arguments += _padded([places.activation(t) for t in node.outputs], op.OUTPUTS[1], "NULL")
    sums: tuple[str, ...] = ()
    nbytes = op.sums_bytes(*types) if op.SUMS else 0
    if op.SUMS:
        table = f"ctx->sums + {sums_at // 8}" if nbytes else "NULL"
        arguments.append(table)
        steps = consts[1] if len(consts) > 1 else "0"
        numbers = _sums_arguments(op, types)
        sums = (consts[0], steps, *numbers, table) if nbytes else ()
    # Sums of decoded constants are made anew by each inference: the memory may change.
    codes = [program.layout.by_const[tensor].code for tensor in node.inputs[split:]]
    fetched = bool(sums) and any(codes)
    scratch = op.scratch_bytes(*types)
    if scratch > program.plan.scratch_bytes:
        raise InternalError("the plan's scratch is too small", where=op.name, wanted=str(scratch))
    arguments.append("ctx->scratch" if scratch else "NULL")
    symbol = f"{program.name}_layer_{index}"
    result = ", ".join(str(program.final.types[tensor]) for tensor in node.outputs)
    params = tuple((field, int(value)) for field, value in op.params(*types))
    view = LayerView(index, op.name, symbol, params, tuple(arguments), sums, fetched, result)
    return view, nbytes


def _sums_arguments(op: KernelOp, types: list[TensorType]) -> tuple[str, ...]:
    """Return t_type, steps, k, n, groups and ternary of ``hyst_sliced_sums``."""
    return tuple(str(value) for _, value in op.sums_params(*types))


def _field(name: str, type_: TensorType, source: str) -> FieldView:
    bits = type_.dtype in ("b1", "t2")
    nbytes = content_bytes(type_)
    count = nbytes // 8 if bits else type_.size
    meaning = _MEANING.get(type_.dtype, "row-major")
    is_float = type_.dtype == "f32"
    return FieldView(
        name, _C_TYPES[type_.dtype], count, str(type_), meaning, is_float, source
    )  # fmt: skip


def _regions(program: Program) -> Iterator[RegionView]:
    for index, region in enumerate(program.layout.regions):
        checked_suffix(region)
        data = program.images[region]
        lines = word_lines(data) or ("0u,",)
        words = max(len(data) // 4, 1)
        most = program.isa.largest_array_bytes
        pieces = _pieces(lines) if 0 < most < len(data) else ()
        yield RegionView(index, region, region.upper(), words, len(data), lines, pieces)


def _pieces(lines: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Return lines of C words as an assembler takes them, in groups of 32."""
    plain = tuple(line.replace("u", "").removesuffix(",") for line in lines)
    return tuple(plain[at : at + 32] for at in range(0, len(plain), 32))


def _section(program: Program, section: Section) -> SectionView:
    data = section_bytes(section, program.images)
    region = program.layout.regions.index(section.region)
    return SectionView(section.name, region, section.offset, len(data), zlib.crc32(data))


def _headers(
    layers: list[LayerView], inputs: tuple[FieldView, ...], ecc: EccView | None
) -> tuple[str, ...]:
    """Return the runtime headers the generated code includes, sorted."""
    found = {f"hyst/op_{layer.op}.h" for layer in layers} | set(ecc.headers if ecc else ())
    found.add("hyst/rom.h")
    if any(layer.sums for layer in layers):
        found.add("hyst/sliced_steps.h")
    if any(field.is_float for field in inputs):
        found.add("hyst/input.h")
    return tuple(sorted(found))


def _is_real(program: Program) -> bool:
    """Return whether any layer computes in binary32 (comparing does not count)."""
    ops = {node.op.name for node in executed(program.final, program.plan.steps)}
    computing = {op for op in ops if op.startswith("float_")} - {"float_step"}
    return bool(computing or "to_float" in ops)


def model_view(program: Program) -> ModelView:
    """Return the view of a program. Raises InternalError when its parts disagree."""
    checked_ident(program.name)
    graph, places = program.final, _Places(program)
    layers = list(_layers(program, places))
    if not layers:
        raise InternalError("a program needs at least one layer", where=program.name)
    inputs = tuple(
        _field(f"in{number}", graph.types[tensor], f"ctx->input->in{number}")
        for number, tensor in enumerate(graph.inputs)
    )
    output = program.output
    scores = None
    if output.scores is not None:
        scores = _field("scores", graph.types[output.scores], places.activation(output.scores))
    winner = places.activation(output.winner) if output.winner is not None else ""
    vectors, golden_scores, classes, count = golden_views(program)
    identity, ecc = program.layout.layout_id, ecc_view(program)
    return ModelView(
        name=program.name,
        macro=program.name.upper(),
        tag=int.from_bytes(identity[:4], "little") | 1,
        inputs=inputs,
        scores=scores,
        winner=winner,
        layers=tuple(layer for layer, _ in layers),
        headers=_headers([layer for layer, _ in layers], inputs, ecc),
        arena_words=max(align(program.plan.arena_bytes) // 8, 1),
        scratch_words=max(align(program.plan.scratch_bytes) // 8, 1),
        sums_words=sum(nbytes for _, nbytes in layers) // 8,
        regions=tuple(_regions(program)),
        sections=tuple(_section(program, section) for section in program.layout.sections),
        layout_id=", ".join(f"0x{byte:02x}" for byte in identity),
        ecc=ecc,
        real=_is_real(program),
        classes=output.classes,
        golden_inputs=vectors,
        golden_scores=golden_scores,
        golden_classes=classes,
        golden_count=count,
    )
