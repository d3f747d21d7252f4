"""How commands print: tables for people, JSON for scripts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import plotly.graph_objects as go

console = Console(width=None if sys.stdout.isatty() else 140)
"""A terminal's own width; a pipe or a file has none, and a table must not be folded to 80 columns for it."""


def print_json(value: Any) -> None:
    """Print a value as indented JSON: the same value, the same bytes."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> Table:
    """Build a table whose first ``left`` columns are text and whose other columns are numbers."""
    out = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for i, column in enumerate(columns):
        out.add_column(column, justify="left" if i < left else "right")
    for row in rows:
        out.add_row(*row)
    return out


def write_figures(file: Path, title: str, figures: Sequence[go.Figure]) -> None:
    """Write figures to an HTML page that needs no internet."""
    parts = [
        f.to_html(full_html=False, include_plotlyjs=k == 0, config={"displayModeBar": False})
        for k, f in enumerate(figures)
    ]
    head = f"<meta charset='utf-8'><title>{title}</title>"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        f"<!doctype html>{head}<body style='background:#121820'>{''.join(parts)}</body>\n", encoding="utf-8"
    )
