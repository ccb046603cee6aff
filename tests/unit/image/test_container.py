"""The container: Python and C agree, and the C parser survives every damage."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hand_built import convolutional
from hypothesis import given
from hypothesis import strategies as st

from hysteron.codegen.emit import emit_project
from hysteron.errors import InputError
from hysteron.image.container import pack_container, unpack_container

_PROGRAM = convolutional(0, name="net", regions={"weights": "rram"})
_GOOD = pack_container(_PROGRAM.layout, _PROGRAM.images)

# Reads records (u32 length, bytes); prints one status each, opened from an exact heap block.
_HARNESS = """
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "net.h"
int main(int argc, char **argv)
{
    FILE *file = fopen(argv[argc - 1], "rb");
    unsigned char length[4];
    while (file != NULL && fread(length, 1, 4, file) == 4) {
        size_t n = length[0] | length[1] << 8 | length[2] << 16 | (size_t)length[3] << 24;
        void *data = malloc(n > 0 ? n : 1);
        net_images images;
        memset(&images, 0, sizeof images);
        if (fread(data, 1, n, file) != n) return 1;
        hyst_status status = net_open(data, n, &images);
        printf("%d %d\\n", status, status == HYST_OK ? net_check_image(&images) : 0);
        free(data);
    }
    return 0;
}
"""


def _damaged(count: int) -> list[bytes]:
    rng = np.random.default_rng(0)
    found = [_GOOD[:n] for n in (0, 1, 39, 40, 47, 48, 60, len(_GOOD) - 1)]
    found += [_GOOD + b"\0" * 8, rng.bytes(len(_GOOD))]
    for _ in range(count):
        data = bytearray(_GOOD)
        at = int(rng.integers(len(data) if rng.random() < 0.5 else 120))
        data[at] ^= 1 << int(rng.integers(8))
        found.append(bytes(data))
    found += [_GOOD[: int(rng.integers(len(_GOOD)))] for _ in range(count)]
    return found


def _header_bytes() -> int:
    return len(_GOOD) - sum(len(image) for image in _PROGRAM.images.values())


def test_python_takes_back_what_it_packed() -> None:
    assert unpack_container(_GOOD, _PROGRAM.layout) == dict(_PROGRAM.images)


@given(st.binary(max_size=400))
def test_python_refuses_arbitrary_bytes_with_an_input_error(data: bytes) -> None:
    with pytest.raises(InputError, match="container refused"):
        unpack_container(data, _PROGRAM.layout)


def test_python_refuses_every_flipped_bit_that_carries_meaning() -> None:
    layout = _PROGRAM.layout
    meaning = 48 + 4 * (len(layout.regions) + len(layout.sections) + 1)
    for data in _damaged(200)[10:210]:
        at = next(i for i, (a, b) in enumerate(zip(data, _GOOD, strict=True)) if a != b)
        if meaning <= at < _header_bytes():
            continue
        with pytest.raises(InputError, match="container refused"):
            unpack_container(data, layout)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_c_parser_is_total_under_sanitizers(compiler: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    for path, content in emit_project(_PROGRAM).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    (tmp_path / "harness.c").write_text(_HARNESS)
    sources = ["harness.c", "net_image.c", "src/container.c", "src/crc32.c"]
    flags = ["-std=c99", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-I."]
    (tmp_path / "probe.c").write_text("int main(void) { return 0; }\n")
    probe = [compiler, *flags, "probe.c", "-o", "probe"]
    if subprocess.run(probe, cwd=tmp_path, capture_output=True, check=False).returncode:
        pytest.skip(f"{compiler} has no sanitizer runtime (Debian: libclang-rt-dev)")
    subprocess.run([compiler, *flags, *sources, "-o", "harness"], cwd=tmp_path, check=True)
    records = [_GOOD, *_damaged(300)]
    blob = b"".join(len(one).to_bytes(4, "little") + one for one in records)
    (tmp_path / "records").write_bytes(blob)
    done = subprocess.run(
        ["./harness", "records"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[:2000]
    answers = done.stdout.splitlines()
    assert len(answers) == len(records) and answers[0] == "0 0"
    for record, answer in zip(records[1:], answers[1:], strict=True):
        try:
            unpack_container(record, _PROGRAM.layout)
            accepted = True
        except InputError:
            accepted = False
        assert accepted == answer.startswith("0 "), answer
