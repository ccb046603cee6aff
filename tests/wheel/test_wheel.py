"""What a user of the installed package does: build the wheel, install it, run it elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Installed:
    """A virtual environment with the wheel in it; dependencies come from the test's own."""

    folder: Path
    wheel: Path

    def run(self, *command: str, **env: str) -> str:
        kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "CI")}
        done = subprocess.run(
            [str(self.folder / "bin" / command[0]), *command[1:]],
            cwd=self.folder, env=kept | env, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(_ROOT)],
        check=True, timeout=300,
    )  # fmt: skip
    (wheel,) = folder.glob("hysteron-*.whl")
    place = folder / "env"
    venv.create(place, with_pip=False)
    (site,) = place.glob("lib/python*/site-packages")
    into = ["--python", str(place / "bin/python")]
    subprocess.run(
        [*pip, *into, "install", "--no-deps", "--ignore-installed", str(wheel)],
        check=True, timeout=300,
    )  # fmt: skip
    # Last on the path, so that the wheel's own copy of hysteron is the one imported.
    (site / "zz_dependencies.pth").write_text(_dependency_folder() + "\n")
    return Installed(place, wheel)


def _dependency_folder() -> str:
    import numpy

    return str(Path(numpy.__file__).parents[1])


def test_wheel_holds_the_data_folders_and_the_type_marker(installed: Installed) -> None:
    names = set(zipfile.ZipFile(installed.wheel).namelist())
    assert "hysteron/py.typed" in names
    for needed in (
        "hysteron/_assets/targets/isa/cortex-m0.toml",
        "hysteron/_assets/runtime_c/freestanding/mem.c",
        "hysteron/_assets/runtime_c/LICENSE",
    ):
        assert needed in names
    assert any(name.endswith("model.toml") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "compiler/"))]


def test_every_template_and_c_source_of_the_checkout_is_in_the_wheel(installed: Installed) -> None:
    names = set(zipfile.ZipFile(installed.wheel).namelist())
    templates = (_ROOT / "compiler").rglob("*.j2")
    sources = [p for s in ("*.c", "*.h") for p in (_ROOT / "runtime_c").rglob(s)]
    wanted = {str(p.relative_to(_ROOT / "compiler")) for p in templates}
    wanted |= {f"hysteron/_assets/{p.relative_to(_ROOT)}" for p in sources}
    assert wanted
    assert not wanted - names


def test_assets_are_found_inside_the_installed_package(installed: Installed) -> None:
    code = (
        "import json, hysteron, hysteron._assets as a;"
        "print(json.dumps([hysteron.__file__,"
        " *(str(a.asset_dir(k)) for k in ('runtime_c', 'targets', 'models'))]))"
    )
    paths = json.loads(installed.run("python", "-c", code))
    assert all(path.startswith(str(installed.folder)) for path in paths), paths


def test_the_command_explains_itself_and_lists_its_targets(installed: Installed) -> None:
    assert "compile" in installed.run("hysteron", "--help")
    listed = installed.run("hysteron", "targets", "--json")
    assert json.loads(listed)["command"] == "targets"
    assert "cortex-m4" in listed
