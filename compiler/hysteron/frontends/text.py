"""How text from an untrusted model file appears in messages."""

from __future__ import annotations

from typing import Final

SHOWN: Final = 60


def shown(text: str, limit: int = SHOWN) -> str:
    """Return ``text`` escaped to printable ASCII and cut to ``limit`` characters.

    >>> shown('a\\nb')
    'a\\\\nb'
    """
    head = text[: limit + 1]
    escaped = head.encode("unicode_escape", "backslashreplace").decode("ascii")
    return escaped if len(escaped) <= limit else f"{escaped[: limit - 3]}..."


def quoted(text: str) -> str:
    """Return ``shown(text)`` in single quotes."""
    return f"'{shown(text)}'"


def listed(names: list[str], limit: int = 4) -> str:
    """Return the first names, quoted, and how many more there are."""
    text = ", ".join(quoted(name) for name in names[:limit])
    return f"{text} and {len(names) - limit} more" if len(names) > limit else text
