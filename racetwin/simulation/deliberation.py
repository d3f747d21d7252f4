"""The desk's longer questions under one name each, so that every door (REST, notebook, screen) asks them the same way."""

from __future__ import annotations

from racetwin.errors import InputError
from racetwin.schemas import Deliberation, DeskReply
from racetwin.simulation.desk import StrategyDesk
from racetwin.simulation.state import RaceState


def deliberate(
    desk: StrategyDesk, state: RaceState, car_id: str, kind: Deliberation, objective: str = "points"
) -> DeskReply:
    """Answer one of the questions that take longer than a ranking.

    Parameters
    ----------
    kind
        ``"plans"``: ranked by ``objective``; ``"sensitivity"``: those and what would change their order; ``"team"``: both cars
        together, by the points of both whatever ``objective`` says; ``"responses"``: rivals answer our plan until nothing
        changes.

    Raises
    ------
    InputError
        If the kind or the objective is unknown, or the car has no team-mate to plan with.
    """
    match kind:
        case "plans":
            return DeskReply(kind=kind, answer=desk.base(state, car_id, objective).answer)
        case "sensitivity":
            base = desk.base(state, car_id, objective)
            found = desk.sensitivity(state, car_id, objective, base=base)
            return DeskReply(kind=kind, answer=base.answer.model_copy(update={"sensitivity": found}))
        case "team":
            return DeskReply(kind=kind, team=desk.team(state, car_id))
        case "responses":
            return DeskReply(kind=kind, responses=desk.best_response(state, car_id, objective))
    raise InputError(f"kind: {kind!r}, expected plans, sensitivity, team or responses")
