"""Edge or cloud: the same bytes from anywhere, and an answer whatever breaks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import racetwin.simulation.placement as hpc_module
from racetwin.config import Settings
from racetwin.schemas import TrackStatus
from racetwin.simulation.hpc import HPCOrchestrator
from racetwin.simulation.montecarlo import simulate
from racetwin.simulation.placement import Speed
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.triggers import triggers

PLANS = tuple(PitPlan.of((lap, "HARD")) for lap in range(21, 33))


def same(a, b):
    np.testing.assert_array_equal(a.finished, b.finished)
    np.testing.assert_array_equal(a.watched_positions, b.watched_positions)
    np.testing.assert_array_equal(a.positions, b.positions)
    np.testing.assert_array_equal(a.histogram, b.histogram)
    assert a.time_s.tobytes() == b.time_s.tobytes()
    assert (a.n_races, a.first_race, a.plans, a.backend) == (b.n_races, b.first_race, b.plans, b.backend)


# --- triggers ----------------------------------------------------------------------------------------------------------


def kinds(*states, car="5"):
    return [t.kind for t in triggers(states[-1], car, states[0] if len(states) > 1 else None)]


@pytest.mark.unit
def test_the_first_look_is_a_reason_and_standing_still_is_none(make_state):
    state = make_state(lap=5, tyre_age=np.full(20, 5.0))
    assert kinds(state) == ["first"]
    assert kinds(state, state) == []


@pytest.mark.unit
def test_the_pit_window_opens_once(make_state):
    young, old = make_state(lap=12, tyre_age=np.full(20, 12.0)), make_state(lap=16, tyre_age=np.full(20, 16.0))
    assert "pit_window" not in kinds(young)
    assert "pit_window" in kinds(young, old)
    assert "pit_window" not in kinds(old, make_state(lap=17, tyre_age=np.full(20, 17.0)))


@pytest.mark.unit
def test_a_safety_car_comes_first_and_is_urgent(make_state):
    before = make_state(lap=16)
    found = triggers(before.replace(track_status=TrackStatus.SC), "5", before)
    assert (found[0].kind, found[0].reason, found[0].urgent) == ("track_status", "safety car", True)


@pytest.mark.unit
def test_a_near_rivals_stop_is_a_reason_a_far_ones_is_not(make_state):
    before = make_state(lap=5, tyre_age=np.full(20, 5.0))

    def after(i):
        return before.replace(stops=np.eye(20, dtype=np.int64)[i])

    assert kinds(before, after(5)) == ["rival_stopped"]
    assert kinds(before, after(19)) == []


@pytest.mark.unit
def test_rain_is_a_reason(make_state):
    before = make_state(lap=5, tyre_age=np.full(20, 5.0))
    assert kinds(before, before.replace(wetness=0.3)) == ["weather"]


# --- where a batch runs -------------------------------------------------------------------------------------------------


@pytest.mark.unit
def test_without_a_cluster_everything_runs_here(make_state):
    with HPCOrchestrator(Settings(cluster=None, backend="numba", threads=1)) as hpc:
        result = hpc.run(make_state(), PLANS, 64, 1, car_id="5", first_race=32)
        assert hpc.placement.where == "edge"
        assert hpc.edge.rate > 0
    same(result, simulate(make_state(), PLANS, 64, 1, "numba", car_id="5", first_race=32))


@pytest.mark.unit
def test_speed_is_measured_not_guessed():
    speed = Speed()
    assert speed.predict(1000) is None
    speed.learn(100.0, overhead_s=0.5)
    assert speed.predict(1000) == pytest.approx(10.5)
    speed.lanes = 4
    assert speed.predict(1000) == pytest.approx(3.0)


class Cluster:
    """A scheduler and workers, each a process of its own on loopback, or in a network namespace of their own."""

    def __init__(self, tmp_path, workers, host="127.0.0.1", inside=()):
        self.processes, self.inside = [], inside
        file = tmp_path / "scheduler.json"
        self.scheduler = self._start(
            "dask_scheduler", "--host", host, "--port", "0", "--no-dashboard", "--scheduler-file", str(file)
        )
        self._until(file.exists)
        self.workers = [
            self._start(
                "dask_worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-nanny", "--no-dashboard",
                "--local-directory", str(tmp_path), "--host", host, "--memory-limit", "0",
            )
            for _ in range(workers)
        ]  # fmt: skip
        from distributed import Client

        with Client(scheduler_file=str(file), timeout=30, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=90)
            self.address = client.scheduler.address

    def _start(self, module, *arguments):
        environment = {**os.environ, "RACETWIN_THREADS": "1"}
        process = subprocess.Popen(
            [*self.inside, sys.executable, "-m", f"distributed.cli.{module}", *arguments],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.processes.append(process)
        return process

    @staticmethod
    def _until(condition, timeout_s=60.0):
        end = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end, "the cluster did not come up"
            time.sleep(0.05)

    def stop(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait(20)


def slow_race(seconds):
    """Like simulate, but every call takes a while: long enough to break something meanwhile."""

    def run(*arguments, **options):
        import time

        from racetwin.simulation.montecarlo import simulate

        time.sleep(seconds)
        return simulate(*arguments, **options)

    return run


@pytest.fixture
def cluster(tmp_path):
    pytest.importorskip("distributed", reason="a Dask cluster needs the extra [cluster]")
    cluster = Cluster(tmp_path, workers=3)
    yield cluster
    cluster.stop()


def on_the_cloud(cluster, state, seconds=0.15):
    """An orchestrator that has measured the cluster and finds it faster than a (seemingly slow) edge."""
    settings = Settings(cluster=cluster.address, backend="numba", threads=1)
    hpc = HPCOrchestrator(settings, simulate=slow_race(seconds))
    end = time.monotonic() + 90
    while hpc.cloud.rate is None:
        hpc.run(state, PLANS, 16, 1, car_id="5")
        assert time.monotonic() < end, hpc.placement
        time.sleep(0.2)
    hpc.edge = Speed(rate=50.0)
    return hpc


@pytest.mark.integration
@pytest.mark.timeout(200)
def test_the_cloud_is_measured_chosen_and_gives_the_same_bytes(cluster, make_state, monkeypatch):
    monkeypatch.setattr(hpc_module, "PATIENCE_S", 20.0)  # a busy machine is not a broken cluster
    state = make_state()
    here = simulate(state, PLANS, 960, 5, "numba", car_id="5", watch=("4",))
    with on_the_cloud(cluster, state) as hpc:
        assert hpc.cloud.lanes == 3
        result = hpc.run(state, PLANS, 960, 5, car_id="5", watch=("4",))
        assert hpc.placement.where == "cloud", hpc.placement
        assert hpc.placement.shards_cloud == 6
        same(result, here)
        np.testing.assert_array_equal(result.watched_positions, here.watched_positions)

        # One worker dies in the middle of a batch: its shards are done by others.
        threading.Timer(0.25, cluster.workers[0].kill).start()
        same(hpc.run(state, PLANS, 960, 5, car_id="5", watch=("4",)), here)
        assert hpc.placement.shards_cloud > 0


@pytest.mark.integration
@pytest.mark.timeout(200)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["scheduler killed", "scheduler cut off"])
def test_when_the_scheduler_goes_the_edge_takes_over_in_time(cluster, make_state, how):
    state = make_state()
    here = simulate(state, PLANS, 960, 5, "numba", car_id="5")
    with on_the_cloud(cluster, state) as hpc:
        threading.Timer(0.2, cluster.scheduler.send_signal, [how]).start()
        began = time.monotonic()
        same(hpc.run(state, PLANS, 960, 5, car_id="5"), here)
        took = time.monotonic() - began
        assert hpc.placement.shards_edge > 0, hpc.placement
        assert took < 20
        began = time.monotonic()
        same(hpc.run(state, PLANS, 960, 5, car_id="5"), here)
        assert hpc.placement.where == "edge"
        assert hpc.placement.reason == "the cluster failed a moment ago"
        cluster.scheduler.send_signal(signal.SIGCONT)


class Network:
    """A network namespace joined to ours by one virtual cable that can be cut."""

    def __init__(self):
        tag = f"{os.getpid() % 10**6}"
        self.name, self.ours, self.theirs = f"racetwin{tag}", f"rtwo{tag}", f"rtwt{tag}"
        block = f"10.213.{os.getpid() % 250}"
        self.host = f"{block}.2"
        ip("netns", "add", self.name)
        try:
            ip("link", "add", self.ours, "type", "veth", "peer", "name", self.theirs)
            ip("link", "set", self.theirs, "netns", self.name)
            ip("addr", "add", f"{block}.1/24", "dev", self.ours)
            ip("link", "set", self.ours, "up")
            for words in (("addr", "add", f"{self.host}/24", "dev", self.theirs), ("link", "set", self.theirs, "up")):
                ip("-n", self.name, *words)
            ip("-n", self.name, "link", "set", "lo", "up")
        except subprocess.CalledProcessError:
            self.remove()
            raise

    def cut(self):
        ip("link", "set", self.ours, "down")

    def mend(self):
        ip("link", "set", self.ours, "up")

    def remove(self):
        ip("netns", "del", self.name)


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def network():
    try:
        network = Network()
    except (OSError, subprocess.CalledProcessError) as e:
        pytest.skip(f"no network namespaces here: {getattr(e, 'stderr', b'') or e}")
    yield network
    network.remove()


@pytest.mark.integration
@pytest.mark.timeout(240)
def test_when_the_network_is_cut_mid_batch_the_edge_takes_over_with_the_same_bytes(
    network, tmp_path, make_state, monkeypatch
):
    pytest.importorskip("distributed", reason="a Dask cluster needs the extra [cluster]")
    cluster = Cluster(tmp_path, 3, network.host, ("ip", "netns", "exec", network.name))
    try:
        state = make_state()
        here = simulate(state, PLANS, 960, 5, "numba", car_id="5")
        with on_the_cloud(cluster, state) as hpc:
            with monkeypatch.context() as patient:
                patient.setattr(hpc_module, "PATIENCE_S", 20.0)
                same(hpc.run(state, PLANS, 960, 5, car_id="5"), here)
            assert hpc.placement.where == "cloud", hpc.placement

            # One worker dies in the middle of the next batch, and a moment later the cable is pulled.
            hpc.edge = Speed(rate=50.0)
            threading.Timer(0.1, cluster.workers[0].kill).start()
            threading.Timer(0.25, network.cut).start()
            began = time.monotonic()
            same(hpc.run(state, PLANS, 960, 5, car_id="5"), here)
            assert time.monotonic() - began < 20
            assert hpc.placement.shards_edge > 0, hpc.placement
            same(hpc.run(state, PLANS, 960, 5, car_id="5"), here)
            assert (hpc.placement.where, hpc.placement.reason) == ("edge", "the cluster failed a moment ago")
            network.mend()
            same(hpc.run(state, PLANS, 960, 5, car_id="5"), here)
    finally:
        cluster.stop()


@pytest.mark.integration
@pytest.mark.timeout(120)
def test_a_cluster_that_is_not_there_costs_nothing(make_state):
    pytest.importorskip("distributed", reason="a Dask cluster needs the extra [cluster]")
    settings = Settings(cluster="tcp://127.0.0.1:9", backend="numba", threads=1)
    with HPCOrchestrator(settings) as hpc:
        answer = hpc.evaluate(make_state(), "5", n_races=64)
        assert hpc.placement.where == "edge"
    alone = HPCOrchestrator(Settings(cluster=None, backend="numba", threads=1)).evaluate(make_state(), "5", n_races=64)
    assert answer.model_dump(exclude={"elapsed_s"}) == alone.model_dump(exclude={"elapsed_s"})
