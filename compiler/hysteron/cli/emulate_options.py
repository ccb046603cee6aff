"""The options of ``hysteron emulate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ModelArgument = Annotated[Path, typer.Argument(help="An ONNX file, or a folder compile wrote.")]
SamplesOption = Annotated[Path, typer.Option("--inputs", help=".npy, axis 0 is samples.")]
LabelsOption = Annotated[Path, typer.Option("--labels", help=".npy, one class each.")]
BerOption = Annotated[
    str | None, typer.Option("--ber", metavar="P[,P...]", help="Bit error rates.")
]
MemoriesOption = Annotated[
    list[str] | None,
    typer.Option(
        "-m", "--memory", metavar="TECH[+CODE]|PART=TECH[+CODE],...",
        help="See 'hysteron memories'; +CODE corrects errors; repeat to compare.",
    ),
]  # fmt: skip
ChipsOption = Annotated[int, typer.Option("--chips", help="Specimens per condition.")]
HalfWidthOption = Annotated[
    float | None,
    typer.Option(
        "--half-width", metavar="PT",
        help="Stop a condition when its mean is known to +-PT percentage points.",
    ),
]  # fmt: skip
SeedOption = Annotated[int, typer.Option("--seed", help="Which chips: 0 to 2^64-1.")]
OnlyOption = Annotated[
    str | None, typer.Option("--only", help="Errors only in this role or section.")
]
ResumeOption = Annotated[
    Path | None, typer.Option("--resume", metavar="DB", help="Keep results; go on from them.")
]
SchedulerOption = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="ADDR", help="Run on a Dask cluster: HOST:PORT."),
]
OutputOption = Annotated[
    Path | None, typer.Option("-o", "--output", help="Write CSV, plots and an HTML report.")
]
ExportOption = Annotated[
    Path | None,
    typer.Option("--export", metavar="FILE", help="One row per chip: .csv or .parquet."),
]
SensitivityOption = Annotated[
    bool, typer.Option("--sensitivity", help="Rank parts of the image by their errors alone.")
]
CutOption = Annotated[
    str, typer.Option("--by", metavar="section|layer|role", help="Parts for --sensitivity.")
]
CriticalOption = Annotated[
    int | None, typer.Option("--critical", metavar="N", help="Find the N worst single flips.")
]
OptimizeOption = Annotated[
    str | None,
    typer.Option(
        "--optimize", metavar="energy|endurance|area",
        help="The cheapest condition whose 5 % quantile over chips keeps the accuracy.",
    ),
]  # fmt: skip
MaxDropOption = Annotated[
    float,
    typer.Option(
        "--max-drop", metavar="PT", help="Points that may be lost: --optimize, --sensitivity."
    ),
]
SenseOption = Annotated[
    str | None,
    typer.Option(
        "--sense",
        metavar="inference|xnor|per-fetch",
        help="How often weights are sensed (-m): the same as --set sense=...",
    ),
]
