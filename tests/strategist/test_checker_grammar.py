"""Sentences about five moments in the words of engineers and of language models: the true ones pass, the others do not.

They are no batch of unseen ones: the checker's grammar was written with them.
"""

from __future__ import annotations

import math

import pytest

from racetwin.schemas import Fact
from racetwin.strategist.checker import Checker

pytestmark = pytest.mark.unit

Row = tuple[str, object, str]

CAR: tuple[Row, ...] = (
    ("position", 5, "The car runs P5."),
    ("compound", "MEDIUM", "It is on MEDIUM tyres."),
    ("tyre_age", 17, "The set is 17 laps old."),
    ("tyre_life", 9, "The set has about 9 laps left in it (4 to 13)."),
    ("wear", 0.062, "It loses 0.06 s a lap to wear (0.04 to 0.09)."),
    ("plans", 256, "256 plans were weighed."),
    ("close_plans", 3, "3 other plans are too close to call against the best."),
    ("races", 2000, "The best of them ran through 2000 simulated races."),
    ("rejoin.position", 11, "Boxing at the end of lap 19 it rejoins P11 (68% likely)."),
    ("rejoin.probability", 0.68, "That position has a probability of 68%."),
    ("rejoin.lower", 0.24, "In 24% of cases it rejoins further back than P11."),
    ("rejoin.gap_ahead", 1.3, "NOR is then 1.3 s ahead."),
    ("rejoin.gap_behind", 2.7, "HAM is then 2.7 s behind."),
    ("pit_loss", 21.4, "A stop costs 21.4 s (19.8 to 24.6)."),
)


def race(status: str, words: str) -> tuple[Row, ...]:
    return (
        ("lap", 18, "The leader has completed lap 18 of 52."),
        ("laps_left", 34, "34 laps are left."),
        ("track_status", status, f"The track is under {words}."),
    )


def plan(
    key: str,
    name: str,
    points: float,
    shares: tuple[int, int],
    place: float,
    less: float = 0.0,
    error: float = 0.04,
    best: str = "L24 HARD",
    window: str = "",
) -> tuple[Row, ...]:
    scores, podium = shares
    first, _, last = window.partition("-")
    chance = 0.5 * math.erfc(less / error / math.sqrt(2))
    waits = f"If a safety car comes on laps {first} to {last}, '{name}' boxes then."
    behind = f"'{name}' is worth {less:.2f} points less than '{best}' (standard error {error:.2f})."
    rows: list[Row] = [
        (f"{key}.plan", name, f"Plan: {name}."),
        (f"{key}.expected_points", points, f"'{name}' is worth {points:.2f} points on average (standard error 0.05)."),
        (f"{key}.expected_position", place, f"'{name}' finishes P{place:.1f} on average."),
        (f"{key}.p_points", scores / 100, f"'{name}' scores points in {scores}% of races."),
        (f"{key}.p_no_points", 1 - scores / 100, f"'{name}' ends outside the points in {100 - scores}% of races."),
        (f"{key}.p_podium", podium / 100, f"'{name}' ends on the podium in {podium}% of races."),
    ]
    if window:
        rows.append((f"{key}.window", window, waits))
    if less:
        rows.append((f"{key}.delta_points", -less, behind))
        rows.append(
            (f"{key}.p_better", chance, f"'{name}' is the best plan after all with a probability of {chance:.0%}.")
        )
    return tuple(rows)


def gain(name: str, other: str, points: float) -> Row:
    text = f"'{name}' is worth {points:.2f} points more than '{other}' (standard error 0.04)."
    return ("benefit", points, text)


def checker(*rows: Row) -> Checker:
    facts = [
        Fact.model_validate({"id": i, "name": name, "value": value, "text": text, "source": "test"})
        for i, (name, value, text) in enumerate(rows, start=1)
    ]
    return Checker(facts, ("BOT",))


AHEAD_OF_A_STOP = checker(
    *race("GREEN", "green"),
    *CAR,
    *plan("best", "L24 HARD (or SC)", 15.12, (91, 37), 4.3, window="19-23"),
    *plan("before", "L21 MEDIUM", 14.50, (88, 30), 4.6, 0.62),
    *plan("plan2", "L27 MEDIUM", 14.81, (89, 33), 4.5, 0.31),
    *plan("plan3", "L22 HARD", 14.70, (86, 31), 4.6, 0.42),
    gain("L24 HARD (or SC)", "L27 MEDIUM", 0.31),
)
LEVEL = checker(
    *race("GREEN", "green"),
    *CAR,
    *plan("best", "L24 HARD", 15.12, (91, 37), 4.3),
    *plan("plan2", "L27 MEDIUM", 15.06, (89, 33), 4.5, 0.06),
    gain("L24 HARD", "L27 MEDIUM", 0.06),
)
SAFETY_CAR = checker(
    *race("SC", "safety car"),
    *CAR,
    *plan("best", "L19 HARD, L41 SOFT", 15.12, (91, 37), 4.3),
    *plan("plan2", "L27 HARD", 14.81, (89, 33), 4.5, 0.31),
)
RIVAL = checker(
    ("behind.gap", 1.8, "RUS is 1.8 s behind at the end of lap 18."),
    ("behind.stop_probability_5", 0.63, "RUS stops within five laps with a probability of 63%."),
    *plan("best", "L24 HARD", 15.12, (91, 37), 4.3),
)
NO_STOP = checker(
    *race("GREEN", "green"),
    *CAR,
    ("rain", True, "It is raining."),
    ("wet_tyres", 7, "7 of the 20 cars run INTERMEDIATE or WET tyres."),
    *plan("best", "no stop", 8.20, (91, 7), 6.3),
    *plan("plan2", "L27 SOFT", 7.81, (89, 3), 6.5, 0.39),
)

TRUE = (
    (AHEAD_OF_A_STOP, "Target lap for the stop is twenty-four, and NOR would be one point three seconds ahead."),
    (AHEAD_OF_A_STOP, "These tires are 17 laps old. They have about 9 laps left."),
    (AHEAD_OF_A_STOP, "No rush, we aren't stopping until lap 24."),
    (AHEAD_OF_A_STOP, "Safety car from lap 19 to lap 23 and we box, no questions asked."),
    (AHEAD_OF_A_STOP, "We had lap 21 before, so forget 21: it's lap 24 now."),
    (AHEAD_OF_A_STOP, "The set is losing 0.06 seconds per lap due to wear."),
    (AHEAD_OF_A_STOP, "Rejoin: P11 (68 %), NOR 1.3 s in front, HAM 2.7 behind."),
    (LEVEL, "Neither lap 24 nor lap 27 has a real edge."),
    (RIVAL, "The gap behind to RUS is just 1.8 seconds."),
    (NO_STOP, "We won't need to stop again."),
    (NO_STOP, "7 cars have gone to wets or inters."),
    (AHEAD_OF_A_STOP, "Pitting on lap 24 for hard tyres offers the best expected return of 15.12 points."),
    (
        AHEAD_OF_A_STOP,
        "With a 37% chance of a podium and a 91% chance of points, this is the strongest plan on the table.",
    ),
    (
        AHEAD_OF_A_STOP,
        "After the stop we expect to rejoin eleventh, 1.3 seconds behind NOR and 2.7 seconds ahead of HAM.",
    ),
    (AHEAD_OF_A_STOP, "The medium set is 17 laps old, with about nine laps left in it."),
    (AHEAD_OF_A_STOP, "Staying out until lap 27 costs 0.31 points."),
    (AHEAD_OF_A_STOP, "Box at the end of lap 24 and fit HARD tyres to gain 0.31 points over waiting for lap 27."),
    (AHEAD_OF_A_STOP, "If we wait until lap 27, we lose 0.31 points."),
    (AHEAD_OF_A_STOP, "A safety car between laps 19 and 23 would bring the stop forward."),
    (AHEAD_OF_A_STOP, "Six laps to our stop, lap 24, hards."),
    (AHEAD_OF_A_STOP, "Lap 27 for mediums is the fallback; it costs us 0.31 points."),
    (AHEAD_OF_A_STOP, "The desk compared 256 plans, and this one came out on top."),
    (AHEAD_OF_A_STOP, "NOR should be just ahead when we come back out, by about 1.3 seconds."),
    (AHEAD_OF_A_STOP, "HAM is going to be in our mirrors, 2.7 seconds down the road."),
    (AHEAD_OF_A_STOP, "It's a 68 percent shot that we come out P11."),
    (AHEAD_OF_A_STOP, "Tyre wear is costing us around 0.06 seconds every lap."),
    (AHEAD_OF_A_STOP, "The stop itself is worth 21.4 seconds of time lost, with a range of 19.8 to 24.6 seconds."),
    (AHEAD_OF_A_STOP, "Hards from lap 24 should see us home P4.3 on average."),
    (AHEAD_OF_A_STOP, "We called lap 21 before; lap 24 has since become the better choice."),
    (AHEAD_OF_A_STOP, "Three alternatives are too close to call against it."),
    (AHEAD_OF_A_STOP, "Expect to come out of the pits with NOR ahead and HAM behind."),
    (AHEAD_OF_A_STOP, "We are currently fifth with 34 laps left to run."),
    (AHEAD_OF_A_STOP, "Lap 22 would be worse by 0.42 points."),
    (AHEAD_OF_A_STOP, "The plan for lap 27 comes in at 14.81 points, ours at 15.12."),
    (AHEAD_OF_A_STOP, "At the moment the track is green and the leader has completed lap 18."),
    (AHEAD_OF_A_STOP, "Our tyres could last anywhere from 4 to 13 laps more."),
    (AHEAD_OF_A_STOP, "Keep going, the stop is planned for lap 24."),
    (AHEAD_OF_A_STOP, "There is a 9% risk of finishing outside the points."),
    (AHEAD_OF_A_STOP, "We'd be giving up 0.31 points by waiting for lap 27."),
    (AHEAD_OF_A_STOP, "Lap 24 it is, hard tyres."),
    (AHEAD_OF_A_STOP, "Stopping on lap 24 is 0.31 points better than stopping on lap 27."),
    (AHEAD_OF_A_STOP, "The numbers favour lap 24 by 0.31 points over lap 27, with a standard error of 0.04."),
    (AHEAD_OF_A_STOP, "Compared to lap 27, boxing on lap 24 brings 0.31 more points."),
    (AHEAD_OF_A_STOP, "You are P5, gap to come after the stop: NOR 1.3 ahead."),
    (AHEAD_OF_A_STOP, "Overall, the expected finishing position is 4.3."),
    (AHEAD_OF_A_STOP, "Our simulations give this a 37% podium probability."),
    (AHEAD_OF_A_STOP, "Stop on lap 24, or immediately if the safety car appears on laps 19 to 23."),
    (AHEAD_OF_A_STOP, "We think we will lose around 21 seconds in the pits."),
    (AHEAD_OF_A_STOP, "HARD is the compound to go to at the end of lap 24."),
    (
        AHEAD_OF_A_STOP,
        "The recommended approach is to remain on track until lap 24 and then fit hard tyres, yielding 15.12 points on average.",
    ),
    (AHEAD_OF_A_STOP, "This plan outperforms waiting until lap 27 by 0.31 points."),
    (AHEAD_OF_A_STOP, "It outperforms the alternative of lap 22 by 0.42 points."),
    (
        AHEAD_OF_A_STOP,
        "Pitting at the end of lap 24 strikes the best balance, with a 91% likelihood of scoring points.",
    ),
    (AHEAD_OF_A_STOP, "There is only a 9% chance of ending up outside the points."),
    (AHEAD_OF_A_STOP, "In 37% of simulated races the car makes it onto the podium."),
    (AHEAD_OF_A_STOP, "The car would emerge in P11, behind NOR by 1.3 seconds, with HAM following 2.7 seconds later."),
    (AHEAD_OF_A_STOP, "Be aware that boxing immediately would put us 1.3 seconds behind NOR."),
    (AHEAD_OF_A_STOP, "Wear is currently 0.06 seconds per lap."),
    (AHEAD_OF_A_STOP, "The medium tyres have an estimated 9 laps of life remaining."),
    (AHEAD_OF_A_STOP, "Since the set has about 9 laps left in it, we box on lap 24."),
    (AHEAD_OF_A_STOP, "Because 3 other plans are too close to call, the exact lap matters little."),
    (AHEAD_OF_A_STOP, "Should a safety car be deployed on laps 19 to 23, come in immediately."),
    (AHEAD_OF_A_STOP, "Lap 27 with mediums would see us score 14.81 points on average."),
    (AHEAD_OF_A_STOP, "A stop for mediums on lap 27 would leave us 0.31 points worse off."),
    (AHEAD_OF_A_STOP, "By pitting on lap 24 rather than lap 27 we stand to gain 0.31 points."),
    (AHEAD_OF_A_STOP, "Average finishing position: P4.3. Average points: 15.12."),
    (AHEAD_OF_A_STOP, "Just to recap: lap 24, hards, P11 on exit."),
    (AHEAD_OF_A_STOP, "Okay mate, plan is lap 24, lap two four, for the hards."),
    (AHEAD_OF_A_STOP, "Negative, we are not boxing this lap."),
    (AHEAD_OF_A_STOP, "Pit window: lap 24. Compound: HARD."),
    (AHEAD_OF_A_STOP, "It's 0.31 points in favour of lap 24 over lap 27."),
    (AHEAD_OF_A_STOP, "256 plans have been considered and the best was run 2000 times."),
    (AHEAD_OF_A_STOP, "So the picture is: P5 now, P11 after the stop, P4.3 at the end on average."),
    (AHEAD_OF_A_STOP, "The stop takes 21.4 seconds, so we drop to P11."),
    (AHEAD_OF_A_STOP, "We're on mediums, 17 laps old."),
    (AHEAD_OF_A_STOP, "HAM would then be 2.7 seconds behind us and NOR 1.3 seconds in front."),
    (AHEAD_OF_A_STOP, "Lap 24 is better than both lap 27 and lap 22."),
    (AHEAD_OF_A_STOP, "Lap 22 for hards is worth 14.70 points, 0.42 fewer."),
    (AHEAD_OF_A_STOP, "The old plan was lap 21 for mediums, and it is worth 0.62 points less."),
    (AHEAD_OF_A_STOP, "We have swapped from lap 21 to lap 24."),
    (AHEAD_OF_A_STOP, "The set is getting old at 17 laps."),
    (AHEAD_OF_A_STOP, "We'd rejoin 1.3 seconds off the back of NOR."),
    (LEVEL, "Lap 24 and lap 27 are level: only 0.06 points apart, with an error of 0.04."),
    (LEVEL, "It is hard to separate lap 24 from lap 27."),
    (LEVEL, "Lap 27 on mediums is practically as good, just 0.06 points behind."),
    (LEVEL, "The advantage of lap 24 over lap 27 is 0.06 points, which is within the noise."),
    (LEVEL, "It hardly matters whether we stop on lap 24 or lap 27: 0.06 points between them."),
    (LEVEL, "Lap 24 has a marginal edge of 0.06 points over lap 27, not enough to be sure."),
    (LEVEL, "There is no clear winner between lap 24 and lap 27."),
    (SAFETY_CAR, "The safety car is out, so a stop costs 21.4 seconds."),
    (SAFETY_CAR, "Under the safety car, box this lap for hard tyres."),
    (SAFETY_CAR, "Box now for hards and then again on lap 41 for softs."),
    (SAFETY_CAR, "Two stops remain: lap 19 and lap 41."),
    (SAFETY_CAR, "The field is behind the safety car, and a stop now costs 21.4 seconds."),
    (SAFETY_CAR, "Take the stop under the safety car: hards now, softs on lap 41."),
    (SAFETY_CAR, "We go hard this lap, then soft at the end of lap 41."),
    (SAFETY_CAR, "With the safety car out, box this lap."),
    (RIVAL, "RUS is close behind, only 1.8 seconds back."),
    (RIVAL, "There is a 63% chance that RUS pits in the next five laps."),
    (RIVAL, "Keep an eye on RUS: if he stops, we stop a lap later."),
    (RIVAL, "Cover RUS if needed."),
    (RIVAL, "RUS might be planning an undercut, with a 63% probability of stopping within five laps."),
    (RIVAL, "RUS sits 1.8 seconds behind us."),
    (RIVAL, "If RUS pits, respond on the following lap."),
    (RIVAL, "The car behind, RUS, is within 1.8 seconds."),
    (NO_STOP, "Stay out to the flag; the stop on lap 27 costs 0.39 points."),
    (NO_STOP, "No further stops are planned."),
    (NO_STOP, "It's raining and 7 of the 20 cars are on intermediates or wets."),
    (NO_STOP, "We run to the end on this set, which is worth 8.20 points."),
    (NO_STOP, "Seven cars have switched to intermediates or wets."),
    (NO_STOP, "A stop on lap 27 for softs loses 0.39 points."),
    (NO_STOP, "Stay out, no stop planned."),
)
FALSE = (
    (AHEAD_OF_A_STOP, "Target lap for the stop is twenty-five, and NOR would be one point three seconds ahead."),
    (AHEAD_OF_A_STOP, "These tires are 17 laps old. They have about 34 laps left."),
    (AHEAD_OF_A_STOP, "We won't stop on lap 24."),
    (AHEAD_OF_A_STOP, "Because a safety car is expected on laps 19 to 23, we box then."),
    (AHEAD_OF_A_STOP, "We had lap 24 before, so forget 24: it's lap 21 now."),
    (AHEAD_OF_A_STOP, "There's nothing in it between lap 24 and lap 27."),
    (AHEAD_OF_A_STOP, "9% of races do not end outside the points."),
    (LEVEL, "Lap 24 has a real edge over lap 27."),
    (RIVAL, "The gap ahead to RUS is just 1.8 seconds."),
    (NO_STOP, "We'll need to stop again."),
    (NO_STOP, "It is recommended to pit before the flag, as no further stops are planned."),
    (AHEAD_OF_A_STOP, "Pitting on lap 24 for soft tyres offers the best expected return of 15.12 points."),
    (AHEAD_OF_A_STOP, "With a 37% chance of points and a 91% chance of a podium, this is the strongest plan."),
    (AHEAD_OF_A_STOP, "After the stop we expect to rejoin tenth, 1.3 seconds behind NOR and 2.7 seconds ahead of HAM."),
    (AHEAD_OF_A_STOP, "After the stop we expect to rejoin eleventh, 1.3 seconds ahead of NOR."),
    (AHEAD_OF_A_STOP, "The hard set is 17 laps old."),
    (AHEAD_OF_A_STOP, "The medium set is nine laps old, with about 17 laps left in it."),
    (AHEAD_OF_A_STOP, "Staying out until lap 27 gains 0.31 points."),
    (AHEAD_OF_A_STOP, "Staying out until lap 27 is better."),
    (AHEAD_OF_A_STOP, "If we wait until lap 27, we win 0.31 points."),
    (AHEAD_OF_A_STOP, "A safety car between laps 19 and 23 would not change the plan."),
    (AHEAD_OF_A_STOP, "Eight laps to our stop, lap 24, hards."),
    (AHEAD_OF_A_STOP, "Lap 27 for mediums is the plan."),
    (AHEAD_OF_A_STOP, "Box on lap 27."),
    (AHEAD_OF_A_STOP, "Let's go for lap 27 with the mediums."),
    (AHEAD_OF_A_STOP, "NOR should be just behind when we come back out, by about 1.3 seconds."),
    (AHEAD_OF_A_STOP, "We will definitely come out P11."),
    (AHEAD_OF_A_STOP, "We will come out P11 because NOR is slow."),
    (AHEAD_OF_A_STOP, "The team-mate is just behind us."),
    (AHEAD_OF_A_STOP, "Traffic from SAI is a concern."),
    (AHEAD_OF_A_STOP, "Tyre wear is costing us around 0.06 laps every lap."),
    (AHEAD_OF_A_STOP, "Tyre wear is costing us 0.6 seconds every lap."),
    (AHEAD_OF_A_STOP, "We called lap 24 before; lap 21 has since become the better choice."),
    (AHEAD_OF_A_STOP, "We are currently fourth with 34 laps left to run."),
    (AHEAD_OF_A_STOP, "Lap 22 would be better by 0.42 points."),
    (AHEAD_OF_A_STOP, "Lap 22 is better than lap 24."),
    (AHEAD_OF_A_STOP, "The plan for lap 27 comes in at 15.12 points, ours at 14.81."),
    (AHEAD_OF_A_STOP, "At the moment the track is yellow."),
    (AHEAD_OF_A_STOP, "The safety car is out."),
    (AHEAD_OF_A_STOP, "Our tyres could last anywhere from 4 to 14 laps more."),
    (AHEAD_OF_A_STOP, "Come in now, the stop is planned for lap 24."),
    (AHEAD_OF_A_STOP, "Stop now for hards."),
    (AHEAD_OF_A_STOP, "There is a 9% risk of finishing on the podium."),
    (AHEAD_OF_A_STOP, "We'd be giving up 0.31 points by not waiting for lap 27."),
    (AHEAD_OF_A_STOP, "Stopping on lap 27 is 0.31 points better than stopping on lap 24."),
    (AHEAD_OF_A_STOP, "The numbers favour lap 27 by 0.31 points over lap 24."),
    (AHEAD_OF_A_STOP, "Compared to lap 24, boxing on lap 27 brings 0.31 more points."),
    (AHEAD_OF_A_STOP, "HARD is faster."),
    (AHEAD_OF_A_STOP, "The hards last longer."),
    (AHEAD_OF_A_STOP, "HAM is faster than us."),
    (AHEAD_OF_A_STOP, "NOR is on older tyres."),
    (AHEAD_OF_A_STOP, "The wind is picking up, so box on lap 24."),
    (AHEAD_OF_A_STOP, "Box on lap 24 as the fronts are gone."),
    (AHEAD_OF_A_STOP, "Box on lap 24, the fronts are finished."),
    (AHEAD_OF_A_STOP, "We gain 21.4 seconds by stopping."),
    (AHEAD_OF_A_STOP, "No stop is needed."),
    (AHEAD_OF_A_STOP, "BOT is 2.7 seconds behind."),
    (AHEAD_OF_A_STOP, "Nobody else has stopped."),
    (AHEAD_OF_A_STOP, "The gap to NOR is 1.3 laps."),
    (AHEAD_OF_A_STOP, "HAM has 2.7 seconds on us."),
    (AHEAD_OF_A_STOP, "We will finish P4."),
    (AHEAD_OF_A_STOP, "A podium is out of reach."),
    (AHEAD_OF_A_STOP, "A podium is guaranteed."),
    (AHEAD_OF_A_STOP, "The recommended approach is to remain on track until lap 23 and then fit hard tyres."),
    (AHEAD_OF_A_STOP, "The recommended approach is to remain on track until lap 27 and then fit medium tyres."),
    (AHEAD_OF_A_STOP, "Waiting until lap 27 outperforms this plan by 0.31 points."),
    (AHEAD_OF_A_STOP, "It outperforms the alternative of lap 22 by 0.31 points."),
    (AHEAD_OF_A_STOP, "There is only a 9% chance of ending up in the points."),
    (AHEAD_OF_A_STOP, "In 91% of simulated races the car makes it onto the podium."),
    (AHEAD_OF_A_STOP, "The car would emerge in P11, ahead of NOR by 1.3 seconds."),
    (AHEAD_OF_A_STOP, "The car would emerge in P5, behind NOR by 1.3 seconds."),
    (AHEAD_OF_A_STOP, "The car would emerge in P11, behind HAM by 2.7 seconds."),
    (AHEAD_OF_A_STOP, "Be aware that boxing immediately would put us 1.3 seconds ahead of NOR."),
    (AHEAD_OF_A_STOP, "Wear is currently 0.06 points per lap."),
    (AHEAD_OF_A_STOP, "The hard tyres have an estimated 9 laps of life remaining."),
    (AHEAD_OF_A_STOP, "The medium tyres have an estimated 17 laps of life remaining."),
    (AHEAD_OF_A_STOP, "Since the engine is down on power, we box on lap 24."),
    (AHEAD_OF_A_STOP, "Should a red flag be deployed on laps 19 to 23, come in immediately."),
    (AHEAD_OF_A_STOP, "Should a safety car be deployed on laps 18 to 23, come in immediately."),
    (AHEAD_OF_A_STOP, "Lap 27 with mediums would see us score 15.12 points on average."),
    (AHEAD_OF_A_STOP, "Lap 27 with hards would see us score 14.81 points on average."),
    (AHEAD_OF_A_STOP, "A stop for mediums on lap 27 would leave us 0.31 points better off."),
    (AHEAD_OF_A_STOP, "By pitting on lap 27 rather than lap 24 we stand to gain 0.31 points."),
    (AHEAD_OF_A_STOP, "Average finishing position: P5. Average points: 15.12."),
    (AHEAD_OF_A_STOP, "Negative, we are boxing this lap."),
    (AHEAD_OF_A_STOP, "We are boxing right now."),
    (AHEAD_OF_A_STOP, "Pit window: lap 25. Compound: HARD."),
    (AHEAD_OF_A_STOP, "It's 0.31 points in favour of lap 27 over lap 24."),
    (AHEAD_OF_A_STOP, "2000 plans have been considered."),
    (AHEAD_OF_A_STOP, "So the picture is: P11 now, P5 after the stop."),
    (AHEAD_OF_A_STOP, "The stop saves 21.4 seconds, so we drop to P11."),
    (AHEAD_OF_A_STOP, "We're on hards, 17 laps old."),
    (AHEAD_OF_A_STOP, "HAM would then be 2.7 seconds in front of us."),
    (AHEAD_OF_A_STOP, "Lap 24 is worse than lap 27."),
    (AHEAD_OF_A_STOP, "Lap 22 for hards is worth 14.70 points, 0.42 more."),
    (AHEAD_OF_A_STOP, "The old plan was lap 24 for hards."),
    (AHEAD_OF_A_STOP, "We have swapped from lap 24 to lap 21."),
    (AHEAD_OF_A_STOP, "The set is getting old at 27 laps."),
    (AHEAD_OF_A_STOP, "The set is fresh."),
    (AHEAD_OF_A_STOP, "Our rivals are on older tyres."),
    (AHEAD_OF_A_STOP, "PIA is going to stop soon."),
    (AHEAD_OF_A_STOP, "We have to save fuel."),
    (AHEAD_OF_A_STOP, "There is a gearbox issue."),
    (AHEAD_OF_A_STOP, "There's rain coming."),
    (AHEAD_OF_A_STOP, "The leader is about to pit."),
    (AHEAD_OF_A_STOP, "The driver wants to stop."),
    (AHEAD_OF_A_STOP, "Box on lap 24 to beat SAI."),
    (AHEAD_OF_A_STOP, "We lose two places in the stop."),
    (AHEAD_OF_A_STOP, "HAM has no chance to get past."),
    (AHEAD_OF_A_STOP, "NOR is slow."),
    (AHEAD_OF_A_STOP, "The tyres are blistering."),
    (AHEAD_OF_A_STOP, "Lap 24 for hards gives 15.12 seconds."),
    (AHEAD_OF_A_STOP, "68% of the laps we come out P11."),
    (LEVEL, "Lap 24 is clearly better than lap 27."),
    (LEVEL, "Lap 24 is by far the best."),
    (LEVEL, "Lap 24 is comfortably ahead of lap 27."),
    (LEVEL, "There is a clear winner between lap 24 and lap 27."),
    (SAFETY_CAR, "Stay out under the safety car."),
    (SAFETY_CAR, "The virtual safety car is out, so a stop costs 21.4 seconds."),
    (SAFETY_CAR, "Box now for hards and then again on lap 41 for mediums."),
    (SAFETY_CAR, "One stop remains."),
    (SAFETY_CAR, "We go soft this lap, then hard at the end of lap 41."),
    (SAFETY_CAR, "The race is green, box this lap."),
    (SAFETY_CAR, "Take the stop under the virtual safety car: hards now."),
    (SAFETY_CAR, "Stay out this lap."),
    (RIVAL, "RUS is close ahead, only 1.8 seconds up the road."),
    (RIVAL, "There is a 63% chance that RUS stays out in the next five laps."),
    (RIVAL, "RUS will stop within five laps."),
    (RIVAL, "RUS is on worn tyres."),
    (RIVAL, "RUS is planning an undercut."),
    (RIVAL, "RUS sits 1.8 seconds ahead of us."),
    (RIVAL, "If RUS pits, respond on the lap before."),
    (RIVAL, "RUS has a 36% probability of stopping within five laps."),
    (RIVAL, "RUS has a 63% probability of stopping within ten laps."),
    (NO_STOP, "Box on lap 27 for softs."),
    (NO_STOP, "One further stop is planned."),
    (NO_STOP, "It's dry and 7 of the 20 cars are on intermediates or wets."),
    (NO_STOP, "It's raining and 7 of the 20 cars are on slicks."),
    (NO_STOP, "We stop again for softs."),
    (NO_STOP, "Seven cars have switched to slicks."),
    (NO_STOP, "Nine cars have switched to intermediates."),
    (NO_STOP, "A stop on lap 27 for softs gains 0.39 points."),
)


@pytest.mark.parametrize(("moment", "text"), TRUE, ids=[text for _, text in TRUE])
def test_true_sentence_passes(moment: Checker, text: str) -> None:
    verdict = moment.check(text)
    assert verdict.passed, verdict.objections


@pytest.mark.parametrize(("moment", "text"), FALSE, ids=[text for _, text in FALSE])
def test_false_sentence_is_refused(moment: Checker, text: str) -> None:
    assert not moment.check(text).passed
