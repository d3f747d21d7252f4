"""Errors as RFC 9457 problem documents: ``application/problem+json``."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from racetwin.errors import DataError, RacetwinError

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What went wrong, in the form of RFC 9457."""

    type: str = Field(default="about:blank")
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str | None = Field(default=None, examples=["car_id: '99' is not in this race; cars: 1, 4, 16"])
    errors: list[dict[str, Any]] | None = Field(default=None, description="each invalid field with what was expected")


def problem(
    status: int,
    detail: str | None = None,
    *,
    errors: list[dict[str, Any]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return a problem document as a response."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors)
    return Response(body.model_dump_json(exclude_none=True), status, media_type=MEDIA_TYPE, headers=headers)


class UnavailableError(RacetwinError):
    """The engine cannot answer yet or any more: the client may try again."""


class NotThereError(RacetwinError):
    """What was asked about is not in this race, or was not known then."""


def install(app: FastAPI) -> None:
    """Answer every error of the application with a problem document."""

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail), headers=dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        found = [
            {"location": ".".join(map(str, e["loc"])), "expected": e["msg"], "value": _short(e.get("input"))}
            for e in error.errors()
        ]
        return problem(422, "; ".join(f"{f['location']}: {f['expected']}" for f in found), errors=found)

    @app.exception_handler(RacetwinError)
    async def _ours(_: Request, error: RacetwinError) -> Response:
        if isinstance(error, UnavailableError):
            return problem(503, str(error), headers={"Retry-After": "1"})
        # A well-formed question that does not fit the race as it is conflicts with its state; 422 is for what is malformed.
        return problem(404 if isinstance(error, NotThereError | DataError) else 409, str(error))

    @app.exception_handler(Exception)
    async def _unexpected(_: Request, error: Exception) -> Response:
        return problem(500, f"{type(error).__name__}; the engine's log has the rest")


def _short(value: Any) -> str:
    try:
        text = orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."
