"""Campaigns give the same integers whoever runs them, however they were interrupted."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hysteron.campaign.executors import Answers, Task, Threads
from hysteron.campaign.run import Campaign, Meter, run_campaign
from hysteron.campaign.statistics import StopRule
from hysteron.campaign.store import Store
from hysteron.campaign.trial import Condition, Fixed, Trial, within
from hysteron.chips.draw import SectionFaults
from hysteron.chips.source import Marginal
from hysteron.chips.trajectory import Trajectory, resolved_part
from hysteron.driver.placement import rate_points
from hysteron.errors import ToolchainError
from hysteron.memory.channel import Channel
from hysteron.memory.load import load_technology


@pytest.fixture
def trial(digits_trial: Trial) -> Trial:
    """Return 60 digits for the digits MLP."""
    return digits_trial


def _conditions(trial: Trial, *rates: float) -> list[Condition]:
    return [point.condition for point in rate_points(trial.program.layout, rates, None)]


class Backwards:
    """Answers everything in reverse order, each task through pickle, as a cluster may."""

    def run(self, trial: Trial, tasks: Iterator[Task]) -> Answers:
        """Yield the answers last to first."""
        shipped = [pickle.loads(pickle.dumps(task)) for task in tasks]
        there = pickle.loads(pickle.dumps(trial))
        yield from Threads(1).run(there, iter(shipped[::-1]))


class Dying:
    """Stops with an error after some answers."""

    def __init__(self, answers: int) -> None:
        self.left = answers

    def run(self, trial: Trial, tasks: Iterator[Task]) -> Answers:
        """Yield the first answers, then raise."""
        for found in Threads(2).run(trial, tasks):
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
            yield found


def _all(store: Store, conditions: list[Condition], chips: int) -> list[list[int]]:
    return [store.counts(condition.key, range(chips)) for condition in conditions]


def test_the_order_of_answers_and_pickling_change_nothing(trial: Trial) -> None:
    conditions = _conditions(trial, 0.01, 0.05)
    found = []
    for executor in (Threads(2), Threads(1), Backwards()):
        with Store(None, "x", 60) as store:
            campaign = run_campaign(trial, conditions, 9, store, executor)
            assert campaign.golden.sum() > 50
            found.append(_all(store, conditions, 9))
    assert found[0] == found[1] == found[2]


def test_an_interrupted_campaign_goes_on_to_the_same_integers(trial: Trial, tmp_path: Path) -> None:
    conditions = _conditions(trial, 0.01, 0.05)
    with Store(None, "x", 60) as store:
        run_campaign(trial, conditions, 12, store)
        whole = _all(store, conditions, 12)
    for _ in range(3):
        with (
            Store(tmp_path / "db", "x", 60) as store,
            pytest.raises(KeyboardInterrupt),
        ):
            run_campaign(trial, conditions, 12, store, Dying(4))  # the error-free run is one
    with Store(tmp_path / "db", "x", 60) as store:
        assert 9 <= len(store.done(conditions[0].key)) < 12
        run_campaign(trial, conditions, 12, store)
        assert _all(store, conditions, 12) == whole


def _stopped(trial: Trial, conditions: list[Condition], store: Store, meter: Meter) -> Campaign:
    return run_campaign(trial, conditions, 64, store, None, StopRule(0.02, first=4), meter)


def test_the_stop_rule_ends_each_condition_at_its_own_look(trial: Trial) -> None:
    conditions = _conditions(trial, 0.0, 0.1)
    told, spared = [0], [0]
    meter = Meter(
        lambda count: told.__setitem__(0, told[0] + count),
        lambda count: spared.__setitem__(0, spared[0] + count),
    )
    with Store(None, "x", 60) as store:
        campaign = _stopped(trial, conditions, store, meter)
        quiet, noisy = (campaign.looks[condition.key] for condition in conditions)
        assert (quiet.chips, quiet.number, quiet.enough) == (4, 1, True)  # no errors, no spread
        assert noisy.chips > 4 and len(store.done(conditions[1].key)) == noisy.chips
        rule, counts = StopRule(0.02, first=4), store.counts(conditions[1].key, range(noisy.chips))
        accuracy = np.array(counts) / 60
        assert rule.enough(accuracy, noisy.number) is noisy.enough
        if noisy.number > 1:
            assert not rule.enough(accuracy[: noisy.chips // 2], noisy.number - 1)
    assert told[0] + spared[0] == 2 * 64


def test_the_stop_rule_ignores_chips_beyond_its_look(trial: Trial) -> None:
    conditions = _conditions(trial, 0.02, 0.1)
    with Store(None, "x", 60) as store:
        fresh = _stopped(trial, conditions, store, Meter()).looks
    with Store(None, "x", 60) as store:
        run_campaign(trial, conditions, 64, store)  # a longer campaign was stored before
        assert _stopped(trial, conditions, store, Meter()).looks == fresh


def test_errors_within_a_section_are_those_of_the_whole(trial: Trial) -> None:
    layout, images = trial.program.layout, trial.program.images
    names = [section.name for section in layout.sections]
    whole = Condition("k", Marginal(dict.fromkeys(names, Channel.symmetric(0.05))))
    part = within(whole, names[:1])
    drawn, kept = (c.source.faults(layout, images, 7, 3) for c in (whole, part))
    assert set(kept) == {names[0]} and part.key != whole.key
    assert np.array_equal(kept[names[0]].cell, drawn[names[0]].cell)
    fixed = {n: SectionFaults(np.array([1]), np.array([1], np.uint8)) for n in names}
    held = within(Condition("f", Fixed(fixed)), names[1:3])
    assert set(held.source.faults(layout, images, 7, 3)) == set(names[1:3])


def test_a_trajectory_within_sections_keeps_its_cells_and_its_sense_errors(trial: Trial) -> None:
    layout, images = trial.program.layout, trial.program.images
    technology = load_technology("hfo2-rram-1t1r")
    settings = {"resistance_ratio": 3.0, "sense_noise": 0.1}
    part = resolved_part(technology, settings)
    names = [section.name for section in layout.sections]
    whole = Condition("t", Trajectory(dict.fromkeys(names, part)))
    one = pickle.loads(pickle.dumps(within(whole, names[1:2])))
    assert isinstance(one.source, Trajectory) and one.source.has_sense_errors
    assert isinstance(whole.source, Trajectory)
    drawn, kept = (source.specimen(layout, images, 7, 3) for source in (whole.source, one.source))
    assert set(kept.faults) == {names[1]}
    assert np.array_equal(kept.faults[names[1]].cell, drawn.faults[names[1]].cell)
    assert np.array_equal(kept.reads(5)[names[1]].cell, drawn.reads(5)[names[1]].cell)


def test_an_error_of_a_worker_arrives_with_its_message() -> None:
    error = ToolchainError("no C compiler", where="host", got="nothing", fix="install one")
    arrived = pickle.loads(pickle.dumps(error))
    assert isinstance(arrived, ToolchainError) and arrived.message() == error.message()
