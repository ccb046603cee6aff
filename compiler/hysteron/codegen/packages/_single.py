"""Everything in one piece of C: a public part and an implementation with the runtime inside.

Runtime functions become static and tables are named after the model, so nothing can clash with
other firmware. Each runtime file keeps a guard: two models implemented in one C file share it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hysteron.codegen.packages._links import FUNCTION, TABLE, checksum, defined, stem
from hysteron.codegen.packages._project import Project

_QUOTED = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"[^\n]*\n', re.MULTILINE)
_SYSTEM = re.compile(r"^[ \t]*#[ \t]*include[ \t]+<[^>]+>[^\n]*\n", re.MULTILINE)
_LICENCE = re.compile(r"^/\* SPDX-License-Identifier: [^\n]* \*/\n", re.MULTILINE)
_GUARD = "hyst/float_guard.h"

#: What a header may hold beside types, and the part of it that is its contract.
_CODE = re.compile(rf"{FUNCTION.pattern}|^static inline\b|^[A-Z_]*INLINE\b", re.MULTILINE)
_CONTRACT = re.compile(r"^/\* cffi:begin \*/\n((?:.*\n)*?)/\* cffi:end \*/\n", re.MULTILINE)
_PROTOTYPE = re.compile(rf"(?:^/\*(?:(?!\*/)[\s\S])*\*/\n)?{FUNCTION.pattern}\s*;\n", re.MULTILINE)

#: What a source calls its own, and could clash with the same word in another source.
_OWN = (
    re.compile(r"^(?!typedef\b|return\b)(?:\w+[ *]+)+(\w+)\([^;{}()]*\)\s*\{", re.MULTILINE),
    re.compile(r"^static const [^;={(]*?\b(\w+)\[", re.MULTILINE),
    re.compile(r"^typedef (?:struct|union|enum) (\w+)", re.MULTILINE),
    re.compile(r"^enum \{([^}]*)\};", re.MULTILINE),
)
_MACRO = re.compile(r"^#define (\w+)", re.MULTILINE)

_BEGIN = """\
/* SPDX-License-Identifier: Apache-2.0 (hysteron's runtime, up to the functions of the model) */
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunused-function"
#elif defined(__GNUC__)
#pragma GCC push_options
#endif

/* No inlining across what are separate files elsewhere: code and stack stay those measured. */
#ifndef HYST_LOCAL
#if defined(__clang__)
#define HYST_LOCAL static __attribute__((unused, noinline))
#elif defined(__GNUC__)
#define HYST_LOCAL static __attribute__((unused, noinline, noclone))
#else
#define HYST_LOCAL static
#endif
#endif

"""

_END = """\
#if defined(__clang__)
#pragma clang diagnostic pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif
"""


class SingleFile:
    """The two parts of a project as text."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._files = {p: c.decode() for p, c in project.files.items() if p.endswith((".c", ".h"))}
        self._done: set[str] = set()
        self._types: dict[str, str] = {}
        sources = [text for path, text in self._files.items() if path.startswith("src/")]
        self._local = {name for text in sources for name in defined(text)}
        header = f"{project.name}.h"
        self.public = "".join(self._public(header))
        self.implementation = "".join(self._implementation())

    def _public(self, path: str) -> Iterator[str]:
        """Yield a header with its includes in place; of headers with functions only the types."""
        self._done.add(path)
        at, text = 0, _LICENCE.sub("", self._files[path])
        for found in _QUOTED.finditer(text):
            yield text[at : found.start()]
            at = found.end()
            yield from self._included(found[1])
        yield text[at:]

    def _included(self, path: str) -> Iterator[str]:
        if path in self._done or path in self._types:
            return
        if _CODE.search(self._files[path]):
            yield from self._types_of(path)
        else:
            yield from self._public(path)

    def _types_of(self, path: str) -> Iterator[str]:
        """Yield the contract of a header without its functions, under the header's own guard.

        The rest follows in the implementation: user code has no business with it.
        """
        text = self._files[path]
        types = "\n".join(_PROTOTYPE.sub("", block) for block in _CONTRACT.findall(text)).strip()
        self._types[path] = types
        yield "".join(found[0] for found in _SYSTEM.finditer(text))
        for inner in _QUOTED.findall(text):
            yield from self._included(inner)
        if types:
            guard = _guard_of(text)
            yield f"#ifndef {guard}\n#define {guard}\n{types}\n#endif\n"

    def _implementation(self) -> Iterator[str]:
        yield _BEGIN
        for path in sorted(p for p in self._files if p.startswith("src/")):
            for table in TABLE.findall(self._files[path]):
                yield f"#ifndef {table}\n#define {table} {self.project.name}_{table}\n#endif\n\n"
        if _GUARD in self._files:  # its pragma must stand before the functions it is for
            yield from self._header(_GUARD)
        for path in sorted(p for p in self._files if p.startswith("hyst/")):
            yield from self._header(path)
        for path in sorted(p for p in self._files if p.startswith("src/")):
            yield from self._source(path)
        for path in (f"{self.project.name}.c", f"{self.project.name}_image.c"):
            yield self._without_includes(path).lstrip("\n")
            yield "\n"
        yield _END

    def _without_includes(self, path: str) -> str:
        """Return a file without banner, licence line and the includes of what is in place."""
        text = _LICENCE.sub("", self._files[path])
        if not path.startswith(("hyst/", "src/")):
            text = text.partition("\n")[2]
        return _QUOTED.sub("", text)

    def _header(self, path: str) -> Iterator[str]:
        """Yield a runtime header after those it includes, its functions static."""
        if path in self._done:
            return
        self._done.add(path)
        at, text = 0, _LICENCE.sub("", self._files[path])
        if self._types.get(path):
            guard = _guard_of(text)
            text = re.sub(rf"\b{guard}\b", f"{guard}_CODE", _CONTRACT.sub(_functions, text))
        for found in _QUOTED.finditer(text):
            # What a header includes stands where it asks for it: a guard may have work to do first.
            yield self._localised(text[at : found.start()])
            at = found.end()
            yield from self._header(found[1])
        yield self._localised(text[at:]) + "\n"

    def _source(self, path: str) -> Iterator[str]:
        """Yield a runtime source under a guard, with names of its own for what it keeps to itself.

        The guard's value is the checksum of the source: two versions in one file are an error.
        """
        suffixes = self.project.suffixes
        name, text = stem(path, suffixes), self._without_includes(path)
        macros = sorted(set(_MACRO.findall(text)))
        own = sorted(_own_names(text) - set(macros) - set(defined(text)))
        guard, value = f"HYST_BODY_{name.upper()}", f"0x{checksum(name, suffixes)}"
        yield f"#ifndef {guard}\n#define {guard} {value}\n"
        yield from (f"#define {word} hyst_{name}_{word}\n" for word in own)
        yield self._localised(text.rstrip("\n")) + "\n"
        yield from (f"#undef {word}\n" for word in sorted({*own, *macros}))
        yield f"#elif {guard} != {value}\n"
        yield '#error "two versions of the hysteron runtime: implement these models in two files"\n'
        yield "#endif\n\n"

    def _localised(self, text: str) -> str:
        """Return the text with functions static, as far as a source here defines them."""

        def local(found: re.Match[str]) -> str:
            return f"HYST_LOCAL {found[0]}" if found[1] in self._local else found[0]

        return FUNCTION.sub(local, text)


def _guard_of(header: str) -> str:
    found = re.search(r"^#ifndef (HYST_\w+_H)$", header, re.MULTILINE)
    assert found is not None
    return found[1]


def _functions(contract: re.Match[str]) -> str:
    """Return the prototypes of a contract, with their comments."""
    return "".join(found[0] for found in _PROTOTYPE.finditer(contract[0]))


def _own_names(text: str) -> set[str]:
    """Return the words at file level that other sources might use as well."""
    static, table, record, constants = _OWN
    words = {*static.findall(text), *table.findall(text), *record.findall(text)}
    for listed in constants.findall(text):
        words |= {item.split("=")[0].strip() for item in listed.split(",")}
    return {word for word in words if not word.startswith(("hyst_", "HYST_")) and word}
