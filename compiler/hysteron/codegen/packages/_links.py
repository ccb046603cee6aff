"""Names of runtime functions and tables that let packages of several models link into one firmware.

Every package brings the runtime it needs. In a package each of them is weak, and its
name ends with a checksum of all files that it is made of: two packages share one copy of equal
code, and code of two versions (or of two instruction sets) never replaces the other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from hysteron.codegen.runtime_files import runtime_files

#: A prototype or the head of a definition at the left margin, and the name it declares.
FUNCTION = re.compile(
    r"^(?!static\b|typedef\b|return\b|extern\b)(?:[a-z]\w*[ *]+)+"
    r"(hyst_\w+)\(([^;{}()]*)\)(?=\s*([;{]))",
    re.MULTILINE,
)


#: The definition of a table that other files read.
TABLE = re.compile(r"^const [a-z]\w* (hyst_\w+)\[", re.MULTILINE)
_ATTRIBUTE = re.compile(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)\s*")


def stem(path: str, suffixes: Sequence[str]) -> str:
    """Return the name that all variants of a source share.

    >>> stem("src/op_step_portable.c", ("avx2",)), stem("src/crc32.c", ())
    ('op_step', 'crc32')
    """
    name = PurePosixPath(path).stem
    for suffix in (*suffixes, "portable"):
        if name.endswith(f"_{suffix}"):
            return name.removesuffix(f"_{suffix}")
    return name


def defined(source: str) -> tuple[str, ...]:
    """Return the runtime functions and tables that a source defines for others."""
    source = _ATTRIBUTE.sub("", source)
    functions = (name for name, _, end in FUNCTION.findall(source) if end == "{")
    return (*functions, *TABLE.findall(source))


def checksum(name: str, suffixes: Sequence[str]) -> str:
    """Return eight hex digits of the files that the source ``name`` is compiled and linked from."""
    digest = hashlib.sha256()
    for path, content in sorted(runtime_files([], [name], suffixes).items()):
        digest.update(f"{path} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:8]


def link_names(sources: Mapping[str, bytes], suffixes: Sequence[str]) -> dict[str, str]:
    """Return name -> its name in packages, for all functions and tables of runtime sources."""
    return {
        name: f"{name}_{checksum(stem(path, suffixes), suffixes)}"
        for path, content in sorted(sources.items())
        for name in defined(content.decode())
    }
