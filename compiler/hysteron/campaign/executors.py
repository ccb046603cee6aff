"""Who runs the chips of a campaign: threads of this process, or a Dask cluster.

A chip is a function of (seed, chip), so both give the same integers.
"""

from __future__ import annotations

import logging
import math
import os
import pickle
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Final, NoReturn, Protocol

from hysteron.campaign.evaluate import Evaluator, evaluator_for
from hysteron.campaign.sensing import classes_of
from hysteron.campaign.trial import Condition, Correct, Trial
from hysteron.chips.draw import Faults, NestedDraw
from hysteron.chips.source import Marginal
from hysteron.codegen.emit import tool_version
from hysteron.errors import InputError

#: A chip and the conditions it is wanted under.
Task = tuple[int, Sequence[Condition]]
#: A chip and its per-sample correctness (samples,) by condition key.
Answer = tuple[int, dict[str, Correct]]
Answers = Generator[Answer, None, None]

#: Tasks held ready per thread: stopping early must not wait for thousands of chips.
_AHEAD: Final = 2
_CONNECT_S: Final = 5
_WORKERS_S: Final = 20
_POLL_S: Final = 2


class Executor(Protocol):
    """Runs tasks in any order, each answered exactly once."""

    def run(self, trial: Trial, tasks: Iterator[Task]) -> Answers:
        """Yield the answers as they come; closing the iterator drops what is under way."""


class Threads:
    """Threads of this process, one chip each; C runs outside the interpreter lock."""

    def __init__(self, count: int | None = None) -> None:
        """Use ``count`` threads, by default one per processor."""
        self.count = count or os.cpu_count() or 1
        self._known: tuple[Trial, Evaluator] | None = None

    def run(self, trial: Trial, tasks: Iterator[Task]) -> Answers:
        """Yield the answers; raises ToolchainError without a C compiler."""
        if self._known is None or self._known[0] is not trial:
            self._known = trial, evaluator_for(trial.program, trial.inputs)
        evaluator = self._known[1]
        with ThreadPoolExecutor(self.count) as pool:
            running: set[Future[Answer]] = set()
            try:
                while True:
                    for task in _some(tasks, _AHEAD * self.count - len(running)):
                        running.add(pool.submit(answer, trial, evaluator, task))
                    if not running:
                        return
                    finished, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        yield future.result()
            finally:
                for future in running:
                    future.cancel()


class Dask:
    """The workers of a Dask scheduler; each compiles the C for its own machine.

    A dead worker's chips are run again elsewhere. ``close`` leaves the cluster.
    """

    def __init__(self, address: str) -> None:
        """Connect within seconds.

        Raises InputError when dask is not installed, nothing answers, no worker comes or
        the workers have another version of hysteron.
        """
        try:
            import dask
            import distributed
        except ImportError as error:
            raise InputError(
                "dask is not installed", fix="pip install 'hysteron[cluster]'"
            ) from error
        # What goes wrong is told once, as our error.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self._dask: Any = distributed
        self._settings: Any = dask.config.set
        self._size, self._asked = 1, -math.inf
        self._sent: tuple[Trial, Any] | None = None
        self.address = address
        try:
            connect: Any = distributed.Client
            self._client = connect(address, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError, TypeError, AssertionError) as error:
            raise InputError(
                "no Dask scheduler answers", where=address, got=_short(error),
                wanted="HOST:PORT of a running 'dask scheduler'",
            ) from error  # fmt: skip
        try:
            self._check_workers()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Disconnect; the cluster stays."""
        self._sent = None
        self._client.close(timeout=_CONNECT_S)

    def _check_workers(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=_CONNECT_S)
        except TimeoutError:
            self._lost("the Dask scheduler has no workers", "start 'dask worker' processes")
        try:
            versions = set(self._client.run(tool_version).values())
        except ImportError as error:
            raise InputError(
                "a Dask worker cannot import hysteron", where=self.address, got=str(error),
                fix="install the same version of hysteron there",
            ) from error  # fmt: skip
        if versions - {tool_version()}:
            raise InputError(
                "a Dask worker has another version of hysteron", where=self.address,
                got=", ".join(sorted(versions)), wanted=tool_version(),
            )  # fmt: skip

    def run(self, trial: Trial, tasks: Iterator[Task]) -> Answers:
        """Yield the answers; raises InputError when workers or scheduler are lost."""
        running: dict[Any, int] = {}
        try:
            shared = self._shipped(trial)
            while True:
                for task in _some(tasks, _AHEAD * self._threads() - len(running)):
                    running[self._submit(_remote, shared, task)] = task[0]
                if not running:
                    return
                for future in self._finished(list(running)):
                    del running[future]
                    yield self._result(future)
        except (self._dask.CancelledError, OSError):
            self._lost("the Dask scheduler is gone")
        finally:
            for future in running:
                future.release()

    def _shipped(self, trial: Trial) -> Any:
        """Return the trial on the cluster, sent once.

        It is the result of a task, which the cluster runs again when its holder dies.
        """
        if self._sent is None or self._sent[0] is not trial:
            self._sent = trial, self._submit(_ship, trial.identity(), pickle.dumps(trial))
        return self._sent[1]

    def _submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        key = f"hysteron-{uuid.uuid4().hex}"
        with self._settings({"distributed.admin.large-graph-warning-threshold": "1TiB"}):
            return self._client.submit(function, *arguments, key=key, pure=False)

    def _threads(self) -> int:
        """Return the cluster's threads, asked for now and then: workers come and go."""
        if time.monotonic() - self._asked > _POLL_S:
            self._size = max(1, sum(self._client.nthreads().values()))
            self._asked = time.monotonic()
        return self._size

    def _finished(self, futures: list[Any]) -> list[Any]:
        """Return futures that are done; raise InputError when no worker is left for a while."""
        idle = 0
        while True:
            try:
                with self._client.as_current():
                    found = self._dask.wait(futures, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                return list(found.done)
            except TimeoutError:
                idle = 0 if self._client.nthreads() else idle + _POLL_S
                if idle >= _WORKERS_S:
                    self._lost("all Dask workers are gone")

    def _result(self, future: Any) -> Answer:
        try:
            result: Answer = future.result()
        except self._dask.KilledWorker as error:
            self._lost(f"Dask workers die while they run chips: {_short(error)}")
        return result

    def _lost(self, what: str, fix: str = "finished chips are kept with --resume") -> NoReturn:
        raise InputError(what, where=self.address, fix=fix)


def _short(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:120]


def _some(tasks: Iterator[Task], count: int) -> Iterator[Task]:
    for _ in range(count):
        task = next(tasks, None)
        if task is None:
            return
        yield task


def _ship(identity: str, data: bytes) -> tuple[str, bytes]:
    return identity, data


_LOCK: Final = threading.Lock()
_EVALUATORS: Final[dict[str, tuple[Trial, Evaluator]]] = {}


def _remote(shipment: tuple[str, bytes], task: Task) -> Answer:
    """Answer a task in a worker, which keeps the library of one trial."""
    identity, data = shipment
    with _LOCK:
        if identity not in _EVALUATORS:
            trial: Trial = pickle.loads(data)
            evaluator = evaluator_for(trial.program, trial.inputs)
            _EVALUATORS.clear()
            _EVALUATORS[identity] = trial, evaluator
        known = _EVALUATORS[identity]
    return answer(*known, task)


def answer(trial: Trial, evaluator: Evaluator, task: Task) -> Answer:
    """Return a task's answer."""
    chip, conditions = task
    return chip, {
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
