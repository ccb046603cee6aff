"""A float32 engine as witness: it may err inside its error bound, nowhere else.

Procedure (DESIGN section 2), for all samples at once: where the witness's sign
layers or class differ from the exact ones, the exact interpreter runs again
with every sign layer replaced by the witness's own bits. In that run each layer
starts from what the witness really had, so each bit that still differs must be
explained by the bound of its own margin, and the class likewise. Replacing all
layers at once equals restarting at the first that differs, then at the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from hysteron.interpreter._batch import rounded_levels
from hysteron.interpreter.imported import ImportedRun, run_imported
from hysteron.interpreter.tiers import logits_tensor, sign_layers
from hysteron.ir.graph import Graph, InputSpec
from hysteron.ops.source._base import float32
from hysteron.ops.source._real import Real

AnyArray = npt.NDArray[Any]
Flags = npt.NDArray[np.bool_]

OK: Final = 0
FLOAT_TIE: Final = 1
UNEXPLAINED: Final = 2


class Witness(Protocol):
    """An engine that runs the unedited model in float32."""

    name: str

    def run(self, feeds: Mapping[str, AnyArray], wanted: list[str]) -> dict[str, AnyArray]:
        """Return the wanted tensors (model names, batch first) it can expose."""


@dataclass(frozen=True, eq=False)
class WitnessReport:
    """Verdict per sample (0 ok, 1 float_tie, 2 unexplained) and the witness's classes.

    ``reasons`` says, per unexplained sample, which layer first failed.
    """

    status: npt.NDArray[np.int8]
    classes: npt.NDArray[np.int64]
    reasons: dict[int, str]

    @property
    def float_ties(self) -> int:
        """Samples that differ from the exact ones, explained by rounding."""
        return int((self.status == FLOAT_TIE).sum())

    @property
    def unexplained(self) -> int:
        """Samples that no rounding explains."""
        return int((self.status == UNEXPLAINED).sum())


def check_witness(
    witness: Witness,
    graph: Graph,
    tiers: Mapping[str, str],
    inputs: Mapping[str, AnyArray],
    run: ImportedRun,
    batch: int = 256,
) -> WitnessReport:
    """Compare a run (made with keep "signs" or "all") with a witness, sample by sample."""
    samples = run.classes.size
    status = np.zeros(samples, dtype=np.int8)
    classes = np.zeros(samples, dtype=np.int64)
    reasons: dict[int, str] = {}
    for start in range(0, samples, batch):
        part = slice(start, min(start + batch, samples))
        chunk = _Chunk(graph, tiers, {k: v[part] for k, v in inputs.items()})
        chunk.ask(witness)
        exact = {name: run.values[name].val[part] for name in chunk.layers}
        logits = _cut(run.values[run.logits], part)
        found, why = chunk.judge(exact, logits, run.classes[part], run.logits)
        status[part], classes[part] = found, chunk.classes
        reasons.update({start + place: text for place, text in why.items()})
    return WitnessReport(status, classes, reasons)


def _cut(x: Real, part: slice) -> Real:
    mag = np.broadcast_to(x.magnitude, x.raw.shape)[part]
    return Real(x.raw[part], x.unit, mag, x.n, x.exact, x.grid, x.defined)


def feeds_of(graph: Graph, inputs: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
    """Return what the float32 model is fed: fl32(scale * (q - zero)) by input name."""
    out: dict[str, AnyArray] = {}
    for name in graph.inputs:
        spec = graph.specs.get(name, InputSpec())
        array = inputs[name]
        if spec.dtype != "f32":
            first, levels = rounded_levels(spec)
            array = levels[np.asarray(array).astype(np.int64) - first]
        out[graph.labels.get(name, name)] = float32(array)
    return out


class _Chunk:
    """Some samples of the comparison."""

    def __init__(
        self, graph: Graph, tiers: Mapping[str, str], inputs: Mapping[str, AnyArray]
    ) -> None:
        self.graph, self.tiers, self.inputs = graph, tiers, inputs
        self.samples = next(iter(inputs.values())).shape[0]
        self.layers: dict[str, AnyArray] = {}
        self.margins: dict[str, str] = {}
        self.outputs: AnyArray = np.zeros((self.samples, 0))
        self.logits: AnyArray | None = None
        self.classes: npt.NDArray[np.int64] = np.zeros(self.samples, dtype=np.int64)

    def ask(self, witness: Witness) -> None:
        """Run the witness and collect its sign layers, logits and classes."""
        graph = self.graph
        layers = sign_layers(graph)
        logits, output = logits_tensor(graph), graph.outputs[0]
        names = [*layers, logits, output]
        wanted = list(dict.fromkeys(graph.labels[n] for n in names if n in graph.labels))
        found = witness.run(feeds_of(graph, self.inputs), wanted)
        for name in layers:
            if graph.labels[name] in found:
                self.margins[name] = layers[name]
                shape = (self.samples, *graph.types[name].shape[1:])
                self.layers[name] = found[graph.labels[name]].astype(np.float64).reshape(shape)
        label = graph.labels.get(logits, "")
        if label in found:
            self.logits = found[label].astype(np.float64).reshape(self.samples, -1)
            self.classes = np.argmax(self.logits, axis=1)
            return
        final = found[graph.labels[output]]
        last = graph.producer(output)
        is_index = last is not None and last.op.name == "argmax"
        flat = final.reshape(self.samples, -1)
        self.classes = flat[:, 0].astype(np.int64) if is_index else np.argmax(flat, axis=1)

    def judge(
        self, exact: Mapping[str, AnyArray], logits: Real, classes: AnyArray, name: str
    ) -> tuple[npt.NDArray[np.int8], dict[int, str]]:
        """Return the status of every sample and why those unexplained are."""
        differs: Flags = np.zeros(self.samples, dtype=bool)
        for layer, bits in self.layers.items():
            differs |= _any(exact[layer] != bits)
        wrong = self._class_gap(logits, classes)
        suspects = np.flatnonzero(differs | (classes != self.classes) | wrong)
        status = np.zeros(self.samples, dtype=np.int8)
        reasons: dict[int, str] = {}
        if suspects.size:
            status[suspects], why = self._restart(suspects, name)
            reasons = {int(suspects[place]): text for place, text in why.items()}
        return status, reasons

    def _restart(
        self, suspects: npt.NDArray[np.int64], logits: str
    ) -> tuple[npt.NDArray[np.int8], dict[int, str]]:
        again = run_imported(
            self.graph,
            self.tiers,
            {k: v[suspects] for k, v in self.inputs.items()},
            overrides={name: bits[suspects] for name, bits in self.layers.items()},
            decisions=True,
        )
        reasons: dict[int, str] = {}
        for layer, bits in self.layers.items():
            margin = again.decisions[self.margins[layer]].margin
            bad = _unexplained(again.computed[layer], margin, bits[suspects])
            for place in np.flatnonzero(bad):
                reasons.setdefault(int(place), f"sign layer {layer}")
        sub = _Chunk(self.graph, self.tiers, {k: v[suspects] for k, v in self.inputs.items()})
        sub.classes = self.classes[suspects]
        sub.logits = None if self.logits is None else self.logits[suspects]
        wrong = sub._class_gap(again.values[logits], again.classes)
        for place in np.flatnonzero(wrong):
            reasons.setdefault(int(place), "class or logits")
        status = np.full(suspects.size, FLOAT_TIE, dtype=np.int8)
        status[list(reasons)] = UNEXPLAINED
        return status, reasons

    def _class_gap(self, logits: Real, classes: AnyArray) -> Flags:
        """Return where the class or a logit is out of reach."""
        rows = np.arange(classes.size)
        val = logits.val.reshape(classes.size, -1)
        bound = np.broadcast_to(_reach(logits), logits.raw.shape).reshape(classes.size, -1)
        other = classes != self.classes
        gap = val[rows, classes] - val[rows, self.classes]
        wrong = other & (gap > bound[rows, classes] + bound[rows, self.classes])
        if self.logits is not None:
            # Beyond the class: every logit must lie within reach of the exact one.
            slack = bound + 2.0**-23 * np.abs(val) + 1e-37
            wrong |= _any(~(np.abs(self.logits - val) <= slack))
        return np.asarray(wrong, dtype=bool)


def _any(flags: AnyArray) -> Flags:
    return np.asarray(flags.reshape(flags.shape[0], -1).any(axis=1))


def _reach(x: Real) -> AnyArray:
    """Distance of the witness to val: twice the bound where val is itself binary32."""
    return x.bound32() * (2 if x.defined else 1)


def _unexplained(computed: Real, margin: Real, bits: AnyArray) -> Flags:
    """Return the samples with a differing element whose margin is out of reach."""
    near = np.broadcast_to(np.abs(margin.val) <= _reach(margin), bits.shape)
    return _any((computed.val != bits) & ~near)
