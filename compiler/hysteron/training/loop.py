"""The seeded training loop: Adam, cosine schedule, best epoch by validation.

Validation samples are taken from the training data; the test set is never seen
here, so the accuracy measured on it afterwards is an honest estimate.
"""

# Some methods of torch have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import copy
import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hysteron.training.straight_through import clip_latent_weights


@dataclass(frozen=True)
class Schedule:
    """Hyper-parameters of one training run.

    ``learning_rate`` falls to 0 along a cosine over ``epochs``. ``validation``
    is the number of training samples set aside; the last tenth of the epochs
    compete for the best count on them. ``max_shift`` moves each training image
    by up to that many pixels, at random, filling with zeros.
    """

    seed: int
    epochs: int
    batch: int
    learning_rate: float
    validation: int
    max_shift: int = 0


@dataclass(frozen=True)
class Outcome:
    """What ``train`` did: the epoch kept and its count on the validation samples."""

    epoch: int
    validation_correct: int
    seconds: float


def seed_all(seed: int, threads: int = 1) -> None:
    """Seed torch and fix its thread count; call before the network is built."""
    torch.manual_seed(seed)
    torch.set_num_threads(threads)


def train(
    net: nn.Module, images: NDArray[np.uint8], labels: NDArray[np.uint8], schedule: Schedule
) -> Outcome:
    """Train ``net`` in place on images uint8 [n, c, h, w] and labels uint8 [n].

    On return ``net`` holds the weights of the best of the last epochs and is in
    evaluation mode. Progress goes to standard output, one line per epoch.
    """
    start = time.monotonic()
    generator = torch.Generator().manual_seed(schedule.seed)
    order = torch.randperm(len(labels), generator=generator)
    x, y = torch.tensor(images)[order], torch.tensor(labels)[order].long()
    held = schedule.validation
    optimizer = torch.optim.Adam(net.parameters(), lr=schedule.learning_rate)
    steps = schedule.epochs * ((len(y) - held) // schedule.batch)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    best = (-1, -1)
    kept = copy.deepcopy(net.state_dict())
    for epoch in range(1, schedule.epochs + 1):
        loss = _epoch(net, x[held:], y[held:], schedule, generator, optimizer, decay)
        correct = count_correct(net, x[:held], y[:held])
        # At high learning rates the counts are noise; comparing them would reward luck.
        if epoch > schedule.epochs - max(1, schedule.epochs // 10) and correct >= best[0]:
            best, kept = (correct, epoch), copy.deepcopy(net.state_dict())
        seconds = time.monotonic() - start
        print(
            f"epoch {epoch}: loss {loss:.4f}, validation {correct}/{held}, {seconds:.0f} s",
            flush=True,
        )
    net.load_state_dict(kept)
    net.eval()
    return Outcome(best[1], best[0], time.monotonic() - start)


def _epoch(
    net: nn.Module,
    x: Tensor,
    y: Tensor,
    schedule: Schedule,
    generator: torch.Generator,
    optimizer: torch.optim.Optimizer,
    decay: torch.optim.lr_scheduler.LRScheduler,
) -> float:
    """Run one pass over the data and return the mean loss."""
    net.train()
    total, batches = 0.0, len(y) // schedule.batch
    order = torch.randperm(len(y), generator=generator)
    for number in range(batches):
        chosen = order[number * schedule.batch : (number + 1) * schedule.batch]
        images = shift_images(x[chosen], schedule.max_shift, generator)
        loss = nn.functional.cross_entropy(net(images.float()), y[chosen])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        decay.step()
        clip_latent_weights(net)
        total += float(loss.detach())
    return total / max(1, batches)


def shift_images(images: Tensor, limit: int, generator: torch.Generator) -> Tensor:
    """Return images [n, c, h, w], each moved by up to ``limit`` pixels per axis."""
    if limit == 0:
        return images
    count, channels, height, width = images.shape
    padded = nn.functional.pad(images, (limit, limit, limit, limit))
    offset = torch.randint(0, 2 * limit + 1, (2, count, 1), generator=generator)
    rows = (offset[0] + torch.arange(height))[:, None, :, None]
    columns = (offset[1] + torch.arange(width))[:, None, None, :]
    sample = torch.arange(count)[:, None, None, None]
    channel = torch.arange(channels)[None, :, None, None]
    return padded[sample, channel, rows, columns]


def count_correct(net: nn.Module, x: Tensor, y: Tensor, batch: int = 500) -> int:
    """Return how many of x [n, c, h, w] the network classifies as y, in evaluation mode."""
    net.eval()
    correct = 0
    with torch.no_grad():
        for start in range(0, len(y), batch):
            scores = net(x[start : start + batch].float())
            correct += int((scores.argmax(1) == y[start : start + batch]).sum())
    return correct
