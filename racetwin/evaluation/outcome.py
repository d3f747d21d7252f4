"""What happened in a race, as the scoreboard reads it; nothing of this is shown to a twin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from racetwin.schemas import COMPOUNDS
from racetwin.telemetry.records import RaceRecord

UNDERCUT_GAP_S = 3.5
UNDERCUT_ANSWER = 3
"""A car within that gap that stops, and whose rival ahead answers within this many laps, has tried an undercut."""


@dataclass(slots=True)
class Outcome:
    """Results and events of one race.

    Parameters
    ----------
    final
        Finishing place by car, of the classified.
    classified
        Place by car of all starters, the others after the classified by laps done.
    stops
        ``(lap, compound fitted)`` by car, in lap order.
    green_stops
        By car and lap of the stop, whether nobody else was in the pit lane in that lap and the next.
    safety_cars
        Laps on which one was deployed.
    undercuts
        ``(car, rival ahead)`` by lap of the first stop.
    """

    final: dict[str, int]
    classified: dict[str, int]
    stops: dict[str, list[tuple[int, int]]]
    green_stops: dict[tuple[str, int], bool]
    safety_cars: list[int]
    undercuts: dict[int, list[tuple[str, str]]]
    wet: bool
    last_lap: dict[str, int]
    times: dict[tuple[str, int], float]

    @classmethod
    def of(cls, record: RaceRecord) -> Outcome:
        """Read the record of a finished race."""
        t = record.laps[record.laps.race_time_s.notna()]
        t = t.assign(lap=t.lap.astype(int))
        text = t.track_status.fillna("").astype(str)
        sc, vsc, red = (text.str.contains(d) for d in ("4", "[67]", "5"))
        t = t.assign(sc=sc, slow=sc | vsc | red)
        times = {(c, k): float(v) for c, k, v in zip(t.car_id, t.lap, t.race_time_s, strict=True)}
        last = {str(c): int(v) for c, v in t.groupby("car_id").lap.max().items()}
        stops = _stops(t)
        final, classified = _places(record, last, times)
        lead = t.sort_values(["lap", "race_time_s"]).drop_duplicates("lap").set_index("lap")
        before = lead.sc.shift(1, fill_value=False).astype(bool)
        cars = {str(c): g.set_index("lap") for c, g in t.groupby("car_id")}
        share_wet = float(t.compound.isin(["INTERMEDIATE", "WET"]).mean())
        deployed = [int(k) for k in lead.index[lead.sc & ~before].to_numpy()]
        out = cls(final, classified, stops, {}, deployed, {}, share_wet > 0.05, last, times)
        order = {int(str(k)): list(g.sort_values("race_time_s").car_id) for k, g in t.groupby("lap")}
        stopping = {(c, lap) for c, s in stops.items() for lap, _ in s}
        visits = set(zip(t.car_id[t.pit_in_time_s.notna()], t.lap[t.pit_in_time_s.notna()], strict=True))
        for c, lap in sorted(stopping):
            laps = cars[c]
            if lap + 2 > last[c] or bool(laps.slow.reindex([lap, lap + 1], fill_value=True).any()):
                continue
            if (c, lap + 1) in stopping or lap < 2:
                continue
            if c in order.get(lap + 1, []):
                # In the pit lane in those two laps: coming in, or leaving after a stop on the lap before.
                others = any(k != c and at in (lap - 1, lap, lap + 1) for k, at in visits)
                out.green_stops[c, lap] = not others
            rival = out._rival(c, lap, order, stopping)
            if rival is not None:
                out.undercuts.setdefault(lap, []).append((c, rival))
        return out

    def _rival(self, c: str, lap: int, order: dict[int, list[str]], stopping: set[tuple[str, int]]) -> str | None:
        now = order.get(lap - 1, [])
        if c not in now or now.index(c) == 0:
            return None
        rival = now[now.index(c) - 1]
        gap = self.times[c, lap - 1] - self.times[rival, lap - 1]
        answered = any((rival, lap + k) in stopping for k in range(1, UNDERCUT_ANSWER + 1))
        return rival if gap < UNDERCUT_GAP_S and answered and (rival, lap) not in stopping else None

    def place_among(self, car_id: str, lap: int, cars: Iterable[str]) -> tuple[int, bool]:
        """Return a car's place two lines after a green stop among ``cars``, and whether nobody else was in the pits."""
        mine = self.times[car_id, lap + 1]
        ahead = sum(self.times[c, lap + 1] < mine for c in cars if c != car_id)
        return 1 + ahead, self.green_stops[car_id, lap]

    def undercut_worked(self, car_id: str, rival: str, stop: int) -> bool | None:
        """Whether the car was ahead two lines after its rival's answer; None where one of them was out by then."""
        answer = next((lap for lap, _ in self.stops[rival] if lap > stop), None)
        if answer is None:
            return None
        mine, theirs = self.times.get((car_id, answer + 1)), self.times.get((rival, answer + 1))
        return None if mine is None or theirs is None else mine < theirs

    def next_stop(self, car_id: str, lap: int) -> int | None:
        """Lap of a car's next stop after ``lap``."""
        return next((at for at, _ in self.stops.get(car_id, []) if at > lap), None)

    def stint_start(self, car_id: str, lap: int) -> int:
        """Lap at whose end the present set was fitted (0: the start)."""
        return max((at for at, _ in self.stops.get(car_id, []) if at <= lap), default=0)

    def seen_for(self, car_id: str, lap: int, n: int) -> bool:
        """Whether a car was in the race for the next ``n`` laps, so that a stop could have been seen."""
        return self.last_lap.get(car_id, 0) >= lap + n


def _stops(t: pd.DataFrame) -> dict[str, list[tuple[int, int]]]:
    """Laps at whose end a car changed tyres in the pits, and the compound index fitted; changes under red are none."""
    names = {c.value: c.index for c in COMPOUNDS}
    out: dict[str, list[tuple[int, int]]] = {}
    for c, g in t.sort_values("lap").groupby("car_id"):
        compounds = dict(zip(g.lap, g.compound, strict=True))
        red = dict(zip(g.lap, g.track_status.fillna("").astype(str).str.contains("5"), strict=True))
        laps = [int(k) for k in g.lap[g.pit_in_time_s.notna()]]
        out[str(c)] = [(k, names.get(compounds[k + 1], -1)) for k in laps if k + 1 in compounds and not red[k]]
    return out


def _places(
    record: RaceRecord, last: dict[str, int], times: dict[tuple[str, int], float]
) -> tuple[dict[str, int], dict[str, int]]:
    final: dict[str, int] = {}
    if record.results is not None and "position" in record.results:
        r = record.results
        place = pd.to_numeric(r.position, errors="coerce")
        number = r.car_id if "car_id" in r else r.driver_number
        final = {str(c): int(p) for c, p in zip(number, place, strict=True) if np.isfinite(p)}
    entries = [e.car_id for e in record.entries]
    if not final:
        flag = max(last.values(), default=0)
        there = [c for c in entries if last.get(c, 0) >= 0.9 * flag]
        there.sort(key=lambda c: (-last[c], times[c, last[c]]))
        final = {c: k + 1 for k, c in enumerate(there)}
    rest = sorted((c for c in entries if c not in final), key=lambda c: (-last.get(c, 0), c))
    return final, {**final, **{c: len(final) + k + 1 for k, c in enumerate(rest)}}
