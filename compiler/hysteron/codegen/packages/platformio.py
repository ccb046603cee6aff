"""PlatformIO library: library.json, src/ and an example project."""

from __future__ import annotations

import json

from hysteron.codegen.emit import Files
from hysteron.codegen.packages._library import below, library
from hysteron.codegen.packages._project import Kind, Project


def _pack(project: Project) -> Files:
    name = project.name
    example = f"examples/{name}_golden"
    return {
        **project.common(KIND),
        **below("src", library(project)),
        "library.json": _manifest(project, example),
        f"{example}/platformio.ini": project.render("platformio/platformio.ini.j2"),
        f"{example}/src/golden.h": project.render("golden.h.j2"),
        f"{example}/src/main.cpp": project.render("platformio/main.cpp.j2"),
    }


def _manifest(project: Project, example: str) -> bytes:
    manifest = {
        "name": project.name,
        "version": project.version,
        "description": f"Binarized network, compiled by hysteron for {project.program.target}",
        "keywords": ["neural network", "binarized", "machine learning"],
        "license": "Apache-2.0",
        "frameworks": "*",
        "platforms": "*",
        "headers": f"{project.name}.h",
        "build": {"srcDir": "src", "includeDir": "src", "flags": list(project.tuning)},
        "examples": [
            {
                "name": f"{project.name}_golden",
                "base": example,
                "files": ["platformio.ini", "src/main.cpp", "src/golden.h"],
            }
        ],
    }
    return (json.dumps(manifest, indent=2) + "\n").encode()


KIND = Kind(
    name="platformio",
    title="PlatformIO library",
    pack=_pack,
    checked="'pio pkg pack' accepts it, and library and example were compiled and run on the "
    "developers' machine without PlatformIO; 'pio run' was not tried (it downloads platforms).",
)
