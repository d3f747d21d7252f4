"""The telemetry WebSocket: producers, subscribers, breaks, limits and secrets, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import logging

import orjson
import pytest
import websockets
from hypothesis import given
from hypothesis import strategies as st
from websockets.utils import accept_key

from racetwin.config import Settings
from racetwin.errors import ConfigurationError, InputError
from racetwin.schemas import CarTelemetry, Rejection, TelemetryFrame
from racetwin.telemetry.connection import Backoff, FeedHealth, FeedState
from racetwin.telemetry.feed_opening import open_feed
from racetwin.telemetry.ingestor import TelemetryIngestor
from racetwin.telemetry.served_client import RateLimit
from racetwin.telemetry.websocket_client import LiveTelemetryClient
from racetwin.telemetry.websocket_sender import TelemetrySender
from racetwin.telemetry.websocket_server import TelemetryServer

TOKEN = "pit-wall-secret"

SEED = {
    "timestamp": "2026-07-05T14:03:00Z",
    "lap": 12,
    "session_type": "race",
    "track_conditions": {"temperature": 31.0, "weather": "dry", "track_status": "green"},
    "cars": [
        {
            "car_id": "44",
            "team": "Ferrari",
            "driver": "HAM",
            "position": 1,
            "speed": 301.5,
            "tire": {"compound": "medium", "age": 4, "wear_level": 0.2},
            "fuel_level": 0.6,
            "lap_time": 91.2,
        }
    ],
}


def frame(seq: int) -> TelemetryFrame:
    return TelemetryFrame(
        source="test",
        seq=seq,
        time_s=seq / 10,
        race_id="2026-test",
        lap=1,
        cars=(CarTelemetry(car_id="44", position=1),),
    )


def fast() -> Backoff:
    return Backoff(first=0.01, most=0.05, seed=1)


async def take(source, count, timeout=15.0):
    got = []
    async with asyncio.timeout(timeout):
        async for item in source:
            got.append(item)
            if len(got) == count:
                break
    return got


async def until(condition, timeout=10.0):
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.01)


pytestmark = pytest.mark.integration


class TestProducers:
    async def test_both_schemas_are_taken_and_each_frame_is_answered(self):
        taken = []
        async with (
            TelemetryServer(lambda raw: taken.append(raw), port=0) as server,
            TelemetrySender(f"ws://127.0.0.1:{server.port}") as sender,
        ):
            answers = [await sender.send(frame(0)), await sender.send(SEED), await sender.send(frame(2))]
        assert [(a.seq, a.accepted) for a in answers] == [(0, True), (1, True), (2, True)]
        assert taken[1] == SEED
        assert TelemetryFrame(**taken[0]) == frame(0)
        counters = server.clients[0]
        assert (counters.received, counters.accepted, counters.rejected) == (3, 3, 0)
        assert counters.bytes > 500

    async def test_the_answer_comes_after_the_sink_has_it(self):
        order = []

        async def sink(raw):
            await asyncio.sleep(0.02)
            order.append("in the journal")

        async with TelemetryServer(sink, port=0) as server, TelemetrySender(f"ws://127.0.0.1:{server.port}") as sender:
            await sender.send(frame(0))
            order.append("answered")
        assert order == ["in the journal", "answered"]

    async def test_a_producer_need_not_wait_and_is_answered_in_order(self):
        """A journal commits many frames at once: what is not safe yet must not keep the next from being taken."""
        taken, committed = [], asyncio.Event()

        async def sink(raw):
            taken.append(raw["seq"])
            if len(taken) == 100:
                committed.set()
            await committed.wait()

        async with (
            TelemetryServer(sink, port=0) as server,
            websockets.connect(f"ws://127.0.0.1:{server.port}") as ws,
            asyncio.timeout(10),
        ):
            for seq in range(50):
                await ws.send(orjson.dumps({"seq": seq}))
            await ws.send("junk")
            for seq in range(51, 101):
                await ws.send(orjson.dumps({"seq": seq}))
            answers = [orjson.loads(await ws.recv()) for _ in range(101)]
        assert [a["seq"] for a in answers] == list(range(101))
        assert [a["seq"] for a in answers if not a["accepted"]] == [50]
        assert taken == [*range(50), *range(51, 101)]

    async def test_iterating_acknowledges_with_the_next_request(self):
        async with TelemetryServer(port=0) as server, TelemetrySender(f"ws://127.0.0.1:{server.port}") as sender:
            stream = server.__aiter__()
            sending = asyncio.create_task(sender.send(frame(0)))
            assert (await anext(stream))["seq"] == 0
            await asyncio.sleep(0.05)
            assert not sending.done()
            following = asyncio.create_task(anext(stream))
            assert (await sending).accepted
            following.cancel()

    async def test_a_refusal_names_field_and_value(self):
        why = Rejection(kind="position.out_of_range", field="cars.0.position", value="99", expected="1 to 24")
        async with (
            TelemetryServer(lambda raw: why, port=0) as server,
            TelemetrySender(f"ws://127.0.0.1:{server.port}") as sender,
        ):
            answer = await sender.send(frame(0))
        assert not answer.accepted
        assert answer.error == {
            "kind": "position.out_of_range",
            "field": "cars.0.position",
            "value": "99",
            "expected": "1 to 24",
        }

    async def test_a_sink_that_fails_accepts_nothing_and_ends_nothing(self):
        errors = iter([InputError("lap: -1, expected 0 to 200"), ZeroDivisionError(), None])

        def sink(raw):
            if (error := next(errors)) is not None:
                raise error

        async with TelemetryServer(sink, port=0) as server, TelemetrySender(f"ws://127.0.0.1:{server.port}") as sender:
            answers = [await sender.send(frame(i)) for i in range(3)]
        assert [a.accepted for a in answers] == [False, False, True]
        assert answers[0].error["value"].startswith("lap: -1")

    async def test_junk_is_answered_and_counted(self):
        async with (
            TelemetryServer(lambda raw: None, port=0) as server,
            websockets.connect(f"ws://127.0.0.1:{server.port}") as ws,
        ):
            for junk in ("not json", "[1, 2]", b"\xff\xfe", '{"a": NaN}'):
                await ws.send(junk)
                answer = orjson.loads(await ws.recv())
                assert (answer["accepted"], answer["error"]["kind"]) == (False, "json")
            await ws.send('{"type":"ping"}')
            assert orjson.loads(await ws.recv()) == {"type": "pong"}
        assert server.clients[0].rejected == 4

    async def test_a_message_too_long_ends_the_connection_and_nothing_else(self):
        async with TelemetryServer(lambda raw: None, port=0, max_size=10_000) as server:
            url = f"ws://127.0.0.1:{server.port}"
            async with websockets.connect(url) as ws:
                await ws.send("x" * 20_000)
                with pytest.raises(websockets.ConnectionClosedError) as closed:
                    await ws.recv()
                assert closed.value.rcvd.code == 1009
            async with TelemetrySender(url) as sender:
                assert (await sender.send(frame(0))).accepted

    async def test_too_many_a_second_are_refused_and_then_sent_away(self):
        async with (
            TelemetryServer(lambda raw: None, port=0, rate=0.001, burst=5) as server,
            websockets.connect(f"ws://127.0.0.1:{server.port}") as ws,
        ):
            text = frame(0).model_dump_json()

            async def hammer():
                for _ in range(2000):
                    await ws.send(text)
                    await ws.recv()

            with pytest.raises(websockets.ConnectionClosed):
                await hammer()
        counters = server.clients[0]
        assert counters.accepted == 5
        assert counters.rate_limited == 1000
        assert not counters.connected

    async def test_a_frame_unanswered_when_the_connection_broke_is_sent_again(self):
        taken = []
        server = TelemetryServer(lambda raw: taken.append(raw["seq"]), port=0)
        await server.start()
        async with TelemetrySender(f"ws://127.0.0.1:{server.port}", backoff=fast(), attempts=50) as sender:
            await sender.send(frame(0))
            port = server.port
            await server.stop()
            sending = asyncio.create_task(sender.send(frame(1)))
            await asyncio.sleep(0.1)
            again = TelemetryServer(lambda raw: taken.append(raw["seq"]), port=port)
            async with again:
                assert (await sending).accepted
        assert taken == [0, 1]

    async def test_many_on_their_way_through_breaks_are_all_taken_once_and_in_order(self):
        """The server falls over again and again with answers owed; it is the same ingestor behind it."""
        ingestor = TelemetryIngestor()
        server, due, breaks = TelemetryServer(port=0), {59, 119, 179, 239, 299}, 0

        async def sink(raw):
            ingestor.process(raw)
            await asyncio.sleep(0.001 * (raw["seq"] % 7))
            if raw["seq"] in due:
                due.remove(raw["seq"])
                fall.set()

        fall = asyncio.Event()

        async def falling():
            nonlocal breaks
            while True:
                await fall.wait()
                fall.clear()
                breaks += 1
                for connection in list(server._server.connections):
                    connection.transport.abort()

        server.hand_to(sink, relay=False)
        async with server, asyncio.timeout(60):
            task = asyncio.create_task(falling())
            async with TelemetrySender(f"ws://127.0.0.1:{server.port}", backoff=fast()) as sender:
                answers = [a async for a in sender.send_all(frame(i) for i in range(400))]
            task.cancel()
        assert [a.seq for a in answers] == list(range(400))
        assert all(a.accepted for a in answers)
        counters = ingestor.counters
        assert (counters.accepted, counters.missing, counters.late) == (400, 0, 0)
        assert breaks > 2, "the cable held"
        assert counters.duplicates > 0, "nothing was owed an answer when it broke"

    async def test_no_more_than_the_window_is_on_its_way(self):
        taken, may_answer = [], asyncio.Event()

        async def sink(raw):
            taken.append(raw["seq"])
            await may_answer.wait()

        async with (
            TelemetryServer(sink, port=0) as server,
            TelemetrySender(f"ws://127.0.0.1:{server.port}", window=4) as sender,
            asyncio.timeout(30),
        ):
            first = [await sender.post(frame(i)) for i in range(4)]
            fifth = asyncio.create_task(sender.post(frame(4)))
            await until(lambda: taken == [0, 1, 2, 3])
            await asyncio.sleep(0.05)
            assert not fifth.done()
            may_answer.set()
            assert [(await answer).seq for answer in first] == [0, 1, 2, 3]
            assert (await (await fifth)).seq == 4
        assert taken == [0, 1, 2, 3, 4]

    async def test_the_next_address_is_tried_when_one_is_gone(self):
        taken = []
        gone, second = TelemetryServer(lambda raw: None, port=0), TelemetryServer(lambda raw: taken.append(raw), port=0)
        async with second:
            await gone.start()
            urls = f"ws://127.0.0.1:{gone.port},ws://127.0.0.1:{second.port}"
            async with TelemetrySender(urls, backoff=fast()) as sender:
                assert (await sender.send(frame(0))).accepted
                await gone.stop()
                assert (await sender.send(frame(1))).accepted
        assert [raw["seq"] for raw in taken] == [1]

    async def test_with_the_ingestor_behind_it_both_schemas_pass_and_nonsense_is_named(self):
        ingestor = TelemetryIngestor()

        def sink(raw):
            return None if ingestor.process(raw) is not None else ingestor.rejected[-1]

        async with TelemetryServer(sink, port=0) as server, TelemetrySender(f"ws://127.0.0.1:{server.port}") as sender:
            answers = [
                await sender.send(raw) for raw in (SEED, frame(0), frame(1), {"version": "racetwin/9"}, {"cars": 3})
            ]
        assert [a.accepted for a in answers] == [True, True, True, False, False]
        assert all({"kind", "field", "value", "expected"} <= set(a.error) for a in answers[3:])


class TestSubscribers:
    async def test_frames_arrive_in_order(self):
        async with TelemetryServer(port=0) as server:
            client = LiveTelemetryClient(f"ws://127.0.0.1:{server.port}")
            following = asyncio.create_task(take(client, 50))
            await until(lambda: client.health.connections and client._stream)
            for i in range(50):
                server.publish(frame(i))
            got = await following
        assert [TelemetryFrame(**raw) for raw in got] == [frame(i) for i in range(50)]

    async def test_what_producers_send_reaches_subscribers(self):
        async with TelemetryServer(lambda raw: None, port=0) as server:
            url = f"ws://127.0.0.1:{server.port}"
            client = LiveTelemetryClient(url)
            following = asyncio.create_task(take(client, 1))
            await until(lambda: client._stream)
            async with TelemetrySender(url) as sender:
                await sender.send(SEED)
            assert await following == [SEED]

    async def test_after_a_break_the_client_goes_on_where_it_was(self):
        async with TelemetryServer(port=0) as server:
            client = LiveTelemetryClient(f"ws://127.0.0.1:{server.port}", backoff=fast())
            got: list[int] = []

            async def follow():
                async for raw in client:
                    got.append(raw["seq"])  # noqa: PERF401 - seen while it grows

            following = asyncio.create_task(follow())
            await until(lambda: client._stream)
            for i in range(10):
                server.publish(frame(i))
            await until(lambda: len(got) == 10)
            for connection in list(server._server.connections):
                connection.transport.abort()
            for i in range(10, 30):
                server.publish(frame(i))
            await until(lambda: len(got) == 30)
            following.cancel()
        assert got == list(range(30)), "nothing lost, nothing twice"
        assert client.health.connections == 2
        assert len(client.health.gaps) == 1
        assert client.missed == 0

    async def test_what_the_server_no_longer_has_is_counted_as_missed(self):
        server = TelemetryServer(port=0, kept=5)
        async with server:
            client = LiveTelemetryClient(f"ws://127.0.0.1:{server.port}", backoff=fast())
            got: list[int] = []

            async def follow():
                async for raw in client:
                    got.append(raw["seq"])
                    if raw["seq"] == 0:
                        for connection in list(server._server.connections):
                            connection.transport.abort()
                        for i in range(1, 21):
                            server.publish(frame(i))

            following = asyncio.create_task(follow())
            await until(lambda: client._stream)
            server.publish(frame(0))
            await until(lambda: got and got[-1] == 20)
            following.cancel()
        assert got == [0, 16, 17, 18, 19, 20]
        assert client.missed == 15

    async def test_a_server_that_began_anew_is_followed_from_now(self):
        server = TelemetryServer(port=0)
        await server.start()
        client = LiveTelemetryClient(f"ws://127.0.0.1:{server.port}", backoff=fast())
        got: list[int] = []

        async def follow():
            async for raw in client:
                got.append(raw["seq"])  # noqa: PERF401 - seen while it grows

        following = asyncio.create_task(follow())
        await until(lambda: client._stream)
        for i in range(5):
            server.publish(frame(i))
        await until(lambda: len(got) == 5)
        port, old = server.port, client._stream
        await server.stop()
        async with TelemetryServer(port=port) as again:
            await until(lambda: client._stream != old)
            again.publish(frame(0))
            await until(lambda: len(got) == 6)
            following.cancel()
        assert got == [0, 1, 2, 3, 4, 0]

    async def test_a_slow_subscriber_holds_nobody_up(self):
        async with TelemetryServer(lambda raw: None, port=0) as server:
            url = f"ws://127.0.0.1:{server.port}"
            async with websockets.connect(url, close_timeout=0.1) as lazy:
                await lazy.send('{"type":"subscribe"}')
                async with TelemetrySender(url) as sender:
                    for i in range(100):
                        assert (await sender.send(frame(i))).accepted
        assert server.report()["published"] == 100

    async def test_bare_frames_of_another_server_are_followed_without_doubles(self):
        async def other(ws):
            await ws.recv()
            for i in (0, 1, 1, 2):
                await ws.send(frame(i).model_dump_json())
            await ws.send(orjson.dumps(SEED).decode())
            await ws.wait_closed()

        async with websockets.serve(other, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            client = LiveTelemetryClient(f"ws://127.0.0.1:{port}")
            got = await take(client, 4)
        assert [raw.get("seq") for raw in got] == [0, 1, 2, None]
        assert client.duplicates == 1

    async def test_a_quiet_feed_is_not_a_stale_one(self):
        async def quiet(ws):  # answers pings, sends nothing
            await ws.wait_closed()

        async with websockets.serve(quiet, "127.0.0.1", 0) as server:
            client = LiveTelemetryClient(
                f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", quiet_s=0.1, stale_s=0.5, backoff=fast()
            )
            following = asyncio.create_task(take(client, 1))
            await asyncio.sleep(1.2)
            assert client.health.state is FeedState.QUIET
            assert client.health.connections == 1
            following.cancel()

    async def test_a_dead_feed_is_noticed_and_left(self):
        ended = asyncio.Event()

        async def dead(reader, writer):  # upgrades by hand, and then never says anything again, pongs included
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            key = next(line.split(": ")[1] for line in lines if line.lower().startswith("sec-websocket-key"))
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
            writer.write(f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n".encode())
            await ended.wait()
            writer.close()

        server = await asyncio.start_server(dead, "127.0.0.1", 0)
        client = LiveTelemetryClient(
            f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", quiet_s=0.1, stale_s=0.3, backoff=fast()
        )
        following = asyncio.create_task(take(client, 1, timeout=25))
        await until(lambda: client.health.errors["FeedLostError"] >= 1)
        assert "no sign of life" in client.health.last_error
        following.cancel()
        ended.set()
        server.close()


class TestDoor:
    async def test_the_token_opens_and_is_never_shown(self, caplog, capfd):
        caplog.set_level(logging.DEBUG)
        shown = []
        async with TelemetryServer(lambda raw: None, port=0, token=TOKEN) as server:
            url = f"ws://127.0.0.1:{server.port}"
            async with TelemetrySender(url, TOKEN) as sender:
                assert (await sender.send(frame(0))).accepted
                shown += [repr(sender), str(vars(sender))]
            for wrong in (None, "nope"):
                with pytest.raises(ConfigurationError, match="check the token") as refused:
                    await TelemetrySender(url, wrong).send(frame(0))
                shown.append(str(refused.value))
                client = LiveTelemetryClient(url, wrong)
                with pytest.raises(ConfigurationError, match="check the token"):
                    await take(client, 1)
            client = LiveTelemetryClient(url, TOKEN)
            following = asyncio.create_task(take(client, 1))
            await until(lambda: client._stream)
            following.cancel()
            shown += [repr(server), str(vars(server)), repr(client), str(vars(client)), str(server.report())]
        out = capfd.readouterr()
        assert TOKEN not in "".join(shown) + caplog.text + out.out + out.err

    async def test_a_web_page_of_elsewhere_does_not_get_in(self):
        async with TelemetryServer(lambda raw: None, port=0) as server:
            url = f"ws://127.0.0.1:{server.port}"
            with pytest.raises(websockets.InvalidStatus, match="403"):
                await websockets.connect(url, origin="https://evil.example")
            async with websockets.connect(url, origin="http://localhost:8866"):
                pass

    async def test_one_client_too_many_waits_outside(self):
        async with TelemetryServer(lambda raw: None, port=0, max_clients=1) as server:
            url = f"ws://127.0.0.1:{server.port}"
            async with websockets.connect(url):
                await until(lambda: server._open == 1)
                with pytest.raises(websockets.InvalidStatus, match="503"):
                    await websockets.connect(url)

    async def test_a_taken_port_is_one_clear_line(self):
        async with TelemetryServer(port=0) as server:
            with pytest.raises(ConfigurationError, match="cannot listen on 127"):
                await TelemetryServer(port=server.port).start()

    async def test_beyond_loopback_there_must_be_a_token(self):
        with pytest.raises(ConfigurationError, match="set a token"):
            TelemetryServer(host="0.0.0.0")
        TelemetryServer(host="0.0.0.0", token=TOKEN)

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("http://127.0.0.1", "no ws://"),
            ("ws://", "no ws://"),
            ("ws://me:secret@host", "by itself"),
            ("ws://example.com:8765", "unencrypted"),
        ],
    )
    async def test_addresses_that_would_not_do(self, url, message):
        for kind in (LiveTelemetryClient, TelemetrySender):
            with pytest.raises(ConfigurationError, match=message) as refused:
                kind(url, TOKEN)
            assert "secret" not in str(refused.value)

    async def test_nobody_there_is_one_clear_line(self):
        with pytest.raises(ConfigurationError, match="did not answer after 2 attempts"):
            await TelemetrySender("ws://127.0.0.1:1", attempts=2, backoff=fast()).send(frame(0))


async def test_frames_go_in_over_tls_and_a_strange_server_gets_no_token(encrypted):
    chosen = Settings(telemetry_port=0, token="pit-secret", tls_certificate=encrypted[2], tls_key=encrypted[3])
    async with open_feed("websocket-server", chosen) as server:
        task = asyncio.create_task(anext(aiter(server)))
        async with TelemetrySender(f"wss://localhost:{server.port}", token="pit-secret") as sender:
            sending = asyncio.create_task(sender.send({"version": "racetwin/1", "seq": 3, "cars": []}))
            assert (await asyncio.wait_for(task, 10))["seq"] == 3
            sending.cancel()
    async with TelemetryServer(port=0, token="pit-secret", tls=encrypted[1]) as strange:
        client = LiveTelemetryClient(f"wss://localhost:{strange.port}", token="pit-secret", attempts=1)
        with pytest.raises(ConfigurationError, match="no connection"):
            await anext(aiter(client))
        assert not strange.clients


def test_the_bucket_refills():
    now = [0.0]
    limit = RateLimit(10, 3, clock=lambda: now[0])
    assert [limit.allows() for _ in range(4)] == [True, True, True, False]
    now[0] = 0.1
    assert [limit.allows() for _ in range(2)] == [True, False]


def test_health_tells_live_quiet_and_stale():
    now = [0.0]
    health = FeedHealth(quiet_s=2, stale_s=5, clock=lambda: now[0])
    health.connecting()
    assert health.state is FeedState.CONNECTING
    health.connected()
    health.data()
    assert health.state is FeedState.LIVE
    now[0] = 3
    health.alive()
    assert health.state is FeedState.QUIET
    now[0] = 9
    assert health.state is FeedState.STALE
    health.connected()
    assert health.gaps == [(0.0, 9.0)]


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_no_message_breaks_the_client(message):
    client = LiveTelemetryClient()
    assert isinstance(client._read(message), list)


@given(
    st.dictionaries(
        st.sampled_from(
            ["type", "n", "frame", "next", "before", "after", "stream", "seq", "source", "cars", "resumed"]
        ),
        st.sampled_from(["frame", "hello", "gap", None, -1, 0, 7, True, [], {}, 1.5]),
    )
)
def test_no_object_breaks_the_client(told):
    LiveTelemetryClient()._read(orjson.dumps(told))
