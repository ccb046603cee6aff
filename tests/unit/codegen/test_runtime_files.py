"""The runtime files of a project: closed under includes, best variant first."""

from __future__ import annotations

from pathlib import Path

import pytest

from hysteron.codegen import runtime_files as module
from hysteron.codegen.runtime_files import abi_number, runtime_files
from hysteron.errors import InternalError


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "include" / "hyst").mkdir(parents=True)
    (tmp_path / "src").mkdir()
    monkeypatch.setattr(module, "asset_dir", lambda kind: tmp_path)
    return tmp_path


def _write(root: Path, **files: str) -> None:
    for name, text in files.items():
        stem, _, suffix = name.rpartition("_")
        folder = root / "include" / "hyst" if suffix == "h" else root / "src"
        (folder / f"{stem}.{suffix}").write_text(text)


def test_headers_bring_their_sources_and_includes_along(runtime: Path) -> None:
    _write(runtime, op_a_h='#include "hyst/b.h"\n', b_h="", unused_h="", unused_c="")
    _write(
        runtime, op_a_portable_c='# include "hyst/op_a.h"\n#include "hyst/c.h"\n', b_c="", c_h=""
    )
    found = runtime_files(["hyst/op_a.h"], [], ())
    assert sorted(found) == [
        "hyst/b.h",
        "hyst/c.h",
        "hyst/op_a.h",
        "src/b.c",
        "src/op_a_portable.c",
    ]


def test_the_first_suffix_that_exists_wins(runtime: Path) -> None:
    _write(runtime, op_a_portable_c="", op_a_avx2_c="", op_b_portable_c="")
    assert list(runtime_files([], ["op_a", "op_b"], ("avx2", "portable"))) == [
        "src/op_a_avx2.c",
        "src/op_b_portable.c",
    ]
    assert list(runtime_files([], ["op_a"], ("portable",))) == ["src/op_a_portable.c"]


def test_a_source_that_does_not_exist_is_our_bug(runtime: Path) -> None:
    with pytest.raises(InternalError, match="the runtime has no source 'op_x'"):
        runtime_files([], ["op_x"], ())
    _write(runtime, a_h='#include "hyst/gone.h"\n')
    with pytest.raises(InternalError, match=r"runtime file is missing: gone\.h"):
        runtime_files(["hyst/a.h"], [], ())


def test_the_abi_number_is_read_from_the_header(runtime: Path) -> None:
    _write(runtime, abi_h="#define HYST_ABI 42\n")
    assert abi_number() == 42
    _write(runtime, abi_h="")
    with pytest.raises(InternalError, match="does not define HYST_ABI"):
        abi_number()
