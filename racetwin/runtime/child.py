"""Modules of ours run as processes of their own."""

from __future__ import annotations

import asyncio
import sys

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
