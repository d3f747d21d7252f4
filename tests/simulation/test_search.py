"""The search finds the best plan with few races, and knows what it does not know."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from racetwin.errors import InputError
from racetwin.simulation.objectives import parse_objective
from racetwin.simulation.plans import PitPlan
from racetwin.simulation.search import Question, difference, schedule, search
from racetwin.simulation.sharding import merge, select, shards
from racetwin.simulation.shortlist import shortlist

pytestmark = pytest.mark.unit

PLANS = tuple(PitPlan.of((lap, c)) for lap in range(21, 55) for c in ("HARD", "SOFT"))


@pytest.fixture
def question(make_state, toy):
    state = make_state()
    return Question(state, "5", parse_objective("position", state, "5"), 7, toy, {})


def test_halving_finds_the_best_plan_with_a_fraction_of_the_races(question, toy):
    ranking = search(question, PLANS, 2000, final_plans=4)
    assert toy.truth(ranking.scored[0].plan) <= toy.truth(PitPlan.of((31, "HARD")))
    assert len(ranking.scored) == len(PLANS)
    assert {s.plan for s in ranking.scored} == set(PLANS)
    assert ranking.candidate_races < len(PLANS) * 2000 / 4
    assert ranking.candidate_races == sum(p * n for p, _, n in toy.calls)


def test_rounds_go_on_where_the_last_ended(question, toy):
    search(question, PLANS, 1000, final_plans=4)
    ends = [first + n for _, first, n in toy.calls]
    assert [first for _, first, _ in toy.calls] == [0, *ends[:-1]]


def test_exhaustive_search_gives_every_plan_all_races(question):
    ranking = search(question, PLANS, 500, final_plans=len(PLANS))
    assert {s.result.n_races for s in ranking.scored} == {500}
    means = [s.mean for s in ranking.scored]
    assert means == sorted(means, reverse=True)


def test_halving_and_exhaustion_agree_on_the_races_both_ran(question):
    few = {s.plan: s.utility for s in search(question, PLANS, 600, final_plans=4).scored}
    all_ = {s.plan: s.utility for s in search(question, PLANS, 600, final_plans=len(PLANS)).scored}
    for plan in PLANS:
        np.testing.assert_array_equal(few[plan], all_[plan][: len(few[plan])])


def test_common_random_numbers_sharpen_the_difference(question):
    a, b = search(question, PLANS[:2], 1000).scored
    _, paired = difference(a.utility, b.utility)
    independent = np.hypot(a.utility.std(ddof=1), b.utility.std(ddof=1)) / np.sqrt(1000)
    assert paired < independent / 2


def decided_by(lap, make_state, toy, n_races):
    state = make_state()
    goal = parse_objective("position", state, "5")
    question = Question(state, "5", goal, 7, toy, {}, group=lambda plan: plan.stops[0].lap == lap)
    ranking = search(question, PLANS, n_races, final_plans=4)
    return ranking.scored[0], max(
        (s for s in ranking.scored if s.plan.stops[0].lap == lap), key=lambda s: s.result.n_races
    )


def test_the_best_of_each_decision_is_not_dropped_while_it_may_be_right(make_state, toy):
    best, other = decided_by(31, make_state, toy, 400)
    assert other.result.n_races == 400
    gap, error = difference(best.utility[:256], other.utility[:256])
    assert 0 < gap < 4 * error, "behind, but not clearly, when the last round began"


def test_a_decision_that_is_clearly_wrong_costs_no_further_races(make_state, toy):
    best, other = decided_by(53, make_state, toy, 1000)
    gap, error = difference(other.utility, best.utility)
    assert other.result.n_races < 1000
    assert gap < -4 * error


def test_the_last_plans_need_not_all_go_on_to_the_end(question, toy):
    ranking = search(question, PLANS, 4000, final_plans=16)
    behind = [s for s in ranking.scored if s.result.n_races == 2000]
    assert behind
    best = ranking.scored[0]
    assert best.result.n_races == 4000
    for s in behind:
        gap, error = difference(best.utility[:2000], s.utility[:2000])
        assert gap > 4 * error


def test_a_screen_that_sees_the_truth_keeps_the_best_plan_and_each_decision(question, toy):
    asked = []

    def screen(*arguments, mode, **options):
        asked.append(mode)
        return toy(*arguments, **options)

    kept = shortlist(replace(question, group=lambda plan: plan.stops[0].lap == 53), PLANS, screen, keep=8)
    assert asked == ["screen"]
    assert len(kept) == 8
    assert list(kept) == [p for p in PLANS if p in kept]
    assert min(kept, key=toy.truth) == min(PLANS, key=toy.truth)
    assert any(p.stops[0].lap == 53 for p in kept)
    assert shortlist(question, PLANS[:5], screen, keep=8) == PLANS[:5]


def test_the_few_best_go_on_to_the_wanted_standard_error(question):
    ranking = search(question, PLANS, 256, final_plans=8, standard_error=0.03)
    best = ranking.scored[0]
    assert best.result.n_races > 256
    for other in ranking.scored[1:6]:
        assert difference(other.utility, best.utility)[1] <= 0.03


def test_out_of_time_gives_what_is_known(question, toy):
    ranking = search(question, PLANS, 2000, final_plans=4, out_of_time=lambda: len(toy.calls) >= 2)
    assert ranking.partial
    assert len(toy.calls) == 2
    assert len(ranking.scored) == len(PLANS)


def test_schedule_spends_about_the_same_on_each_round():
    rounds = schedule(256, 2000, 16)
    assert rounds[0] == (256, 64)
    assert rounds[-2:] == ((16, 1000), (16, 2000))
    assert all(plans * races == 256 * 64 for plans, races in rounds[:-2])


def test_no_plans_is_an_error(question):
    with pytest.raises(InputError, match="plans: none"):
        search(question, (), 100)


@pytest.mark.parametrize("cut", [1, 2, 3, 7])
def test_shards_of_any_cut_add_up_to_the_whole(question, cut):
    whole = question.races(PLANS[:5], 200, first_race=40)
    parts = [question.races(PLANS[:5], n, first_race=first) for first, n in shards(200, cut, first_race=40)]
    together = merge(reversed(parts))
    np.testing.assert_array_equal(together.positions, whole.positions)
    np.testing.assert_array_equal(together.histogram, whole.histogram)
    assert together.time_s.tobytes() == whole.time_s.tobytes()
    assert (together.first_race, together.n_races) == (40, 200)


def test_shards_cover_all_races_once():
    for n in (1, 15, 16, 17, 1000):
        for k in (1, 2, 3, 64):
            cut = shards(n, k)
            assert sum(size for _, size in cut) == n
            assert [first for first, _ in cut] == [sum(s for _, s in cut[:i]) for i in range(len(cut))]
            assert len(cut) <= k


def test_shards_of_different_questions_do_not_merge(question):
    a = question.races(PLANS[:2], 32)
    with pytest.raises(InputError, match="different questions"):
        merge([a, question.races(PLANS[:3], 32, first_race=32)])
    with pytest.raises(InputError, match="expected race 32"):
        merge([a, question.races(PLANS[:2], 32, first_race=48)])


def test_select_keeps_the_chosen_plans(question):
    result = question.races(PLANS[:4], 64)
    some = select(result, [3, 1])
    assert some.plans == (PLANS[3], PLANS[1])
    np.testing.assert_array_equal(some.positions[0], result.positions[3])
