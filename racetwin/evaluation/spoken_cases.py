"""Sentences as a race engineer says them on the radio or a language model writes them, each beside false ones of its kind.

The third batch of texts that the checker of claims is measured on: each case needs some facts, has one true sentence and false
ones that differ from it as such texts go wrong in practice: a number bound to the wrong quantity, an alternative told as the
call, a denial, a certainty that nobody has, a cause made up, roles exchanged. They were written before the checker's code was
read and without trying them.

Names in braces stand for values of a recommendation's facts (:mod:`racetwin.evaluation.spoken`):

- ``L C`` the lap and compound of the call's first stop (``c`` in lower case), ``L2 C2`` those of the next best call;
- ``lap left pos comp age life life_lo life_hi wear`` the car; ``status`` the track;
- ``pts epos ppts nopts pod`` what the call is worth; ``gain se oL oC`` its gain over another, where that is beyond noise;
- ``d2 b2`` what the next best call costs, and how likely it is to be best; ``plans races`` the search;
- ``rpos rprob lower A ga B gb`` the rejoin: position, chances, car ahead and behind with gaps; ``loss loss_lo loss_hi`` the stop;
- ``R rg rc`` a rival close behind: gap, chance of a stop; ``wet running`` cars on wet tyres;
- ``unsure open`` nothing, where the points and the rejoin are not certain; ``L2_later`` is ``L2`` where it comes after ``L``;
- ``X`` a driver of whom nothing is known, ``Z`` one who has retired; a name with ``_x`` is a false value of that quantity.
"""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """A true sentence and false ones, each with the kind of its error."""

    right: str
    wrong: tuple[tuple[str, str], ...]


NUMBER, BOUND, LAP, COMPOUND = "number", "number of another quantity", "lap", "compound"
DRIVER, ROLES, DIRECTION, DENIAL = "driver", "roles exchanged", "direction", "denial"
CERTAIN, CAUSE, CALL, UNIT = "false certainty", "invented cause", "an alternative as the call", "unit"
RETIRED, STATUS, INVENTED = "retired car", "track status", "invented detail"

CASES: tuple[Case, ...] = (
    # --- the call, on the radio and in prose --------------------------------------------------------------------------
    Case(
        "Box, box, lap {L}, we're going {C}.",
        (
            (LAP, "Box, box, lap {L_x}, we're going {C}."),
            (COMPOUND, "Box, box, lap {L}, we're going {C_x}."),
            (CALL, "Box, box, lap {L2}, we're going {C2}."),
        ),
    ),
    Case(
        "Plan is to come in at the end of lap {L} for a set of {c}s.",
        (
            (LAP, "Plan is to come in at the end of lap {L_x} for a set of {c}s."),
            (COMPOUND, "Plan is to come in at the end of lap {L} for a set of {c_x}s."),
        ),
    ),
    Case(
        "The simulation favours pitting on lap {L} for {c} tyres.",
        (
            (LAP, "The simulation favours pitting on lap {L_x} for {c} tyres."),
            (COMPOUND, "The simulation favours pitting on lap {L} for {c_x} tyres."),
            (DENIAL, "The simulation does not favour pitting on lap {L} for {c} tyres."),
            (CAUSE, "The simulation favours pitting on lap {L} for {c} tyres because the brakes are overheating."),
            (CALL, "The simulation favours pitting on lap {L2} for {c2} tyres."),
        ),
    ),
    Case(
        "It is recommended to pit at the end of lap {L} and switch to the {C} compound.",
        (
            (LAP, "It is recommended to pit at the end of lap {L_x} and switch to the {C} compound."),
            (COMPOUND, "It is recommended to pit at the end of lap {L} and switch to the {C_x} compound."),
            (DENIAL, "It is not recommended to pit at the end of lap {L} and switch to the {C} compound."),
        ),
    ),
    Case(
        "{C} is the tyre for the next stint, from lap {L}.",
        (
            (COMPOUND, "{C_x} is the tyre for the next stint, from lap {L}."),
            (LAP, "{C} is the tyre for the next stint, from lap {L_x}."),
        ),
    ),
    Case(
        "Our target lap for the stop is {L}.",
        ((LAP, "Our target lap for the stop is {L_x}."),),
    ),
    Case(
        "Confirm {c} tyres for the stop on lap {L}, mate.",
        (
            (COMPOUND, "Confirm {c_x} tyres for the stop on lap {L}, mate."),
            (LAP, "Confirm {c} tyres for the stop on lap {L_x}, mate."),
        ),
    ),
    # --- what the call is worth ---------------------------------------------------------------------------------------
    Case(
        "On average this strategy brings {pts} points.",
        (
            (NUMBER, "On average this strategy brings {pts_x} points."),
            (UNIT, "On average this strategy brings {pts} seconds."),
            (CERTAIN, "This strategy is guaranteed to bring {pts} points."),
            (DENIAL, "On average this strategy does not bring {pts} points."),
        ),
    ),
    Case(
        "We'd expect to finish around P{epos}.",
        (
            (NUMBER, "We'd expect to finish around P{epos_x}."),
            (CERTAIN, "We will definitely finish in P{epos}."),
            (DENIAL, "We'd not expect to finish around P{epos}."),
        ),
    ),
    Case(
        "The expected return is {pts} points with an average finishing position of {epos}.",
        (
            (NUMBER, "The expected return is {pts_x} points with an average finishing position of {epos}."),
            (NUMBER, "The expected return is {pts} points with an average finishing position of {epos_x}."),
            (BOUND, "The expected return is {epos} points with an average finishing position of {pts}."),
        ),
    ),
    Case(
        "There is a {ppts}% chance of scoring points.",
        (
            (NUMBER, "There is a {ppts_x}% chance of scoring points."),
            (BOUND, "There is a {ppts}% chance of winning."),
            (DENIAL, "There is a {ppts}% chance of not scoring points."),
            (CERTAIN, "Scoring points is certain{unsure}."),
        ),
    ),
    Case(
        "{ppts} in a hundred simulated races end in the points.",
        (
            (NUMBER, "{ppts_x} in a hundred simulated races end in the points."),
            (BOUND, "{ppts} in a hundred simulated races end in victory."),
            (DIRECTION, "{ppts} in a hundred simulated races end out of the points."),
        ),
    ),
    Case(
        "A podium comes out of {pod}% of the simulations.",
        (
            (NUMBER, "A podium comes out of {pod_x}% of the simulations."),
            (BOUND, "A win comes out of {pod}% of the simulations."),
            (DENIAL, "No podium comes out of {pod}% of the simulations."),
        ),
    ),
    Case(
        "Podium probability sits at {pod}%.",
        (
            (NUMBER, "Podium probability sits at {pod_x}%."),
            (BOUND, "Retirement probability sits at {pod}%."),
            (UNIT, "Podium probability sits at {pod} seconds."),
        ),
    ),
    Case(
        "The risk of leaving here with nothing is {nopts}%.",
        (
            (NUMBER, "The risk of leaving here with nothing is {nopts_x}%."),
            (BOUND, "The risk of a puncture is {nopts}%."),
        ),
    ),
    Case(
        "We ran {plans} different strategies through the simulator.",
        (
            (NUMBER, "We ran {plans_x} different strategies through the simulator."),
            (UNIT, "We ran {plans} different laps through the simulator."),
        ),
    ),
    Case(
        "Each of the leading candidates was raced {races} times.",
        ((NUMBER, "Each of the leading candidates was raced {races_x} times."),),
    ),
    # --- against another plan -----------------------------------------------------------------------------------------
    Case(
        "Going on lap {L} instead of lap {oL} is worth {gain} points to us.",
        (
            (NUMBER, "Going on lap {L} instead of lap {oL} is worth {gain_x} points to us."),
            (ROLES, "Going on lap {oL} instead of lap {L} is worth {gain} points to us."),
            (DIRECTION, "Going on lap {L} instead of lap {oL} costs us {gain} points."),
            (UNIT, "Going on lap {L} instead of lap {oL} is worth {gain} seconds to us."),
            (LAP, "Going on lap {L_x} instead of lap {oL} is worth {gain} points to us."),
        ),
    ),
    Case(
        "Waiting until lap {oL} would cost us {gain} points.",
        (
            (NUMBER, "Waiting until lap {oL} would cost us {gain_x} points."),
            (DIRECTION, "Waiting until lap {oL} would gain us {gain} points."),
            (DENIAL, "Waiting until lap {oL} would not cost us {gain} points."),
            (LAP, "Waiting until lap {L} would cost us {gain} points."),
            (UNIT, "Waiting until lap {oL} would cost us {gain} positions."),
        ),
    ),
    Case(
        "It beats stopping on lap {oL} for {oC} by {gain} points, plus or minus {se}.",
        (
            (NUMBER, "It beats stopping on lap {oL} for {oC} by {gain_x} points, plus or minus {se}."),
            (NUMBER, "It beats stopping on lap {oL} for {oC} by {gain} points, plus or minus {se_x}."),
            (DIRECTION, "It loses to stopping on lap {oL} for {oC} by {gain} points, plus or minus {se}."),
            (COMPOUND, "It beats stopping on lap {oL} for {oC_x} by {gain} points, plus or minus {se}."),
        ),
    ),
    Case(
        "The next best option, lap {L2} for {C2}, gives away {d2} points.",
        (
            (NUMBER, "The next best option, lap {L2} for {C2}, gives away {d2_x} points."),
            (DIRECTION, "The next best option, lap {L2} for {C2}, picks up {d2} points."),
            (COMPOUND, "The next best option, lap {L2} for {C2_x}, gives away {d2} points."),
            (LAP, "The next best option, lap {L2_x} for {C2}, gives away {d2} points."),
            (BOUND, "The next best option, lap {L2} for {C2}, gives away {pts} points."),
        ),
    ),
    Case(
        "If we can't make lap {L}, fall back to lap {L2_later} for {C2}: it is {d2} points down.",
        (
            (NUMBER, "If we can't make lap {L}, fall back to lap {L2_later} for {C2}: it is {d2_x} points down."),
            (DIRECTION, "If we can't make lap {L}, fall back to lap {L2_later} for {C2}: it is {d2} points up."),
            (LAP, "If we can't make lap {L_x}, fall back to lap {L2_later} for {C2}: it is {d2} points down."),
        ),
    ),
    Case(
        "Plan B is lap {L2} on to {C2}, with a {b2}% chance of being the better call.",
        (
            (NUMBER, "Plan B is lap {L2} on to {C2}, with a {b2_x}% chance of being the better call."),
            (COMPOUND, "Plan B is lap {L2} on to {C2_x}, with a {b2}% chance of being the better call."),
            (BOUND, "Plan B is lap {L2} on to {C2}, with a {b2_d}% chance of a podium."),
        ),
    ),
    Case(
        "'L{L} {C}' comes out ahead of 'L{L2} {C2}'.",
        (
            (ROLES, "'L{L2} {C2}' comes out ahead of 'L{L} {C}'."),
            (DIRECTION, "'L{L} {C}' comes out behind 'L{L2} {C2}'."),
            (DENIAL, "'L{L} {C}' does not come out ahead of 'L{L2} {C2}'."),
        ),
    ),
    # --- the rejoin ---------------------------------------------------------------------------------------------------
    Case(
        "Stop now and you come out P{rpos}, {ga} seconds behind {A}.",
        (
            (NUMBER, "Stop now and you come out P{rpos_x}, {ga} seconds behind {A}."),
            (NUMBER, "Stop now and you come out P{rpos}, {ga_x} seconds behind {A}."),
            (DIRECTION, "Stop now and you come out P{rpos}, {ga} seconds ahead of {A}."),
            (DRIVER, "Stop now and you come out P{rpos}, {ga} seconds behind {X}."),
            (ROLES, "Stop now and you come out P{rpos}, {ga} seconds behind {B}."),
            (RETIRED, "Stop now and you come out P{rpos}, {ga} seconds behind {Z}."),
        ),
    ),
    Case(
        "You'll slot in between {A} and {B}.",
        (
            (DRIVER, "You'll slot in between {A} and {X}."),
            (RETIRED, "You'll slot in between {Z} and {B}."),
            (DENIAL, "You won't slot in between {A} and {B}."),
        ),
    ),
    Case(
        "We emerge with {A} in front and {B} behind.",
        (
            (ROLES, "We emerge with {B} in front and {A} behind."),
            (DRIVER, "We emerge with {X} in front and {B} behind."),
            (RETIRED, "We emerge with {A} in front and {Z} behind."),
        ),
    ),
    Case(
        "Pitting right away drops the car to P{rpos}, {gb} s clear of {B}.",
        (
            (NUMBER, "Pitting right away drops the car to P{rpos}, {gb_x} s clear of {B}."),
            (NUMBER, "Pitting right away drops the car to P{rpos_x}, {gb} s clear of {B}."),
            (ROLES, "Pitting right away drops the car to P{rpos}, {gb} s clear of {A}."),
            (DIRECTION, "Pitting right away drops the car to P{rpos}, {gb} s short of {B}."),
            (UNIT, "Pitting right away drops the car to P{rpos}, {gb} laps clear of {B}."),
        ),
    ),
    Case(
        "{B} would be {gb} seconds down the road behind us at pit exit.",
        (
            (NUMBER, "{B} would be {gb_x} seconds down the road behind us at pit exit."),
            (DIRECTION, "{B} would be {gb} seconds up the road ahead of us at pit exit."),
            (DRIVER, "{X} would be {gb} seconds down the road behind us at pit exit."),
        ),
    ),
    Case(
        "The most likely rejoin position is P{rpos} with {rprob}% probability.",
        (
            (NUMBER, "The most likely rejoin position is P{rpos_x} with {rprob}% probability."),
            (NUMBER, "The most likely rejoin position is P{rpos} with {rprob_x}% probability."),
            (DENIAL, "The least likely rejoin position is P{rpos} with {rprob}% probability."),
            (CERTAIN, "The rejoin position is P{rpos} without any doubt{open}."),
        ),
    ),
    Case(
        "There's a {lower}% risk that we lose more places than that and come out lower than P{rpos}.",
        (
            (NUMBER, "There's a {lower_x}% risk that we lose more places than that and come out lower than P{rpos}."),
            (DIRECTION, "There's a {lower}% chance that we gain places and come out higher than P{rpos}."),
        ),
    ),
    Case(
        "A stop is about {loss} seconds of race time.",
        (
            (NUMBER, "A stop is about {loss_x} seconds of race time."),
            (UNIT, "A stop is about {loss} laps of race time."),
            (BOUND, "A stop is about {ga} seconds of race time."),
        ),
    ),
    Case(
        "Pit loss is somewhere between {loss_lo} and {loss_hi} seconds.",
        (
            (NUMBER, "Pit loss is somewhere between {loss_lo_x} and {loss_hi} seconds."),
            (NUMBER, "Pit loss is somewhere between {loss_lo} and {loss_hi_x} seconds."),
        ),
    ),
    # --- the car ------------------------------------------------------------------------------------------------------
    Case(
        "You're P{pos} with {left} to go.",
        (
            (NUMBER, "You're P{pos_x} with {left} to go."),
            (NUMBER, "You're P{pos} with {left_x} to go."),
            (BOUND, "You're P{pos} with {lap} to go."),
        ),
    ),
    Case(
        "{lap} laps are in the book, {left} remain.",
        (
            (NUMBER, "{lap_x} laps are in the book, {left} remain."),
            (ROLES, "{left} laps are in the book, {lap} remain."),
        ),
    ),
    Case(
        "These {comp_l}s have done {age} laps.",
        (
            (NUMBER, "These {comp_l}s have done {age_x} laps."),
            (COMPOUND, "These {comp_x}s have done {age} laps."),
            (UNIT, "These {comp_l}s have done {age} minutes."),
            (DENIAL, "These {comp_l}s have not done {age} laps."),
        ),
    ),
    Case(
        "The current set is {age} laps old and should be good for about {life} more.",
        (
            (NUMBER, "The current set is {age_x} laps old and should be good for about {life} more."),
            (NUMBER, "The current set is {age} laps old and should be good for about {life_x} more."),
            (BOUND, "The current set is {age} laps old and should be good for about {left_d} more."),
            (
                CAUSE,
                "The current set is {age} laps old and should be good for about {life} more thanks to the cool track.",
            ),
        ),
    ),
    Case(
        "Deg is running at {wear} seconds per lap.",
        (
            (NUMBER, "Deg is running at {wear_x} seconds per lap."),
            (UNIT, "Deg is running at {wear} points per lap."),
            (BOUND, "Fuel burn is running at {wear} seconds per lap."),
            (DIRECTION, "We are gaining {wear} seconds per lap from the tyres."),
        ),
    ),
    Case(
        "The tyres have {life_lo} to {life_hi} laps of life left in them.",
        (
            (NUMBER, "The tyres have {life_lo_x} to {life_hi} laps of life left in them."),
            (NUMBER, "The tyres have {life_lo} to {life_hi_x} laps of life left in them."),
            (UNIT, "The tyres have {life_lo} to {life_hi} seconds of life left in them."),
        ),
    ),
    Case(
        "The race is running under {status} conditions.",
        ((STATUS, "The race is running under {status_x} conditions."),),
    ),
    # --- a rival ------------------------------------------------------------------------------------------------------
    Case(
        "{R} is sitting {rg} seconds off our gearbox.",
        (
            (NUMBER, "{R} is sitting {rg_x} seconds off our gearbox."),
            (DRIVER, "{X} is sitting {rg} seconds off our gearbox."),
            (RETIRED, "{Z} is sitting {rg} seconds off our gearbox."),
            (DIRECTION, "{R} is {rg} seconds up the road in front of us."),
        ),
    ),
    Case(
        "Chance of {R} stopping in the next five laps: {rc}%.",
        (
            (NUMBER, "Chance of {R} stopping in the next five laps: {rc_x}%."),
            (DRIVER, "Chance of {X} stopping in the next five laps: {rc}%."),
            (LAP, "Chance of {R} stopping in the next ten laps: {rc}%."),
            (DENIAL, "Chance of {R} not stopping in the next five laps: {rc}%."),
            (BOUND, "Chance of {R} crashing in the next five laps: {rc}%."),
        ),
    ),
    Case(
        "Watch {R} behind, the undercut is on for them.",
        (
            (DRIVER, "Watch {X} behind, the undercut is on for them."),
            (DIRECTION, "Watch {R} ahead, the undercut is on for us."),
            (INVENTED, "Watch {R} behind, their front wing is damaged."),
        ),
    ),
    Case(
        "Should {R} pit, be prepared to respond a lap later.",
        (
            (DRIVER, "Should {X} pit, be prepared to respond a lap later."),
            (RETIRED, "Should {Z} pit, be prepared to respond a lap later."),
            (LAP, "Should {R} pit, be prepared to respond three laps later."),
        ),
    ),
    # --- what a model adds of its own ---------------------------------------------------------------------------------
    Case(
        "Box on lap {L} for {C}; the average outcome is {pts} points.",
        (
            (CAUSE, "Box on lap {L} for {C}, since rain is expected; the average outcome is {pts} points."),
            (INVENTED, "Box on lap {L} for {C}; the average outcome is {pts} points and a new lap record."),
            (CAUSE, "Box on lap {L} for {C} because {X} is about to stop; the average outcome is {pts} points."),
            (INVENTED, "Box on lap {L} for {C}; the fuel is critical."),
            (INVENTED, "Box on lap {L} for {C}; the team mate has already stopped."),
        ),
    ),
    Case(
        "Fresh {c} tyres on lap {L} give us P{epos} on average and points in {ppts}% of races.",
        (
            (BOUND, "Fresh {c} tyres on lap {L} give us P{epos} on average and points in {pod_d}% of races."),
            (NUMBER, "Fresh {c} tyres on lap {L} give us P{epos_x} on average and points in {ppts}% of races."),
            (COMPOUND, "Fresh {c_x} tyres on lap {L} give us P{epos} on average and points in {ppts}% of races."),
            (INVENTED, "Fresh {c} tyres on lap {L} give us P{epos} on average and the fastest lap."),
        ),
    ),
    Case(
        "By stopping on lap {L} we avoid losing {gain} points compared with lap {oL}.",
        (
            (NUMBER, "By stopping on lap {L} we avoid losing {gain_x} points compared with lap {oL}."),
            (DIRECTION, "By stopping on lap {L} we lose {gain} points compared with lap {oL}."),
            (ROLES, "By stopping on lap {oL} we avoid losing {gain} points compared with lap {L}."),
        ),
    ),
)
