"""The parent's side of the import worker: start it, bound it, collect its answer."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import IO, Final

from hysteron.errors import ModelError

#: Seconds of CPU an import may take, and how many bytes of model add one more.
CPU_SECONDS: Final = 3
BYTES_PER_SECOND: Final = 4 * 2**20
#: Wall time is counted generously: a loaded machine is no reason to refuse a model.
WALL_FACTOR: Final = 5
MEMORY_BASE: Final = 2**30
MEMORY_PER_BYTE: Final = 6
#: One BLAS thread: each further one maps tens of MiB of address space.
_ONE_THREAD: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def cpu_seconds(size: int) -> int:
    """Return the CPU time allowed for a model file of ``size`` bytes."""
    return CPU_SECONDS + size // BYTES_PER_SECOND


def memory_bytes(size: int) -> int:
    """Return the address space allowed for a model file of ``size`` bytes."""
    return MEMORY_BASE + MEMORY_PER_BYTE * size


def run_worker(source: IO[bytes], size: int, options: str) -> bytearray:
    """Return the worker's raw answer for the model in ``source`` (``size`` bytes).

    Raises ModelError when the worker crashes, exceeds its limits or says more
    than its memory could hold.
    """
    environment = {
        **os.environ,
        **dict.fromkeys(_ONE_THREAD, "1"),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONWARNINGS": "ignore",
    }
    worker = subprocess.Popen(
        [sys.executable, "-P", "-m", "hysteron.frontends.worker", str(size), options],
        stdin=source,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        close_fds=True,
    )
    timer = threading.Timer(WALL_FACTOR * cpu_seconds(size), worker.kill)
    timer.start()
    try:
        answer = _read(worker, memory_bytes(size))
        code = worker.wait()
    finally:
        timer.cancel()
        worker.kill()
        worker.wait()
    if code != 0:
        raise ModelError(
            "the model could not be read within its limits",
            got=f"import worker ended with {code}",
            wanted=f"at most {cpu_seconds(size)} s and {memory_bytes(size) >> 20} MiB",
        )
    return answer


def _read(worker: subprocess.Popen[bytes], limit: int) -> bytearray:
    """Read the worker's whole output, killing it when it exceeds ``limit``."""
    answer = bytearray()
    assert worker.stdout is not None
    with worker.stdout as pipe:
        while chunk := pipe.read(1 << 20):
            answer += chunk
            if len(answer) > limit:
                worker.kill()
                raise ModelError("the import worker's answer is too long", wanted=f"{limit} bytes")
    return answer
