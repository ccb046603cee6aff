"""Loading a model: untrusted bytes go to a worker process, a checked graph comes back."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Final, Protocol

from hysteron.errors import HysteronError, InputError, ModelError, ShapeError, UnsupportedError
from hysteron.frontends import wire
from hysteron.frontends.inputs import parse_inputs
from hysteron.frontends.process import run_worker
from hysteron.frontends.text import quoted, shown
from hysteron.ir.graph import Graph

#: Protobuf's own limit for one message.
MAX_FILE_BYTES: Final = 2**31 - 1


class SerializesToString(Protocol):
    """An ``onnx.ModelProto``, or anything that serialises itself as one."""

    def SerializeToString(self) -> bytes:
        """Return the protobuf bytes."""


@dataclass(frozen=True, slots=True)
class ImportedModel:
    """A model as read.

    ``graph`` holds source ops; ``model_bytes`` is the cleaned ModelProto (no
    prose, sorted nodes, initializers no longer listed as inputs) for the
    witness; ``notes`` says what was decided on the way.
    """

    graph: Graph
    model_bytes: bytes
    notes: list[str] = field(default_factory=list)


def load_model(
    path: str | os.PathLike[str] | SerializesToString,
    *,
    inputs: tuple[str, ...] = (),
    sign_zero: str | None = None,
    weight_tolerance: float = 0.0,
) -> ImportedModel:
    """Return the source graph of an ONNX file or ModelProto.

    ``inputs`` are ``NAME:TYPE[,scale=S][,zero=Z][,layout=L]`` declarations (see
    ``inputs.py``); ``sign_zero`` "+1" or "-1" overrides what ONNX Sign makes of
    0; ``weight_tolerance`` is the relative spread of |w| within an output
    channel that is snapped to one magnitude.

    Raises ModelError for damaged or hostile files, UnsupportedError with every
    reason for models that cannot be expressed, InputError for wrong options.
    """
    if sign_zero not in (None, "+1", "-1"):
        raise InputError("unknown sign of zero", got=quoted(str(sign_zero)), wanted="+1 or -1")
    if not 0.0 <= weight_tolerance < 1.0:
        raise InputError(
            "weight tolerance out of range", got=str(weight_tolerance), wanted="[0, 1)"
        )
    name = "model" if hasattr(path, "SerializeToString") else Path(os.fspath(path)).name
    options = {"file": name, "sign_zero": sign_zero, "weight_tolerance": weight_tolerance}
    with _opened(path) as (source, size):
        try:
            answer = run_worker(source, size, json.dumps(options))
            imported = _decoded(answer)
        except HysteronError as err:
            raise _located(err, name) from None
    graph = imported.graph
    return replace(imported, graph=replace(graph, specs=parse_inputs(inputs, graph)))


@contextmanager
def _opened(path: str | os.PathLike[str] | SerializesToString) -> Iterator[tuple[IO[bytes], int]]:
    """Yield the model as an open regular file and its size."""
    if not isinstance(path, str | os.PathLike):
        with tempfile.TemporaryFile() as copy:
            copy.write(path.SerializeToString())
            size = copy.tell()
            copy.seek(0)
            yield copy, size
        return
    where = shown(os.fspath(path), 200)
    try:
        source = open(path, "rb", opener=_open_without_blocking)
    except (OSError, ValueError) as err:
        raise InputError("cannot open the model", where=where, got=_reason(err)) from err
    with source:
        info = os.fstat(source.fileno())
        if not stat.S_ISREG(info.st_mode):
            raise InputError("the model is not a regular file", where=where)
        if info.st_size > MAX_FILE_BYTES:
            raise ModelError(
                "the file is too large", where=where, got=f"{info.st_size} bytes", wanted="< 2 GiB"
            )
        yield source, info.st_size


def _open_without_blocking(path: str, flags: int) -> int:
    """Open even a named pipe at once; what it is gets checked afterwards."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _reason(err: Exception) -> str:
    return (err.strerror if isinstance(err, OSError) else None) or str(err)


def _decoded(answer: bytearray) -> ImportedModel:
    header, blob = wire.decode(answer)
    if "error" in header:
        raise _error(header["error"])
    try:
        length = int(header["model"])
        model = bytes(blob[:length])
        notes = [str(note) for note in header["notes"]]
        return ImportedModel(wire.decode_graph(header, blob), model, notes)
    except (ValueError, TypeError, KeyError, ShapeError) as err:
        raise ModelError("the import worker's answer is malformed", got=str(err)[:200]) from err


def _error(parts: dict[str, Any]) -> HysteronError:
    """Rebuild a refusal; an unknown kind counts as a model error."""
    text = {k: str(parts.get(k, "")) for k in ("where", "got", "wanted", "fix")}
    what = str(parts.get("what", "the model could not be read"))
    if parts.get("kind") == UnsupportedError.kind:
        reasons = tuple(str(reason) for reason in parts.get("reasons", ()))
        return UnsupportedError(what, **text, reasons=reasons or (what,))
    return ModelError(what, **text)


def _located(err: HysteronError, name: str) -> HysteronError:
    """Return the error with the file's name in front of its place."""
    where = f"{shown(name)}: {err.where}" if err.where else shown(name)
    text = {"where": where, "got": err.got, "wanted": err.wanted, "fix": err.fix}
    if isinstance(err, UnsupportedError):
        return UnsupportedError(err.what, **text, reasons=err.reasons or (err.message(),))
    return type(err)(err.what, **text)
