"""Receiving UDP: a socket on one side, a bounded queue on the other."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from racetwin.errors import ConfigurationError
from racetwin.telemetry.connection import FeedHealth
from racetwin.telemetry.refusals import OnRefusal

MAX_WAITING = 4096
"""Datagrams held for a slow reader; beyond, the oldest are dropped and counted: late telemetry is worth less than new."""

BUFFER_BYTES = 4 * 2**20
"""Asked of the system for each socket: a burst of datagrams must outlast a busy moment of ours."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a socket bound to ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def kernel_drops(port: int) -> int:
    """Return how many datagrams to a UDP port found its socket's buffer full; 0 where the system does not tell."""
    total = 0
    for name in ("udp", "udp6"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            rows = (line.split() for line in Path("/proc/net", name).read_text(encoding="ascii").splitlines()[1:])
            total += sum(int(row[-1]) for row in rows if int(row[1].rsplit(":", 1)[1], 16) == port)
    return total


class DatagramFeed:
    """Base of the feeds that listen on a UDP port.

    Parameters
    ----------
    host, port
        Where to listen; port 0 takes any free one, and :attr:`address` then tells which.
    senders
        Addresses whose datagrams are taken. Beyond loopback they must be named, or ``open_door`` set because the datagrams
        themselves carry a token.

    Attributes
    ----------
    address
        Host and port listened on, once :meth:`listening`.
    waited_s
        How long the datagram last received had waited for its reader.
    dropped, foreign
        Datagrams lost to a slow reader, and those of senders not named.
    on_refusal
        Called with each datagram that is refused.
    """

    def __init__(self, host: str, port: int, *, senders: Iterable[str] | None = None, open_door: bool = False) -> None:
        self.host, self.port = host, port
        self.senders = frozenset(senders) if senders is not None else None
        if not is_loopback(host) and self.senders is None and not open_door:
            raise ConfigurationError(
                f"host: {host!r} is reachable from outside: name the senders that may send, e.g. senders=['192.168.1.20']"
            )
        self.health = FeedHealth()
        self.address: tuple[str, int] | None = None
        self.dropped = 0
        self.foreign = 0
        self.on_refusal: OnRefusal | None = None
        self.waited_s = 0.0
        self._queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(MAX_WAITING)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[tuple[str, int]]:
        """Hold the port open; yields the address listened on."""
        loop = asyncio.get_running_loop()
        self._queue = asyncio.Queue(MAX_WAITING)
        try:
            transport, _ = await loop.create_datagram_endpoint(lambda: _Receiver(self), (self.host, self.port))
        except OSError as error:
            raise ConfigurationError(
                f"port: cannot listen on UDP {self.host}:{self.port} ({error.strerror or error}): choose another one"
            ) from None
        with contextlib.suppress(OSError):  # the system may allow less
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        self.address = transport.get_extra_info("sockname")[:2]
        self.health.connected()
        try:
            yield self.address
        finally:
            transport.close()
            self.health.closed()

    @property
    def overflowed(self) -> int:
        """Datagrams for which the socket's buffer had no room, where the system tells (Linux)."""
        return 0 if self.address is None else kernel_drops(self.address[1])

    async def receive(self) -> bytes:
        """Return the next datagram."""
        came, data = await self._queue.get()
        self.waited_s = time.monotonic() - came
        return data

    def take(self, data: bytes, sender: str) -> None:
        """Queue a datagram that arrived."""
        if self.senders is not None and sender not in self.senders:
            self.foreign += 1
            return
        self.health.data()
        if self._queue.full():
            self._queue.get_nowait()
            self.dropped += 1
        self._queue.put_nowait((time.monotonic(), data))


class _Receiver(asyncio.DatagramProtocol):
    def __init__(self, feed: DatagramFeed) -> None:
        self._feed = feed

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._feed.take(data, addr[0])

    def error_received(self, exc: Exception) -> None:
        self._feed.health.errors[type(exc).__name__] += 1
