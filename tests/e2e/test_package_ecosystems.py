"""Packages built and run by the tools of their ecosystems; stand-ins where those cannot be had.

docs/packages.md says which is which.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from package_tools import (
    ESP_IDF,
    WARNINGS,
    ZEPHYR,
    c_files,
    package,
    run,
    says_golden,
    tool,
)

ROOT = Path(__file__).parents[2]


def test_zephyr_module_and_sample_build_on_stand_ins(tmp_path: Path) -> None:
    folder, other = package(tmp_path, "zephyr"), package(tmp_path, "zephyr", "second")
    (tmp_path / "cmake").mkdir()
    (tmp_path / "cmake/ZephyrConfig.cmake").write_text(ZEPHYR)
    sample = folder / "samples/first_golden"
    run(tmp_path, "cmake", "-S", sample, "-B", "build", f"-DZephyr_DIR={tmp_path}/cmake",
        f"-DZEPHYR_EXTRA_MODULES={other}",
        "-DMORE_CONFIG=CONFIG_HYSTERON_SECOND=y;CONFIG_HYSTERON_FIRST_SELFTEST=y")  # fmt: skip
    run(tmp_path, "cmake", "--build", "build")
    says_golden(run(tmp_path, tmp_path / "build/app"))
    listed = run(tmp_path, "nm", "build/app")
    assert " second_init" in listed and " first_selftest" in listed
    assert " second_selftest" not in listed


def test_esp_idf_component_and_example_build_on_stand_ins(tmp_path: Path) -> None:
    folder, other = package(tmp_path, "esp-idf"), package(tmp_path, "esp-idf", "second")
    (tmp_path / "idf/tools/cmake").mkdir(parents=True)
    (tmp_path / "idf/tools/cmake/project.cmake").write_text(ESP_IDF)
    run(tmp_path, "cmake", "-S", folder / "examples/first_golden", "-B", "build",
        f"-DMORE_COMPONENT_DIRS={other}", "-DCONFIG_HYSTERON_SECOND_SELFTEST=y",
        IDF_PATH=str(tmp_path / "idf"))  # fmt: skip
    run(tmp_path, "cmake", "--build", "build")
    says_golden(run(tmp_path, tmp_path / "build/app"))
    listed = run(tmp_path, "nm", "build/components/second/libsecond.a")
    assert " second_selftest" in listed


def _sdk(variable: str) -> Path:
    """Return the folder of an installed SDK, or skip."""
    folder = os.environ.get(variable, "")
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"{variable}: {'no such folder' if folder else 'not set'}")
    return Path(folder)


def _for_seconds(seconds: int, *command: object) -> str:
    """Return what a program without an end prints in a while."""
    words = ["timeout", str(seconds), *map(str, command)]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


@pytest.mark.slow
def test_zephyr_itself_builds_two_modules_and_runs_the_sample(tmp_path: Path) -> None:
    """For its native board of 64 bits, which needs the host's compiler alone."""
    base = _sdk("ZEPHYR_BASE")
    modules = [package(tmp_path, "zephyr", name) for name in ("first", "second")]
    old = (base / "boards/posix/native_posix/native_posix_64.yaml").is_file()
    run(tmp_path, "cmake", "-S", modules[0] / "samples/first_golden", "-B", "build", "-G", "Ninja",
        f"-DBOARD={'native_posix_64' if old else 'native_sim/native/64'}",
        f"-DZEPHYR_MODULES={modules[0]};{modules[1]}", "-DCONFIG_HYSTERON_SECOND=y",
        f"-DUSER_CACHE_DIR={tmp_path}/cache", ZEPHYR_TOOLCHAIN_VARIANT="host")  # fmt: skip
    run(tmp_path, "cmake", "--build", "build")
    says_golden(_for_seconds(5, tmp_path / "build/zephyr/zephyr.exe"))


@pytest.mark.slow
def test_esp_idf_itself_builds_and_runs_the_example(tmp_path: Path) -> None:
    """For its target "linux", which needs the host's compiler alone."""
    _sdk("IDF_PATH")
    example = package(tmp_path, "esp-idf") / "examples/first_golden"
    run(tmp_path, "cmake", "-S", example, "-B", "build", "-G", "Ninja", "-DIDF_TARGET=linux",
        "-DCOMPONENTS=main", "-DPYTHON_DEPS_CHECKED=1", IDF_TARGET="linux")  # fmt: skip
    run(tmp_path, "cmake", "--build", "build")
    says_golden(_for_seconds(5, tmp_path / "build/first_golden.elf"))


def test_kconfig_files_parse_and_their_switches_work(tmp_path: Path) -> None:
    kconfiglib = pytest.importorskip("kconfiglib")
    folder = package(tmp_path, "zephyr")
    config = kconfiglib.Kconfig(str(folder / "zephyr/Kconfig"), suppress_traceback=False)
    assert config.syms["HYSTERON_FIRST"].str_value == "n"
    config.load_config(str(folder / "samples/first_golden/prj.conf"))
    assert config.syms["HYSTERON_FIRST"].str_value == "y" and not [
        text for text in config.warnings if "HYSTERON" in text
    ]
    config.syms["HYSTERON_FIRST_SELFTEST"].set_value("y")
    assert config.syms["HYSTERON_FIRST_SELFTEST"].str_value == "y"
    component = kconfiglib.Kconfig(str(package(tmp_path / "idf", "esp-idf") / "Kconfig"))
    assert component.syms["HYSTERON_FIRST_SELFTEST"].str_value == "n" and not component.warnings


def test_zephyr_module_is_described_as_zephyr_wants(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    folder = package(tmp_path, "zephyr")
    module = yaml.safe_load((folder / "zephyr/module.yml").read_text())
    assert module["name"] == "first"
    assert (folder / module["build"]["cmake"] / "CMakeLists.txt").is_file()
    assert (folder / module["build"]["kconfig"]).is_file()
    for samples in module["samples"]:
        (sample,) = (folder / samples).rglob("sample.yaml")
        text = yaml.safe_load(sample.read_text())
        assert text["sample"]["name"] and text["common"]["harness"] == "console"
        assert list(text["tests"]) == ["sample.hysteron.first"]
    schema = _schema("module-schema.yaml")
    jsonschema = pytest.importorskip("jsonschema")
    rules = yaml.safe_load(schema.read_text())
    jsonschema.validate(module, rules)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**module, "samples": "samples"}, rules)


def _schema(name: str) -> Path:
    """Return another project's schema, which is not part of this repository, or skip."""
    folder = os.environ.get("HYSTERON_SCHEMAS", "")
    if not folder or not (Path(folder) / name).is_file():
        pytest.skip(f"HYSTERON_SCHEMAS: no {name}")
    return Path(folder) / name


def test_the_component_manager_accepts_the_manifest(tmp_path: Path) -> None:
    manager = pytest.importorskip("idf_component_tools.manager")
    folder = package(tmp_path, "esp-idf")
    manifest = manager.ManifestManager(str(folder), "first", upload_mode=True).load()
    assert manifest.license == "Apache-2.0" and re.fullmatch(
        r"\d+\.\d+\.\d+", str(manifest.version)
    )
    text = (folder / "idf_component.yml").read_text()
    (folder / "idf_component.yml").write_text(re.sub('version: "[0-9.]+"', 'version: "one"', text))
    with pytest.raises(Exception, match="not valid"):
        manager.ManifestManager(str(folder), "first", upload_mode=True).load()


def _pio_pack(folder: Path, home: Path) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("platformio")
    return subprocess.run(
        [sys.executable, "-m", "platformio", "pkg", "pack", folder, "-o", home / "first.tar.gz"],
        env=os.environ | {"PLATFORMIO_CORE_DIR": str(home / "core"), "CI": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_platformio_packs_the_library(tmp_path: Path) -> None:
    folder = package(tmp_path, "platformio")
    manifest = json.loads((folder / "library.json").read_text())
    assert manifest.pop("license") == "Apache-2.0"  # pio looks names of licences up in the network
    (folder / "library.json").write_text(json.dumps(manifest))
    done = _pio_pack(folder, tmp_path)
    assert done.returncode == 0 and (tmp_path / "first.tar.gz").is_file(), done.stderr
    (folder / "library.json").write_text(json.dumps({**manifest, "version": "one"}))
    assert "ManifestValidationError" in _pio_pack(folder, tmp_path).stderr


def test_platformio_library_and_example_run_here(tmp_path: Path) -> None:
    folder = package(tmp_path, "platformio")
    manifest = json.loads((folder / "library.json").read_text())
    for example in manifest["examples"]:
        assert all((folder / example["base"] / name).is_file() for name in example["files"])
    run(tmp_path, "gcc", *WARNINGS, "-c", *c_files(folder))
    example = folder / "examples/first_golden/src/main.cpp"
    run(tmp_path, "g++", "-Wall", "-Wextra", "-Werror", f"-I{folder / 'src'}", example,
        *tmp_path.glob("*.o"), "-o", "run")  # fmt: skip
    printed = run(tmp_path, tmp_path / "run")
    assert "golden: ok" in printed and "status 0" in printed


def _component(folder: Path, name: str) -> tuple[ElementTree.Element, list[tuple[str, Path]]]:
    text = (folder / f"hysteron.{name}.pdsc").read_bytes()
    root = ElementTree.fromstring(text)
    (component,) = root.iter("component")
    files = [
        (file.get("category", ""), folder / file.get("name", "")) for file in root.iter("file")
    ]
    return component, files


def test_cmsis_pack_names_its_files_and_they_compile_for_cortex_m4(tmp_path: Path) -> None:
    folder = package(tmp_path, "cmsis-pack", target="cortex-m4")
    component, files = _component(folder, "first")
    assert component.get("condition") == "Cortex-M" and component.get("Csub") == "first"
    assert all(path.exists() for _, path in files)
    named = {path for category, path in files if category in ("source", "header")}
    assert named == {p for p in folder.rglob("*.[ch]")}
    core = [
        "-mcpu=cortex-m4",
        "-mthumb",
        "-ffreestanding",
        "-isystem",
        ROOT / "runtime_c/freestanding",
    ]
    run(tmp_path, "arm-none-eabi-gcc", *WARNINGS, *core, "-c", *c_files(folder))


def test_cmsis_pack_fits_the_schema(tmp_path: Path) -> None:
    schema = _schema("PACK.xsd")
    path = package(tmp_path, "cmsis-pack") / "hysteron.first.pdsc"
    run(tmp_path, "xmllint", "--noout", "--schema", schema, path)
    path.write_text(path.read_text().replace('Cversion="', 'Cversion="v', 1))
    done = subprocess.run(
        ["xmllint", "--noout", "--schema", str(schema), str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0 and "Cversion" in done.stderr


ARDUINO = Path("/usr/share/arduino/hardware")


def _sketch(folder: Path, sketch: Path) -> list[str]:
    """Build a sketch for an Arduino Mega with the libraries of a folder; return what it prints."""
    tool("arduino-builder"), tool("simavr")
    if not ARDUINO.is_dir():
        pytest.skip("no arduino-core-avr")
    (folder / "build").mkdir()
    printed = run(
        folder, "arduino-builder", "-compile", "-warnings", "all", "-hardware", ARDUINO,
        "-hardware", "/usr/share/arduino-builder", "-tools", "/usr/bin", "-libraries",
        folder / "libraries", "-fqbn", "arduino:avr:mega:cpu=atmega2560", "-build-path",
        folder / "build",
        # Debian's core reads a macro that avr-gcc 5.4 does not define for C++
        "-prefs=compiler.cpp.extra_flags=-DDECIMAL_DIG=10", sketch,
    )  # fmt: skip
    assert not [line for line in printed.splitlines() if "warning" in line and "libraries" in line]
    (image,) = (folder / "build").glob("*.elf")
    return _serial_output(image)


def _serial_output(image: Path) -> list[str]:
    """Return the lines an emulated ATmega2560 sends until its golden result, or for 30 s."""
    command = ["timeout", "30", tool("simavr"), "-m", "atmega2560", "-f", "16000000", str(image)]
    lines = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as machine:
        assert machine.stdout is not None
        for line in machine.stdout:  # simavr colours lines and shows line ends as dots
            lines.append(re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip("\n").rstrip("."))
            if "golden: " in line:
                break
        machine.terminate()
    return lines


@pytest.mark.parametrize("name", ["first", pytest.param("second", marks=pytest.mark.slow)])
def test_the_arduino_example_prints_the_golden_result_on_an_emulated_board(
    name: str, tmp_path: Path
) -> None:
    folder = package(tmp_path, "arduino", name, "atmega2560")
    shutil.unpack_archive(folder / f"{name}.zip", tmp_path / "libraries")
    assert not [p for p in (tmp_path / "libraries" / name).rglob("*") if p.is_symlink()]
    sketch = tmp_path / f"libraries/{name}/examples/{name}_golden/{name}_golden.ino"
    says_golden("\n".join(_sketch(tmp_path, sketch)), name)


@pytest.mark.slow
def test_one_arduino_sketch_uses_two_models(tmp_path: Path) -> None:
    for name in ("first", "second"):
        folder = package(tmp_path, "arduino", name, "atmega2560")
        shutil.unpack_archive(folder / f"{name}.zip", tmp_path / "libraries")
    for name in ("first", "second"):
        golden = tmp_path / f"libraries/{name}/examples/{name}_golden/golden.h"
        (tmp_path / "both").mkdir(exist_ok=True)
        words = r"\b(golden_\w+|GOLDEN_\w+)\b"
        text = re.sub(words, rf"{name}_\1", golden.read_text())
        (tmp_path / f"both/{name}_golden.h").write_text(text)
    parts = "".join(
        f"static {n}_ctx {n}_c;\nstatic {n}_input {n}_i;\nstatic {n}_output {n}_o;\n"
        f"static bool {n}_agrees()\n{{\n    {n}_golden_input(&{n}_i);\n"
        f"    return {n}_init(&{n}_c, NULL) == HYST_OK\n"
        f"        && {n}_run(&{n}_c, &{n}_i, &{n}_o) == HYST_OK && {n}_golden_agrees(&{n}_o);\n}}\n"
        for n in ("first", "second")
    )
    (tmp_path / "both/both.ino").write_text(
        "#include <first.h>\n#include <second.h>\n"
        '#include "first_golden.h"\n#include "second_golden.h"\n' + parts + "void setup()\n{\n"
        "    Serial.begin(115200);\n    bool ok = first_agrees() && second_agrees();\n"
        '    Serial.println(ok ? F("golden: ok") : F("golden: DIFFERENT"));\n}\nvoid loop()\n{\n}\n'
    )
    assert "golden: ok" in _sketch(tmp_path, tmp_path / "both/both.ino")
