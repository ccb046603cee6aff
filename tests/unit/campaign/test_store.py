"""The store: nothing is lost, nothing is doubled, damage is told."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hysteron.campaign import trial as trial_module
from hysteron.campaign.store import Store
from hysteron.campaign.trial import Trial
from hysteron.errors import InputError

_RIGHT = np.arange(13) % 3 > 0


def test_results_come_back_bit_for_bit(tmp_path: Path) -> None:
    with Store(tmp_path / "db", "x", 13) as store:
        store.add(4, {"a": _RIGHT, "b": ~_RIGHT})
        store.add(4, {"a": _RIGHT})  # once more changes nothing
        store.add(2, {"a": ~_RIGHT})
    with Store(tmp_path / "db", "x", 13) as store:
        assert store.done("a") == {2, 4} and store.done("b") == {4}
        assert np.array_equal(store.correct("a", [4, 2]), [_RIGHT, ~_RIGHT])
        assert store.counts("a", [2, 4]) == [5, 8]
        assert store.correct("a", []).shape == (0, 13)


_WRITER = """
import sys
from pathlib import Path
import numpy as np
from hysteron.campaign.store import Store
with Store(Path(sys.argv[1]), "x", 2_000) as store:
    right = np.arange(2_000) % 3 > 0
    for chip in range(100_000):
        store.add(chip, {"a": right, "b": ~right})
"""


def test_a_writer_killed_at_any_moment_leaves_whole_chips(tmp_path: Path) -> None:
    right = np.arange(2_000) % 3 > 0
    for delay in (0.0, 0.03):
        path = tmp_path / f"{delay}.db"
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)])
        for _ in range(1000):
            time.sleep(0.01)
            if _rows(path) > 0:
                break
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        with Store(path, "x", 2_000) as store:
            done = store.done("a")
            assert done and store.done("b") == done == set(range(len(done)))
            assert (store.correct("a", done) == right).all()
            assert (store.correct("b", done) == ~right).all()


def _rows(path: Path) -> int:
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            return int(db.execute("SELECT COUNT(*) FROM result").fetchone()[0])
    except sqlite3.Error:
        return 0


def test_damage_is_told_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with Store(path, "x", 13) as store:
        store.add(0, {"a": _RIGHT})
    with sqlite3.connect(path) as db:
        db.execute("UPDATE result SET samples = x'00'")
    with Store(path, "x", 13) as store, pytest.raises(InputError, match=r"db: .*damaged"):
        store.correct("a", [0])


def test_a_store_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unable to open"):
        Store(tmp_path / "nowhere" / "db", "x", 13)
    path = tmp_path / "db"
    with Store(path, "x", 13) as store:
        other = sqlite3.connect(path)
        other.execute("BEGIN EXCLUSIVE")
        store._db.execute("PRAGMA busy_timeout = 10")
        with pytest.raises(InputError, match=r"cannot write .*locked.*run the same command again"):
            store.add(0, {"a": _RIGHT})
        other.close()
        store.add(0, {"a": _RIGHT})
        assert store.done("a") == {0}


def test_another_version_is_another_campaign(
    digits_trial: Trial, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mine = digits_trial.identity()
    with Store(tmp_path / "db", mine, 60, "digits"):
        pass
    monkeypatch.setattr(trial_module, "tool_version", lambda: "9.9")
    assert digits_trial.identity() != mine
    before = (tmp_path / "db").read_bytes()
    with pytest.raises(InputError, match="belongs to another campaign; got digits"):
        Store(tmp_path / "db", digits_trial.identity(), 60)
    assert (tmp_path / "db").read_bytes() == before and os.listdir(tmp_path) == ["db"]
