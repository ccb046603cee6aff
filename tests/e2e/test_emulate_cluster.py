"""Campaigns on a real local Dask cluster: the same integers, also when a worker is killed."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hysteron._assets import asset_dir
from hysteron.campaign.executors import Dask
from hysteron.campaign.run import Meter, run_campaign
from hysteron.campaign.store import Store
from hysteron.campaign.trial import Trial
from hysteron.cli import main
from hysteron.driver.compile import Options, compile_model, kernel_inputs
from hysteron.driver.placement import rate_points
from hysteron.errors import InputError
from hysteron.training.data import digits_split

distributed = pytest.importorskip("distributed", reason="dask is not installed")


@pytest.fixture(scope="module")
def trial() -> Trial:
    """Return all held-out digits for the digits MLP."""
    path = asset_dir("models") / "digits_mlp" / "digits_mlp.onnx"
    compiled = compile_model(path, Options(inputs=("uint8",)))
    split = digits_split()
    x = np.asarray(split[2], dtype=np.uint8)
    inputs = kernel_inputs(compiled.program, {compiled.model.graph.inputs[0]: x})
    return Trial(compiled.program, inputs, np.asarray(split[3], dtype=np.int64), 11)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Yield two worker processes and their scheduler."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as made:
        yield made


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
def test_a_cluster_gives_the_local_integers_with_a_worker_killed_in_flight(
    trial: Trial, cluster: Any, tmp_path: Path
) -> None:
    points = rate_points(trial.program.layout, [0.01, 0.03], None)
    conditions = [point.condition for point in points]
    chips, told = 60, [0]
    killed: list[int] = []

    def advance(count: int) -> None:
        told[0] += count
        if told[0] >= 20 and not killed:
            pids = executor._client.run(os.getpid)
            killed.append(next(iter(pids.values())))
            os.kill(killed[0], signal.SIGKILL)

    executor = Dask(cluster.scheduler_address)
    with Store(tmp_path / "there", "x", trial.labels.size) as store:
        campaign = run_campaign(trial, conditions, chips, store, executor, None, Meter(advance))
        there = [store.correct(c.key, range(chips)) for c in conditions]
        assert [store.done(c.key) for c in conditions] == [set(range(chips))] * 2
    executor.close()
    assert killed and told[0] == 2 * chips  # every trial was told of once
    with Store(None, "x", trial.labels.size) as store:
        local = run_campaign(trial, conditions, chips, store)
        here = [store.correct(c.key, range(chips)) for c in conditions]
    assert np.array_equal(campaign.golden, local.golden)
    assert all(np.array_equal(a, b) for a, b in zip(there, here, strict=True))


@pytest.mark.slow
def test_the_command_gives_the_same_object_on_a_cluster(
    cluster: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split = digits_split()
    np.save(tmp_path / "x.npy", np.asarray(split[2][:80], dtype=np.uint8))
    np.save(tmp_path / "y.npy", np.asarray(split[3][:80]))
    model = str(asset_dir("models") / "digits_mlp" / "digits_mlp.onnx")
    command = ["emulate", model, "--input", "uint8", "--json", "--inputs", str(tmp_path / "x.npy")]
    command += ["--labels", str(tmp_path / "y.npy"), "--chips", "20"]
    there = ["--scheduler", str(cluster.scheduler_address)]
    for more in (
        ["--ber", "0.02,0.05", "--half-width", "3"],
        ["-m", "hfo2-rram-1t1r", "--set", "resistance_ratio=3.5", "--sensitivity", "--by", "role"],
        ["--critical", "3", "--only", "inverts"],
    ):
        found = []
        for where in (there, []):
            with pytest.raises(SystemExit) as done:
                main([*command, *more, *where])
            assert done.value.code == 0
            found.append(capsys.readouterr().out)
        assert found[0] == found[1]


@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "nonsense", "tcp://", ""])
def test_an_unreachable_scheduler_is_one_clear_error_within_seconds(address: str) -> None:
    started = time.monotonic()
    with pytest.raises(InputError, match="no Dask scheduler answers"):
        Dask(address.format(port=_free_port()))
    assert time.monotonic() - started < 30


@pytest.mark.slow
def test_a_scheduler_without_workers_is_told() -> None:
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as empty,
        pytest.raises(InputError, match="has no workers"),
    ):
        Dask(empty.scheduler_address)


@pytest.mark.slow
def test_a_scheduler_lost_on_the_way_keeps_what_is_done(trial: Trial, tmp_path: Path) -> None:
    conditions = [point.condition for point in rate_points(trial.program.layout, [0.01], None)]
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as cluster:
        executor = Dask(cluster.scheduler_address)
        told = [0]

        def advance(count: int) -> None:
            told[0] += count
            if told[0] == 5:
                cluster.close()

        with (
            Store(tmp_path / "db", "x", trial.labels.size) as store,
            pytest.raises(InputError, match="gone"),
        ):
            run_campaign(trial, conditions, 100_000, store, executor, None, Meter(advance))
        executor.close()
    with Store(tmp_path / "db", "x", trial.labels.size) as store:
        assert len(store.done(conditions[0].key)) == told[0] >= 5
