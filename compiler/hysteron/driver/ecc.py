"""What --ecc asks for: a code for all sections, or codes by role and section."""

from __future__ import annotations

from hysteron.errors import InputError
from hysteron.image.layout import ROLES, ImageLayout
from hysteron.image.protection import AS_READ, code_named, protect

#: Leaves a part without a code.
NONE = "none"


def protected_layout(layout: ImageLayout, ecc: str | None, policy: str) -> ImageLayout:
    """Return the layout with the codes of "CODE" or "PART=CODE,...".

    PART is a role or a section; a section beats its role, and ``none`` is no code.
    Raises InputError, also for a policy that no code would use.
    """
    codes = parse_ecc(ecc, layout) if ecc is not None else {}
    if codes:
        return protect(layout, codes, policy)
    if policy != AS_READ:
        raise InputError("a policy needs an error-correcting code", got=policy, fix="add --ecc")
    return layout


def parse_ecc(text: str, layout: ImageLayout) -> dict[str, str]:
    """Return a code per protected data section. Raises InputError."""
    items = [item.strip() for item in text.split(",")]
    if len(items) == 1 and "=" not in items[0]:
        names = [section.name for section in layout.data_sections]
        return {} if items[0] == NONE else dict.fromkeys(names, code_named(items[0]).name)
    by_part: dict[str, str] = {}
    for item in items:
        part, _, name = (piece.strip() for piece in item.partition("="))
        if not part or not name or part in by_part:
            raise InputError(
                "not a choice of codes", got=item, wanted="CODE or PART=CODE,..., once each"
            )
        _check_part(part, layout)
        by_part[part] = NONE if name == NONE else code_named(name).name
    chosen = {s.name: by_part.get(s.name, by_part.get(s.role, NONE)) for s in layout.data_sections}
    return {name: code for name, code in chosen.items() if code != NONE}


def _check_part(part: str, layout: ImageLayout) -> None:
    if part == "checks":
        raise InputError("check bits have no code of their own", got=part)
    known = [section.name for section in layout.data_sections]
    if part not in ROLES and part not in known:
        raise InputError("no such role or section", got=part, wanted=", ".join([*ROLES, *known]))
