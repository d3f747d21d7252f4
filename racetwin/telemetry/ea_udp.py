"""The EA game on the network: UDP, port 20777, formats 2018 to 2026."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator

from racetwin.telemetry.datagrams import DatagramFeed
from racetwin.telemetry.ea_session import GameSession
from racetwin.telemetry.frame_builder import RawFrame

PORT = 20777


class EaUdpFeed(DatagramFeed):
    """Frames of a game on the network: ``async for frame in EaUdpFeed(): ...``.

    The game has no way to send a token. Bound to anything but loopback, the feed therefore takes datagrams only from the
    ``senders`` named (the console's or PC's address).

    Parameters
    ----------
    host, port
        Where to listen; in the game, "UDP Telemetry Settings" names the same port and this machine's address.
    hz
        Most frames a second; ``None`` cuts one for every game frame.
    senders
        Addresses that may send; needed beyond loopback.
    """

    name = "ea-udp"

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = PORT,
        *,
        hz: float | None = 10.0,
        senders: Iterable[str] | None = None,
    ) -> None:
        super().__init__(host, port, senders=senders)
        self.session = GameSession(hz)

    async def __aiter__(self) -> AsyncIterator[RawFrame]:
        """Yield frames as the game plays; when it pauses, the frame held back follows."""
        self.session.on_refusal = self.session.builder.on_refusal = self.on_refusal
        async with self.listening():
            while True:
                try:
                    async with asyncio.timeout(0.5):
                        datagram = await self.receive()
                except TimeoutError:
                    for frame in self.session.flush():
                        yield frame
                    continue
                for frame in self.session.feed(datagram):
                    yield frame


def read_datagrams(datagrams: Iterable[bytes], hz: float | None = None) -> Iterator[RawFrame]:
    """Yield the frames of recorded datagrams."""
    session = GameSession(hz)
    for datagram in datagrams:
        yield from session.feed(datagram)
    yield from session.flush()
