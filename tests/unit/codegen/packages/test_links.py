"""Names of runtime functions in packages: all of them, and one name for one piece of code."""

from __future__ import annotations

import doctest
import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest

from hysteron._assets import asset_dir
from hysteron.codegen import runtime_files
from hysteron.codegen.packages import _links
from hysteron.codegen.packages._links import checksum, defined, link_names, stem
from hysteron.codegen.runtime_files import find_source, source_text
from hysteron.targets import load_isa


@pytest.mark.parametrize(("isa", "nm"), [("host-portable", "nm"), ("avr6", "avr-nm")])
def test_every_function_of_the_runtime_is_found(isa: str, nm: str, tmp_path: Path) -> None:
    """Those of a core with kernels in assembly as well."""
    root, first = asset_dir("runtime_c"), load_isa(isa).compilers[0]
    if shutil.which(nm) is None or shutil.which(first.command[0]) is None:
        pytest.skip(f"no {first.command[0]}")
    isas = [load_isa(path.stem) for path in (asset_dir("targets") / "isa").glob("*.toml")]
    known = tuple({suffix for one in isas for suffix in one.kernel_suffixes})
    stems = {stem(path.name, known) for path in (root / "src").glob("*.c")}
    found = {find_source(root, name, load_isa(isa).kernel_suffixes) for name in stems} - {None}
    sources = [root / str(path) for path in sorted(map(str, found))]
    flags = [flag for flag in first.flags if flag.startswith("-m")]
    run = partial(subprocess.run, cwd=tmp_path, check=True, capture_output=True, text=True)
    include = ["-std=c99", "-O0", f"-I{root / 'include'}", f"-I{root / 'freestanding'}"]
    run([first.command[0], *flags, *include, "-c", *map(str, sources)])
    listed = run([nm, *(str(path) for path in tmp_path.glob("*.o"))]).stdout
    external = re.findall(r"^[0-9a-f]+ [A-TV-Z] (\S+)$", listed, re.MULTILINE)
    names = [name for path in sources for name in defined(source_text(path).decode())]
    assert sorted(names) == sorted(external) and len(names) > 40


def test_prototypes_and_static_functions_are_not_definitions() -> None:
    text = (
        "void hyst_a(int x);\nstatic void hyst_b(void)\n{\n}\nint hyst_c(int a,\n    int b)\n{\n}\n"
    )
    text += "extern const int hyst_d[2];\nstatic const int hyst_e[] = {1};\nconst int hyst_f[2];\n"
    text += '__attribute__((section(".x"))) int hyst_g(int a __attribute__((unused)))\n{\n}\n'
    assert defined(text) == ("hyst_c", "hyst_g", "hyst_f")


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "include" / "hyst").mkdir(parents=True)
    (tmp_path / "src").mkdir()
    for name, text in (("a", '#include "hyst/b.h"\n'), ("b", ""), ("c", "")):
        (tmp_path / f"include/hyst/{name}.h").write_text(text)
        source = f'#include "hyst/{name}.h"\nint hyst_{name}(void)\n{{\n    return 1;\n}}\n'
        (tmp_path / f"src/{name}_portable.c").write_text(source)
    monkeypatch.setattr(runtime_files, "asset_dir", lambda kind: tmp_path)
    return tmp_path


@pytest.mark.parametrize("changed", ["include/hyst/b.h", "src/b_portable.c"])
def test_a_name_changes_with_any_file_behind_it_and_with_no_other(
    runtime: Path, changed: str
) -> None:
    before = {name: checksum(name, ()) for name in "abc"}
    (runtime / changed).write_text((runtime / changed).read_text() + "/* */\n")
    after = {name: checksum(name, ()) for name in "abc"}
    assert {name for name in "abc" if before[name] != after[name]} == {"a", "b"}


def test_a_variant_for_another_processor_has_another_name(runtime: Path) -> None:
    (runtime / "src/b_fast.c").write_text("int hyst_b(void)\n{\n    return 2;\n}\n")
    plain = link_names({"src/b_portable.c": (runtime / "src/b_portable.c").read_bytes()}, ())
    fast = link_names({"src/b_fast.c": (runtime / "src/b_fast.c").read_bytes()}, ("fast",))
    assert set(plain) == set(fast) == {"hyst_b"} and plain != fast
    assert re.fullmatch(r"hyst_b_[0-9a-f]{8}", plain["hyst_b"])


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(_links).failed == 0 and doctest.testmod(_links).attempted >= 1
