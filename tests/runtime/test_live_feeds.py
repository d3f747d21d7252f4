"""Live feeds into a running engine, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from racetwin.config import Settings
from racetwin.errors import ConfigurationError, InputError
from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.live_feeds import LiveFeeds
from racetwin.runtime.orchestrator import MainOrchestrator
from racetwin.schemas import FeedGap, LapCompleted
from racetwin.telemetry.websocket_sender import TelemetrySender
from racetwin.telemetry.websocket_server import TelemetryServer

pytestmark = pytest.mark.integration

SECRET = "a-secret-of-ours"
FREE = {"telemetry_port": 0, "udp_json_port": 0, "udp_game_port": 0}


class Running:
    """An engine on live feeds."""

    def __init__(self, feeds: LiveFeeds, runner: MainOrchestrator, task: asyncio.Task[None]) -> None:
        self.feeds, self.runner, self.engine, self.task = feeds, runner, runner.engine, task

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.feeds.feeds['websocket-server'].port}"

    def udp(self, name: str, *datagrams: bytes) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for datagram in datagrams:
                out.sendto(datagram, self.feeds.feeds[name].address)

    async def until(self, condition: Any, seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)

    @property
    def refused(self) -> dict[str, int]:
        return dict(self.engine.ingestor.counters.rejected)


@contextlib.asynccontextmanager
async def running(*specs: str, said: list[str] | None = None, **changes: Any) -> AsyncIterator[Running]:
    told = [] if said is None else said
    feeds = LiveFeeds(Settings(**(FREE | changes)), *([specs] if specs else []), say=told.append)
    engine = RaceEngine(priority=LiveFeeds.priority(feeds.specs), desk=None)
    runner = MainOrchestrator(engine, feeds)
    task = asyncio.create_task(runner.run())
    opening = asyncio.create_task(feeds.opened.wait())
    try:
        await asyncio.wait({task, opening}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        yield Running(feeds, runner, task)
    finally:
        opening.cancel()
        runner.stop()
        await asyncio.gather(task, return_exceptions=True)


def frame(
    seq: int, time_s: float, *, source: str = "garage", race_id: str = "demo", lap: int = 1, **car: Any
) -> dict[str, Any]:
    cars = [
        {"car_id": "44", "driver": "HAM", "position": 1, "lap": lap, **car},
        {"car_id": "4", "position": 2, "lap": lap},
    ]
    return {
        "version": "racetwin/1", "source": source, "seq": seq, "time_s": time_s, "race_id": race_id, "lap": lap, "cars": cars,
    }  # fmt: skip


async def test_every_door_is_open_and_what_comes_in_is_in_the_engine() -> None:
    async with running() as live:
        async with TelemetrySender(live.url) as sender:
            answer = await sender.send(frame(0, 1.0))
        assert answer.accepted
        live.udp("udp-json", json.dumps(frame(0, 1.2, source="box")).encode())
        await live.until(lambda: live.engine.frames_in == 2)
        told = {one["feed"]: one for one in live.runner.health()["components"]["feed"]["feeds"]}
        assert {name: one["frames"] for name, one in told.items()} == {
            "websocket-server": 1,
            "udp-json": 1,
            "ea-udp": 0,
        }


async def test_junk_at_every_door_is_told_counted_and_costs_nothing() -> None:
    async with running() as live:
        async with TelemetrySender(live.url) as sender:
            assert (await sender.send(frame(0, 1.0))).accepted
            assert not (await sender.send({"version": "racetwin/1", "cars": 5})).accepted
            assert (await sender.send(frame(1, 1.1))).accepted
        live.udp("udp-json", b"\xff\x00 no json", b"[]")
        live.udp("ea-udp", b"short", b"\x00" * 200)
        await live.until(lambda: sum(one["refused"] for one in live.feeds.report()) == 4)
        assert live.refused["udp-json.json"] == 2
        assert live.refused["ea-udp.datagram"] == 1
        assert live.refused["ea-udp.packet_format"] == 1
        last = list(live.engine.ingestor.rejected)[-1]
        assert (last.field, last.value, last.expected) == ("packet_format", "0", "2018 to 2026")
        assert live.engine.frames_accepted == 2


async def test_one_bad_car_is_told_to_its_producer_and_costs_no_other() -> None:
    async with running() as live, TelemetrySender(live.url) as sender:
        assert (await sender.send(frame(0, 1.0))).rejected == ()
        bad_place = await sender.send(frame(1, 1.1, position=99))
        bad_speed = await sender.send(frame(2, 1.2, speed_kmh=-5.0))
        unbelievable = frame(3, 1.3)
        unbelievable["cars"][1]["lap"] = 40
        bad_lap = await sender.send(unbelievable)
        junk = await sender.send({"version": "racetwin/1", "cars": 5})
        assert (await sender.send(frame(4, 1.4))).rejected == ()
        told = [a.rejected for a in (bad_place, bad_speed, bad_lap)]
        assert all(a.accepted and a.error is None for a in (bad_place, bad_speed, bad_lap))
        assert [[(r["car_id"], r["kind"], r["value"]) for r in one] for one in told] == [
            [("44", "position.out_of_range", "99")],
            [("44", "speed_kmh.out_of_range", "-5.0")],
            [("4", "lap.jump", "40")],
        ]
        assert told[2][0]["expected"].startswith("lap 1 or a later one")
        assert (junk.accepted, junk.rejected, junk.error["field"]) == (False, (), "cars")
        kept = [(r.car_id, r.field, r.value, r.seq) for r in live.engine.ingestor.rejected if r.car_id]
        assert kept == [("44", "position", "99", 1), ("44", "speed_kmh", "-5.0", 2), ("4", "lap", "40", 3)]
        assert live.engine.ingestor.counters.rejected_cars == 2
        assert live.engine.frames_accepted == 5


async def test_a_feed_that_dies_and_returns_costs_its_gap_and_the_gap_is_marked() -> None:
    """The producer's process dies on lap 2 and is back 30 s later: the laps before and after are as if it had not."""

    def told(seq: int, t: float) -> dict[str, Any]:
        lap = 1 + int(t // 90)
        line = {} if lap == 1 else {"last_line_time_s": 90.0 * (lap - 1), "last_lap_s": 90.0}
        return frame(seq, t, lap=lap, **line)

    async with running() as live:
        async with TelemetrySender(live.url) as sender:
            for i in range(130):
                assert (await sender.send(told(i, float(i)))).accepted
        async with TelemetrySender(live.url) as sender:  # another process, that counts its frames from 0 again
            for i in range(120):
                assert (await sender.send(told(i, 160.0 + i))).accepted
        events = list(live.engine.snapshot().events)
    gaps = [e for e in events if isinstance(e, FeedGap)]
    assert [(g.since_s, g.time_s, g.source) for g in gaps] == [(129.0, 160.0, "garage")]
    laps = [(e.lap, e.lap_time_s, e.line_time_s) for e in events if isinstance(e, LapCompleted) and e.car_id == "44"]
    assert laps == [(1, 90.0, 90.0), (2, 90.0, 180.0), (3, 90.0, 270.0)]
    assert live.engine.ingestor.counters.duplicates == 0


async def test_several_feeds_of_one_race_are_one_state_and_the_first_is_preferred() -> None:
    async with TelemetryServer(port=0) as other:
        specs = (f"websocket-client:ws://127.0.0.1:{other.port}", "udp-json:source=box")
        async with running(*specs) as live:
            await live.until(lambda: other.report()["connected"] == 1)
            await asyncio.sleep(0.05)
            for i in range(6):
                other.publish(frame(i, i / 10, race_id="2026-11-great-britain", source="timing", speed_kmh=200.0))
                await live.until(lambda n=2 * i + 1: live.engine.frames_in == n)
                live.udp(
                    "udp-json",
                    json.dumps(frame(i, i / 10 + 0.05, race_id="2026-great-britain", fuel_kg=60.0 - i)).encode(),
                )
                await live.until(lambda n=2 * i + 2: live.engine.frames_in == n)
            state = live.engine.ingestor.frame
            known = live.engine.ingestor.known("44")
    assert state is not None
    assert state.race_id == "2026-11-great-britain"
    assert state.source in ("box+timing", "timing+box")
    assert (known["speed_kmh"].source, known["fuel_kg"].source) == ("timing", "box")


async def test_the_newest_frame_of_two_quiet_feeds_does_not_wait_for_ever() -> None:
    async with (
        TelemetryServer(port=0) as other,
        running(f"websocket-client:ws://127.0.0.1:{other.port}", "udp-json:source=box") as live,
    ):
        await live.until(lambda: other.report()["connected"] == 1)
        await asyncio.sleep(0.05)
        other.publish(frame(0, 9.0, source="timing"))
        await live.until(lambda: live.engine.frames_in == 1)
        live.udp("udp-json", json.dumps(frame(0, 10.0, speed_kmh=200.0)).encode())
        await live.until(lambda: live.engine.frames_in == 2)
        assert live.engine.ingestor.waiting == 1
        await live.until(lambda: live.engine.ingestor.waiting == 0, seconds=3)
        state, known = live.engine.ingestor.frame, live.engine.ingestor.known("44")
        assert live.engine.frames_accepted == 2
        counters = live.engine.ingestor.counters
        # What the other feed says of the time before is late, and still taken for what it adds.
        other.publish(frame(1, 9.8, source="timing", fuel_kg=60.0))
        await live.until(lambda: counters.late == 1)
        late = live.engine.ingestor.known("44")
    assert state is not None
    assert (state.time_s, known["speed_kmh"].source, late["fuel_kg"].value) == (10.0, "box", 60.0)


async def test_a_refused_feed_ends_alone_and_the_token_is_nowhere(capfd: Any, caplog: Any) -> None:
    said: list[str] = []
    async with TelemetryServer(port=0, token="another") as other:
        specs = (f"websocket-client:ws://127.0.0.1:{other.port}", "udp-json")
        async with running(*specs, said=said, feed_token=SECRET) as live:
            await live.until(lambda: bool(said))
            live.udp("udp-json", json.dumps(frame(0, 1.0)).encode())
            await live.until(lambda: live.engine.frames_accepted == 1)
            health = json.dumps(live.runner.health())
    assert "websocket-client" in said[0]
    assert "check the token" in said[0]
    assert "going on with udp-json" in said[0]
    out = capfd.readouterr()
    assert SECRET not in said[0] + health + caplog.text + out.out + out.err


async def test_what_lets_waiting_frames_go_is_no_frame_that_is_behind() -> None:
    async with running() as live, TelemetrySender(live.url) as sender:
        for seq in (0, 2):  # one is missing, and waited for
            assert (await sender.send(frame(seq, seq / 10))).accepted
        await live.until(lambda: live.engine.frame.time_s == 0.2)
        counters = live.engine.counters()
        assert counters.frames_in == counters.frames_processed


async def test_when_the_last_feed_is_refused_it_is_one_clear_error() -> None:
    async with TelemetryServer(port=0, token="another") as other:
        with pytest.raises(ConfigurationError, match=r"feed websocket-client: .*check the token"):
            async with running(f"websocket-client:ws://127.0.0.1:{other.port}") as live:
                await live.task


async def test_a_taken_port_is_one_clear_error() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ConfigurationError, match="port"):
            async with running(udp_json_port=taken.getsockname()[1]):
                pass


async def test_another_race_through_the_same_door_does_not_end_this_one() -> None:
    async with running() as live, TelemetrySender(live.url) as sender:
        for i in range(5):
            assert (await sender.send(frame(i, float(i)))).accepted
        answer = await sender.send(frame(0, 0.0, source="test bench", race_id="trial"))
        assert not answer.accepted
        assert answer.error is not None
        assert answer.error["kind"] == "race_id.other_race"
        assert (await sender.send(frame(5, 5.0))).accepted
        assert live.engine.info.race_id == "demo"
        number = live.runner.receive(json.dumps(frame(1, 1.0, source="test bench", race_id="trial")).encode())
        assert number is None
        assert live.refused["race_id.other_race"] == 2


def changed(**of_car: Any) -> Any:
    def change(told: dict[str, Any]) -> dict[str, Any]:
        return {**told, "cars": [{**told["cars"][0], **of_car}, *told["cars"][1:]]}

    return change


def raw(**of_frame: Any) -> Any:
    return lambda told: {**told, **of_frame}


HOSTILE = {
    "25 cars": (
        raw(cars=[{"car_id": str(n), "position": min(n, 24), "lap": 1} for n in range(1, 26)]),
        "cars.too_many",
        True,
    ),
    "a car twice": (lambda t: {**t, "cars": [*t["cars"], t["cars"][0]]}, "car_id.twice", True),
    "position 99": (changed(position=99), "position.out_of_range", True),
    "a lap that cannot be": (changed(lap=190), "lap.jump", True),
    "speed of light": (changed(speed_kmh=1e9), "speed_kmh.out_of_range", True),
    "a number beyond numbers": (changed(fuel_kg=2**63), "fuel_kg.out_of_range", True),
    "unicode id": (changed(car_id="４４"), "car_id.bad_format", True),
    "id with a face": (changed(car_id="\U0001f3ce"), "car_id.bad_format", True),
    "no car left": (raw(cars=[{"car_id": "x"}]), "car_id.bad_format", False),
    "cars no list": (raw(cars="all of them"), "cars.wrong_type", False),
    "time beyond time": (raw(time_s=1e300), "time_s.out_of_range", False),
    "a clock that leaps a day": (raw(time_s=86_400.0), "time_s.jump", False),
    "unknown version": (raw(version="racetwin/9"), "version.unknown_value", False),
    "field of nobody": (raw(surprise=1), "surprise.unknown_field", True),
}


@pytest.mark.parametrize("what", HOSTILE)
async def test_hostile_frames_are_told_by_name_and_cost_nothing_good(what: str) -> None:
    change, kind, accepted = HOSTILE[what]
    async with running() as live, TelemetrySender(live.url) as sender:
        for i in range(3):
            assert (await sender.send(frame(i, float(i)))).accepted
        answer = await sender.send(change(frame(3, 3.0)))
        assert answer.accepted is accepted
        if not accepted:
            assert answer.error is not None
            assert answer.error["kind"] == kind
        assert live.refused[kind] >= 1
        refused = next(r for r in live.engine.ingestor.rejected if r.kind == kind)
        assert refused.expected
        assert (await sender.send(frame(4, 4.0))).accepted
        live.engine.ingestor.flush()
        state = live.engine.ingestor.frame
        assert state is not None
        assert (state.time_s, {c.car_id for c in state.cars} >= {"44", "4"}) == (4.0, True)


async def test_a_frame_that_is_no_json_is_refused_where_it_is_sent() -> None:
    async with running() as live, TelemetrySender(live.url) as sender:
        with pytest.raises(InputError, match="cannot be written as JSON"):
            await sender.send(frame(0, 1.0, fuel_kg=10**400))
        assert (await sender.send(frame(0, 1.0))).accepted


async def test_time_that_goes_backwards_is_late_and_counted() -> None:
    async with running() as live, TelemetrySender(live.url) as sender:
        for i, t in enumerate([10.0, 11.0, 5.0, 12.0, 11.5, 13.0]):
            await sender.send(frame(i, t))
        counters = live.engine.ingestor.counters
        assert (counters.accepted, counters.late) == (4, 2)
        assert live.engine.ingestor.frame is not None
        assert live.engine.ingestor.frame.time_s == 13.0


async def test_not_a_number_is_no_json_and_told_so() -> None:
    import websockets

    async with running() as live, websockets.connect(live.url) as ws:
        await ws.send(json.dumps(frame(0, 1.0)).replace("1.0", "NaN"))
        answer = json.loads(await ws.recv())
        assert (answer["accepted"], answer["error"]["kind"]) == (False, "json")
        assert live.refused["websocket-server.json"] == 1


async def test_a_sender_that_is_killed_in_the_middle_of_a_message_costs_its_message() -> None:
    import websockets

    async with running() as live:
        ws = await websockets.connect(live.url)
        await ws.send(json.dumps(frame(0, 1.0)))
        await ws.recv()
        ws.transport.write(b"\x81\xfe\x01\x00half a frame")
        ws.transport.abort()
        async with TelemetrySender(live.url) as sender:
            assert (await sender.send(frame(1, 2.0))).accepted
        assert live.engine.frames_accepted == 2
