"""Cars as people name them: by racing number or by the driver's three-letter code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from racetwin.errors import InputError

if TYPE_CHECKING:
    from racetwin.config import Settings
    from racetwin.telemetry.records import RaceRecord


class Named(NamedTuple):
    """A car and, where known, its driver's code."""

    car_id: str
    driver: str | None


def car_of(record: RaceRecord, named: str) -> str:
    """Return the racing number of a car of a race that is named by it, or by its driver's code in either case.

    Raises
    ------
    InputError
        If there is no such car; the message lists those there are.
    """
    return pick(named, [Named(e.car_id, e.driver) for e in record.entries], record.race_id)


def pick(named: str, cars: Iterable[Named], race: str) -> str:
    """Return the racing number of one of these cars, as :func:`car_of`.

    Examples
    --------
    >>> pick("sai", [Named("55", "SAI"), Named("16", "LEC")], "2023-15-singapore")
    '55'
    """
    cars, wanted = list(cars), named.strip()
    found = [c.car_id for c in cars if c.car_id == wanted]
    found = found or [c.car_id for c in cars if c.driver and c.driver.upper() == wanted.upper()]
    if len(found) == 1:
        return found[0]
    there = ", ".join(f"{c.car_id} {c.driver}" if c.driver else c.car_id for c in cars)
    raise InputError(f"car: {named!r} is not in {race}; cars: {there}")


def cars_to_run(
    named: Iterable[str], settings: Settings, *, race: str | None, simulated: bool, elsewhere: bool
) -> tuple[str, ...]:
    """Return the racing numbers of cars that are named before their race is run.

    Parameters
    ----------
    named
        Numbers or codes.
    settings
        Where the races are.
    race, simulated
        As for :func:`racetwin.api.serve.run_server`.
    elsewhere
        Whether the race comes from live feeds or another engine: who is in it is not known yet, and only numbers will do.
    """
    from racetwin.runtime.sources import default_race, is_recording, library_race
    from racetwin.telemetry.library import RaceLibrary
    from racetwin.telemetry.simulator import TelemetrySimulator

    named = tuple(named)
    if not named:
        return ()
    if elsewhere:
        for one in named:
            if not one.strip().isdigit():
                raise InputError(f"car: {one!r}, expected a racing number: who drives which car is not known yet")
        return tuple(one.strip() for one in named)
    chosen = None if simulated else (race or default_race(settings))
    if chosen is not None and is_recording(chosen):
        first = next(iter(library_race(chosen, settings, speed=None).frames))
        cars = [Named(c.car_id, c.driver) for c in first.cars]
        # A recording may begin before all of its cars are in it: a number is taken as it is.
        return tuple(one.strip() if one.strip().isdigit() else pick(one, cars, chosen) for one in named)
    record = TelemetrySimulator(seed=settings.seed).record if chosen is None else RaceLibrary(settings).load(chosen)
    return tuple(car_of(record, one) for one in named)
