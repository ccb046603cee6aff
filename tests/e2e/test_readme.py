"""Every command README shows works: hysteron's are run, make's exist."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]


def _commands() -> list[str]:
    """Return the command lines of README's code blocks, without prompt and comment."""
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", (_ROOT / "README.md").read_text(), re.M | re.S)
    lines = (line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines())
    return [line.partition("  #")[0] for line in lines if re.match(r"(hysteron|make) ", line)]


def test_readme_shows_commands() -> None:
    assert {"hysteron demo", "make demo"} <= set(_commands())


@pytest.mark.parametrize("command", [line for line in _commands() if line.startswith("make ")])
def test_make_targets_in_readme_exist(command: str) -> None:
    makefile = (_ROOT / "Makefile").read_text()
    for target in shlex.split(command)[1:]:
        assert re.search(rf"^{re.escape(target)}:.*## ", makefile, re.M), target


@pytest.mark.slow
def test_hysteron_commands_in_readme_run_in_order_in_one_folder(tmp_path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(_ROOT / "compiler")}
    for command in _commands():
        if not command.startswith("hysteron "):
            continue
        run = "import sys; from hysteron.cli import main; sys.exit(main())"
        done = subprocess.run(
            [sys.executable, "-c", run, *shlex.split(command)[1:]],
            cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
