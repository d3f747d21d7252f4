"""What the live estimators assume before the first lap: priors from the race parameters, and how fast beliefs may move."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from racetwin.simulation.live import LapShape
from racetwin.simulation.parameter_file import NEW_SEASON

if TYPE_CHECKING:
    from racetwin.simulation.parameters import RaceParameters

Five = tuple[float, float, float, float, float]
OFFSET_SD_S, WEAR_SD_S = 0.2, 0.018
"""Least that a slick compound's offset (s) and wear (s per lap) may be off on the day.

Of a circuit never seen it is more: what circuits differ by.
"""
WET_OFFSET_SD_S = 6.0
"""Least that is taken to be unknown of how slow intermediates and wets are on the day, s."""


@dataclass(frozen=True, slots=True)
class PaceModel:
    """Priors and noises of :class:`racetwin.twins.pace_filter.PaceFilter`.

    The first block comes from the race parameters of the circuit and season (:meth:`of`). The second says how fast things move
    and how far single values stray; it was chosen on the first two thirds of the shared races in time order, by the mean
    absolute error of the next laps (``racetwin.evaluation.lap_times``).

    Parameters
    ----------
    reference_s : s
        Expected lap of the field's median car: fresh mediums, no fuel.
    total_laps : laps
    fuel_start_kg, fuel_s_per_kg : kg, s/kg
    sc_fuel, vsc_fuel
        Burnt on a lap behind the safety car, and under a virtual one, against a racing lap.
    drift_s : s per lap
        Expected change of the track from lap to lap, beyond fuel (negative: it gets faster).
    offset_s, wear_s : s, s per lap
        Per compound: new-tyre offset against mediums, linear wear.
    cliff_age, cliff_s : laps, s per squared lap
        Convex part: ``cliff_s * max(0, age - cliff_age)**2``.
    follow_share, follow_range_s, follow_memory : -, s, -
        A car behind another takes over this share of the difference of their paces (falling with the gap as a Gaussian of that
        width); from lap to lap that fades by the memory.
    dirty_air_s, dirty_air_range_s : s
        Lost beside that right behind another car, falling linearly to nothing at that gap: the race model's.
    blue_s, blue_gap_s, blue_width_s : s, s, s
        Lap time lost by a car that is being lapped, when the lapping car is expected that far behind it at the line, falling as
        a Gaussian of that width: it is let by within the lap.
    reference_sd_s : s
        How far the calibrated reference may be off on the day.
    level_walk_s, level_walk_wet_s : s
        Common change of all lap times from one lap to the next, dry, and with a car on wet-weather tyres.
    drift_sd_s, drift_walk_s : s per lap
    offset_sd_s, wear_sd_s : s, s per lap
        How far a slick compound's offset and wear may be off on the day: at least as far as the parameter file's standard errors.
    wet_offset_sd_s : s
        Intermediates and wets against slicks: hardly known beforehand. At least what races have strayed from each other by.
    pace_sd_s, pace_walk_s : s, s
        Spread of the cars' pace, and its change per lap.
    set_pace_sd_s, set_wear_sd_s : s, s per lap
        What a new set of tyres adds to what is unknown of pace, and of wear against the compound's.
    mood_persistence, mood_sd_s : -, s
        Pushing, managing, following: a deviation that persists from lap to lap with this autocorrelation and innovation.
    noise_s : s
        Scale of what remains.
    nu_slow, nu_fast, cap
        Degrees of freedom of the Student weights for laps slower and faster than expected, and the largest factor by which one
        lap's variance is inflated. Slow laps have a hundred reasons and weigh little; fast ones have one.
    traffic_factor, blue_factor, restart_factor, yellow_factor
        Variance factor of a lap spent behind another car, of one in which the car was lapped, of the first after a
        neutralisation, of one with yellow flags.
    follow_sd_s, blue_sd_s : s
        Spread that following, and being lapped, adds to a lap time.
    calm : -
        Memory, per lap of a car, of how restless the whole field has been; in a restless field the level walks faster.
    shape
        How laps fall around their forecast, in its spreads.
    damp_day_spread : -
        Factor on the spread of forecast laps on slicks once the track has been wet: it dries, or soaks again, and lines differ.
    """

    reference_s: float = 88.0
    total_laps: int = 58
    fuel_start_kg: float = 110.0
    fuel_s_per_kg: float = 0.031
    sc_fuel: float = 1.0
    vsc_fuel: float = 1.0
    drift_s: float = 0.0
    offset_s: Five = (-0.45, 0.0, 0.4, 12.0, 18.0)
    wear_s: Five = (0.075, 0.048, 0.032, 0.05, 0.04)
    cliff_age: Five = (14.0, 22.0, 32.0, 30.0, 30.0)
    cliff_s: Five = (0.0, 0.0, 0.0, 0.0, 0.0)
    follow_share: float = 0.12
    follow_range_s: float = 1.6
    follow_memory: float = 0.76
    dirty_air_s: float = 0.3
    dirty_air_range_s: float = 2.4
    blue_s: float = 1.5
    blue_gap_s: float = 0.75
    blue_width_s: float = 1.0
    reference_sd_s: float = 8.0
    level_walk_s: float = 0.12
    level_walk_wet_s: float = 1.0
    drift_sd_s: float = 0.005
    drift_walk_s: float = 0.0003
    offset_sd_s: float = OFFSET_SD_S
    wear_sd_s: float = WEAR_SD_S
    wet_offset_sd_s: float = WET_OFFSET_SD_S
    pace_sd_s: float = 0.6
    pace_walk_s: float = 0.047
    set_pace_sd_s: float = 0.03
    set_wear_sd_s: float = 0.015
    mood_persistence: float = 0.8
    mood_sd_s: float = 0.3
    noise_s: float = 0.2
    nu_slow: float = 0.02
    nu_fast: float = 100.0
    cap: float = 6000.0
    traffic_factor: float = 2.2
    blue_factor: float = 16.0
    restart_factor: float = 16.0
    yellow_factor: float = 3.0
    follow_sd_s: float = 0.25
    blue_sd_s: float = 0.7
    calm: float = 0.025
    damp_day_spread: float = 1.0
    shape: LapShape = field(default_factory=LapShape)

    @classmethod
    def of(cls, parameters: RaceParameters, total_laps: int | None = None) -> PaceModel:
        """Take the priors from the race parameters of a circuit and season."""
        laps = total_laps or parameters.total_laps
        return cls(
            reference_s=parameters.reference_lap_s,
            total_laps=laps,
            fuel_start_kg=parameters.fuel_start_kg * min(1.0, laps / parameters.total_laps),
            fuel_s_per_kg=parameters.fuel_s_per_kg,
            drift_s=-parameters.track_evolution_s / laps,
            offset_s=(*parameters.compound_offset_s[:3], parameters.live.wet.intermediate_s, parameters.live.wet.wet_s),
            wear_s=parameters.wear_s,
            cliff_age=parameters.cliff_age,
            cliff_s=parameters.cliff_s,
            dirty_air_s=parameters.dirty_air_s,
            dirty_air_range_s=parameters.dirty_air_range_s,
            blue_s=parameters.live.lapped.cost_s,
            wet_offset_sd_s=max(WET_OFFSET_SD_S, parameters.live.wet.spread_s),
            offset_sd_s=_on_the_day(OFFSET_SD_S, parameters.errors, "compound_offset_s"),
            damp_day_spread=parameters.live.damp_days.spread,
            shape=parameters.live.lap_shape,
            sc_fuel=parameters.live.slow_fuel.sc,
            vsc_fuel=parameters.live.slow_fuel.vsc,
            wear_sd_s=_on_the_day(WEAR_SD_S, parameters.errors, "wear_s"),
        )

    def fuel_kg(self, laps_completed: float) -> float:
        """Fuel aboard after some laps if it is burnt evenly to the flag."""
        return self.fuel_start_kg * max(0.0, 1.0 - laps_completed / self.total_laps)

    def cliff(self, compound: int, age: float) -> float:
        """Convex part of the wear of a set, in seconds a lap."""
        over = age - self.cliff_age[compound]
        return self.cliff_s[compound] * over * over if over > 0 else 0.0


def _on_the_day(least: float, errors: Mapping[str, Any], name: str) -> float:
    """Return how far slicks may be off: what races and circuits stray by, and what a season nobody has raced in adds to it."""
    all_in = _of_slicks(errors.get(name))
    season = _of_slicks(errors.get(NEW_SEASON, {}).get(name))
    known = math.sqrt(max(0.0, all_in**2 - season**2))
    return math.hypot(max(least, known), season)


def _of_slicks(errors: Sequence[float] | None) -> float:
    """Return the usual standard error of the slicks that are fitted, 0 where the file tells none."""
    told = [e for e in (errors or ())[:3] if e > 0]
    return sum(told) / len(told) if told else 0.0
