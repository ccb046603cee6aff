"""Options that only ``hysteron compile`` has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hysteron.codegen.packages import kinds

NameOption = Annotated[str | None, typer.Option(help="C name; default: the file's stem.")]
OutputsOption = Annotated[str, typer.Option(help="logits or probabilities.")]
ConstantTimeOption = Annotated[
    bool, typer.Option("--constant-time", help="No kernel whose time depends on data.")
]
NoModelOption = Annotated[
    bool, typer.Option("--no-model", help="Leave the copy of the ONNX file out.")
]
SelftestOption = Annotated[
    Path | None,
    typer.Option("--selftest", metavar="X.npy", help="Samples to take self-test vectors from."),
]
PackageOption = Annotated[
    list[str] | None,
    typer.Option(
        "--package",
        metavar="KIND",
        help=f"Write a package instead of the plain project: {', '.join(kinds())}. Several: each "
        "in a folder of its own.",
    ),
]
CheckPassesOption = Annotated[
    bool, typer.Option("--check-passes", help="Compare the graph after each pass.")
]
DumpAfterOption = Annotated[
    str | None, typer.Option("--dump-after", metavar="PASS", help="Print the graph after it.")
]
