"""The verdict strip: box now or not, where we come out, how sure; and whether what is shown can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from racetwin.schemas import CarStatus, CarTelemetry, DeskAnswer, RankedPlan, Recommendation
from racetwin.strategist.calls import call_of, difference
from racetwin.strategist.life import standing
from racetwin.widgets._panel import Panel, pack, script, style

if TYPE_CHECKING:
    from racetwin.runtime.channel import Link
    from racetwin.runtime.snapshot import RaceSnapshot

CLEAR_POINTS = 0.25
"""An advantage below this many expected points is a slight edge, however certain."""
NOISE = 2.0
"""Differences below this many standard errors are not called differences."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The twenty-second answer for one car.

    ``call`` is what the best plan does on the lap being driven: ``box`` or ``stay`` (out), ``out`` where no decision is left.
    ``advantage`` is its expected points over the best plan that does the opposite now, with its standard error; ``sure``
    words that. ``age_laps`` counts laps completed since the answer's state was taken. ``leans`` is the call that the newest
    answer prefers, where advice keeps another.
    """

    call: Literal["box", "stay", "out", "wait"]
    headline: str
    detail: str
    sure: Literal["clear", "slight", "open", ""] = ""
    advantage: float | None = None
    standard_error: float | None = None
    plan: str | None = None
    compound: str | None = None
    first_lap: int | None = None
    p_points: float | None = None
    expected_position: float | None = None
    age_laps: int = 0
    leans: str | None = None


def boxes_by(plan: RankedPlan, lap: int) -> bool:
    """Whether a plan's next stop comes on ``lap`` or before."""
    return bool(plan.stops) and plan.stops[0].lap <= lap


def kept_plan(answer: DeskAnswer, advice: Sequence[Recommendation]) -> RankedPlan:
    """Return the best plan of the call that stands in the advice; the desk's best where there is none, or it was rejected."""
    stop = standing(advice, "stop")
    if stop is None or stop.life is None or stop.life.handling == "rejected":
        return answer.plans[0]
    return next((p for p in answer.plans if call_of(p) == stop.life.call), answer.plans[0])


def verdict(
    answer: DeskAnswer | None,
    car: CarTelemetry | None,
    advice: Sequence[Recommendation] = (),
    *,
    finished: bool = False,
) -> Verdict:
    """Say what the call means for the lap that the car is driving.

    Parameters
    ----------
    answer
        The newest ranked plans of the car, best first.
    car
        Its telemetry now: the answer may be a lap old, the decision is about this lap.
    advice
        What is said to the car: the call that stands there is the one shown here, even if the newest answer leans otherwise.
    """
    if finished or (car is not None and car.status in (CarStatus.RETIRED, CarStatus.FINISHED)):
        retired = car is not None and car.status is CarStatus.RETIRED
        return Verdict("out", "RETIRED" if retired else "FINISHED", "no decision left to make")
    if car is not None and car.status is CarStatus.PIT:
        return Verdict("wait", "IN THE PITS", "new plans once it is back on track")
    if answer is None or not answer.plans:
        if car is not None and car.stops:
            return Verdict("wait", "WORKING", "new plans at the end of this lap")
        return Verdict("wait", "WORKING", "waiting for the first simulated plans of this car")
    lap = car.lap if car is not None and car.lap else answer.lap + 1
    age = max(0, lap - answer.lap - 1)
    best = kept_plan(answer, advice)
    kept = call_of(best) != call_of(answer.plans[0])
    box = boxes_by(best, lap)
    waiting = answer.waiting if age == 0 and not kept else None
    other = next((p for p in answer.plans if boxes_by(p, lap) is not box), None)
    advantage = error = None
    sure: Literal["clear", "slight", "open", ""] = ""
    if other is not None:
        advantage, error = difference(best, other)
        close = other.too_close and not kept
        if waiting is not None and waiting.unit == "points":  # the desk's own comparison, on races drawn for it
            advantage = -waiting.difference if box else waiting.difference
            error, close = waiting.standard_error, waiting.too_close
        beyond_noise = not close and advantage > NOISE * error
        sure = "open" if not beyond_noise else "clear" if advantage >= CLEAR_POINTS else "slight"
    first = best.stops[0] if best.stops else None
    if box and first is not None:
        headline, detail = "BOX NOW", f"fit {first.compound.value} at the end of lap {lap}"
    elif first is not None:
        headline, detail = "STAY OUT", f"box on lap {first.lap} for {first.compound.value}"
    else:
        headline, detail = "STAY OUT", "run to the flag on this set"
    leans = call_of(answer.plans[0]) if kept else None
    if leans is not None:
        detail += f" (newest numbers lean to {leans})"
    return Verdict(
        call="box" if box else "stay",
        headline=headline,
        detail=detail,
        sure=sure,
        advantage=advantage,
        standard_error=error,
        plan=best.plan,
        compound=first.compound.value if first else None,
        first_lap=first.lap if first else None,
        p_points=best.p_points,
        expected_position=best.expected_position,
        age_laps=age,
        leans=leans,
    )


class VerdictStrip(Panel):
    """Box now or stay out, the best plan, where a stop now comes out, how sure; lap, track status, and the feed's health.

    >>> strip = VerdictStrip()
    >>> strip.show(live.snapshot, "44")  # doctest: +SKIP
    """

    _esm = script("verdict")
    _css = style("verdict")

    def show(
        self,
        snapshot: RaceSnapshot,
        car_id: str,
        *,
        held: int | None = None,
        link: Link | None = None,
        delay_s: float = 0.0,
    ) -> None:
        """Draw the answer for ``car_id`` at the snapshot's instant.

        Parameters
        ----------
        held
            The lap a screen stands still at, None while it follows the race.
        link
            How it is connected: a lost connection is said here.
        delay_s
            How late the race is shown on purpose.
        """
        answer = snapshot.answers.get(car_id)
        car = snapshot.car(car_id)
        names = {c.car_id: c.driver or c.car_id for c in snapshot.order}
        rejoin = answer.box_now if answer else None
        counters = snapshot.counters
        self.data = pack(
            {
                "car": car_id,
                "held": held,
                "delay": delay_s,
                "link": None
                if link is None
                else {"state": link.state, "since": link.since, "text": link.text, "reconnects": link.reconnects},
                "driver": names.get(car_id, car_id),
                "position": car.position if car else None,
                "cars": [{"id": c.car_id, "driver": names[c.car_id]} for c in snapshot.order],
                "verdict": asdict(verdict(answer, car, snapshot.advice.get(car_id, ()), finished=snapshot.finished)),
                "races": answer.receipt.n_races if answer else None,
                "plans": len(answer.plans) if answer else None,
                "rejoin": None
                if rejoin is None
                else {
                    "position": rejoin.position,
                    "probability": rejoin.probability,
                    "ahead": names.get(rejoin.car_ahead or "", rejoin.car_ahead),
                    "gap_ahead": rejoin.gap_ahead_s,
                    "behind": names.get(rejoin.car_behind or "", rejoin.car_behind),
                    "gap_behind": rejoin.gap_behind_s,
                },
                "event": snapshot.info.event or snapshot.info.race_id,
                "simulated": snapshot.info.simulated,
                "speed": snapshot.info.speed,
                "lap": snapshot.lap,
                "total_laps": snapshot.info.total_laps,
                "status": snapshot.track_status.value,
                "finished": snapshot.finished,
                "time": round(snapshot.time_s, 1),
                "seq": snapshot.frame.seq if snapshot.frame else None,
                "frames_in": counters.frames_in,
                "frames_processed": counters.frames_processed,
                "frames_rejected": counters.frames_rejected,
                "frame_age": counters.frame_age_s,
                "desk": snapshot.desk.state,
                "alarms": [a.text for a in snapshot.alarms],
            }
        )
