"""Parameters fitted on the races before one and kept in the cache, so that a second look at that race costs nothing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

import racetwin
from racetwin import simulation
from racetwin.config import Settings
from racetwin.errors import ConfigurationError, DataError, MissingExtraError

if TYPE_CHECKING:
    from racetwin.calibration.tables import RaceTables

Progress = Callable[[str, int, int], None]


def parameters_before(race_id: str, now: Settings, progress: Progress | None = None) -> tuple[Path | None, str]:
    """Return a parameter file that knows only the races before one, and in words what was found.

    A file that is set is taken as it is. Where nothing can be fitted (no race data, too few races before, no extra
    ``[calibrate]``) the file is None, the one shipped, and the words say why. Where the fit does not converge it is the one on
    the races before its season, else the one shipped; the words say so.

    Parameters
    ----------
    race_id
        The race that must not be known.
    now
        Race data, parameter file and cache.
    progress
        Told each step of the fit.
    """
    if now.parameters is not None:
        return Path(now.parameters), f"parameters as set: {now.parameters}"
    shipped = "parameters as shipped, which know every race up to their date"
    if now.data is None:
        return None, f"{shipped}: no race data to fit others on"
    try:
        from racetwin.calibration.bayes import ConvergenceError
        from racetwin.calibration.calibrate import MIN_RACES
        from racetwin.calibration.tables import load

        tables = load(now.data)
    except (DataError, MissingExtraError) as error:
        return None, f"{shipped}: {error}"
    if race_id not in set(tables.races.race_id):
        return None, f"{shipped}: {race_id} is not in {now.data}"
    before = tables.before(race_id)
    dry = _dry(before)
    if dry < MIN_RACES:
        return None, f"{shipped}: {dry} dry races before it, {MIN_RACES} are needed for a fit"
    try:
        return fitted(before, now.cache, progress), f"parameters fitted on the {len(before.races)} sessions before it"
    except ConfigurationError as error:
        return None, f"{shipped}: {error}"
    except ConvergenceError as error:
        refused = f"the fit on the {len(before.races)} sessions before it did not converge ({error})"
    season = int(tables.races.season[tables.races.race_id == race_id].iloc[0])
    earlier = before.select([str(r) for r in before.races.race_id[before.races.season < season]])
    if _dry(earlier) >= MIN_RACES and len(earlier.races) < len(before.races):
        try:
            file = fitted(earlier, now.cache, progress)
            return file, f"parameters fitted on the {len(earlier.races)} sessions before its season: {refused}"
        except ConvergenceError:
            pass  # then those shipped
    return None, f"{shipped}: {refused}"


def _dry(tables: RaceTables) -> int:
    """Return how many dry Grands Prix there are: what the least is counted in that a fit needs."""
    return int(((tables.races.session == "R") & ~tables.races.wet.astype(bool)).sum())


def fitted(tables: RaceTables, cache: Path, progress: Progress | None = None) -> Path:
    """Return the file of parameters fitted on these races (their modes): the one in the cache, or a new one that is kept there.

    A file is found again by the laps fitted on and by the code that fits, so that it is never an older code's.
    """
    from racetwin import calibration  # a review with the parameters in use does without what fits others

    file = cache / "parameters" / f"until-{tables.races.race_id.iloc[-1]}-{_key(tables)}.json"
    if not file.is_file():
        part = file.with_suffix(f".{os.getpid()}.part")
        calibration.calibrate(tables, None, part, *([progress] if progress else []), method="map")
        part.replace(file)
    return file


def _key(tables: RaceTables) -> str:
    from racetwin import calibration

    laps = tables.laps[["race_id", "driver_number", "lap", "lap_time_s", "race_time_s", "compound", "track_status"]]
    found = hashlib.sha256(np.ascontiguousarray(pd.util.hash_pandas_object(laps, index=False)).tobytes())
    for part in (calibration, simulation):
        for source in sorted(Path(part.__path__[0]).glob("*.py")):
            found.update(source.read_bytes())
    found.update((Path(racetwin.__path__[0]) / "data" / "priors.json").read_bytes())
    return found.hexdigest()[:16]
