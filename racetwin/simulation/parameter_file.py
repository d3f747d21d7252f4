"""The file that the race model's numbers come from, and the numbers of one circuit and season in it.

The file (``racetwin/data/parameters.json``, or what ``RACETWIN_PARAMETERS`` names) is a hierarchy; each level overrides single
fields of the level above it::

    {
      "format": "racetwin-parameters/1",
      "provenance": {"<source id>": "what it is, how it was obtained, when"},
      "replays": {"last_race": "2023-04-azerbaijan", "last_date": "2023-04-30"},
      "defaults": {"lap_noise_s": {"value": 0.35, "sd": 0.05, "source": "<source id>"}, ...},
      "seasons": {"2026": {...}},
      "circuits": {"monza": {...}},
      "circuit_seasons": {"monza/2024": {...}},
      "live": {"stops": {"one": {...}, ...}, ...},
      "levels": {"spread of seasons": {"wear_soft_s": {...}, ...}, "2024": {...}, "one step harder": {...},
                 "wear of teams": {"Ferrari": {...}, ...}, "wear of drivers": {...}, "spread of wear": {...}}
    }

A value may stand bare (``0.35``) or with its standard error, how many observations it was fitted on and its source as above
(all three may be lists, one for each number of a tuple); ``defaults`` names every field of :class:`RaceParameters` except
``circuit_id``, ``season``, ``live``, ``errors`` and ``sources``. Order of precedence: defaults, season, circuit, circuit and
season. A circuit or season that is not in the file gets the levels above it, so the model always has numbers.
``replays`` marks the last race that values of that source have seen: calibrations keep them, whichever races they fit.
Compound tuples run SOFT, MEDIUM, HARD (slicks), and INTERMEDIATE, WET where there are five.
"""

from __future__ import annotations

import json
import math
from dataclasses import fields
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from racetwin.config import settings
from racetwin.errors import ConfigurationError
from racetwin.simulation.live import LiveNumbers
from racetwin.simulation.parameters import RaceParameters

FORMAT = "racetwin-parameters/1"
REMEMBERED = 64
"""Parameters kept in memory, by circuit, season and file."""
_NAMES = frozenset(f.name for f in fields(RaceParameters)) - {"circuit_id", "season", "live", "errors", "sources"}
_WHOLE = frozenset(f.name for f in fields(RaceParameters) if f.type == "int")


def load_parameters(circuit_id: str | None, season: int, path: Path | str | None = None) -> RaceParameters:
    """Return the race model's numbers for a circuit and season.

    Parameters
    ----------
    circuit_id
        f1db identifier (``"monza"``); one that is not in the file, or None, gets the season's defaults.
    season
        Year; one that is not in the file gets the nearest earlier season's rules, else the defaults.
    path
        File to read; by default that of the setting ``parameters``, else the one shipped with the package.

    Examples
    --------
    >>> load_parameters("monza", 2024).pit_loss_s > 15
    True
    """
    return _loaded(circuit_id, season, file_in_use(path))


def file_in_use(path: Path | str | None = None) -> str | None:
    """Return the parameter file that is meant: the one named, that of the setting ``parameters``, or None for the one shipped.

    Whatever reads a parameter file asks here, so that twins, form, desk and simulation never follow different ones.
    """
    named = path if path is not None else settings().parameters
    return str(named) if named is not None else None


@lru_cache(maxsize=REMEMBERED)
def _loaded(circuit_id: str | None, season: int, path: str | None) -> RaceParameters:
    return parameters_of(read_document(path), circuit_id, season)


def parameters_of(document: dict[str, Any], circuit_id: str | None, season: int) -> RaceParameters:
    """Return the numbers for a circuit and season of a parameter file's document."""
    levels = _levels(document, circuit_id, season)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for level, entries in levels:
        for name, entry in entries.items():
            value, source = (entry["value"], entry.get("source", "")) if isinstance(entry, dict) else (entry, "")
            values[name] = _typed(name, value)
            told = ", ".join(dict.fromkeys(source)) if isinstance(source, list) else source
            sources[name] = f"{level}: {told}" if told else level
    live = LiveNumbers.of(document.get("live") or {}, document.get("levels"))
    errors = _errors(document, levels, season)
    return RaceParameters(
        circuit_id=circuit_id or "", season=season, live=live, errors=errors, sources=sources, **values
    )


def load_errors(circuit_id: str | None, season: int, path: Path | str | None = None) -> dict[str, Any]:
    """Return the standard errors that the parameter file gives for a circuit and season: a number or a tuple by field.

    Fields whose standard error the file does not tell are left out. Of a season that the file has no tyres of, they hold what
    seasons differ by, and :data:`NEW_SEASON` names that part of them by itself.
    """
    document = read_document(str(path) if path is not None else None)
    return _errors(document, _levels(document, circuit_id, season), season)


OF_SEASONS = {
    "compound_offset_s": {0: "offset_soft_s", 2: "offset_hard_s"},
    "wear_s": {0: "wear_soft_s", 1: "wear_medium_s", 2: "wear_hard_s"},
}
"""Where the spread of seasons bears on the numbers of a tuple, by compound."""


NEW_SEASON = "new season"
"""Among standard errors, by field: the part of them that tyres which nobody has raced on add."""


def _errors(document: dict[str, Any], levels: list[tuple[str, dict[str, Any]]], season: int) -> dict[str, Any]:
    errors: dict[str, Any] = {}
    for _, entries in levels:
        for name, entry in entries.items():
            errors.pop(name, None)  # a value that overrides another brings its own error, or none
            if isinstance(entry, dict) and "sd" in entry:
                sd = entry["sd"]
                errors[name] = tuple(float(v) for v in sd) if isinstance(sd, list) else float(sd)
    seasons = document.get("levels") or {}
    if seasons and str(season) not in seasons:  # tyres that nobody has raced on: less is known of them
        spread = seasons["spread of seasons"]
        added: dict[str, tuple[float, ...]] = {}
        for name, compounds in OF_SEASONS.items():
            if isinstance(errors.get(name), tuple):
                added[name] = tuple(
                    float(spread[compounds[k]]["value"]) if k in compounds else 0.0 for k in range(len(errors[name]))
                )
                errors[name] = tuple(map(math.hypot, errors[name], added[name]))
        errors[NEW_SEASON] = added
    return errors


def _levels(document: dict[str, Any], circuit_id: str | None, season: int) -> list[tuple[str, dict[str, Any]]]:
    """Return the levels of a file that bear on a circuit and season, the more general first."""
    earlier = [y for y in map(int, document["seasons"]) if y <= season]
    return [
        ("defaults", document["defaults"]),
        (f"season {max(earlier)}", document["seasons"][str(max(earlier))]) if earlier else ("season", {}),
        (f"circuit {circuit_id}", document["circuits"].get(circuit_id, {})),
        (f"{circuit_id} {season}", document["circuit_seasons"].get(f"{circuit_id}/{season}", {})),
    ]


def _typed(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(float(v) for v in value)
    return int(value) if name in _WHOLE else float(value)


@lru_cache(maxsize=8)
def read_document(path: str | None) -> dict[str, Any]:
    """Return a parameter file as it stands, checked; None names the one shipped."""
    try:
        text = Path(path).read_text() if path else files("racetwin").joinpath("data/parameters.json").read_text()
        document: dict[str, Any] = json.loads(text)
    except (OSError, ValueError) as e:
        raise ConfigurationError(f"parameters file {path or 'of the package'}: {e}") from e
    if document.get("format") != FORMAT:
        raise ConfigurationError(f"parameters file {path}: format {document.get('format')!r}, expected {FORMAT!r}")
    for level in ("seasons", "circuits", "circuit_seasons"):
        document.setdefault(level, {})
    missing = _NAMES - document["defaults"].keys()
    if missing:
        raise ConfigurationError(f"parameters file {path}: defaults lack {', '.join(sorted(missing))}")
    for level in ("seasons", "circuits", "circuit_seasons"):
        for key, entries in document[level].items():
            unknown = entries.keys() - _NAMES
            if unknown:
                raise ConfigurationError(
                    f"parameters file {path}: {level} {key} has unknown {', '.join(sorted(unknown))}"
                )
    return document
