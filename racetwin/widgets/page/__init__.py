"""The race-day page in a browser: what its address asks for. Its Voila template lies beside this module."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal
from urllib.parse import parse_qs


def asked_car(environment: Mapping[str, str] | None = None) -> str | None:
    """Return the car that the page's address names (``...?car=44``), None without one.

    Voila hands the address's query to the kernel in the environment variable ``QUERY_STRING``, as web servers always have.
    """
    query = (os.environ if environment is None else environment).get("QUERY_STRING", "")
    car = parse_qs(query).get("car", [""])[0]
    return car if car.isdigit() and len(car) <= 3 else None


def asked_theme(query: str) -> Literal["dark", "light"] | None:
    """Return the theme that the page's address names (``...?theme=light``), None without one."""
    theme = parse_qs(query.lstrip("?")).get("theme", [""])[0]
    return "dark" if theme == "dark" else "light" if theme == "light" else None
