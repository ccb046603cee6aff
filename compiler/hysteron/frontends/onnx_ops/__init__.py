"""ONNX spellings of the source ops: one small function for each ONNX operator.

A function is found by its decorator; adding a spelling edits no list. It gets a
``NodeView`` (the node, checked attributes, input values) and the ``Emitter``
(the graph under construction) and returns the value of each output in order.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from hysteron.errors import InternalError

if TYPE_CHECKING:
    from hysteron.frontends.emitter import Emitter
    from hysteron.frontends.onnx_node import NodeView
    from hysteron.frontends.value import Value

Spelling: TypeAlias = "Callable[[NodeView, Emitter], Value | tuple[Value, ...]]"

_spellings: dict[tuple[str, str], Spelling] = {}


def onnx_op(*op_types: str, domains: tuple[str, ...] = ("",)) -> Callable[[Spelling], Spelling]:
    """Register a function as the spelling of ``op_types`` in each of ``domains``."""

    def register(function: Spelling) -> Spelling:
        for key in ((domain, op_type) for domain in domains for op_type in op_types):
            if _spellings.setdefault(key, function) is not function:
                raise InternalError(f"two spellings of {key}", where=function.__module__)
        return function

    return register


@cache
def spellings() -> dict[tuple[str, str], Spelling]:
    """Return (domain, op type) -> function, from every module of this package."""
    for info in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{info.name}")
    return _spellings
