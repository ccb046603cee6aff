"""Runs a campaign: every chip under every condition, on the C that would be flashed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from hysteron.campaign.executors import Executor, Task, Threads
from hysteron.campaign.statistics import StopRule
from hysteron.campaign.store import Store
from hysteron.campaign.trial import ERROR_FREE, Condition, Correct, Trial

_NO_CHIP = -1


@dataclass(frozen=True)
class Meter:
    """Told of trials (one chip under one condition) that are done, and of spared ones.

    A negative number of spared trials are ones that nobody expected.
    """

    advance: Callable[[int], None] = lambda count: None
    skip: Callable[[int], None] = lambda count: None


@dataclass(frozen=True, slots=True)
class Look:
    """Where a condition ended: after ``chips`` chips, at look ``number`` (from 1).

    ``enough`` says that the stop rule's width was reached; without a rule there is one look.
    """

    chips: int
    number: int = 1
    enough: bool = False


@dataclass(frozen=True)
class Campaign:
    """Error-free correctness (samples,), and the last look at each condition by key."""

    golden: Correct
    looks: Mapping[str, Look]


def run_campaign(
    trial: Trial,
    conditions: Sequence[Condition],
    chips: int,
    store: Store,
    executor: Executor | None = None,
    rule: StopRule | None = None,
    meter: Meter | None = None,
) -> Campaign:
    """Fill the store with what is missing.

    The result does not depend on the executor nor on earlier interruptions: a chip is a
    function of (seed, chip), and ``rule`` looks at the same chips whatever else is stored.
    ``chips`` is the number per condition, with a rule the largest.
    """
    executor, meter = executor or Threads(), meter or Meter()
    active = list({condition.key: condition for condition in conditions}.values())
    meter.skip(chips * (len(conditions) - len(active)))
    looks: dict[str, Look] = {}
    golden = _golden(trial, executor)
    known = {c.key: len(store.done(c.key) & set(range(chips))) for c in active}
    meter.advance(sum(known.values()))
    sizes = rule.looks(chips) if rule else [chips]
    for number, size in enumerate(sizes, 1):
        _fill(trial, active, size, store, executor, meter)
        for condition in active:
            width = rule is not None and _enough(rule, store, condition, size, number, trial)
            looks[condition.key] = Look(size, number, width)
        for condition in [c for c in active if looks[c.key].enough]:
            meter.skip(chips - len(store.done(condition.key) & set(range(chips))))
            active.remove(condition)
        if not active:
            break
    return Campaign(golden, looks)


def _golden(trial: Trial, executor: Executor) -> Correct:
    """Return the error-free correctness, computed where the chips are."""
    ((_, results),) = list(executor.run(trial, iter([(_NO_CHIP, [ERROR_FREE])])))
    return results[ERROR_FREE.key]


def _enough(
    rule: StopRule, store: Store, condition: Condition, size: int, number: int, trial: Trial
) -> bool:
    counts = np.array(store.counts(condition.key, range(size)), dtype=np.float64)
    return rule.enough(counts / trial.labels.size, number)


def _fill(
    trial: Trial,
    conditions: Sequence[Condition],
    chips: int,
    store: Store,
    executor: Executor,
    meter: Meter,
) -> None:
    done = {condition.key: store.done(condition.key) for condition in conditions}

    def tasks() -> Iterator[Task]:
        for chip in range(chips):
            left = [c for c in conditions if chip not in done[c.key]]
            if left:
                yield chip, left

    with closing(executor.run(trial, tasks())) as answers:
        for chip, results in answers:
            store.add(chip, results)
            meter.advance(len(results))
