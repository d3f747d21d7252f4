"""Lap tables in, fitted and versioned race-model parameters out; knows nothing of feeds, twins or viewers."""

from __future__ import annotations

from importlib.util import find_spec

from racetwin.errors import MissingExtraError

if missing := [name for name in ("scipy", "numpyro") if find_spec(name) is None]:
    # Said here, before a module of ours asks for them.
    raise MissingExtraError(
        f"what fits the race model ({' and '.join(missing)}) is not installed; "
        "install it with pip install 'racetwin[calibrate]'"
    )

from racetwin.calibration.calibrate import calibrate

__all__ = ["calibrate"]
