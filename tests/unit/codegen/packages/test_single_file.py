"""The runtime inside one file: every source of it, two models, other versions, no symbols left."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from hand_built import convolutional, mlp, protected, real, with_vectors

from hysteron._assets import asset_dir
from hysteron.codegen.packages import emit_packages
from hysteron.codegen.packages._links import stem
from hysteron.codegen.packages._single import SingleFile
from hysteron.codegen.runtime_files import find_source, runtime_files
from hysteron.image.program import Program
from hysteron.targets import load_isa

WARNINGS = "-pedantic -Wall -Wextra -Wconversion -Wshadow -Werror".split()
C = [("gcc", "c99"), ("clang", "c99")]
CPP = [("g++", "c++17"), ("clang++", "c++17")]

pytestmark = pytest.mark.kernels


def cc(compiler: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    return subprocess.run(
        [compiler, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def clean(compiler: str, standard: str, folder: Path, *arguments: str) -> None:
    """Compile without a warning, as the language of the standard."""
    language = ["-x", "c++"] if "++" in standard else ["-x", "c"]
    done = cc(compiler, folder, f"-std={standard}", *language, *WARNINGS, *arguments)
    assert done.returncode == 0, done.stderr[:3000]


def write(folder: Path, kind: str, *programs: Program) -> None:
    folder.mkdir(exist_ok=True)
    for program in programs:
        for path, content in emit_packages(program, [kind]).items():
            if path.endswith((".c", ".h")):
                (folder / path).write_bytes(content)


@dataclass
class Everything:
    """All headers and all sources of an instruction set, as if a model used them."""

    suffixes: tuple[str, ...]
    name: str = "all"

    @property
    def files(self) -> dict[str, bytes]:
        root = asset_dir("runtime_c")
        isas = [load_isa(path.stem) for path in (asset_dir("targets") / "isa").glob("*.toml")]
        suffixes = tuple({suffix for isa in isas for suffix in isa.kernel_suffixes})
        stems = {stem(path.name, suffixes) for path in (root / "src").glob("*.c")}
        some = [name for name in sorted(stems) if find_source(root, name, self.suffixes)]
        files = runtime_files([], some, self.suffixes)
        return {**files, "all.h": b"/* */\n", "all.c": b"/* */\n", "all_image.c": b"/* */\n"}


def _everything(isa: str, folder: Path) -> None:
    project = Everything(tuple(load_isa(isa).kernel_suffixes))
    (folder / "all.c").write_text(SingleFile(cast(Any, project)).implementation)


@pytest.mark.parametrize("isa", ["host-portable", "host-avx2", "host-avx512"])
@pytest.mark.parametrize(("compiler", "standard"), C + CPP)
def test_the_whole_runtime_compiles_in_one_file_without_a_warning(
    compiler: str, standard: str, isa: str, tmp_path: Path
) -> None:
    """A new kernel whose own names clash with another's shows here."""
    _everything(isa, tmp_path)
    machine = [] if isa == "host-portable" else ["-march=icelake-server"]
    clean(compiler, standard, tmp_path, "-O0", *machine, "-c", "all.c")


@pytest.mark.parametrize("name", ["cortex-m0", "rv32imc", "avr5", "avr6"])
def test_the_whole_runtime_compiles_in_one_file_for_parts(name: str, tmp_path: Path) -> None:
    _everything(name, tmp_path)
    first = load_isa(name).compilers[0]
    wanted = [flag for flag in WARNINGS if flag != "-Wconversion"]  # size_t has 16 bits on AVR
    libc = ["-isystem", str(asset_dir("runtime_c") / "freestanding")]
    done = cc(first.command[0], tmp_path, *first.flags, *wanted, *libc, "-c", "all.c")
    assert done.returncode == 0, done.stderr[:3000]


@pytest.mark.parametrize(("compiler", "standard"), C + CPP)
@pytest.mark.parametrize("kind", ["two-file", "amalgamation"])
@pytest.mark.parametrize("make", [convolutional, real])
def test_models_compile_without_a_warning_and_pass_their_selftest(
    make: Callable[..., Program], kind: str, compiler: str, standard: str, tmp_path: Path
) -> None:
    program = make(0) if make is real else make(0, layout="sliced")
    write(tmp_path, kind, with_vectors(program))
    begin = "#define TINY_IMPLEMENTATION\n" if kind == "amalgamation" else ""
    (tmp_path / "main.c").write_text(
        f'{begin}#include "tiny.h"\nint main(void) {{ return -tiny_selftest(); }}\n'
    )
    sources = [path.name for path in tmp_path.glob("*.c")]
    clean(compiler, standard, tmp_path, "-O1", "-DTINY_SELFTEST", *sources, "-o", "run")
    assert subprocess.run([tmp_path / "run"], check=False).returncode == 0


def _pair() -> tuple[Program, Program]:
    return with_vectors(mlp(0, name="first")), with_vectors(convolutional(1, name="second"))


MAIN = (
    '#include "first.h"\n#include "second.h"\n'
    "int main(void) { return first_selftest() != 0 || second_selftest() != 0; }\n"
)
SELFTESTS = ["-DFIRST_SELFTEST", "-DSECOND_SELFTEST"]


@pytest.mark.parametrize(("compiler", "standard"), [C[0], CPP[0]])
@pytest.mark.parametrize("kind", ["two-file", "amalgamation"])
def test_two_models_are_part_of_one_program(
    kind: str, compiler: str, standard: str, tmp_path: Path
) -> None:
    write(tmp_path, kind, *_pair())
    begin = "#define FIRST_IMPLEMENTATION\n#define SECOND_IMPLEMENTATION\n"
    (tmp_path / "main.c").write_text((begin if kind == "amalgamation" else "") + MAIN)
    sources = [path.name for path in tmp_path.glob("*.c")]
    clean(compiler, standard, tmp_path, "-O1", *SELFTESTS, *sources, "-o", "run")
    assert subprocess.run([tmp_path / "run"], check=False).returncode == 0


def test_two_models_in_one_file_share_the_runtime(tmp_path: Path) -> None:
    write(tmp_path, "amalgamation", *_pair())
    begin = "#define FIRST_IMPLEMENTATION\n#define SECOND_IMPLEMENTATION\n"
    (tmp_path / "main.c").write_text(begin + MAIN)
    done = cc("gcc", tmp_path, "-std=c99", "-O1", *SELFTESTS, "-c", "main.c")
    assert done.returncode == 0, done.stderr
    listed = cc("nm", tmp_path, "main.o").stdout
    for function in ("hyst_image_check", "hyst_crc32"):
        assert len(re.findall(rf" t {function}$", listed, re.MULTILINE)) == 1


def test_two_versions_of_the_runtime_in_one_file_are_an_error(tmp_path: Path) -> None:
    write(tmp_path, "amalgamation", *_pair())
    text = (tmp_path / "second.h").read_text()
    other = re.sub(r"HYST_BODY_CRC32(\s|\s!=\s)0x[0-9a-f]{8}", r"HYST_BODY_CRC32\g<1>0x1", text)
    assert other != text
    (tmp_path / "second.h").write_text(other)
    begin = "#define FIRST_IMPLEMENTATION\n#define SECOND_IMPLEMENTATION\n"
    (tmp_path / "main.c").write_text(begin + MAIN)
    done = cc("gcc", tmp_path, "-std=c99", *SELFTESTS, "-c", "main.c")
    assert done.returncode and "implement these models in two files" in done.stderr


@pytest.mark.parametrize("kind", ["two-file", "amalgamation"])
def test_only_functions_of_the_model_are_visible_outside(kind: str, tmp_path: Path) -> None:
    write(tmp_path, kind, with_vectors(protected(convolutional(2), "secded-39-32")))
    if kind == "amalgamation":
        (tmp_path / "tiny.c").write_text('#define TINY_IMPLEMENTATION\n#include "tiny.h"\n')
    cc("gcc", tmp_path, "-std=c99", "-O2", "-fno-pic", "-c", "tiny.c")
    listed = cc("nm", tmp_path, "tiny.o").stdout
    symbols = re.findall(r"^[0-9a-f ]{16} (\w) (\S+)$", listed, re.MULTILINE)
    assert {name for kind, name in symbols if kind == "U"} <= {"memcpy", "memset", "memcmp"}
    assert not [name for kind, name in symbols if kind in "BbDdC"]
    assert all(name.startswith("tiny_") for kind, name in symbols if kind.isupper() and kind != "U")


@pytest.mark.parametrize(("compiler", "standard"), [C[0], CPP[0]])
@pytest.mark.parametrize("kind", ["two-file", "amalgamation"])
def test_two_protected_models_are_part_of_one_program(
    kind: str, compiler: str, standard: str, tmp_path: Path
) -> None:
    """Their codes read tables that are not static in the runtime."""
    pair = [with_vectors(protected(program, "secded-39-32")) for program in _pair()]
    write(tmp_path, kind, *pair)
    begin = "#define FIRST_IMPLEMENTATION\n#define SECOND_IMPLEMENTATION\n"
    (tmp_path / "main.c").write_text((begin if kind == "amalgamation" else "") + MAIN)
    sources = [path.name for path in tmp_path.glob("*.c")]
    clean(compiler, standard, tmp_path, "-O1", *SELFTESTS, *sources, "-o", "run")
    assert subprocess.run([tmp_path / "run"], check=False).returncode == 0


def test_fast_math_is_a_compile_error_where_floats_are_computed(tmp_path: Path) -> None:
    write(tmp_path, "two-file", with_vectors(real(0)))
    done = cc("gcc", tmp_path, "-std=c99", "-ffast-math", "-c", "tiny.c")
    assert done.returncode and "without -ffast-math" in done.stderr
