"""The pit window: where a stop on each of the coming laps comes out, under green, VSC and safety car."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from racetwin.schemas import Rejoin
from racetwin.widgets._panel import Panel, pack, script, style


class PitWindow(Panel):
    """One column a lap, one row a track status: place after the out-lap, between whom, and how likely.

    >>> panel = PitWindow()
    >>> panel.show_window(live.pit_window("44"), names={"44": "HAM"}, position=4)  # doctest: +SKIP
    """

    _esm = script("window")
    _css = style("window")

    def show_window(
        self,
        window: Sequence[Rejoin],
        names: Mapping[str, str] | None = None,
        *,
        position: int | None = None,
        best: tuple[int, int] | None = None,
        stop: int | None = None,
        why: str | None = None,
    ) -> None:
        """Draw these forecasts.

        ``best`` is the first and last lap at which our plan may stop, to be shaded, ``stop`` the lap on which it does; ``why``
        says why there are no forecasts.
        """
        names = names or {}
        self.data = pack(
            {
                "car": window[0].car_id if window else None,
                "now": position,
                "best": best,
                "stop": stop,
                "why": why,
                "cells": [
                    {
                        "lap": r.lap,
                        "status": r.track_status.value,
                        "position": r.position,
                        "probability": r.probability,
                        "ahead": names.get(r.car_ahead or "", r.car_ahead),
                        "gap_ahead": r.gap_ahead_s,
                        "behind": names.get(r.car_behind or "", r.car_behind),
                        "gap_behind": r.gap_behind_s,
                        "loss": r.pit_loss_s.mean,
                        "traffic": r.traffic,
                    }
                    for r in window
                ],
            }
        )
