from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from racetwin.runtime.live import LiveRace
from racetwin.runtime.wire import TOPICS, Reader
from racetwin.schemas import TelemetryFrame

pytestmark = pytest.mark.integration


def ws(server: Any, **more: Any) -> ClientConnection:
    return connect(server.url.replace("http", "ws") + "/ws", proxy=None, max_size=None, **more)


def say(socket: ClientConnection, **message: Any) -> None:
    socket.send(orjson.dumps(message).decode())


def hear(socket: ClientConnection, timeout: float = 10.0) -> dict[str, Any]:
    answer: dict[str, Any] = orjson.loads(socket.recv(timeout))
    return answer


def test_full_state_first_then_what_changes(race: list[TelemetryFrame], tmp_path: Path, serve_frames: Any) -> None:
    with serve_frames(race[:100], tmp_path) as server, ws(server) as socket:
        say(socket, type="subscribe")
        first = hear(socket)
        assert first["type"] == "full"
        assert set(TOPICS) <= set(first)
        server.call(lambda: server.runner.ingest(race[100]))
        server.call(server.runner.publish)
        reader = Reader()
        reader.apply(first)
        deadline = time.monotonic() + 5
        while reader.snapshot.frame.seq != race[100].seq:
            message = hear(socket)
            assert message["type"] == "delta"
            reader.apply(message)
            assert time.monotonic() < deadline


def test_reader_that_was_away_resumes(race: list[TelemetryFrame], tmp_path: Path, serve_frames: Any) -> None:
    with serve_frames(race[:80], tmp_path) as server:
        reader = Reader()
        with ws(server) as socket:
            say(socket, type="subscribe")
            reader.apply(hear(socket))
        for frame in race[80:90]:
            server.call(lambda frame=frame: server.runner.ingest(frame))
        server.call(server.runner.publish)
        known = reader.snapshot
        assert known is not None
        with ws(server) as socket:
            say(socket, type="subscribe", resume={"run_id": known.run_id, "version": known.version})
            message = hear(socket)
            assert message["type"] == "delta"
            assert reader.apply(message).laps == server.call(lambda: server.runner.publisher.snapshot).laps
        with ws(server) as socket:
            say(socket, type="subscribe", resume={"run_id": "another", "version": 3})
            assert hear(socket)["type"] == "full"


def test_topics_limit_what_is_sent(served: Any) -> None:
    with ws(served) as socket:
        say(socket, type="subscribe", topics=["laps", "info"])
        message = hear(socket)
        assert "laps" in message
        assert "frame" not in message
        assert "cars" not in message


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ('{"type": "subscribe", "topics": ["gossip"]}', "topics: gossip"),
        ('{"type": "subscribe", "rate_hz": 0}', "rate_hz"),
        ('{"type": "subscribe", "follow": ["Lewis"]}', "follow"),
        ('{"type": "dance"}', "dance"),
        ("not JSON", "not JSON"),
        ("[]", ""),
    ],
)
def test_wrong_message_is_answered_with_what_is_wrong(served: Any, message: str, complaint: str) -> None:
    with ws(served) as socket:
        socket.send(message)
        answer = hear(socket)
        assert answer["type"] == "error"
        assert complaint in answer["detail"]


def test_ping(served: Any) -> None:
    with ws(served) as socket:
        say(socket, type="subscribe", topics=["info"])
        say(socket, type="ping")
        for _ in range(50):
            if hear(socket)["type"] == "pong":
                return
        pytest.fail("no pong")


def test_followed_car_is_planned_for_and_forgotten_afterwards(
    race: list[TelemetryFrame], tmp_path: Path, serve_frames: Any
) -> None:
    car = race[0].cars[5].car_id
    with serve_frames(race[:100], tmp_path) as server:
        with LiveRace.connect(server.url, follow=car) as live:
            snapshot = live.wait_for(lambda s: car in s.answers, 60)
            assert snapshot.answers[car].plans
            assert snapshot.advice[car]
            other = race[0].cars[7].car_id
            live.follow(other)
            assert live.wait_for(lambda s: other in s.answers, 60).followed == (other,)
            live.raise_errors()
        deadline = time.monotonic() + 10
        while server.call(lambda: server.runner.engine.followed):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_two_viewers_follow_two_cars(race: list[TelemetryFrame], tmp_path: Path, serve_frames: Any) -> None:
    one, other = race[0].cars[2].car_id, race[0].cars[3].car_id
    with (
        serve_frames(race[:100], tmp_path) as server,
        LiveRace.connect(server.url, follow=one) as first,
        LiveRace.connect(server.url, follow=other) as second,
    ):
        assert set(first.wait_for(lambda s: one in s.answers, 60).answers) == {one}
        assert set(second.wait_for(lambda s: other in s.answers, 60).answers) == {other}


def test_time_travel_over_the_connection(served: Any) -> None:
    with LiveRace.connect(served.url) as live:
        live.wait_for(lambda s: s.frame is not None)
        then = live.at(lap=5)
        assert max(r.lap for r in then.laps) == 5


def test_lost_engine_is_waited_for_and_reported_once(tmp_path: Path) -> None:
    with LiveRace.connect("ws://127.0.0.1:9/ws") as live:
        time.sleep(1.0)
        assert live.running
        assert len(live.errors) == 1
        assert "trying again" in str(live.errors[0])
    assert not live.running


def test_viewer_comes_back_when_the_engine_does(race: list[TelemetryFrame], tmp_path: Path, serve_frames: Any) -> None:
    with serve_frames(race[:50], tmp_path) as server:
        live = LiveRace.connect(server.url).start()
        live.wait_for(lambda s: s.frame is not None)
        session = live._shared.session
        session._connection.close()
        deadline = time.monotonic() + 10
        while session.reconnects < 1 or session._connection is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        server.call(lambda: server.runner.ingest(race[50]))
        server.call(server.runner.publish)
        live.wait_for(lambda s: s.frame is not None and s.frame.seq == race[50].seq, 10)
        live.stop()


def test_page_of_another_site_may_not_listen(served: Any) -> None:
    with pytest.raises(InvalidStatus) as refused:
        ws(served, origin="https://evil.example")
    assert refused.value.response.status_code == 403
    with ws(served, origin="http://localhost:8866") as socket:
        say(socket, type="subscribe")
        assert hear(socket)["type"] == "full"


def test_client_that_says_nothing_is_let_go(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from racetwin.api import ws as module

    monkeypatch.setattr(module, "HELLO_WITHIN_S", 0.2)
    with ws(served) as socket, pytest.raises(ConnectionClosed):
        socket.recv(5)
