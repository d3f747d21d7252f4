"""Where a batch of races runs: on this machine (edge) or on a Dask cluster (cloud), whichever measures faster.

Results never depend on it. A race is named by seed and number, so shards computed anywhere, in any order, some of them twice,
merge into the same bytes; if workers die or the scheduler goes, the missing shards are run here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from racetwin.config import Settings
from racetwin.config import settings as process_settings
from racetwin.simulation.backends import choose
from racetwin.simulation.cluster import Cluster, Delivery, Run
from racetwin.simulation.montecarlo import simulate
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.results import SimulationResult
from racetwin.simulation.sharding import merge, shards
from racetwin.simulation.state import RaceState

WORTH_S = 0.05
"""A batch that the edge does in less is never sent anywhere."""
MARGIN = 0.8
"""The cloud must promise to need less than this share of the edge's time."""
PATIENCE = 2.0
"""How many times its promise the cloud gets before the edge begins to help out ..."""
PATIENCE_S = 0.25
"""... and so much time on top."""
SHARDS_PER_THREAD = 2
"""So that a lost worker costs half a share, and a slow one does not hold up all."""
RETRY_S = 20.0
"""After a failure the cluster is left alone for so long."""
REMEASURE_S = 60.0
"""A cluster that is not used is measured again after so long."""
PROBE_PLANS, PROBE_RACES, PROBE_S = 16, 256, 120.0
"""Size of the piece it is measured with, and how long that may take (a worker may have to build its kernel first)."""
MEMORY = 0.3
"""Weight of the newest measurement of a rate."""

Where = Literal["edge", "cloud", "both"]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a batch ran and why: predicted times (None where not measured yet), shards by place, what went wrong."""

    where: Where
    reason: str
    predicted_edge_s: float | None
    predicted_cloud_s: float | None
    took_s: float
    shards_edge: int
    shards_cloud: int


@dataclass(slots=True)
class Speed:
    """A place's measured speed: candidate races per second of one of its lanes, lanes, and seconds lost on the way."""

    rate: float | None = None
    lanes: int = 1
    overhead_s: float = 0.0

    def predict(self, candidate_races: int) -> float | None:
        """Return the time a batch would take, None before anything has been measured."""
        return None if self.rate is None else self.overhead_s + candidate_races / (self.rate * max(1, self.lanes))

    def learn(self, rate: float, overhead_s: float | None = None) -> None:
        """Take in a measurement."""
        first = (
            self.rate is None or rate > 2 * self.rate
        )  # the first run of a process loads its kernel: forget that soon
        self.rate = rate if self.rate is None or first else (1 - MEMORY) * self.rate + MEMORY * rate
        if overhead_s is not None:
            self.overhead_s = overhead_s if first else (1 - MEMORY) * self.overhead_s + MEMORY * overhead_s


class BatchRunner:
    """Runs batches of races at the edge or in the cloud.

    ``run`` has the signature of :func:`racetwin.simulation.montecarlo.simulate`, so a desk uses it in its place.

    Parameters
    ----------
    settings
        ``cluster`` names the Dask scheduler (None: everything runs here), ``threads`` the threads here.
    simulate
        What runs races; workers run the same function.
    clock
        Seconds that run: for measuring and waiting only.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        simulate: Run = simulate,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.settings = settings or process_settings()
        self.clock = clock
        self.edge, self.cloud = Speed(), Speed()
        self.placement: Placement | None = None
        self.cluster = Cluster(self.settings.cluster, simulate) if self.settings.cluster else None
        self._simulate = simulate
        self._probe: tuple[Delivery, float, int] | None = None
        self._probed_at = self._shun_until = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster."""
        if self.cluster is not None:
            self.cluster.close()

    def run(
        self,
        state: RaceState,
        plans: Sequence[PitPlan],
        n_races: int,
        seed: int,
        backend: str | None = None,
        *,
        first_race: int = 0,
        deadline_s: float | None = None,
        threads: int | None = None,
        **options: Any,
    ) -> SimulationResult:
        """Run a batch as ``simulate`` does; ``deadline_s`` shortens the patience with the cloud, never the batch."""
        began = self.clock()
        # One backend for all shards, named here: a worker that cannot run it fails, and its shards come home.
        options = {"backend": choose(backend or self.settings.backend, len(plans) * n_races).name, **options}
        size = len(plans) * n_races
        threads = threads or self.settings.threads
        self._collect_probe()
        predicted = self.edge.predict(size), self.cloud.predict(size)
        reason = self._why_edge(*predicted)
        if reason is not None:
            result = self._here(state, plans, n_races, seed, first_race, threads, options)
            self._start_probe(state, plans, seed, options)
            self.placement = Placement("edge", reason, *predicted, self.clock() - began, 1, 0)
            return result
        return self._spread(state, plans, n_races, seed, first_race, threads, options, deadline_s, began, predicted)

    def _why_edge(self, edge_s: float | None, cloud_s: float | None) -> str | None:
        """Return why a batch runs here, None if it is worth the trip."""
        if self.cluster is None:
            return "no cluster set"
        if self.clock() < self._shun_until:
            return "the cluster failed a moment ago"
        if edge_s is None:
            return "nothing measured yet"
        if edge_s < WORTH_S:
            return "too small to send"
        if cloud_s is None:
            return "the cluster is being measured"
        return None if cloud_s < MARGIN * edge_s else "faster here"

    def _here(
        self,
        state: RaceState,
        plans: Sequence[PitPlan],
        n_races: int,
        seed: int,
        first_race: int,
        threads: int,
        options: dict[str, Any],
    ) -> SimulationResult:
        began = self.clock()
        result = self._simulate(state, plans, n_races, seed, first_race=first_race, threads=threads, **options)
        self.edge.learn(len(plans) * n_races / max(1e-9, self.clock() - began))
        return result

    def _spread(
        self,
        state: RaceState,
        plans: Sequence[PitPlan],
        n_races: int,
        seed: int,
        first_race: int,
        threads: int,
        options: dict[str, Any],
        deadline_s: float | None,
        began: float,
        predicted: tuple[float | None, float | None],
    ) -> SimulationResult:
        """Send shards out, and run here what does not come back in time."""
        assert self.cluster is not None
        cut = shards(n_races, SHARDS_PER_THREAD * max(1, self.cloud.lanes), first_race)
        delivery = self.cluster.submit(cut, (state, tuple(plans), seed), {**options, "threads": 1})
        edge_s, cloud_s = predicted[0] or 0.0, predicted[1] or 0.0
        patience = PATIENCE * cloud_s + PATIENCE_S
        if deadline_s is not None:
            patience = max(0.0, min(patience, deadline_s - edge_s))
        done: dict[int, SimulationResult] = {}
        seconds = 0.0
        while len(done) < len(cut) and delivery.broken is None:
            item = delivery.wait(min(0.05, began + patience - self.clock()))
            if item is not None:
                done[item.number] = item.result
                seconds += item.seconds
            elif self.clock() >= began + patience:
                break
        cloud, here = len(done), 0
        for k, (first, n) in enumerate(cut):
            while (item := delivery.wait(0)) is not None:
                cloud += item.number not in done
                done.setdefault(item.number, item.result)
            if k not in done:
                done[k] = self._here(state, plans, n, seed, first, threads, options)
                here += 1
        delivery.cancelled.set()
        took = self.clock() - began
        if here:
            self._shun_until = self.clock() + RETRY_S
            self.cloud = Speed()  # to be measured anew: who knows what is left of it
            reason = delivery.broken or f"{here} of {len(cut)} shards did not come back in {patience:.2f} s"
        else:
            work = len(plans) * n_races / max(1e-9, seconds)
            self.cloud.learn(work, max(0.0, took - seconds / max(1, self.cloud.lanes)))
            reason = "faster in the cloud"
        where: Where = "cloud" if not here else ("both" if cloud else "edge")
        self.placement = Placement(where, reason, *predicted, took, here, cloud)
        return merge(done.values())

    def _start_probe(self, state: RaceState, plans: Sequence[PitPlan], seed: int, options: dict[str, Any]) -> None:
        """Measure the cluster in the background, now and then, with a piece of the work at hand."""
        if self.cluster is None or self._probe is not None or self.cluster.stuck:
            return
        now = self.clock()
        if now < self._shun_until or (self.cloud.rate is not None and now - self._probed_at < REMEASURE_S):
            return
        few = tuple(plans[:PROBE_PLANS])
        delivery = self.cluster.probe((0, PROBE_RACES), (state, few, seed), {**options, "threads": 1})
        self._probe = (delivery, now, len(few) * PROBE_RACES)

    def _collect_probe(self) -> None:
        if self._probe is None:
            return
        delivery, sent, size = self._probe
        if delivery.probed is not None:
            self._probe, self._probed_at = None, self.clock()
            self.cloud.lanes = delivery.probed.lanes
            self.cloud.learn(size / max(1e-9, delivery.probed.seconds), delivery.probed.overhead_s)
        elif delivery.broken is not None or self.clock() - sent > PROBE_S:
            self._probe, self._shun_until = None, self.clock() + RETRY_S
