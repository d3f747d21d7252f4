"""A game played over a real socket, in every format the listener promises."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import random
import socket
from itertools import pairwise

import pytest

pytest.importorskip("f1.packets", reason="the EA game feed needs the extra [feeds]")

from racetwin.errors import ConfigurationError
from racetwin.schemas import CarStatus, Compound, TelemetryFrame, TrackStatus
from racetwin.telemetry import ea_packets as ea
from racetwin.telemetry.ea_layouts import layout
from racetwin.telemetry.ea_session import GameSession
from racetwin.telemetry.ea_udp import EaUdpFeed, read_datagrams
from racetwin.telemetry.ingestor import TelemetryIngestor

UID = 0xA1B2C3D4E5F60718
FORMATS = [2022, 2023, 2024, 2025, 2026]


class Game:
    """Writes the packets of a three-car race at Silverstone in one format."""

    def __init__(self, fmt: int) -> None:
        self.fmt, self.frame, self.time = fmt, 0, 0.0

    def packet(self, packet_id: int, **fields):
        p = layout(self.fmt, packet_id)()
        h = p.header
        h.packet_format, h.packet_id, h.packet_version, h.session_uid = self.fmt, packet_id, 1, UID
        if hasattr(h, "game_year"):
            h.game_year = self.fmt - 2000
        h.session_time, h.frame_identifier, h.player_car_index = self.time, self.frame, 0
        for name, value in fields.items():
            setattr(p, name, value)
        return p

    def session(self, safety_car=0):
        p = self.packet(
            ea.SESSION,
            track_id=7,
            total_laps=52,
            track_length=5891,
            weather=3,
            air_temperature=17,
            track_temperature=24,
        )
        p.session_type = 15 if self.fmt >= 2024 else 10
        p.safety_car_status = safety_car
        return bytes(p)

    def participants(self):
        p = self.packet(ea.PARTICIPANTS, num_active_cars=3)
        for slot, (number, name, team) in enumerate([(44, b"HAMILTON", 1), (4, b"NORRIS", 8), (4, b"Player", 8)]):
            p.participants[slot].race_number = number
            p.participants[slot].name = name
            p.participants[slot].team_id = team
            p.participants[slot].ai_controlled = slot < 2
        return bytes(p)

    def laps(self, lap=5, gap=2.5, pit=0):
        p = self.packet(ea.LAP_DATA)
        for slot, place in enumerate([1, 2, 3]):
            c = p.lap_data[slot]
            c.result_status, c.driver_status, c.car_position, c.grid_position = 2, 4, place, 4 - place
            c.current_lap_num, c.last_lap_time_in_ms, c.current_lap_time_in_ms = lap, 91234 + slot, 10_000
            c.lap_distance, c.total_distance = (
                1000.0 - slot,
                1000.0 - slot + (lap - 1) * 5891 - (6000 if slot == 2 else 0),
            )
            c.pit_status, c.num_pit_stops = (pit if slot == 1 else 0), slot
            if hasattr(c, "delta_to_race_leader_ms_part"):
                c.delta_to_race_leader_ms_part = int(1000 * gap * slot)
                c.delta_to_car_in_front_ms_part = int(1000 * gap) if slot else 0
        return bytes(p)

    def car_packets(self):
        t, s, d, m = (self.packet(i) for i in (ea.TELEMETRY, ea.STATUS, ea.DAMAGE, ea.MOTION))
        for slot in range(3):
            c = t.car_telemetry_data[slot]
            c.speed, c.throttle, c.brake, c.gear, c.engine_rpm, c.drs = 301, 0.75, 0.25, 8, 11_500, slot == 0
            c = s.car_status_data[slot]
            c.fuel_in_tank, c.visual_tyre_compound, c.actual_tyre_compound, c.tyres_age_laps = 61.5, 17, 19, 4
            c.ers_store_energy = 3.2e6
            d.car_damage_data[slot].tyres_wear[:] = [10.0, 12.5, 30.0, 11.0]
            c = m.car_motion_data[slot]
            c.world_position_x, c.world_position_y, c.world_position_z = 100.5, 8.25, -300.0
        return [bytes(p) for p in (m, t, s, d)]

    def event(self, code: bytes, **details):
        p = self.packet(ea.EVENT)
        p.event_string_code[:] = list(code)
        member = getattr(p.event_details, ea.EVENT_DETAILS.get(code.decode(), ""), None)
        for name, value in details.items():
            setattr(member, name, value)
        return bytes(p)

    def play(self, seconds=1.0, **laps):
        """One game frame at a time, twenty a second."""
        out = []
        for _ in range(int(seconds * 20)):
            self.frame += 1
            self.time += 0.05
            out += [self.laps(**laps), *self.car_packets()]
        return out


def car(frame, car_id):
    return next(c for c in frame.cars if c.car_id == car_id)


@pytest.mark.integration
@pytest.mark.parametrize("fmt", FORMATS)
async def test_a_race_over_a_real_socket(fmt):
    game, feed = Game(fmt), EaUdpFeed(port=0, hz=10)
    frames = []
    async with asyncio.timeout(20):
        stream = feed.__aiter__()
        pending = asyncio.ensure_future(anext(stream))
        while feed.address is None:
            await asyncio.sleep(0.01)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for datagram in [game.session(), game.participants(), *game.play(1.0), b"not a packet", *game.play(0.5)]:
                sender.sendto(datagram, feed.address)
                await asyncio.sleep(0)
            frames.append(await pending)
            while frames[-1].time_s < 1.4:
                frames.append(await anext(stream))
        await stream.aclose()
    last = frames[-1]
    assert all(isinstance(f, TelemetryFrame) and f.simulated for f in frames)
    assert 12 <= len(frames) <= 17, "ten a second of a second and a half"
    assert (last.circuit_id, last.season, last.session_type, last.total_laps, last.lap) == (
        "silverstone",
        fmt,
        "race",
        52,
        5,
    )
    assert last.track.rainfall is True
    assert last.track.track_temperature_c == 24.0
    hamilton = car(last, "44")
    assert (hamilton.driver, hamilton.team, hamilton.position, hamilton.grid_position) == ("HAM", "Ferrari", 1, 3)
    assert (hamilton.last_lap_s, hamilton.speed_kmh, hamilton.gear) == (91.234, 301.0, 8)
    assert hamilton.last_line_time_s == pytest.approx(last.time_s - 10, abs=1e-3)
    assert (hamilton.x_m, hamilton.y_m, hamilton.z_m) == (100.5, -300.0, 8.25)
    assert hamilton.tyre.compound is Compound.MEDIUM
    assert (hamilton.tyre.pirelli, hamilton.tyre.age, hamilton.tyre.wear) == ("C2", 4.0, 0.3)
    assert hamilton.fuel_kg == 61.5
    if fmt >= 2023:
        assert (car(last, "4").gap_s, car(last, "4").interval_s) == (2.5, 2.5)
        assert hamilton.interval_s is None
    else:
        assert car(last, "4").gap_s is None, "format 2022 does not carry gaps"
    assert feed.session.refused.total() == 1


@pytest.mark.unit
@pytest.mark.parametrize("fmt", FORMATS)
def test_two_players_with_one_number_stay_two_cars_and_restricted_values_missing(fmt):
    game = Game(fmt)
    last = list(read_datagrams([game.session(), game.participants(), *game.play(0.5)]))[-1]
    player = car(last, "104")
    assert player.driver == "PLA"
    assert (player.fuel_kg, player.tyre.wear, player.ers_store_j) == (None, None, None)
    assert player.laps_down == 1


@pytest.mark.unit
@pytest.mark.parametrize("fmt", FORMATS)
def test_safety_car_red_flag_and_retirement(fmt):
    game = Game(fmt)
    datagrams = [game.session(), game.participants(), *game.play(0.2), game.session(safety_car=1), *game.play(0.2)]
    datagrams += [game.session(safety_car=2), *game.play(0.2), game.session(), game.event(b"RDFL"), *game.play(0.2)]
    datagrams += [game.event(b"RTMT", vehicle_idx=1), game.event(b"LGOT"), *game.car_packets()]
    frames = list(read_datagrams(datagrams))
    seen = [f.track.status for f in frames]
    order = [s for s, before in zip(seen, [None, *seen], strict=False) if s is not before]
    assert order == [TrackStatus.GREEN, TrackStatus.SC, TrackStatus.VSC, TrackStatus.RED, TrackStatus.GREEN]
    assert car(frames[-1], "4").status is CarStatus.RETIRED
    assert [m.message for f in frames for m in f.messages] == ["RED FLAG", "RETIRED", "LIGHTS OUT"]


@pytest.mark.unit
def test_a_stop_shows_as_status_and_count():
    game = Game(2025)
    frames = list(
        read_datagrams([game.session(), game.participants(), *game.play(0.2), *game.play(0.2, pit=1), *game.play(0.2)])
    )
    seen = [car(f, "4").status for f in frames]
    assert [s for s, b in zip(seen, [None, *seen], strict=False) if s is not b] == [
        CarStatus.TRACK,
        CarStatus.PIT,
        CarStatus.TRACK,
    ]
    assert car(frames[-1], "4").stops == 1


@pytest.mark.unit
@pytest.mark.parametrize("fmt", FORMATS)
def test_through_the_ingestor_laps_stop_and_flag_come_once(fmt):
    """Two laps of fifty seconds, the 5th and 6th: a stop of car 4 in the first, the flag at the end of the second."""
    game = Game(fmt)
    datagrams = [game.session(), game.participants()]
    for step in range(500):
        game.frame, game.time = game.frame + 1, game.time + 0.25
        lap, into = 5 + step // 200, (step % 200) * 0.25
        p = layout(fmt, ea.LAP_DATA).from_buffer_copy(game.laps(lap=lap, pit=1 if 80 <= step < 120 else 0))
        for slot, c in enumerate(p.lap_data[:3]):
            c.current_lap_time_in_ms = int(1000 * into)
            c.last_lap_time_in_ms = 50_000 + lap + slot
            c.num_pit_stops = 1 if slot == 1 and step >= 100 else 0
            if step >= 400:
                c.result_status = 3
        datagrams += [bytes(p), *game.car_packets()]
    ingestor, events = TelemetryIngestor(), []
    for frame in read_datagrams(datagrams, hz=10):
        if (out := ingestor.process(frame)) is not None:
            events += out.events
    laps = sorted((e.car_id, e.lap, e.lap_time_s) for e in events if e.kind == "lap_completed")
    assert laps == sorted(
        (n, lap, round(50.001 + (lap + slot) / 1000, 3)) for slot, n in enumerate(("44", "4", "104")) for lap in (5, 6)
    )
    assert [(e.car_id, e.lap) for e in events if e.kind == "pit_entered"] == [("4", 5)]
    assert [(e.car_id, e.pit_lane_s) for e in events if e.kind == "pit_exited"] == [("4", pytest.approx(10.0, abs=0.3))]
    assert sorted((e.car_id, e.lap) for e in events if e.kind == "finished") == [("104", 6), ("4", 6), ("44", 6)]


@pytest.mark.unit
def test_format_2026_carries_overtake_mode_and_active_aero_in_24_slots():
    game = Game(2026)
    two = game.packet(ea.TELEMETRY_2)
    two.car_telemetry2_data[0].overtake_active = 1
    two.car_telemetry2_data[1].active_aero_mode = 1
    last = list(read_datagrams([game.session(), game.participants(), *game.play(0.1), bytes(two)]))[-1]
    assert (car(last, "44").overtake_mode, car(last, "44").active_aero) == (True, False)
    assert (car(last, "4").overtake_mode, car(last, "4").active_aero) == (False, True)


@pytest.mark.unit
@pytest.mark.parametrize("fmt", [2023, 2024, 2025, 2026])
def test_session_history_and_tyre_sets(fmt):
    game = Game(fmt)
    history = game.packet(ea.HISTORY, car_idx=0, num_laps=5, best_lap_time_lap_num=3)
    for i, lap in enumerate(history.lap_history_data[:4]):
        lap.lap_time_in_ms = 91_000 + i
        lap.sector1_time_ms_part, lap.sector2_time_ms_part, lap.sector3_time_ms_part = 28_000, 35_000, 28_000 + i
    history.lap_history_data[2].lap_time_in_ms = 90_001
    history.lap_history_data[3].sector2_time_minutes_part = 1
    sets = game.packet(ea.TYRE_SETS, car_idx=0, fitted_idx=1)
    for i, (visual, wear) in enumerate([(16, 0), (17, 25)]):
        s = sets.tyre_set_data[i]
        s.visual_tyre_compound, s.actual_tyre_compound, s.wear, s.available, s.usable_life = visual, 18, wear, 1, 20 + i
    sets.tyre_set_data[1].fitted = 1
    last = list(read_datagrams([game.session(), game.participants(), *game.play(0.1), bytes(history), bytes(sets)]))[-1]
    one = car(last, "44")
    assert one.best_lap_s == 90.001
    assert one.sectors_s == (28.0, 95.0, 28.003)
    assert [(s.compound, s.wear, s.fitted, s.usable_laps) for s in one.tyre_sets] == [
        ("SOFT", 0.0, False, 20),
        ("MEDIUM", 0.25, True, 21),
    ]


@pytest.mark.unit
def test_disorder_and_doubles_change_nothing():
    game = Game(2025)
    start, body = [game.session(), game.participants()], game.play(2.0)
    straight = list(read_datagrams([*start, *body]))
    rng = random.Random(4)
    mixed = [d for i, d in sorted(enumerate(body), key=lambda it: it[0] + rng.uniform(0, 6))]
    shuffled = list(read_datagrams([*start, *(d for d in mixed for _ in range(rng.choice((1, 1, 2))))]))
    assert shuffled[-1].cars == straight[-1].cars
    assert all(a.time_s <= b.time_s for a, b in pairwise(shuffled))


@pytest.mark.unit
def test_a_flashback_shows_the_game_as_it_is_now():
    game = Game(2025)
    datagrams = [game.session(), game.participants(), *game.play(2.0)]
    game.frame, game.time = 20, 1.0
    datagrams.append(game.event(b"FLBK", flashback_frame_identifier=20, flashback_session_time=1.0))
    datagrams += game.play(0.5, gap=9.0)
    frames = list(read_datagrams(datagrams))
    assert car(frames[-1], "4").gap_s == 9.0
    times = [f.time_s for f in frames]
    assert times == sorted(times), "race time waits, and never runs back"


@pytest.mark.unit
def test_a_new_session_starts_anew():
    game = Game(2025)
    first = [game.session(), game.participants(), *game.play(1.0)]
    again = Game(2025)
    second = []
    for datagram in [again.session(), again.participants(), *again.play(0.3, lap=2)]:
        p = layout(2025, datagram[6]).from_buffer_copy(datagram)
        p.header.session_uid = UID + 1
        second.append(bytes(p))
    frames = list(read_datagrams([*first, *second]))
    assert len({f.race_id for f in frames}) == 2
    assert frames[-1].time_s == pytest.approx(0.3, abs=1e-5)
    assert [f.seq for f in frames] == list(range(len(frames)))


@pytest.mark.integration
@pytest.mark.data
def test_recorded_datagrams_make_frames(race_data):
    path = race_data / "udp" / "udp_packets.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"{path} is missing: no recorded datagrams to test with")
    with gzip.open(path, "rt") as file:
        rows = [json.loads(line) for line in file]
    session = GameSession()
    frames = [f for row in rows for f in session.feed(base64.b64decode(row["payload_b64"]))] + list(session.flush())
    assert not session.refused
    assert frames
    assert all(isinstance(f, TelemetryFrame) for f in frames)


@pytest.mark.unit
def test_beyond_loopback_the_senders_must_be_named():
    with pytest.raises(ConfigurationError, match="name the senders"):
        EaUdpFeed("0.0.0.0")
    EaUdpFeed("0.0.0.0", senders=["192.168.1.20"])


@pytest.mark.integration
async def test_a_taken_port_is_one_clear_line():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ConfigurationError, match="cannot listen on UDP"):
            await anext(EaUdpFeed(port=taken.getsockname()[1]).__aiter__())


@pytest.mark.integration
async def test_strangers_are_not_heard():
    feed = EaUdpFeed("127.0.0.1", 0, senders=["127.0.0.9"])
    async with feed.listening() as address:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"hello", address)
        while not feed.foreign:
            await asyncio.sleep(0.01)
    assert feed.health.received == 0
