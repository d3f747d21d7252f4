"""What stands behind a fitted number: its standard error and how many observations it was fitted on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd


class Evidence(NamedTuple):
    """Standard error of a fitted number (or of each of a tuple), and the observations behind it."""

    sd: float | tuple[float, ...]
    n: int | tuple[int, ...]


def of_median(values: pd.Series, group: pd.Series | npt.NDArray[np.object_]) -> Evidence:
    """Return the evidence for a median of values that come in groups (races): what one race shows is not independent."""
    known = np.isfinite(values.to_numpy(dtype=float))
    kept = values[known].astype(float)
    by = kept.groupby(np.asarray(group)[known]).median()
    sd = float(by.std(ddof=1)) if len(by) > 1 else float(kept.std(ddof=0))
    return Evidence(max(sd, 1e-4) / max(len(by), 1) ** 0.5, len(kept))


def of_share(events: float, trials: float) -> Evidence:
    """Return the evidence for a probability or rate of rare events, with half an event where none was seen."""
    share = min((events + 0.5) / (trials + 1.0), 1.0)
    return Evidence(float((share * (1.0 - 0.5 * share) / max(trials, 1.0)) ** 0.5), max(1, round(trials)))
