"""The live feed against a SignalR Core hub on loopback."""

from __future__ import annotations

import asyncio
import logging

import pytest
from builders.f1_hub import Hub
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from racetwin.errors import ConfigurationError
from racetwin.schemas import TrackStatus
from racetwin.telemetry.connection import Backoff, FeedLostError, FeedState
from racetwin.telemetry.f1_live import END, F1LiveFeed, HubRecords, record
from racetwin.telemetry.f1_topics import TopicMessage

TOKEN = "f1tv-secret-token"


def feed_for(server, **settings) -> F1LiveFeed:
    return F1LiveFeed(url=f"ws://127.0.0.1:{server.port}/hub", hz=None, backoff=Backoff(first=0.01, seed=1), **settings)


async def take(feed, until):
    frames = []
    async with asyncio.timeout(20):
        async for frame in feed:
            frames.append(frame)
            if until(frame):
                return frames
    raise AssertionError("the feed ended")


@pytest.mark.integration
async def test_frames_come_from_the_hub_and_go_on_after_a_break(serve, caplog):
    caplog.set_level(logging.DEBUG)
    hub = Hub(
        [("TrackStatus", {"Status": "4"}, "2026-07-05T14:10:00Z")],
        [("LapCount", {"CurrentLap": 12, "TotalLaps": 52}, "2026-07-05T14:20:00Z")],
        token=TOKEN,
    )
    feed = feed_for(serve(hub.app), token=TOKEN)
    frames = await take(feed, lambda f: f.lap == 12)
    assert frames[-1].track.status is TrackStatus.GREEN, "the state told what was missed in the break"
    assert frames[-1].time_s == 1020.0
    assert frames[-1].race_id == "2026-11-great-britain"
    assert frames[-1].circuit_id == "silverstone"
    assert any(f.track.status is TrackStatus.SC and f.time_s == 420.0 for f in frames)
    assert [f.seq for f in frames] == list(range(len(frames))), "one feed numbers its frames through a break"
    assert {c.driver: c.position for c in frames[-1].cars} == {"HAM": 2, "PIA": 1}
    assert feed.health.connections == 2
    assert len(feed.health.gaps) == 1
    assert "TimingData" in hub.subscriptions[0]
    assert TOKEN not in caplog.text
    assert hub.cookies == ["AWSALBCORS=sticky"] * 2


@pytest.mark.integration
async def test_a_refused_token_is_one_clear_line_and_never_shown(serve, caplog, capfd):
    hub = Hub([], token="another")
    feed = feed_for(serve(hub.app), token=TOKEN)
    with caplog.at_level(logging.DEBUG), pytest.raises(ConfigurationError, match="check the token") as refused:
        await take(feed, lambda f: True)
    shown = (
        repr(feed)
        + str(vars(feed))
        + str(refused.value)
        + str(feed.health.report())
        + caplog.text.replace(
            # The HTTP library's own wire log is off unless someone turns it on; ours must not have it either.
            "",
            "",
        )
    )
    captured = capfd.readouterr()
    assert TOKEN not in shown + captured.out + captured.err


@pytest.mark.integration
async def test_silence_is_taken_for_a_dead_connection(serve):
    hub = Hub([], [("TrackStatus", {"Status": "2"}, "2026-07-05T14:30:00Z")])
    hub.scripts.insert(0, [])
    server = serve(hub.app)
    feed = feed_for(server, stale_s=0.2)
    frames = await take(feed, lambda f: f.track.status is TrackStatus.YELLOW)
    assert frames
    assert feed.health.connections >= 2


@pytest.mark.integration
async def test_nobody_there_ends_after_the_attempts(serve):
    server = serve(FastAPI())
    server.stop()
    with pytest.raises(ConfigurationError, match="no connection after 3 attempts"):
        await take(feed_for(server, attempts=3), lambda f: True)


@pytest.mark.unit
def test_the_token_goes_nowhere_unencrypted():
    with pytest.raises(ConfigurationError, match="unencrypted"):
        F1LiveFeed(TOKEN, url="ws://example.com/hub")
    with pytest.raises(ConfigurationError, match="no ws"):
        F1LiveFeed(url="https://example.com/hub")


@pytest.mark.unit
def test_health_of_a_feed_that_has_not_started():
    assert F1LiveFeed().health.state is FeedState.IDLE


@pytest.mark.unit
@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text(), max_size=3), max_size=5), st.data())
def test_records_survive_any_cut(messages, data):
    try:
        whole = "".join(record(m) for m in messages)
    except TypeError:  # integers and texts that JSON cannot carry
        return
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=4)))
    reader, got = HubRecords(), []
    for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        got += reader.feed(whole[a:b])
    assert got == messages


@pytest.mark.unit
def test_records_that_are_no_json_and_endless_ones_are_losses():
    with pytest.raises(FeedLostError):
        list(HubRecords().feed("{]" + END))
    with pytest.raises(FeedLostError):
        list(HubRecords().feed("x" * (16 * 1024 * 1024 + 1)))


@pytest.mark.unit
def test_backoff_doubles_to_its_cap_and_starts_anew():
    waits = Backoff(first=1.0, most=8.0, seed=3)
    first = [waits.next() for _ in range(50)]
    assert all(0.1 * min(8, 2**i) <= w <= min(8, 2**i) for i, w in enumerate(first))
    waits.reset()
    assert waits.next() <= 1.0
    assert len({Backoff(seed=s).next() for s in range(9)}) == 9, "clients must not return all at once"


@pytest.mark.unit
def test_topic_messages_are_plain_tuples():
    assert TopicMessage("Heartbeat", {}, 1.0) == ("Heartbeat", {}, 1.0)


@pytest.mark.integration
async def test_what_the_rate_held_back_comes_when_the_feed_falls_quiet(serve):
    calls = [("LapCount", {"CurrentLap": n, "TotalLaps": 52}, "2026-07-05T14:10:00Z") for n in (10, 11, 12)]
    hub = Hub(calls)
    feed = F1LiveFeed(url=f"ws://127.0.0.1:{serve(hub.app).port}/hub", hz=1.0)
    frames = await take(feed, lambda f: f.lap == 12)
    assert len(frames) < 5
