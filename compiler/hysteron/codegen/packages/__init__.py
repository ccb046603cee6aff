"""Packages: the C project in the layout that an ecosystem's users expect.

One module per kind, discovered: a new kind is a module here and its templates.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from functools import cache
from typing import Final

from hysteron.codegen.emit import Files, Measured
from hysteron.codegen.packages._project import RECORDS, Kind, Project
from hysteron.errors import InputError, InternalError
from hysteron.image.program import Program

#: Suffixes of kernels that no microcontroller has.
_DESKTOP: Final = ("avx2", "avx512", "neon")

#: Suffixes of the archives that packages hold.
ARCHIVES: Final = (".zip", ".pack")


@cache
def kinds() -> dict[str, Kind]:
    """Return name -> kind of package. Raises InternalError for a module that defines none."""
    found: dict[str, Kind] = {}
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda item: item.name):
        if info.name.startswith("_"):
            continue
        kind = getattr(importlib.import_module(f"{__name__}.{info.name}"), "KIND", None)
        if not isinstance(kind, Kind) or kind.name != info.name.replace("_", "-"):
            raise InternalError(
                "want KIND with the module's name", where=f"codegen/packages/{info.name}.py"
            )
        found[kind.name] = kind
    return found


def chosen(names: Sequence[str]) -> list[Kind]:
    """Return the kinds of these names, each once, in order. Raises InputError."""
    known = kinds()
    for name in names:
        if name not in known:
            raise InputError(f"unknown package '{name}'", wanted=", ".join(known))
    return [known[name] for name in dict.fromkeys(names)]


def check_packable(program: Program, names: Sequence[str]) -> list[Kind]:
    """Return the kinds of these names. Raises InputError where one cannot hold the kernels.

    Kinds for microcontrollers take no kernel of a desktop processor.
    """
    wanted = chosen(names)
    if wanted and program.options.get("serial"):
        raise InputError(
            "a package has no serial firmware",
            fix="leave one of --serial and --package out: the plain project holds the firmware",
        )
    desktop = set(_DESKTOP) & set(program.isa.kernel_suffixes)
    for kind in wanted:
        if desktop and kind.portable:
            raise InputError(
                f"{kind.title} with kernels for this machine's processor",
                where=program.target, got=", ".join(sorted(desktop)),
                fix="compile for a part or an instruction set of microcontrollers, or with "
                "-t host-portable",
            )  # fmt: skip
    return wanted


def emit_packages(
    program: Program, names: Sequence[str], measured: Measured | None = None
) -> Files:
    """Return path -> content of one package, or of several in folders named after their kinds.

    The program needs self-test vectors: every package has an example that runs one. Raises
    InputError for an unknown kind or one that cannot hold the program's kernels.
    """
    wanted = check_packable(program, names)
    project = Project(program, measured)
    packed = {kind.name: kind.pack(project) for kind in wanted}
    if len(wanted) == 1:
        return dict(sorted(packed[wanted[0].name].items()))
    files = {path: project.files[path] for path in RECORDS if path in project.files}
    for name, content in packed.items():
        files |= {f"{name}/{path}": data for path, data in content.items()}
    return dict(sorted(files.items()))


__all__ = ["ARCHIVES", "Kind", "Project", "check_packable", "chosen", "emit_packages", "kinds"]
