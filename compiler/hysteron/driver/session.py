"""An open campaign: what is asked, who answers, where results are kept."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hysteron.campaign.executors import Dask, Executor, Threads
from hysteron.campaign.run import Campaign, Meter, run_campaign
from hysteron.campaign.statistics import StopRule
from hysteron.campaign.store import Store
from hysteron.campaign.trial import Condition, Trial
from hysteron.driver.compile import CompiledModel, kernel_inputs
from hysteron.errors import InputError
from hysteron.image.layout import ImageLayout
from hysteron.ir.types import Array


@dataclass(frozen=True)
class Request:
    """How a campaign is run.

    ``half_width``, in percentage points, stops a condition as soon as the interval of its mean
    is that narrow; ``chips`` is then the most. ``scheduler`` is the address of a Dask scheduler,
    ``resume`` the file of the store; by default both are in this process.
    """

    chips: int = 100
    seed: int = 0
    half_width: float | None = None
    resume: Path | None = None
    scheduler: str | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        """Raise InputError for values out of range."""
        if self.chips < 1:
            raise InputError("no chips", got=str(self.chips), wanted="1 or more")
        if not 0 <= self.seed < 1 << 64:
            raise InputError("seed out of range", got=str(self.seed), wanted="0 to 2^64-1")
        check_points(self.half_width, "half width")

    @property
    def rule(self) -> StopRule | None:
        """Return the stop rule, if any."""
        return None if self.half_width is None else StopRule(self.half_width / 100)


def check_points(value: float | None, what: str) -> None:
    """Raise InputError unless a number of percentage points is above 0 and at most 100."""
    if value is not None and not (math.isfinite(value) and 0 < value <= 100):
        raise InputError(
            f"{what} out of range", got=str(value), wanted="above 0, at most 100 percentage points"
        )


@dataclass(frozen=True)
class Session:
    """One trial with its store and executor; commands run campaigns in it."""

    compiled: CompiledModel
    trial: Trial
    store: Store
    executor: Executor
    request: Request
    meter: Meter = field(default_factory=Meter)

    @property
    def layout(self) -> ImageLayout:
        """Return the layout of the image whose cells fail."""
        return self.trial.program.layout

    @property
    def samples(self) -> int:
        """Return the number of samples each chip answers."""
        return int(self.trial.labels.size)

    def run(self, conditions: Sequence[Condition], added: bool = False) -> Campaign:
        """Run what is missing of these conditions, with the request's chips and stop rule.

        ``added`` ones were not in the total that the meter was told at first.
        """
        if added:
            self.meter.skip(-len(conditions) * self.request.chips)
        return run_campaign(
            self.trial, conditions, self.request.chips, self.store, self.executor,
            self.request.rule, self.meter,
        )  # fmt: skip


@contextmanager
def open_session(
    compiled: CompiledModel,
    samples: Mapping[str, Array],
    labels: npt.NDArray[np.int64],
    request: Request,
    meter: Meter | None = None,
) -> Iterator[Session]:
    """Yield a session on deployed samples per input and one class each.

    Raises InputError for labels that are no class of the model, a store of another campaign, a
    scheduler that cannot be reached; ToolchainError without a C compiler.
    """
    if not compiled.target.is_host:
        raise InputError(
            "campaigns run on this machine", got=compiled.target.name, wanted="-t host",
            fix="chips are the same for every target: the cells are numbered logically",
        )  # fmt: skip
    program = compiled.program
    classes = program.output.classes
    count = len(next(iter(samples.values())))
    if labels.shape != (count,):
        wanted = f"({count},): one per sample"
        raise InputError("labels and samples differ", got=str(labels.shape), wanted=wanted)
    bad = np.flatnonzero((labels < 0) | (labels >= classes))
    if bad.size:
        raise InputError(
            "label out of range", where=f"sample {bad[0]}", got=str(labels[bad[0]]),
            wanted=f"0 to {classes - 1}",
        )  # fmt: skip
    trial = Trial(program, kernel_inputs(program, samples), labels, request.seed)
    about = f"{program.name}, {labels.size} samples, seed {request.seed}"
    dask = Dask(request.scheduler) if request.scheduler is not None else None
    with (
        closing(dask) if dask else nullcontext(),
        Store(request.resume, trial.identity(), labels.size, about) as store,
    ):
        executor = dask or Threads(request.workers)
        yield Session(compiled, trial, store, executor, request, meter or Meter())
