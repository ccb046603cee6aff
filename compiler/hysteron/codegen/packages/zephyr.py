"""Zephyr module: zephyr/module.yml with its CMake and Kconfig files, and a sample for twister."""

from __future__ import annotations

from hysteron.codegen.emit import Files
from hysteron.codegen.packages._library import below, c_sources, library
from hysteron.codegen.packages._project import Kind, Project


def _pack(project: Project) -> Files:
    code = library(project)
    sample = f"samples/{project.name}_golden"
    return {
        **project.common(KIND),
        **below("src", code),
        "zephyr/module.yml": project.render("zephyr/module.yml.j2"),
        "zephyr/CMakeLists.txt": project.render(
            "zephyr/CMakeLists.txt.j2", sources=c_sources(code)
        ),
        "zephyr/Kconfig": project.render("zephyr/Kconfig.j2"),
        f"{sample}/CMakeLists.txt": project.render("zephyr/sample.CMakeLists.txt.j2"),
        f"{sample}/prj.conf": project.render("zephyr/prj.conf.j2"),
        f"{sample}/sample.yaml": project.render("zephyr/sample.yaml.j2"),
        f"{sample}/src/golden.h": project.render("golden.h.j2"),
        f"{sample}/src/main.c": project.render("main.c.j2", entry="int main(void)"),
    }


KIND = Kind(
    name="zephyr",
    title="Zephyr module",
    pack=_pack,
    checked="module.yml was validated against Zephyr's schema and Kconfig parsed by kconfiglib; "
    "CMake built module and sample for the developers' machine with stand-ins for Zephyr's "
    "commands. It was not built in a Zephyr tree.",
)
