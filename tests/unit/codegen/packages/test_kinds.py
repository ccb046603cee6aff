"""What holds for every kind of package: the registry's own tests, whatever is in it."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ElementTree
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from hand_built import convolutional, mlp, with_vectors

from hysteron.codegen.emit import GENERATOR, Measured, emit_project
from hysteron.codegen.names import c_ident
from hysteron.codegen.packages import chosen, emit_packages, kinds
from hysteron.codegen.packages._archive import zipped
from hysteron.codegen.packages._library import library
from hysteron.codegen.packages._project import Project
from hysteron.errors import InputError, InternalError
from hysteron.image.program import Program

ROOT = Path(__file__).parents[4]
TEMPLATES = ROOT / "compiler/hysteron/codegen/templates/packages"
EVIL = "*/ int x; /* \"??/\n#define while ]]> ${A} $(B) `c` <b> & --> ' \\ : #"
PIECES = (b"*/ int", b"#define while", b"??/", b"]]>", b"${A}", b"$(B)", b"`c`", b"<b>", b"-->")

every_kind = pytest.mark.parametrize("kind", sorted(kinds()))


def _program(name: str = "tiny", model: bytes | None = b"onnx") -> Program:
    return replace(with_vectors(mlp(0, name=name)), model=model, model_sha256="0" * 64)


@every_kind
def test_the_same_program_gives_the_same_bytes(kind: str) -> None:
    assert emit_packages(_program(), [kind]) == emit_packages(_program(), [kind])


@every_kind
def test_it_holds_records_licence_and_a_readme_that_says_what_was_checked(kind: str) -> None:
    files = emit_packages(_program(), [kind])
    assert json.loads(files["report.json"])["generator"] == GENERATOR
    assert files["model.onnx"] == b"onnx" and "image.json" in files
    assert b"Apache License" in files["LICENSE"]
    readme = files["README.md"].decode()
    assert kinds()[kind].checked in readme and "{{" not in readme and "0" * 64 in readme
    assert "model.onnx" not in emit_packages(_program(model=None), [kind])


@every_kind
def test_paths_are_plain_and_differ_without_regard_to_case(kind: str) -> None:
    files = emit_packages(_program(), [kind])
    assert all(re.fullmatch(r"[A-Za-z0-9_.+-]+(/[A-Za-z0-9_.+-]+)*", path) for path in files)
    assert len({path.lower() for path in files}) == len(files)
    assert list(files) == sorted(files)


@every_kind
def test_the_code_is_that_of_the_plain_project(kind: str) -> None:
    """Model and image as compiled elsewhere: what packaging adds is around them."""
    program = _program()
    plain, text = emit_project(program), b"".join(emit_packages(program, [kind]).values())
    for path in ("tiny.c", "tiny_image.c"):
        body = plain[path].partition(b"{\n")[2]
        assert body in text


@every_kind
@pytest.mark.parametrize("name", [EVIL, "int", "class", "3d net", "", "crc32", "arduino", "é*/"])
def test_no_string_of_a_model_reaches_a_file_of_a_package(kind: str, name: str) -> None:
    """A model's name is a file's name, so anybody's; only an identifier of it is left."""
    program = _program(c_ident(name))
    labels = {tensor: f"evillabel{EVIL}" for tensor in program.final.types}
    nodes = tuple(
        replace(node, origin=replace(node.origin, node=f"evilnode{EVIL}"))
        for node in program.final.nodes
    )
    graph = replace(program.final, labels=labels, nodes=nodes)
    files = emit_packages(replace(program, final=graph), [kind])
    records = ("report.json", "image.json", ".zip", ".pack")  # JSON is quoted; archives hold it
    for path, content in files.items():
        assert re.fullmatch(r"[A-Za-z0-9_./-]+", path)
        if path.endswith(".pdsc"):
            ElementTree.fromstring(content)
        elif path.endswith(".json"):
            json.loads(content)
        if not path.endswith(records):
            assert b"evillabel" not in content and b"evilnode" not in content, path
            assert not [piece for piece in PIECES if piece in content], path


@every_kind
def test_options_cannot_leave_a_comment(kind: str) -> None:
    program = replace(_program(), options={"ecc": EVIL})
    for path, content in emit_packages(program, [kind]).items():
        if b"options ecc=" in content and not path.endswith((".zip", ".pack")):
            (line,) = [one for one in content.split(b"\n") if b"options ecc=" in one]
            assert line.startswith((b"/* ", b"# ", b"; "))
            assert b"*/" not in line[:-2] and b"\\" not in line and b"??" not in line


@pytest.mark.parametrize("kind", ["cmake", "arduino"])
def test_a_model_named_like_a_runtime_file_keeps_both(kind: str) -> None:
    files = emit_packages(_program("crc32"), [kind])
    assert b"crc32_predict" in files["src/crc32.c"] and b"nibble" in files["src/hyst/crc32.c"]


@every_kind
def test_every_include_of_quoted_headers_is_in_the_package(kind: str) -> None:
    files = emit_packages(with_vectors(convolutional(1)), [kind])
    for path, content in files.items():
        if not path.endswith((".c", ".h", ".ino", ".cpp")):
            continue
        for header in re.findall(r'^#include "([^"]+)"', content.decode(), re.MULTILINE):
            beside = f"{path.rpartition('/')[0]}/{header}".removeprefix("/")
            assert beside in files or header == "tiny.h", (path, header)


@pytest.mark.parametrize("kind", [name for name, one in kinds().items() if one.portable])
def test_kinds_for_microcontrollers_refuse_kernels_of_a_desktop(kind: str) -> None:
    program = with_vectors(mlp(0, isa="host-avx2"))
    with pytest.raises(InputError, match="this machine's processor"):
        emit_packages(program, [kind])


@every_kind
def test_a_serial_firmware_is_part_of_the_plain_project_alone(kind: str) -> None:
    with pytest.raises(InputError, match="leave one of --serial and --package out"):
        emit_packages(replace(_program(), options={"serial": True}), [kind])


@every_kind
def test_the_documentation_names_it(kind: str) -> None:
    text = (ROOT / "docs/packages.md").read_text()
    assert f"| `{kind}` |" in text


def test_several_kinds_lie_in_folders_under_the_records() -> None:
    files = emit_packages(_program(), ["zephyr", "two-file", "zephyr"])
    assert {path.partition("/")[0] for path in files} == {
        "zephyr", "two-file", "report.json", "image.json", "model.onnx",
    }  # fmt: skip
    alone = emit_packages(_program(), ["zephyr"])
    assert {p: c for p, c in files.items() if p.startswith("zephyr/")} == {
        f"zephyr/{path}": content for path, content in alone.items()
    }


def test_an_unknown_kind_is_refused_with_all_known_ones() -> None:
    with pytest.raises(InputError, match="unknown package 'ardino'") as raised:
        chosen(["arduino", "ardino"])
    assert "zephyr" in str(raised.value.wanted)


def test_a_program_without_vectors_is_an_internal_error() -> None:
    with pytest.raises(InternalError, match="needs self-test vectors"):
        emit_packages(mlp(0), ["two-file"])


def test_every_template_of_packages_is_used() -> None:
    if not TEMPLATES.is_dir():
        pytest.skip("templates are inside the installed package")
    code = "".join(
        p.read_text() for p in (ROOT / "compiler/hysteron/codegen/packages").glob("*.py")
    )
    names = [path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.j2")]
    usage = {f"{kind}/usage.md.j2" for kind in kinds()}
    assert {name for name in names if f'"{name}"' not in code} == usage


@pytest.mark.parametrize(("kind", "suffix"), [("arduino", ".zip"), ("cmsis-pack", ".pack")])
def test_the_archive_holds_the_package_and_nothing_of_this_machine(kind: str, suffix: str) -> None:
    files = emit_packages(_program(), [kind])
    (name,) = [path for path in files if path.endswith(suffix)]
    with zipfile.ZipFile(io.BytesIO(files[name])) as archive:
        folder = "tiny/" if kind == "arduino" else ""
        inside = {entry.filename: archive.read(entry) for entry in archive.infolist()}
        assert list(inside) == sorted(inside)
        for entry in archive.infolist():
            assert entry.date_time == (1980, 1, 1, 0, 0, 0) and entry.compress_type == 0
            assert entry.external_attr >> 16 == 0o100644 and not entry.extra
    assert inside == {folder + path: data for path, data in files.items() if path != name}


def test_an_archive_does_not_depend_on_the_order_of_its_files() -> None:
    assert zipped({"b": b"2", "a": b"1"}) == zipped({"a": b"1", "b": b"2"})


@pytest.mark.parametrize("isa", ["host-avx512", "cortex-m55", "avr5"])
def test_every_include_of_library_code_finds_the_file_beside_it(isa: str) -> None:
    """Headers of one instruction set lie deeper in the runtime, and variants share code."""
    files = library(Project(with_vectors(convolutional(0, isa=isa))))
    for path, content in files.items():
        beside = PurePosixPath(path).parent
        for included in re.findall(rb'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', content, re.MULTILINE):
            assert str(beside / included.decode()) in files, f"{path}: {included.decode()}"


@every_kind
def test_measured_sizes_are_in_header_and_readme(kind: str) -> None:
    files = emit_packages(_program(), [kind], Measured({"FLASH_BYTES": 31415, "RAM_BYTES": 92653}))
    header = next(files[path] for path in files if path.endswith("tiny.h"))
    assert b"#define TINY_FLASH_BYTES 31415u\n" in header
    assert b"| 31415 |" in files["README.md"] and b"| 92653 |" in files["README.md"]
