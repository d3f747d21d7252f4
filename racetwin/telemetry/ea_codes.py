"""What the EA game's numbers mean: compounds, weather, teams, sessions, times."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from racetwin.schemas import Compound

COMPOUND = {
    16: Compound.SOFT,
    17: Compound.MEDIUM,
    18: Compound.HARD,
    7: Compound.INTERMEDIATE,
    8: Compound.WET,
}
"""``m_visualTyreCompound`` of Formula 1 cars, 2019 on."""
COMPOUND_2018 = {
    3: Compound.SOFT,
    4: Compound.MEDIUM,
    5: Compound.HARD,
    7: Compound.INTERMEDIATE,
    8: Compound.WET,
}
NAME_2018 = {0: "HYPERSOFT", 1: "ULTRASOFT", 2: "SUPERSOFT", 6: "SUPERHARD"}
PIRELLI = {22: "C6", 16: "C5", 17: "C4", 18: "C3", 19: "C2", 20: "C1", 21: "C0"}
"""``m_actualTyreCompound``."""
WEATHER = ("clear", "light cloud", "overcast", "light rain", "heavy rain", "storm")
TEAMS = {
    0: "Mercedes",
    1: "Ferrari",
    2: "Red Bull Racing",
    3: "Williams",
    4: "Aston Martin",
    5: "Alpine",
    6: "Racing Bulls",
    7: "Haas",
    8: "McLaren",
    9: "Kick Sauber",
}
"""``m_teamId`` by the line each team stands in; a works name changed hands several times between 2018 and 2026."""


def session_kind(fmt: int, code: int) -> str:
    """Return our session type; the codes were renumbered in 2024, which put the sprint shootout in the middle."""
    if 1 <= code <= 4:
        return "practice"
    if 5 <= code <= (14 if fmt >= 2024 else 9):
        return "qualifying"
    races = (15, 16, 17) if fmt >= 2024 else (10, 11, 12) if fmt >= 2021 else (10, 11)
    return "race" if code in races else "test"


def free_number(number: int, slot: int, taken: set[str]) -> str:
    """Return a racing number for a slot: players may choose the same, and a custom car may have none."""
    for shift in range(0, 1000, 100):
        if number and str(number + shift) not in taken:
            return str(number + shift)
        if not number:
            break
    return str(900 + slot)


def driver_code(name: str) -> str | None:
    """Return a three-letter code from a driver's or player's name.

    Examples
    --------
    >>> driver_code("HAMILTON"), driver_code("R. GROSJEAN")
    ('HAM', 'GRO')
    """
    words = name.replace(".", ". ").split()
    letters = "".join(ch for ch in words[-1] if ch.isalnum()) if words else ""
    return letters[:3].upper() or None


def seconds(c: Any, name: str) -> float | None:
    """Return a lap time in seconds: milliseconds since 2021, a float of seconds before."""
    value = getattr(c, f"{name}_in_ms", None)
    seconds = value / 1000 if value is not None else float(getattr(c, name))
    return round(seconds, 3) if 0 <= seconds < 1e5 else None


def sector(lap: Any, i: int) -> float | None:
    """Return a sector time of a lap's history in seconds; minutes stand apart since 2023."""
    value = 60.0 * getattr(lap, f"sector{i}_time_minutes_part", 0) + getattr(lap, f"sector{i}_time_ms_part") / 1000
    return round(value, 3) or None


def worst(wear: Iterable[float]) -> float | None:
    """Return the wear of the most worn tyre, 0 to 1: the one that decides."""
    values = [float(w) for w in wear if 0 <= w <= 100]
    return round(max(values) / 100, 4) if values else None
