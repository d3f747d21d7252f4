"""The verdict strip: box now or not, where we come out, how sure; and whether what is shown can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal

from racetwin.schemas import CarStatus, CarTelemetry, DeskAnswer, PlannedStop, RankedPlan, Recommendation, Rejoin
from racetwin.strategist.calls import NOISE, call_of, difference
from racetwin.widgets._panel import Panel, pack, script, style
from racetwin.widgets.gaps import place_age
from racetwin.widgets.our_plan import OurPlan, called_plan, our_plan, ours_of, words
from racetwin.widgets.plans import stop_window
from racetwin.widgets.race_over import race_over

if TYPE_CHECKING:
    from racetwin.runtime.channel import Link
    from racetwin.runtime.snapshot import RaceSnapshot

CLEAR_POINTS = 0.25
"""An advantage below this many expected points is a slight edge, however certain."""
BEYOND_ENTRY = 0.02
"""Share of the lap beyond the learnt pit entry from which a stop on this lap is no longer called: the entry is known so well."""
NEARLY = 0.7
"""A place with this share of the likeliest place's probability is named beside it."""
Sure = Literal["clear", "slight", "open", "worse", ""]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The twenty-second answer for one car.

    ``call`` is what our plan does on the lap being driven: ``box`` or ``stay`` (out), ``out`` where no decision is left.
    ``advantage`` is its expected points over the best plan that does the opposite now, with its standard error; ``sure``
    words that. ``age_laps`` counts laps completed since the answer's state was taken. ``leans`` is another call than our
    plan's: the one that the newest answer prefers, or, where a viewer follows a plan (``followed``), the one that stands.
    """

    call: Literal["box", "stay", "out", "wait"]
    headline: str
    detail: str
    sure: Sure = ""
    advantage: float | None = None
    standard_error: float | None = None
    plan: str | None = None
    compound: str | None = None
    first_lap: int | None = None
    p_points: float | None = None
    expected_position: float | None = None
    age_laps: int = 0
    leans: str | None = None
    followed: bool = False


def boxes_by(stops: Sequence[PlannedStop], lap: int) -> bool:
    """Whether a plan's next stop comes on ``lap`` or before."""
    return bool(stops) and stops[0].lap <= lap


def verdict(
    answer: DeskAnswer | None,
    car: CarTelemetry | None,
    advice: Sequence[Recommendation] = (),
    *,
    finished: bool = False,
    ours: OurPlan | None = None,
    pit_entry: float | None = None,
    stopped_since: bool = False,
) -> Verdict:
    """Say what our plan means for the lap that the car is driving.

    Parameters
    ----------
    answer
        The newest ranked plans of the car, best first.
    car
        Its telemetry now: the answer may be a lap old, the decision is about this lap.
    advice
        What is said to the car.
    ours
        Our plan; by default the call that stands in the advice, even if the newest answer leans otherwise.
    pit_entry
        Share of the lap at which the pit lane begins: beyond it this lap's stop is made or missed. None: not known.
    stopped_since
        Whether the car has stopped since the answer was worked out, which therefore says nothing of what is to come.
    """
    if finished or (car is not None and car.status in (CarStatus.RETIRED, CarStatus.FINISHED)):
        retired = car is not None and car.status is CarStatus.RETIRED
        return Verdict("out", "RETIRED" if retired else "FINISHED", "no decision left to make")
    if car is not None and car.status is CarStatus.PIT:
        return Verdict("wait", "IN THE PITS", "new plans once it is back on track")
    ours = ours or our_plan(answer, advice)
    if answer is None or ours is None or stopped_since:
        if stopped_since or (car is not None and car.stops):
            return Verdict("wait", "WORKING", "new plans at the end of this lap")
        return Verdict("wait", "WORKING", "waiting for the first simulated plans of this car")
    lap = car.lap if car is not None and car.lap else answer.lap + 1
    plan = ours.ranked
    box = boxes_by(ours.stops, lap)
    first = ours.stops[0] if ours.stops else None
    if box and car is not None and pit_entry is not None and (car.lap_fraction or 0) > pit_entry + BEYOND_ENTRY:
        return Verdict("wait", "PAST THE ENTRY", f"the stop of lap {lap} is made or missed: new plans at the line")
    if box and first is not None:
        headline, detail = "BOX NOW", f"fit {first.compound.value} at the end of lap {lap}"
    elif first is not None:
        window = stop_window(plan, answer.plans) if plan is not None else None
        as_good = f" ({window[0]}–{window[1]} as good)" if window is not None and window[0] < window[1] else ""
        headline, detail = "STAY OUT", f"box on lap {first.lap}{as_good} for {first.compound.value}"
    else:
        headline, detail = "STAY OUT", "run to the flag on this set"
    leans, aside = _elsewhere(answer, advice, ours, lap)
    sure, advantage, error = _over_the_opposite(answer, plan, box, lap) if plan is not None else ("", None, None)
    return Verdict(
        call="box" if box else "stay",
        headline=headline,
        detail=detail + aside,
        sure=sure,
        advantage=advantage,
        standard_error=error,
        plan=plan.plan if plan is not None else words(ours.stops),
        compound=first.compound.value if first else None,
        first_lap=first.lap if first else None,
        p_points=plan.p_points if plan is not None else None,
        expected_position=plan.expected_position if plan is not None else None,
        age_laps=max(0, lap - answer.lap - 1),
        leans=leans,
        followed=ours.followed,
    )


def _elsewhere(answer: DeskAnswer, advice: Sequence[Recommendation], ours: OurPlan, lap: int) -> tuple[str | None, str]:
    """Return the call that differs from our plan, and how that is said."""
    own = f"L{ours.stops[0].lap} {ours.stops[0].compound.value}" if ours.stops else "no stop"
    other = called_plan(answer, advice) if ours.followed else answer.plans[0]
    call = call_of(other)
    if call == own:
        return None, " (the plan you follow)" if ours.followed else ""
    if not ours.followed:
        return call, f" (newest numbers lean to {call})"
    now = "BOX NOW, " if boxes_by(other.stops, lap) else ""
    return call, f" (the plan you follow; the call is {now}{call})"


def _over_the_opposite(
    answer: DeskAnswer, plan: RankedPlan, box: bool, lap: int
) -> tuple[Sure, float, float] | tuple[Sure, None, None]:
    """Return how sure a plan is, and its points over the best that does the opposite on this lap, with their error."""
    other = next((p for p in answer.plans if boxes_by(p.stops, lap) is not box), None)
    if other is None:
        return "", None, None
    advantage, error = difference(plan, other)
    leads = plan is answer.plans[0]
    close = leads and other.too_close
    if leads and answer.lap + 1 == lap and answer.waiting is not None and answer.waiting.unit == "points":
        waiting = answer.waiting  # the desk's own comparison, on races drawn for it
        advantage = -waiting.difference if box else waiting.difference
        error, close = waiting.standard_error, waiting.too_close
    if not close and advantage < -NOISE * error:
        return "worse", advantage, error
    beyond_noise = not close and advantage > NOISE * error
    return ("open" if not beyond_noise else "clear" if advantage >= CLEAR_POINTS else "slight"), advantage, error


def nearly_as_likely(rejoin: Rejoin) -> tuple[int, float] | None:
    """Return the second likeliest place and its probability where the likeliest is hardly more than a guess between the two."""
    others = ((q, place) for place, q in rejoin.position_probability.items() if place != rejoin.position)
    q, place = max(others, default=(0.0, 0))
    return (place, q) if q >= NEARLY * rejoin.probability else None


def _stopped_since(snapshot: RaceSnapshot, car_id: str, lap: int) -> bool:
    """Whether a car has gone in for a stop at the end of a later lap than the one after which an answer was worked out."""
    return any(r.pit_in and r.car_id == car_id and r.lap > lap for r in reversed(snapshot.laps))


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
        ours: OurPlan | None = None,
        pit_entry: float | None = None,
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
        ours
            Our plan; by default the call that stands.
        pit_entry
            Share of the lap at which the pit lane begins, where it is known.
        """
        answer = snapshot.answers.get(car_id)
        car = snapshot.car(car_id)
        names = {c.car_id: c.driver or c.car_id for c in snapshot.order}
        told = verdict(
            answer,
            car,
            snapshot.advice.get(car_id, ()),
            finished=snapshot.finished,
            ours=ours or ours_of(snapshot, car_id),
            pit_entry=pit_entry,
            stopped_since=answer is not None and _stopped_since(snapshot, car_id, answer.lap),
        )
        over = race_over(snapshot, car_id)
        if over is not None:
            told = replace(told, detail=over.place)
        age = place_age(snapshot, car) if car else None
        rejoin = answer.box_now if answer and told.call in ("box", "stay") else None
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
                "place_age": None if age is None else round(age),
                "in_pit": car is not None and car.status is CarStatus.PIT,
                "over": over.told() if over else None,
                "cars": [{"id": c.car_id, "driver": names[c.car_id]} for c in snapshot.order],
                "verdict": asdict(told),
                "races": answer.receipt.n_races if answer else None,
                "plans": len(answer.plans) if answer else None,
                "rejoin": None
                if rejoin is None
                else {
                    "position": rejoin.position,
                    "probability": rejoin.probability,
                    "or": nearly_as_likely(rejoin),
                    "ahead": names.get(rejoin.car_ahead or "", rejoin.car_ahead),
                    "gap_ahead": rejoin.gap_ahead_s,
                    "behind": names.get(rejoin.car_behind or "", rejoin.car_behind),
                    "gap_behind": rejoin.gap_behind_s,
                },
                "event": snapshot.info.event or snapshot.info.race_id,
                "simulated": snapshot.info.simulated,
                "speed": snapshot.info.speed,
                "replay": snapshot.info.replay,
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
