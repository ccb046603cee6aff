"""Makefile project: a static library, its self-test, an example and an install rule."""

from __future__ import annotations

from hysteron.codegen.emit import Files
from hysteron.codegen.packages._library import below, c_sources, headers, library
from hysteron.codegen.packages._project import Kind, Project


def _pack(project: Project) -> Files:
    code = library(project)
    return {
        **project.common(KIND),
        **below("src", code),
        "Makefile": project.render(
            "makefile/Makefile.j2", sources=c_sources(code), headers=headers(code)
        ),
        "selftest.c": project.render("selftest_main.c.j2"),
        f"examples/{project.name}_golden/golden.h": project.render("golden.h.j2"),
        f"examples/{project.name}_golden/main.c": project.render(
            "main.c.j2", entry="int main(void)"
        ),
    }


KIND = Kind(
    name="makefile",
    title="Makefile project",
    pack=_pack,
    checked="built, tested and installed with make.",
    portable=False,
)
