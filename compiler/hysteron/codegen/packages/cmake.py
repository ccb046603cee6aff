"""CMake project: a library target with tests, an example and an install rule."""

from __future__ import annotations

from hysteron.codegen.emit import Files
from hysteron.codegen.packages._library import below, c_sources, library
from hysteron.codegen.packages._project import Kind, Project


def _pack(project: Project) -> Files:
    code = library(project)
    return {
        **project.common(KIND),
        **below("src", code),
        "CMakeLists.txt": project.render("cmake/CMakeLists.txt.j2", sources=c_sources(code)),
        "cmake/selftest.c": project.render("selftest_main.c.j2"),
        f"examples/{project.name}_golden/golden.h": project.render("golden.h.j2"),
        f"examples/{project.name}_golden/main.c": project.render(
            "main.c.j2", entry="int main(void)"
        ),
    }


KIND = Kind(
    name="cmake",
    title="CMake project",
    pack=_pack,
    checked="configured, built, tested, installed and used from another project with CMake.",
    portable=False,
)
