"""A cable that delays, and that brings some datagrams twice: ``python bad_cable.py KIND LISTEN_PORT HOST PORT DELAY_S``.

For where the kernel has no network emulator (tc netem): a relay that does the same to what passes through it.
"""

from __future__ import annotations

import asyncio
import sys


async def tcp(listen: int, host: str, port: int, delay_s: float) -> None:
    """Pass bytes on, each ``delay_s`` later than it came."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        try:
            while data := await reader.read(65_536):
                loop.call_later(delay_s, writer.write, data)
        finally:
            await asyncio.sleep(delay_s)
            writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, port)
        await asyncio.gather(carry(reader, back), carry(there, writer), return_exceptions=True)

    async with await asyncio.start_server(connected, "127.0.0.1", listen) as server:
        await server.serve_forever()


class Doubling(asyncio.DatagramProtocol):
    """Sends each datagram on, every other one twice, the second time out of order."""

    def __init__(self, host: str, port: int, delay_s: float) -> None:
        self.target, self.delay_s, self.n = (host, port), delay_s, 0
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        assert self.transport is not None
        self.transport.sendto(data, self.target)
        self.n += 1
        if self.n % 2 == 0:
            asyncio.get_running_loop().call_later(self.delay_s, self.transport.sendto, data, self.target)


async def udp(listen: int, host: str, port: int, delay_s: float) -> None:
    """Pass datagrams on, some of them twice."""
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Doubling(host, port, delay_s), local_addr=("127.0.0.1", listen))
    await asyncio.Event().wait()


if __name__ == "__main__":
    kind, listen, host, port, delay = sys.argv[1:6]
    asyncio.run({"tcp": tcp, "udp": udp}[kind](int(listen), host, int(port), float(delay)))
