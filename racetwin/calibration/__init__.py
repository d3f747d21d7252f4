"""Lap tables in, fitted and versioned race-model parameters out; knows nothing of feeds, twins or viewers."""

from __future__ import annotations

from racetwin.calibration.calibrate import calibrate

__all__ = ["calibrate"]
