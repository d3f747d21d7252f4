"""Live feeds by name: ``f1-live``, ``websocket-client:ws://127.0.0.1:8765``, ``udp-json:port=9000,source=garage``.

A specification is the feed's name and, after a colon, options separated by commas: ``name=value``, or a bare value for the one
that matters most (an address, a port, a session). Tokens come from the settings only: a command line can be read by everybody on
the machine.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, field
from typing import Any

from racetwin.config import Settings
from racetwin.config import settings as current_settings
from racetwin.errors import ConfigurationError
from racetwin.telemetry.feeds import FEEDS, feed, game_host
from racetwin.tokens import secret_for

_OPTION = re.compile(r"^([a-z][a-z0-9_]*)=(.*)$", re.DOTALL)
_SECRETS = ("token", "password", "username", "secret")


@dataclass(frozen=True, slots=True)
class FeedSpec:
    """A feed to be opened: its name, its options, and the name its frames carry as ``source`` (None: the feed's own)."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    source: str | None = None

    @property
    def speaks_as(self) -> str | None:
        """The one name that its frames carry as ``source``; None where whoever sends them says who it is."""
        return self.source or _FEEDS[self.name].source


def feed_spec(text: str) -> FeedSpec:
    """Read a specification.

    Raises
    ------
    ConfigurationError
        Naming what is wrong: a feed that there is not or that is not live, an option that it does not have, a value that is none.

    Examples
    --------
    >>> feed_spec("websocket-client:ws://127.0.0.1:8765").options
    {'url': 'ws://127.0.0.1:8765'}
    >>> feed_spec("udp-json:port=9000,source=garage")
    FeedSpec(name='udp-json', options={'port': 9000}, source='garage')
    """
    name, _, rest = text.strip().partition(":")
    info = feed(name)
    known = _FEEDS.get(name)
    if known is None:
        raise ConfigurationError(f"feed {name!r} is read, not opened: {info.example}")
    options: dict[str, Any] = {}
    source: str | None = None
    for part in filter(None, (p.strip() for p in rest.split(","))):
        found = _OPTION.match(part)
        key, value = (found[1], found[2]) if found else (known.bare, part)
        if key in _SECRETS:
            raise ConfigurationError(f"feed {name}: {key} does not belong on a command line; set it in the settings")
        if key == "source":
            if not re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", value):
                raise ConfigurationError(
                    f"feed {name}: source={value!r}, expected up to 40 letters, digits, '-', '_', '.'"
                )
            source = value
        elif key is None or key not in known.options:
            have = ", ".join((*known.options, "source"))
            raise ConfigurationError(f"feed {name}: {part!r} is no option of it; it has {have}")
        else:
            options[key] = _value(name, key, value, known.options[key])
    missing = known.bare if known.needed and known.bare not in options else None
    if missing:
        raise ConfigurationError(f"{missing}: missing, expected {name}:{missing}={known.needed}")
    return FeedSpec(name, options, source)


def open_feed(name: str, settings: Settings | None = None, **options: Any) -> AsyncIterable[Any]:
    """Return a feed that delivers as it happens, set up from the settings; ``options`` go to its class.

    Examples
    --------
    >>> async for raw in open_feed("websocket-client", url="ws://127.0.0.1:8765"):  # doctest: +SKIP
    ...     ingestor.process(raw)
    """
    known = _FEEDS.get(feed(name).name)
    if known is None:
        raise ConfigurationError(f"feed {name!r} is read, not opened: {feed(name).example}")
    opened: AsyncIterable[Any] = known.opener(settings or current_settings(), options)
    return opened


def live_feeds() -> tuple[str, ...]:
    """Return the names of the feeds that can be opened, in the order of :data:`racetwin.telemetry.feeds.FEEDS`."""
    return tuple(info.name for info in FEEDS if info.name in _FEEDS)


# --- how each is built ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Known:
    """A feed: how it is built, its options and their types, which of them a bare value is, and what its frames have as source."""

    opener: Callable[[Settings, dict[str, Any]], Any]
    options: dict[str, Callable[[str], Any]]
    bare: str | None = None
    needed: str = ""
    source: str | None = None


def _value(name: str, key: str, text: str, kind: Callable[[str], Any]) -> Any:
    try:
        return kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise ConfigurationError(f"feed {name}: {key}={text!r}, expected {what}") from None


def _senders(text: str) -> list[str]:
    return [a.strip() for a in re.split(r"[,+ ]", text) if a.strip()]


def _websocket_server(s: Settings, options: dict[str, Any]) -> Any:
    from racetwin.telemetry.websocket_server import TelemetryServer

    given = {"host": s.host, "port": s.telemetry_port, "token": secret_for(s, "ingest"), "tls": _tls(s)}
    return TelemetryServer(**{**given, **options})


def _tls(s: Settings) -> ssl.SSLContext | None:
    """Return how a port is encrypted, if it is: with the certificate that the API has, too."""
    if s.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(s.tls_certificate, s.tls_key)
    except OSError as error:
        why = error.strerror or error
        raise ConfigurationError(f"tls_certificate: {s.tls_certificate} cannot be used ({why})") from None
    return context


def _websocket_client(s: Settings, options: dict[str, Any]) -> Any:
    from racetwin.telemetry.websocket_client import LiveTelemetryClient

    return LiveTelemetryClient(**{"token": s.feed_token, **options})


def _udp_json(s: Settings, options: dict[str, Any]) -> Any:
    from racetwin.telemetry.udp_json import UdpJsonFeed

    return UdpJsonFeed(**{"host": s.host, "port": s.udp_json_port, "token": secret_for(s, "ingest"), **options})


def _ea_udp(s: Settings, options: dict[str, Any]) -> Any:
    from racetwin.telemetry.ea_udp import EaUdpFeed

    senders = _senders(s.game_senders) if s.game_senders else None
    return EaUdpFeed(**{"host": game_host(s), "port": s.udp_game_port, "senders": senders, **options})


def _f1_live(s: Settings, options: dict[str, Any]) -> Any:
    from racetwin.telemetry.f1_live import F1LiveFeed

    return F1LiveFeed(**{"token": s.f1tv_token, **options})


def _openf1_live(s: Settings, options: dict[str, Any]) -> Any:
    from racetwin.telemetry.openf1 import API, OpenF1Live, OpenF1Login

    token: Any = s.openf1_token
    if token is None and "token" not in options:
        token = OpenF1Login(s.openf1_username, s.openf1_password, base_url=options.get("api") or API)
    return OpenF1Live(**{"token": token, **options})


def _openf1_history(s: Settings, options: dict[str, Any]) -> Any:
    from racetwin.telemetry.openf1 import OpenF1History

    if "session_key" not in options:
        raise ConfigurationError("session_key: missing, expected OpenF1's number of the session (or 'latest')")
    return OpenF1History(**{"token": s.openf1_token, **options})


_FEEDS: dict[str, _Known] = {
    "websocket-server": _Known(_websocket_server, {"host": str, "port": int, "rate": float, "burst": float}, "port"),
    "websocket-client": _Known(_websocket_client, {"url": str, "quiet_s": float, "stale_s": float}, "url"),
    "udp-json": _Known(_udp_json, {"host": str, "port": int, "senders": _senders}, "port"),
    "ea-udp": _Known(_ea_udp, {"host": str, "port": int, "hz": float, "senders": _senders}, "port", source="ea-udp"),
    "f1-live": _Known(_f1_live, {"url": str, "hz": float, "stale_s": float}, "url", source="f1"),
    "openf1-live": _Known(
        _openf1_live, {"broker": str, "api": str, "hz": float, "stale_s": float}, "broker", source="openf1"
    ),
    "openf1-history": _Known(
        _openf1_history, {"session_key": str, "hz": float, "base_url": str}, "session_key", "9165", source="openf1"
    ),
}
