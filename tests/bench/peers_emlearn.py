"""Candidates of emlearn: forests, nearest neighbours and a dense network, as C headers."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import itertools
import os
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from peers_common import Candidate, MissingError, digits
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

HOW = "pip install emlearn"
KINDS = (RandomForestClassifier, ExtraTreesClassifier)
TREES = (5, 8, 10, 15, 20, 30, 40, 60, 80)
#: Printed behind the number of trees.
SAMPLES_PER_LEAF = (1, 2, 3)
HIDDEN = (32, 128)
#: Soft votes are class shares in one byte each, hard votes the class of most samples of a leaf.
SOFT, HARD = 8, 0


def _emlearn() -> Any:
    """Return the package, with NumPy's error state as it was before the import."""
    before = np.geterr()
    try:
        import emlearn
    except ImportError as error:
        raise MissingError(HOW) from error
    finally:
        np.seterr(**before)
    return emlearn


def tool() -> str:
    """Return name and version. Raises MissingError."""
    _emlearn()
    return f"emlearn {importlib.metadata.version('emlearn')}"


@contextlib.contextmanager
def _elsewhere() -> Iterator[None]:
    """Convert in a folder that goes away: emlearn writes and compiles files in ./tmp."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="hysteron-emlearn-") as scratch:
        os.chdir(scratch)
        try:
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            os.chdir(before)


def _candidate(name: str, code: str, call: str, kind: str, inputs: NDArray[Any],
               wanted: NDArray[Any]) -> Candidate:  # fmt: skip
    wrapper = f"\nint32_t bench_class(const {kind} *x)\n{{\n    {call}\n}}\n"
    include = Path(_emlearn().__file__).parent
    declared = "#include <stdint.h>\nint32_t bench_class(const void *x);\n".replace("void", kind)
    return Candidate(tool(), name, declared + code + wrapper, inputs, wanted.astype(np.int64),
                     (include,))  # fmt: skip


def _votes(forest: Any, x: NDArray[np.float64], leaf_bits: int) -> NDArray[np.int64]:
    """Return the classes of emlearn's vote, which is not scikit-learn's mean of shares."""
    if leaf_bits == HARD:
        votes = np.stack([tree.predict(x) for tree in forest.estimators_]).astype(int)
        return np.array([np.bincount(row, minlength=10).argmax() for row in votes.T])
    shares = np.zeros((len(x), 10), dtype=np.float32)
    steps = 2**leaf_bits - 2
    for tree in forest.estimators_:
        levels = np.round(tree.predict_proba(x) * steps)
        shares += (levels / steps * 255).astype(np.uint8).astype(np.float32) / np.float32(255)
    return shares.argmax(axis=1)


@dataclass(frozen=True)
class Forest:
    """A trained forest; ``leaf_bits`` is emlearn's option, ``table_bytes`` an estimate."""

    model: Any
    leaf_bits: int
    correct: int
    table_bytes: int

    def candidate(self, method: str) -> Candidate:
        """Return its C.

        emlearn truncates thresholds and asks ``x < t`` where scikit-learn asks ``x <= t``. For
        integers x and t >= 0 the two agree on x - 1, so pixels are given as -1..15: the form in
        which a user loses nothing (with plain pixels 8 to 211 of the 599 answers change).
        """
        with _elsewhere():
            made = _emlearn().convert(
                self.model, method=method, dtype="int16_t", leaf_bits=self.leaf_bits
            )
            code = made.save(name="peer", include_proba=False)
        kind = type(self.model).__name__.removesuffix("Classifier")
        size = f"{len(self.model.estimators_)}/{self.model.min_samples_leaf}"
        vote = "hard" if self.leaf_bits == HARD else "soft"
        pixels = digits().test
        return _candidate(
            f"{kind} {size}, {vote} votes, {method}", code,
            "return peer_predict(x, 64);", "int16_t", (pixels - 1).astype(np.int16),
            _votes(self.model, pixels, self.leaf_bits),
        )  # fmt: skip


def forests() -> list[Forest]:
    """Return the forests of which no smaller one is as accurate, smallest first."""
    data, found = digits(), []
    for kind, count, least in itertools.product(KINDS, TREES, SAMPLES_PER_LEAF):
        forest = kind(count, random_state=0, min_samples_leaf=least)
        forest.fit(data.train, data.train_labels)
        leaves = sum(tree.tree_.n_leaves for tree in forest.estimators_)
        # Leaves of one sample are pure, so that both votes are the same.
        for bits in (HARD,) if least == 1 else (HARD, SOFT):
            correct = int((_votes(forest, data.test, bits) == data.test_labels).sum())
            found.append(Forest(forest, bits, correct, leaves * (8 if bits == HARD else 18)))
    found.sort(key=lambda one: (one.table_bytes, -one.correct))
    best = itertools.accumulate((one.correct for one in found), max, initial=0)
    return [one for one, before in zip(found, best, strict=False) if one.correct > before]


def others() -> Iterator[Candidate]:
    """Yield nearest neighbours (integers) and dense networks (binary32, no softmax).

    The networks' fixed-point form does not compile in 0.23.2, their inline form is not written.
    """
    data = digits()
    near = KNeighborsClassifier(1).fit(data.train.astype(np.int16), data.train_labels)
    wanted = near.predict(data.test.astype(np.int16))
    with _elsewhere():
        code = _emlearn().convert(near, method="loadable").save(name="peer")
    count = len(data.train)
    call = f"""static EmlNeighborsDistanceItem distances[{count}];
    int16_t out = -1;
    return eml_neighbors_predict(&peer, x, 64, distances, {count}, &out) == EmlOk ? out : -1;"""
    pixels = data.test.astype(np.int16)
    yield _candidate("KNeighbors 1, loadable", code, call, "int16_t", pixels, wanted)
    for hidden in HIDDEN:
        net = MLPClassifier((hidden,), max_iter=400, random_state=0, alpha=1e-3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            net.fit(data.train / 16, data.train_labels)
        wanted = net.predict(data.test / 16)
        net.out_activation_ = "identity"
        with _elsewhere():
            code = _emlearn().convert(net, method="loadable").save(name="peer")
        scaled = (data.test / 16).astype(np.float32)
        yield _candidate(f"MLP 64-{hidden}-10, float, loadable", code,
                         "return peer_predict(x, 64);", "float", scaled, wanted)  # fmt: skip
