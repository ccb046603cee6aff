"""What every kind of package starts from, and what a kind is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from hysteron._assets import asset_dir
from hysteron.codegen.emit import (
    Files,
    Measured,
    emit_project,
    portable_flags,
    render,
    tool_version,
)
from hysteron.codegen.views import ModelView, model_view
from hysteron.errors import InternalError
from hysteron.image.program import Program

#: What ``run`` and ``verify`` read in a folder; copied into every package.
RECORDS: Final[tuple[str, ...]] = ("report.json", "image.json", "model.onnx")


@dataclass(frozen=True, eq=False)
class Project:
    """A compiled program with the files of its plain C project."""

    program: Program
    measured: Measured | None = None

    @cached_property
    def files(self) -> Files:
        """Return the plain project: path -> content."""
        return emit_project(self.program, self.measured)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Return the measured sizes as the report has them; empty where nothing was linked."""
        return dict(json.loads(self.files["report.json"])["sizes"])

    @cached_property
    def view(self) -> ModelView:
        """Return what templates print. Raises InternalError without self-test vectors."""
        view = model_view(self.program)
        if not view.golden_count:
            raise InternalError("a package needs self-test vectors", where=view.name)
        return view

    @property
    def name(self) -> str:
        """Return the checked C name of the model."""
        return self.program.name

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Return the suffixes of kernel variants, best first."""
        return tuple(self.program.isa.kernel_suffixes)

    @property
    def version(self) -> str:
        """Return the package's version, three numbers: that of hysteron."""
        found = re.match(r"\d+\.\d+\.\d+", tool_version())
        return found[0] if found else "0.0.0"

    @cached_property
    def runtime(self) -> dict[str, bytes]:
        """Return the runtime's sources and headers, by the paths of the plain project."""
        return {p: c for p, c in self.files.items() if p.startswith(("src/", "hyst/"))}

    @cached_property
    def tuning(self) -> tuple[str, ...]:
        """Return compiler flags that shape the code, without those that name a processor."""
        first = next(iter(self.program.isa.compilers), None)
        flags = first.flags if first else ()
        return tuple(flag for flag in flags if flag.startswith(("-fno-schedule", "-fno-tree")))

    def render(self, template: str, **more: Any) -> bytes:
        """Render templates/packages/``template`` with ``m``, ``p`` and ``more``."""
        context = {
            "m": self.view, "p": self, "program": self.program,
            "flags": portable_flags(self.program), **more,
        }  # fmt: skip
        return render(f"packages/{template}", self.program, context)

    def common(self, kind: Kind) -> Files:
        """Return records, licence and README."""
        files = {path: self.files[path] for path in RECORDS if path in self.files}
        files["LICENSE"] = (asset_dir("runtime_c") / "LICENSE").read_bytes()
        files["README.md"] = self.render("README.md.j2", kind=kind)
        return files


@dataclass(frozen=True)
class Kind:
    """One way to deliver a project.

    ``pack`` is a pure function: the same project gives the same bytes on any machine.
    ``portable`` kinds are for microcontrollers. ``checked`` says how far the kind was tried
    with its own tools; it is printed into each package.
    """

    name: str
    title: str
    pack: Callable[[Project], Files]
    checked: str
    portable: bool = True
