"""A live race that follows an engine in another process, over its WebSocket."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit, urlunsplit

import httpx
import orjson
from pydantic import TypeAdapter
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.sync.client import ClientConnection, connect

from racetwin.errors import ConfigurationError, InputError, RacetwinError
from racetwin.runtime.channel import EARLY, Link
from racetwin.runtime.snapshot import RaceSnapshot
from racetwin.runtime.wire import MAX_RATE_HZ, Reader
from racetwin.schemas import (
    Deliberation,
    DeskReply,
    FollowUp,
    PlannedStop,
    PlanTrial,
    RaceFan,
    Recommendation,
    Rejoin,
    WhatIf,
)
from racetwin.strategist.life import Action

_WINDOW = TypeAdapter(tuple[Rejoin, ...])

RETRY_FIRST_S = 0.2
RETRY_LAST_S = 5.0
SILENCE_S = 5.0
"""An engine sends at least its counters twice a second; longer silence means that the connection is dead."""
REST_HZ = 0.5
"""Updates a second while nobody looks: enough to be in the picture at once, and a sign of life."""
MAX_MESSAGE = 64 * 2**20


def endpoints(url: str) -> tuple[str, str]:
    """Return the WebSocket and the REST address of the engine at ``url`` (``ws://host:port/ws`` or ``http://host:port``)."""
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss", "http", "https") or not parts.netloc:
        raise ConfigurationError(f"engine: {url!r} is no address; expected ws://host:port/ws or http://host:port")
    secure = parts.scheme in ("wss", "https")
    path = parts.path if parts.path.rstrip("/").endswith("/ws") else parts.path.rstrip("/") + "/ws"
    root = path.removesuffix("/ws")
    return (
        urlunsplit(("wss" if secure else "ws", parts.netloc, path, "", "")),
        urlunsplit(("https" if secure else "http", parts.netloc, root, "", "")),
    )


class Subscription:
    """Session of a :class:`racetwin.runtime.live.LiveRace` that subscribes to a running engine.

    ``url`` may name several, separated by commas: an engine and its standby. When one does not answer, the next is tried.
    """

    def __init__(self, url: str, *, rate_hz: float = 10.0, token: str | None = None) -> None:
        if not rate_hz > 0:
            raise InputError(f"rate_hz: {rate_hz!r}, expected a number above 0")
        self._engines = [endpoints(one.strip()) for one in url.split(",")]
        self._at = 0
        self.reconnects = 0
        self._rate_hz = rate_hz
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._connection: ClientConnection | None = None
        self._wanted: tuple[str, ...] = ()
        self._reader = Reader()
        self._client: httpx.Client | None = None
        self._resting = False
        self.on_link: Callable[[Link], None] | None = None

    @property
    def ws_url(self) -> str:
        """WebSocket address of the engine at hand."""
        return self._engines[self._at][0]

    @property
    def http_url(self) -> str:
        """REST address of the engine at hand."""
        return self._engines[self._at][1]

    def run(self, publish: Callable[[RaceSnapshot], None], report: Callable[[Exception], None]) -> None:
        """Receive until :meth:`stop`; a lost connection is tried again and resumes where it was."""
        wait = RETRY_FIRST_S
        told = False
        self._say("connecting")
        while not self._stop.is_set():
            try:
                with connect(
                    self.ws_url,
                    additional_headers=self._headers,
                    max_size=MAX_MESSAGE,
                    open_timeout=5,
                    close_timeout=1,
                    compression=None,
                    proxy=None,
                ) as connection:
                    self._subscribe(connection)
                    wait, told = RETRY_FIRST_S, False
                    self._say("up")
                    self._receive(connection, publish)
            except (OSError, TimeoutError, ConnectionClosed, InvalidHandshake, InvalidURI, InputError) as error:
                if not told and not self._stop.is_set():
                    told = True
                    report(RacetwinError(f"engine at {self.ws_url}: {_reason(error)}; trying again"))
                    self._say("lost", _reason(error))
                if isinstance(error, InputError):
                    self._reader = Reader()  # what came does not fit: start over with the full state
                self._at = (self._at + 1) % len(self._engines)
            finally:
                self._connection = None
            self._stop.wait(wait * random.uniform(0.8, 1.2))
            wait = min(2 * wait, RETRY_LAST_S)
            self.reconnects += 1

    def _say(self, state: Literal["connecting", "up", "lost"], text: str = "") -> None:
        if self.on_link is not None:
            self.on_link(Link(state, time.time(), text, self.reconnects))

    def _subscribe(self, connection: ClientConnection) -> None:
        with self._lock:
            self._connection = connection
            self._hello(connection)

    def _hello(self, connection: ClientConnection) -> None:
        known = self._reader.snapshot
        rate = min(REST_HZ, self._rate_hz) if self._resting else self._rate_hz
        # At exactly the race's own rate a message in between is never made up for: each frame would wait for the next turn.
        asked = min(rate / EARLY, MAX_RATE_HZ)
        hello: dict[str, Any] = {"type": "subscribe", "rate_hz": asked, "follow": list(self._wanted)}
        if known is not None:
            hello["resume"] = {"run_id": known.run_id, "version": known.version}
        connection.send(orjson.dumps(hello).decode())

    def rest(self, resting: bool) -> None:
        """Ask for :data:`REST_HZ` only while nobody looks, for the full rate again when somebody does."""
        with self._lock:
            if resting == self._resting:
                return
            self._resting = resting
            if self._connection is not None:
                # a connection that is being lost: the next one begins with the right rate
                with contextlib.suppress(OSError, ConnectionClosed):
                    self._hello(self._connection)

    def _receive(self, connection: ClientConnection, publish: Callable[[RaceSnapshot], None]) -> None:
        while not self._stop.is_set():
            message = orjson.loads(connection.recv(timeout=SILENCE_S))
            if message.get("type") in ("full", "delta"):
                publish(self._reader.apply(message))
            elif message.get("type") == "error":
                raise InputError(str(message.get("detail")))

    def stop(self) -> None:
        """Make :meth:`run` return soon."""
        self._stop.set()
        connection = self._connection
        if connection is not None:
            connection.close()
        if self._client is not None:
            self._client.close()
            self._client = None

    def follow(self, cars: tuple[str, ...]) -> None:
        """Ask the engine for plans of these cars."""
        with self._lock:
            self._wanted = cars
            if self._connection is not None:
                # a connection that is being lost: the next one asks for them
                with contextlib.suppress(OSError, ConnectionClosed):
                    self._connection.send(orjson.dumps({"type": "follow", "cars": list(cars)}).decode())

    def at(self, lap: int | None, time_s: float | None) -> RaceSnapshot:
        """Return what the engine knew at a moment."""
        moment = str(lap) if lap is not None else f"{time_s:.6f}s"
        answer = self._request("GET", f"/api/v1/snapshot?{urlencode({'at': moment})}")
        return Reader().apply(answer.content)

    def control(self, action: str, value: float | None) -> None:
        """Pause, resume or hasten the engine's replay."""
        self._request("POST", "/api/v1/control", json={"action": action} | ({} if value is None else {"value": value}))

    def what_if(self, car_id: str, lever: str, objective: str) -> WhatIf:
        """Ask the engine's desk about the present race with one thing changed."""
        question = {"car_id": car_id, "lever": lever, "objective": objective}
        return WhatIf.model_validate_json(self._request("POST", "/api/v1/strategy/what-if", json=question).content)

    def deliberate(self, car_id: str, kind: Deliberation, objective: str) -> DeskReply:
        """Ask the engine's desk what takes longer than a ranking."""
        question = {"car_id": car_id, "kind": kind, "objective": objective}
        return DeskReply.model_validate_json(self._request("POST", "/api/v1/strategy/desk", json=question).content)

    def decide(self, advice_id: str, action: Action, by: str) -> Recommendation:
        """Tell the engine what a strategist does with a piece of advice."""
        body = {"action": action, "by": by}
        answer = self._request("POST", f"/api/v1/strategy/advice/{advice_id}", json=body)
        return Recommendation.model_validate_json(answer.content)

    def follow_up(self, car_id: str, question: str) -> FollowUp:
        """Ask the engine about the call of a car."""
        body = {"car_id": car_id, "question": question}
        return FollowUp.model_validate_json(self._request("POST", "/api/v1/strategy/ask", json=body).content)

    def pit_window(self, car_id: str, laps: int) -> tuple[Rejoin, ...]:
        """Ask the engine for the rejoin on each of the coming laps under green, VSC and SC."""
        query = urlencode({"car_id": car_id, "laps": laps})
        return _WINDOW.validate_json(self._request("GET", f"/api/v1/pit-window?{query}").content)

    def fan(self, car_id: str, stops: tuple[PlannedStop, ...], reference: str | None) -> RaceFan:
        """Ask the engine how every car's gap changes from here if the car makes these stops."""
        question = {"car_id": car_id, "stops": _plain(stops), "reference": reference}
        return RaceFan.model_validate_json(self._request("POST", "/api/v1/race-fan", json=question).content)

    def try_plan(
        self, car_id: str, stops: tuple[PlannedStop, ...], against: tuple[PlannedStop, ...], lever: str | None
    ) -> PlanTrial:
        """Ask the engine to race one plan beside another."""
        question = {"car_id": car_id, "stops": _plain(stops), "against": _plain(against), "lever": lever}
        return PlanTrial.model_validate_json(self._request("POST", "/api/v1/strategy/try", json=question).content)

    def _request(self, method: str, path: str, **more: Any) -> httpx.Response:
        client = self._client
        if client is None:  # kept: a question of a few milliseconds must not pay for a new connection
            # Reading the certificates takes a quarter of a second, which only an engine behind https is worth.
            secure = any(rest.startswith("https:") for _, rest in self._engines)
            client = self._client = httpx.Client(headers=self._headers, timeout=30.0, trust_env=False, verify=secure)
        try:
            answer = client.request(method, self.http_url + path, **more)
        except httpx.HTTPError as error:
            raise RacetwinError(f"engine at {self.http_url}: {_reason(error)}") from None
        if answer.status_code >= 400:
            try:
                detail = answer.json().get("detail")
            except ValueError:
                detail = answer.text[:200]
            raise InputError(str(detail))
        return answer


def _plain(stops: tuple[PlannedStop, ...]) -> list[dict[str, Any]]:
    return [stop.model_dump(mode="json") for stop in stops]


def _reason(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nobody answers"
    if isinstance(error, TimeoutError):
        return "silent for too long"
    return str(error) or type(error).__name__
