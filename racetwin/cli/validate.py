"""`racetwin validate` tells whether everything is here that race day needs."""

from __future__ import annotations

import importlib
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import httpx
import typer

from racetwin.cli.output import console, print_json, table
from racetwin.config import Settings, settings
from racetwin.errors import RacetwinError


@dataclass(frozen=True, slots=True)
class Check:
    """Outcome of one check; only a failed one that is ``required`` makes the command fail."""

    name: str
    ok: bool
    detail: str
    required: bool = True


def validate(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check imports, kernel, race data, write access, ports and the MAX server; exit code 1 if race day could not run.

    Example: `racetwin validate`
    """
    now = settings()
    checks = [_guarded(name, check, now) for name, check in _CHECKS]
    failed = [c for c in checks if not c.ok and c.required]
    if as_json:
        print_json({"ok": not failed, "checks": [asdict(c) for c in checks]})
    else:
        marks = {True: "ok", False: "FAILED"}
        rows = [(c.name, marks[c.ok] if c.required or c.ok else "absent", c.detail) for c in checks]
        console.print(table("", ("check", "", "detail"), rows, left=3))
        console.print("Ready for race day." if not failed else f"{len(failed)} of {len(checks)} checks failed.")
    if failed:
        raise typer.Exit(1)


def _guarded(name: str, check: Callable[[Settings], Check], now: Settings) -> Check:
    try:
        return check(now)
    except Exception as error:
        return Check(name, False, f"{type(error).__name__}: {error}".splitlines()[0])


def _imports(_: Settings) -> Check:
    rooms = ("schemas", "config", "telemetry", "simulation", "twins", "strategist", "runtime", "api", "widgets")
    for room in rooms:
        importlib.import_module(f"racetwin.{room}")
    return Check("imports", True, f"{len(rooms)} packages")


def _kernel(now: Settings) -> Check:
    from racetwin.runtime.catch_up import twin_at
    from racetwin.simulation import PitPlan, simulate
    from racetwin.telemetry import TelemetrySimulator

    state = twin_at(TelemetrySimulator("monza", 2024, seed=1).record, 10).race_state()
    plan = PitPlan.of((state.total_laps // 2, "HARD"))
    start = time.perf_counter()
    result = simulate(state, (plan,), 256, 1, now.backend, car_id=state.car_id[0])
    rate = 256 / (time.perf_counter() - start)
    return Check("kernel", int(result.histogram[0, 0].sum()) == 256, f"{result.backend}, {rate:,.0f} races/s")


def _data(now: Settings) -> Check:
    from racetwin.telemetry.library import RaceLibrary

    try:
        races = RaceLibrary(now).list()
    except RacetwinError as error:
        return Check("race data", False, str(error), required=now.data is not None)
    if races.empty:
        return Check("race data", False, "none: races will be simulated (set RACETWIN_DATA)", required=False)
    return Check("race data", True, f"{len(races)} races")


def _writable(now: Settings) -> Check:
    for folder in (now.state, now.cache, now.library):
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    return Check("write access", True, f"{now.state}, {now.cache}, {now.library}")


def _ports(now: Settings) -> Check:
    taken = []
    for name in ("api_port", "telemetry_port", "voila_port"):
        port = getattr(now, name)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((now.host, port))
            except OSError:
                taken.append(f"{port} (RACETWIN_{name.upper()})")
    if taken:
        return Check("ports", False, f"taken: {', '.join(taken)}; stop what holds them or set other ports")
    return Check("ports", True, f"{now.api_port}, {now.telemetry_port}, {now.voila_port} are free")


def _max(now: Settings) -> Check:
    try:
        models = httpx.get(f"{now.llm_url}/models", timeout=2.0).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        why = f"no answer from {now.llm_url} ({type(error).__name__}): advice is worded by rules"
        return Check("MAX", False, why, required=False)
    return Check("MAX", True, ", ".join(str(m.get("id")) for m in models.get("data", [])) or "no model", required=False)


_CHECKS: tuple[tuple[str, Callable[[Settings], Check]], ...] = (
    ("imports", _imports),
    ("kernel", _kernel),
    ("race data", _data),
    ("write access", _writable),
    ("ports", _ports),
    ("MAX", _max),
)
