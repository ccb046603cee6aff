"""A part outside of the package is its file: it runs like a built-in one, or says what is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hysteron._assets import asset_dir
from hysteron.errors import TargetError
from hysteron.targets import known, load_target

PART = "nrf51822"
TEXT = (asset_dir("targets") / "mcu" / f"{PART}.toml").read_text()


def _file(folder: Path, text: str, name: str = "mine") -> str:
    path = folder / f"{name}.toml"
    path.write_bytes(text.replace(f'name = "{PART}"', f'name = "{name}"').encode())
    return str(path)


def test_the_file_of_a_part_is_the_same_target_as_the_built_in_one(tmp_path: Path) -> None:
    mine, built_in = load_target(_file(tmp_path, TEXT)), load_target(PART)
    assert mine.name == "mine" and mine.isa == built_in.isa and mine.memory == built_in.memory


def test_a_relative_path_is_a_file_and_a_plain_name_never_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _file(tmp_path, TEXT)
    monkeypatch.chdir(tmp_path)
    assert load_target("mine.toml").name == "mine"
    for name in ("mine", "./mine", "../mine", "mine.toml/", "", "\x1b[31m"):
        with pytest.raises(TargetError, match=r"unknown target.*ends in \.toml|did you mean"):
            load_target(name)


@pytest.mark.parametrize("isa", [isa for isa in known("isa") if load_target(isa).is_host])
def test_a_part_is_never_this_machine(tmp_path: Path, isa: str) -> None:
    with pytest.raises(TargetError, match="would be this machine"):
        load_target(_file(tmp_path, TEXT.replace('isa = "cortex-m0"', f'isa = "{isa}"')))


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ('isa = "cortex-m0"', 'isa = "../isa/cortex-m0"', "unknown isa"),
        ('title = "', 'title = "\\u001b[2J', "control characters"),
        ('title = "', 'title = "two\\nlines ', "control characters"),
        ("0x0000_0000", "-4", "outside of the 32-bit"),
        ("0x2000_0000", "0x1_0000_0000", "outside of the 32-bit"),
        ("0x2000_0000", "0x0000_1000", "overlap"),
        ("value = 262_144", "value = 0", "outside of the 32-bit"),
        ("value = 262_144", "value = 0x1000_0001", "too large to link into"),
        ("value = 262_144", "value = 1e5", "got `float`"),
        ("value = 262_144", "value = " + "9" * 5000, "cannot be read as TOML"),
        ('use = "code"', 'use = "extra"', "no region with use = 'code'"),
        ('use = "data"', 'use = "stack"', "Invalid enum value 'stack'"),
        (f'name = "{PART}"', f'name = "{"x" * 5000}"', "name and file name differ"),
        ('isa = "cortex-m0"', f'isa = "{"x" * 5000}"', "unknown isa"),
        ("schema = 1", "schema = 1\n" + "k" * 5000 + " = 1", "unknown key"),
        ("schema = 1", "schema = 1\nlinker_script = 'x'", r"unknown key \['linker_script'\]"),
        ("schema = 1", "schema = 1\nnotes = " + "[" * 5000, "cannot be read as TOML"),
        ("schema = 1", "schema = 1\n#" + "x" * (1 << 20), "more than 1,048,576 bytes"),
        ("value = 16_000_000", "value = 0", "clock_hz is not positive"),
    ],
)
def test_a_wrong_or_hostile_file_is_one_error(
    tmp_path: Path, old: str, new: str, match: str
) -> None:
    assert old in TEXT
    with pytest.raises(TargetError, match=match) as error:
        load_target(_file(tmp_path, TEXT.replace(old, new, 1)))
    assert len(error.value.message()) < 1000


def test_a_file_that_is_none_is_one_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "bytes.toml").write_bytes(b"\xff\x00")
    for name in ("pipe", "folder", "bytes", "absent"):
        with pytest.raises(TargetError, match="cannot be read as TOML"):
            load_target(str(tmp_path / f"{name}.toml"))


@pytest.mark.parametrize("name", ["*", "a b", "ä", "A", "x\ny", "[red]", "x" * 65, ".hidden"])
def test_a_name_that_could_not_be_shown_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TargetError, match="unusable name of a part"):
        load_target(_file(tmp_path, TEXT, name))
