"""What the measures of a scoreboard mean, one line each: for who reads its rows and has not met them."""

from __future__ import annotations

from collections.abc import Iterable

from racetwin.evaluation.measures import ECE_BINS, LEAST_RACES

MEANINGS = {
    "MAE": "mean absolute error: how far forecasts are off on average, in places (or in seconds); 0 is best",
    "rank correlation": "Spearman's, of forecast and real order: 1 where they are the same, 0 where they are unrelated",
    "Brier": "mean squared difference of a probability and what happened (1 or 0): 0 is best, always saying 50 % gets 0.25",
    "log loss": "mean of minus the log of the probability given to what happened, so that being sure and wrong costs most; "
    "told is by how many per cent it is lower than that of always saying how often it happens",
    "calibration error": f"expected calibration error: forecasts in {ECE_BINS} bins of equal width by their probability, "
    "the mean gap between what they said and how often it happened; 0 is best",
    "CRPS": "continuous ranked probability score: how far what happened lies from the whole distribution forecast, in seconds; "
    "of a forecast without a spread it is the MAE; 0 is best",
    "cover of 90 %": "per cent of what happened that lies inside the intervals told for 90 %: more is as wrong as less",
}
"""By the words that name the measure in a row."""
INTERVAL = (
    f"90 %: interval that holds 90 % of bootstrap samples over whole races; it takes at least {LEAST_RACES} of them"
)


def meanings(rows: Iterable[str]) -> list[str]:
    """Return a line for each measure that rows of these names have.

    Examples
    --------
    >>> meanings(["undercut succeeds, Brier"])[0].partition(":")[0]
    'Brier'
    """
    names = list(rows)
    return [f"{measure}: {said}." for measure, said in MEANINGS.items() if any(measure in name for name in names)]
