"""Builds packages of two small models with the tools of their ecosystems, or stand-ins for them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from net_maker import Maker

from hysteron.codegen.emit import write_project
from hysteron.codegen.packages import emit_packages
from hysteron.driver.compile import CompiledModel, Options, compile_model
from hysteron.driver.golden import with_golden

WARNINGS = "-std=c99 -pedantic -Wall -Wextra -Wconversion -Wshadow -Werror".split()

#: Zephyr's commands as far as a module and a sample use them, on plain CMake. Libraries are linked
#: whole, as Zephyr does.
ZEPHYR = """\
set(CMAKE_C_STANDARD 99)
foreach(file prj.conf)
  file(STRINGS ${CMAKE_SOURCE_DIR}/${file} lines REGEX "^CONFIG_")
  foreach(line ${lines} ${MORE_CONFIG})
    string(REGEX MATCH "^(CONFIG_[A-Z0-9_]+)=(.*)$" found "${line}")
    set(${CMAKE_MATCH_1} "${CMAKE_MATCH_2}")
  endforeach()
endforeach()
set_property(GLOBAL PROPERTY zephyr_libraries "")
macro(zephyr_library_named name)
  set(library ${name})
  enable_language(C)
  add_library(${name} STATIC)
  set_property(GLOBAL APPEND PROPERTY zephyr_libraries ${name})
endmacro()
macro(zephyr_library_sources)
  target_sources(${library} PRIVATE ${ARGN})
endmacro()
macro(zephyr_include_directories)
  include_directories(${ARGN})
  set_property(GLOBAL APPEND PROPERTY zephyr_includes ${ARGN})
endmacro()
macro(zephyr_library_compile_definitions)
  target_compile_definitions(${library} PRIVATE ${ARGN})
endmacro()
macro(zephyr_library_compile_options)
  target_compile_options(${library} PRIVATE ${ARGN})
endmacro()
macro(project name)
  _project(${name} ${ARGN})
  add_executable(app)
  set(number 0)
  foreach(module ${ZEPHYR_EXTRA_MODULES})
    math(EXPR number "${number} + 1")
    add_subdirectory(${module}/zephyr modules/${number})
  endforeach()
  get_property(libraries GLOBAL PROPERTY zephyr_libraries)
  get_property(includes GLOBAL PROPERTY zephyr_includes)
  target_include_directories(app PRIVATE ${includes})
  target_link_libraries(app PRIVATE -Wl,--whole-archive ${libraries} -Wl,--no-whole-archive)
endmacro()
"""

#: ESP-IDF's, likewise: every component is a library, main may use all, app_main is called.
ESP_IDF = """\
set(CMAKE_C_STANDARD 99)
macro(idf_component_register)
  cmake_parse_arguments(part "" "" "SRCS;INCLUDE_DIRS;PRIV_REQUIRES" ${ARGN})
  get_filename_component(COMPONENT_LIB ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  add_library(${COMPONENT_LIB} STATIC ${part_SRCS})
  target_include_directories(${COMPONENT_LIB} PUBLIC ${part_INCLUDE_DIRS})
endmacro()
macro(project name)
  _project(${name} C)
  set(names "")
  foreach(folder ${EXTRA_COMPONENT_DIRS} ${MORE_COMPONENT_DIRS})
    get_filename_component(folder ${folder} ABSOLUTE)
    get_filename_component(part ${folder} NAME)
    add_subdirectory(${folder} components/${part})
    list(APPEND names ${part})
  endforeach()
  add_subdirectory(main)
  target_link_libraries(main PUBLIC ${names})
  file(WRITE ${CMAKE_BINARY_DIR}/start.c
    "extern void app_main(void); int main(void) { app_main(); return 0; }")
  add_executable(app ${CMAKE_BINARY_DIR}/start.c)
  target_link_libraries(app PRIVATE main ${names})
endmacro()
"""


@cache
def small(name: str, target: str = "host-portable") -> CompiledModel:
    """Return a small net: "first" has a dense layer, "second" a convolution and a pool as well."""
    rng = np.random.default_rng(0 if name == "first" else 1)
    if name == "first":
        net = Maker([20], rng).dense(33).batch_norm().sign().dense(5)
    else:
        net = Maker([1, 6, 6], rng).conv(8, (3, 3)).batch_norm().sign().pool((2, 2), (2, 2))
        net = net.dense(12).batch_norm().sign().dense(4)
    options = Options(inputs=("uint8",), target=target, name=name)
    return with_golden(compile_model(net.model(), options), None)


def package(folder: Path, kind: str, name: str = "first", target: str = "host-portable") -> Path:
    """Write the package of a small net into ``folder``/``name`` and return that."""
    write_project(emit_packages(small(name, target).program, [kind]), folder / name)
    return folder / name


def c_files(folder: Path) -> list[Path]:
    """Return the C files that a package compiles."""
    return sorted((folder / "src").rglob("*.c"))


def tool(name: str) -> str:
    """Return the path of a tool, or skip."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name}")
    return found


def run(folder: Path, *command: object, **environment: str) -> str:
    """Run a command that must succeed; return what it printed."""
    tool(str(command[0]))
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env=os.environ | environment,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout + done.stderr


def expected(compiled: CompiledModel) -> tuple[str, str]:
    """Return the lines with class and scores that an example has to print."""
    golden = compiled.program.golden
    assert golden is not None and golden.scores is not None and golden.classes is not None
    scores = " ".join(str(int(value)) for value in golden.scores[0].ravel())
    return f"class {int(golden.classes[0])}", f"scores {scores}"


def says_golden(printed: str, name: str = "first") -> None:
    """Fail unless an example printed the interpreter's class and scores."""
    lines = [re.sub(r"^\d+: ", "", line.rstrip("\r")) for line in printed.splitlines()]  # ctest -V
    for line in ("status 0", *expected(small(name)), "golden: ok"):
        assert line in lines, (line, lines)
