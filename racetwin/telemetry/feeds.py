"""The feeds there are: what each gives, what it needs, and whether it could start here and now.

``racetwin feeds`` prints this; :func:`racetwin.telemetry.feed_opening.open_feed` builds a live one from the settings.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from racetwin.config import Settings
from racetwin.config import settings as current_settings
from racetwin.errors import ConfigurationError
from racetwin.telemetry.datagrams import is_loopback

State = Literal["ready", "limited", "unavailable"]


@dataclass(frozen=True, slots=True)
class FeedInfo:
    """One feed.

    ``kind`` says how it delivers: ``live`` (connects out), ``listens`` (others connect or send to it), ``recorded`` or
    ``simulated``.
    """

    name: str
    kind: Literal["live", "listens", "recorded", "simulated"]
    gives: str
    needs: str
    module: str
    example: str


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """Whether a feed could start, and what is missing if it could not, or not with everything."""

    state: State
    detail: str


FEEDS: tuple[FeedInfo, ...] = (
    FeedInfo(
        "websocket-server",
        "listens",
        "frames that others push, of our schema or the original one, each acknowledged",
        "port 8765; a token beyond loopback",
        "racetwin.telemetry.websocket_server",
        "async with TelemetryServer() as server:\n    async for raw in server: ...",
    ),
    FeedInfo(
        "websocket-client",
        "live",
        "frames of another racetwin, or of any server that sends telemetry JSON; resumes after a break",
        "the server's address, and its token if it has one",
        "racetwin.telemetry.websocket_client",
        'async for raw in LiveTelemetryClient("ws://127.0.0.1:8765"): ...',
    ),
    FeedInfo(
        "udp-json",
        "listens",
        "frames as JSON datagrams",
        "port 8766; a token or named senders beyond loopback",
        "racetwin.telemetry.udp_json",
        "async for raw in UdpJsonFeed(): ...",
    ),
    FeedInfo(
        "ea-udp",
        "listens",
        "the EA game, formats 2018 to 2026: timing, car data, tyres and their wear, fuel, damage, positions in metres",
        "port 20777, the extra [feeds]; named senders beyond loopback",
        "racetwin.telemetry.ea_udp",
        "async for frame in EaUdpFeed(): ...",
    ),
    FeedInfo(
        "f1-live",
        "live",
        "Formula 1 live timing: positions, gaps, laps, sectors, tyres, stops, race control, weather; with a token car data too",
        "internet; an F1TV token (RACETWIN_F1TV_TOKEN) for everything",
        "racetwin.telemetry.f1_live",
        "async for frame in F1LiveFeed(): ...",
    ),
    FeedInfo(
        "f1-recording",
        "recorded",
        "the same from recordings: .jsonStream, SignalR frames, FastF1 live recordings, server-sent events",
        "the file or folder",
        "racetwin.telemetry.f1_recordings",
        'for frame in read_recording("session.txt.gz", hz=10): ...',
    ),
    FeedInfo(
        "openf1-live",
        "live",
        "OpenF1's broker: timing, race control, weather, car data, locations",
        "internet, an OpenF1 account or token, the extra [feeds]",
        "racetwin.telemetry.openf1",
        "async for frame in OpenF1Live(OpenF1Login()): ...",
    ),
    FeedInfo(
        "openf1-history",
        "recorded",
        "OpenF1's history since 2023 over REST",
        "internet",
        "racetwin.telemetry.openf1",
        "async for frame in OpenF1History(9165): ...",
    ),
    FeedInfo(
        "fastf1",
        "recorded",
        "sessions loaded with FastF1, brought into the library",
        "the extra [fastf1], internet or FastF1's cache",
        "racetwin.telemetry.fastf1_feed",
        'add_race(2024, "Monza")',
    ),
    FeedInfo(
        "laps",
        "recorded",
        "lap tables of the data folder and the library, as 10 Hz frames or one for every happening",
        "RACETWIN_DATA or races in the library",
        "racetwin.telemetry.laptable",
        "for frame in frames(RaceLibrary().load(race_id), hz=10): ...",
    ),
    FeedInfo(
        "simulator",
        "simulated",
        "a Grand Prix drawn from the race model, with faults on demand",
        "nothing",
        "racetwin.telemetry.simulator",
        "for frame in TelemetrySimulator(seed=1): ...",
    ),
)
"""All feeds, in the order in which a user would look for them."""


def feed(name: str) -> FeedInfo:
    """Return a feed by name.

    Examples
    --------
    >>> feed("ea-udp").kind
    'listens'
    """
    for info in FEEDS:
        if info.name == name:
            return info
    raise ConfigurationError(f"feed {name!r} does not exist: choose one of {', '.join(i.name for i in FEEDS)}")


def feed_status(info: FeedInfo, settings: Settings | None = None) -> FeedStatus:
    """Return whether a feed could start here and now. Looks at packages, settings and ports; connects to nobody."""
    s = settings or current_settings()
    extra = _EXTRAS.get(info.name)
    if extra is not None and not all(_has(package) for package in extra[1]):
        return FeedStatus("unavailable", f"install it with  pip install 'racetwin[{extra[0]}]'")
    check = _CHECKS.get(info.name)
    return check(s) if check is not None else FeedStatus("ready", "")


def feeds_table(settings: Settings | None = None) -> list[dict[str, str]]:
    """Return one row a feed: name, kind, what it gives and needs, and its status."""
    rows = []
    for info in FEEDS:
        status = feed_status(info, settings)
        rows.append(
            {
                "feed": info.name,
                "kind": info.kind,
                "gives": info.gives,
                "needs": info.needs,
                "status": status.state,
                "detail": status.detail,
            }
        )
    return rows


# --- what each needs -------------- -----------------------------------------------------------------------------

_EXTRAS = {
    "ea-udp": ("feeds", ("f1.packets",)),
    "openf1-live": ("feeds", ("aiomqtt",)),
    "fastf1": ("fastf1", ("fastf1",)),
}


def _has(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def _port(kind: socket.SocketKind, port: int, host: str) -> FeedStatus | None:
    """Return why a port cannot be had; ``None`` if it can."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return FeedStatus("unavailable", f"port {port} on {host} is not free ({error.strerror or error})")
    return None


def _websocket_server(s: Settings) -> FeedStatus:
    if not is_loopback(s.host) and s.token is None:
        return FeedStatus("unavailable", f"host {s.host} is reachable from outside: set RACETWIN_TOKEN")
    return _port(socket.SOCK_STREAM, s.telemetry_port, s.host) or FeedStatus("ready", f"{s.host}:{s.telemetry_port}")


def _udp_json(s: Settings) -> FeedStatus:
    if not is_loopback(s.host) and s.token is None:
        return FeedStatus("unavailable", f"host {s.host} is reachable from outside: set RACETWIN_TOKEN")
    return _port(socket.SOCK_DGRAM, s.udp_json_port, s.host) or FeedStatus("ready", f"{s.host}:{s.udp_json_port}")


def _ea_udp(s: Settings) -> FeedStatus:
    host = game_host(s)
    taken = _port(socket.SOCK_DGRAM, s.udp_game_port, host)
    if taken is None and host == "127.0.0.1" and not is_loopback(s.host):
        return FeedStatus("limited", "hears this machine only: name the game's address in RACETWIN_GAME_SENDERS")
    return taken or FeedStatus("ready", f"{host}:{s.udp_game_port}")


def game_host(s: Settings) -> str:
    """Where the game is listened for: it cannot send a token, so beyond loopback only where its address is named."""
    return s.host if is_loopback(s.host) or s.game_senders else "127.0.0.1"


def _f1_live(s: Settings) -> FeedStatus:
    if s.f1tv_token is None:
        return FeedStatus(
            "limited", "without a token (RACETWIN_F1TV_TOKEN) only public topics, no car data or positions"
        )
    return FeedStatus("ready", "token set")


def _openf1_live(s: Settings) -> FeedStatus:
    if s.openf1_token is None and (s.openf1_username is None or s.openf1_password is None):
        return FeedStatus(
            "unavailable", "set RACETWIN_OPENF1_USERNAME and RACETWIN_OPENF1_PASSWORD, or RACETWIN_OPENF1_TOKEN"
        )
    return FeedStatus("ready", "token set" if s.openf1_token is not None else "account set")


def _laps(s: Settings) -> FeedStatus:
    if s.data is not None and (s.data / "laps.parquet").is_file():
        return FeedStatus("ready", str(s.data))
    if s.library.is_dir() and any(s.library.iterdir()):
        return FeedStatus("ready", str(s.library))
    return FeedStatus("unavailable", "no races yet: set RACETWIN_DATA, or bring one in with  racetwin data add")


_CHECKS: dict[str, Callable[[Settings], FeedStatus]] = {
    "websocket-server": _websocket_server,
    "udp-json": _udp_json,
    "ea-udp": _ea_udp,
    "f1-live": _f1_live,
    "openf1-live": _openf1_live,
    "laps": _laps,
}
