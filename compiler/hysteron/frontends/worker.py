"""The import worker: reads one model from stdin, answers on stdout, touches nothing else.

Run as ``python -P -m hysteron.frontends.worker SIZE OPTIONS``. Limits are set
before the first byte of the model is read.
"""

from __future__ import annotations

import json
import os
import sys

from hysteron.errors import HysteronError, ModelError
from hysteron.frontends.process import cpu_seconds, memory_bytes


def limit_resources(size: int) -> None:
    """Bound address space and CPU time; forbid core dumps and written files."""
    try:
        import resource
    except ImportError:  # no POSIX limits here: the parent's timer remains
        return
    cpu = cpu_seconds(size)
    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_AS, memory_bytes(size)),
    ):
        hard = resource.getrlimit(kind)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (bound, bound))
        except (ValueError, OSError):  # macOS refuses RLIMIT_AS
            continue


def answer(size: int, options: str) -> list[bytes | memoryview]:
    """Return the encoded result or refusal for the model on stdin."""
    from hysteron.frontends import wire

    try:
        from hysteron.frontends.emitter import ImportOptions
        from hysteron.frontends.onnx_import import import_bytes

        data = sys.stdin.buffer.read(size)
        done = import_bytes(data, ImportOptions(**json.loads(options)))
        del data
        model = done.model.SerializeToString(deterministic=True)
        return wire.encode_graph(done.graph, model, done.notes)
    except HysteronError as err:
        return wire.encode_error(err)
    except MemoryError:
        return wire.encode_error(
            ModelError("the model needs too much memory", wanted=f"{memory_bytes(size) >> 20} MiB")
        )
    except Exception as err:
        text = f"{type(err).__name__}: {err}"[:200].encode("ascii", "backslashreplace").decode()
        return wire.encode_error(ModelError("the model could not be read", got=text))


def main() -> None:
    """Set limits, import, write the answer."""
    size = int(sys.argv[1])
    limit_resources(size)
    out = sys.stdout.fileno()
    for chunk in answer(size, sys.argv[2]):
        view = memoryview(chunk)
        while view:
            view = view[os.write(out, view) :]


if __name__ == "__main__":
    main()
