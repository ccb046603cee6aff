"""The page of a campaign: escaped, alone, whole."""

from __future__ import annotations

from hysteron.campaign.report import Picture, Section, Table, report_page

_EVIL = "<script>alert('&\"')</script>"


def test_every_text_is_escaped() -> None:
    table = Table([_EVIL], [[_EVIL]])
    section = Section(_EVIL, [_EVIL], [Picture(b"<svg/>", _EVIL)], table)
    page = report_page(_EVIL, [section], [_EVIL]).decode()
    assert "<script" not in page and page.count("&lt;script&gt;") == 8


def test_pictures_are_inside_and_nothing_is_fetched() -> None:
    page = report_page("t", [Section("h", pictures=[Picture(b"<svg/>", "alt")])], []).decode()
    assert 'src="data:image/svg+xml;base64,PHN2Zy8+"' in page
    assert "default-src 'none'" in page and "http:" not in page and "https:" not in page
