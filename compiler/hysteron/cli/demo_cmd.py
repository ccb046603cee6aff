"""``hysteron demo``: the whole story on built-in data, offline, in a minute."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from hysteron.cli.common import JsonOption, app, console, emit
from hysteron.driver.demo import DemoResult, run_demo
from hysteron.errors import InputError

MODELS = ("digits_mlp", "digits_cnn")


@app.command("demo")
def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for C and picture.")] = Path(
        "hysteron-demo"
    ),
    model: Annotated[str, typer.Option(help="digits_mlp or digits_cnn.")] = "digits_mlp",
    as_json: JsonOption = False,
) -> int:
    """Compile, prove, emulate and corrupt a digit classifier."""
    if model not in MODELS:
        raise InputError(f"unknown demo model '{model}'", wanted=", ".join(MODELS))
    screen = console(as_json)
    steps = iter(range(1, 99))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("cannot create the folder", where=str(out), got=str(error)) from error
    result = run_demo(out, model, lambda text: screen.print(f"[bold]{next(steps)}.[/bold] {text}"))
    if as_json:
        emit("demo", _fields(result))
    else:
        _show(result)
    return 0 if result.passed else 1


def _fields(result: DemoResult) -> dict[str, object]:
    return {
        "model": result.model,
        "folder": str(result.folder),
        "verify": result.verification.as_dict(),
        "parts": result.parts,
        "skipped": result.skipped,
        "conditions": [
            {"ber": ber, "chips": len(counts), "correct_per_chip": counts}
            for ber, counts in result.correct_per_chip.items()
        ],
        "picture": str(result.picture),
    }


def _show(result: DemoResult) -> None:
    out = console(False)
    seen = result.verification
    verdict = "bit for bit equal" if seen.passed else "NOT equal"
    out.print(
        f"\nC = interpreter on {seen.samples} digits: {verdict}; "
        f"{seen.correct} correct ({seen.correct / seen.samples:.1%}), "
        f"{seen.unexplained} differences from {seen.witness} unexplained"
        if seen.witness
        else f"\nC = interpreter on {seen.samples} digits: {verdict}"
    )
    table = Table("part", "exact", "instructions per digit", "flash B", "RAM B", "stack B")
    for part, counts in result.parts.items():
        table.add_row(
            part,
            "yes" if counts["bit_exact"] else "NO",
            f"{counts['instructions_per_inference']:,}",
            f"{counts['flash_bytes']:,}",
            f"{counts['ram_bytes']:,}",
            f"{counts['stack_bytes']:,}",
        )
    if result.parts:
        out.print(table)
    for part, reason in result.skipped.items():
        out.print(f"{part} skipped: {reason}", markup=False)
    rates = Table("bit error rate", "chips", "mean accuracy", "worst chip")
    for ber, correct in result.correct_per_chip.items():
        share = np.array(correct) / result.samples
        rates.add_row(f"{ber:g}", str(len(correct)), f"{share.mean():.1%}", f"{share.min():.1%}")
    out.print(rates)
    out.print(
        f"C project: {result.folder / result.model}   picture: {result.picture}", markup=False
    )
    out.print("Instructions are counted, not cycles; bit errors are uniform and independent.")
