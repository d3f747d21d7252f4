"""The tables of ``docs/scoreboard.md``, written from the rows that ``racetwin backtest --json`` wrote, never by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from racetwin.errors import InputError

HEAD = "| forecast | score | 90 % | n | rule | must | aim | met |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n"


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a Markdown table, those over all races first as they come, and notes as lines below it.

    Examples
    --------
    >>> row = {"name": "x", "value": 1.2345, "low": 1, "high": 2, "n": 1200, "baseline": None, "must": 1.5, "aim": 1, "met": True}
    >>> print(markdown_table([row]).splitlines()[-1])
    | x | 1.234 | 1.000 to 2.000 | 1,200 |  | 1.500 | 1.000 | yes |
    """
    lines = []
    notes = [r["name"] for r in rows if not r["n"]]
    for r in (r for r in rows if r["n"]):
        met = {None: "", True: "yes", False: "no"}[r["met"]]
        between = f"{_number(r['low'])} to {_number(r['high'])}" if r["low"] is not None else ""
        cells = [
            r["name"],
            _number(r["value"]),
            between,
            f"{r['n']:,}",
            *(_number(r[k]) for k in ("baseline", "must", "aim")),
            met,
        ]
        lines.append("| " + " | ".join(cells) + " |\n")
    return HEAD + "".join(lines) + "".join(f"\n{note}\n" for note in notes)


def _number(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "-".join(f"{v:g}" for v in value)
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def write_table(page: str, name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a page with the table between ``<!-- table NAME -->`` and ``<!-- end NAME -->`` replaced."""
    begin, end = f"<!-- table {name} -->\n", f"<!-- end {name} -->"
    found = re.search(re.escape(begin) + ".*?" + re.escape(end), page, flags=re.DOTALL)
    if found is None:
        raise InputError(
            f"page: no lines {begin.strip()!r} and {end!r} in it, expected the place of the table {name!r}"
        )
    return page[: found.start()] + begin + markdown_table(rows) + end + page[found.end() :]
