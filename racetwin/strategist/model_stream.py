"""How a server's answer arrives: server-sent events of the OpenAI API, piece by piece, and what can be wrong with them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

import httpx
import orjson

SAID_CHARS = 500
"""Of what a server says about a failure this much is kept, and told to others."""


class BadRequestError(Exception):
    """The server understood and refused: asking the same again is useless. ``said`` is all of what it said."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"{status} {said[:SAID_CHARS]}")
        self.status = status
        self.said = said


class OverloadedError(Exception):
    """The server has too much to do (429, 503)."""


class ServerError(Exception):
    """The server failed; asking again may help."""


async def raise_for_status(reply: httpx.Response) -> None:
    """Raise what a status of 400 and above means, with the server's own words."""
    if reply.status_code < 400:
        return
    said = (await reply.aread()).decode(errors="replace")
    text = f"{reply.status_code} {said[:SAID_CHARS]}"
    if reply.status_code in (429, 503):
        raise OverloadedError(text)
    raise BadRequestError(reply.status_code, said) if reply.status_code < 500 else ServerError(text)


async def events(reply: httpx.Response) -> AsyncGenerator[Mapping[str, Any], None]:
    """Yield the JSON of each server-sent event until ``[DONE]``; a plain JSON reply counts as one event."""
    if "text/event-stream" not in reply.headers.get("content-type", ""):
        yield _parse(await reply.aread())
        return
    async for line in reply.aiter_lines():
        if not line.startswith("data:"):
            continue
        data = line[5:].strip()
        if data == "[DONE]":
            return
        yield _parse(data.encode())
    raise ServerError("the stream broke off")


def text_of(event: Mapping[str, Any]) -> str:
    """Return the piece of text that an event adds."""
    if "error" in event:
        raise ServerError(str(event["error"])[:200])
    choices = event.get("choices") or []
    if not choices or not isinstance(choices[0], dict):
        return ""
    part = choices[0].get("delta") or choices[0].get("message") or {}
    return str(part.get("content") or "")


def _parse(data: bytes) -> Mapping[str, Any]:
    try:
        event = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ServerError(f"not JSON: {data[:80]!r}") from error
    if not isinstance(event, dict):
        raise ServerError(f"not an object: {data[:80]!r}")
    return event
