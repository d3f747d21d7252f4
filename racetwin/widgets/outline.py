"""Circuit outlines from the folder of race data: closed lines in metres, beginning near the start/finish line."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from racetwin.telemetry.circuits import circuit_id as id_of

POINTS = 240
"""Points of an outline: finer than a panel's pixels."""
_CENTRE_LINES = "tracks/tum_centerlines.csv.gz"
_MAP_LINES = "tracks/f1-circuits.geojson"


@lru_cache(maxsize=16)
def track_outline(circuit: str, folder: Path | None) -> npt.NDArray[np.float64] | None:
    """Return a circuit's outline, ``(POINTS, 2)`` metres, x east and y north, equally spaced; None where there is none.

    Surveyed centre lines come first: they begin at the line. Lines traced from maps begin within a few hundred metres of it.
    """
    if folder is None:
        return None
    for read in (_centre_line, _map_line):
        try:
            line = read(circuit, folder)
        except (OSError, ValueError, KeyError, TypeError):
            line = None  # an outline is a comfort: a damaged file must not take the page down
        if line is not None and len(line) >= 8:
            return resample(line)
    return None


def resample(line: npt.NDArray[np.float64], points: int = POINTS) -> npt.NDArray[np.float64]:
    """Return a closed line as equally spaced points, the first one kept."""
    closed = np.vstack([line, line[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    at = np.linspace(0.0, along[-1], points, endpoint=False)
    return np.stack([np.interp(at, along, closed[:, k]) for k in (0, 1)], axis=1)


def _centre_line(circuit: str, folder: Path) -> npt.NDArray[np.float64] | None:
    import pandas as pd

    table = pd.read_csv(folder / _CENTRE_LINES, usecols=["track", "x_m", "y_m"])
    for name, rows in table.groupby("track"):
        words = "".join(f" {c}" if c.isupper() else c for c in str(name)).strip()
        if circuit in (id_of(words), id_of(str(name))):
            return rows[["x_m", "y_m"]].to_numpy(np.float64)
    return None


def _map_line(circuit: str, folder: Path) -> npt.NDArray[np.float64] | None:
    shapes = json.loads((folder / _MAP_LINES).read_text(encoding="utf-8"))["features"]
    for shape in shapes:
        known = shape["properties"]
        if circuit in (id_of(str(known.get("Location"))), id_of(str(known.get("Name")))):
            degrees = np.asarray(shape["geometry"]["coordinates"], dtype=np.float64)[:, :2]
            middle = degrees.mean(axis=0)
            # One degree of latitude is 110.5 km at mid latitudes; of longitude, 111.3 km times the cosine of the latitude.
            scale = np.array([111_320.0 * np.cos(np.radians(middle[1])), 110_540.0])
            return np.asarray((degrees - middle) * scale, dtype=np.float64)
    return None
