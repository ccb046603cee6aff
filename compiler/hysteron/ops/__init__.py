"""All operations, discovered: one module per op, module name == op name.

``source`` ops are what frontends produce (real-valued, batch axis first);
``kernel`` ops are what runtime_c executes (packed, no batch axis).
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Final

from hysteron.errors import InternalError
from hysteron.ir.op import Op

FAMILIES: Final = ("source", "kernel")


@cache
def registry(family: str) -> dict[str, type[Op]]:
    """Return name -> class of every op of a family ("source" or "kernel").

    Raises InternalError when a module does not define exactly one op of its
    own name. Modules starting with an underscore hold shared helpers.
    """
    package = importlib.import_module(f"hysteron.ops.{family}")
    found: dict[str, type[Op]] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        own = [
            value
            for value in vars(module).values()
            if isinstance(value, type)
            and issubclass(value, Op)
            and value.__module__ == module.__name__
            and value.name
        ]
        if len(own) != 1 or own[0].name != info.name:
            raise InternalError(
                f"want exactly one Op with name='{info.name}'", where=f"ops/{family}/{info.name}.py"
            )
        found[info.name] = own[0]
    return found
