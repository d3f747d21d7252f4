"""What the others may do to us, and we to them: threats, chances, undercuts, and when each rival stops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from racetwin.schemas import CarStatus
from racetwin.widgets._panel import Panel, pack, script, style
from racetwin.widgets.our_plan import OurPlan, ours_of

if TYPE_CHECKING:
    from racetwin.runtime.snapshot import RaceSnapshot

NEIGHBOURS = 3
"""Cars ahead and behind whose stops are shown."""
EVEN = 0.5
"""An undercut or overcut less likely than this is no offer; its chance stands in the table of both."""
STOP_LAPS = 20
"""Coming laps on the strip of stop probabilities."""


class RivalsPanel(Panel):
    """Who may end the race ahead of us and how, what the field offers us, when our neighbours stop, and their habits.

    >>> panel = RivalsPanel()
    >>> panel.show(live.snapshot, "44")  # doctest: +SKIP
    """

    _esm = script("rivals")
    _css = style("rivals")

    def show(self, snapshot: RaceSnapshot, car_id: str, ours: OurPlan | None = None) -> None:
        """Draw the field as ``car_id`` has to see it; ``ours`` is our plan, by default the call that stands."""
        ours = ours or ours_of(snapshot, car_id)
        names = {c.car_id: c.driver or c.car_id for c in snapshot.order}
        view: dict[str, Any] = dict(snapshot.field)
        cars: dict[str, Any] = view.get("cars", {})
        running = [c.car_id for c in snapshot.order if c.status is not CarStatus.RETIRED]
        here = running.index(car_id) if car_id in running else 0
        near = running[max(0, here - NEIGHBOURS) : here + NEIGHBOURS + 1]

        def named(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [{**row, "rival": names.get(str(row.get("rival_id")), row.get("rival_id"))} for row in rows]

        duels = [d for d in view.get("duels", []) if car_id in (d["car_id"], d["rival_id"])]
        self.data = pack(
            {
                "car": car_id,
                "driver": names.get(car_id, car_id),
                "lap": snapshot.lap,
                "laps": STOP_LAPS,
                "total_laps": snapshot.info.total_laps,
                "threats": named(view.get("threats", {}).get(car_id, [])),
                "ours": ours is not None,
                "chances": named(
                    [o for o in view.get("opportunities", {}).get(car_id, []) if _is_on_offer(o, snapshot, car_id)]
                ),
                "duels": [{**d, "attacker": names.get(d["car_id"]), "target": names.get(d["rival_id"])} for d in duels],
                "stops": [
                    {
                        "car": c,
                        "driver": names[c],
                        "position": next((x.position for x in snapshot.order if x.car_id == c), None),
                        "compound": cars.get(c, {}).get("compound"),
                        "age": cars.get(c, {}).get("tyre_age"),
                        "by_lap": cars.get(c, {}).get("stop_probability_by_lap", {}),
                        "next": [{"lap": x.lap, "compound": x.compound.value} for x in ours.stops]
                        if c == car_id and ours is not None
                        else cars.get(c, {}).get("predicted_strategy", []),
                        "profile": cars.get(c, {}).get("profile"),
                    }
                    for c in near
                ],
            }
        )


def _is_on_offer(chance: dict[str, Any], snapshot: RaceSnapshot, car_id: str) -> bool:
    """Whether a chance is worth a line: likelier than not; a gap to drop into only until the desk has raced that stop."""
    answer = snapshot.answers.get(car_id)
    if chance["kind"] == "gap_to_drop_into" and answer is not None and answer.box_now is not None:
        return False
    return bool(chance.get("probability", 1.0) >= EVEN)
