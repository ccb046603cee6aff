"""CMSIS-Pack: a .pdsc description, and the .pack archive that tools install."""

from __future__ import annotations

from hysteron.codegen.emit import Files
from hysteron.codegen.packages._archive import zipped
from hysteron.codegen.packages._library import below, c_sources, headers, library
from hysteron.codegen.packages._project import Kind, Project

#: The vendor is part of a pack's identity: yours, once you publish it.
VENDOR = "hysteron"


def _pack(project: Project) -> Files:
    code = library(project)
    description = project.render(
        "cmsis-pack/pack.pdsc.j2", vendor=VENDOR, sources=c_sources(code), headers=headers(code)
    )
    files = {
        **project.common(KIND),
        **below("src", code),
        f"{VENDOR}.{project.name}.pdsc": description,
        "template/golden.h": project.render("golden.h.j2"),
        "template/golden_main.c": project.render("main.c.j2", entry="int main(void)"),
    }
    return {**files, f"{VENDOR}.{project.name}.{project.version}.pack": zipped(files)}


KIND = Kind(
    name="cmsis-pack",
    title="CMSIS-Pack",
    pack=_pack,
    checked="the .pdsc was validated against PACK.xsd, every file it names was found, and its "
    "sources were compiled together for Cortex-M4. It was not installed in an IDE.",
)
