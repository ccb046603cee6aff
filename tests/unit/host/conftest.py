"""Makes the helper module importable in any pytest import mode; keeps compiled files apart."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "codegen"))


@pytest.fixture(scope="session", autouse=True)
def _compiled_files_stay_here(tmp_path_factory: pytest.TempPathFactory) -> object:
    """Share one compile cache among the tests of a run, away from the user's."""
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "compiled"))
    yield
    patch.undo()
