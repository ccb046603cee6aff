"""One header file: declarations everywhere, the implementation where one file asks for it."""

from __future__ import annotations

from hysteron.codegen.emit import Files
from hysteron.codegen.packages._project import Kind, Project
from hysteron.codegen.packages._single import SingleFile


def _pack(project: Project) -> Files:
    single = SingleFile(project)
    header = project.render(
        "amalgamation/model.h.j2", public=single.public, implementation=single.implementation
    )
    return {**project.common(KIND), f"{project.name}.h": header}


KIND = Kind(
    name="amalgamation",
    title="single header file",
    pack=_pack,
    checked="compiled without a warning as C99 and as C++17 by gcc and clang, alone and with a "
    "second model in one file; self-test run.",
    portable=False,
)
