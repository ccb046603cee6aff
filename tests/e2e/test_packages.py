"""Packages as libraries: warnings, one runtime for two models, make, CMake, the command line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from package_tools import WARNINGS, c_files, package, run, says_golden, small

from hysteron.cli import main as hysteron
from hysteron.codegen.packages import kinds
from hysteron.driver import api

ROOT = Path(__file__).parents[2]
TWO = (
    '#include "first.h"\n#include "second.h"\n'
    "int main(void) { return first_selftest() != 0 || second_selftest() != 0; }\n"
)
SELFTESTS = ("-DFIRST_SELFTEST", "-DSECOND_SELFTEST")
LIBRARIES = ("arduino", "platformio", "zephyr", "esp-idf", "cmsis-pack", "cmake", "makefile")


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_library_code_compiles_without_a_warning(compiler: str, tmp_path: Path) -> None:
    for name in ("first", "second"):
        folder = package(tmp_path, "cmake", name)
        flags = [*WARNINGS, "-O1", f"-D{name.upper()}_SELFTEST"]
        run(tmp_path, compiler, *flags, "-c", *c_files(folder))


def test_library_code_is_the_same_in_every_kind(tmp_path: Path) -> None:
    texts = []
    for kind in LIBRARIES:
        folder = package(tmp_path / kind, kind)
        paths = [path for path in (folder / "src").rglob("*") if path.is_file()]
        texts.append({path.relative_to(folder): path.read_bytes() for path in paths})
    assert all(text == texts[0] for text in texts) and texts[0]


@pytest.mark.parametrize(
    "order",
    [("first", "second"), pytest.param(("second", "first"), marks=pytest.mark.slow)],
    ids=str,
)
def test_two_packages_link_into_one_firmware_with_one_runtime(
    order: tuple[str, str], tmp_path: Path
) -> None:
    """As objects side by side, which is how Arduino, Keil and Zephyr link them."""
    folders = {name: package(tmp_path, "arduino", name) for name in order}
    (tmp_path / "main.c").write_text(TWO)
    keep = ["-O1", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"]
    paths = [f"-I{folder / 'src'}" for folder in folders.values()]
    every = [path for folder in folders.values() for path in c_files(folder)]
    run(tmp_path, "gcc", "-std=c99", *keep, *SELFTESTS, *paths, "main.c", *every,
        "-Wl,-Map=map", "-o", "both")  # fmt: skip
    assert subprocess.run([tmp_path / "both"], check=False).returncode == 0
    names = re.findall(r" [TW] (hyst_\w+)$", run(tmp_path, "nm", "both"), re.MULTILINE)
    assert len(names) == len(set(names)) > 8
    dropped = (tmp_path / "map").read_text().partition("Memory Configuration")[0]
    assert re.search(r"\.text\.hyst_container_open_[0-9a-f]{8}\s+0x0+\s+0x[0-9a-f]+ .*\.o", dropped)


def test_packages_of_different_runtimes_do_not_mix(tmp_path: Path) -> None:
    """Another version of a kernel is linked beside the first, not instead of it."""
    folders = {name: package(tmp_path, "cmake", name) for name in ("first", "second")}
    hyst = folders["second"] / "src/hyst"
    (name,) = set(re.findall(r"hyst_crc32_[0-9a-f]{8}", (hyst / "link.h").read_text()))
    for path in hyst.iterdir():
        path.write_text(path.read_text().replace(name, "hyst_crc32_00000000"))
    (tmp_path / "main.c").write_text(TWO)
    every = [path for folder in folders.values() for path in c_files(folder)]
    paths = [f"-I{folder / 'src'}" for folder in folders.values()]
    run(tmp_path, "gcc", "-std=c99", *SELFTESTS, *paths, "main.c", *every, "-o", "both")
    listed = run(tmp_path, "nm", "both")
    assert f" {name}\n" in listed and " hyst_crc32_00000000\n" in listed
    assert subprocess.run([tmp_path / "both"], check=False).returncode == 0


def test_makefile_builds_checks_and_installs(tmp_path: Path) -> None:
    folder = package(tmp_path, "makefile", "second")
    says_golden(run(folder, "make", "-s", "check"), "second")
    run(folder, "make", "-s", "install", f"PREFIX={tmp_path / 'usr'}")
    (tmp_path / "main.c").write_text(
        "#include <second.h>\nint main(void) { static second_ctx c; return second_init(&c, 0); }\n"
    )
    run(tmp_path, "cc", "main.c", "-Iusr/include/second", "-Lusr/lib", "-lsecond", "-o", "run")
    assert subprocess.run([tmp_path / "run"], check=False).returncode == 0
    run(folder, "make", "-s", "clean")
    assert not list(folder.rglob("*.[oa]"))


def test_cmake_builds_tests_installs_and_is_found_by_another_project(tmp_path: Path) -> None:
    for name in ("first", "second"):
        folder, build = package(tmp_path, "cmake", name), tmp_path / f"build-{name}"
        run(tmp_path, "cmake", "-S", folder, "-B", build, f"-DCMAKE_INSTALL_PREFIX={tmp_path}/usr")
        run(tmp_path, "cmake", "--build", build)
        says_golden(run(build, "ctest", "-V"), name)
        run(tmp_path, "cmake", "--install", build)
    user = tmp_path / "user"
    user.mkdir()
    (user / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(user C)\n"
        "find_package(first REQUIRED)\nfind_package(second REQUIRED)\nadd_executable(user main.c)\n"
        "target_link_libraries(user PRIVATE first::first second::second)\n"
    )
    (user / "main.c").write_text(
        '#include "first.h"\n#include "second.h"\nstatic first_ctx a; static second_ctx b;\n'
        "int main(void) { return first_init(&a, 0) | second_init(&b, 0); }\n"
    )
    run(tmp_path, "cmake", "-S", user, "-B", "build", f"-DCMAKE_PREFIX_PATH={tmp_path}/usr")
    run(tmp_path, "cmake", "--build", "build")
    assert subprocess.run([tmp_path / "build/user"], check=False).returncode == 0


@pytest.mark.slow
def test_two_cmake_packages_are_parts_of_one_project(tmp_path: Path) -> None:
    for name in ("first", "second"):
        package(tmp_path, "cmake", name)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(user C)\nadd_subdirectory(first)\n"
        "add_subdirectory(second)\nadd_executable(user main.c)\n"
        "target_link_libraries(user PRIVATE second::second first::first)\n"
    )
    (tmp_path / "main.c").write_text(
        '#include "first.h"\n#include "second.h"\nstatic first_ctx a; static second_ctx b;\n'
        "int main(void) { return first_init(&a, 0) | second_init(&b, 0); }\n"
    )
    run(tmp_path, "cmake", "-S", ".", "-B", "build")
    run(tmp_path, "cmake", "--build", "build")
    assert subprocess.run([tmp_path / "build/user"], check=False).returncode == 0
    assert not (tmp_path / "build/first/first_selftest").exists()  # tests are for it alone


def _hysteron(*arguments: object) -> int:
    with pytest.raises(SystemExit) as done:
        hysteron([str(argument) for argument in arguments])
    return int(done.value.code or 0)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "samples").mkdir()
    values = np.random.default_rng(1).integers(0, 256, (4, 20)).astype(np.uint8)
    np.save(tmp_path / "samples/x.npy", values)
    path = tmp_path / 'a "*.onnx'
    path.write_bytes(small("first").model.model_bytes)
    return path


def _compile(model: Path, out: Path, *more: str) -> int:
    return _hysteron("compile", model, "-o", out, "--input", "uint8", "-t", "host-portable", *more)


def test_run_and_verify_read_what_compile_wrote_as_packages(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, samples = tmp_path / "out", tmp_path / "samples/x.npy"
    options = [word for kind in kinds() for word in ("--package", kind)]
    assert _compile(model, out, *options, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["packages"] == list(kinds()) and "arduino/a.zip" in record["files"]
    for folder in (out, out / "arduino", out / "two-file"):
        assert _hysteron("verify", folder, "--inputs", samples, "--witness", "none", "--json") == 0
        assert json.loads(capsys.readouterr().out)["bit_exact"] is True
    assert _hysteron("run", out / "zephyr", "-t", "host-portable", "--inputs", samples) == 0
    assert _compile(model, out, "--package", "makefile") == 0  # replaces what hysteron wrote
    assert (out / "Makefile").is_file() and not (out / "arduino").exists()


def test_python_saves_packages(model: Path, tmp_path: Path) -> None:
    program = api.compile(model, target="host-portable", inputs="uint8", with_model=False)
    files = program.save(tmp_path / "out", packages="two-file")
    assert {"a.c", "a.h", "README.md"} <= set(files) and "model.onnx" not in files
    assert "Makefile" in program.save(tmp_path / "out")


def test_wrong_uses_of_packages_are_one_line_and_write_nothing(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _compile(model, tmp_path / "out", "--package", "arduin") == 2
    assert "unknown package 'arduin'; wanted amalgamation, arduino" in capsys.readouterr().err
    arguments = ("-o", tmp_path / "out", "--input", "uint8", "-t", "host-avx2")
    assert _hysteron("compile", model, *arguments, "--package", "zephyr") == 2
    assert "-t host-portable" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    for name in ("a.zip", "a.pack"):
        (tmp_path / name).write_bytes(b"PK")
        assert _hysteron("verify", tmp_path / name, "--inputs", "x.npy") == 2
        assert "an archive, not a model" in capsys.readouterr().err


def test_packages_are_the_same_bytes_in_another_process(model: Path, tmp_path: Path) -> None:
    code = "from hysteron.cli import main; main()"
    seen = []
    for seed in ("1", "2"):
        words = [word for kind in kinds() for word in ("--package", kind)]
        run(tmp_path, sys.executable, "-c", code, "compile", model, "-o", tmp_path / seed, "-t",
            "host-portable", "--input", "uint8", *words, PYTHONHASHSEED=seed,
            PYTHONPATH=str(ROOT / "compiler"))  # fmt: skip
        folder = tmp_path / seed
        seen.append(
            {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        )
    assert seen[0] == seen[1] and len(seen[0]) > 200
