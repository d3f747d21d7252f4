"""What Formula 1's live timing and OpenF1 say of the track: the same news of race control and weather under different names."""

from __future__ import annotations

from typing import Any, NamedTuple

from racetwin.schemas import TrackStatus
from racetwin.telemetry.f1_values import boolean, integer, number, text

MESSAGES_SEEN = 10_000
"""Messages of a session told apart from repetitions; more are not taken."""


class Names(NamedTuple):
    """The fields of a feed's messages of race control and of its weather readings."""

    message: str
    utc: str
    category: str
    flag: str
    scope: str
    sector: str
    car: str
    lap: str
    air: str
    track: str
    wind_speed: str
    wind_direction: str
    humidity: str
    rainfall: str


LIVE_TIMING = Names(
    "Message", "Utc", "Category", "Flag", "Scope", "Sector", "RacingNumber", "Lap",
    "AirTemp", "TrackTemp", "WindSpeed", "WindDirection", "Humidity", "Rainfall",
)  # fmt: skip
OPENF1 = Names(
    "message", "date", "category", "flag", "scope", "sector", "driver_number", "lap_number",
    "air_temperature", "track_temperature", "wind_speed", "wind_direction", "humidity", "rainfall",
)  # fmt: skip


def weather(d: dict[str, Any], names: Names) -> dict[str, Any]:
    """Return the readings that a message holds, as fields of :class:`racetwin.schemas.TrackConditions`."""
    found = {
        "air_temperature_c": number(d.get(names.air)),
        "track_temperature_c": number(d.get(names.track)),
        "wind_speed_ms": number(d.get(names.wind_speed)),
        "wind_direction_deg": number(d.get(names.wind_direction)),
        "humidity_pct": number(d.get(names.humidity)),
        "rainfall": boolean(d.get(names.rainfall)),
    }
    return {k: v for k, v in found.items() if v is not None}


def car_number(value: Any) -> str | None:
    """Return a racing number as text; None where it is none."""
    found = integer(value)
    return str(found) if found is not None and 0 <= found <= 999 else None


class RaceControlReader:
    """Reads race control's messages, each once: a new subscription repeats the whole session's."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._seen: dict[tuple[str | None, str], None] = {}

    def read(self, d: Any) -> dict[str, Any] | None:
        """Return the fields of :class:`racetwin.schemas.RaceControlMessage`; None for what is no message, or was read before."""
        said = text(d.get(self._names.message)) if isinstance(d, dict) else None
        if said is None:
            return None
        key = (text(d.get(self._names.utc), 40), said)
        if key in self._seen or len(self._seen) >= MESSAGES_SEEN:
            return None
        self._seen[key] = None
        lap = integer(d.get(self._names.lap))
        return {
            "message": said,
            "category": text(d.get(self._names.category), 40),
            "flag": text(d.get(self._names.flag), 40),
            "scope": text(d.get(self._names.scope), 40),
            "sector": integer(d.get(self._names.sector)),
            "car_id": car_number(d.get(self._names.car)),
            "lap": lap if lap is not None and 0 <= lap <= 200 else None,
            "utc": key[0],
        }


class Flags:
    """The status of the track as race control's messages tell it, for a feed that carries none of its own."""

    def __init__(self) -> None:
        self._neutral: TrackStatus | None = None
        self._yellow: set[int] = set()

    def hear(self, told: dict[str, Any]) -> TrackStatus | None:
        """Take a message as :meth:`RaceControlReader.read` returns it; the status after it, None if it is not about flags."""
        said, flag, sector = told["message"].upper(), (told["flag"] or "").upper(), told["sector"]
        virtual = "VIRTUAL SAFETY CAR" in said or "VSC" in said
        if flag == "RED":
            self._neutral = TrackStatus.RED
        elif virtual and "ENDING" in said:
            self._neutral = TrackStatus.VSC_ENDING
        elif virtual and "DEPLOYED" in said:
            self._neutral = TrackStatus.VSC
        elif "SAFETY CAR" in said and "DEPLOYED" in said:
            self._neutral = TrackStatus.SC
        elif flag in ("GREEN", "CLEAR") and told["scope"] != "Sector":
            self._neutral = None
            self._yellow.clear()
        elif flag in ("YELLOW", "DOUBLE YELLOW"):
            self._yellow.add(sector if sector is not None and 0 <= sector < 200 else 0)
        elif flag == "CLEAR" and sector is not None:
            self._yellow.discard(sector)
        else:
            return None
        return self._neutral or (TrackStatus.YELLOW if self._yellow else TrackStatus.GREEN)
