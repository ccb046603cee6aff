"""The C of a package as several files below one folder, safe to link with other packages."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from hysteron.codegen.emit import Files
from hysteron.codegen.packages._links import defined, link_names
from hysteron.codegen.packages._project import Project

_INCLUDE = re.compile(rb'^([ \t]*#[ \t]*include[ \t]+")hyst/(?:[a-z0-9_]+/)*', re.MULTILINE)
_LINK = "hyst/link.h"


def library(project: Project) -> Files:
    """Return NAME.h, NAME.c, NAME_image.c and hyst/: the runtime, sources beside headers.

    Every include finds the file beside the one that asks, so that packages with other
    versions of the runtime on the include path do no harm.
    """
    name, runtime = project.name, project.runtime
    sources = {p: c for p, c in runtime.items() if p.endswith(".c")}
    names = link_names(sources, project.suffixes)
    files = {f"{name}.h": project.files[f"{name}.h"], _LINK: _link_header(names)}
    for path in (f"{name}.c", f"{name}_image.c"):
        files[path] = f'#include "{_LINK}"\n'.encode() + project.files[path]
    for path, content in runtime.items():
        content = _INCLUDE.sub(rb"\1", content)
        if path in sources:
            weak = [names[function] for function in defined(sources[path].decode())]
            content = _source_head(weak) + content
        files[f"hyst/{PurePosixPath(path).name}"] = content
    return dict(sorted(files.items()))


def below(folder: str, files: Files) -> Files:
    """Return the files with ``folder`` in front of their paths."""
    return {f"{folder}/{path}": content for path, content in files.items()}


def c_sources(files: Files) -> list[str]:
    """Return the paths of C files, those of the model first."""
    return sorted((p for p in files if p.endswith(".c")), key=lambda p: ("hyst/" in p, p))


def headers(files: Files) -> list[str]:
    """Return the paths of headers, sorted."""
    return sorted(p for p in files if p.endswith(".h"))


def _link_header(names: dict[str, str]) -> bytes:
    lines = [
        "/* SPDX-License-Identifier: Apache-2.0 */",
        "/* Names end with a checksum of the code behind them: packages of several models share",
        " * one copy of equal runtime code (all of it is weak), and never take another's. */",
        "#ifndef HYST_LINK_H",
        "#define HYST_LINK_H",
        "",
        *(f"#define {function} {name}" for function, name in sorted(names.items())),
        "",
        "#endif",
    ]
    return ("\n".join(lines) + "\n").encode()


def _source_head(weak: list[str]) -> bytes:
    pragmas = "".join(f"#pragma weak {name}\n" for name in weak)
    return f'#include "link.h"\n#if defined(__GNUC__)\n{pragmas}#endif\n'.encode()
