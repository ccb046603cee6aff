"""The C decoders do what the NumPy decoders do, for words with any number of errors."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kernel_harness import WARNINGS

from hysteron._assets import asset_dir
from hysteron.memory.ecc import Secded, Status

_CODES = (Secded(4), Secded(32), Secded(64))
_SANITIZE = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")

#: Records of (code, low, high, check) in, (low, high, status, check bits of the data) out.
_MAIN = """
#include <stdio.h>
#include "hyst/ecc_secded.h"
int main(void)
{
    uint32_t in[4], out[4];
    while (fread(in, sizeof in, 1, stdin) == 1) {
        out[0] = in[1];
        out[1] = in[2];
        if (in[0] == 0u) {
            out[3] = hyst_ecc_check_8_4(in[1]);
            out[2] = hyst_ecc_decode_8_4(out, in[3]);
        } else if (in[0] == 1u) {
            out[3] = hyst_ecc_check_39_32(in[1]);
            out[2] = hyst_ecc_decode_39_32(out, in[3]);
        } else {
            out[3] = hyst_ecc_check_72_64(in + 1);
            out[2] = hyst_ecc_decode_72_64(out, in[3]);
        }
        fwrite(out, sizeof out, 1, stdout);
    }
    return 0;
}
"""


@pytest.fixture(
    scope="module",
    params=[("gcc", ("-O2",)), ("clang", ("-O2",)), ("gcc", _SANITIZE), ("clang", _SANITIZE)],
    ids=["gcc", "clang", "gcc-sanitized", "clang-sanitized"],
)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name, flags = request.param
    if shutil.which(name) is None:
        pytest.skip(f"needs {name}")
    folder = tmp_path_factory.mktemp(name)
    runtime = asset_dir("runtime_c")
    for source, text in (("main.c", _MAIN), ("empty.c", "int main(void) { return 0; }\n")):
        (folder / source).write_text(text)
    if (
        flags is _SANITIZE
        and subprocess.run(
            [name, *flags, "empty.c", "-o", "empty"], cwd=folder, capture_output=True, check=False
        ).returncode
    ):
        pytest.skip(f"{name} has no sanitizer runtime here")
    subprocess.run(
        [
            *(name, "-std=c99", *WARNINGS, *flags, f"-I{runtime / 'include'}"),
            *("main.c", str(runtime / "src/ecc_secded_portable.c"), "-o", "run"),
        ],
        cwd=folder, check=True, timeout=120,
    )  # fmt: skip
    return folder / "run"


def _pack(bits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return words (n, 2) of bits (n, up to 64), low half first."""
    padded = np.zeros((len(bits), 64), np.uint8)
    padded[:, : bits.shape[1]] = bits
    return np.packbits(padded, axis=1, bitorder="little").view("<u4")


def _compare(program: Path, code: Secded, words: np.ndarray[Any, Any], dirt: int = 0) -> set[int]:
    """Decode received words (n, word_bits) in C and NumPy; return the statuses that occurred.

    ``dirt`` sets bits above the data and check bits, which must be ignored and kept.
    """
    k = code.data_bits
    data, check = words[:, :k].astype(np.uint8), words[:, k:].astype(np.uint8)
    above = np.array([dirt << k & 0xFFFFFFFF, 0], np.uint32) if k < 32 else np.zeros(2, np.uint32)
    records = np.zeros((len(words), 4), "<u4")
    records[:, 0] = _CODES.index(code)
    records[:, 1:3] = _pack(data) | above
    records[:, 3] = _pack(check)[:, 0] | np.uint32(dirt << code.check_bits & 0xFFFFFFFF)
    done = subprocess.run(
        [program], input=records.tobytes(), capture_output=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    found = np.frombuffer(done.stdout, "<u4").reshape(-1, 4)
    wanted = code.decode(data, check)
    np.testing.assert_array_equal(found[:, :2], _pack(wanted.data) | above)
    np.testing.assert_array_equal(found[:, 2], wanted.status)
    np.testing.assert_array_equal(found[:, 3], _pack(code.encode(data))[:, 0])
    return set(found[:, 2].tolist())


@pytest.mark.parametrize("dirt", [0, 0x5A5A5A5, 0xFFFFFFF])
def test_every_word_of_the_8_4_code(program: Path, dirt: int) -> None:
    words = (np.arange(256)[:, None] >> np.arange(8)) & 1
    assert _compare(program, _CODES[0], words, dirt) == set(Status)


@pytest.mark.parametrize("code", _CODES[1:], ids=lambda code: code.name)
def test_every_single_and_double_error(program: Path, code: Secded) -> None:
    rng = np.random.default_rng(0)
    n = code.word_bits
    flips = np.zeros((1 + n + n * (n - 1) // 2, n), np.uint8)
    flips[1 : n + 1] = np.eye(n)
    pairs = np.array(list(itertools.combinations(range(n), 2)))
    flips[n + 1 + np.arange(len(pairs))[:, None], pairs] = 1
    for stored in rng.integers(0, 2, (4, code.data_bits)).astype(np.uint8):
        word = np.concatenate((stored, code.encode(stored[None])[0]))
        assert _compare(program, code, word ^ flips, dirt=0xABCDEF) == set(Status)


@pytest.mark.parametrize("code", _CODES[1:], ids=lambda code: code.name)
def test_any_bits_at_all(program: Path, code: Secded) -> None:
    rng = np.random.default_rng(1)
    words = rng.integers(0, 2, (100_000, code.word_bits))
    words[0], words[1] = 0, 1
    assert _compare(program, code, words) == set(Status)
