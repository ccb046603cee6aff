"""Labelled images: scikit-learn's digits, and MNIST-like idx files. No torch.

idx files are read from the folder that the environment variable HYSTERON_DATA
names (``mnist/``, ``fashion-mnist/``); nothing is ever downloaded.
"""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hysteron.errors import InputError

ENVIRONMENT_VARIABLE = "HYSTERON_DATA"
IDX_SETS = ("mnist", "fashion-mnist")
_IDX_UINT8 = 0x08


class Split(NamedTuple):
    """Training and test data: images uint8 [n, h, w] or [n, h*w], labels uint8 [n]."""

    x_train: NDArray[np.uint8]
    y_train: NDArray[np.uint8]
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.uint8]


def digits_split() -> Split:
    """Return scikit-learn's digits, every third sample held out as the test set.

    Images are uint8 [n, 64] with values 0..16 (8 x 8 row by row); 1,198 samples
    to train on, 599 held out: those whose index leaves 2 when divided by 3. The
    split never changes. Raises InputError when scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise InputError(
            "the digits data comes with scikit-learn, which is not installed",
            fix="pip install scikit-learn",
        ) from error
    bunch = load_digits()
    images = np.asarray(bunch.data).astype(np.uint8)
    labels = np.asarray(bunch.target).astype(np.uint8)
    held_out = np.arange(len(labels)) % 3 == 2
    return Split(images[~held_out], labels[~held_out], images[held_out], labels[held_out])


def data_folder() -> Path | None:
    """Return the folder named by HYSTERON_DATA, or None where that is not set."""
    value = os.environ.get(ENVIRONMENT_VARIABLE, "")
    return Path(value) if value else None


def idx_split(name: str) -> Split:
    """Return the official training and test part of ``mnist`` or ``fashion-mnist``.

    Images are uint8 [60000, 28, 28] and [10000, 28, 28] with values 0..255.
    Raises InputError when the name is unknown, HYSTERON_DATA is not set, or a
    file is missing or damaged.
    """
    if name not in IDX_SETS:
        raise InputError(f"unknown data set '{name}'", wanted=" or ".join(IDX_SETS))
    folder = data_folder()
    if folder is None:
        raise InputError(
            f"{ENVIRONMENT_VARIABLE} is not set",
            where=name,
            fix=f"set it to the folder that holds {name}/train-images-idx3-ubyte.gz and the others",
        )
    parts = []
    for part in ("train", "t10k"):
        images = read_idx(folder / name / f"{part}-images-idx3-ubyte.gz")
        labels = read_idx(folder / name / f"{part}-labels-idx1-ubyte.gz")
        if len(images) != len(labels):
            raise InputError(
                "images and labels differ in number",
                where=f"{name} {part}",
                got=f"{len(images)} images, {len(labels)} labels",
            )
        parts += [images, labels]
    return Split(*parts)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the uint8 array of one gzip-compressed idx file, in its own shape.

    Raises InputError when the file is missing, not gzip, not an idx file of
    unsigned bytes, or shorter or longer than its header says.
    """
    try:
        raw = gzip.decompress(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError("no such file", where=str(path)) from error
    except (OSError, EOFError) as error:
        raise InputError(f"cannot be read as gzip: {error}", where=str(path)) from error
    if len(raw) < 4 or raw[:3] != bytes((0, 0, _IDX_UINT8)):
        raise InputError(
            "not an idx file", where=str(path), got=raw[:4].hex(), wanted="000008 and the rank"
        )
    rank = raw[3]
    header = 4 + 4 * rank
    if len(raw) < header:
        raise InputError("idx header is cut off", where=str(path), got=f"{len(raw)} bytes")
    shape = struct.unpack(f">{rank}I", raw[4:header])
    wanted = header + int(np.prod(shape, dtype=np.int64))
    if len(raw) != wanted:
        raise InputError(
            "idx data has the wrong length",
            where=str(path),
            got=f"{len(raw)} bytes",
            wanted=f"{wanted} bytes for shape {shape}",
        )
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)
