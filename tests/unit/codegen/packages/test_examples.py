"""The example of a package, for every sort of input and output: it prints what is golden, and sees
what is not."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hand_built import Builder, mlp, protected, real, with_vectors

from hysteron.codegen.emit import write_project
from hysteron.codegen.packages import emit_packages
from hysteron.image.program import Program
from hysteron.ir.types import TensorType

pytestmark = pytest.mark.kernels


def _floats() -> Program:
    return with_vectors(real(0))


def _protected() -> Program:
    return with_vectors(protected(mlp(0), "triplicate"))


def _bits_without_a_class() -> Program:
    build = Builder(0, TensorType("b1", (40,)))
    (sums,) = build.add("xnor_dense", "v0", build.const("b1", 6, 40))
    return with_vectors(build.program(sums, None))


def _check(program: Program, folder: Path) -> subprocess.CompletedProcess[str]:
    write_project(emit_packages(program, ["makefile"]), folder)
    return subprocess.run(
        ["make", "-s", "check", "CFLAGS=-std=c99 -O1 -Wall -Wextra -Werror"], cwd=folder,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("make", [_floats, _protected, _bits_without_a_class])
def test_it_prints_the_golden_scores(make: Callable[[], Program], tmp_path: Path) -> None:
    program = make()
    done = _check(program, tmp_path / "net")
    assert done.returncode == 0 and "golden: ok" in done.stdout, done.stderr
    assert program.golden is not None and program.golden.scores is not None
    match = re.search(r"^scores (.*)$", done.stdout, re.MULTILINE)
    assert match is not None
    printed = np.array(match[1].split(), dtype=program.golden.scores.dtype)
    np.testing.assert_array_equal(printed, program.golden.scores[0].ravel())
    assert ("class " in done.stdout) == (program.output.winner is not None)


@pytest.mark.parametrize("what", ["scores", "classes"])
def test_it_says_when_the_result_is_another(what: str, tmp_path: Path) -> None:
    program = with_vectors(mlp(0))
    golden = program.golden
    assert golden is not None and golden.scores is not None and golden.classes is not None
    wrong = replace(golden, **{what: getattr(golden, what) + 1})
    done = _check(replace(program, golden=wrong), tmp_path / "net")
    assert done.returncode != 0
    (tmp_path / "net/tiny_selftest").write_text("#!/bin/sh\n")  # make goes on to the example
    done = subprocess.run(
        ["make", "-s", "check", "-o", "tiny_selftest"], cwd=tmp_path / "net", capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0 and "golden: DIFFERENT" in done.stdout
