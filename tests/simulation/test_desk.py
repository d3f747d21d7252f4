"""The strategy desk's answers: ranked, reproducible, and honest about their noise."""

from __future__ import annotations

import numpy as np
import pytest

from racetwin.config import Settings
from racetwin.errors import InputError
from racetwin.schemas import DeskAnswer, TrackStatus
from racetwin.simulation.desk import StrategyDesk
from racetwin.simulation.plans import PitPlan

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def desk():
    return StrategyDesk(Settings(races=256, seed=3, backend="numba", threads=2))


@pytest.fixture(scope="module")
def base(desk, make_state):
    return desk.explain(make_state(), "5")


@pytest.fixture(scope="module")
def answer(base):
    return base.answer


@pytest.fixture
def toy_desk(toy):
    return StrategyDesk(Settings(races=1000, seed=3), run=toy, screen=None)


def test_the_best_plan_of_a_known_race_is_found(toy_desk, toy, make_state):
    answer = toy_desk.evaluate(make_state(), "5")
    assert abs(answer.plans[0].stops[0].lap - 30) <= 1
    assert len(answer.plans[0].stops) == 1


def test_the_same_question_has_the_same_answer_byte_for_byte(desk, answer, make_state):
    first, again = (desk.evaluate(make_state(), "5") for _ in range(2))
    assert again.model_dump_json(exclude={"elapsed_s"}) == first.model_dump_json(exclude={"elapsed_s"})
    # What an explanation leaves out is who ends ahead: those races are run for an answer alone.
    assert again.beaten_by
    besides = {"elapsed_s", "beaten_by"}
    assert again.model_dump_json(exclude=besides) == answer.model_dump_json(exclude=besides)


def test_threads_do_not_change_the_answer(make_state):
    answers = [
        StrategyDesk(Settings(races=256, seed=3, backend="numba", threads=k)).evaluate(make_state(), "5")
        for k in (1, 2)
    ]
    assert answers[0].model_dump(exclude={"elapsed_s"}) == answers[1].model_dump(exclude={"elapsed_s"})


def test_an_answer_is_complete_and_survives_json(answer, make_state):
    assert len(answer.plans) >= 60
    assert [p.rank for p in answer.plans] == list(range(1, len(answer.plans) + 1))
    assert len({p.plan for p in answer.plans}) == len(answer.plans)
    assert (answer.race_id, answer.car_id, answer.lap, answer.objective) == ("2024-01-made-up", "5", 20, "points")
    assert answer.box_now.lap == 21
    assert not answer.partial
    assert answer.receipt.seed == 3
    assert answer.receipt.state_hash == make_state().hash()
    assert DeskAnswer.model_validate_json(answer.model_dump_json()) == answer


def test_numbers_of_a_plan_agree_with_each_other(answer):
    for plan in answer.plans:
        chance = np.array(plan.position_probability)
        assert chance.sum() == pytest.approx(1)
        assert plan.p_win == pytest.approx(chance[0])
        assert plan.p_podium == pytest.approx(chance[:3].sum())
        assert plan.p_points == pytest.approx(chance[:10].sum())
        if plan.n_races < answer.plans[0].n_races:  # its means are carried over by differences, its shares by places
            continue
        assert plan.expected_position == pytest.approx(chance @ np.arange(1, 21))
        assert plan.expected_points == pytest.approx(chance[:10] @ [25, 18, 15, 12, 10, 8, 6, 4, 2, 1])


@pytest.mark.parametrize("objective", ["points", "position", "0.7*points + 0.3*top10"])
def test_plans_of_fewer_races_stand_beside_the_best_as_their_differences_say(desk, make_state, objective):
    answer = desk.evaluate(make_state(), "5", objective=objective)
    best, *others = answer.plans
    assert any(p.n_races < best.n_races for p in others)
    for p in others:
        assert p.expected_points - best.expected_points == pytest.approx(p.delta_points)
        assert p.utility - best.utility == pytest.approx(p.delta_utility)
        assert p.standard_error > 0
        assert 0 <= p.p_win <= p.p_podium <= p.p_points <= 1
    if objective == "points":
        by_points = sorted(others, key=lambda p: -p.expected_points)
        assert [p.plan for p in by_points] == [p.plan for p in others]
    if objective == "position":
        assert best.expected_position == pytest.approx(-best.utility)
        for p in others:
            assert p.expected_position - best.expected_position == pytest.approx(-p.delta_utility)


def test_what_is_carried_over_is_nearer_to_the_truth_than_what_few_races_say(toy, make_state):
    desk = StrategyDesk(Settings(races=1000), run=toy, screen=None)
    off = []
    for seed in range(6):
        found = desk.explain(make_state(lap=20), "5", "position", seed=seed)
        whole = desk.evaluate(make_state(lap=20), "5", "position", seed=seed, exhaustive=True)
        truth, rows = {p.plan: p for p in whole.plans}, {p.plan: p for p in found.answer.plans}
        for s in found.ranking.scored:
            if s.result.n_races <= 128:
                true, row = truth[s.plan.label], rows[s.plan.label]
                places, podium = s.result.positions[0].mean(), s.result.probabilities()[0][:3].sum()
                bare = (places - true.expected_position, podium - true.p_podium)
                off.append((*bare, row.expected_position - true.expected_position, row.p_podium - true.p_podium))
    place, podium, place_carried, podium_carried = np.sqrt((np.array(off) ** 2).mean(axis=0))
    assert len(off) >= 200
    assert place_carried < place / 1.5
    assert podium_carried < podium


def test_the_error_of_what_is_carried_over_is_that_of_asking_again(toy, make_state):
    desk = StrategyDesk(Settings(races=1000), run=toy, screen=None)
    found = [desk.evaluate(make_state(lap=20), "5", seed=k).plans for k in range(24)]
    common = set.intersection(*({p.plan for p in plans if p.n_races < 500} for plans in found))
    assert len(common) >= 10
    ratios = []
    for name in common:
        rows = [next(p for p in plans if p.plan == name) for plans in found]
        said = np.sqrt(np.mean([p.standard_error**2 for p in rows]))
        ratios.append(said / np.std([p.expected_points for p in rows], ddof=1))
    assert 0.8 < np.median(ratios) < 1.3


def test_the_call_that_stands_gets_all_the_races_however_far_behind(toy, make_state):
    desk = StrategyDesk(Settings(races=1000), run=toy, screen=toy)
    state = make_state(lap=20)
    found = desk.explain(state, "5")
    plain = found.answer.plans
    raced = {q.plan.call for q in found.ranking.scored}
    screened = next(q.call for q in found.candidates if q.call not in raced and toy.truth(q) > 8)
    dropped = next(q.plan.label for q in found.ranking.scored if len(q.plan.stops) == 2 and q.result.n_races < 500)
    kept = desk.explain(state, "5", kept=[screened, dropped]).ranking.scored
    of_call = [s.result.n_races for s in kept if s.plan.call == screened]
    assert max(of_call) == 1000
    assert next(s for s in kept if s.plan.label == dropped).result.n_races == 1000
    assert desk.evaluate(state, "5", kept=["L19 SOFT"]).plans == plain, (
        "a call that cannot be made any more asks for nothing"
    )


def test_how_often_a_plan_finishes_ahead_of_the_best_is_counted_race_by_race(desk, make_state):
    found = desk.explain(make_state(), "5")
    best, *others = found.ranking.scored
    rows = {p.plan: p for p in found.answer.plans}
    assert (rows[best.plan.label].p_ahead, rows[best.plan.label].p_behind) == (0.0, 0.0)
    for s in others:
        ours, theirs = s.result.positions[0], best.result.positions[0][: s.result.n_races]
        row = rows[s.plan.label]
        assert row.p_ahead == pytest.approx(np.mean([a < b for a, b in zip(ours, theirs, strict=True)]))
        assert row.p_behind == pytest.approx(np.mean([a > b for a, b in zip(ours, theirs, strict=True)]))


def test_best_first_and_what_cannot_be_told_apart_says_so(answer):
    best, *others = answer.plans
    assert (best.delta_points, best.too_close) == (0.0, False)
    full = [p for p in answer.plans if p.n_races == best.n_races]
    assert [p.expected_points for p in full] == sorted((p.expected_points for p in full), reverse=True)
    for p in others:
        assert p.delta_standard_error > 0
        assert p.too_close == (abs(p.delta_points) <= 2 * p.delta_standard_error)


def test_the_value_of_waiting_compares_staying_out_with_boxing_now(toy_desk, make_state):
    waiting = toy_desk.evaluate(make_state(lap=20), "5").waiting
    assert waiting.difference > 0
    assert waiting.b.startswith("L21 ")
    assert not waiting.a.startswith("L21 ")
    assert toy_desk.evaluate(make_state(lap=40), "5").waiting.difference < 0


def test_another_objective_ranks_by_it(desk, make_state):
    answer = desk.evaluate(make_state(), "5", objective="top3")
    best, *others = [p for p in answer.plans if p.n_races == answer.plans[0].n_races]
    assert best.utility == pytest.approx(best.p_podium)
    assert all(p.p_podium <= best.p_podium for p in others)
    beat = desk.evaluate(make_state(), "5", objective="beat:4")
    assert 0 < beat.plans[0].utility < 1


def test_a_deadline_gives_a_partial_answer_that_says_so(toy, make_state):
    clock = iter(np.arange(0.0, 1000.0, 0.5))
    desk = StrategyDesk(Settings(races=2000), run=toy, screen=None, clock=lambda: float(next(clock)))
    answer = desk.evaluate(make_state(), "5", deadline_s=0.7)
    assert answer.partial
    assert len(answer.plans) >= 60
    assert answer.plans[0].n_races < 2000


def test_plans_of_ones_own(desk, make_state):
    plans = [PitPlan.of((30, "HARD")), PitPlan.of((25, "SOFT"), (42, "HARD"))]
    answer = desk.evaluate(make_state(), "5", plans=plans)
    assert {p.plan for p in answer.plans} == {"L30 HARD", "L25 SOFT, L42 HARD"}


def test_a_wanted_standard_error_is_reached(desk, make_state):
    answer = desk.evaluate(make_state(), "5", standard_error=0.15)
    finalists = [p for p in answer.plans if p.n_races >= answer.plans[0].n_races]
    assert len(finalists) > 1
    assert all(p.delta_standard_error <= 0.15 or p.n_races == 8 * 256 for p in finalists)


def test_clear_errors(desk, make_state):
    state = make_state(running=np.array([True] * 19 + [False]))
    for arguments, message in (
        ({"car_id": "99"}, "not in this race"),
        ({"car_id": "20"}, "has retired"),
        ({"car_id": "5", "objective": "fame"}, "objective"),
        ({"car_id": "5", "deadline_s": 0.0}, "deadline"),
        ({"car_id": "5", "n_races": 1}, "races: 1"),
        ({"car_id": "5", "plans": [PitPlan.of((60, "HARD"))]}, "stop on lap 60, expected lap 21 to 56"),
        ({"car_id": "5", "plans": []}, "plans: none"),
    ):
        with pytest.raises(InputError, match=message):
            desk.evaluate(state, **arguments)


# --- what if -----------------------------------------------------------------------------------------------------------


def test_a_lever_that_changes_nothing_shows_no_change(desk, base, make_state):
    result = desk.what_if(make_state(), "5", "wear:5x1.0", base=base)
    assert result.changes
    assert all(c.change == 0 and c.standard_error == 0 for c in result.changes)


def test_a_safety_car_now_makes_boxing_now_better(desk, base, make_state):
    state = make_state()
    result = desk.what_if(state, "5", "sc", base=base)
    assert result.lever == "safety car now"
    before = max(p.expected_points for p in result.before.plans if p.stops and p.stops[0].lap == 21)
    after = max(p.expected_points for p in result.after.plans if p.stops and p.stops[0].lap == 21)
    assert after > before
    assert result.after.receipt.state_hash == state.replace(track_status=TrackStatus.SC).hash()


def test_a_slow_stop_costs_points_beyond_the_noise(desk, base, make_state):
    result = desk.what_if(make_state(), "5", "slow:5+8", base=base)
    assert base.answer.plans[0].plan in {c.plan for c in result.changes}
    change = result.changes[0]
    assert change.change < -2 * change.standard_error
    assert change.change == pytest.approx(change.after - change.before)
    assert change.races == base.answer.receipt.n_races // 2 == max(c.races for c in result.changes)


def test_rain_brings_intermediates_into_the_ranking(desk, base, make_state):
    after = desk.what_if(make_state(), "5", "rain@23:0.5", base=base).after
    assert any(s.compound == "INTERMEDIATE" for s in after.plans[0].stops)


def test_a_base_of_another_moment_is_refused(desk, base, make_state):
    with pytest.raises(InputError, match="another car or moment"):
        desk.what_if(make_state(lap=21), "5", "sc", base=base)


def test_sensitivity_names_what_would_change_the_ranking(desk, base, make_state):
    found = desk.sensitivity(make_state(), "5", base=base)
    assert len(found) >= 5
    assert len({s.lever for s in found}) == len(found)
    for s in found:
        assert s.changes_best == (s.gain.difference > 2 * s.gain.standard_error and s.best != s.gain.b)


def test_an_answer_can_carry_its_sensitivity(desk, make_state, base):
    answer = desk.evaluate(make_state(), "5", plans=[s.plan for s in base.ranking.scored[:6]], with_sensitivity=True)
    assert len(answer.sensitivity) >= 5


def test_what_if_after_an_answer_does_not_run_the_race_as_it_stands_again(toy, make_state):
    desk = StrategyDesk(Settings(races=200, seed=3), run=toy, screen=None)
    desk.evaluate(make_state(), "5")
    before = sum(plans * n for plans, _, n in toy.calls)
    result = desk.what_if(make_state(), "5", "slow:5+4")
    assert sum(plans * n for plans, _, n in toy.calls) - before == result.after.candidate_races
    assert result.before.candidate_races + 200 == before  # and those of the best plan in which the others are watched


# --- plans that depend on each other -----------------------------------------------------------------------------------


def test_a_teams_plans_come_in_pairs_by_the_points_of_both(desk, make_state):
    answer = desk.team(make_state(), "5", n_races=128, each=3)
    assert answer.car_ids == ("5", "6")
    assert len(answer.plans) == 9
    for pair in answer.plans:
        assert pair.expected_points == pytest.approx(sum(pair.each))
    points = [p.expected_points for p in answer.plans]
    assert points == sorted(points, reverse=True)
    stacked = [bool({s.lap for s in p.stops[0]} & {s.lap for s in p.stops[1]}) for p in answer.plans]
    assert [p.double_stack for p in answer.plans] == stacked


def test_a_car_without_a_mate_has_no_team_plan(desk, make_state):
    with pytest.raises(InputError, match="no team-mate"):
        desk.team(make_state(n=1), "1")


def test_rivals_answer_our_plan_and_the_answer_is_against_theirs(desk, make_state):
    result = desk.best_response(make_state(lap=30), "5", n_races=64, rounds=2)
    assert 1 <= len(result.rounds) <= 2
    assert set(result.rounds[0].rivals) == {"4", "6"}
    assert result.answer.car_id == "5"
    again = desk.best_response(make_state(lap=30), "5", n_races=64, rounds=2)
    assert again.answer.model_dump(exclude={"elapsed_s"}) == result.answer.model_dump(exclude={"elapsed_s"})
    with pytest.raises(InputError, match="cannot answer itself"):
        desk.best_response(make_state(), "5", rivals=["5"])


def test_desks_of_one_cluster_share_their_connection_to_it():
    pytest.importorskip("distributed", reason="a Dask cluster needs the extra [cluster]")
    settings = Settings(cluster="tcp://127.0.0.1:9", races=64)
    assert StrategyDesk(settings).run == StrategyDesk(Settings(cluster="tcp://127.0.0.1:9", races=64)).run
    assert StrategyDesk(settings).run != StrategyDesk(Settings(races=64)).run


def test_the_gap_to_a_rival_at_the_flag_comes_with_each_plan(desk, make_state):
    plans = [PitPlan.of((30, "HARD")), PitPlan.of((25, "SOFT"), (42, "HARD"))]
    answer = desk.evaluate(make_state(), "5", plans=plans, rivals=("4", "18"))
    near, far = answer.plans[0].gaps
    assert (near.car_id, far.car_id) == ("4", "18")
    assert near.low_s < near.mean_s < near.high_s
    assert near.mean_s < far.mean_s
    assert near.p_ahead < far.p_ahead
    assert desk.evaluate(make_state(), "5", plans=plans).plans[0].gaps == ()
    with pytest.raises(InputError, match="rivals: '77', expected other cars"):
        desk.evaluate(make_state(), "5", plans=plans, rivals=("77",))
