"""Where we come out if we box now: position, neighbours and gaps, with their probability."""

from __future__ import annotations

from typing import TYPE_CHECKING

from racetwin.schemas import Rejoin
from racetwin.widgets._panel import Panel, pack, script, style
from racetwin.widgets.race_over import words_if_over

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot


class RejoinPanel(Panel):
    """The pit exit if the car boxes at the end of this lap: likeliest place and neighbours, and how likely every place is.

    >>> panel = RejoinPanel()
    >>> panel.show_rejoin(answer.box_now, names={"44": "HAM"})  # doctest: +SKIP
    """

    _esm = script("rejoin")
    _css = style("rejoin")

    def show(self, snapshot: RaceSnapshot, car_id: str) -> None:
        """Draw the rejoin of ``car_id`` as its newest answer has it."""
        over = words_if_over(snapshot, car_id)
        answer = snapshot.answers.get(car_id) if over is None else None
        names = {c.car_id: c.driver or c.car_id for c in snapshot.order}
        car = snapshot.car(car_id)
        self.show_rejoin(
            answer.box_now if answer else None,
            names,
            car_id=car_id,
            position=car.position if car else None,
            lap=car.lap if car else None,
            why=over,
        )

    def show_rejoin(
        self,
        rejoin: Rejoin | None,
        names: dict[str, str] | None = None,
        *,
        car_id: str | None = None,
        position: int | None = None,
        lap: int | None = None,
        why: str | None = None,
    ) -> None:
        """Draw one rejoin forecast; ``names`` maps car numbers to driver codes.

        ``position`` is the place before the stop, ``lap`` the one that the car is driving: a forecast of an earlier one says so.
        ``why`` says why there is none.
        """
        names = names or {}
        car = rejoin.car_id if rejoin else car_id
        head: dict[str, object] = {
            "car": car,
            "driver": names.get(car or "", car),
            "now": position,
            "rejoin": None,
            "why": why,
        }
        if rejoin is not None:
            head["rejoin"] = {
                **rejoin.model_dump(mode="json", exclude={"position_probability", "car_ahead", "car_behind"}),
                "places": sorted(rejoin.position_probability.items()),
                "ahead": names.get(rejoin.car_ahead or "", rejoin.car_ahead),
                "behind": names.get(rejoin.car_behind or "", rejoin.car_behind),
                "age": max(0, lap - rejoin.lap) if lap else 0,
            }
        self.data = pack(head)
