"""Program -> the files of a C project, in memory; then to a folder, all or nothing."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, NoReturn

import jinja2

from hysteron.codegen.ecc_views import ecc_report
from hysteron.codegen.names import comment_text
from hysteron.codegen.runtime_files import abi_number, runtime_files
from hysteron.codegen.serial_files import TEMPLATES as SERIAL
from hysteron.codegen.serial_files import board_sources, serial_context
from hysteron.codegen.views import ModelView, kernel_op, model_view
from hysteron.errors import InputError, InternalError
from hysteron.image.layout import executed
from hysteron.image.program import Program

Files = dict[str, bytes]

#: What marks a folder as ours: report.json says who wrote it.
GENERATOR: Final = "hysteron"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a linked file says: macros of the header, a comment for some, fields of the report."""

    sizes: Mapping[str, int] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)


def emit_project(program: Program, measured: Measured | None = None) -> Files:
    """Return path -> content of everything ``compile`` delivers.

    The same program gives the same bytes.
    """
    view, measured = model_view(program), measured or Measured()
    files = emit_sources(program, view, measured, serial=bool(program.options.get("serial")))
    files["image.json"] = program.layout.to_json().encode()
    files["report.json"] = _json(_report(program, measured))
    if program.model is not None:
        files["model.onnx"] = program.model
    return dict(sorted(files.items()))


def emit_sources(
    program: Program,
    view: ModelView | None = None,
    measured: Measured | None = None,
    *,
    serial: bool = False,
) -> Files:
    """Return only what a compiler reads: sources, headers and build files.

    ``serial`` adds a firmware that answers over a serial line (docs/board.md).
    """
    view, measured = view or model_view(program), measured or Measured()
    runtime = _runtime(program, view, serial)
    name = view.name
    sources = [f"{name}.c", f"{name}_image.c", *(path for path in runtime if path.endswith(".c"))]
    sources += [f"{name}_serial.c"] if serial else []
    flags = portable_flags(program)
    context: dict[str, Any] = {
        "m": view,
        "abi": abi_number(),
        "sizes": [
            (key, value, comment_text(measured.about.get(key, "")))
            for key, value in sorted(measured.sizes.items())
        ],
        "sources": sources,
        "objects": [source[:-2] + ".o" for source in sources],
        "flags": flags,
        "makeflags": ["-std=c99", "-Os" if _small(_given_flags(program)) else "-O2", *flags],
    }
    files = dict(runtime)
    for path, template in (
        (f"{name}.h", "model.h.j2"),
        (f"{name}.c", "model.c.j2"),
        (f"{name}_image.c", "image.c.j2"),
        ("CMakeLists.txt", "CMakeLists.txt.j2"),
        ("Makefile", "Makefile.j2"),
    ):
        files[path] = render(template, program, context)
    if serial:
        context |= serial_context(program)
        for path, template in SERIAL.items():
            files[path.format(name=name)] = render(template, program, context)
        files |= board_sources(program)
    return files


def render(template: str, program: Program, context: Mapping[str, Any]) -> bytes:
    """Return a rendered template; every name it uses must be given."""
    return _environment().get_template(template).render(banner=_banner(program), **context).encode()


def tool_version() -> str:
    """Return hysteron's version."""
    try:
        return version("hysteron")
    except PackageNotFoundError:
        return "0+unknown"


@cache
def _environment() -> jinja2.Environment:
    def fail(message: str) -> NoReturn:
        raise InternalError(f"template: {message}")

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hysteron.codegen"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.globals["fail"] = fail
    return environment


def _banner(program: Program) -> str:
    """Say how to rebuild the file, never when it was built; no name from the model."""
    inputs = [
        f"in{number}:{spec.dtype},scale={spec.scale},zero={spec.zero},layout={spec.layout}"
        for number, spec in enumerate(program.input_specs.values())
    ]
    chosen = sorted(item for item in program.options.items() if item[0] != "inputs")
    options = [f"{key}={value}" for key, value in chosen]
    text = (
        f"Generated by hysteron {tool_version()} for {program.target} from a model with SHA-256 "
        f"{program.model_sha256 or 'none'}; inputs {' '.join(inputs) or 'as typed'}; "
        f"options {' '.join(options) or 'default'}."
    )
    return comment_text(text)


def _runtime(program: Program, view: ModelView, serial: bool) -> Files:
    stems = ["container", "crc32"]
    for node in executed(program.final, program.plan.steps):
        stems += kernel_op(node).SOURCES
    headers = [*view.headers, "hyst/abi.h", "hyst/status.h", "hyst/container.h"]
    headers += ["hyst/serial.h"] if serial else []
    return runtime_files(headers, sorted(set(stems)), program.isa.kernel_suffixes)


def portable_flags(program: Program) -> list[str]:
    """Return the flags that choose the instruction set, without anything of ours.

    Where code must be small, also those that make it so or let a linker drop what nobody calls.
    """
    given = _given_flags(program)
    wanted = ("-m", "-ffp-contract", "-ffreestanding", "-fno-schedule-insns")
    return [flag for flag in given if flag.startswith((*wanted, *_small(given)))]


def _given_flags(program: Program) -> tuple[str, ...]:
    first = next(iter(program.isa.compilers), None)
    return tuple(first.flags) if first else ()


def _small(given: Sequence[str]) -> tuple[str, ...]:
    return ("-fno-", "-ffunction-sections", "-fdata-sections") if "-Os" in given else ()


def _report(program: Program, measured: Measured) -> dict[str, Any]:
    graph, output = program.final, program.output
    layers = [
        {
            "index": index,
            "op": node.op.name,
            "origin": {item.name: getattr(node.origin, item.name) for item in fields(node.origin)},
            "inputs": list(node.inputs),
            "outputs": {tensor: str(graph.types[tensor]) for tensor in node.outputs},
        }
        for index, node in enumerate(executed(graph, program.plan.steps))
    ]
    return {
        "schema": 1,
        "generator": GENERATOR,
        "version": tool_version(),
        "name": program.name,
        "target": program.target,
        "isa": program.isa.name,
        "model_sha256": program.model_sha256,
        "options": dict(program.options),
        "inputs": {
            f"in{number}": {"tensor": tensor, "type": str(graph.types[tensor])}
            for number, tensor in enumerate(graph.inputs)
        },
        "output": {
            "kind": output.kind,
            "classes": output.classes,
            "scale": None if output.scale is None else str(output.scale),
            "error_lsb": str(output.error_lsb),
        },
        "arena_bytes": program.plan.arena_bytes,
        "arena_lower_bound_bytes": program.plan.lower_bound_bytes,
        "scratch_bytes": program.plan.scratch_bytes,
        "image_bytes": {r: program.layout.region_bytes(r) for r in program.layout.regions},
        "layers": layers,
        "labels": dict(graph.labels),
        "sizes": dict(measured.sizes),
        **measured.report,
        **ecc_report(program),
        **program.report,
    }


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, default=str) + "\n").encode()


def write_project(files: Mapping[str, bytes], folder: Path) -> None:
    """Write a project folder atomically, replacing one that hysteron wrote before.

    Raises InputError when ``folder`` exists and holds something else.
    """
    check_replaceable(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
        fresh = Path(scratch) / "new"
        for path, content in files.items():
            target = fresh / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        if folder.exists():
            os.replace(folder, Path(scratch) / "old")
        os.replace(fresh, folder)


def check_replaceable(folder: Path) -> None:
    """Raise InputError when ``folder`` exists and ``write_project`` would refuse it."""
    if not folder.exists():
        return
    if not folder.is_dir() or folder.is_symlink():
        raise InputError("output path is not a folder", where=str(folder))
    if not any(folder.iterdir()):
        return
    try:
        owner = json.loads((folder / "report.json").read_text()).get("generator")
    except (OSError, ValueError, AttributeError):
        owner = None
    if owner != GENERATOR:
        raise InputError(
            "output folder holds files that hysteron did not write",
            where=str(folder),
            fix="choose another folder or empty it",
        )


__all__ = [
    "Files",
    "Measured",
    "check_replaceable",
    "emit_project",
    "emit_sources",
    "portable_flags",
    "render",
    "tool_version",
    "write_project",
]
