"""Parts of an image that the command line names: roles, sections, and the check bits with them."""

from __future__ import annotations

from hysteron.errors import InputError
from hysteron.image.layout import ImageLayout, Section


def parts_of(layout: ImageLayout, section: Section) -> tuple[str, ...]:
    """Return the parts a section belongs to, the closest first: check bits go with their data."""
    own = (section.name, section.role)
    if not section.protects:
        return own
    data = layout.section(section.protects)
    return (*own, data.name, data.role)


def select_sections(layout: ImageLayout, only: str | None) -> tuple[str, ...]:
    """Return the sections of a role, one section by name, or all, each with its check bits.

    Raises InputError.
    """
    chosen = tuple(s.name for s in layout.sections if only is None or only in parts_of(layout, s))
    if not chosen:
        known = sorted({s.role for s in layout.sections}) + [s.name for s in layout.sections]
        raise InputError("no such role or section", got=str(only), wanted=", ".join(known))
    return chosen
