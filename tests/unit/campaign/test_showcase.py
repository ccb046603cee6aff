"""docs/showcase.md says what docs/figures/knee.json gives, and that comes from these models."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

_DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(scope="module")
def study() -> ModuleType:
    spec = importlib.util.spec_from_file_location("knee_study", _DOCS / "figures/knee.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_the_showcase_is_what_the_campaigns_gave(study: ModuleType) -> None:
    results = json.loads(study.RESULTS.read_text("utf-8"))
    text = (_DOCS / "showcase.md").read_text("utf-8")
    missing = [line for line in study.table(results).splitlines() if line not in text]
    assert missing == []


def test_the_campaigns_ran_the_models_of_this_tree(study: ModuleType) -> None:
    results = json.loads(study.RESULTS.read_text("utf-8"))
    ours = [name for name in results if (study.MODELS / name).is_dir()]
    assert len(ours) >= 15
    for name in ours:
        content = (study.MODELS / name / f"{name}.onnx").read_bytes()
        assert hashlib.sha256(content).hexdigest() == results[name]["sha256"], name


@pytest.mark.slow
def test_a_campaign_run_again_gives_the_same_integers(
    study: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = json.loads(study.RESULTS.read_text("utf-8"))["digits_cnn"]
    monkeypatch.setattr(study, "RESULTS", tmp_path / "knee.json")
    monkeypatch.setattr(study, "STORES", tmp_path)
    study.run("digits_cnn", chips=3)
    found = json.loads(study.RESULTS.read_text("utf-8"))["digits_cnn"]
    assert found["reference_correct"] == kept["reference_correct"]
    assert found["correct_per_chip"] == [row[:3] for row in kept["correct_per_chip"]]
