"""A producer that gives up nothing: ``python producer.py URL TOKEN < frames`` sends each frame until it is acknowledged."""

from __future__ import annotations

import asyncio
import json
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake


async def main(url: str, token: str) -> None:
    frames = sys.stdin.read().splitlines()
    headers = {"Authorization": f"Bearer {token}"}
    n = tries = 0
    while n < len(frames):
        try:
            async with asyncio.timeout(3):
                socket = await connect(
                    url, additional_headers=headers, proxy=None, compression=None, close_timeout=0.1, ping_interval=None
                )
            while n < len(frames):
                tries += 1
                await socket.send(frames[n])
                async with asyncio.timeout(2):
                    while json.loads(await socket.recv()).get("type") != "ack":
                        pass
                n += 1
                print(n, flush=True)
                await asyncio.sleep(0.01)
            await socket.close()
        except (OSError, TimeoutError, ConnectionClosed, InvalidHandshake):
            await asyncio.sleep(0.1)
    print(json.dumps({"sent": n, "tries": tries}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
