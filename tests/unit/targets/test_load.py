"""Every target file loads; a wrong one is refused with what would be right."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from hysteron._assets import asset_dir
from hysteron.errors import TargetError
from hysteron.targets import (
    Isa,
    Mcu,
    cpu_features,
    known,
    load_file,
    load_isa,
    load_mcu,
    load_target,
    schema,
)


@pytest.mark.parametrize("name", known("target"))
def test_every_target_loads_and_knows_where_it_runs(name: str) -> None:
    target = load_target(name)
    assert target.name == name
    assert target.isa.kernel_suffixes[-1] == "portable"
    assert target.is_host == (target.memory is None)


@pytest.mark.parametrize("name", known("mcu"))
def test_every_number_of_every_part_is_plausible_and_names_its_source(name: str) -> None:
    mcu = load_mcu(name)
    for key, number in mcu.numbers():
        assert len(number.source) > 10, key
        assert number.value > 0 or key.endswith((".base", ".read_wait_states")), key
        # A guess says so in words, and only a guess does.
        assert (number.status == "assumption") == number.source.startswith("assumption: "), key
    assert 1_000_000 <= mcu.clock_hz.value <= 2_000_000_000


@pytest.mark.parametrize("name", known("mcu"))
def test_no_part_has_overlapping_memories_of_one_address_space(name: str) -> None:
    # On AVR, code and data are two address spaces.
    spans = sorted(
        (region.base.value, region.base.value + region.size_bytes.value)
        for region in load_mcu(name).regions
        if region.use != "code" or not load_mcu(name).isa.startswith("avr")
    )
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert spans[-1][1] <= 1 << 32


@pytest.mark.parametrize(
    ("name", "technology"),
    [
        ("nrf54l15", "rram"),
        ("apollo510", "mram"),
        ("alif-e7", "mram"),
        ("ra8p1", "mram"),
        ("nrf51822", "flash"),
        ("rp2040", "external-flash"),
    ],
)
def test_code_lives_in_the_part_s_own_memory_technology(name: str, technology: str) -> None:
    assert load_mcu(name).region("code").technology == technology


def test_a_part_brings_its_own_memory_map() -> None:
    memory = load_target("nrf51822").memory
    assert memory == schema.MemoryMap(0, 256 * 1024, 0x2000_0000, 16 * 1024)


def test_unknown_target_lists_the_known_ones_and_the_nearest() -> None:
    with pytest.raises(
        TargetError, match=r"unknown target 'cortex-m5'.*host.*did you mean 'cortex"
    ):
        load_target("cortex-m5")


def test_unknown_key_lists_the_allowed_ones(tmp_path: Path) -> None:
    text = (asset_dir("targets") / "mcu" / "nrf51822.toml").read_text()
    path = tmp_path / "nrf51822.toml"
    path.write_text(text.replace("technology", "tecnology", 1))
    with pytest.raises(TargetError, match=r"regions\[0\].*\['tecnology'\].*'technology'"):
        load_file(path, Mcu)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("word_bits = 32", "word_bits = 33", r"Invalid enum value 33.*word_bits"),
        ("schema = 1", "schema = 2", r"Invalid enum value 2"),
        ('name = "cortex-m0"', 'name = "other"', r"name and file name differ"),
        ("word_bits = 32\n", "", r"missing required field `word_bits`"),
        ("schema = 1", "schema = ", r"cannot be read as TOML"),
    ],
)
def test_a_damaged_isa_file_is_refused(tmp_path: Path, old: str, new: str, match: str) -> None:
    text = (asset_dir("targets") / "isa" / "cortex-m0.toml").read_text()
    path = tmp_path / "cortex-m0.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(TargetError, match=match):
        load_file(path, Isa)


def test_host_is_the_fastest_set_this_processor_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HYSTERON_ISA", raising=False)
    ranked = ("host-avx512", "host-avx2", "host-portable")  # own kernels beat flags
    wanted = next(name for name in ranked if set(load_isa(name).cpu_features) <= cpu_features())
    assert load_target("host").isa.name == wanted


def test_environment_forces_the_portable_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYSTERON_ISA", "portable")
    assert load_target("host").isa.name == "host-portable"


def test_environment_with_an_unknown_set_lists_the_known_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HYSTERON_ISA", "sse9")
    with pytest.raises(
        TargetError, match=r"HYSTERON_ISA.*'sse9'.*avx2, avx512, portable, x86-64-v3"
    ):
        load_target("host")


def test_forcing_a_set_the_processor_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYSTERON_ISA", "avx2")
    monkeypatch.setattr("hysteron.targets.load.cpu_features", frozenset)
    with pytest.raises(TargetError, match=r"lacks avx2, popcnt.*HYSTERON_ISA=portable"):
        load_target("host")
    monkeypatch.delenv("HYSTERON_ISA")
    assert load_target("host").isa.name == "host-portable"
