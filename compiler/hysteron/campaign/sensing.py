"""Sense errors: each inference reads the memory anew, so each sample sees other bits.

Drawn once per (inference, cell) whatever the kernel fetches; inference i is sample i. Exact
and slow: a sample whose reads differ from the chip's lasting faults runs on images of its own.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator

from hysteron.campaign.evaluate import Classes, Evaluator
from hysteron.campaign.products import classes_by_product
from hysteron.campaign.trial import Condition, Trial
from hysteron.chips.draw import Faults, apply
from hysteron.chips.source import SenseSource
from hysteron.chips.trajectory import Specimen
from hysteron.host.bridge import Net

_NETS: weakref.WeakKeyDictionary[Trial, Net] = weakref.WeakKeyDictionary()


def classes_of(
    trial: Trial, evaluator: Evaluator, condition: Condition, chip: int, wrong: Faults
) -> Classes:
    """Return the class of every sample (n,) on a chip with these lasting faults.

    ``wrong`` must be what the condition's source draws for the chip. Sources without sense
    errors are answered by ``evaluator``.
    """
    source = condition.source
    if not (isinstance(source, SenseSource) and source.has_sense_errors):
        return evaluator.classes(wrong)
    program = trial.program
    specimen = source.specimen(program.layout, program.images, trial.seed, chip)
    if source.sense != "inference":
        return classes_by_product(program, trial.inputs, specimen, source.sense)
    found = evaluator.classes(wrong)
    net, images = _net(trial), apply(program.layout, program.images, wrong)
    for number, reads in _differing(specimen, found.size):
        seen = net.with_images(apply(program.layout, images, reads))
        one = {name: array[number : number + 1] for name, array in trial.inputs.items()}
        found[number] = seen.predict(one)[0]
    return found


def _differing(specimen: Specimen, count: int) -> Iterator[tuple[int, Faults]]:
    """Yield the inferences that misread something."""
    for number in range(count):
        reads = specimen.reads(number)
        if reads:
            yield number, reads


def _net(trial: Trial) -> Net:
    net = _NETS.get(trial)
    if net is None:
        net = _NETS[trial] = Net(trial.program, threads=1)
    return net
