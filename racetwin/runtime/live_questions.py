"""What a live race is asked: what if, why not, where do we come out.

Where we come out is asked of the race as it is now. Questions about plans start from the race that the plans on show are of, so
that what is changed can be laid beside what is seen; without plans of this lap they start from the race as it is now, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from racetwin.runtime.live_session import Session
    from racetwin.schemas import (
        Deliberation,
        DeskReply,
        FollowUp,
        PlannedStop,
        PlanTrial,
        RaceFan,
        Recommendation,
        Rejoin,
        WhatIf,
    )
    from racetwin.strategist.life import Action


class RaceQuestions:
    """The questions of :class:`racetwin.LiveRace`; each blocks until its answer is known."""

    _session: Session

    def what_if(self, car_id: str, lever: str, objective: str = "points") -> WhatIf:
        """Ask what would be best now if one thing were different; blocks for about the time of one answer.

        Parameters
        ----------
        lever
            ``"sc@31"``, ``"vsc"``, ``"rain@40:0.6"``, ``"stop:16@25:HARD"`` (car 16 boxes), ``"wear:55x1.3"``, ``"slow:55+4"``;
            several joined by ``&``.

        Returns
        -------
        WhatIf
            The answer before and after, on the same random numbers, and what the lever does to each plan.
        """
        return self._session.what_if(car_id, lever, objective)

    def deliberate(self, car_id: str, kind: Deliberation, objective: str = "points") -> DeskReply:
        """Ask what takes the desk longer than a ranking; blocks until it has answered.

        Parameters
        ----------
        kind
            ``"plans"``: ranked by ``objective`` (``"position"``, ``"win"``, ``"top6"``, ``"beat:16"``, ``"safe:0.1"``, ...);
            ``"sensitivity"``: those, and what would change their order; ``"team"``: both cars of the team together;
            ``"responses"``: rivals answer our plan and we answer theirs, until nothing changes.

        Raises
        ------
        InputError
            If the objective is not known, or the car has no team-mate in the race.
        """
        return self._session.deliberate(car_id, kind, objective)

    def decide(self, advice_id: str, action: Action, by: str = "strategist") -> Recommendation:
        """Accept, reject, pin, unpin or reopen a piece of advice: every screen shows it, and the journal's audit log has it.

        Parameters
        ----------
        advice_id
            As in ``snapshot.advice[car][0].id``.
        action
            ``"accept"``: it stays until the desk is clearly against it. ``"pin"``: it stays until it cannot be done.
            ``"reject"``: it is not given again while the track stays as it is, and the next best call takes its place.
        by
            Who decides, for the log.

        Raises
        ------
        InputError
            If there is no such advice now, or the engine does not let us.
        """
        return self._session.decide(advice_id, action, by)

    def ask(self, car_id: str, question: str) -> FollowUp:
        """Ask a follow-up about the call of a car: answered from facts, with races run for it where they are needed.

        Parameters
        ----------
        question
            Such as ``"why not lap 27?"``, ``"why hard?"``, ``"what if they cover?"``, ``"and with a safety car?"``.

        Raises
        ------
        InputError
            If the question is not understood, naming some that are.
        """
        return self._session.follow_up(car_id, question)

    def pit_window(self, car_id: str, laps: int = 8) -> tuple[Rejoin, ...]:
        """Return where a car rejoins for a stop on each of the coming laps, under green, VSC and SC; in order of lap."""
        return self._session.pit_window(car_id, laps)

    def fan(self, car_id: str, stops: Iterable[PlannedStop] = (), *, reference: str | None = None) -> RaceFan:
        """Return where all gaps go from here, over simulated races in which ``car_id`` makes ``stops``: the trace's fan.

        ``reference`` is the car that gaps are taken to; None for the pace of the front half of the field.
        """
        return self._session.fan(car_id, tuple(stops), reference)

    def try_plan(
        self,
        car_id: str,
        stops: Iterable[PlannedStop],
        against: Iterable[PlannedStop],
        *,
        lever: str | None = None,
    ) -> PlanTrial:
        """Race a plan of your own (with ``lever``, in the race as that makes it) beside another in the race as it is."""
        return self._session.try_plan(car_id, tuple(stops), tuple(against), lever)
