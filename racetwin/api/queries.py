"""A misspelt query parameter is an error: an answer about something else than was asked is worse than none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi import Request
from fastapi.exceptions import RequestValidationError

if TYPE_CHECKING:
    from fastapi.dependencies.models import Dependant


def only_known_queries(request: Request) -> None:
    """Refuse a request with a query parameter that its operation does not document, naming those it has."""
    asked = request.query_params
    if not asked:
        return
    known = sorted(_names(request.scope["route"].dependant))
    wrong = [
        {
            "type": "extra_forbidden",
            "loc": ("query", name),
            "msg": f"unknown parameter, expected {', '.join(known) or 'none'}",
            "input": value,
        }
        for name, value in asked.multi_items()
        if name not in known
    ]
    if wrong:
        raise RequestValidationError(wrong)


def _names(dependant: Dependant) -> Iterator[str]:
    """Yield the query parameters of an operation and of what it depends on."""
    yield from (parameter.alias for parameter in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _names(inner)
