"""A small project, reviewed by eye; how it compiles; what it holds and what it never holds."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hand_built import Builder, convolutional, mlp, real, with_vectors

from hysteron._assets import asset_dir
from hysteron.codegen.emit import Measured, emit_project, tool_version, write_project
from hysteron.errors import InputError, InternalError
from hysteron.image.layout import plan_layout
from hysteron.image.program import Program
from hysteron.ir.graph import Graph
from hysteron.ir.types import TensorType

_WARNINGS = "-pedantic -Wall -Wextra -Wconversion -Wshadow -Werror".split()
_ALLOWED = {"memcpy", "memset", "memcmp", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_"}


def _write(program: Program, folder: Path) -> list[str]:
    """Write a project and return its C files."""
    files = emit_project(program)
    write_project(files, folder)
    return [path for path in files if path.endswith(".c")]


def _cc(compiler: str, folder: Path, *arguments: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    done = subprocess.run(
        [compiler, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[:3000]


@pytest.mark.parametrize("name", ["tiny.h", "tiny.c", "tiny_image.c", "image.json", "Makefile"])
def test_the_tiny_project_is_as_reviewed(golden: Callable[[str, str], None], name: str) -> None:
    text = emit_project(with_vectors(mlp(0), 1))[name].decode()
    golden(name, text.replace(f"hysteron {tool_version()} ", "hysteron VERSION "))


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("make", [mlp, convolutional, real])
def test_generated_c_has_no_warnings(
    compiler: str, make: Callable[..., Program], tmp_path: Path
) -> None:
    program = with_vectors(make(0, layout="sliced") if make is not real else make(0))
    _write(program, tmp_path / "net")
    own = ["tiny.c", "tiny_image.c", "src/container.c", "src/crc32.c"]
    flags = ["-std=c99", "-O2", *_WARNINGS, "-DTINY_SELFTEST", "-I.", "-c"]
    _cc(compiler, tmp_path / "net", *flags, *own)


def test_generated_c_compiles_as_cpp17_and_links_with_the_c_runtime(tmp_path: Path) -> None:
    files = _write(with_vectors(mlp(0)), tmp_path / "net")
    runtime = [path for path in files if path.startswith("src/")]
    cpp = ["-x", "c++", "-std=c++17", *_WARNINGS, "-DTINY_SELFTEST", "-I.", "-c"]
    (tmp_path / "net" / "main.cpp").write_text(
        '#include "tiny.h"\nint main() { return -tiny_selftest(); }\n'
    )
    _cc("g++", tmp_path / "net", *cpp, "tiny.c", "tiny_image.c", "main.cpp")
    _cc("gcc", tmp_path / "net", "-std=c99", "-I.", "-c", *runtime)
    objects = [path.name for path in (tmp_path / "net").glob("*.o")]
    _cc("g++", tmp_path / "net", *objects, "-o", "run")
    assert subprocess.run([tmp_path / "net" / "run"], check=False).returncode == 0


def test_selftest_passes_and_sees_one_wrong_class(tmp_path: Path) -> None:
    program = with_vectors(convolutional(0), 4)
    assert program.golden is not None and program.golden.classes is not None
    wrong = program.golden.classes.copy()
    wrong[3] += 1
    planted = replace(program, golden=replace(program.golden, classes=wrong, scores=None))
    for number, (one, code) in enumerate(((program, 0), (planted, 7))):
        folder = tmp_path / str(number)
        files = _write(one, folder)
        (folder / "main.c").write_text(
            '#include "tiny.h"\nint main(void) { return -tiny_selftest(); }\n'
        )
        _cc("cc", folder, "-std=c99", "-DTINY_SELFTEST", "-I.", "main.c", *files, "-o", "run")
        assert subprocess.run([folder / "run"], check=False).returncode == code


def test_two_models_link_into_one_firmware_with_one_runtime(tmp_path: Path) -> None:
    one, two = mlp(0, name="first"), convolutional(1, name="second")
    files = emit_project(one) | emit_project(two)
    write_project(files, tmp_path / "net")
    (tmp_path / "net" / "main.c").write_text(
        '#include "first.h"\n#include "second.h"\n'
        "static first_ctx a; static second_ctx b;\n"
        "int main(void) { return first_init(&a, 0) | second_init(&b, 0); }\n"
    )
    sources = [path for path in files if path.endswith(".c")]
    _cc("cc", tmp_path / "net", "-std=c99", "-I.", "main.c", *sources, "-o", "run")
    assert subprocess.run([tmp_path / "net" / "run"], check=False).returncode == 0


def test_delivered_objects_need_only_memcpy_and_memset_and_write_no_globals(tmp_path: Path) -> None:
    files = _write(with_vectors(convolutional(2)), tmp_path / "net")
    _cc("cc", tmp_path / "net", "-std=c99", "-O2", "-fno-pic", "-I.", "-c", *files)
    objects = [str(path) for path in (tmp_path / "net").glob("*.o")]
    listed = subprocess.run(["nm", *objects], capture_output=True, text=True, check=True).stdout
    symbols = re.findall(r"^[0-9a-f ]{16} (\w) (\S+)$", listed, re.MULTILINE)
    assert not [name for kind, name in symbols if kind in "BbDdC"]
    defined = {name for kind, name in symbols if kind != "U"}
    foreign = {name for kind, name in symbols if kind == "U"} - defined
    assert foreign <= _ALLOWED, foreign
    external = {name for kind, name in symbols if kind in "TR"}
    assert all(name.startswith(("tiny_", "hyst_")) for name in external), external


def test_make_builds_the_library(tmp_path: Path) -> None:
    _write(mlp(0), tmp_path / "net")
    subprocess.run(["make", "-s"], cwd=tmp_path / "net", check=True)
    assert (tmp_path / "net" / "libtiny.a").exists()


@pytest.mark.parametrize(("isa", "size"), [("avr5", "-Os"), ("cortex-m4", "-O2")])
def test_the_makefile_optimizes_as_the_instruction_set_asks(isa: str, size: str) -> None:
    text = emit_project(mlp(0, layout="sliced", isa=isa))["Makefile"].decode()
    (flags,) = re.findall(r"^CFLAGS .*$", text, re.MULTILINE)
    assert f" -std=c99 {size} -m" in flags
    assert ("-fno-inline-small-functions" in flags) == (size == "-Os")


def test_emission_is_byte_identical() -> None:
    assert emit_project(convolutional(3)) == emit_project(convolutional(3))


def test_only_used_runtime_files_are_delivered() -> None:
    files = emit_project(mlp(0))
    assert "hyst/op_int_dense.h" in files and "src/op_argmax_portable.c" in files
    assert not [path for path in files if "conv" in path or "float" in path]
    for path in files:
        for header in re.findall(rb'#include "(hyst/[^"]+)"', files[path]):
            assert header.decode() in files, (path, header)


def test_strings_of_the_model_reach_only_json() -> None:
    evil = '*/ int x; /* "??/\n#define while'
    program = mlp(0)
    graph = replace(program.final, labels={name: evil for name in program.final.types})
    nodes = tuple(
        replace(node, origin=replace(node.origin, node=evil, file=evil)) for node in graph.nodes
    )
    program = replace(program, final=graph.with_nodes(nodes), options={"inputs": [evil], "x": evil})
    files = emit_project(program)
    for path, content in files.items():
        if not path.endswith(".json"):
            for piece in (b"#define while", b"*/ int x", b"int x; /*", b"??/"):
                assert piece not in content, path
    assert json.loads(files["report.json"])["labels"]["v0"] == evil


def test_a_runtime_of_another_abi_is_a_compile_error(tmp_path: Path) -> None:
    _write(mlp(0), tmp_path / "net")
    header = tmp_path / "net" / "hyst" / "abi.h"
    header.write_text(header.read_text().replace("#define HYST_ABI ", "#define HYST_ABI 9"))
    done = subprocess.run(
        ["cc", "-I.", "-c", "tiny.c"], cwd=tmp_path / "net", capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode and "another version of the hysteron runtime" in done.stderr


def test_fast_math_is_a_compile_error_where_floats_are_computed(tmp_path: Path) -> None:
    _write(real(0), tmp_path / "net")
    done = subprocess.run(
        ["cc", "-std=c99", "-ffast-math", "-I.", "-c", "tiny.c"], cwd=tmp_path / "net",
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode and "compile it without -ffast-math" in done.stderr


def test_a_region_larger_than_an_array_goes_through_the_assembler(tmp_path: Path) -> None:
    """The same words, under the same symbol, whatever the C compiler accepts as one object."""
    program = mlp(0)
    found = {}
    for section, most in ((".rodata", 0), (".progmem.data", 8)):
        isa = msgspec.structs.replace(program.isa, largest_array_bytes=most)
        folder = tmp_path / section
        _write(replace(program, isa=isa), folder)
        assert ("__asm__" in (folder / "tiny_image.c").read_text()) == (most > 0)
        _cc("gcc", folder, "-std=c99", *_WARNINGS, "-I.", "-c", "tiny_image.c")
        _cc("objcopy", folder, "-O", "binary", "-j", section, "tiny_image.o", "image.bin")
        found[section] = (folder / "image.bin").read_bytes()
    (image,) = program.images.values()
    assert image == found[".progmem.data"] and image in found[".rodata"]


def test_sizes_become_macros_with_a_comment_that_cannot_end_early() -> None:
    measured = Measured({"FLASH_BYTES": 1234, "RAM_BYTES": 56}, {"RAM_BYTES": "a */ b"})
    text = emit_project(mlp(0), measured)["tiny.h"].decode()
    assert "#define TINY_FLASH_BYTES 1234u\n" in text
    assert "#define TINY_RAM_BYTES 56u /* a *  b */\n" in text


def test_the_model_is_copied_only_when_given() -> None:
    assert "model.onnx" not in emit_project(mlp(0))
    assert emit_project(replace(mlp(0), model=b"x"))["model.onnx"] == b"x"


def test_a_folder_of_ours_is_replaced_whole(tmp_path: Path) -> None:
    _write(mlp(0, name="before"), tmp_path / "net")
    _write(mlp(0, name="after"), tmp_path / "net")
    names = {path.name for path in (tmp_path / "net").iterdir()}
    assert "after.c" in names and "before.c" not in names
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds files that hysteron did not write"):
        write_project(emit_project(mlp(0)), tmp_path)
    (tmp_path / "report.json").write_text('{"generator": "other"}')
    with pytest.raises(InputError, match="holds files that hysteron did not write"):
        write_project(emit_project(mlp(0)), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "report.json"]
    with pytest.raises(InputError, match="output path is not a folder"):
        write_project({}, tmp_path / "notes.txt")


def test_a_program_without_layers_is_an_internal_error() -> None:
    program = mlp(0)
    graph = Graph(("v0",), ("v0",), (), {"v0": TensorType("u8", (4,))})
    plan = replace(program.plan, steps=())
    empty = replace(program, final=graph, plan=plan, layout=plan_layout(graph, ()))
    with pytest.raises(InternalError, match="at least one layer"):
        emit_project(replace(empty, output=replace(program.output, scores="v0", winner=None)))


def test_every_template_is_used() -> None:
    folder = Path(__file__).parents[3] / "compiler" / "hysteron" / "codegen" / "templates"
    if not folder.is_dir():
        pytest.skip("templates are inside the installed package")
    code = "".join(path.read_text() for path in folder.parents[1].rglob("*.py"))
    code += "".join(path.read_text() for path in folder.glob("*.j2"))
    assert not [path.name for path in folder.glob("*.j2") if f'"{path.name}"' not in code]


def test_sources_prefer_the_first_suffix_that_exists() -> None:
    avx2 = {path.name for path in (asset_dir("runtime_c") / "src").glob("*_avx2.c")}
    files = {path for path in emit_project(mlp(0, isa="host-avx2")) if path.startswith("src/")}
    for path in files:
        faster = path.removeprefix("src/").replace("_portable.c", "_avx2.c")
        assert faster not in avx2 or path.endswith("_avx2.c")


def test_a_network_without_a_class_has_no_predict() -> None:
    build = Builder(0, TensorType("b1", (40,)))
    (sums,) = build.add("xnor_dense", "v0", build.const("t2", 6, 40))
    text = emit_project(build.program(sums, None))["tiny.h"].decode()
    assert "predict" not in text and "class_index" not in text
    assert "uint64_t in0[1]" in text
