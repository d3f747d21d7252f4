"""Modules of ours run as processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson

from racetwin.errors import RacetwinError


async def run_module(module: str, *arguments: object) -> bytes:
    """Run ``python -m module arguments...`` with this interpreter and return what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *map(str, arguments), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise RacetwinError(f"{module} ended with status {process.returncode}; its message is above")
    return out


@contextlib.asynccontextmanager
async def module_running(module: str, *arguments: object) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
    """Run ``python -m module arguments...`` beside what is done here; yields how to end it and get the JSON that it prints.

    The module is told to end by the end of its standard input.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *map(str, arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )

    async def finish() -> Any:
        out, _ = await process.communicate(b"")  # which closes its standard input
        if process.returncode:
            raise RacetwinError(f"{module} ended with status {process.returncode}; its message is above")
        return orjson.loads(out)

    try:
        yield finish
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
