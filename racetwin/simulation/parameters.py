"""Every number the race model needs for one circuit and season.

The file that they come from is :mod:`racetwin.simulation.parameter_file`'s. Compound tuples run SOFT, MEDIUM, HARD (slicks), and
INTERMEDIATE, WET where there are five.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from racetwin.errors import ConfigurationError
from racetwin.simulation.live import LiveNumbers

MAX_NEUTRALISED_LAPS = 10
"""Longest safety car or virtual safety car the length distributions can hold, in laps."""

SPRINT_SHARE = 100 / 305
"""Distance of a sprint against a Grand Prix, km [sporting regulations]."""

Five = tuple[float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class RaceParameters:
    """The race model's numbers for one circuit and season; ``kernels/README.md`` has the formulas they stand in.

    Parameters
    ----------
    circuit_id, season
        Which circuit (f1db identifier, as in ``RaceState.circuit_id``) and season they are for.
    total_laps : laps
        Usual race distance.
    reference_lap_s : s
        Lap of the field's median car on new mediums, dry, no fuel aboard, at the race's end: what ``RaceState.pace_mean`` is
        relative to. [fit]
    fuel_start_kg, fuel_s_per_kg : kg, s/kg
        Fuel at lights out (burnt evenly to the flag) and what a kilogram costs a lap. [TUM; 0.0309 (0.0226-0.0390)]
    track_evolution_s : s
        Time the track gains over a whole race distance beyond fuel (positive: it gets faster). [fit]
    lap_noise_s : s
        Standard deviation of a lap time once traffic is explained. [TUM: 0.2-0.3]
    compound_offset_s : s a lap, five compounds
        New-tyre lap time against new mediums, dry track (wet tyres: see ``wet_*``).
    wear_s : s a lap per lap of age, five compounds
        Linear wear. [TUM: 0.02-0.09]
    cliff_age : laps, five compounds
        Age after which wear turns convex.
    cliff_s : s a lap per squared lap beyond ``cliff_age``, five compounds
    life_laps : laps, five compounds
        Usual length of a stint: the scale of a rival's decision to stop.
    cold_tyre_s : s
        Time lost on the first lap of a set fitted in the race, above the pit loss. [TUM: 1.0]
    age_factor_sc, age_factor_vsc
        Wear of a neutralised lap against a racing lap. [TUM: 0.25, 0.5]
    grid_slot_s, standing_start_s : s
        Time per grid slot [TUM: 0.13], and what a standing start costs the field against a flying lap.
    start_sd_s : s
        Standard deviation of start and lap 1, per car.
    dirty_air_s, dirty_air_range_s : s
        Lap time lost right behind another car, falling linearly to nothing at that gap.
    follow_gap_s : s
        Gap at the line of a car that tried to pass and could not.
    pass_intercept, pass_slope : log-odds, log-odds per s
        logit P(pass) = intercept + slope x (lap time of the car ahead - own), per attempt and lap, without DRS. [16,004 attacks]
    pass_circuit, pass_drs : log-odds
        Added for this circuit, and while DRS is enabled (two racing laps after a start or restart, dry; zero from 2026).
    free_pass_s : s
        A car slower than the one behind by more than this over a lap (stopping, in trouble) holds nobody up.
    pit_loss_s, pit_loss_vsc_s, pit_loss_sc_s : s
        Net loss of the pit lane by track status, without the stationary time. Under red a change of tyres is free.
    stationary_s, stationary_body_s, stationary_tail_from, stationary_tail_s : s, s, -, s
        Stationary time ``s + body w + tail max(0, w - from)`` with ``w`` standard exponential: heavy-tailed, median
        ``s + 0.69 body``, a slow stop with probability ``exp(-from)``.
    double_stack_s : s
        Least time between two team-mates at their box, beyond the first one's stationary time.
    pit_queue_s : s
        Further loss per other car in the lane on the same lap (held release, queue).
    min_stops
        Least number of stops in a dry race (0: none prescribed beyond the compounds rule).
    two_compounds
        1 where a dry race needs two slick compounds.
    sc_lap1, vsc_lap1, red_lap1
        Probability that the first lap brings a safety car, a virtual one, a red flag.
    sc_rate, vsc_rate, red_rate
        The same per later lap, without a retirement.
    sc_retirement, vsc_retirement, red_retirement
        The same per retirement.
    sc_laps, vsc_laps
        Probability of a length of 1, 2, ... 10 laps after the lap of deployment.
    sc_pace, sc_catch_pace, vsc_pace, sc_deploy_pace
        Lap time, as a multiple of a racing lap: behind the safety car, catching its train, under VSC, on the lap of deployment.
    sc_gap_s, red_gap_s : s
        Gap from car to car behind the safety car, and at a restart after a red flag.
    unlap
        1 where lapped cars may unlap themselves before a restart.
    retirement_rate, retirement_lap1
        Probability that a car which has come through the first lap retires, and that one retires on it.
    rain_start, rain_stop
        Probability per lap that rain starts or stops.
    rain_gain, rain_dry
        Change of wetness (0..1) per lap in full rain, and of drying.
    wet_track_s : s at wetness 1
        Lap time lost by every car, on the right tyre.
    slick_wet_s : s per wetness; inter_dry_s, inter_wet_s; wet_dry_s : s
        Loss of slicks on a wet track (times wetness); of intermediates at wetness 0 and 1; of full wets at wetness 0
        (falling linearly to nothing at 1). They cross at the wetness where teams change.
    cross_slick_inter, cross_inter_wet, cross_hysteresis
        Wetness at which slicks give way to intermediates, and those to wets; and how far below it the way back is.
    stop_weather
        Hazard per lap of a car on the wrong kind of tyre.
    stop_intercept, stop_age, stop_overdue : log hazard
        A rival stops with hazard exp(eta) per lap: intercept, slope in age / life, further slope beyond life.
    stop_sc, stop_vsc : log hazard
        Added on the lap in which a safety car or VSC is deployed (times min(1, age / (0.5 life))).
    stop_sc_later, stop_vsc_later : log hazard
        The same on its later laps: who wants to stop under it has mostly done so, and the queue has closed up.
    stop_undercut, stop_cover, stop_traffic, stop_free : log hazard
        Added when the car just ahead has stopped (so follow), when the car just behind has (so cover), when held up, and when the
        gap behind is larger than the pit loss.
    stop_cover_gap_s : s
        How near "just ahead" and "just behind" are.
    stop_owed : log hazard
        Added while a mandatory stop or compound is owed, scaled by the share of the race run.
    stop_late_laps, stop_late : laps, log hazard per lap
        In the last laps a stop no longer pays: added per lap below that many laps left.
    choice_spread
        How much rivals differ in the stint they fit a compound for (+- share of the laps left).
    live
        Of the file's block ``live``: what estimates during a race read and the race model does not.
    errors
        Standard errors that the file tells, as :func:`load_errors` has them; not part of :meth:`hash`.
    sources
        Where each field that is not a plain default comes from: ``{field: "level: source"}``; not part of :meth:`hash`.
    """

    circuit_id: str
    season: int
    total_laps: int
    reference_lap_s: float
    fuel_start_kg: float
    fuel_s_per_kg: float
    track_evolution_s: float
    lap_noise_s: float
    compound_offset_s: Five
    wear_s: Five
    cliff_age: Five
    cliff_s: Five
    life_laps: Five
    cold_tyre_s: float
    age_factor_sc: float
    age_factor_vsc: float
    grid_slot_s: float
    standing_start_s: float
    start_sd_s: float
    dirty_air_s: float
    dirty_air_range_s: float
    follow_gap_s: float
    pass_intercept: float
    pass_slope: float
    pass_circuit: float
    pass_drs: float
    free_pass_s: float
    pit_loss_s: float
    pit_loss_vsc_s: float
    pit_loss_sc_s: float
    stationary_s: float
    stationary_body_s: float
    stationary_tail_from: float
    stationary_tail_s: float
    double_stack_s: float
    pit_queue_s: float
    min_stops: int
    two_compounds: int
    sc_lap1: float
    vsc_lap1: float
    red_lap1: float
    sc_rate: float
    vsc_rate: float
    red_rate: float
    sc_retirement: float
    vsc_retirement: float
    red_retirement: float
    sc_laps: tuple[float, ...]
    vsc_laps: tuple[float, ...]
    sc_pace: float
    sc_catch_pace: float
    vsc_pace: float
    sc_deploy_pace: float
    sc_gap_s: float
    red_gap_s: float
    unlap: int
    retirement_rate: float
    retirement_lap1: float
    rain_start: float
    rain_stop: float
    rain_gain: float
    rain_dry: float
    wet_track_s: float
    slick_wet_s: float
    inter_dry_s: float
    inter_wet_s: float
    wet_dry_s: float
    cross_slick_inter: float
    cross_inter_wet: float
    cross_hysteresis: float
    stop_weather: float
    stop_intercept: float
    stop_age: float
    stop_overdue: float
    stop_sc: float
    stop_vsc: float
    stop_sc_later: float
    stop_vsc_later: float
    stop_undercut: float
    stop_cover: float
    stop_traffic: float
    stop_free: float
    stop_cover_gap_s: float
    stop_owed: float
    stop_late_laps: float
    stop_late: float
    choice_spread: float
    live: LiveNumbers = field(default_factory=LiveNumbers)
    errors: dict[str, Any] = field(default_factory=dict, compare=False)
    sources: dict[str, str] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            numbers = value if isinstance(value, tuple) else (value,)
            if any(isinstance(v, float) and not math.isfinite(v) for v in numbers):
                raise ConfigurationError(f"parameters: {f.name} is {value}, expected finite numbers")
            if f.type == "Five" and len(value) != 5:
                raise ConfigurationError(
                    f"parameters: {f.name} has {len(value)} values, expected one for each of 5 compounds"
                )
        for name in ("sc_laps", "vsc_laps"):
            pmf = getattr(self, name)
            if not 1 <= len(pmf) <= MAX_NEUTRALISED_LAPS or min(pmf) < 0 or not math.isclose(sum(pmf), 1, abs_tol=1e-3):
                raise ConfigurationError(
                    f"parameters: {name} is {pmf}, expected up to {MAX_NEUTRALISED_LAPS} probabilities that add up to 1"
                )
        for name in ("reference_lap_s", "pass_slope", "dirty_air_range_s", "total_laps"):
            if getattr(self, name) <= 0:
                raise ConfigurationError(f"parameters: {name} is {getattr(self, name)}, expected more than 0")
        if min(self.life_laps) <= 0:
            raise ConfigurationError(f"parameters: life_laps is {self.life_laps}, expected more than 0")

    def replace(self, **changes: Any) -> RaceParameters:
        """Return a copy with some fields changed: a what-if lever."""
        return replace(self, **changes)

    @property
    def prescribes_stop(self) -> bool:
        """Whether the rules ask a stop of everybody: a Grand Prix in the dry does, a sprint does not."""
        return self.min_stops > 0 or self.two_compounds > 0

    def sprint(self) -> RaceParameters:
        """Return the numbers for a sprint: no stop prescribed, none wanted but for damage, a third of the distance."""
        if not self.prescribes_stop:
            return self  # is one already
        return replace(
            self,
            two_compounds=0,
            min_stops=0,
            stop_intercept=self.live.sprint.stop_intercept,
            retirement_rate=self.retirement_rate * SPRINT_SHARE,
        )

    def lane(self, extra_s: float) -> RaceParameters:
        """Return the numbers where a green stop loses so much more in the lane; under a safety car by the same share."""
        green = max(0.0, self.pit_loss_s + extra_s)
        share = green / self.pit_loss_s if self.pit_loss_s > 0 else 1.0
        return replace(
            self, pit_loss_s=green, pit_loss_sc_s=share * self.pit_loss_sc_s, pit_loss_vsc_s=share * self.pit_loss_vsc_s
        )

    def hash(self) -> str:
        """Return a short hash of every number: equal parameters, equal hashes."""
        known = _HASHES.get(id(self))
        if known is None or known[0] is not self:
            values = asdict(self)
            del values["sources"], values["errors"]
            digest = hashlib.blake2b(json.dumps(values, sort_keys=True).encode(), digest_size=12).hexdigest()
            if len(_HASHES) >= REMEMBERED:
                _HASHES.clear()
            known = _HASHES[id(self)] = self, digest
        return known[1]


REMEMBERED = 64
"""Hashes kept in memory."""
_HASHES: dict[int, tuple[RaceParameters, str]] = {}
"""Hashes by identity (each with the object, so that its identity stays its own): every answer's receipt asks for one."""


def for_race(parameters: RaceParameters, race_id: str) -> RaceParameters:
    """Return the numbers under the rules of a race: a sprint (``sprint`` in its id) prescribes no stop."""
    return parameters.sprint() if "sprint" in race_id else parameters
