"""Names and numbers in C: the only source of identifiers in emitted files.

Identifiers come from the model's file stem or the user's ``--name``, never from
strings inside a model.
"""

from __future__ import annotations

import re
from typing import Final

from hysteron.errors import InputError

#: Longest identifier stem; C99 promises 63 significant characters internally.
MAX_LENGTH: Final = 40

_KEYWORDS: Final = frozenset(
    """
    alignas alignof and and_eq asm atomic auto bitand bitor bool break case catch char class
    compl concept const consteval constexpr constinit const_cast continue co_await co_return
    co_yield decltype default delete do double dynamic_cast else enum explicit export extern
    false float for friend goto if inline int long mutable namespace new noexcept not not_eq
    nullptr operator or or_eq private protected public register reinterpret_cast requires
    restrict return short signed sizeof static static_assert static_cast struct switch template
    this thread_local throw true try typedef typeid typename typeof union unsigned using virtual
    void volatile wchar_t while xor xor_eq main errno stdin stdout stderr
    """.split()
)


def c_ident(text: str) -> str:
    """Return a safe lower-case C identifier made of ``[a-z0-9_]``.

    >>> c_ident("if"), c_ident("3d-Net (v2)"), c_ident("Digits.MLP")
    ('if_', 'm3d_net_v2', 'digits_mlp')
    """
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:MAX_LENGTH].strip("_")
    if not name:
        return "model"
    if name[0].isdigit() or name.startswith("hyst"):
        name = ("m" + name)[:MAX_LENGTH].strip("_")
    return name + "_" if name in _KEYWORDS else name


def checked_ident(name: str) -> str:
    """Return ``name`` if it is a name ``c_ident`` could give. Raises InputError."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or c_ident(name) != name:
        raise InputError(
            "not a usable name for C code", got=repr(name[:80]), wanted=f"like '{c_ident(name)}'"
        )
    return name


def checked_suffix(name: str) -> str:
    """Return ``name`` if it can end an identifier (a region's name). Raises InputError."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", name):
        raise InputError("not a usable region name", got=repr(name[:80]), wanted="like 'rram_0'")
    return name


def comment_text(text: str) -> str:
    """Return text that cannot leave a C comment or continue a line.

    >>> comment_text("a*/b??/ scale=1/255")
    'a* b  / scale=1/255'
    """
    kept = re.sub(r"[^A-Za-z0-9 _.,:;=+()\[\]{}<>@'\"*|/-]", " ", text)
    return re.sub(r"(?<=\*)/|/(?=\*)", " ", kept)
