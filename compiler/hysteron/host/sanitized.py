"""Runs a program under AddressSanitizer and UBSan in a process of its own."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from hysteron.codegen.emit import emit_sources, render
from hysteron.codegen.views import arena_offsets, model_view
from hysteron.errors import ToolchainError
from hysteron.host.bridge import Net, Samples
from hysteron.host.compiler import SANITIZE, build, find_cc
from hysteron.image.buffers import content_bytes, unpack_buffer
from hysteron.image.layout import check_images, executed
from hysteron.image.program import Program
from hysteron.ir.types import Array

_TIMEOUT_S: Final = 600


class SanitizedNet:
    """Like ``Net``, but every run is a process that stops at the first fault."""

    def __init__(self, program: Program) -> None:
        """Compile; raises ToolchainError when the compiler has no sanitizers."""
        self.program = program
        self._net = Net(program, threads=1)
        cc = find_cc(program.isa)
        files = emit_sources(program)
        files["runner.c"] = render("runner.c.j2", program, {"m": model_view(program)})
        kept = tuple(flag for flag in cc.flags if not flag.startswith(("-O", "-fno-sanitize")))
        self._path = build(files, replace(cc, flags=kept), "program", SANITIZE)

    def trace(self, x_q: Samples, images: Mapping[str, bytes] | None = None) -> dict[str, Array]:
        """Return every tensor the program writes, as ``Net.trace`` does.

        Raises ToolchainError with the sanitizer's report when it finds a fault.
        """
        given = self.program.images if images is None else images
        check_images(self.program.layout, given)
        samples = self._net._pack(x_q)
        with tempfile.TemporaryDirectory() as scratch:
            source, target = Path(scratch) / "in", Path(scratch) / "out"
            parts = [given[region] for region in self.program.layout.regions]
            source.write_bytes(b"".join(parts) + samples.tobytes())
            command = [str(self._path), str(source), str(target), str(len(samples))]
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
            )
            if done.returncode:
                raise ToolchainError(
                    "the sanitizer found a fault", where=self.program.name,
                    got=f"exit {done.returncode}: {done.stderr[:2000]}",
                )  # fmt: skip
            data = np.frombuffer(target.read_bytes(), dtype=np.uint8)
        return self._tensors(data.reshape(len(samples), -1))

    def _tensors(self, data: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> dict[str, Array]:
        """Cut the arenas that were written after each layer into tensors."""
        graph, offsets = self.program.final, arena_offsets(self.program)
        arena = 8 * model_view(self.program).arena_words
        result: dict[str, Array] = {}
        for layer, node in enumerate(executed(graph, self.program.plan.steps)):
            for tensor in node.outputs:
                start = layer * arena + offsets[tensor]
                end = start + content_bytes(graph.types[tensor])
                result[tensor] = unpack_buffer(data[:, start:end], graph.types[tensor])
        return result
