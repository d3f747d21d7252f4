"""The screen's clock: pause, go back and forth, return to the race, and how late the race is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from racetwin.widgets._panel import Panel, pack, script, style
from racetwin.widgets.trace import status_spans

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot


class Timeline(Panel):
    """A line of the race's laps with the moment shown, safety cars shaded and our stops marked, and the frames that came in.

    What a viewer does comes as ``{'hold': True}`` (pause), ``{'lap': 23}`` (go to what was known then), ``{'laps': -1}`` (step),
    ``{'live': True}`` (return to the race) and ``{'delay': 5.0}`` (seconds late, to match a television picture).

    >>> line = Timeline()
    >>> line.show(live.snapshot, "44", newest=live.snapshot.lap)  # doctest: +SKIP
    """

    _esm = script("timeline")
    _css = style("timeline")

    def show(
        self,
        snapshot: RaceSnapshot,
        car_id: str | None = None,
        *,
        newest: int | None = None,
        held: int | None = None,
        delay_s: float | None = 0.0,
    ) -> None:
        """Draw the moment of ``snapshot``.

        Parameters
        ----------
        newest
            The lap that the race is on, where that is further; by default the snapshot's.
        held
            Lap at which the screen stands still, None while it follows the race.
        delay_s
            How late the race is shown; None where that cannot be chosen.
        """
        counters = snapshot.counters
        self.data = pack(
            {
                "lap": snapshot.lap,
                "newest": max(snapshot.lap, newest or 0),
                "total_laps": snapshot.info.total_laps,
                "time": round(snapshot.time_s, 1),
                "held": held,
                "delay": delay_s,
                "spans": status_spans(snapshot.laps),
                "stops": [r.lap for r in snapshot.laps if r.car_id == car_id and r.pit_in],
                "finished": snapshot.finished,
                "replay": snapshot.info.replay,
                "simulated": snapshot.info.simulated,
                "speed": snapshot.info.speed,
                "frames_in": counters.frames_in,
                "frames_processed": counters.frames_processed,
                "frames_rejected": counters.frames_rejected,
            }
        )
