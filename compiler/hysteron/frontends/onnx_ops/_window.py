"""Windows of convolutions and poolings: auto_pad, ceil_mode and attribute checks."""

from __future__ import annotations

from dataclasses import dataclass

from hysteron.frontends.onnx_node import NodeView
from hysteron.frontends.value import Value


@dataclass(frozen=True, slots=True)
class Window:
    """Per spatial axis; ``pads`` are the begins, then the ends."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]

    def extent(self, axis: int) -> int:
        """Return the number of inputs the dilated kernel spans."""
        return (self.kernel[axis] - 1) * self.dilations[axis] + 1


def read_window(node: NodeView, x: Value, kernel: tuple[int, ...] | None = None) -> Window:
    """Return the node's window over ``x`` (1, C, spatial...), auto_pad resolved.

    ``kernel`` is the size the weights have, None for poolings. Raises
    UnsupportedError for 3-D windows, ModelError for impossible attributes.
    """
    spatial = x.rank - 2
    if spatial not in (1, 2):
        raise node.unsupported(
            "only one- and two-dimensional windows", got=f"input {list(x.shape)}"
        )
    given = node.integers("kernel_shape")
    size = tuple(given) if given is not None else kernel
    if size is None or (kernel is not None and size != kernel):
        raise node.damaged("kernel_shape is missing or differs from the weights", got=str(given))
    strides = _positive(node, "strides", spatial)
    dilations = _positive(node, "dilations", spatial)
    if len(size) != spatial or min(size) < 1:
        raise node.damaged("kernel_shape does not fit the input", got=str(size))
    window = Window(size, strides, (0,) * (2 * spatial), dilations)
    return Window(size, strides, _pads(node, x, window), dilations)


def ceil_pads(window: Window, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return pads whose plain (floor) pooling has the outputs of ceil_mode.

    A last window that would start in the end padding is left out, as ONNX and
    PyTorch define.
    """
    ends = []
    spatial = len(window.kernel)
    for axis in range(spatial):
        begin, end = window.pads[axis], window.pads[axis + spatial]
        size, stride, extent = shape[2 + axis], window.strides[axis], window.extent(axis)
        out = -(-(size + begin + end - extent) // stride) + 1
        if (out - 1) * stride >= size + begin:
            out -= 1
        ends.append(max(end, (out - 1) * stride + extent - size - begin))
    return window.pads[:spatial] + tuple(ends)


def _positive(node: NodeView, name: str, spatial: int) -> tuple[int, ...]:
    given = node.integers(name)
    values = (1,) * spatial if given is None else tuple(given)
    if len(values) != spatial or min(values) < 1:
        raise node.damaged(f"{name} must be {spatial} positive numbers", got=str(given))
    return values


def _pads(node: NodeView, x: Value, window: Window) -> tuple[int, ...]:
    spatial = len(window.kernel)
    given = node.integers("pads")
    mode = node.text("auto_pad", "NOTSET")
    if mode in ("NOTSET", ""):
        pads = (0,) * (2 * spatial) if given is None else tuple(given)
        if len(pads) != 2 * spatial or min(pads) < 0:
            raise node.damaged(f"pads must be {2 * spatial} numbers >= 0", got=str(given))
        return pads
    if mode == "VALID":
        return (0,) * (2 * spatial)
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise node.damaged(
            "unknown auto_pad", got=mode[:40], wanted="SAME_UPPER, SAME_LOWER, VALID"
        )
    totals = []
    for axis in range(spatial):
        size, stride = x.shape[2 + axis], window.strides[axis]
        out = -(-size // stride)
        totals.append(max(0, (out - 1) * stride + window.extent(axis) - size))
    small = tuple(total // 2 for total in totals)
    large = tuple(total - half for total, half in zip(totals, small, strict=True))
    return small + large if mode == "SAME_UPPER" else large + small
