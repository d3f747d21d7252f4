"""OpenF1: history over REST, the running session over MQTT (plain, TLS or WebSocket).

History is free; the live broker needs a token (an account's, valid for an hour: :class:`OpenF1Login` fetches and renews it).
Nothing that identifies the user reaches a log, an error or a ``repr``.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import orjson
from pydantic import SecretStr

from racetwin.config import settings
from racetwin.errors import ConfigurationError, DataError
from racetwin.telemetry.connection import Backoff, FeedHealth, FeedLostError, flushing, reconnecting, redacted, secret
from racetwin.telemetry.datagrams import is_loopback
from racetwin.telemetry.f1_values import integer, number, utc_seconds
from racetwin.telemetry.frame_builder import RawFrame
from racetwin.telemetry.openf1_records import COLLECTIONS, OpenF1Session, history_frames
from racetwin.telemetry.openf1_timeline import Record
from racetwin.telemetry.refusals import OnRefusal, unreadable

API = "https://api.openf1.org"
BROKER = "mqtts://mqtt.openf1.org:8883"
"""MQTT over TLS; ``wss://mqtt.openf1.org:8084/mqtt`` is the same over WebSocket."""

TIMING = tuple(c for c in COLLECTIONS if c not in ("car_data", "location"))
"""Collections that tell a race's timing; car data and locations are a thousand times more."""

SO_FAR = tuple(c for c in TIMING if c != "intervals")
"""Collections read when a session is joined under way; the live feed says the gaps anew every few seconds."""
CATCH_UP_S = 20.0
"""How long live records wait for a session's history, s; then the feed goes on without it."""

Token = str | SecretStr | Callable[[], Awaitable[str]]


class OpenF1History:
    """A past session, read over REST.

    Parameters
    ----------
    session_key
        OpenF1's key of the session, or ``"latest"``; see :meth:`sessions`.
    collections
        What to read; car data and locations (about 30,000 samples a car and race) only on request.
    token
        For accounts that have one; history needs none.
    base_url
        The service.
    retries
        How often to try again what the service was too busy for.

    Examples
    --------
    >>> history = OpenF1History(9165)                   # doctest: +SKIP
    >>> frames = [f async for f in history]             # doctest: +SKIP
    """

    name = "openf1-history"

    def __init__(
        self,
        session_key: int | str,
        *,
        collections: Iterable[str] = TIMING,
        token: str | SecretStr | None = None,
        hz: float | None = None,
        base_url: str = API,
        retries: int = 4,
        backoff: Backoff | None = None,
    ) -> None:
        unknown = set(collections := tuple(collections)) - set(COLLECTIONS)
        if unknown:
            raise ConfigurationError(
                f"collections: {sorted(unknown)} are not known, expected some of {', '.join(COLLECTIONS)}"
            )
        self.session_key = session_key
        self.collections = collections
        self.hz = hz
        self._token = secret(token)
        self._base = _checked(base_url, ("http", "https"), self._token)
        self._retries = retries
        self._backoff = backoff or Backoff(first=1.0, most=20.0)

    def __repr__(self) -> str:
        return f"OpenF1History({self.session_key}, token={'set' if self._token else 'none'})"

    async def __aiter__(self) -> AsyncIterator[RawFrame]:
        """Yield the session's frames, one for every change or at most ``hz`` a second of race time."""
        for frame in history_frames(await self.fetch(), hz=self.hz):
            yield frame

    async def fetch(self) -> dict[str, list[dict[str, Any]]]:
        """Return the collections as lists of records."""
        async with self._client() as client:
            sessions = await self._get(client, "sessions", session_key=str(self.session_key))
            if not sessions:
                raise DataError(f"session_key: OpenF1 has no session {self.session_key}")
            key = str(sessions[-1].get("session_key", self.session_key))
            out = {"sessions": sessions[-1:]}
            for collection in self.collections:
                if collection == "sessions":
                    continue
                if collection == "meetings":
                    meeting = str(sessions[-1].get("meeting_key", ""))
                    out[collection] = await self._get(client, collection, meeting_key=meeting)
                elif collection in ("car_data", "location"):
                    # One car at a time: the service refuses answers that are too long.
                    drivers = out.get("drivers") or await self._get(client, "drivers", session_key=key)
                    out[collection] = []
                    for driver in drivers:
                        number_ = str(driver.get("driver_number", ""))
                        out[collection] += await self._get(client, collection, session_key=key, driver_number=number_)
                else:
                    out[collection] = await self._get(client, collection, session_key=key)
        return out

    async def sessions(self, **filters: str) -> list[dict[str, Any]]:
        """Return the sessions that match, e.g. ``year="2025", country_name="Qatar", session_name="Sprint"``."""
        async with self._client() as client:
            return await self._get(client, "sessions", **filters)

    def _client(self) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self._token.get_secret_value()}"} if self._token else {}
        return httpx.AsyncClient(base_url=self._base, headers=headers, timeout=30)

    async def _get(self, client: httpx.AsyncClient, collection: str, **filters: str) -> list[dict[str, Any]]:
        self._backoff.reset()
        problem = ""
        for _ in range(self._retries + 1):
            try:
                answer = await client.get(f"/v1/{collection}", params=filters)
            except httpx.HTTPError as error:
                problem = redacted(error, self._token)
            else:
                if answer.status_code == 404:  # how the service says "no record matches"
                    return []
                if answer.status_code in (401, 403):
                    raise ConfigurationError(f"OpenF1 refused the request (HTTP {answer.status_code}): check the token")
                if answer.status_code == 200:
                    return _records(collection, answer.content)
                problem = f"HTTP {answer.status_code}"
                if answer.status_code < 500 and answer.status_code != 429:
                    break
                waits = number(answer.headers.get("Retry-After"))
                if waits is not None and 0 < waits <= 60:
                    await asyncio.sleep(waits)
                    continue
            await asyncio.sleep(self._backoff.next())
        raise DataError(f"OpenF1 did not give {collection} of session {self.session_key}: {problem}")


def _records(collection: str, content: bytes) -> list[dict[str, Any]]:
    try:
        told = orjson.loads(content)
    except ValueError:
        raise DataError(f"OpenF1's {collection} are no JSON") from None
    if not isinstance(told, list):
        raise DataError(f"OpenF1's {collection} are no list of records")
    return [record for record in told if isinstance(record, dict)]


class OpenF1Login:
    """An account's token, fetched when first needed and again before it ends.

    Parameters
    ----------
    username, password
        By default the settings ``openf1_username`` and ``openf1_password``.
    """

    def __init__(
        self, username: str | None = None, password: str | SecretStr | None = None, *, base_url: str = API
    ) -> None:
        self._username = secret(username or settings().openf1_username)
        self._password = secret(password if password is not None else settings().openf1_password)
        if self._username is None or self._password is None:
            raise ConfigurationError(
                "OpenF1: set RACETWIN_OPENF1_USERNAME and RACETWIN_OPENF1_PASSWORD, or give a token"
            )
        self._base = _checked(base_url, ("http", "https"), self._password)
        self._token: SecretStr | None = None
        self._until = 0.0

    def __repr__(self) -> str:
        return f"OpenF1Login(token={'held' if self._token else 'none yet'})"

    async def __call__(self) -> str:
        """Return a token that is good for a minute at least."""
        if self._token is None or time.monotonic() > self._until - 60:
            assert self._username is not None
            assert self._password is not None
            form = {"username": self._username.get_secret_value(), "password": self._password.get_secret_value()}
            async with httpx.AsyncClient(base_url=self._base, timeout=30) as client:
                answer = await client.post("/token", data=form)
            if answer.status_code in (400, 401, 403):
                raise ConfigurationError(
                    f"OpenF1 refused the login (HTTP {answer.status_code}): check user name and password"
                )
            answer.raise_for_status()
            told = answer.json()
            self._token = secret(told.get("access_token") if isinstance(told, dict) else None)
            if self._token is None:
                raise ConfigurationError("OpenF1's login gave no token")
            self._until = time.monotonic() + (number(told.get("expires_in")) or 3600.0)
        return self._token.get_secret_value()


class SoFar(NamedTuple):
    """The history, so far, of the session that a live feed has joined; collections as of :meth:`OpenF1History.fetch`."""

    collections: dict[str, list[dict[str, Any]]]


class OpenF1Live:
    """Frames of the session now running, from OpenF1's broker: ``async for frame in OpenF1Live(OpenF1Login())``.

    The broker tells only what is new. With the first record of a session, and again after a break, the session's history is read
    over REST, so that drivers, laps, stints, stops and the start are known whenever one joins; the live records wait meanwhile.

    Parameters
    ----------
    token
        A token, or something to await that gives one (:class:`OpenF1Login`); by default the setting ``openf1_token``.
    hz
        Most frames a second.
    collections
        Topics to subscribe to (``v1/<collection>``).
    broker
        ``mqtts://``, ``mqtt://`` (loopback only, if there is a token), ``wss://`` or ``ws://``.
    api
        REST service to catch up from; ``None`` (or an empty address) goes without.
    qos
        MQTT quality of service: 1 asks the broker to send again what got lost; its own default is 0.
    """

    name = "openf1-live"

    def __init__(
        self,
        token: Token | None = None,
        *,
        hz: float | None = 10.0,
        collections: Iterable[str] = COLLECTIONS,
        broker: str = BROKER,
        api: str | None = API,
        qos: int = 1,
        backoff: Backoff | None = None,
        attempts: int | None = None,
        stale_s: float = 60.0,
    ) -> None:
        given: Any = token if token is not None else settings().openf1_token
        self._source = given if callable(given) else None
        self._token = None if callable(given) else secret(given)
        self._broker = urlsplit(_checked(broker, ("mqtt", "mqtts", "ws", "wss"), self._token))
        self._api = _checked(api, ("http", "https"), self._token) if api else None
        self.collections = tuple(collections)
        self.session = OpenF1Session(hz=hz)
        self.health = FeedHealth(stale_s=stale_s)
        self.malformed = 0
        self.on_refusal: OnRefusal | None = None
        self._qos = qos
        self._backoff = backoff or Backoff()
        self._attempts = attempts

    def __repr__(self) -> str:
        held = "set" if self._token or self._source else "none"
        return f"OpenF1Live({self._broker.netloc}, {self.health.state.value}, token={held})"

    def records(self) -> AsyncGenerator[Record | SoFar, None]:
        """Yield records as they arrive, before the first of a session what had been said of it."""
        return reconnecting(
            self._connection, self.health, self._backoff, secrets=(self._token,), attempts=self._attempts
        )

    def __aiter__(self) -> AsyncIterator[RawFrame]:
        """Yield frames as they become due."""
        self.session.builder.on_refusal = self.on_refusal
        return flushing(self.records(), self._take, self.session.flush)

    def _take(self, item: Record | SoFar) -> Iterable[RawFrame]:
        return self.session.catch_up(item.collections) if isinstance(item, SoFar) else self.session.feed(item)

    async def _history(self, key: int) -> SoFar | None:
        """Return what the REST service knows of a session; None if it cannot tell, which the health reports."""
        if self._api is None:
            return None
        try:
            async with asyncio.timeout(CATCH_UP_S):
                history = OpenF1History(key, collections=SO_FAR, token=self._token, base_url=self._api)
                return SoFar(await history.fetch())
        except (DataError, ConfigurationError, TimeoutError) as error:
            self.health.errors["catch_up"] += 1
            self.health.last_error = f"no history of session {key}: {redacted(error, self._token)}"
            return None

    async def _connection(self) -> AsyncIterator[Record | SoFar]:
        try:
            import aiomqtt
        except ImportError as error:
            raise ConfigurationError(
                "OpenF1's live feed needs the package aiomqtt: install it with  pip install 'racetwin[feeds]'"
            ) from error
        if self._source is not None:
            self._token = secret(await self._source())
        scheme, path = self._broker.scheme, self._broker.path or "/mqtt"
        client = aiomqtt.Client(
            self._broker.hostname or "",
            self._broker.port or {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}[scheme],
            username="racetwin" if self._token else None,
            password=self._token.get_secret_value() if self._token else None,
            transport="websockets" if scheme in ("ws", "wss") else "tcp",
            websocket_path=path if scheme in ("ws", "wss") else None,
            tls_context=ssl.create_default_context() if scheme in ("mqtts", "wss") else None,
            timeout=10,
            keepalive=max(5, int(self.health.stale_s / 2)),
            max_queued_incoming_messages=10_000,
        )
        # The library leaves the reason of a loss unread, and asyncio would report that as a bug.
        lost = getattr(client, "_disconnected", None)
        if isinstance(lost, asyncio.Future):
            lost.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        try:
            async with client:
                await client.subscribe([(f"v1/{c}", self._qos) for c in self.collections])
                self.health.connected()
                caught_up: int | None = None
                async for message in client.messages:
                    record = parse_message(str(message.topic), message.payload)
                    if record is None:
                        self.malformed += 1
                        if self.on_refusal is not None:
                            said = message.payload if isinstance(message.payload, bytes | str) else ""
                            self.on_refusal(
                                unreadable("openf1", "not a record", said, f"a JSON record of {message.topic}")
                            )
                    else:
                        key = integer(record.data.get("session_key"))
                        if key is not None and key != caught_up:
                            caught_up = key
                            if (so_far := await self._history(key)) is not None:
                                yield so_far
                        yield record
        except aiomqtt.MqttError as error:
            # CONNACK codes 4 and 5 (MQTT 3.1.1), 134 and 135 (MQTT 5): bad user name or password, not authorised.
            if getattr(error, "rc", None) is not None and _refused(error.rc):
                raise ConfigurationError("OpenF1's broker refused the connection: check the token") from None
            raise FeedLostError(redacted(error, self._token)) from None


def _refused(code: object) -> bool:
    value = getattr(code, "value", code)
    return value in (4, 5, 134, 135)


def parse_message(topic: str, payload: object) -> Record | None:
    """Return the record in a broker's message; ``None`` for what is none.

    Examples
    --------
    >>> parse_message("v1/position", b'{"date":"2025-11-29T14:03:35Z","driver_number":81,"position":1}').collection
    'position'
    """
    collection = topic.rpartition("/")[2]
    if not isinstance(payload, (bytes, bytearray, str)) or not collection:
        return None
    try:
        data = orjson.loads(payload)
    except ValueError:
        return None
    if not isinstance(data, dict):
        return None
    at = utc_seconds(data.get("date"))
    if collection == "laps":
        began, took = utc_seconds(data.get("date_start")), number(data.get("lap_duration"))
        at = None if began is None else began + (took if took is not None and 0 < took < 1e5 else 0.0)
    # Records that carry no time of their own (drivers, sessions, stints) hold from when they come.
    return Record(collection, data, at or 0.0)


def _checked(url: str, schemes: tuple[str, ...], token: SecretStr | None) -> str:
    """Return the address if it is one, and if it would not carry a token unencrypted to another machine."""
    parts = urlsplit(url)
    if parts.scheme not in schemes or not parts.hostname:
        raise ConfigurationError(f"address: {url!r} is none of {', '.join(s + '://' for s in schemes)}")
    if parts.username or parts.password:
        raise ConfigurationError("address: holds a user name or password: give the token by itself")
    if token is not None and parts.scheme in ("http", "mqtt", "ws") and not is_loopback(parts.hostname):
        raise ConfigurationError(f"address: {url!r} would carry the token unencrypted")
    return url
