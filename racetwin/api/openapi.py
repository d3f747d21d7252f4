"""The OpenAPI document: what FastAPI knows of the routes, with an example of everything and the token where one is needed."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from racetwin.api.examples import illustrate
from racetwin.api.security import OPEN_PATHS, Policy


def install(app: FastAPI, policy: Policy) -> None:
    """Have the application describe itself so; the document is made when it is first asked for."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            for path, methods in document["paths"].items():
                for method, operation in methods.items():
                    illustrate(operation, f"{method.upper()} {path}")
            if policy.tokens:
                _ask_for_token(document)
        return app.openapi_schema or plain()

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation does it


def _ask_for_token(document: dict[str, Any]) -> None:
    schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
    schemes["token"] = {"type": "http", "scheme": "bearer", "description": "a token that allows what is asked"}
    document["security"] = [{"token": []}]
    for path in OPEN_PATHS & document["paths"].keys():
        for operation in document["paths"][path].values():
            operation["security"] = []
