"""What the routes answer with, computed from the engine's newest snapshot and kept until the state changes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import orjson
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from racetwin.api.core import APICache, Shortcut
from racetwin.api.problems import NotThereError, UnavailableError
from racetwin.errors import InputError
from racetwin.runtime.face import EngineFace
from racetwin.runtime.snapshot import RaceSnapshot
from racetwin.schemas import CarId, CarStatus, CarTelemetry, Model, TrackConditions, TrackStatus

if TYPE_CHECKING:
    from racetwin.telemetry.fusion import Known

SchemaName = Literal["v1", "racetwin"]
_JSON = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
_AT = re.compile(r"(\d{1,3})|(-?\d{1,6}(?:\.\d{1,6})?)s")


class Environment(Model):
    """Track, weather and where the race stands."""

    race_id: str
    event: str | None
    circuit_id: str | None
    circuit: str | None
    simulated: bool
    time_s: float
    lap: int
    total_laps: int | None
    track_status: TrackStatus
    track: TrackConditions
    cars_running: int


class CarLine(Model):
    """One car of the race, in few words."""

    car_id: CarId
    driver: str | None
    team: str | None
    position: int | None
    status: str


class KnownField(Model):
    """The latest known value of a field, the feed it came from, when that feed last said it (race time), and its age, s."""

    value: Any
    source: str
    time_s: float
    age_s: float


def known_fields(known: Mapping[str, Known], now_s: float) -> dict[str, Any]:
    """Return what the ingestor knows of a car, with ages at a race time."""
    return {
        name: KnownField(value=k.value, source=k.source, time_s=k.time_s, age_s=round(k.age_s(now_s), 3)).model_dump(
            mode="json"
        )
        for name, k in known.items()
    }


class Answers:
    """Serves the newest snapshot as encoded answers; every route that reads state goes through :meth:`respond`."""

    def __init__(self, face: EngineFace, cache: APICache, shortcut: Shortcut) -> None:
        self.face = face
        self.cache = cache
        self.shortcut = shortcut

    def snapshot(self) -> RaceSnapshot:
        """Return the newest snapshot with a frame; :class:`UnavailableError` before there is one."""
        snapshot = self.face.publisher.snapshot
        if snapshot is None or snapshot.frame is None:
            raise UnavailableError("no frame has come in yet; the race has not begun or no feed is connected")
        return snapshot

    async def snapshot_at(self, at: str | None) -> RaceSnapshot:
        """Return the snapshot that ``at`` names: a lap completed by the leader (``23``) or a race time (``1820.5s``)."""
        if at is None:
            return self.snapshot()
        match = _AT.fullmatch(at)
        if match is None:
            raise InputError(f"at: {at!r}, expected a lap such as 23 or a race time such as 1820.5s")
        try:
            if match[1]:
                return await self.face.at(lap=int(match[1]))
            return await self.face.at(time_s=float(match[2]))
        except InputError as error:
            raise NotThereError(str(error)) from None

    def car(self, snapshot: RaceSnapshot, car_id: str | None) -> str:
        """Return the car that is meant: the one named, else the first followed that still races, else the leader."""
        frame = snapshot.frame
        known = [c.car_id for c in frame.cars] if frame else []
        if car_id is not None:
            if car_id not in known:
                raise NotThereError(f"car_id: {car_id!r} is not in this race; cars: {', '.join(known)}")
            return car_id
        racing = [c.car_id for c in snapshot.order if c.status is not CarStatus.RETIRED]
        for followed in snapshot.followed:
            if followed in racing:
                return followed
        return racing[0] if racing else snapshot.order[0].car_id

    def respond(self, request: Request, key: tuple[Any, ...], part: object, make: Any) -> Response:
        """Answer with ``make()`` encoded, from memory while ``part`` is the same object; 304 if the client has it."""
        body, tag = self.cache.get(key, _Same(part), lambda: encode(make()))
        scope = request.scope
        self.shortcut.note(scope["path"], scope["query_string"], getattr(scope.get("route"), "path", ""), body, tag)
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if tag in [t.strip().removeprefix("W/") for t in request.headers.get("if-none-match", "").split(",")]:
            return Response(None, 304, headers=headers)
        return Response(body, media_type="application/json", headers=headers)


class _Same:
    """Equal to itself while it wraps the same object: state is replaced, never changed, so identity is its version."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def encode(value: Any) -> bytes:
    """Return an answer as JSON; models keep their empty fields, so that the documented schema holds."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, BaseModel):
        return value.model_dump_json().encode()
    if isinstance(value, list | tuple) and value and isinstance(value[0], BaseModel):
        return b"[" + b",".join(v.model_dump_json().encode() for v in value) + b"]"
    return orjson.dumps(value, option=_JSON)


def environment(snapshot: RaceSnapshot) -> Environment:
    """Return track, weather and where the race stands."""
    info, frame = snapshot.info, snapshot.frame
    return Environment(
        race_id=info.race_id,
        event=info.event,
        circuit_id=info.circuit_id,
        circuit=info.circuit,
        simulated=info.simulated,
        time_s=snapshot.time_s,
        lap=snapshot.lap,
        total_laps=info.total_laps,
        track_status=snapshot.track_status,
        track=frame.track if frame else TrackConditions(),
        cars_running=sum(_running(c) for c in frame.cars) if frame else 0,
    )


def car_lines(snapshot: RaceSnapshot) -> list[CarLine]:
    """Return the cars in race order."""
    return [
        CarLine(car_id=c.car_id, driver=c.driver, team=c.team, position=c.position, status=c.status.value)
        for c in snapshot.order
    ]


def _running(car: CarTelemetry) -> bool:
    return car.status.value in ("GRID", "TRACK", "PIT")
