"""Circuit outlines with a speed profile: where a simulated car is on its lap, and how fast.

An outline is read at run time from ``tracks/f1-circuits.geojson`` of the data folder where that is (longitude and latitude,
projected to metres); without it one is generated from the circuit's id. The speed follows from the curvature: a point mass with
limits of lateral, accelerating and braking force.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from racetwin.config import Settings

Floats = npt.NDArray[np.float64]

N = 2048
"""Samples of a lap, equally spaced in time."""
TOP_KMH, SLOWEST_KMH = 330.0, 65.0
LATERAL_MS2, ACCELERATING_MS2, BRAKING_MS2 = 32.0, 9.0, 38.0
"""Limits of a point-mass car, m/s2: about 3.3 g in corners, 0.9 g accelerating, 3.9 g braking (published onboard data)."""
EARTH_M = 6_371_000.0

# The geojson's names for places, by our circuit ids, where they are not the same word.
_PLACES = {
    "bahrain": "sakhir", "catalunya": "barcelona", "hungaroring": "budapest", "marina-bay": "singapore",
    "hockenheimring": "hockenheim", "paul-ricard": "le-castellet", "interlagos": "sao-paulo", "mugello": "scarperia-e-san-piero",
    "nurburgring": "nurburg", "portimao": "portimao", "austin": "austin", "madring": "madrid",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outline:
    """One lap in ``N`` samples equally spaced in time, from the line back to it.

    Parameters
    ----------
    x_m, y_m, z_m : list of float
        Metres from the outline's middle, east and north; height.
    speed_kmh, throttle, brake, gear
        Speed, pedals (0..1) and gear at racing pace.
    length_m, lap_s
        Length of the lap, and the time that the point mass needs for it.
    generated
        True where no real outline was at hand.
    """

    x_m: list[float]
    y_m: list[float]
    z_m: list[float]
    speed_kmh: list[float]
    throttle: list[float]
    brake: list[float]
    gear: list[int]
    length_m: float
    lap_s: float
    generated: bool


def outline(circuit_id: str, settings: Settings | None = None) -> Outline:
    """Return the outline of a circuit: the real one where the data folder has it, else a generated one."""
    folder = settings.data if settings is not None else None
    return _outline(circuit_id, folder)


@lru_cache(maxsize=8)
def _outline(circuit_id: str, folder: Path | None) -> Outline:
    points = _read(circuit_id, folder / "tracks" / "f1-circuits.geojson") if folder is not None else None
    generated = points is None
    return _driven(generate(circuit_id) if points is None else points, generated)


def _read(circuit_id: str, path: Path) -> Floats | None:
    """Return the centre line in metres, or None if the file is absent, unreadable or does not know the circuit."""
    try:
        features: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["features"]
        wanted = _PLACES.get(circuit_id, circuit_id)
        for f in features:
            named = {_slug(f["properties"].get("Location", "")), _slug(f["properties"].get("Name", ""))}
            if wanted in named or any(wanted in n.split("-") for n in named):
                lon, lat = np.radians(np.array(f["geometry"]["coordinates"], dtype=np.float64)[:, :2]).T
                xy = EARTH_M * np.column_stack([(lon - lon.mean()) * np.cos(lat.mean()), lat - lat.mean()])
                length = float(f["properties"].get("length") or 0)
                around = float(np.hypot(*np.diff(np.vstack([xy, xy[:1]]), axis=0).T).sum())
                return xy * (length / around if length > 1000 else 1.0)
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None  # the outline is decoration: a generated one serves as well
    return None


def _slug(name: str) -> str:
    plain = name.lower().replace("ã", "a").replace("ü", "u").replace("é", "e")
    return "-".join("".join(c if c.isalnum() else " " for c in plain).split())


def generate(circuit_id: str, length_m: float = 5300.0) -> Floats:
    """Return a made-up closed outline, the same for the same id: a circle with a few smooth deformations."""
    draw = np.random.Generator(np.random.Philox(key=[zlib.crc32(circuit_id.encode()), 7]))
    angle = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    radius = np.ones_like(angle)
    for k in range(2, 8):
        radius += draw.uniform(0.05, 0.32) / k * np.cos(k * angle + draw.uniform(0, 2 * np.pi))
    xy = np.column_stack([1.35 * radius * np.cos(angle), radius * np.sin(angle)])
    around = float(np.hypot(*np.diff(np.vstack([xy, xy[:1]]), axis=0).T).sum())
    return np.asarray(xy * (length_m / around), dtype=np.float64)


def _driven(points: Floats, generated: bool) -> Outline:
    """Smooth a closed line and drive a point mass around it."""
    if np.allclose(points[0], points[-1]):
        points = points[:-1]
    closed = np.vstack([points, points[:1]])
    at = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    length = float(at[-1])
    n = 4096
    s = np.linspace(0, length, n, endpoint=False)
    xy = np.column_stack([np.interp(s, at, closed[:, i]) for i in (0, 1)])
    xy = np.column_stack([_smooth(xy[:, i], 24.0 / (length / n)) for i in (0, 1)])
    step = np.hypot(*(np.roll(xy, -1, axis=0) - xy).T)
    heading = np.unwrap(np.arctan2(*(np.roll(xy, -1, axis=0) - xy).T[::-1]))
    bend = np.abs(
        _smooth(
            np.diff(np.append(heading, heading[0] + 2 * np.pi * np.round((heading[-1] - heading[0]) / (2 * np.pi)))), 6
        )
    )
    corner = np.sqrt(LATERAL_MS2 * step / np.maximum(bend, 1e-6))
    v = np.clip(corner, SLOWEST_KMH / 3.6, TOP_KMH / 3.6)
    for k in range(2 * n):  # out of the corners; twice around, as the lap has no end
        a, b = k % n, (k + 1) % n
        drag = ACCELERATING_MS2 * (1 - (v[a] / (TOP_KMH / 3.6)) ** 2) + 0.3
        v[b] = min(v[b], np.sqrt(v[a] ** 2 + 2 * drag * step[a]))
    for k in range(2 * n, 0, -1):  # and into them
        a, b = k % n, (k - 1) % n
        v[b] = min(v[b], np.sqrt(v[a] ** 2 + 2 * BRAKING_MS2 * step[b]))
    dt = step / v
    clock = np.concatenate([[0.0], np.cumsum(dt)])
    where = np.interp(np.linspace(0, clock[-1], N, endpoint=False), clock, np.arange(n + 1)) % n
    i = where.astype(np.int64)
    pull = np.gradient(v) * v / step
    throttle = np.clip(np.where(pull > -1.0, 0.35 + pull / (0.7 * ACCELERATING_MS2), 0.0), 0, 1)
    brake = np.clip(-(pull + 4.0) / (BRAKING_MS2 - 4.0), 0, 1)
    kmh = v * 3.6
    gear = np.clip(np.ceil((kmh - 40.0) / 36.0), 1, 8).astype(int)
    height = 6.0 * np.sin(2 * np.pi * np.arange(n) / n) + 2.5 * np.sin(6 * np.pi * np.arange(n) / n + 1.0)

    def at_times(values: npt.NDArray[Any], digits: int) -> list[float]:
        return [round(float(x), digits) for x in values[i]]

    return Outline(
        x_m=at_times(xy[:, 0], 2), y_m=at_times(xy[:, 1], 2), z_m=at_times(height, 2), speed_kmh=at_times(kmh, 1),
        throttle=at_times(throttle, 2), brake=at_times(brake, 2), gear=[int(g) for g in gear[i]],
        length_m=float(step.sum()), lap_s=float(clock[-1]), generated=generated,
    )  # fmt: skip


def _smooth(values: Floats, width: float) -> Floats:
    """Periodic Gaussian smoothing, ``width`` in samples."""
    k = np.fft.rfftfreq(len(values)) * 2 * np.pi
    return np.asarray(np.fft.irfft(np.fft.rfft(values) * np.exp(-0.5 * (k * width) ** 2), len(values)))
