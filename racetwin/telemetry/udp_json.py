"""UDP JSON, port 8766: one frame a datagram, ours or of the original schema.

Where a token is needed (beyond loopback) it travels with each frame: ``{"token": "...", "frame": {...}}``. UDP is not
encrypted and drops what it likes: use it on a trusted network, for a producer that cannot speak WebSocket.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Any

import orjson
from pydantic import SecretStr

from racetwin.errors import InputError
from racetwin.telemetry.connection import secret
from racetwin.telemetry.datagrams import DatagramFeed
from racetwin.telemetry.refusals import refused

PORT = 8766


def parse_datagram(data: bytes, token: SecretStr | None = None) -> dict[str, Any]:
    """Return the frame in a datagram.

    Raises
    ------
    InputError
        When it holds no JSON object, or not the token.
    """
    try:
        told = orjson.loads(data)
    except ValueError:
        raise InputError(f"json: {len(data)} bytes are no JSON, expected one object a datagram") from None
    if not isinstance(told, dict):
        raise InputError(f"json: {type(told).__name__}, expected one object a datagram")
    frame = told.get("frame")
    if token is not None:
        given = told.get("token")
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(), token.get_secret_value().encode()):
            raise InputError('token: missing or wrong, expected {"token": ..., "frame": {...}}')
        if not isinstance(frame, dict):
            raise InputError("frame: missing, expected the telemetry frame beside the token")
        return frame
    return frame if isinstance(frame, dict) and "cars" not in told else told


class UdpJsonFeed(DatagramFeed):
    """Frames that arrive as JSON datagrams: ``async for raw in UdpJsonFeed(): ...``.

    Parameters
    ----------
    host, port
        Where to listen; port 0 takes any free one.
    token
        Asked of every datagram; beyond loopback a token or the ``senders`` must be named.
    senders
        Addresses that may send.

    Attributes
    ----------
    refused
        Datagrams refused, counted by reason.
    """

    name = "udp-json"

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = PORT,
        *,
        token: str | SecretStr | None = None,
        senders: Iterable[str] | None = None,
    ) -> None:
        self._token = secret(token)
        super().__init__(host, port, senders=senders, open_door=self._token is not None)
        self.refused: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"UdpJsonFeed({self.host}:{self.port}, token={'set' if self._token else 'none'})"

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        """Yield frames as dictionaries, as they arrive."""
        async with self.listening():
            while True:
                try:
                    yield parse_datagram(await self.receive(), self._token)
                except InputError as refusal:
                    self.refused[str(refusal).partition(":")[0]] += 1
                    if self.on_refusal is not None:
                        self.on_refusal(refused(refusal, self.name))
