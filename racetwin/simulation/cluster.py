"""Shards of a batch on a Dask cluster, without ever waiting for it: whatever hangs, hangs in a thread of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from racetwin.errors import ConfigurationError
from racetwin.simulation.results import SimulationResult

CONNECT_S = 3.0
"""Time a scheduler has to answer before it counts as gone."""

Shard = tuple[int, int]
Run = Callable[..., SimulationResult]


@dataclass(frozen=True, slots=True)
class Done:
    """A shard that came back: its number, result, and the seconds the worker computed."""

    number: int
    result: SimulationResult
    seconds: float


@dataclass(frozen=True, slots=True)
class Probed:
    """A cluster measured: shards it runs at once, seconds one took on a warm worker, and seconds the trip took beside that."""

    lanes: int
    seconds: float
    overhead_s: float


def work(run: Run, shard: Shard, arguments: tuple[Any, ...], options: dict[str, Any]) -> tuple[SimulationResult, float]:
    """Run one shard where this is called, and time it: what a worker does."""
    state, plans, seed = arguments
    began = time.perf_counter()
    result = run(state, plans, shard[1], seed, first_race=shard[0], **options)
    return result, time.perf_counter() - began


class Delivery:
    """Shards under way: results come in as they are done; ``broken`` says why no more will come."""

    def __init__(self) -> None:
        self.inbox: queue.Queue[Done] = queue.Queue()
        self.broken: str | None = None
        self.probed: Probed | None = None
        self.cancelled = threading.Event()

    def wait(self, timeout_s: float) -> Done | None:
        """Return the next shard that is done, None if none came in time."""
        try:
            return self.inbox.get(timeout=max(0.0, timeout_s)) if timeout_s > 0 else self.inbox.get_nowait()
        except queue.Empty:
            return None


class Cluster:
    """A Dask scheduler by its address. Nothing here blocks the caller.

    Parameters
    ----------
    address
        ``tcp://host:8786``, as in the setting ``cluster``.
    run
        What a worker runs; must be importable there.
    """

    def __init__(self, address: str, run: Run) -> None:
        try:
            import distributed
        except ImportError as e:
            raise ConfigurationError(
                f"cluster {address}: dask.distributed is not installed; install racetwin[cluster] or unset the cluster"
            ) from e
        self._distributed = distributed
        self.address, self.run = address, run
        self._client: Any = None
        self._lock = threading.Lock()
        self._couriers: list[threading.Thread] = []

    @property
    def stuck(self) -> bool:
        """Whether an earlier batch still hangs: then the scheduler does not answer."""
        self._couriers = [t for t in self._couriers if t.is_alive()]
        return bool(self._couriers)

    def submit(self, shards: Sequence[Shard], arguments: tuple[Any, ...], options: dict[str, Any]) -> Delivery:
        """Send shards on their way; returns at once."""
        delivery = Delivery()
        thread = threading.Thread(
            target=self._carry, args=(delivery, tuple(shards), arguments, options), name="cluster-courier", daemon=True
        )
        self._couriers.append(thread)
        thread.start()
        return delivery

    def probe(self, shard: Shard, arguments: tuple[Any, ...], options: dict[str, Any]) -> Delivery:
        """Measure the cluster in the background: ``probed`` of the delivery is set once it is known."""
        delivery = Delivery()
        thread = threading.Thread(
            target=self._measure, args=(delivery, shard, arguments, options), name="cluster-probe", daemon=True
        )
        self._couriers.append(thread)
        thread.start()
        return delivery

    def close(self) -> None:
        """Leave the cluster; the scheduler and its workers run on."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            # A scheduler that is gone must not hold us up.
            thread = threading.Thread(target=client.close, kwargs={"timeout": CONNECT_S}, daemon=True)
            thread.start()
            thread.join(2 * CONNECT_S)

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None or self._client.status not in ("running", "connecting"):
                self._client = self._distributed.Client(self.address, timeout=CONNECT_S, set_as_default=False)
            return self._client

    def _carry(
        self, delivery: Delivery, shards: tuple[Shard, ...], arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> None:
        futures: list[Any] = []
        try:
            client = self._connected()
            futures = [
                # Races are pure, but a key of its own lets a repeated question be timed and not remembered.
                client.submit(work, self.run, shard, arguments, options, pure=False, retries=2)
                for shard in shards
            ]
            number = {f.key: k for k, f in enumerate(futures)}
            arrived = self._distributed.as_completed(futures, loop=client.loop, with_results=True)
            for future, (result, seconds) in arrived:
                delivery.inbox.put(Done(number[future.key], result, seconds))
                if delivery.cancelled.is_set():
                    break
        except Exception as e:  # whatever breaks out there must not break the answer here
            delivery.broken = f"{type(e).__name__}: {e}"
        finally:
            for f in futures:
                try:
                    f.cancel()
                except Exception:
                    break

    def _measure(self, delivery: Delivery, shard: Shard, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        try:
            client = self._connected()
            lanes: dict[str, int] = client.nthreads()
            warm_up = [
                client.submit(work, self.run, (shard[0], 1), arguments, options, pure=False, workers=[address])
                for address in lanes
            ]
            client.gather(warm_up)  # every worker has its kernel loaded before the clock runs
            began = time.perf_counter()
            _, seconds = client.submit(work, self.run, shard, arguments, options, pure=False).result()
            trip = time.perf_counter() - began - seconds
            if lanes:
                delivery.probed = Probed(sum(lanes.values()), seconds, max(0.0, trip))
            else:
                delivery.broken = "the cluster has no workers"
        except Exception as e:
            delivery.broken = f"{type(e).__name__}: {e}"
