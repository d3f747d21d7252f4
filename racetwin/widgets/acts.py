"""What a viewer's messages mean to a board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from racetwin.schemas import Compound, PlannedStop

if TYPE_CHECKING:
    from racetwin.widgets.board import RaceDayBoard


def act(board: RaceDayBoard, message: dict[str, Any]) -> None:
    """Do what a message of a panel asks for; one that means nothing (a sign of life) does nothing."""
    match message:
        case {"choose": car_id}:
            board.choose(str(car_id))
        case {"step": places}:
            board.step(int(places))
        case {"plan": plan}:
            board.follow_plan(None if plan is None else str(plan))
        case {"lever": lever}:
            board.ask(str(lever))
        case {"try": {"stops": stops, "lever": lever}}:
            board.try_plan([PlannedStop(lap=int(n), compound=Compound(c)) for n, c in stops], lever)
        case {"ask": kind, "aim": aim}:
            board.deliberate(str(kind), str(aim))
        case {"reset": True}:
            board.put_bench_away()
        case {"advice": advice_id, "action": action}:
            board.decide(str(advice_id), str(action))
        case {"question": question}:
            board.follow_up(str(question))
        case {"reference": car_id}:
            board.refer_to(None if car_id is None else str(car_id))
        case {"hold": True}:
            board.pause()
        case {"lap": lap}:
            board.hold(int(lap))
        case {"laps": laps}:
            board.step_laps(int(laps))
        case {"live": True}:
            board.release()
        case {"delay": seconds}:
            board.delay(float(seconds))
        case {"toggle": "theme"}:
            board.turn()
        case {"page": query}:
            board.opened(str(query))
