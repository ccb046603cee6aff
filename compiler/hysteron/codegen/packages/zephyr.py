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
    checked="module and sample were built in a tree of Zephyr 3.3.0-rc3 for native_posix_64 and "
    "qemu_cortex_m3, and run there and in QEMU; module.yml was validated against the schema of a "
    "newer Zephyr. Newer trees and real boards were not tried.",
)
