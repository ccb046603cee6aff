"""Runs a campaign: every chip under every condition, on the C that would be flashed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from hysteron.campaign.evaluate import Evaluator, evaluator_for
from hysteron.campaign.sensing import classes_of
from hysteron.campaign.store import Store
from hysteron.campaign.trial import Condition, Correct, Trial
from hysteron.chips.draw import Faults, NestedDraw
from hysteron.chips.source import Marginal


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
    evaluator = evaluator_for(trial.program, trial.inputs)
    golden: Correct = evaluator.classes({}) == trial.labels
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
                    running[pool.submit(run_chip, trial, evaluator, left, chip)] = chip
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


def run_chip(
    trial: Trial, evaluator: Evaluator, conditions: Sequence[Condition], chip: int
) -> dict[str, Correct]:
    """Return per-sample correctness (samples,) of one chip by condition key."""
    return {
        condition.key: classes_of(trial, evaluator, condition, chip, wrong) == trial.labels
        for condition, wrong in _faults(trial, conditions, chip)
    }


def _faults(
    trial: Trial, conditions: Sequence[Condition], chip: int
) -> Iterator[tuple[Condition, Faults]]:
    """Yield the wrong cells of the chip under each condition; nested rates share one draw."""
    layout, images = trial.program.layout, trial.program.images
    nested = [(c, rate) for c in conditions if (rate := _nested_rate(c)) is not None]
    same = {c.source.sections for c in conditions}
    if len(conditions) > 1 and len(nested) == len(conditions) and len(same) == 1:
        largest = max(rate for _, rate in nested)
        draw = NestedDraw(layout, images, same.pop(), largest, trial.seed, chip)
        for condition, rate in nested:
            yield condition, draw.below(rate)
        return
    for condition in conditions:
        yield condition, condition.source.faults(layout, images, trial.seed, chip)


def _nested_rate(condition: Condition) -> float | None:
    source = condition.source
    return source.symmetric_rate() if isinstance(source, Marginal) else None
