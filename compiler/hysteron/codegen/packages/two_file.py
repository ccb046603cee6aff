"""Two files to drop into any project: NAME.h and NAME.c, the runtime inside and static."""

from __future__ import annotations

from hysteron.codegen.emit import Files
from hysteron.codegen.packages._project import Kind, Project
from hysteron.codegen.packages._single import SingleFile


def _pack(project: Project) -> Files:
    single, name = SingleFile(project), project.name
    banner = single.public.partition("\n")[0]
    return {
        **project.common(KIND),
        f"{name}.h": single.public.encode(),
        f"{name}.c": f'{banner}\n#include "{name}.h"\n\n{single.implementation}'.encode(),
    }


KIND = Kind(
    name="two-file",
    title="two-file drop-in",
    pack=_pack,
    checked="compiled without a warning as C99 and as C++17 by gcc and clang; self-test run.",
    portable=False,
)
