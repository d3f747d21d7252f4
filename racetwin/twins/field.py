"""Every rival at once: where they are, what they will do, what that threatens and what it offers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from racetwin.schemas import PitEntered, RaceEvent, TelemetryFrame, TrackStatus
from racetwin.simulation.form import Habits
from racetwin.twins.crossover import crossovers
from racetwin.twins.duels import Duel, duel, duels, gap_now
from racetwin.twins.profile import FIELD_PRIOR, Profile
from racetwin.twins.rivals import Outlook, outlooks, ranking, virtual_times
from racetwin.twins.synchronous import line_times
from racetwin.twins.threats import Raced, Standing, Threat, opportunities, threats

if TYPE_CHECKING:
    from racetwin.twins.car_twin import CarTwin
    from racetwin.twins.race_twin import RaceTwin


class Field:
    """The field of a race; :class:`racetwin.twins.FieldTwin` is the same with a race of its own.

    Parameters
    ----------
    race
        The race it belongs to.
    """

    def __init__(self, race: RaceTwin) -> None:
        self.race = race
        self._profiles: dict[str, Profile] = {}
        self._outlooks: dict[str, Outlook] | None = None
        self._times: dict[str, float] | None = None
        self._standing: Standing | None = None
        self._duels: dict[str, Duel] | None = None
        self._today_bias: float | None = None
        self._view: dict[str, Any] | None = None

    # --- what is seen ------------------------------------------------------------------------------------------------

    def observe(self, frame: TelemetryFrame, events: Iterable[RaceEvent] = ()) -> None:
        """Take a validated frame and the events derived from it, for the whole field."""
        self.race.observe(frame, events)
        self.invalidate()

    def profile(self, car_id: str) -> Profile:
        """Habits of a car."""
        found = self._profiles.get(car_id)
        if found is None:
            found = self._profiles[car_id] = Profile()
        found.before = self._before(car_id)
        return found

    def _before(self, car_id: str) -> Habits:
        car = self.race.cars.get(car_id)
        return self.race.form.habits_of(car.team, car.driver) if car is not None else Habits()

    @property
    def today_bias(self) -> float:
        """Log factor on every car's hazard of stopping: positive where the whole field stops earlier than usual today."""
        if self._today_bias is None:
            stops = sum(p.stops for p in self._profiles.values())
            expected = math.fsum(p.stops_expected for p in self._profiles.values())
            self._today_bias = math.log((FIELD_PRIOR + stops) / (FIELD_PRIOR + expected))
        return self._today_bias

    def stop_bias(self, car_id: str) -> float:
        """Log factor on a car's hazard of stopping: the field's today, and the car's own habit."""
        return self.today_bias + self.profile(car_id).stop_bias

    def note_lap(self, twin: CarTwin, hazard: float, answering: bool) -> None:
        """A green lap ended without a stop."""
        self.note_at_risk(twin, hazard, answering)
        profile = self.profile(twin.car_id)
        if twin.interval_s is not None and twin.interval_s < CLOSE_S and twin.laps_down == 0:
            profile.attack_chances += 1
        attacker = self.race.cars.get(profile.attacker or "")
        if attacker is not None and attacker.running:
            profile.attacked += 1
            profile.defended += attacker.laps <= twin.laps  # it has yet to cross the line that this car crosses now

    def note_at_risk(self, twin: CarTwin, hazard: float, answering: bool) -> None:
        """A green lap at whose end the car could have stopped, and did or did not: what was expected of it counts."""
        profile = self.profile(twin.car_id)
        profile.stops_expected += hazard
        self._today_bias = None
        if answering:
            profile.answers_expected += hazard

    def note_line(self, car_id: str) -> None:
        """The car crosses the line: who attacks it on the lap that begins is not known yet."""
        self.profile(car_id).attacker = None

    def note_behind(self, car_id: str, follower_id: str, gap_s: float) -> None:
        """The next car on the same lap has crossed the line so much later."""
        self.profile(car_id).attacker = follower_id if gap_s < ATTACK_S else None

    def note_stop(self, twin: CarTwin, event: PitEntered, *, answering: bool) -> None:
        """A car has come in."""
        if self.race.track_status not in (TrackStatus.GREEN, TrackStatus.YELLOW):
            return
        profile = self.profile(twin.car_id)
        profile.stops += 1
        self._today_bias = None
        profile.answers += answering
        if twin.interval_s is not None and twin.interval_s < CLOSE_S and not answering:
            profile.attacks += 1

    def invalidate(self) -> None:
        """Something has changed: work things out anew when asked."""
        self._outlooks = self._times = self._standing = self._duels = self._view = None

    # --- what is believed --------------------------------------------------------------------------------------------

    @property
    def outlooks(self) -> dict[str, Outlook]:
        """What every car is expected to do with its stops."""
        if self._outlooks is None:
            self._outlooks = outlooks(self.race)
        return self._outlooks

    @property
    def times(self) -> dict[str, float]:
        """Race time of every car at the leader's last line crossing, as the race state has it, in seconds."""
        if self._times is None:
            self._times = line_times(self.race)
        return self._times

    @property
    def standing(self) -> Standing:
        """Times and paces of all cars at the leader's last line crossing."""
        if self._standing is None:
            virtual = virtual_times(self.race, self.outlooks, self.times)
            self._standing = Standing.of(self.race, self.times, virtual)
        return self._standing

    def positions(self) -> dict[str, int]:
        """Position of every car at the leader's last line crossing."""
        return ranking(self.race, self.times)

    def virtual_positions(self) -> dict[str, int]:
        """Position of every car once all have made the stops they are expected to make."""
        now = self.standing
        return ranking(self.race, dict(zip(now.car_id, now.virtual_s.tolist(), strict=True)))

    def duels(self) -> tuple[Duel, ...]:
        """Undercut and overcut of every car on the one ahead of it, where that can be asked."""
        return tuple(self._by_car().values())

    def duel_of(self, car_id: str) -> Duel | None:
        """Return the duel of a car with the one ahead of it, where there is one."""
        return self._by_car().get(car_id)

    def _by_car(self) -> dict[str, Duel]:
        if self._duels is None:
            self._duels = {d.car_id: d for d in duels(self.race, self.times)}
        return self._duels

    def duel(self, car_id: str, rival_id: str) -> Duel | None:
        """Weigh a car's next stop against that of any car ahead of it on the same lap; None where there is nothing to weigh."""
        race = self.race
        car, rival = race.cars[car_id], race.cars[rival_id]
        if not (car.running and rival.running):
            return None
        return duel(race, car, rival, gap_now(car, rival, self.times), race.wetness)

    def threats(self, car_id: str, raced: Raced | None = None) -> tuple[Threat, ...]:
        """Who may end the race ahead of a car that is behind it now, likeliest first.

        Parameters
        ----------
        raced
            Simulated races of ``car_id`` that watched its rivals: probabilities then come from those.
        """
        return threats(self.race, car_id, raced)

    def opportunities(self, car_id: str) -> tuple[dict[str, Any], ...]:
        """What the field offers a car now."""
        return opportunities(self.race, car_id)

    def get_state(self) -> dict[str, Any]:
        """Return the whole view as plain JSON-able values, keyed by car where it is about one."""
        if self._view is None:
            self._view = self._look() if self.race.cars else {"cars": {}, "virtual_positions": {}}
        return self._view

    def _look(self) -> dict[str, Any]:
        race = self.race
        positions, virtual = self.positions(), self.virtual_positions()
        crossing = crossovers(race)
        cars = {}
        for car_id, car in race.cars.items():
            set_wear = race.pace.set_wear(car.index)
            cars[car_id] = {
                "car_id": car_id,
                "driver": car.driver,
                "team": car.team,
                "status": car.status.value,
                "position": positions[car_id],
                "virtual_position": virtual[car_id] if car.running else None,
                "gap_s": car.gap_s,
                "interval_s": car.interval_s,
                "laps_down": car.laps_down,
                "compound": car.tyre.compound.value if car.tyre.compound is not None else None,
                "tyre_age": car.tyre.age,
                "stops": car.stops,
                **self.outlooks[car_id].view(),
                "crossover": crossing[car_id],
                "profile": self.profile(car_id).view(set_wear),
            }
        return {
            "lap": race.leader_laps,
            "total_laps": race.total_laps,
            "track_status": race.track_status.value,
            "wetness": race.wetness,
            "cars": cars,
            "virtual_positions": {c: virtual[c] for c in cars if race.cars[c].running},
            "duels": [d.view() for d in self.duels()],
            "threats": {c: [t.view() for t in self.threats(c)] for c in cars},
            "opportunities": {c: list(self.opportunities(c)) for c in cars},
        }

    # --- snapshot ----------------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Habits learnt, as JSON-able values; all else follows from the race."""
        # A profile that has been looked at and holds nothing is none: looking must not change the state.
        blank = Profile()
        return {car_id: p.snapshot() for car_id, p in sorted(self._profiles.items()) if p != blank}

    def take_up(self, saved: Mapping[str, Any]) -> None:
        """Go on from where :meth:`snapshot` left it."""
        self._profiles = {car_id: Profile(**counts) for car_id, counts in saved.items()}
        self._today_bias = None
        self.invalidate()


CLOSE_S = 3.0
"""Close enough behind for an undercut, in seconds."""
ATTACK_S = 1.0
"""Close enough behind for an attack within a lap, in seconds."""
