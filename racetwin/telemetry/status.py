"""When the track status changed, told from lap tables that only say which statuses each lap has seen.

Every row of a lap table names the statuses that were in force at any time between two crossings of the line. With twenty cars
crossing at different times that brackets each change: a status cannot have been in force in the lap of a car that has not seen
it. Within the bracket the onset of a safety car or VSC is placed by the time that cars lost in that lap, a red flag by the first
cars that come in, and everything else as late as the laps allow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from racetwin.schemas import TrackStatus

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

DIGITS: dict[str, TrackStatus] = {
    "1": TrackStatus.GREEN,
    "2": TrackStatus.YELLOW,
    "4": TrackStatus.SC,
    "5": TrackStatus.RED,
    "6": TrackStatus.VSC,
    "7": TrackStatus.VSC_ENDING,
}
"""Track-status codes of F1's live timing."""

# Where two statuses overlap, the one that race control declares over the other.
_PRECEDENCE = ("5", "4", "7", "6", "2")

VSC_ENDING_S = 15.0
"""Longest time between 'VSC ending' and green: the regulations give 10 to 15 s."""
SHORTEST_S = 0.5
"""No status is declared for less than this: shorter ones are seams between neighbouring brackets."""
STOPPAGE_S = 600.0
"""A lap longer than this was stopped, if four cars have one at the same time, s."""
STOPPED_AFTER_S = 10.0
"""Earliest moment of a red flag after the last crossing of the line without it, s."""
TRUSTED_BRACKET_S = 6.0
"""A bracket this short needs no finer placing."""


class StatusChange(NamedTuple):
    """From ``time_s`` on the track is in ``status``; ``inferred`` where the time was concluded from laps."""

    time_s: float
    status: TrackStatus
    inferred: bool = True


class _Spell(NamedTuple):
    """One period of a status: its onset lies in ``(after, by]``, its end at or before ``until``."""

    after: float
    by: float
    until: float


def status_timeline(laps: pd.DataFrame, nominal_lap_s: float) -> tuple[StatusChange, ...]:
    """Place all track-status changes of a race.

    Parameters
    ----------
    laps
        Tidy lap table, sorted by car and lap.
    nominal_lap_s
        Lap time to assume where no green lap is known, s.

    Returns
    -------
    tuple of StatusChange
        In time order; empty where the table says nothing of the track.
    """
    laps = laps[laps["race_time_s"].notna()]
    digits = laps["track_status"].fillna("").to_numpy(dtype=object)
    end = laps["race_time_s"].to_numpy()
    car = laps["car_id"].to_numpy(dtype=object)
    start = np.zeros_like(end)
    start[1:] = np.where(car[1:] == car[:-1], end[:-1], 0.0)
    known = np.array([bool(d) for d in digits])
    if not known.any():
        return ()
    table = _Windows(
        start[known], end[known], digits[known], car[known],
        laps["pit_in_time_s"].to_numpy()[known], laps["pit_out_time_s"].to_numpy()[known], nominal_lap_s,
    )  # fmt: skip
    periods: list[tuple[float, float, str]] = []
    for digit in _PRECEDENCE:
        for spell in table.spells(digit):
            on, off = table.place(digit, spell)
            if off > on:
                periods.append((on, off, digit))
    endings = [on for on, _, digit in periods if digit == "7"]
    for k, (on, off, digit) in enumerate(periods):
        if digit == "6":  # "VSC ending" is the VSC's last word
            periods[k] = (on, min([off, *(e for e in endings if on < e)]), digit)
    return _flatten(periods)


def _flatten(periods: list[tuple[float, float, str]]) -> tuple[StatusChange, ...]:
    """Merge overlapping periods into one sequence of changes, the graver status first."""
    edges = sorted({round(t, 3) for on, off, _ in periods for t in (on, off)})
    changes = [StatusChange(0.0, TrackStatus.GREEN)]
    for t in edges:
        active = {d for on, off, d in periods if round(on, 3) <= t < round(off, 3)}
        status = next((DIGITS[d] for d in _PRECEDENCE if d in active), TrackStatus.GREEN)
        if t <= 0:
            changes[0] = StatusChange(0.0, status)
        elif t - changes[-1].time_s < SHORTEST_S and len(changes) > 1:
            changes[-1] = StatusChange(changes[-1].time_s, status)
        else:
            changes.append(StatusChange(t, status))
    return tuple(c for k, c in enumerate(changes) if k == 0 or c.status is not changes[k - 1].status)


class _Windows:
    """All laps of a race as windows of time with the statuses seen in each."""

    def __init__(
        self,
        start: Floats,
        end: Floats,
        digits: npt.NDArray[np.object_],
        car: npt.NDArray[np.object_],
        pit_in: Floats,
        pit_out: Floats,
        nominal_lap_s: float,
    ) -> None:
        self.start, self.end, self.digits, self.car = start, end, digits, car
        self.pit_in, self.pit_out = pit_in, pit_out
        self.took = end - start
        clean = np.array([d == "1" for d in digits]) & np.isnan(pit_in) & np.isnan(pit_out) & (start > 0)
        self.usual_s = float(np.median(self.took[clean])) if clean.any() else nominal_lap_s
        self.clean = clean

    def has(self, digit: str) -> Bools:
        """Which laps have seen a status."""
        return np.array([digit in d for d in self.digits])

    def spells(self, digit: str) -> list[_Spell]:
        """Brackets of each period of a status: stretches of time that no lap without it covers."""
        with_it = self.has(digit)
        if not with_it.any():
            return self._stoppages() if digit == "5" else []
        edges = np.unique(np.concatenate([self.start, self.end]))
        mid = (edges[1:] + edges[:-1]) / 2
        without = _covering(self.start[~with_it], self.end[~with_it], mid)
        seen = _covering(self.start[with_it], self.end[with_it], mid)
        open_ = (without == 0) & (seen > 0)
        if not open_.any():  # a stray row contradicts all others: let the majority speak
            open_ = (without <= 1) & (seen >= 3)
        spells = []
        k = 0
        while k < len(mid):
            if not open_[k]:
                k += 1
                continue
            j = k
            while j + 1 < len(mid) and open_[j + 1]:
                j += 1
            after, until = float(edges[k]), float(edges[j + 1])
            ends = self.end[with_it & (self.end > after)]
            by = min(float(ends.min()) if len(ends) else until, until)
            spells.append(_Spell(after, by, until))
            k = j + 1
        if digit == "5":
            known = [(p.after - STOPPAGE_S, p.until + STOPPAGE_S) for p in spells]
            spells += [p for p in self._stoppages() if not any(a < p.until and p.after < b for a, b in known)]
        return spells

    def place(self, digit: str, spell: _Spell) -> tuple[float, float]:
        """Choose onset and end of a period within its bracket."""
        after, by, until = spell
        on, off = by, until
        if by >= until:  # it came and went between two crossings of the line
            on = (after + until) / 2
        if digit == "5":
            off = self._restart(after, by, until)
            on = min([on, *(self._coming_in(after, off) or self._stopped(after, by, off))])
        elif digit in "46" and by - after > TRUSTED_BRACKET_S:
            on = self._by_time_lost(digit, after, by, on)
        elif digit == "7":
            off = min(off, on + VSC_ENDING_S)
        elif digit == "2" and by - after > TRUSTED_BRACKET_S:
            on = max(on - 0.5 * (by - after), after)
        if on <= 0 < by:  # under way when the race began
            on = 0.0
        return on, off

    def _by_time_lost(self, digit: str, after: float, by: float, fallback: float) -> float:
        """Onset from the time lost by the cars that were on their lap at that moment.

        A car that needs ``T`` at racing pace and ``f T`` when neutralised, and that took ``T + lost``, was slowed for the last
        ``lost / (1 - 1/f)`` seconds of it.
        """
        with_it = self.has(digit)
        straddles = with_it & (self.start <= after) & (self.end >= by) & np.isnan(self.pit_in) & np.isnan(self.pit_out)
        whole = np.array([d == digit for d in self.digits]) & (self.start >= by) & (self.start < by + 3 * self.usual_s)
        whole &= np.isnan(self.pit_in) & np.isnan(self.pit_out)
        factor = float(np.median(self.took[whole])) / self.usual_s if whole.any() else 1.4
        factor = min(max(factor, 1.2), 1.8)
        onsets = []
        for i in np.flatnonzero(straddles):
            own = self.took[self.clean & (self.car == self.car[i]) & (self.end <= self.start[i])][-5:]
            usual = float(np.median(own)) if len(own) else self.usual_s
            lost = max(float(self.took[i]) - usual, 0.0)
            onsets.append(float(self.end[i]) - lost / (1 - 1 / factor))
        if len(onsets) < 3:
            return fallback
        return min(max(float(np.median(onsets)), after + 0.5), by)

    def _coming_in(self, after: float, until: float) -> list[float]:
        """Moment at which the field begins to come in under a red flag: the first of at least four entries in 90 s."""
        seen = self.has("5") | (self.took > 3 * self.usual_s)
        times = np.sort(self.pit_in[seen & (self.pit_in > after) & (self.pit_in < until)])
        return [float(t) for t in times if np.sum((times >= t) & (times < t + 90)) >= 4][:1]

    def _stopped(self, after: float, by: float, off: float) -> list[float]:
        """Onset of a stoppage within a lap whose pit entries were not timed: as long before its end as the lap was too long."""
        took = self.took[(self.start <= after) & (self.end >= by) & (self.took > 3 * self.usual_s)]
        if not len(took):
            return []
        return [min(max(off - (float(np.median(took)) - self.usual_s), after + STOPPED_AFTER_S), by)]

    def _restart(self, after: float, by: float, until: float) -> float:
        """End of a red flag: the first of at least four cars that leave the pits at the end of a lap with a stoppage in it.

        Whether the stoppage's own lap still lists the red flag differs from race to race, so the laps' length decides.
        """
        held = (self.took > 3 * self.usual_s) & (self.end > after) & (self.start < by + 4 * self.usual_s)
        after_it = np.zeros_like(held)  # the lap that begins in the pit lane, where the line is crossed before the exit
        after_it[1:] = held[:-1] & (self.car[1:] == self.car[:-1])
        times = np.sort(self.pit_out[(held | after_it) & (self.pit_out > after + 60)])
        return float(times[0]) if len(times) >= 4 else until

    def _stoppages(self) -> list[_Spell]:
        """Brackets of stoppages that the laps' lengths tell of, whatever statuses they list."""
        held = self.took > max(STOPPAGE_S, 5 * self.usual_s)
        found = []
        rest = np.flatnonzero(held)
        while len(rest):
            first_end = float(self.end[rest].min())
            same = rest[self.start[rest] < first_end]
            rest = rest[self.start[rest] >= first_end]
            if len(same) >= 4:
                found.append(_Spell(float(np.median(self.start[same])), first_end, first_end))
        return found


def _covering(start: Floats, end: Floats, at: Floats) -> npt.NDArray[np.int64]:
    """Count the windows that cover each moment."""
    began = np.searchsorted(np.sort(start), at, side="right")
    ended = np.searchsorted(np.sort(end), at, side="right")
    return (began - ended).astype(np.int64)
