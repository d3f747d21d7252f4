"""`racetwin status`: a running engine, as a live view in the terminal."""

from __future__ import annotations

import time
from typing import Annotated, Any

import httpx
import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table

from racetwin.cli.output import console, print_json, table
from racetwin.config import settings
from racetwin.errors import RacetwinError
from racetwin.tokens import secret_for


def status(
    url: Annotated[str | None, typer.Option(help="Address of the engine; default: this machine's API port.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Print once and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON once and end.")] = False,
) -> None:
    """Show how a running engine is doing: its parts, latencies and alarms; Ctrl-C ends it.

    Example: `racetwin status --once`
    """
    now = settings()
    root = (url or now.engine or f"http://{now.host}:{now.api_port}").replace("ws", "http", 1).removesuffix("/ws")
    secret = secret_for(now, "read")
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    with httpx.Client(base_url=f"{root}/api/v1", headers=headers, timeout=5.0, trust_env=False) as client:
        if as_json:
            print_json({"health": _get(client, "health"), "performance": _get(client, "system/performance")})
        elif once:
            console.print(_view(client))
        else:
            with Live(_view(client), console=console, refresh_per_second=4) as screen:
                while True:
                    time.sleep(0.5)
                    try:
                        screen.update(_view(client))
                    except RacetwinError as error:  # an engine that is started again is waited for
                        screen.update(Group(f"[bold red]{error}[/]"))


def _get(client: httpx.Client, path: str) -> dict[str, Any]:
    try:
        answer = client.get(path)
    except httpx.HTTPError:
        raise RacetwinError(f"no engine answers at {client.base_url}; start one with 'racetwin serve'") from None
    if answer.status_code != 200:
        raise RacetwinError(f"engine at {client.base_url}: {answer.json().get('detail', answer.status_code)}")
    found: dict[str, Any] = answer.json()
    return found


def _view(client: httpx.Client) -> Group:
    health, performance = _get(client, "health"), _get(client, "system/performance")
    parts = [
        (name, str(part["status"]), ", ".join(f"{k} {v}" for k, v in part.items() if k != "status" and v is not None))
        for name, part in health["components"].items()
    ]
    stages = [
        (name, *(f"{figures[k]:.2f}" for k in ("p50_ms", "p95_ms", "p99_ms")), str(figures["count"]))
        for name, figures in performance.items()
        if isinstance(figures, dict) and "p99_ms" in figures
    ]
    title = f"{health['race_id'] or 'no race yet'}: {health['status']}, frames {health['frames_in']}"
    own = f"memory {performance['memory_mib'] or 0:.0f} MiB, up {performance['uptime_s']:.0f} s"
    alarms = Table.grid()
    for alarm in health["alarms"]:
        alarms.add_row(f"[bold red]{alarm['level']}[/] {alarm['text']}")
    return Group(
        table(f"{title}/{health['frames_processed']}", ("part", "state", ""), parts, left=3),
        own,
        table("milliseconds", ("stage", "median", "p95", "p99", "count"), stages),
        alarms,
    )
