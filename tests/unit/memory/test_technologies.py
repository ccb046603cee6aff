"""Every technology file loads, is sourced and yields channels; wrong ones are refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from hysteron import cli
from hysteron._assets import asset_dir
from hysteron.errors import InputError
from hysteron.memory.load import load_technology, technology_names

_NAMES = technology_names()


def _run(argv: list[str]) -> int:
    with pytest.raises(SystemExit) as done:
        cli.main(argv)
    return int(done.value.code or 0)


@pytest.mark.parametrize("name", _NAMES)
def test_every_technology_yields_channels_at_its_defaults_and_range_ends(name: str) -> None:
    memory = load_technology(name)
    kinds = [levels for levels in (2, 3, 4) if memory.stores(levels)]
    assert kinds and memory.name == name and memory.cells_per_bit > 0
    for levels in kinds:
        assert memory.channel(levels).levels == levels
        for condition in memory.conditions:
            for value in (condition.low, condition.high):
                try:
                    rate = memory.channel(levels, {condition.name: value}).error_rate()
                except InputError as error:  # contradicts another default, and says so
                    assert "not above the low one" in str(error) or "too large" in str(error)
                else:
                    assert 0.0 <= rate <= 1.0
    assert all(math.isfinite(value) for value in memory.derived().values())


@pytest.mark.parametrize("name", _NAMES)
def test_every_number_has_source_and_status(name: str) -> None:
    memory = load_technology(name)
    listed = [(c.source, c.status) for c in memory.conditions]
    listed += [(q.source, q.status) for q in memory.quantities]
    for source, status in listed:
        assert len(source) > 5
        assert status in {"measured", "published", "derived", "assumption"}


@pytest.mark.parametrize("name", _NAMES)
def test_no_shipped_energy_claims_joules(name: str) -> None:
    energy = load_technology(name).energy()
    assert energy is None or (not energy.absolute and energy.program > 0 and energy.reference)


def test_ideal_memory_never_errs() -> None:
    for levels in (2, 3, 4):
        assert load_technology("ideal").channel(levels).error_rate() == 0.0
    with pytest.raises(InputError, match=r"unknown condition x.*stuck_at_rate"):
        load_technology("ideal").channel(2, {"x": 1.0})


def test_unknown_memory_lists_the_known_ones_and_the_nearest() -> None:
    with pytest.raises(InputError, match=r"unknown memory 'st-mra'.*ideal.*did you mean 'st-mram'"):
        load_technology("st-mra")


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        (
            "[delta]\ndefault",
            "[delta]\ndefalt",
            r"delta: unknown key \['defalt'\]; allowed:.*default",
        ),
        ("[delta]", "[dleta]", r"unknown key \['dleta'\]; allowed"),
        ('source = "assumption: where Delta is given"\n', "", "missing required field `source`"),
        ('source = "assumption: where Delta is given"', 'source = " "', "empty source"),
        ('status = "derived"', 'status = "known"', "Invalid enum value 'known'"),
        ('status = "derived"\n', "", "missing required field `status`"),
        ("value = 1.1", "value = nan", "relaxation_time_ns: value: not a finite number"),
        ("value = 1.1", "value = 0.0", "relaxation_time_ns must be above 0"),
        ("value = 1.1", 'value = "1.1 ns"', "Expected `float`"),
        ("default = 60.0", "default = 30.0", "default outside its range.*40, 30, 80"),
        ("schema = 1", "schema = 2", "Invalid enum value 2"),
        ("schema = 1", "schema =", "cannot be read as TOML"),
        ('physics = "st-mram"', 'physics = "sram"', "unknown physics.*'sram'.*st-mram"),
        ('name = "st-mram"', 'name = "x"', "name and file name differ"),
        ("low = 1.3", "low = 0.9", "write_current_ratio must be above 1"),
    ],
)
def test_wrong_technology_files_are_one_clear_error(
    tmp_path: Path, old: str, new: str, match: str
) -> None:
    text = (asset_dir("targets") / "memory" / "st-mram.toml").read_text()
    assert old in text
    path = tmp_path / "st-mram.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=match):
        load_technology(str(path))


def test_probabilities_outside_0_to_1_are_refused(tmp_path: Path) -> None:
    name = "hfo2-rram-2t2r-ternary"
    text = (asset_dir("targets") / "memory" / f"{name}.toml").read_text()
    path = tmp_path / f"{name}.toml"
    start = text.index("[error_probability]")
    path.write_text(text[:start] + text[start:].replace("high = 1.0", "high = 1.5", 1))
    with pytest.raises(InputError, match=r"error_probability: not a probability; got 1.5"):
        load_technology(str(path))


def test_the_command_lists_and_explains(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(["memories", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in listed["memories"]] == _NAMES
    assert _run(["memories"]) == 0
    assert "st-mram" in capsys.readouterr().out


@pytest.mark.parametrize("name", _NAMES)
def test_the_command_explains_every_number_with_status_and_source(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(["memories", name, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    memory = load_technology(name)
    assert record["command"] == "memories" and record["formula"] == memory.formula
    assert {c["name"] for c in record["conditions"]} == {c.name for c in memory.stated}
    assert all(q["source"] and q["status"] for q in record["quantities"])


def test_the_command_shows_assumptions_and_a_curve(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(["memories", "hfo2-rram-2t2r"]) == 0
    text = capsys.readouterr().out
    assert "assumption" in text and "█" in text and "hrs_spread" in text


def test_the_command_plots(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.png"
    assert _run(["memories", "hfo2-rram-1t1r", "-o", str(path)]) == 0
    assert path.read_bytes()[:4] == b"\x89PNG"
    assert _run(["memories", "ideal", "-o", str(path)]) == 2
    assert _run(["memories", "st-mram", "-o", str(tmp_path / "p.docx")]) == 2
    assert _run(["memories", "nothing"]) == 2
    assert "unknown memory 'nothing'" in capsys.readouterr().err
