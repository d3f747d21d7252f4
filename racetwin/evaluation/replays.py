"""Races to replay for blocks of the parameter file, as a command names them, each with what was known before its season."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from racetwin.calibration.tables import load
from racetwin.config import settings
from racetwin.evaluation.backtest import form_of, forms_before
from racetwin.evaluation.parameters_before import fitted
from racetwin.simulation.form import Form
from racetwin.simulation.parameter_file import load_parameters, read_document
from racetwin.simulation.parameters import RaceParameters
from racetwin.telemetry.library import RaceLibrary
from racetwin.telemetry.records import RaceRecord

FloatArray = npt.NDArray[np.float64]

SOURCE = "replays"


def replays_asked_for(
    about: str | None, argv: Sequence[str] | None = None
) -> Iterator[tuple[RaceRecord, RaceParameters, Form]]:
    """Read ``--data``, ``--first`` and ``--last``; yield those races, each with what was known before its season."""
    parser = argparse.ArgumentParser(description=(about or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, default=settings().data, help="folder of race data")
    parser.add_argument("--first", required=True, help="first race replayed")
    parser.add_argument("--last", required=True, help="last race replayed")
    asked = parser.parse_args(argv)
    source = settings().model_copy(update={"data": asked.data})
    tables = load(asked.data)
    ids = [str(r) for r in tables.races.race_id]
    chosen = ids[ids.index(asked.first) : ids.index(asked.last) + 1]
    forms, library = forms_before(tables), RaceLibrary(source)
    opener = tables.races.groupby("season").race_id.first()
    files = {s: str(fitted(tables.before(str(opener[s])), source.cache)) for s in sorted({int(r[:4]) for r in chosen})}
    for race_id in track(chosen, description="replaying", console=Console(stderr=True), transient=True):
        record = library.load(race_id)
        file = files[record.season]
        p = load_parameters(record.circuit_id, record.season, file)
        yield record, p, form_of(file, read_document(file).get("form"), forms.get(race_id))


def entry(value: FloatArray | float, sd: FloatArray | float, n: int) -> dict[str, Any]:
    """Return a number, or some, as the parameter file has them: with standard error, evidence and source."""

    def told(v: FloatArray | float) -> list[float] | float:
        return [round(float(x), 3) for x in v] if isinstance(v, np.ndarray) and v.ndim else round(float(v), 3)

    return {"value": told(value), "sd": told(sd), "n": n, "source": SOURCE}
