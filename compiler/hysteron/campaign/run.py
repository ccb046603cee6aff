"""Runs a campaign: every chip under every condition, on the C that would be flashed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hysteron.campaign.store import Store
from hysteron.chips.draw import NestedDraw, apply, chip_images
from hysteron.codegen.emit import tool_version
from hysteron.host.bridge import Net
from hysteron.image.layout import Images
from hysteron.image.program import Program
from hysteron.ir.types import Array
from hysteron.memory.channel import Channel

Correct = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Condition:
    """One point of the grid: ``key`` names it in the store, ``channels`` are per section."""

    key: str
    channels: Mapping[str, Channel]

    def symmetric_rate(self) -> float | None:
        """Return the one bit error rate of all sections, None when they differ."""
        rates = {c.matrix for c in self.channels.values()}
        if len(rates) != 1:
            return None
        channel = next(iter(self.channels.values()))
        same = channel.levels == 2 and channel.p01 == channel.p10
        return channel.p01 if same else None


@dataclass(frozen=True, eq=False)
class Trial:
    """What every chip is asked: deployed samples by input id, and the right classes."""

    program: Program
    inputs: Mapping[str, Array]
    labels: npt.NDArray[np.int64]
    seed: int

    def identity(self) -> str:
        """Return the digest of everything that decides a result besides condition and chip."""
        digest = hashlib.sha256(tool_version().encode())
        digest.update(self.program.layout.layout_id)
        digest.update(self.program.model_sha256.encode())
        for region in self.program.layout.regions:
            digest.update(self.program.images[region])
        for name, array in sorted(self.inputs.items()):
            digest.update(f"{name}{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(self.labels.tobytes() + str(self.seed).encode())
        return digest.hexdigest()


def run_campaign(
    trial: Trial,
    conditions: Sequence[Condition],
    chips: int,
    store: Store,
    advance: Callable[[int], None] = lambda done: None,
    workers: int | None = None,
) -> Correct:
    """Fill the store with what is missing; return the error-free correctness (samples,).

    The result does not depend on ``workers`` nor on earlier interruptions: a chip
    is a function of (seed, chip). ``advance`` is told of finished trials.
    """
    net = Net(trial.program, threads=1)
    golden: Correct = net.predict(trial.inputs) == trial.labels
    done = {condition.key: store.done(condition.key) for condition in conditions}
    missing = {chip: [c for c in conditions if chip not in done[c.key]] for chip in range(chips)}
    advance(sum(len(conditions) - len(left) for left in missing.values()))
    pending = iter((chip, left) for chip, left in missing.items() if left)
    count = workers or os.cpu_count() or 1
    with ThreadPoolExecutor(count) as pool:
        running: dict[Future[dict[str, Correct]], int] = {}
        try:
            while True:
                # A bounded queue: stopping early must not wait for thousands of chips.
                for chip, left in _some(pending, 2 * count - len(running)):
                    running[pool.submit(_chip, trial, net, left, chip)] = chip
                if not running:
                    return golden
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    results = future.result()
                    store.add(running.pop(future), results)
                    advance(len(results))
        finally:
            for future in running:
                future.cancel()


def _some(
    pending: Iterator[tuple[int, list[Condition]]], count: int
) -> Iterator[tuple[int, list[Condition]]]:
    for _ in range(count):
        item = next(pending, None)
        if item is None:
            return
        yield item


def _chip(trial: Trial, net: Net, conditions: Sequence[Condition], chip: int) -> dict[str, Correct]:
    """Return per-sample correctness of one chip by condition."""
    return {
        condition.key: net.with_images(images).predict(trial.inputs) == trial.labels
        for condition, images in _images(trial, conditions, chip)
    }


def _images(
    trial: Trial, conditions: Sequence[Condition], chip: int
) -> Iterator[tuple[Condition, Images]]:
    """Yield what the chip holds under each condition; nested rates share one draw."""
    program = trial.program
    layout, images = program.layout, program.images
    rates = {c.key: c.symmetric_rate() for c in conditions}
    sections = {tuple(c.channels) for c in conditions}
    if len(conditions) > 1 and len(sections) == 1 and None not in rates.values():
        largest = max(rate for rate in rates.values() if rate is not None)
        nested = NestedDraw(layout, images, sections.pop(), largest, trial.seed, chip)
        for condition in conditions:
            rate = rates[condition.key]
            assert rate is not None
            yield condition, apply(layout, images, nested.below(rate))
        return
    for condition in conditions:
        yield condition, chip_images(layout, images, condition.channels, trial.seed, chip)
