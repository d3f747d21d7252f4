"""What a server has loaded for good is taken out of the garbage collector's rounds, which would hold up every viewer.

A full round looks at every object there is: with NumPy, Numba and the web stack that takes 50 to 100 ms, in which nobody is
answered. What is there once the first advice has been given stays until the end.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from racetwin.runtime.face import EngineFace

LOOK_EVERY_S = 1.0


@asynccontextmanager
async def long_lived(runner: EngineFace) -> AsyncIterator[None]:
    """Set aside what is loaded now, and once more when the desk has answered for the first time; undone at the end."""
    gc.collect()
    gc.freeze()
    later = asyncio.create_task(_when_warm(runner), name="garbage collector")
    try:
        yield
    finally:
        later.cancel()
        with suppress(asyncio.CancelledError):
            await later
        gc.unfreeze()


async def _when_warm(runner: EngineFace) -> None:
    while not runner.engine.answers:
        await asyncio.sleep(LOOK_EVERY_S)
    gc.freeze()
