"""One self-contained HTML page: figures inside, nothing from elsewhere, no script."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_STYLE: Final = (
    "body{font-family:system-ui,sans-serif;color:#222;max-width:62em;margin:2em auto;"
    "padding:0 1em;line-height:1.45}h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}"
    "img{max-width:100%;height:auto;display:block;margin:1em auto}"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.85em}"
    "td,th{padding:.25em .7em;text-align:right;border-bottom:1px solid #ddd;white-space:nowrap}"
    "th{border-bottom:2px solid #888;vertical-align:bottom}"
    "td:first-child,th:first-child{text-align:left}li{margin:.2em 0}"
)
#: The browser itself refuses anything that is not in the page.
_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Picture:
    """An SVG drawing and what it shows, in words."""

    svg: bytes
    alt: str


@dataclass(frozen=True)
class Table:
    """Texts in rows; the first column names the row."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Section:
    """A heading with paragraphs, pictures and a table."""

    heading: str
    paragraphs: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    table: Table | None = None


def report_page(title: str, sections: Sequence[Section], notes: Sequence[str]) -> bytes:
    """Return the page; every text is escaped."""
    body = "".join(map(_section, sections))
    listed = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<link rel="icon" href="data:,"><title>{html.escape(title)}</title>\n'
        f"<style>{_STYLE}</style></head>\n"
        f"<body><h1>{html.escape(title)}</h1>\n{body}"
        f"<h2>What the numbers mean</h2><ul>{listed}</ul></body></html>\n"
    ).encode()


def _section(section: Section) -> str:
    text = f"<h2>{html.escape(section.heading)}</h2>\n"
    text += "".join(f"<p>{html.escape(paragraph)}</p>\n" for paragraph in section.paragraphs)
    for picture in section.pictures:
        data = base64.b64encode(picture.svg).decode()
        alt = html.escape(picture.alt, quote=True)
        text += f'<img alt="{alt}" src="data:image/svg+xml;base64,{data}">\n'
    return text + (_table(section.table) if section.table else "")


def _table(table: Table) -> str:
    head = "".join(f"<th>{html.escape(column)}</th>" for column in table.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in row) + "</tr>\n"
        for row in table.rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{rows}</tbody></table></div>\n"
    )
