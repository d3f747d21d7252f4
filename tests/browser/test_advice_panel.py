"""The advice panel in a browser: the life of advice, what a strategist does with it, and the facts behind each sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from builders.advice import answer, car, duel, field, plan, rejoin, situation

from racetwin.schemas import ModelWording, Recommendation
from racetwin.strategist import recommend
from racetwin.strategist.calls import call_of
from racetwin.strategist.questions import understand
from racetwin.strategist.replies import beside_the_call, compare
from racetwin.widgets.advice import AdvicePanel

pytestmark = pytest.mark.browser

NEAR = situation(
    lap=21,
    cars={"4": car("4", 3, lap=21), "16": car("16", 4, lap=21, interval_s=1.4, stop_probability_next_5=0.6)},
    rainfall=True,
)


def said() -> tuple[Recommendation, ...]:
    first = recommend(answer(plan(1, 30, 15.0, 0.0), plan(2, 22, 14.0, -1.0)), situation())
    desk = answer(plan(1, 22, 15.0, 0.0), plan(2, 30, 14.1, -0.9), lap=21, box_now=rejoin(0.8, lap=22))
    return recommend(desk, NEAR, recommend(desk, NEAR, first))


@pytest.fixture
def show(open_page: Callable[..., Any], stills: ModuleType, tmp_path: Path) -> Callable[..., Any]:
    def show_panel(panel: AdvicePanel) -> Any:
        file = tmp_path / "advice.html"
        file.write_text(stills.still_page({"advice": panel}), encoding="utf-8")
        page = open_page(file.as_uri(), width=420, height=560)
        page.wait_for_selector("body[data-ready]")
        return page

    return show_panel


@pytest.fixture
def panel() -> AdvicePanel:
    panel = AdvicePanel()
    panel.show_advice(said(), lap=22, car_id="4", lap_fraction=0.4, lap_time_s=90.0)
    return panel


@pytest.mark.parametrize(
    ("fraction", "text"), [(0.4, "this lap · pit entry in 0:49"), (0.96, "past the pit entry"), (None, "this lap")]
)
def test_the_countdown_ends_where_the_pit_lane_begins(
    show: Callable[..., Any], panel: AdvicePanel, fraction: float | None, text: str
) -> None:
    panel.show_advice(said(), lap=22, car_id="4", lap_fraction=fraction, lap_time_s=90.0, pit_entry=0.95)
    assert show(panel).locator(".a-due").first.inner_text() == text


def test_the_call_counts_down_to_its_pit_entry_and_says_why_it_changed(
    show: Callable[..., Any], panel: AdvicePanel
) -> None:
    page = show(panel)
    first = page.locator(".a-card").first
    assert first.locator(".a-title").inner_text() == "Box this lap for HARD"
    assert (
        first.locator(".a-due").inner_text() == "this lap · the line in 0:54"
    )  # where the pit lane begins is not known
    assert "'L22 HARD' is now better than 'L30 HARD' by" in first.locator(".a-reason").inner_text()
    assert first.locator(".a-life").inner_text() == "changed"


def test_a_followed_plan_is_told_beside_the_call_with_its_facts(show: Callable[..., Any], panel: AdvicePanel) -> None:
    call, followed = plan(1, 22, 15.0, 0.0), plan(2, 30, 14.1, -0.9)
    sentences, facts = beside_the_call(followed, call, answer(call, followed, lap=21))
    following = {
        "plan": followed.plan,
        "call": call.plan,
        "sentences": [s.model_dump(mode="json") for s in sentences],
        "facts": [f.model_dump(mode="json") for f in facts],
    }
    panel.show_advice(said(), lap=22, car_id="4", following=following)
    page = show(panel)
    note = page.locator(".a-follow")
    text = note.inner_text()
    assert text.startswith(
        "You follow L30 HARD; this advice is about the call, L22 HARD. 'L30 HARD' is worth 0.90 points"
    )
    note.locator(".a-rests").first.hover()
    evidence = page.locator(".a-evidence")
    assert "'L22 HARD' is worth 0.90 points more than 'L30 HARD' (standard error 0.05)." in evidence.inner_text()
    assert note.bounding_box()["y"] < page.locator(".a-card").first.bounding_box()["y"]


def test_a_board_that_follows_the_call_says_nothing_of_it(show: Callable[..., Any], panel: AdvicePanel) -> None:
    assert not show(panel).locator(".a-follow").is_visible()


def test_the_title_and_the_reason_show_the_facts_behind_them(show: Callable[..., Any], panel: AdvicePanel) -> None:
    page = show(panel)
    first, evidence = page.locator(".a-card").first, page.locator(".a-evidence")
    first.locator(".a-title .a-rests").hover()
    assert "Plan: L22 HARD." in evidence.inner_text()
    first.locator(".a-reason .a-rests").hover()
    assert "0.90 points more than 'L30 HARD'" in evidence.inner_text()


def test_a_refused_wording_and_a_missing_model_are_told_with_what_was_objected_to(show: Callable[..., Any]) -> None:
    objection = "The engine is hot.: hot: no fact is about this"
    refused = ModelWording(state="refused", model="m", detail="'The engine is hot.': hot", objections=(objection,))
    missing = ModelWording(state="unavailable", model="m", detail="no model server answers")
    advice = [r.model_copy(update={"worded": w}) for r, w in zip(said(), (refused, missing), strict=False)]
    panel = AdvicePanel()
    panel.show_advice(advice, lap=22, car_id="4")
    page = show(panel)
    for summary in page.locator(".a-more summary").all():
        summary.click()
    told = page.locator(".a-source[data-worded=refused]")
    assert "own wording" in told.inner_text()
    assert "model refused: 'The engine is hot.': hot" in told.inner_text()
    assert objection in (told.get_attribute("title") or "")
    assert "no model: no model server answers" in page.locator(".a-source[data-worded=unavailable]").inner_text()


def test_a_sentence_shows_the_facts_behind_it(show: Callable[..., Any], panel: AdvicePanel) -> None:
    page = show(panel)
    evidence = page.locator(".a-evidence")
    assert not evidence.is_visible()
    sentence = page.locator(".a-benefit .a-rests").first
    sentence.hover()
    assert evidence.is_visible()
    page.locator(".rt-title").hover()
    assert not evidence.is_visible()
    sentence.click()
    page.locator(".rt-title").hover()
    text = evidence.inner_text()
    assert "is worth 0.90 points more than 'L30 HARD'" in text
    assert "0.9 points (90 %: 0.818 to 0.982)" in text
    assert "2000 simulated races" in text
    assert evidence.locator("[title^='seed 1, 2000 races']").count()
    evidence.get_by_label("close").click()
    assert not evidence.is_visible()


def test_accept_reject_and_pin_by_pointer_and_by_key(show: Callable[..., Any], panel: AdvicePanel) -> None:
    page = show(panel)
    first = page.locator(".a-card").first
    first.locator("[data-action=accept]").click()
    first.focus()
    page.keyboard.press("p")
    page.keyboard.press("r")
    page.locator(".a-card").nth(1).focus()
    page.keyboard.press("a")
    assert page.evaluate("window.sent.filter((m) => m.advice)") == [
        {"advice": "4-stop-20", "action": "accept"},
        {"advice": "4-stop-20", "action": "pin"},
        {"advice": "4-stop-20", "action": "reject"},
        {"advice": "4-rain-21", "action": "accept"},
    ]


def test_a_follow_up_is_sent_and_its_answer_has_its_evidence(show: Callable[..., Any], panel: AdvicePanel) -> None:
    page = show(panel)
    page.fill(".a-question", "why not lap 30?")
    page.press(".a-question", "Enter")
    assert page.evaluate("window.sent.filter((m) => m.question)") == [{"question": "why not lap 30?"}]
    desk = answer(plan(1, 22, 15.0, 0.0), plan(2, 30, 14.1, -0.9), lap=21)
    asked = understand("why not lap 30?", NEAR, "4", 22)
    other = next(p for p in desk.plans if call_of(p) == "L30 HARD")
    panel.show_reply(compare(asked, "why not lap 30?", desk, desk.plans[0], other, NEAR))
    page = show(panel)
    reply = page.locator(".a-reply")
    assert "'L30 HARD' is worth 0.90 points less than 'L22 HARD'" in reply.inner_text()
    assert "claims supported" in reply.inner_text()
    reply.locator(".a-rests").first.click()
    assert "standard error 0.05" in page.locator(".a-evidence").inner_text()


def test_withdrawn_advice_is_crossed_out_and_offers_nothing(show: Callable[..., Any]) -> None:
    cover = recommend(
        answer(plan(1, 30, 15.0, 0.0), lap=20),
        situation(
            cars={"4": car("4", 3), "16": car("16", 4, interval_s=1.4, stop_probability_next_5=0.6)},
            field=field(duel("16", "4", 0.6)),
        ),
    )
    panel = AdvicePanel()
    panel.show_advice(recommend(answer(plan(1, 30, 15.0, 0.0), lap=21), situation(lap=21), cover), lap=22, car_id="4")
    page = show(panel)
    gone = page.locator(".a-card[data-state=withdrawn]")
    assert gone.locator(".a-word").inner_text() == "Withdrawn"
    assert "line-through" in gone.locator(".a-title").evaluate("(e) => getComputedStyle(e).textDecorationLine")
    assert gone.locator("button").count() == 0
    assert "less likely to stop" in gone.inner_text()
