"""JSON datagrams over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from racetwin.errors import ConfigurationError, InputError
from racetwin.telemetry.udp_json import UdpJsonFeed, parse_datagram

FRAME = {
    "version": "racetwin/1",
    "source": "test",
    "seq": 0,
    "time_s": 0.0,
    "race_id": "t",
    "lap": 1,
    "cars": [{"car_id": "44"}],
}


async def receive(feed, sent, count):
    got = []
    stream = feed.__aiter__()
    async with asyncio.timeout(10):
        pending = asyncio.ensure_future(anext(stream))
        while feed.address is None:
            await asyncio.sleep(0.01)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for datagram in sent:
                sender.sendto(datagram, feed.address)
        got.append(await pending)
        while len(got) < count:
            got.append(await anext(stream))
    await stream.aclose()
    return got


@pytest.mark.integration
async def test_frames_arrive_and_junk_is_counted():
    feed = UdpJsonFeed(port=0)
    one, two = FRAME, FRAME | {"seq": 1}
    got = await receive(feed, [json.dumps(one).encode(), b"junk", b"[]", json.dumps(two).encode()], 2)
    assert got == [one, two]
    assert feed.refused["json"] == 2


@pytest.mark.integration
async def test_the_token_travels_with_the_frame():
    feed = UdpJsonFeed(port=0, token="secret-word")
    wrong = [json.dumps(FRAME).encode(), json.dumps({"token": "other", "frame": FRAME}).encode()]
    got = await receive(feed, [*wrong, json.dumps({"token": "secret-word", "frame": FRAME}).encode()], 1)
    assert got == [FRAME]
    assert feed.refused["token"] == 2
    assert "secret-word" not in repr(feed) + str(vars(feed))


@pytest.mark.unit
def test_beyond_loopback_a_token_or_senders_are_needed():
    with pytest.raises(ConfigurationError, match="reachable from outside"):
        UdpJsonFeed("0.0.0.0")
    UdpJsonFeed("0.0.0.0", token="secret-word")
    UdpJsonFeed("0.0.0.0", senders=["10.0.0.5"])


@pytest.mark.unit
@given(st.binary(max_size=300), st.booleans())
def test_no_datagram_breaks_the_parser(data, locked):
    with contextlib.suppress(InputError):
        assert isinstance(parse_datagram(data, SecretStr("s") if locked else None), dict)


@pytest.mark.unit
def test_a_slow_reader_loses_the_oldest_and_knows_it(monkeypatch):
    monkeypatch.setattr("racetwin.telemetry.datagrams.MAX_WAITING", 3)
    feed = UdpJsonFeed(port=0)
    for i in range(5):
        feed.take(b"%d" % i, "127.0.0.1")
    assert feed.dropped == 2
    assert [feed._queue.get_nowait()[1] for _ in range(3)] == [b"2", b"3", b"4"]
