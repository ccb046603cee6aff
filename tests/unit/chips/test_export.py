"""Exported chips replay to the same bytes, and every file holds them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hand_built import convolutional, mlp

from hysteron.chips.draw import apply, faults
from hysteron.chips.export import intel_hex, load_faults, write_chip
from hysteron.errors import InputError
from hysteron.memory.channel import Channel

_PROGRAM = convolutional(1)
_CHANNELS = {s.name: Channel.symmetric(0.02) for s in _PROGRAM.layout.sections}
_FAULTS = faults(_PROGRAM.layout, _PROGRAM.images, _CHANNELS, 1, 2)
_CHIP = apply(_PROGRAM.layout, _PROGRAM.images, _FAULTS)


def _written(folder: Path) -> Path:
    write_chip(folder, _PROGRAM.layout, _CHIP, _FAULTS, {"seed": 1, "chip": 2})
    return folder


def _from_hex(text: str) -> bytes:
    data, base = bytearray(), 0
    for line in text.splitlines():
        record = bytes.fromhex(line[1:])
        assert line[0] == ":" and sum(record) % 256 == 0
        length, address, kind = record[0], int.from_bytes(record[1:3], "big"), record[3]
        body = record[4 : 4 + length]
        if kind == 4:
            base = int.from_bytes(body, "big") << 16
        elif kind == 0:
            assert len(data) == base + address
            data += body
    return bytes(data)


def test_the_fault_list_replays_to_the_exported_bytes(tmp_path: Path) -> None:
    folder = _written(tmp_path / "chip")
    replayed = apply(
        _PROGRAM.layout, _PROGRAM.images, load_faults(folder / "faults.json", _PROGRAM.layout)
    )
    assert replayed == _CHIP
    assert (folder / "region0.bin").read_bytes() == _CHIP["main"]


def test_hex_and_c_hold_the_same_bytes(tmp_path: Path) -> None:
    folder = _written(tmp_path / "chip")
    assert _from_hex((folder / "region0.hex").read_text()) == _CHIP["main"]
    words = re.findall(r"0x([0-9a-f]{8})u", (folder / "region0.c").read_text())
    assert b"".join(int(w, 16).to_bytes(4, "little") for w in words) == _CHIP["main"]


def test_hex_addresses_go_beyond_64_kib() -> None:
    data = np.random.default_rng(0).bytes(200_000)
    assert _from_hex(intel_hex(data)) == data


def test_a_fault_list_of_another_layout_is_refused(tmp_path: Path) -> None:
    folder = _written(tmp_path / "chip")
    with pytest.raises(InputError, match="another image layout"):
        load_faults(folder / "faults.json", mlp(0).layout)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"layout_id": 1, "faults": {"a": {"cell": [1]}}}']
)
def test_what_is_no_fault_list_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text(text)
    with pytest.raises(InputError, match="not a fault list"):
        load_faults(path, _PROGRAM.layout)


def test_entries_of_different_length_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    entry = {"layer_0_weights": {"cell": [1, 2], "planes": [1]}}
    path.write_text(json.dumps({"layout_id": _PROGRAM.layout.layout_id.hex(), "faults": entry}))
    with pytest.raises(InputError, match="differ in number"):
        load_faults(path, _PROGRAM.layout)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="did not write"):
        _written(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
