from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from racetwin.schemas import CarTelemetry, RaceControlMessage, Rejection, TelemetryFrame
from racetwin.telemetry import TelemetryIngestor
from racetwin.telemetry.one_race import PATIENCE, OneRace, Session

pytestmark = pytest.mark.unit


def told(race_id: str | None, source: str = "a", **more: Any) -> dict[str, Any]:
    named = {} if race_id is None else {"race_id": race_id}
    return {**named, "source": source, "cars": [], **more}


def test_feeds_that_name_a_race_differently_are_one() -> None:
    one = OneRace(merge=True)
    first = one.name(told("2026-11-great-britain", "f1", circuit_id="silverstone", season=2026, session_type="race"), 0)
    second = one.name(told("2026-great-britain", "openf1", circuit_id="silverstone", season=2026), 1)
    third = one.name(told(None, "garage"), 2)
    assert [f["race_id"] for f in (first, second, third)] == ["2026-11-great-britain"] * 3


@pytest.mark.parametrize("other", [{"circuit_id": "monza"}, {"season": 2025}, {"session_type": "qualifying"}])
def test_what_contradicts_is_of_another_race(other: dict[str, Any]) -> None:
    one = OneRace(merge=True)
    one.name(told("a", circuit_id="silverstone", season=2026, session_type="race"), 0)
    refused = one.name(told("b", "x", **other), 1)
    assert isinstance(refused, Rejection)
    assert (refused.kind, refused.value) == ("race_id.other_race", "b")


def test_without_merging_only_the_same_name_or_none_joins() -> None:
    one = OneRace()
    one.name(told("a"), 0)
    assert not isinstance(one.name(told("a", "x"), 1), Rejection)
    assert not isinstance(one.name(told(None, "y"), 1), Rejection)
    assert isinstance(one.name(told("b", "z"), 1), Rejection)


def test_when_the_preferred_feed_moves_on_the_others_wait_until_they_follow() -> None:
    one = OneRace(merge=True)
    one.name(told("sprint", "f1"), 0)
    one.name(told("openf1 sprint", "openf1"), 1)
    assert isinstance(one.name(told("openf1 race", "openf1"), 1), Rejection), "the preferred one is still at the sprint"
    assert one.name(told("race", "f1"), 0)["race_id"] == "race"
    assert one.name(told("openf1 race", "openf1"), 1)["race_id"] == "race"


def test_a_race_that_goes_on_while_nobody_speaks_of_this_one_is_believed() -> None:
    one = OneRace()
    one.name(told("a", "dead"), 0)
    answers = [one.name(told("b", "alive"), 0) for _ in range(PATIENCE + 1)]
    assert all(isinstance(a, Rejection) for a in answers[:-1])
    assert answers[-1]["race_id"] == "b"


def test_two_producers_of_different_races_do_not_take_turns() -> None:
    one = OneRace()
    accepted = [not isinstance(one.name(told(r, r), 0), Rejection) for r in "abababab" * 50]
    assert accepted == [True, False] * 200


def test_a_producer_that_flips_between_two_races_ends_in_one() -> None:
    one = OneRace()
    names = [one.name(told(r, "same"), 0) for r in "ab" * 50]
    assert isinstance(names[2], Rejection), "what was left behind does not come back at once"
    assert all(isinstance(n, Rejection) for n in names[2::2])


def test_an_engine_that_was_restarted_goes_on_with_its_race() -> None:
    one = OneRace(merge=True, goes_on=Session("2026-11-great-britain", "race", "silverstone", 2026))
    assert (
        one.name(told("2026-great-britain", "openf1", circuit_id="silverstone"), 1)["race_id"]
        == "2026-11-great-britain"
    )
    moved = OneRace(goes_on=Session("friday", "practice"))
    assert moved.name(told("sunday", session_type="race"), 0)["race_id"] == "sunday"


def test_the_given_name_stands_whatever_feeds_say() -> None:
    one = OneRace(merge=True, race_id="ours")
    assert one.name(told("a"), 0)["race_id"] == "ours"


@given(
    st.lists(
        st.tuples(
            st.dictionaries(
                st.sampled_from(["race_id", "session_type", "circuit_id", "season", "source"]),
                st.none() | st.text(max_size=3) | st.integers() | st.lists(st.integers(), max_size=1) | st.floats(),
            ),
            st.integers(0, 2),
        ),
        max_size=12,
    )
)
def test_nothing_a_frame_says_breaks_it(frames: list[tuple[dict[str, Any], int]]) -> None:
    one = OneRace(merge=True)
    for frame, rank in frames:
        assert one.name(frame, rank) is not None


# --- what feeds say of the session, merged ------------------------------------------------------------------------------


def frame(source: str, seq: int, t: float, **more: Any) -> TelemetryFrame:
    cars = (CarTelemetry(car_id="44", lap=2, position=1),)
    return TelemetryFrame(**{"source": source, "seq": seq, "time_s": t, "race_id": "x", "lap": 2, "cars": cars, **more})


def test_the_head_of_the_merged_frame_is_what_the_preferred_feed_knows() -> None:
    ingestor = TelemetryIngestor(priority=("f1", "openf1"))
    for i in range(4):
        ingestor.process(frame("f1", i, i, total_laps=52, circuit_id="silverstone", lap=3))
        ingestor.process(frame("openf1", i, i + 0.01, season=2026, lap=2))
    ingestor.flush()
    got = ingestor.frame
    assert got is not None
    assert (got.total_laps, got.circuit_id, got.season, got.lap, got.source) == (
        52,
        "silverstone",
        2026,
        3,
        "f1+openf1",
    )


def test_a_message_that_two_feeds_carry_is_told_once_and_one_said_twice_twice() -> None:
    def said(*words: str) -> tuple[RaceControlMessage, ...]:
        return tuple(RaceControlMessage(message=w) for w in words)

    ingestor = TelemetryIngestor()
    feed = [
        frame("a", 0, 0.0), frame("b", 0, 0.0),
        frame("a", 1, 1.0, messages=said("YELLOW")), frame("b", 1, 1.2, messages=said("YELLOW")),
        frame("a", 2, 2.0, messages=said("YELLOW")), frame("b", 2, 2.2, messages=said("YELLOW", "CLEAR")),
        frame("a", 3, 3.0, messages=said("CLEAR")), frame("b", 3, 3.2),
    ]  # fmt: skip
    events = []
    for f in feed:
        out = ingestor.process(f)
        events += out.events if out else ()
    last = ingestor.flush()
    events += last.events if last else ()
    assert [e.message for e in events if e.kind == "race_control"] == ["YELLOW", "YELLOW", "CLEAR"]
