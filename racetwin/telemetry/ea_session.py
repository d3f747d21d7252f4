"""A session of the EA game: datagrams in, frames out.

The game sends each kind of packet many times a second; :class:`GameSession` keeps what they say and cuts one frame a game frame.
A game is driven, not timed on a track, so every frame is marked ``simulated``. What players do not share (setting "Your
Telemetry: Restricted") reads as zero in the packets and stays missing in ours.

Differences between formats that a reader of the frames can see:

* gaps to the leader and to the car ahead exist since 2023; before that they stay missing;
* tyre compounds of 2018 have seven slick names, of which only SOFT, MEDIUM and HARD are ours; the others stand in ``pirelli``;
* overtake mode and active aero exist in 2026 only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from racetwin.errors import InputError
from racetwin.schemas import CarStatus
from racetwin.telemetry import ea_codes as codes
from racetwin.telemetry import ea_packets as ea
from racetwin.telemetry.circuits import EA_TRACKS
from racetwin.telemetry.ea_track import GameTrack
from racetwin.telemetry.frame_builder import FrameBuilder, RawFrame
from racetwin.telemetry.refusals import OnRefusal, refused

_REORDERED = 120
"""A packet up to so many game frames old was overtaken on the way; one older still belongs to another run."""


class GameSession:
    """What the packets of one game session add up to.

    Parameters
    ----------
    hz
        Most frames a second of game time; ``None`` cuts one for every game frame.

    Attributes
    ----------
    refused
        Datagrams refused, counted by reason (the reason's first word names the field).
    packets
        Packets taken, counted by (format, name).
    on_refusal
        Called with each datagram that is refused.
    """

    def __init__(self, hz: float | None = None) -> None:
        self.builder = FrameBuilder("ea-udp", hz)
        self.refused: Counter[str] = Counter()
        self.packets: Counter[tuple[int, str]] = Counter()
        self.on_refusal: OnRefusal | None = None
        self._uid: int | None = None
        self._handlers: dict[int, Callable[[ea.Packet], None]] = {
            ea.SESSION: self._session,
            ea.EVENT: self._event,
            ea.PARTICIPANTS: self._participants,
            ea.LAP_DATA: self._lap_data,
            ea.MOTION: self._motion,
            ea.TELEMETRY: self._telemetry,
            ea.TELEMETRY_2: self._telemetry_2,
            ea.STATUS: self._car_status,
            ea.DAMAGE: self._damage,
            ea.HISTORY: self._history,
            ea.TYRE_SETS: self._tyre_sets,
            ea.LAP_POSITIONS: self._lap_positions,
            ea.CLASSIFICATION: self._classification,
        }
        self._begin()

    def _begin(self) -> None:
        self._numbers: dict[int, str] = {}
        self._shared: dict[int, bool] = {}
        self._laps: dict[int, int] = {}
        self._time = 0.0
        self._frame = 0
        self._seen_laps = False
        self._track_length: float | None = None
        self._track = GameTrack()

    # --- datagrams in, frames out -----------------------------------------------------------------------------------

    def feed(self, datagram: bytes) -> Iterator[RawFrame]:
        """Take one datagram; yield the frame it completes. One that is no packet is counted and left out."""
        try:
            packet = ea.decode(datagram)
        except InputError as refusal:
            self._refuse(refusal)
            return
        header = packet.body.header
        time_s = float(header.session_time)
        if not -1.0 <= time_s < 1e6:  # NaN too
            self._refuse(InputError(f"session_time: {time_s}, expected seconds since lights out"))
            return
        self.packets[packet.format, packet.name] += 1
        if header.session_uid != self._uid:
            yield from self.flush()
            self._uid = header.session_uid
            self._begin()
            self.builder.restart()
            self._head(packet)
        late = 0 < self._frame - header.frame_identifier <= _REORDERED and packet.id in (
            ea.MOTION,
            ea.LAP_DATA,
            ea.TELEMETRY,
        )
        if late:
            return
        if packet.id == ea.LAP_DATA:
            # Lap data open a game frame: what came before makes the frame of the instant before.
            if self._seen_laps and self.builder.due(self._time):
                yield self._cut()
            self._seen_laps, self._time, self._frame = True, time_s, header.frame_identifier
        handler = self._handlers.get(packet.id)
        if handler is not None:
            handler(packet)

    def _refuse(self, refusal: InputError) -> None:
        self.refused[str(refusal).partition(":")[0]] += 1
        if self.on_refusal is not None:
            self.on_refusal(refused(refusal, self.builder.source))

    def flush(self) -> Iterator[RawFrame]:
        """Yield the frame of the last game frame, if something changed in it."""
        if self.builder.dirty and self.builder.cars:
            yield self._cut()

    def _cut(self) -> RawFrame:
        return self.builder.cut(round(self._time, 6))

    def _head(self, packet: ea.Packet) -> None:
        year = getattr(packet.body.header, "game_year", 0)
        self.builder.head(
            season=2000 + year if 18 <= year < 100 else packet.format,
            simulated=True,
            race_id=f"game-{packet.body.header.session_uid:x}",
        )

    def _car(self, slot: int, **values: Any) -> None:
        """Set fields of the car in a slot, once its racing number is known."""
        car_id = self._numbers.get(slot)
        if car_id is not None:
            self.builder.car(car_id, **values)

    # --- session ----------------------------------------------------------------------------------------------------

    def _session(self, packet: ea.Packet) -> None:
        p = packet.body
        circuit = EA_TRACKS.get(p.track_id)
        kind = codes.session_kind(packet.format, p.session_type)
        self.builder.head(
            circuit_id=circuit,
            race_id=f"game-{circuit or 'track'}-{p.header.session_uid:x}",
            session_type=kind,
            total_laps=p.total_laps if kind in ("race", "sprint") and 0 < p.total_laps <= 200 else None,
        )
        self._track_length = float(p.track_length) or None
        self.builder.track(
            air_temperature_c=float(p.air_temperature),
            track_temperature_c=float(p.track_temperature),
            weather=codes.WEATHER[p.weather] if p.weather < len(codes.WEATHER) else None,
            rainfall=3 <= p.weather < len(codes.WEATHER),
        )
        self._track.see(p)
        self.builder.track(status=self._track.status)

    def _event(self, packet: ea.Packet) -> None:
        code, details = packet.event, packet.details
        slot = getattr(details, "vehicle_idx", None)
        if code == "FLBK" and details is not None:
            # The player has wound the game back: what follows is no late packet. Race time waits until it is caught up with.
            self._frame = details.flashback_frame_identifier
        elif code == "RTMT" and slot is not None:
            self._car(slot, status=CarStatus.RETIRED)
        said = self._track.hear(code, details)
        if said is not None:
            car = self._numbers.get(slot) if slot is not None else None
            self.builder.message(message=said, category="Game", car_id=car)
            self.builder.track(status=self._track.status)

    # --- cars ---------------------------------------------------------------------------------------------------------

    def _participants(self, packet: ea.Packet) -> None:
        taken: set[str] = set()
        count = min(packet.body.num_active_cars, len(packet.body.participants))
        for slot, p in enumerate(packet.body.participants[:count]):
            number = codes.free_number(p.race_number, slot, taken)
            taken.add(number)
            if self._numbers.get(slot) != number:
                self._numbers[slot] = number
            # AI cars always share; so does the player with himself.
            self._shared[slot] = bool(
                p.ai_controlled or getattr(p, "your_telemetry", 1) or slot == packet.body.header.player_car_index
            )
            name = p.name.decode("utf-8", "replace")
            self._car(slot, driver=codes.driver_code(name), team=codes.TEAMS.get(p.team_id))

    def _lap_data(self, packet: ea.Packet) -> None:
        racing = self.builder.header("session_type") in ("race", "sprint")
        ahead = max((c.total_distance for c in packet.body.lap_data if c.result_status == 2), default=0.0)
        leader_lap = 0
        for slot, c in enumerate(packet.body.lap_data):
            if c.result_status < 2 or slot not in self._numbers:
                continue
            put = self._lap_fields(slot, c, racing)
            if racing and self._track_length and c.result_status == 2 and abs(ahead - c.total_distance) < 1e6:
                put["laps_down"] = max(0, int((ahead - c.total_distance) // self._track_length))
            self._car(slot, **put)
            if c.result_status in (2, 3):
                leader_lap = max(leader_lap, min(c.current_lap_num, 200))
        total = self.builder.header("total_laps")
        self.builder.head(lap=min(leader_lap, total) if total else leader_lap)

    def _lap_fields(self, slot: int, c: Any, racing: bool) -> dict[str, Any]:
        current, last = codes.seconds(c, "current_lap_time"), codes.seconds(c, "last_lap_time") or None
        status = self._status(c, racing)
        put: dict[str, Any] = {"status": status, "lap": c.current_lap_num, "last_lap_s": last}
        was = self.builder.known(self._numbers[slot]).get("status")
        before = self._laps.get(slot, c.current_lap_num)
        if was is CarStatus.FINISHED:
            put["lap"] = self.builder.known(self._numbers[slot]).get("lap")
        elif status is CarStatus.FINISHED and c.current_lap_num > before:
            # A finished car's lap is the last it completed; some formats go on counting at the flag, some do not.
            put["lap"] = before
        if c.current_lap_num != before:
            put["sectors_s"] = None  # those of the lap now completed come with the session history
        self._laps[slot] = c.current_lap_num
        if (was, status) == (CarStatus.TRACK, CarStatus.PIT):
            put["pit_in_time_s"] = round(self._time, 3)
        elif (was, status) == (CarStatus.PIT, CarStatus.TRACK):
            put["pit_out_time_s"] = round(self._time, 3)
        if c.car_position > 0:
            put["position"] = c.car_position
        if c.grid_position > 0:
            put["grid_position"] = c.grid_position
        if self._track_length and -1e6 < c.lap_distance < 1e6:
            put["lap_fraction"] = min(max(c.lap_distance / self._track_length, 0.0), 1.0)
        if c.current_lap_num > 1 and current is not None:
            put["last_line_time_s"] = round(self._time - current, 3)
        if hasattr(c, "num_pit_stops"):
            put["stops"] = c.num_pit_stops
            if c.pit_lane_timer_active:
                put["pit_lane_s"] = c.pit_lane_time_in_lane_in_ms / 1000
                put["pit_stationary_s"] = c.pit_stop_timer_in_ms / 1000 or None
        if racing and hasattr(c, "delta_to_race_leader_ms_part"):
            put["gap_s"] = (
                60.0 * getattr(c, "delta_to_race_leader_minutes_part", 0) + c.delta_to_race_leader_ms_part / 1000
            )
            front = 60.0 * getattr(c, "delta_to_car_in_front_minutes_part", 0) + c.delta_to_car_in_front_ms_part / 1000
            put["interval_s"] = front if c.car_position != 1 else None
        if (best := getattr(c, "best_lap_time", 0.0)) and 0 < best < 1e4:
            put["best_lap_s"] = round(best, 3)
        return put

    def _status(self, c: Any, racing: bool) -> CarStatus:
        # 2 active, 3 finished, 4 and above: did not finish, disqualified, not classified, retired.
        if c.result_status == 3:
            return CarStatus.FINISHED
        if c.result_status > 3:
            return CarStatus.RETIRED
        if racing and self._time <= 0:
            return CarStatus.GRID
        if c.pit_status or (not racing and c.driver_status == 0):
            return CarStatus.PIT
        return CarStatus.TRACK

    def _motion(self, packet: ea.Packet) -> None:
        # The game's second axis points up; ours is the third.
        for slot, m in enumerate(packet.body.car_motion_data):
            place = (m.world_position_x, m.world_position_z, m.world_position_y)
            if slot in self._numbers and all(-1e6 < v < 1e6 for v in place):
                self._car(slot, x_m=round(place[0], 3), y_m=round(place[1], 3), z_m=round(place[2], 3))

    def _telemetry(self, packet: ea.Packet) -> None:
        scale = 0.01 if packet.format == 2018 else 1.0
        for slot, t in enumerate(packet.body.car_telemetry_data):
            if slot in self._numbers:
                self._car(
                    slot,
                    speed_kmh=float(t.speed),
                    throttle=round(t.throttle * scale, 4),
                    brake=round(t.brake * scale, 4),
                    gear=t.gear,
                    rpm=float(t.engine_rpm),
                    drs=bool(t.drs),
                )

    def _telemetry_2(self, packet: ea.Packet) -> None:
        for slot, t in enumerate(packet.body.car_telemetry2_data):
            self._car(slot, active_aero=bool(t.active_aero_mode), overtake_mode=bool(t.overtake_active))

    def _car_status(self, packet: ea.Packet) -> None:
        for slot, s in enumerate(packet.body.car_status_data):
            car = self._numbers.get(slot)
            if car is None:
                continue
            tyre = dict(self.builder.known(car).get("tyre") or {})
            if packet.format == 2018:
                tyre["compound"] = codes.COMPOUND_2018.get(s.actual_tyre_compound)
                tyre["pirelli"] = codes.NAME_2018.get(s.actual_tyre_compound)
            else:
                tyre["compound"] = codes.COMPOUND.get(s.visual_tyre_compound)
                tyre["pirelli"] = codes.PIRELLI.get(s.actual_tyre_compound)
            if hasattr(s, "tyres_age_laps"):
                tyre["age"] = float(s.tyres_age_laps)
            put: dict[str, Any] = {}
            if self._shared.get(slot):
                put = {"fuel_kg": round(s.fuel_in_tank, 4), "ers_store_j": round(s.ers_store_energy, 1)}
                if hasattr(s, "tyres_wear"):
                    tyre["wear"] = codes.worst(s.tyres_wear)
            self._car(slot, tyre=tyre, **put)

    def _damage(self, packet: ea.Packet) -> None:
        for slot, d in enumerate(packet.body.car_damage_data):
            car = self._numbers.get(slot)
            if car is not None and self._shared.get(slot):
                tyre = dict(self.builder.known(car).get("tyre") or {})
                self._car(slot, tyre=tyre | {"wear": codes.worst(d.tyres_wear)})

    def _history(self, packet: ea.Packet) -> None:
        p = packet.body
        laps = p.lap_history_data
        put: dict[str, Any] = {}
        if 0 < p.best_lap_time_lap_num <= len(laps) and (best := laps[p.best_lap_time_lap_num - 1].lap_time_in_ms):
            put["best_lap_s"] = best / 1000
        done = [lap for lap in laps[: min(p.num_laps, len(laps))] if lap.lap_time_in_ms]
        if done:
            put["sectors_s"] = tuple(codes.sector(done[-1], i) for i in (1, 2, 3))
        if put:
            self._car(p.car_idx, **put)

    def _tyre_sets(self, packet: ea.Packet) -> None:
        p = packet.body
        sets = [
            {
                "compound": codes.COMPOUND.get(s.visual_tyre_compound),
                "pirelli": codes.PIRELLI.get(s.actual_tyre_compound),
                "wear": min(s.wear, 100) / 100,
                "usable_laps": s.usable_life,
                "available": bool(s.available),
                "fitted": bool(s.fitted),
            }
            for s in p.tyre_set_data
            if s.visual_tyre_compound
        ]
        if sets and self._shared.get(p.car_idx):
            self._car(p.car_idx, tyre_sets=tuple(sets))

    def _lap_positions(self, packet: ea.Packet) -> None:
        # The first row is the order at the start of lap 1, in case the game was joined later.
        p = packet.body
        if p.num_laps and p.lap_start == 0:
            for slot, place in enumerate(p.position_for_vehicle_idx[: len(p.position_for_vehicle_idx) // 50]):
                car = self._numbers.get(slot)
                if place and car is not None and self.builder.known(car).get("grid_position") is None:
                    self._car(slot, grid_position=place)

    def _classification(self, packet: ea.Packet) -> None:
        count = min(packet.body.num_cars, len(packet.body.classification_data))
        for slot, c in enumerate(packet.body.classification_data[:count]):
            if c.result_status >= 2 and c.position:
                home = c.result_status == 3
                self._car(
                    slot,
                    position=c.position,
                    status=CarStatus.FINISHED if home else CarStatus.RETIRED,
                    stops=c.num_pit_stops,
                    **({"lap": c.num_laps} if home else {}),
                )
