"""Identifiers and comments: nothing a model says can become code."""

from __future__ import annotations

import doctest
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hysteron.codegen import names
from hysteron.codegen.names import c_ident, checked_ident, checked_suffix, comment_text
from hysteron.errors import InputError


@given(st.text(max_size=100))
def test_every_text_gives_a_safe_identifier(text: str) -> None:
    name = c_ident(text)
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name)
    assert checked_ident(name) == name


@pytest.mark.parametrize("word", ["int", "class", "template", "main", "Restrict", "co_await"])
def test_keywords_of_c_and_cpp_are_avoided(word: str) -> None:
    assert c_ident(word) == word.lower() + "_"


@pytest.mark.parametrize("text", ["", "a b", "3d", "Net", "int", "x" * 99, "hyst_net", "a__b"])
def test_names_that_are_not_identifiers_are_refused_with_a_proposal(text: str) -> None:
    with pytest.raises(InputError, match="not a usable name for C code"):
        checked_ident(text)


def test_region_names_are_checked() -> None:
    assert checked_suffix("main") == "main"
    with pytest.raises(InputError, match="not a usable region name"):
        checked_suffix("a*/")


@given(st.text())
def test_comments_cannot_be_left(text: str) -> None:
    safe = comment_text(text)
    assert "*/" not in safe and "/*" not in safe and "\n" not in safe and "\\" not in safe
    assert "??" not in safe and safe.isascii()


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(names).failed == 0 and doctest.testmod(names).attempted >= 2
