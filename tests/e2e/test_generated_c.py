"""The C of whole models: strict compilers, C++, a core with FMA, one firmware, sanitizers.

How small hand-built programs compile is tests/unit/codegen; here are trained models
as the driver emits them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hysteron.codegen.emit import emit_project, write_project
from hysteron.driver.compile import CompiledModel, Options, compile_model, kernel_inputs
from hysteron.driver.golden import with_golden
from hysteron.driver.samples import random_samples
from hysteron.host.sanitized import SanitizedNet
from hysteron.image.layout import read_image
from hysteron.interpreter.final import run_final

MODELS = Path(__file__).parents[2] / "models"
WARNINGS = "-pedantic -Wall -Wextra -Wconversion -Wshadow -Werror".split()
ALLOCATION = {"malloc", "calloc", "realloc", "free", "alloca", "sbrk", "__popcountdi2"}
DIGITS = ("digits_mlp", "digits_cnn")


def _compiled(name: str) -> CompiledModel:
    path = MODELS / name / f"{name}.onnx"
    options = Options(inputs=("uint8",), target="host-portable")
    return with_golden(compile_model(path, options), None)


def _third_party(models: Path, name: str, target: str = "host-portable") -> CompiledModel:
    if not (models / name).is_file():
        pytest.skip(f"HYSTERON_MODELS: no {name}")
    return compile_model(models / name, Options(inputs=("float32",), target=target))


def _write(compiled: CompiledModel, folder: Path) -> list[str]:
    files = emit_project(compiled.program)
    write_project(files, folder)
    return [path for path in files if path.endswith(".c")]


def _cc(compiler: str, folder: Path, *arguments: str) -> str:
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    done = subprocess.run(
        [compiler, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[:3000]
    return done.stdout


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("name", DIGITS)
def test_digits_compile_without_a_warning_and_pass_their_selftest(
    compiler: str, name: str, tmp_path: Path
) -> None:
    files = _write(_compiled(name), tmp_path / "net")
    macro = f"-D{name.upper()}_SELFTEST"
    (tmp_path / "net/main.c").write_text(
        f'#include "{name}.h"\nint main(void) {{ return -{name}_selftest(); }}\n'
    )
    flags = ["-std=c99", "-O2", *WARNINGS, macro, "-I."]
    _cc(compiler, tmp_path / "net", *flags, "main.c", *files, "-o", "run")
    assert subprocess.run([tmp_path / "net/run"], check=False).returncode == 0


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_ecg_compiles_without_a_warning(compiler: str, tmp_path: Path, models_dir: Path) -> None:
    files = _write(_third_party(models_dir, "ecg_5class_bnn.onnx"), tmp_path / "net")
    _cc(compiler, tmp_path / "net", "-std=c99", "-O2", *WARNINGS, "-I.", "-c", *files)


@pytest.mark.parametrize("name", DIGITS)
def test_model_files_compile_as_cpp17(name: str, tmp_path: Path) -> None:
    _write(_compiled(name), tmp_path / "net")
    flags = ["-std=c++17", "-x", "c++", "-pedantic", "-Wall", "-Wextra", "-Werror", "-I.", "-c"]
    _cc("g++", tmp_path / "net", *flags, f"{name}.c", f"{name}_image.c")


def test_no_fused_multiply_add_on_a_core_that_has_it(tmp_path: Path, models_dir: Path) -> None:
    """Cortex-M33 has vfma.f32, and gnu11 lets gcc contract: the sources must forbid it."""
    compiled = _third_party(models_dir, "gtsrb_30px_larq.onnx", "cortex-m4")
    assert any(n.op.name.startswith("float_") for n in compiled.program.final.nodes)
    _write(compiled, tmp_path / "net")
    makefile = (tmp_path / "net/Makefile").read_text()
    assert "-ffp-contract=off" in makefile
    # Without a C library installed the compiler has no string.h: these three are all we use.
    (tmp_path / "libc").mkdir()
    (tmp_path / "libc/string.h").write_text(
        "#include <stddef.h>\nvoid *memcpy(void *, const void *, size_t);\n"
        "void *memset(void *, int, size_t);\nint memcmp(const void *, const void *, size_t);\n"
    )
    sources = [str(p.relative_to(tmp_path / "net")) for p in (tmp_path / "net").rglob("*.c")]
    core = ["-mcpu=cortex-m33", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"]
    flags = ["-std=gnu11", "-O2", *core, "-ffp-contract=off", "-ffreestanding", "-I."]
    flags += ["-isystem", "../libc"]
    seen = ""
    for number, source in enumerate(sources):
        _cc("arm-none-eabi-gcc", tmp_path / "net", *flags, "-S", source, "-o", f"{number}.s")
        seen += (tmp_path / f"net/{number}.s").read_text()
    assert re.search(r"\bvmul\.f32", seen)
    assert not re.findall(r"\bv(?:fma|fms|fnma|fnms|mla|mls)\.f32", seen)


def test_two_models_share_one_firmware(tmp_path: Path) -> None:
    one, two = (_compiled(name).program for name in DIGITS)
    files = {**emit_project(one), **emit_project(two)}
    write_project(files, tmp_path / "net")
    body = " || ".join(f"{name}_selftest() != 0" for name in DIGITS)
    heads = "".join(f'#include "{name}.h"\n' for name in DIGITS)
    (tmp_path / "net/main.c").write_text(f"{heads}int main(void) {{ return {body}; }}\n")
    macros = [f"-D{name.upper()}_SELFTEST" for name in DIGITS]
    sources = [path for path in files if path.endswith(".c")]
    _cc("gcc", tmp_path / "net", "-std=c99", *macros, "-I.", "main.c", *sources, "-o", "run")
    assert subprocess.run([tmp_path / "net/run"], check=False).returncode == 0


@pytest.mark.parametrize("name", DIGITS)
def test_objects_allocate_nothing(name: str, tmp_path: Path) -> None:
    files = _write(_compiled(name), tmp_path / "net")
    _cc("gcc", tmp_path / "net", "-std=c99", "-O2", "-I.", "-c", *files)
    objects = [p.name for p in (tmp_path / "net").glob("*.o")]
    undefined = set(re.findall(r" U (\S+)", _cc("nm", tmp_path / "net", *objects)))
    assert undefined and not undefined & ALLOCATION


@pytest.mark.parametrize("name", DIGITS)
def test_random_images_are_clean_under_sanitizers(name: str) -> None:
    """Corrupted weights and thresholds may change classes, never touch other memory."""
    compiled = _compiled(name)
    program = replace(compiled.program, golden=None)
    samples = kernel_inputs(program, random_samples(compiled.model.graph, 3, 2))
    net = SanitizedNet(program)
    rng = np.random.default_rng(7)
    for fill in (rng.bytes, lambda size: b"\xff" * size):
        images = {r: fill(program.layout.region_bytes(r)) for r in program.layout.regions}
        wanted = run_final(program.final, samples, read_image(program.layout, images))
        for tensor, array in net.trace(samples, images).items():
            np.testing.assert_array_equal(array, wanted[tensor], err_msg=tensor)
