"""The digits split never changes; idx files are read exactly or refused."""

from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

from hysteron.errors import InputError
from hysteron.training import data

IDX_BYTES = struct.pack(">4B3I", 0, 0, 8, 3, 2, 3, 4) + bytes(range(24))


def _rows(images: np.ndarray) -> set[bytes]:
    return {row.tobytes() for row in images}


def test_digits_split_has_fixed_sizes_types_and_range() -> None:
    split = data.digits_split()
    assert split.x_train.shape == (1198, 64)
    assert split.x_test.shape == (599, 64)
    assert split.y_train.shape == (1198,)
    assert split.y_test.shape == (599,)
    assert {part.dtype for part in split} == {np.dtype(np.uint8)}
    assert (split.x_test.min(), split.x_test.max()) == (0, 16)
    assert set(split.y_test) == set(split.y_train) == set(range(10))


def test_digits_split_is_the_same_every_time() -> None:
    first, second = data.digits_split(), data.digits_split()
    for left, right in zip(first, second, strict=True):
        np.testing.assert_array_equal(left, right)


def test_digits_test_set_is_the_one_the_models_were_measured_on() -> None:
    split = data.digits_split()
    digest = hashlib.sha256(split.x_test.tobytes() + split.y_test.tobytes()).hexdigest()
    assert digest == "69e9399a4f22455c95e3b64a5fd5fd644d26d0760565a10bd7e83c1d28be31d9"


def test_digits_parts_are_disjoint_and_complete() -> None:
    split = data.digits_split()
    assert not _rows(split.x_train) & _rows(split.x_test)
    assert len(split.y_train) + len(split.y_test) == 1797


def test_idx_file_is_read_in_its_own_shape(tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(IDX_BYTES))
    expected = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    np.testing.assert_array_equal(data.read_idx(path), expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not gzip at all", "cannot be read as gzip"),
        (gzip.compress(IDX_BYTES)[:-12], "cannot be read as gzip"),
        (gzip.compress(b"\0\0\x0d\x01" + bytes(8)), "not an idx file; got 00000d01"),
        (gzip.compress(b"\0\0\x08\x03\0"), "idx header is cut off"),
        (gzip.compress(IDX_BYTES[:-1]), "39 bytes; wanted 40 bytes"),
        (gzip.compress(IDX_BYTES + b"x"), "41 bytes; wanted 40 bytes"),
    ],
    ids=["text", "cut-gzip", "float-idx", "cut-header", "short", "long"],
)
def test_damaged_idx_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "damaged.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        data.read_idx(path)


def test_missing_idx_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(data.ENVIRONMENT_VARIABLE, str(tmp_path))
    with pytest.raises(InputError, match=r"train-images-idx3-ubyte\.gz: no such file"):
        data.idx_split("mnist")


def test_unset_variable_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(data.ENVIRONMENT_VARIABLE, raising=False)
    with pytest.raises(InputError, match="HYSTERON_DATA is not set"):
        data.idx_split("mnist")


def test_unknown_data_set_lists_the_known_ones() -> None:
    with pytest.raises(
        InputError, match="unknown data set 'emnist'; wanted mnist or fashion-mnist"
    ):
        data.idx_split("emnist")
