"""Arduino library: the folder, and the same as a zip file for the library manager."""

from __future__ import annotations

import re

from hysteron.codegen.emit import Files
from hysteron.codegen.packages._archive import zipped
from hysteron.codegen.packages._library import below, library
from hysteron.codegen.packages._project import Kind, Project


def _pack(project: Project) -> Files:
    name, example = project.name, f"examples/{project.name}_golden/{project.name}_golden"
    code = library(project)
    # Names that begin with "arduino" are reserved for the vendor's own libraries.
    title = f"model_{name}" if name.startswith("arduino") else name
    files = {
        **project.common(KIND),
        **below("src", code),
        "library.properties": project.render("arduino/library.properties.j2", title=title),
        "keywords.txt": _keywords(name, code[f"{name}.h"].decode()),
        f"{example}.ino": project.render("arduino/example.ino.j2"),
        f"{example.rpartition('/')[0]}/golden.h": project.render("golden.h.j2"),
    }
    return {**files, f"{name}.zip": zipped(files, name)}


def _keywords(name: str, header: str) -> bytes:
    """Return what the editor colours: types and functions, one tab between the columns."""
    types = sorted(set(re.findall(rf"^typedef struct ({name}_\w+)", header, re.MULTILINE)))
    functions = sorted(set(re.findall(rf"^\w[\w ]* ({name}_\w+)\(", header, re.MULTILINE)))
    lines = [f"{word}\tKEYWORD1" for word in types] + [f"{word}\tKEYWORD2" for word in functions]
    return ("\n".join(lines) + "\n").encode()


KIND = Kind(
    name="arduino",
    title="Arduino library",
    pack=_pack,
    checked="the example was built with Debian's arduino-builder for an AVR board and run in "
    "simavr; its serial output is the golden result. Other boards were not tried.",
)
