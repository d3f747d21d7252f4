"""A server that answers while its desk computes: what CPython does that would hold up every viewer is kept short.

The garbage collector: a full round looks at every object there is; with NumPy, Numba and the web stack that takes 50 to 100 ms,
in which nobody is answered. What is there once the first advice has been given stays until the end, and is set aside.

The interpreter's lock: a thread that computes in Python may keep it for 5 ms each time another wants it, and a request wants it
several times. Here it is a small part of that.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from racetwin.runtime.face import EngineFace

LOOK_EVERY_S = 1.0
SWITCH_S = 0.0003
"""Most seconds a thread keeps the interpreter when another waits for it."""


@asynccontextmanager
async def responsive(runner: EngineFace) -> AsyncIterator[None]:
    """Keep threads' turns short and set aside what is loaded, now and when the desk has first answered; undone at the end."""
    switch_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    later = asyncio.create_task(_when_warm(runner), name="garbage collector")
    try:
        yield
    finally:
        later.cancel()
        await asyncio.gather(later, return_exceptions=True)
        gc.unfreeze()
        sys.setswitchinterval(switch_s)


async def _when_warm(runner: EngineFace) -> None:
    while not runner.engine.answers:
        await asyncio.sleep(LOOK_EVERY_S)
    gc.freeze()
