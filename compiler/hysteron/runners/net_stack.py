"""The stack that the functions of a generated program need, from a linked file with all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hysteron.codegen.views import ModelView
from hysteron.runners.stack import StackBound, stack_bounds

#: Functions that every program has; the rest depends on the network.
_ALWAYS = ("run", "init", "begin", "step", "result", "check_image", "open")


@dataclass(frozen=True, slots=True)
class NetStack:
    """A proven bound per function of the program, by the name behind the program's."""

    functions: Mapping[str, StackBound]

    @property
    def deepest(self) -> StackBound:
        """The largest bound; the first that is missing where one is."""
        bounds = self.functions.values()
        missing = next((one for one in bounds if one.nbytes is None), None)
        return missing or max(bounds, key=lambda one: one.nbytes or 0)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form: bytes or why not, the deepest chain, what a callback adds to."""
        deepest = self.deepest
        found: dict[str, Any] = {
            "bytes": deepest.nbytes,
            "functions": {name: one.nbytes for name, one in self.functions.items()},
            "chain": [{"name": name, "bytes": size} for name, size in deepest.chain],
        }
        if deepest.nbytes is None:
            found["reason"] = deepest.reason
        for name, one in self.functions.items():
            if one.callback:
                found["callback"] = {"function": name, "called_at_bytes": one.callback_depth}
        return found


def api_functions(view: ModelView) -> tuple[str, ...]:
    """Return the program's functions, without its name; the self-test is for test builds."""
    more = (*(("predict",) if view.winner else ()), *(("ecc", "scrub") if view.ecc else ()))
    return (*_ALWAYS, *more)


def net_stack(elf: Path, view: ModelView) -> NetStack:
    """Return the bounds of a program in a linked file that holds all its functions."""
    names = {f"{view.name}_{name}": name for name in api_functions(view)}
    bounds = stack_bounds(elf, tuple(names))
    return NetStack({names[symbol]: bound for symbol, bound in bounds.items()})
