"""What all commands share: options, output, errors, progress."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from hysteron.codegen.emit import tool_version
from hysteron.driver.boards import Place
from hysteron.driver.compile import CompiledModel, Options
from hysteron.driver.ecc import NONE
from hysteron.errors import HysteronError, InputError
from hysteron.frontends.inputs import load_npy, quantize_input
from hysteron.ir.graph import InputSpec
from hysteron.ir.types import Array
from hysteron.targets import known

SCHEMA = 1

app = typer.Typer(
    name="hysteron",
    help="Compile trained binarized networks to bit-packed C99, and prove the C exact.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

InputOption = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="[NAME:]TYPE[,scale=S][,zero=Z][,layout=nchw|nhwc]",
        help="How an input is deployed: b1, uint8, int8, int16 or float32.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
SignZeroOption = Annotated[
    str | None, typer.Option("--sign-zero", metavar="+1|-1", help="Override sign(0) of ONNX Sign.")
]
ToleranceOption = Annotated[
    float,
    typer.Option("--weight-tolerance", help="Relative spread of |w| snapped to one magnitude."),
]
TargetOption = Annotated[
    str,
    typer.Option(
        "-t",
        "--target",
        help="See 'hysteron targets': host, an instruction set, a part, a part's own FILE.toml, "
        "serial:PORT.",
    ),
]

BaudOption = Annotated[
    int | None, typer.Option("--baud", help="Bits per second of -t serial:PORT; default 115200.")
]
MaxFlashOption = Annotated[
    str | None, typer.Option("--max-flash", metavar="BYTES", help="Fail above it; K and M work.")
]
MaxRamOption = Annotated[
    str | None, typer.Option("--max-ram", metavar="BYTES", help="Static RAM, without the stack.")
]
MaxStackOption = Annotated[
    str | None, typer.Option("--max-stack", metavar="BYTES", help="Proven bound of the stack.")
]
MemoryOption = Annotated[
    str | None,
    typer.Option("-m", "--memory", metavar="TECH|PART=TECH,...", help="See 'hysteron memories'."),
]
SettingOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="CONDITION=V[,V...]", help="A condition of the technology."),
]
SerialOption = Annotated[
    bool, typer.Option("--serial", help="Add a firmware that 'run -t serial:PORT' talks to.")
]
EccOption = Annotated[
    str | None,
    typer.Option(
        "--ecc",
        metavar="CODE|PART=CODE,...",
        help="Error-correcting code: secded-8-4, secded-39-32, secded-72-64, duplicate, triplicate "
        "or none. PART is a role or a section of the image.",
    ),
]
EccPolicyOption = Annotated[
    str | None,
    typer.Option(
        "--ecc-policy", metavar="POLICY",
        help="What words beyond the code become: as-read (default), zero or trap.",
    ),
]  # fmt: skip
PlaceOption = Annotated[
    str | None,
    typer.Option(
        "--place", metavar="PART=MEMORY,...",
        help="Which memory of the part holds which role or section of the image.",
    ),
]  # fmt: skip


def with_ecc(
    options: Options, ecc: str | None, policy: str | None, stored: Mapping[str, Any]
) -> Options:
    """Return the options with --ecc and --ecc-policy, by default those ``stored`` in a folder.

    Places are those of the folder unless given.
    """
    if ecc is None:
        ecc, stored_policy = stored.get("ecc"), stored.get("ecc_policy")
    else:
        stored_policy = None if ecc.strip() == NONE else stored.get("ecc_policy")
    chosen = policy or stored_policy or Options.ecc_policy
    place = options.place if options.place is not None else stored.get("place")
    return replace(options, ecc=ecc, ecc_policy=chosen, place=place)


def stored_options(
    place: Place, stored: Mapping[str, Any], inputs: list[str] | None, **given: Any
) -> Options:
    """Return the options of a run: what was given, else what compile recorded in a folder."""
    target = place.target
    # A part described by a file of one's own has no name to look up.
    if place.board is not None and target not in known("target"):
        target = stored.get("target", target)
    return Options(
        target=target,
        inputs=tuple(inputs or stored.get("inputs", ())),
        sign_zero=given.get("sign_zero") or stored.get("sign_zero"),
        weight_tolerance=given.get("weight_tolerance")
        or float(stored.get("weight_tolerance", 0.0)),
        outputs=stored.get("outputs", "logits"),
        constant_time=bool(stored.get("constant_time")),
    )


def wants_json(arguments: list[str]) -> bool:
    """Return True when --json is among the arguments."""
    return "--json" in arguments


def console(as_json: bool) -> Console:
    """Return where human text goes: stderr under --json, so that stdout stays pure."""
    return Console(stderr=as_json, highlight=False)


def emit(command: str, fields: Mapping[str, Any]) -> None:
    """Print the one JSON object of a command."""
    record = {"schema": SCHEMA, "command": command, "version": tool_version(), **fields}
    sys.stdout.write(json.dumps(record, indent=1) + "\n")


def _visible(text: str) -> str:
    """Return text without control characters: a name in a file must not steer the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def fail(error: HysteronError, as_json: bool, code: int) -> int:
    """Print an error once (and as JSON when asked) and return the exit code."""
    sys.stderr.write(f"hysteron: {_visible(error.message())}\n")
    if as_json:
        record = {"schema": SCHEMA, "version": tool_version(), "error": error.as_dict()}
        reasons = getattr(error, "reasons", ())
        if reasons:
            record["error"]["reasons"] = list(reasons)  # type: ignore[index]
        sys.stdout.write(json.dumps(record, indent=1) + "\n")
    return code


def progress_bar(as_json: bool, *times: ProgressColumn) -> Progress:
    """Return a bar on stderr that shows nothing unless a person is watching."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *times,
        console=Console(stderr=True),
        transient=True,
        disable=as_json or not sys.stderr.isatty(),
    )


@contextmanager
def progress(title: str, total: int, as_json: bool) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr where a person is watching."""
    bar = progress_bar(as_json, TimeRemainingColumn())
    with bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.advance(task, done)


def read_samples(compiled: CompiledModel, path: Path) -> dict[str, Array]:
    """Return {input id: q array} from one .npy file; raises InputError."""
    graph = compiled.model.graph
    if len(graph.inputs) != 1:
        raise InputError(f"the model has {len(graph.inputs)} inputs; one .npy feeds one input")
    name = graph.inputs[0]
    spec = graph.specs.get(name, InputSpec())
    array = quantize_input(load_npy(path), spec, graph.types[name].shape)
    if array.shape[0] == 0:
        raise InputError("no samples", where=str(path))
    return {name: array}


def read_labels(path: Path | None, count: int) -> npt.NDArray[np.int64] | None:
    """Return labels as integers, checked against the number of samples."""
    if path is None:
        return None
    labels = np.asarray(load_npy(path))
    if labels.dtype.kind not in "iub" or labels.ndim != 1:
        raise InputError(
            "labels are not one integer per sample",
            where=str(path),
            got=f"{labels.dtype} {labels.shape}",
        )
    if labels.size != count:
        raise InputError("labels and samples differ", got=str(labels.size), wanted=str(count))
    return labels.astype(np.int64)
