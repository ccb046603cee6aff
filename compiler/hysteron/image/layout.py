"""The image layout: which constant lies where in which memory region.

An image is the bytes of one region. All trained state is in images; no length,
index, pointer or type is, so every byte pattern has a meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Protocol, cast

from hysteron.errors import InputError, InternalError, UncorrectableError
from hysteron.image.encodings import Encoding, encoding
from hysteron.image.protection import (
    TRAP,
    data_images,
    decode_images,
    decoded_data,
    encoded_checks,
    protect,
    unprotected,
)
from hysteron.image.sections import (
    DEFAULT_REGION,
    ROLES,
    ImageLayout,
    Images,
    Section,
    check_images,
    section_bytes,
)
from hysteron.ir.graph import Graph, Node
from hysteron.ir.types import Array, TensorType

__all__ = [
    "DEFAULT_REGION",
    "ROLES",
    "ImageLayout",
    "Images",
    "Section",
    "build_image",
    "check_images",
    "constants_of",
    "executed",
    "plan_layout",
    "read_image",
    "rearrange",
    "recode",
    "relayout",
    "section_bytes",
]


class ConstantOp(Protocol):
    """What the layout asks of a kernel op."""

    name: ClassVar[str]

    def activation_count(self, *types: TensorType) -> int:
        """Return how many inputs are activations; constants follow."""

    def const_encodings(self, *types: TensorType) -> tuple[str, ...]:
        """Return one encoding name per constant input."""


def executed(graph: Graph, steps: Sequence[int]) -> tuple[Node, ...]:
    """Return the nodes that run code, in execution order: layer i is entry i.

    Ops marked ``ALIAS`` only rename a buffer and are left out.
    """
    nodes = (graph.nodes[number] for number in steps)
    return tuple(node for node in nodes if not getattr(node.op, "ALIAS", False))


def constants_of(node: Node, types: Mapping[str, TensorType]) -> tuple[tuple[str, str, str], ...]:
    """Return (tensor id, encoding name, role) of each constant input of a kernel node."""
    op = cast(ConstantOp, node.op)
    given = [types[tensor] for tensor in node.inputs]
    ids = node.inputs[op.activation_count(*given) :]
    names = op.const_encodings(*given)
    roles = [_role(op, number, names) for number in range(len(names))]
    return tuple(zip(ids, names, roles, strict=True))


def _role(op: ConstantOp, number: int, names: Sequence[str]) -> str:
    """Return the role of constant ``number``: weights come first in dense and conv ops."""
    if number == 0 and op.name.endswith(("_dense", "_conv")):
        return "weights"
    if names[number] == "bits":
        return "inverts"
    followed = number + 1 < len(names) and names[number + 1] == "bits"
    return "thresholds" if followed else "coefficients"


def plan_layout(
    graph: Graph, steps: Sequence[int], regions: Mapping[str, str] | None = None
) -> ImageLayout:
    """Lay out the constants of a kernel graph.

    ``steps`` is the execution order of the nodes; ``regions`` maps a role or a
    section name to a region, everything else goes to "main". A constant that
    several nodes read is stored once.
    """
    regions = regions or {}
    ends: dict[str, int] = {}
    placed: dict[str, Section] = {}
    for layer, node in enumerate(executed(graph, steps)):
        for draft in _sections(graph, node, layer):
            known = placed.get(draft.const)
            if known is not None:
                if known.encoding != draft.encoding:
                    raise InternalError(
                        f"constant {draft.const} is read in two encodings",
                        got=f"{known.encoding} and {draft.encoding}",
                        fix="give each reader its own constant",
                    )
                continue
            region = regions.get(draft.name, regions.get(draft.role, DEFAULT_REGION))
            offset = ends.get(region, 0)
            ends[region] = offset + draft.nbytes
            placed[draft.const] = replace(draft, region=region, offset=offset)
    return _ordered(ends, placed.values())


def _sections(graph: Graph, node: Node, layer: int) -> Iterator[Section]:
    """Yield the node's constants as sections without a place."""
    used: dict[str, int] = {}
    groups = getattr(node.op, "groups", 1)
    for const, name, role in constants_of(node, graph.types):
        count = used[role] = used.get(role, -1) + 1
        suffix = f"_{count}" if count else ""
        title = f"layer_{layer}_{role}{suffix}"
        code = encoding(name, groups)
        yield Section(title, role, layer, const, code, graph.types[const], "", 0)


def build_image(layout: ImageLayout, consts: Mapping[str, Array]) -> Images:
    """Return the bytes of every region. Every constant must fit its section's type."""
    parts: dict[str, bytes] = {}
    for section in layout.data_sections:
        if section.const not in consts:
            raise InternalError(f"no value for constant {section.const}", where=section.name)
        parts[section.name] = section.encoding.encode(consts[section.const], section.type)
    return _assembled(layout, parts)


def _assembled(layout: ImageLayout, parts: dict[str, bytes]) -> Images:
    """Return the images of data sections by name; missing check sections are encoded."""
    for section in layout.protected:
        checks = layout.checks_of(section.name)
        if checks[0].name not in parts:
            encoded = encoded_checks(section, parts[section.name])
            parts |= {c.name: data for c, data in zip(checks, encoded, strict=True)}
    return {
        region: b"".join(parts[section.name] for section in layout.in_region(region))
        for region in layout.regions
    }


def read_image(layout: ImageLayout, images: Mapping[str, bytes]) -> dict[str, Array]:
    """Return the constants that images mean, whatever their bytes are.

    Protected sections are decoded. Raises InputError when a region is missing or has
    another length, and UncorrectableError for words beyond their code under the policy "trap".
    """
    check_images(layout, images)
    found: dict[str, Array] = {}
    for section in layout.data_sections:
        data = section_bytes(section, images)
        if section.code:
            data, counts = decoded_data(layout, section, images)
            if counts.detected and section.policy == TRAP:
                raise UncorrectableError(
                    "words that the code cannot correct", where=section.name,
                    got=str(counts.detected), wanted="none under the policy 'trap'",
                )  # fmt: skip
        found[section.const] = section.encoding.decode(data, section.type)
    return found


def relayout(images: Mapping[str, bytes], source: ImageLayout, target: ImageLayout) -> Images:
    """Return the same cells in another layout: regions, order and encodings may differ.

    Every cell keeps its raw bits (a ternary 11 stays 11), so going back gives the
    same cells; padding is written as zero. Check cells move too, where both layouts
    use the same code and group the same cells into words. Raises InputError where
    they do not, and when the layouts do not hold the same constants.
    """
    check_images(source, images)
    _check_same_constants(source, target)
    parts: dict[str, bytes] = {}
    for section in target.data_sections:
        origin = source.by_const[section.const]
        moved = [(origin, section), *_moved_checks(source, origin, target, section)]
        for old, new in moved:
            raw = old.encoding.load(section_bytes(old, images), old.type)
            parts[new.name] = new.encoding.store(raw, new.type)
    return _assembled(target, parts)


def _check_same_constants(source: ImageLayout, target: ImageLayout) -> None:
    one, two = ({c: s.type for c, s in layout.by_const.items()} for layout in (source, target))
    if one != two:
        raise InputError("the layouts do not hold the same constants")


def _moved_checks(
    source: ImageLayout, origin: Section, target: ImageLayout, section: Section
) -> list[tuple[Section, Section]]:
    """Return the pairs of check sections whose cells mean the same."""
    olds, news = source.checks_of(origin.name), target.checks_of(section.name)
    # A copy is laid out like its data and moves cell by cell with it.
    copies = all(check.encoding == data.encoding for data, checks in
                 ((origin, olds), (section, news)) for check in checks)  # fmt: skip
    if origin.code == section.code and (copies or origin.encoding == section.encoding):
        return list(zip(olds, news, strict=True))
    if origin.code == section.code:
        what = "the check bits group other cells in this layout"
    else:
        what = "the layouts use different codes"
    raise InputError(
        what, where=section.name,
        got=f"{origin.code or 'no code'}, {origin.encoding.name}",
        wanted=f"{section.code or 'no code'}, {section.encoding.name}",
        fix="decode first: image.layout.recode moves corrected data and encodes it anew",
    )  # fmt: skip


def recode(images: Mapping[str, bytes], source: ImageLayout, target: ImageLayout) -> Images:
    """Return what images mean, decoded, in a layout that may use other codes or none.

    Detected words become what the source's policy says; what was corrected, and that
    something was detected, is no longer visible. Raises InputError as ``relayout``.
    """
    plain = relayout(
        data_images(source, decode_images(source, images).images),
        unprotected(source),
        unprotected(target),
    )
    parts = {s.name: section_bytes(s, plain) for s in unprotected(target).sections}
    return _assembled(target, parts)


def rearrange(
    layout: ImageLayout,
    encodings: Mapping[str, Encoding] | None = None,
    regions: Mapping[str, str] | None = None,
) -> ImageLayout:
    """Return a layout of the same constants packed anew.

    ``encodings`` and ``regions`` map a constant's id to its new encoding or
    region; what they leave out stays as it was. Codes stay, and check sections
    follow their data unless they lay apart.
    """
    encodings, regions = encodings or {}, regions or {}
    ends: dict[str, int] = {}
    placed = []
    for old in layout.data_sections:
        region = regions.get(old.const, old.region)
        code = encodings.get(old.const, old.encoding)
        new = replace(
            old, encoding=code, region=region, offset=ends.get(region, 0), code="", policy=""
        )
        ends[region] = new.offset + new.nbytes
        placed.append(new)
    return _protected_like(layout, _ordered(ends, placed))


def _protected_like(old: ImageLayout, plain: ImageLayout) -> ImageLayout:
    """Return ``plain`` with the codes of ``old``."""
    if not old.protected:
        return plain
    apart = {
        check.name: check.region
        for section in old.protected
        for check in old.checks_of(section.name)
        if check.region != section.region
    }
    codes = {section.name: section.code for section in old.protected}
    return protect(plain, codes, old.protected[0].policy, apart)


def _ordered(ends: Mapping[str, int], placed: Iterable[Section]) -> ImageLayout:
    """Return the layout of placed sections, regions in order of first use."""
    order = tuple(ends) or (DEFAULT_REGION,)
    return ImageLayout(order, tuple(sorted(placed, key=lambda item: order.index(item.region))))
