"""OpenF1 against a REST service and a broker on loopback, with made-up values in the service's shapes."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from itertools import pairwise
from urllib.parse import parse_qs

import pytest
import websockets
from builders.openf1_broker import TOKEN, Broker
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from hypothesis import given
from hypothesis import strategies as st

from racetwin.config import Settings
from racetwin.errors import ConfigurationError, DataError
from racetwin.schemas import CarStatus, Compound, TelemetryFrame, TrackStatus
from racetwin.telemetry.connection import Backoff
from racetwin.telemetry.feed_opening import open_feed
from racetwin.telemetry.ingestor import TelemetryIngestor
from racetwin.telemetry.openf1 import OpenF1History, OpenF1Live, OpenF1Login, parse_message
from racetwin.telemetry.openf1_records import COLLECTIONS, OpenF1Session, history_frames
from racetwin.telemetry.openf1_timeline import Record, timeline

KEY = {"session_key": 9900, "meeting_key": 1300}


def at(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"2026-07-05T14:{int(minutes):02d}:{rest:06.3f}000+00:00"


def lap(number, lap_number, start, took=None, **more):
    parts = {f"duration_sector_{i}": None if took is None else round(took / 3, 3) for i in (1, 2, 3)}
    return KEY | {
        "driver_number": number,
        "lap_number": lap_number,
        "date_start": at(start),
        "lap_duration": took,
        "is_pit_out_lap": False,
        "i1_speed": 300,
        "i2_speed": 290,
        "st_speed": 310,
        "segments_sector_1": [2048, 2049],
        "segments_sector_2": [2048],
        "segments_sector_3": [2064],
        **parts,
        **more,
    }


def control(seconds, message, flag=None, scope=None, sector=None, category="Flag"):
    return KEY | {
        "date": at(seconds),
        "message": message,
        "flag": flag,
        "scope": scope,
        "sector": sector,
        "category": category,
        "driver_number": None,
        "lap_number": None,
        "qualifying_phase": None,
    }


# A race of four laps; lights out at 14:03:00 (180 s). Car 1 stops at the end of lap 2.
RACE = {
    "sessions": [
        KEY
        | {
            "session_name": "Race",
            "session_type": "Race",
            "circuit_short_name": "Silverstone",
            "country_name": "United Kingdom",
            "location": "Silverstone",
            "date_start": "2026-07-05T14:00:00+00:00",
            "date_end": "2026-07-05T16:00:00+00:00",
            "year": 2026,
            "gmt_offset": "01:00:00",
            "is_cancelled": False,
        }
    ],
    "meetings": [KEY | {"meeting_name": "British Grand Prix", "year": 2026, "circuit_short_name": "Silverstone"}],
    "drivers": [
        KEY | {"driver_number": n, "name_acronym": code, "team_name": team, "full_name": "x"}
        for n, code, team in ((1, "AAA", "Red"), (44, "BBB", "Blue"))
    ],
    "starting_grid": [KEY | {"driver_number": 1, "position": 1}, KEY | {"driver_number": 44, "position": 2}],
    "laps": [
        lap(1, 1, 180, None),
        lap(1, 2, 275, 95.001),
        lap(1, 3, 370.001, 110.5, is_pit_out_lap=True),
        lap(1, 4, 480.501, 90.25),
        lap(44, 1, 180, None),
        lap(44, 2, 276, 93.9),
        lap(44, 3, 369.9, 92.0),
        lap(44, 4, 461.9, 92.1),
    ],
    "position": [
        KEY | {"date": at(170), "driver_number": 1, "position": 1},
        KEY | {"date": at(170), "driver_number": 44, "position": 2},
        KEY | {"date": at(380), "driver_number": 44, "position": 1},
        KEY | {"date": at(380), "driver_number": 1, "position": 2},
    ],
    "intervals": [
        KEY | {"date": at(300), "driver_number": 1, "gap_to_leader": 0, "interval": 0},
        KEY | {"date": at(300), "driver_number": 44, "gap_to_leader": 1.123, "interval": 1.123},
        KEY | {"date": at(500), "driver_number": 1, "gap_to_leader": "+1 LAP", "interval": "+1 LAP"},
    ],
    "pit": [
        KEY
        | {
            "date": at(388),
            "driver_number": 1,
            "lap_number": 2,
            "lane_duration": 22.5,
            "pit_duration": 22.5,
            "stop_duration": 2.4,
        }
    ],
    "stints": [
        KEY
        | {
            "driver_number": 1,
            "stint_number": 1,
            "lap_start": 1,
            "lap_end": 2,
            "compound": "SOFT",
            "tyre_age_at_start": 2,
        },
        KEY
        | {
            "driver_number": 1,
            "stint_number": 2,
            "lap_start": 3,
            "lap_end": 4,
            "compound": "HARD",
            "tyre_age_at_start": 0,
        },
        KEY
        | {
            "driver_number": 44,
            "stint_number": 1,
            "lap_start": 1,
            "lap_end": 4,
            "compound": None,
            "tyre_age_at_start": None,
        },
    ],
    "race_control": [
        control(160, "GREEN LIGHT - PIT EXIT OPEN", "GREEN", "Track"),
        control(200, "YELLOW IN TRACK SECTOR 5", "YELLOW", "Sector", 5),
        control(210, "CLEAR IN TRACK SECTOR 5", "CLEAR", "Sector", 5),
        control(290, "SAFETY CAR DEPLOYED", category="SafetyCar"),
        control(310, "SAFETY CAR IN THIS LAP", category="SafetyCar"),
        control(320, "TRACK CLEAR", "CLEAR", "Track"),
        control(330, "VIRTUAL SAFETY CAR DEPLOYED", category="SafetyCar"),
        control(340, "VIRTUAL SAFETY CAR ENDING", category="SafetyCar"),
        control(345, "TRACK CLEAR", "GREEN", "Track"),
        control(350, "RED FLAG", "RED", "Track"),
        control(360, "TRACK CLEAR", "CLEAR", "Track"),
        control(571, "CHEQUERED FLAG", "CHEQUERED", "Track"),
    ],
    "weather": [
        KEY
        | {
            "date": at(100),
            "air_temperature": 21.5,
            "track_temperature": 35.0,
            "humidity": 48,
            "pressure": 1008.0,
            "rainfall": 0,
            "wind_direction": 200,
            "wind_speed": 3.2,
        }
    ],
    "car_data": [
        KEY
        | {
            "date": at(300.1),
            "driver_number": 44,
            "rpm": 11141,
            "speed": 315,
            "n_gear": 8,
            "throttle": 99,
            "brake": 100,
            "drs": 12,
        }
    ],
    "location": [KEY | {"date": at(300.2), "driver_number": 44, "x": 567, "y": 3195, "z": 187}],
    "session_result": [
        KEY | {"driver_number": 44, "position": 1, "dnf": False, "dns": False, "dsq": False, "number_of_laps": 4},
        KEY | {"driver_number": 1, "position": 2, "dnf": True, "dns": False, "dsq": False, "number_of_laps": 3},
    ],
}


def car(frame, car_id):
    return next(c for c in frame.cars if c.car_id == car_id)


@pytest.mark.unit
class TestRecords:
    def frames(self):
        return list(history_frames(RACE))

    def test_every_frame_is_valid_and_in_order(self):
        frames = self.frames()
        assert all(isinstance(f, TelemetryFrame) for f in frames)
        assert [f.seq for f in frames] == list(range(len(frames)))
        assert all(a.time_s <= b.time_s for a, b in pairwise(frames))
        assert {(f.race_id, f.circuit_id, f.season, f.session_type) for f in frames} == {
            ("2026-great-britain", "silverstone", 2026, "race")
        }

    def test_laps_count_from_lights_out_and_times_are_exact(self):
        lines = {}
        for f in self.frames():
            for c in f.cars:
                lines[c.car_id, c.lap] = c
        assert lines["1", 3].last_lap_s == 95.001
        assert lines["1", 3].last_line_time_s == pytest.approx(190.001, abs=1e-3)
        assert lines["44", 2].last_lap_s is None, "lap 1 has no time"
        assert lines["44", 5].best_lap_s == 92.0
        assert lines["44", 5].sectors_s == (30.7, 30.7, 30.7)

    def test_a_lap_time_is_not_shown_before_the_lap_is_over(self):
        for f in self.frames():
            if f.time_s < 190.0:
                assert car(f, "1").last_lap_s is None

    def test_status_of_a_car_through_grid_stop_and_end(self):
        seen = [car(f, "1").status for f in self.frames() if any(c.car_id == "1" for c in f.cars)]
        assert [s for s, b in zip(seen, [None, *seen], strict=False) if s is not b] == [
            CarStatus.GRID,
            CarStatus.TRACK,
            CarStatus.PIT,
            CarStatus.TRACK,
            CarStatus.RETIRED,
        ]
        last = self.frames()[-1]
        assert car(last, "44").status is CarStatus.FINISHED
        assert (car(last, "1").stops, car(last, "1").pit_lane_s, car(last, "1").pit_stationary_s) == (1, 22.5, 2.4)

    def test_tyres_age_with_the_laps_and_null_stints_stay_missing(self):
        tyres = {car(f, "1").lap: car(f, "1").tyre for f in self.frames() if any(c.car_id == "1" for c in f.cars)}
        assert (tyres[2].compound, tyres[2].age) == (Compound.SOFT, 3.0)
        assert (tyres[4].compound, tyres[4].age) == (Compound.HARD, 1.0)
        assert car(self.frames()[-1], "44").tyre.compound is None

    def test_gaps_laps_down_and_the_leader(self):
        frames = self.frames()
        with_gap = next(f for f in frames if len(f.cars) == 2 and car(f, "44").gap_s is not None)
        assert (car(with_gap, "44").gap_s, car(with_gap, "1").interval_s) == (1.123, None)
        assert car(frames[-1], "1").laps_down == 1
        assert car(frames[-1], "1").gap_s is None

    def test_track_status_is_read_from_race_control(self):
        seen = [f.track.status for f in self.frames()]
        assert [s for s, b in zip(seen, [None, *seen], strict=False) if s is not b] == [
            TrackStatus.GREEN,
            TrackStatus.YELLOW,
            TrackStatus.GREEN,
            TrackStatus.SC,
            TrackStatus.GREEN,
            TrackStatus.VSC,
            TrackStatus.VSC_ENDING,
            TrackStatus.GREEN,
            TrackStatus.RED,
            TrackStatus.GREEN,
        ]
        assert sum(len(f.messages) for f in self.frames()) == 12

    def test_car_data_and_location_in_our_units(self):
        last = car(self.frames()[-1], "44")
        assert (last.speed_kmh, last.gear, last.throttle, last.brake, last.drs) == (315, 8, 0.99, 1.0, True)
        assert (last.x_m, last.y_m, last.z_m) == (56.7, 319.5, 18.7)
        assert last.sampled_s == pytest.approx(120.2, abs=1e-3)

    def test_records_of_a_history_stand_where_they_could_be_known(self):
        times = [
            r.time for r in timeline(RACE) if r.collection not in ("meetings", "sessions", "drivers", "starting_grid")
        ]
        assert times[:-2] == sorted(times[:-2])

    def test_through_the_ingestor_it_is_the_race_it_was(self):
        ingestor, events = TelemetryIngestor(), []
        for frame in self.frames():
            if (out := ingestor.process(frame)) is not None:
                events += out.events
        laps = {(e.car_id, e.lap): e.lap_time_s for e in events if e.kind == "lap_completed"}
        assert laps == {
            ("1", 1): None, ("1", 2): 95.001, ("1", 3): 110.5, ("1", 4): 90.25,
            ("44", 1): None, ("44", 2): 93.9, ("44", 3): 92.0, ("44", 4): 92.1,
        }  # fmt: skip
        assert [(e.car_id, e.lap) for e in events if e.kind == "pit_entered"] == [("1", 2)]
        assert [(e.car_id, e.pit_lane_s) for e in events if e.kind == "pit_exited"] == [("1", 22.5)]
        assert [e.car_id for e in events if e.kind == "tyre_changed"] == ["1"]
        assert [e.car_id for e in events if e.kind == "retired"] == ["1"]
        assert [(e.car_id, e.lap) for e in events if e.kind == "finished"] == [("44", 4)]
        assert not ingestor.counters.rejected

    def test_doubled_records_change_nothing(self):
        doubled = {name: [r for r in records for _ in range(2)] for name, records in RACE.items()}
        assert list(history_frames(doubled))[-1].cars == self.frames()[-1].cars


@pytest.mark.unit
@pytest.mark.data
def test_every_example_of_the_service_is_understood(race_data):
    path = race_data / "openf1" / "endpoint_examples.json"
    if not path.is_file():
        pytest.skip(f"{path} is missing: no examples to test with")
    examples = json.loads(path.read_text())
    session, understood = OpenF1Session(), Counter()
    for example in examples.values():
        collection = example["path"].split("?")[0].removeprefix("/v1/")
        for data in example["response"]:
            record = parse_message(f"v1/{collection}", json.dumps(data))
            list(session.feed(record))
            understood[collection] += collection not in session.ignored
    assert {c for c, n in understood.items() if n} >= set(COLLECTIONS)
    assert set(session.ignored) == {"championship_drivers", "championship_teams", "overtakes", "team_radio"}


JSON = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.lists(st.integers(), max_size=2)
)
FIELDS = sorted({field for records in RACE.values() for r in records for field in r})


@pytest.mark.unit
@given(
    st.lists(
        st.tuples(
            st.sampled_from(COLLECTIONS), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8), st.floats()
        ),
        max_size=8,
    )
)
def test_no_record_breaks_the_session(records):
    session = OpenF1Session()
    for collection, data, time in records:
        list(session.feed(Record(collection, data, time)))
    list(history_frames({c: [d for k, d, _ in records if k == c] for c in COLLECTIONS}))


@pytest.mark.unit
@given(st.text(max_size=20), st.binary(max_size=100) | st.text(max_size=100) | st.none())
def test_no_message_breaks_the_parser(topic, payload):
    parse_message(topic, payload)


# --- REST -----------------------------------------------------------------------------------------------------------------


class Service:
    """As much of the REST service as a history needs; busy now and then, as the real one is."""

    def __init__(self, busy=(), records=RACE) -> None:
        self.records = records
        self.asked: list[str] = []
        self.authorization: list[str | None] = []
        self.busy = list(busy)
        self.app = FastAPI()
        self.app.get("/v1/{collection}")(self.get)
        self.app.post("/token")(self.token)
        self.logins = 0

    async def get(self, collection: str, request: Request):
        self.asked.append(f"{collection}?{request.url.query}")
        self.authorization.append(request.headers.get("authorization"))
        if self.busy:
            return JSONResponse({"detail": "busy"}, status_code=self.busy.pop(0), headers={"Retry-After": "0.01"})
        found = self.records.get(collection, [])
        for key, value in request.query_params.items():
            found = [r for r in found if str(r.get(key)) == value]
        return found or JSONResponse({"detail": "No results found."}, status_code=404)

    async def token(self, request: Request):
        self.logins += 1
        form = parse_qs((await request.body()).decode())
        if (form["username"], form["password"]) != (["me"], ["right"]):
            return JSONResponse({"detail": "no"}, status_code=401)
        return {"access_token": f"{TOKEN}-{self.logins}", "token_type": "bearer", "expires_in": "3600"}


@pytest.mark.integration
async def test_a_history_over_a_real_socket(serve):
    service = Service(busy=[429, 503])
    history = OpenF1History(
        9900,
        collections=COLLECTIONS,
        base_url=f"http://127.0.0.1:{serve(service.app).port}",
        backoff=Backoff(first=0.01),
    )
    frames = [f async for f in history]
    assert frames[-1].cars == list(history_frames(RACE))[-1].cars
    assert any(a.startswith("car_data?session_key=9900&driver_number=44") for a in service.asked), (
        "samples come car by car"
    )


@pytest.mark.integration
async def test_a_history_that_is_not_there_is_one_clear_line(serve):
    service = Service()
    url = f"http://127.0.0.1:{serve(service.app).port}"
    with pytest.raises(DataError, match="no session 1"):
        await OpenF1History(1, base_url=url).fetch()
    service.busy = [503] * 10
    with pytest.raises(DataError, match="HTTP 503"):
        await OpenF1History(9900, base_url=url, retries=2, backoff=Backoff(first=0.01)).fetch()
    service.busy = [401]
    with pytest.raises(ConfigurationError, match="check the token"):
        await OpenF1History(9900, token=TOKEN, base_url=url).fetch()
    with pytest.raises(ConfigurationError, match="not known"):
        OpenF1History(9900, collections=["cardata"])


@pytest.mark.integration
async def test_login_gives_a_token_once_and_hides_what_it_was_given(serve, caplog):
    caplog.set_level(logging.DEBUG)
    service = Service()
    url = f"http://127.0.0.1:{serve(service.app).port}"
    login = OpenF1Login("me", "right", base_url=url)
    assert [await login(), await login()] == [f"{TOKEN}-1"] * 2
    with pytest.raises(ConfigurationError, match="check user name and password") as refused:
        await OpenF1Login("me", "wrong-password", base_url=url)()
    shown = repr(login) + str(vars(login)) + str(refused.value) + caplog.text
    assert not [word for word in (TOKEN, "right", "wrong-password") if word in shown.replace("copyright", "")]


@pytest.mark.unit
def test_no_login_without_an_account(monkeypatch):
    monkeypatch.delenv("RACETWIN_OPENF1_USERNAME", raising=False)
    with pytest.raises(ConfigurationError, match="RACETWIN_OPENF1_USERNAME"):
        OpenF1Login()


# --- the broker -----------------------------------------------------------------------------------------------------------


def live_messages():
    head = [(c, r) for c in ("sessions", "meetings", "drivers") for r in RACE[c]]
    rest = [(r.collection, r.data) for r in timeline(RACE) if r.collection not in ("sessions", "meetings", "drivers")]
    rest = [
        (c, {k: v for k, v in r.items() if k != "_phase"} | {"_key": "x", "_id": 1})
        for c, r in rest
        if not (c == "pit" and "_phase" in r)
    ]
    return [*head, ("laps", b"not json"), *rest]


async def follow(feed, until, timeout=15):
    frames = []
    async with asyncio.timeout(timeout):
        async for frame in feed:
            frames.append(frame)
            if until(frame):
                return frames
    raise AssertionError("the feed ended")


def settled(frame):
    return any(c.car_id == "1" and c.status is CarStatus.RETIRED for c in frame.cars)


@pytest.mark.integration
@pytest.mark.parametrize("transport", ["mqtt", "ws"])
async def test_the_live_broker_over_a_real_socket(transport, caplog):
    pytest.importorskip("aiomqtt", reason="OpenF1's live feed needs the extra [feeds]")
    caplog.set_level(logging.DEBUG)
    broker = Broker(live_messages(), drop_after=30)
    if transport == "mqtt":
        server = await asyncio.start_server(broker.tcp, "127.0.0.1", 0)
        address = f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    else:
        server = await websockets.serve(broker.ws, "127.0.0.1", 0, subprotocols=["mqtt"])
        address = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/mqtt"
    feed = OpenF1Live(TOKEN, hz=None, broker=address, api=None, backoff=Backoff(first=0.01, seed=1))
    frames = await follow(feed, settled)
    server.close()
    want = list(history_frames(RACE))[-1]
    assert frames[-1].race_id == want.race_id
    for one, other in zip(frames[-1].cars, want.cars, strict=True):
        for name in (
            "driver",
            "position",
            "lap",
            "last_lap_s",
            "best_lap_s",
            "stops",
            "pit_lane_s",
            "speed_kmh",
            "x_m",
            "gap_s",
        ):
            assert getattr(one, name) == getattr(other, name), name
    assert feed.health.connections == 2, "the broker dropped us once"
    assert feed.malformed == 1
    assert "v1/race_control" in broker.subscribed
    assert TOKEN not in caplog.text + repr(feed) + str(vars(feed)) + str(feed.health.report())


async def tls_broker(broker, scheme, context):
    if scheme == "mqtts":
        server = await asyncio.start_server(broker.tcp, "127.0.0.1", 0, ssl=context)
        return server, f"mqtts://localhost:{server.sockets[0].getsockname()[1]}"
    server = await websockets.serve(broker.ws, "127.0.0.1", 0, subprotocols=["mqtt"], ssl=context)
    return server, f"wss://localhost:{server.sockets[0].getsockname()[1]}/mqtt"


@pytest.mark.integration
@pytest.mark.parametrize("scheme", ["mqtts", "wss"])
async def test_the_broker_over_tls_and_after_a_break(scheme, encrypted, caplog):
    pytest.importorskip("aiomqtt", reason="OpenF1's live feed needs the extra [feeds]")
    caplog.set_level(logging.DEBUG)
    broker = Broker(live_messages(), drop_after=30)
    server, address = await tls_broker(broker, scheme, encrypted[0])
    feed = OpenF1Live(TOKEN, hz=None, broker=address, api=None, backoff=Backoff(first=0.01, seed=1))
    frames = await follow(feed, settled)
    server.close()
    assert [c.driver for c in frames[-1].cars] == [c.driver for c in list(history_frames(RACE))[-1].cars]
    assert feed.health.connections == 2, "the broker dropped us once"
    assert TOKEN not in caplog.text + repr(feed)


@pytest.mark.integration
@pytest.mark.parametrize("scheme", ["mqtts", "wss"])
async def test_a_broker_with_a_strange_certificate_gets_no_token(scheme, encrypted):
    pytest.importorskip("aiomqtt", reason="OpenF1's live feed needs the extra [feeds]")
    broker = Broker(live_messages())
    server, address = await tls_broker(broker, scheme, encrypted[1])
    feed = OpenF1Live(TOKEN, broker=address, backoff=Backoff(first=0.01, seed=1), attempts=2)
    with pytest.raises(ConfigurationError, match="no connection after 2 attempts"):
        await follow(feed, settled)
    server.close()
    assert broker.connections == 0


@pytest.mark.integration
async def test_a_refused_token_ends_the_live_feed_with_one_clear_line():
    pytest.importorskip("aiomqtt", reason="OpenF1's live feed needs the extra [feeds]")
    broker = Broker([])
    server = await asyncio.start_server(broker.tcp, "127.0.0.1", 0)

    async def expired():
        return "an-old-token"

    feed = OpenF1Live(expired, broker=f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    with pytest.raises(ConfigurationError, match="check the token") as refused:
        await follow(feed, settled)
    assert "an-old-token" not in str(refused.value)
    server.close()


@pytest.mark.unit
@pytest.mark.parametrize("address", ["mqtt://broker.example", "ws://broker.example/mqtt", "http://broker.example"])
def test_the_token_goes_nowhere_unencrypted(address):
    with pytest.raises(ConfigurationError, match=r"unencrypted|none of"):
        OpenF1Live(TOKEN, broker=address)


# --- joining under way ----------------------------------------------------------------------------------------------------


def known_at(time):
    """What the REST service knows of the race at a time: laps under way have none of their times yet."""
    known = {c: [r for r in RACE[c] if r.get("date", "") <= at(time)] for c in RACE if c != "session_result"}
    known["laps"] = []
    for one in (r for r in timeline(RACE) if r.collection == "laps"):
        if one.data["date_start"] > at(time) or one.time > KNOWN_FROM + time:
            continue
        known["laps"] = [r for r in known["laps"] if (r["driver_number"], r["lap_number"]) != lap_key(one.data)]
        known["laps"].append(one.data)
    known["stints"] = [s for s in RACE["stints"] if s["lap_start"] == 1 or time > 370]
    return known


def lap_key(data):
    return data["driver_number"], data["lap_number"]


KNOWN_FROM = next(r.time for r in timeline(RACE) if r.collection == "position") - 170


def told_after(time):
    timed = [r for r in timeline(RACE) if r.time > KNOWN_FROM + time]
    return [
        (r.collection, r.data)
        for r in timed
        if r.collection not in ("sessions", "meetings", "drivers", "starting_grid") and "_phase" not in r.data
    ]


@pytest.mark.integration
@pytest.mark.parametrize("transport", ["mqtt", "ws"])
async def test_a_race_joined_under_way_is_known_from_its_beginning(transport, serve, caplog):
    pytest.importorskip("aiomqtt", reason="OpenF1's live feed needs the extra [feeds]")
    caplog.set_level(logging.DEBUG)
    service, broker = Service(busy=[503], records=known_at(400)), Broker(told_after(400))
    if transport == "mqtt":
        server = await asyncio.start_server(broker.tcp, "127.0.0.1", 0)
        address = f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    else:
        server = await websockets.serve(broker.ws, "127.0.0.1", 0, subprotocols=["mqtt"])
        address = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/mqtt"
    api = f"http://127.0.0.1:{serve(service.app).port}"
    feed = open_feed("openf1-live", Settings(openf1_token=TOKEN), broker=address, api=api)
    frames = await follow(feed, settled)
    server.close()
    first = frames[0]
    assert (first.race_id, first.circuit_id, first.lap) == ("2026-great-britain", "silverstone", 3)
    assert first.time_s == pytest.approx(208, abs=1), "lights out was at 180 s; the last that is known is of 388 s"
    one = car(first, "1")
    assert (one.driver, one.lap, one.last_lap_s, one.grid_position, one.stops) == ("AAA", 3, 95.001, 1, 1)
    assert (one.tyre.compound, one.tyre.age, one.position) == (Compound.HARD, 0.0, 2)
    assert len(first.messages) == 11
    want = list(history_frames(RACE))[-1]
    told = ("driver", "position", "lap", "last_lap_s", "best_lap_s", "stops", "pit_lane_s", "grid_position", "tyre")
    for got, other in zip(frames[-1].cars, want.cars, strict=True):
        for name in told:
            assert getattr(got, name) == getattr(other, name), (got.car_id, name)
    assert set(service.authorization) == {f"Bearer {TOKEN}"}
    assert not [a for a in service.asked if a.startswith(("car_data", "location", "intervals"))]
    assert TOKEN not in caplog.text + repr(feed) + str(feed.health.report())


@pytest.mark.integration
async def test_a_break_is_caught_up_with_and_a_service_that_is_down_costs_the_past_only(serve):
    pytest.importorskip("aiomqtt", reason="OpenF1's live feed needs the extra [feeds]")
    service = Service(records=known_at(400))
    broker = Broker(told_after(400)[:6], drop_after=1)
    missed = known_at(600)
    server = await asyncio.start_server(broker.tcp, "127.0.0.1", 0)
    address = f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    api = f"http://127.0.0.1:{serve(service.app).port}"
    backoff = Backoff(first=0.01, seed=1)
    feed = OpenF1Live(TOKEN, hz=None, broker=address, api=api, backoff=backoff)
    frames = []
    async with asyncio.timeout(15):
        async for frame in feed:
            frames.append(frame)
            service.records = missed  # what happens from now on is not told by the broker, which drops us
            if car(frame, "1").lap == 5:
                break
    assert car(frames[-1], "1").best_lap_s == 90.25
    assert all(a.time_s <= b.time_s for a, b in pairwise(frames))
    ingestor = TelemetryIngestor()
    for frame in frames:
        ingestor.process(frame)
    assert not ingestor.counters.rejected
    service.busy = [404] * 99
    broker.messages = told_after(400)
    feed = OpenF1Live(TOKEN, hz=None, broker=address, api=api, backoff=backoff)
    frames = await follow(feed, settled)
    server.close()
    assert feed.health.errors["catch_up"] == 1
    assert "no history of session 9900" in str(feed.health.last_error)


@pytest.mark.unit
def test_a_history_taken_twice_changes_nothing_and_a_new_session_begins_anew():
    session = OpenF1Session()
    (once,) = session.catch_up(known_at(400))
    again = list(session.catch_up(known_at(400)))
    assert all(f.cars == once.cars and not f.messages for f in again)
    other = {c: [r | {"session_key": 9901} for r in rs] for c, rs in RACE.items()}
    *_, last = session.catch_up(other)
    assert last.cars == list(history_frames(RACE))[-1].cars
