"""How soon advice is on show after the desk's answer, in an engine that runs: journal, API, twins, desk in its thread."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import numpy as np

from racetwin.api.serve import serving
from racetwin.config import Settings
from racetwin.evaluation.benchmarks import Figure
from racetwin.runtime.session import open_session

SPEED = 20.0
"""Against real time: twenty times the questions of a race, so the desk and the event loop get less rest than in one."""
FROM_LAP, CARS, SECONDS = 3, 5, 120.0


def advice_delay(settings: Settings, race: str | None) -> list[Figure]:
    """Measure from the desk's answer to the snapshot with the advice on it, handed to whoever listens.

    Parameters
    ----------
    race
        The race that is replayed at ten frames a second of race time; None for a simulated one.
    """
    with tempfile.TemporaryDirectory(prefix="racetwin-bench-") as folder:
        private = settings.model_copy(update={"state": Path(folder), "api_port": 0, "llm_enabled": False})
        seconds = asyncio.run(_measure(private, race))
    shares = (("median", 0.5, None), ("p95", 0.95, 200.0), ("longest", 1.0, None))
    return [
        Figure("advice on show in a running engine, answers timed", len(seconds), "count"),
        *(
            Figure(
                f"advice on show in a running engine, {name}",
                1e3 * float(np.quantile(seconds, q)),
                "ms",
                must,
                None,
                False,
            )
            for name, q, must in shares
        ),
    ]


async def _measure(settings: Settings, race: str | None) -> list[float]:
    session = open_session(settings, race=race, simulated=race is None, speed=SPEED, from_lap=FROM_LAP)
    async with serving(session, settings) as (_, runner):
        while (seen := runner.publisher.snapshot) is None or seen.lap <= FROM_LAP:
            await asyncio.sleep(0.1)
        runner.follow(tuple(c.car_id for c in seen.order[:CARS]))
        before = runner.monitor.count("advice")
        await asyncio.sleep(SECONDS)
        return list(runner.monitor.newest("advice", runner.monitor.count("advice") - before))
