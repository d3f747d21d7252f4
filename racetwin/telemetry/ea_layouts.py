"""Layouts of the EA game's UDP datagrams, formats 2018 to 2026.

Each release of ``f1-packets`` knows the layouts of one game year. Ours is the newest (format 2026), taken as it is; the table
below says, year by year and going back, what was different: 60 lines instead of nine copies. The header names the format, so one
listener serves every year. Each layout has exactly one size, and a datagram of another size is refused: a changed layout is
noticed and never misread.

The differences follow EA's published specifications ("F1 xx UDP Specification") and were checked byte by byte against recorded
datagrams of every format from 2018 to 2025.
"""

from __future__ import annotations

import ctypes
import re
from functools import cache
from typing import Any

from racetwin.errors import ConfigurationError, InputError

NEWEST, OLDEST = 2026, 2018

PACKETS = (
    "PacketMotionData",
    "PacketSessionData",
    "PacketLapData",
    "PacketEventData",
    "PacketParticipantsData",
    "PacketCarSetupData",
    "PacketCarTelemetryData",
    "PacketCarStatusData",
    "PacketFinalClassificationData",
    "PacketLobbyInfoData",
    "PacketCarDamageData",
    "PacketSessionHistoryData",
    "PacketTyreSetsData",
    "PacketMotionExData",
    "PacketTimeTrialData",
    "PacketLapPositionsData",
    "PacketCarTelemetry2Data",
)
"""Packets by their id in the header."""

_PACKETS_IN = {2018: 8, 2019: 8, 2020: 10, 2021: 12, 2022: 12, 2023: 14, 2024: 15, 2025: 16, 2026: 17}
"""How many of them a format has; each year added some at the end."""

_CARS = {2018: 20, 2019: 20, 2026: 24}
"""Car slots of a format; 22 where not listed."""

_TYPES: dict[str, Any] = {
    "B": ctypes.c_uint8,
    "b": ctypes.c_int8,
    "H": ctypes.c_uint16,
    "h": ctypes.c_int16,
    "I": ctypes.c_uint32,
    "Q": ctypes.c_uint64,
    "f": ctypes.c_float,
    "d": ctypes.c_double,
    "s": ctypes.c_char,
}
"""Type letters of the table, as in :mod:`struct`."""

# One structure a line: -name drops a field; name:type changes one; name:type>other puts one in after another (>^ first).
# "=" gives a whole structure anew. Types are letters, or structures, with *n for arrays.
_GOING_BACK = {
    2025: """
        CarMotionData g_force_lateral:f g_force_longitudinal:f g_force_vertical:f
        PacketSessionData -active_aero_track_status -num_active_aero_zones_full -active_aero_zones_full
        PacketSessionData -num_active_aero_zones_partial -active_aero_zones_partial -num_drs_zones -drs_zones
        PacketSessionData -start_reaction_time -anti_lock_brakes_assist -traction_control_assist
        PacketSessionData -dynamic_racing_line_hi_vis -dynamic_racing_line_colour_blind -recurring_rewind_prompt
        ParticipantData driver_id:B network_id:B team_id:B
        CarTelemetryData engine_temperature:H
        CarStatusData -ers_harvest_limit_per_lap
        LobbyInfoData team_id:B
        TimeTrialDataSet team_id:B
        PacketLapPositionsData position_for_vehicle_idx:B*1100
        Collision -severity
    """,
    2024: """
        ParticipantData name:s*48 -num_colours -livery_colours
        FinalClassificationData -result_reason
        LobbyInfoData name:s*48
        CarDamageData -tyre_blisters
        PacketMotionExData -chassis_pitch -wheel_camber -wheel_camber_gain
        Retirement -reason
        StopGoPenaltyServed -stop_time
    """,
    2023: """
        PacketSessionData weather_forecast_samples:WeatherForecastSample*56 -equal_car_performance -recovery_mode
        PacketSessionData -flashback_limit -surface_type -low_fuel_mode -race_starts -tyre_temperature -pit_lane_tyre_sim
        PacketSessionData -car_damage -car_damage_rate -collisions -collisions_off_for_first_lap_only
        PacketSessionData -mp_unsafe_pit_release -mp_off_for_griefing -corner_cutting_stringency -parc_ferme_rules
        PacketSessionData -pit_stop_experience -safety_car -safety_car_experience -formation_lap
        PacketSessionData -formation_lap_experience -red_flags -affects_licence_level_solo -affects_licence_level_mp
        PacketSessionData -num_sessions_in_weekend -weekend_structure -sector2_lap_distance_start
        PacketSessionData -sector3_lap_distance_start
        LapData -delta_to_car_in_front_minutes_part -delta_to_race_leader_minutes_part
        LapData -speed_trap_fastest_speed -speed_trap_fastest_lap
        ParticipantData -tech_level
        CarSetupData -engine_braking
        PacketCarSetupData -next_front_wing_value
        LobbyInfoData -your_telemetry -show_online_names -tech_level
        PacketMotionExData -front_aero_height -rear_aero_height -front_roll_angle -rear_roll_angle -chassis_yaw
    """,
    2022: """
        PacketHeader -game_year -overall_frame_identifier
        PacketMotionData suspension_position:f*4>car_motion_data suspension_velocity:f*4>suspension_position
        PacketMotionData suspension_acceleration:f*4>suspension_velocity wheel_speed:f*4>suspension_acceleration
        PacketMotionData wheel_slip:f*4>wheel_speed local_velocity_x:f>wheel_slip local_velocity_y:f>local_velocity_x
        PacketMotionData local_velocity_z:f>local_velocity_y angular_velocity_x:f>local_velocity_z
        PacketMotionData angular_velocity_y:f>angular_velocity_x angular_velocity_z:f>angular_velocity_y
        PacketMotionData angular_acceleration_x:f>angular_velocity_z angular_acceleration_y:f>angular_acceleration_x
        PacketMotionData angular_acceleration_z:f>angular_acceleration_y front_wheels_angle:f>angular_acceleration_z
        PacketSessionData -speed_units_lead_player -temperature_units_lead_player -speed_units_secondary_player
        PacketSessionData -temperature_units_secondary_player -num_safety_car_periods -num_virtual_safety_car_periods
        PacketSessionData -num_red_flag_periods
        LapData -sector1_time_minutes_part -sector2_time_minutes_part -delta_to_car_in_front_ms_part
        LapData -delta_to_race_leader_ms_part -corner_cutting_warnings
        LapHistoryData -sector1_time_minutes_part -sector2_time_minutes_part -sector3_time_minutes_part
        ParticipantData -show_online_names -platform
        CarStatusData -engine_power_ice -engine_power_mguk
        LobbyInfoData -platform
    """,
    2021: """
        PacketSessionData -game_mode -rule_set -time_of_day -session_length
        PacketLapData -time_trial_pb_car_idx -time_trial_rival_car_idx
        FinalClassificationData -tyre_stints_end_laps
        CarDamageData -drs_fault -ers_fault -engine_blown -engine_seized drs_fault:B>sidepod_damage
        SpeedTrap -fastest_vehicle_idx_in_session -fastest_speed_in_session
    """,
    2020: """
        PacketSessionData weather_forecast_samples:WeatherForecastSample*20 -forecast_accuracy -ai_difficulty
        PacketSessionData -season_link_identifier -weekend_link_identifier -session_link_identifier
        PacketSessionData -pit_stop_window_ideal_lap -pit_stop_window_latest_lap -pit_stop_rejoin_position
        PacketSessionData -steering_assist -braking_assist -gearbox_assist -pit_assist -pit_release_assist -ers_assist
        PacketSessionData -drs_assist -dynamic_racing_line -dynamic_racing_line_type
        WeatherForecastSample -track_temperature_change -air_temperature_change -rain_percentage
        LapData = last_lap_time:f current_lap_time:f sector1_time_in_ms:H sector2_time_in_ms:H best_lap_time:f best_lap_num:B
        LapData + best_lap_sector1_time_in_ms:H best_lap_sector2_time_in_ms:H best_lap_sector3_time_in_ms:H
        LapData + best_overall_sector1_time_in_ms:H best_overall_sector1_lap_num:B best_overall_sector2_time_in_ms:H
        LapData + best_overall_sector2_lap_num:B best_overall_sector3_time_in_ms:H best_overall_sector3_lap_num:B
        LapData + lap_distance:f total_distance:f safety_car_delta:f car_position:B current_lap_num:B pit_status:B sector:B
        LapData + current_lap_invalid:B penalties:B grid_position:B driver_status:B result_status:B
        ParticipantData -network_id -my_team
        CarTelemetryData -rev_lights_bit_value
        PacketCarTelemetryData button_status:I>car_telemetry_data
        CarStatusData -network_paused tyres_wear:B*4>drs_activation_distance tyres_damage:B*4>tyres_age_laps
        CarStatusData front_left_wing_damage:B>tyres_damage front_right_wing_damage:B>front_left_wing_damage
        CarStatusData rear_wing_damage:B>front_right_wing_damage drs_fault:B>rear_wing_damage engine_damage:B>drs_fault
        CarStatusData gear_box_damage:B>engine_damage
        FinalClassificationData best_lap_time:f>result_status -best_lap_time_in_ms
        LobbyInfoData -car_number
        SpeedTrap -is_overall_fastest_in_session -is_driver_fastest_in_session
        EventDataDetails -flashback -buttons -stop_go_penalty_served -drive_through_penalty_served -start_lights
        EventDataDetails -overtake -safety_car -collision
    """,
    2019: """
        PacketHeader -secondary_player_car_index
        PacketSessionData -num_weather_forecast_samples -weather_forecast_samples
        LapData = last_lap_time:f current_lap_time:f best_lap_time:f sector1_time:f sector2_time:f lap_distance:f
        LapData + total_distance:f safety_car_delta:f car_position:B current_lap_num:B pit_status:B sector:B
        LapData + current_lap_invalid:B penalties:B grid_position:B driver_status:B result_status:B
        CarSetupData front_tyre_pressure:f>brake_bias rear_tyre_pressure:f>front_tyre_pressure -rear_left_tyre_pressure
        CarSetupData -rear_right_tyre_pressure -front_left_tyre_pressure -front_right_tyre_pressure
        CarTelemetryData tyres_surface_temperature:H*4 tyres_inner_temperature:H*4
        PacketCarTelemetryData -mfd_panel_index -mfd_panel_index_secondary_player -suggested_gear
        CarStatusData -drs_activation_distance -tyres_age_laps -drs_fault
        EventDataDetails -speed_trap -penalty
    """,
    2018: """
        PacketHeader -game_major_version -game_minor_version
        PacketEventData -event_details
        ParticipantData -your_telemetry
        CarTelemetryData throttle:B steer:b brake:B -surface_type
        CarStatusData -fuel_remaining_laps -visual_tyre_compound exhaust_damage:B>gear_box_damage
    """,
}

_TOKEN = re.compile(r"(?:-(?P<drop>\w+)|(?P<name>\w+):(?P<type>\w+)(?:\*(?P<count>\d+))?(?:>(?P<after>\w+|\^))?)$")

Fields = list[tuple[str, Any]]


@cache
def layout(fmt: int, packet_id: int) -> type[ctypes.LittleEndianStructure]:
    """Return the structure of a packet in one format.

    Raises
    ------
    InputError
        For a format or packet that there is not.
    """
    if not OLDEST <= fmt <= NEWEST:
        raise InputError(f"packet_format: {fmt}, expected {OLDEST} to {NEWEST}")
    if not 0 <= packet_id < _PACKETS_IN[fmt]:
        raise InputError(f"packet_id: {packet_id} does not exist in format {fmt}, expected 0 to {_PACKETS_IN[fmt] - 1}")
    structure: type[ctypes.LittleEndianStructure] = _structures(fmt)[PACKETS[packet_id]]
    return structure


@cache
def header_layout(fmt: int) -> type[ctypes.LittleEndianStructure]:
    """Return the structure of the header in one format."""
    structure: type[ctypes.LittleEndianStructure] = _structures(fmt)["PacketHeader"]
    return structure


@cache
def _fields(fmt: int) -> dict[str, Fields]:
    """Return all structures of a format as fields; types are ctypes, or names of structures with a count."""
    if fmt == NEWEST:
        return _library_fields()
    known = {name: list(fields) for name, fields in _fields(fmt + 1).items()}
    for line in _GOING_BACK[fmt].strip().splitlines():
        name, *tokens = line.split()
        if tokens[0] in "=+":
            if tokens[0] == "=":
                known[name] = []
            known[name] += [_field(token) for token in tokens[1:]]
        else:
            for token in tokens:
                _change(known[name], token)
    return known


def _field(token: str) -> tuple[str, Any]:
    found = _TOKEN.match(token)
    if found is None or found["name"] is None:
        raise ValueError(f"layout table: {token!r} is no field")
    kind: Any = _TYPES.get(found["type"], found["type"])
    if found["count"]:
        kind = (kind, int(found["count"]))
    return found["name"], kind


def _change(fields: Fields, token: str) -> None:
    names = [name for name, _ in fields]
    if token.startswith("-"):
        del fields[names.index(token[1:])]
        return
    after = token.partition(">")[2]
    if after:
        fields.insert(names.index(after) + 1, _field(token))
    else:
        name, kind = _field(token)
        fields[names.index(name)] = (name, kind)


def _library_fields() -> dict[str, Fields]:
    """Return the newest layouts, as ``f1-packets`` has them."""
    try:
        from f1 import packets
    except ImportError as error:
        raise ConfigurationError(
            "the EA game feed needs the package f1-packets: install it with  pip install 'racetwin[feeds]'"
        ) from error
    if (NEWEST, 1, 0) not in packets.HEADER_FIELD_TO_PACKET_TYPE:
        raise ConfigurationError(f"f1-packets: this release has not format {NEWEST}: install f1-packets>=2026.1,<2027")
    out: dict[str, Fields] = {}
    for name, value in vars(packets).items():
        fields = getattr(value, "_fields_", None)
        if isinstance(value, type) and fields:
            out[name] = [(field, _plain(kind)) for field, kind in fields]
    return out


def _plain(kind: Any) -> Any:
    if hasattr(kind, "_length_"):
        return (_plain(kind._type_), kind._length_)
    return kind.__name__ if hasattr(kind, "_fields_") else kind


@cache
def _structures(fmt: int) -> dict[str, Any]:
    fields = _fields(fmt)
    slots = _CARS.get(fmt, 22)
    built: dict[str, Any] = {}

    def build(name: str) -> Any:
        if name not in built:
            base = ctypes.LittleEndianUnion if name == "EventDataDetails" else ctypes.LittleEndianStructure
            built[name] = type(name, (base,), {"_pack_": 1, "_fields_": [(n, ctype(k)) for n, k in fields[name]]})
        return built[name]

    def ctype(kind: Any) -> Any:
        if isinstance(kind, tuple):
            inner, count = kind
            # Arrays of one structure a car are as long as the format has car slots.
            return ctype(inner) * (slots if isinstance(inner, str) and count == _CARS[NEWEST] else count)
        return build(kind) if isinstance(kind, str) else kind

    for name in fields:
        build(name)
    return built
