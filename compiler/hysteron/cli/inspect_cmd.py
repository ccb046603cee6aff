"""``hysteron inspect MODEL``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from hysteron.cli.common import (
    EccOption,
    EccPolicyOption,
    InputOption,
    JsonOption,
    SignZeroOption,
    TargetOption,
    ToleranceOption,
    app,
    console,
    emit,
    with_ecc,
)
from hysteron.codegen.ecc_views import ecc_report
from hysteron.driver.compile import CompiledModel, Options, compile_model
from hysteron.errors import UnsupportedError
from hysteron.ops.text import print_graph


@app.command("inspect")
def inspect(
    model: Annotated[Path, typer.Argument(help="An ONNX file.")],
    inputs: InputOption = None,
    ecc: EccOption = None,
    ecc_policy: EccPolicyOption = None,
    target: TargetOption = "host",
    sign_zero: SignZeroOption = None,
    weight_tolerance: ToleranceOption = 0.0,
    dump_after: Annotated[
        str | None, typer.Option("--dump-after", metavar="PASS", help="Print the graph after it.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Show layers, tiers, what is binary, sizes, and all that cannot be compiled."""
    options = Options(
        target=target,
        inputs=tuple(inputs or ()),
        sign_zero=sign_zero,
        weight_tolerance=weight_tolerance,
    )
    dumps: dict[str, str] = {}
    try:
        compiled = compile_model(
            model,
            with_ecc(options, ecc, ecc_policy, {}),
            lambda name, graph: dumps.__setitem__(name, print_graph(graph)),
        )
    except UnsupportedError as error:
        if not as_json and error.reasons:
            table = Table("what cannot be compiled exactly, and why")
            for reason in error.reasons:
                table.add_row(reason)
            console(False).print(table)
        raise
    if dump_after is not None:
        return _dump(dump_after, dumps)
    fields = describe(compiled)
    if as_json:
        emit("inspect", fields)
    else:
        _show(fields)
    return 0


def _dump(name: str, dumps: dict[str, str]) -> int:
    from hysteron.errors import InputError

    if name not in dumps:
        raise InputError(f"unknown pass '{name}'", wanted=", ".join(dumps))
    typer.echo(dumps[name])
    return 0


def describe(compiled: CompiledModel) -> dict[str, Any]:
    """Return layers, tiers and sizes of a compiled model as JSON values."""
    program = compiled.program
    graph = program.final
    layers = []
    for number, node in enumerate(graph.nodes):
        if getattr(node.op, "ALIAS", False):
            continue
        weights = [graph.types[i] for i in node.inputs if i in graph.consts]
        layers.append(
            {
                "layer": number,
                "op": node.op.name,
                "node": str(node.origin),
                "output": [str(graph.types[out]) for out in node.outputs],
                "weights": [str(kind) for kind in weights],
                "tier": "real"
                if node.op.name.startswith("float_") and node.op.name != "float_step"
                else "integer",
                "image_bytes": sum(
                    program.layout.by_const[i].nbytes for i in node.inputs if i in graph.consts
                ),
            }
        )
    return {
        "model": program.name,
        "target": program.target,
        "inputs": [str(graph.types[name]) for name in graph.inputs],
        "classes": program.output.classes,
        "head": compiled.head.kind,
        "error_lsb": compiled.head.error_lsb,
        "layers": layers,
        "image_bytes": sum(len(data) for data in program.images.values()),
        "arena_bytes": program.plan.arena_bytes,
        "arena_lower_bound_bytes": program.plan.lower_bound_bytes,
        "scratch_bytes": program.plan.scratch_bytes,
        **ecc_report(program),
        "notes": list(compiled.notes),
        "imported_tiers": {
            "integer": sum(t == "integer" for t in compiled.tiers.values()),
            "real": sum(t == "real" for t in compiled.tiers.values()),
        },
    }


def ecc_line(ecc: dict[str, Any]) -> str:
    """Return one line about the codes of a model."""
    codes = ", ".join(sorted({section["code"] for section in ecc["sections"].values()}))
    return (
        f"{codes}: {ecc['check_bytes']:,} B of check bits in the image, "
        f"{ecc['tile_bytes']:,} B of RAM for decoding, policy {ecc['policy']}"
    )


def _show(fields: dict[str, Any]) -> None:
    out = console(False)
    table = Table("layer", "kernel", "tier", "output", "weights", "image bytes", "from node")
    for row in fields["layers"]:
        table.add_row(
            str(row["layer"]),
            row["op"],
            row["tier"],
            ", ".join(row["output"]),
            row["weights"][0] if row["weights"] else "",
            f"{row['image_bytes']:,}",
            row["node"].encode("unicode_escape").decode()[:48],
        )
    out.print(table, markup=False)
    out.print(
        f"{fields['model']}: {', '.join(fields['inputs'])} -> {fields['classes']} classes "
        f"({fields['head']} head)"
    )
    out.print(
        f"image {fields['image_bytes']:,} B; activations {fields['arena_bytes']:,} B "
        f"(largest live set {fields['arena_lower_bound_bytes']:,} B); "
        f"scratch {fields['scratch_bytes']:,} B"
    )
    if "ecc" in fields:
        out.print(ecc_line(fields["ecc"]))
    for note in fields["notes"]:
        out.print(f"note: {note}", markup=False)
