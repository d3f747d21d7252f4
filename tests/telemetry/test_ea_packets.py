"""The EA game's datagrams against the answers recorded beside them."""

from __future__ import annotations

import base64
import ctypes
import gzip
import json
import math
import re
import struct
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("f1.packets", reason="the EA game feed needs the extra [feeds]")

from racetwin.errors import InputError
from racetwin.telemetry.ea_layouts import NEWEST, OLDEST, PACKETS, layout
from racetwin.telemetry.ea_packets import EVENT, MAX_DATAGRAM, Packet, decode, plain

# How another decoder names what the specification renamed from one year to the next.
OTHER_NAMES = {
    "num_cars": "num_active_cars",
    "era": "formula",
    "warnings": "total_warnings",
    "tyre_compound": "actual_tyre_compound",
    "car_setups": "car_setup_data",
    "delta_to_car_in_front_in_ms": "delta_to_car_in_front_ms_part",
    "delta_to_race_leader_in_ms": "delta_to_race_leader_ms_part",
    **{f"sector{i}_time_in_ms": f"sector{i}_time_ms_part" for i in (1, 2, 3)},
    **{f"sector{i}_time_minutes": f"sector{i}_time_minutes_part" for i in (1, 2, 3)},
}


def snake(name: str) -> str:
    name = name.removeprefix("m_")
    for word in ("UID", "MGUK", "MGUH", "RPM", "ICE", "ERS", "DRS", "COG", "PB", "MS", "ES", "CE", "TC"):
        name = name.replace(word, f"_{word.lower()}_")
    return re.sub(r"_+", "_", re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()).strip("_")


def equal(got, want, where: str) -> None:
    """Assert that ``got`` says what ``want`` does, whatever the names' style."""
    if isinstance(want, dict):
        assert isinstance(got, dict), where
        for key, value in want.items():
            name = snake(key)
            name = name if name in got else OTHER_NAMES.get(name, name)
            assert name in got, f"{where}.{name} is not among {sorted(got)}"
            equal(got[name], value, f"{where}.{name}")
    elif isinstance(want, list):
        assert len(got) == len(want), where
        for i, (a, b) in enumerate(zip(got, want, strict=True)):
            equal(a, b, f"{where}[{i}]")
    elif isinstance(want, str):
        assert str(got) == want, where
    else:
        assert math.isclose(got, want, rel_tol=1e-6, abs_tol=1e-9), f"{where}: {got} != {want}"


@pytest.fixture(scope="module")
def datagrams(race_data):
    path = race_data / "udp" / "udp_packets.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"{path} is missing: no recorded datagrams to test with")
    with gzip.open(path, "rt") as file:
        rows = [json.loads(line) for line in file]
    return [(row, base64.b64decode(row["payload_b64"])) for row in rows]


@pytest.mark.unit
@pytest.mark.data
def test_every_recorded_datagram_decodes_to_its_answer(datagrams, capsys):
    answered = Counter()
    for row, data in datagrams:
        packet = decode(data)
        assert (packet.format, packet.id) == (row["format"], row["packet_id"])
        if row.get("expected") is not None:
            equal(packet.as_dict(), row["expected"], f"{row['format']}/{packet.name}")
            answered[row["format"]] += 1
    with capsys.disabled():
        print(
            f"\n{len(datagrams)} datagrams decode; equal to the answer given, by format: {dict(sorted(answered.items()))}"
        )
    assert sum(answered.values()) == sum(row.get("expected") is not None for row, _ in datagrams) > 60


@pytest.mark.unit
@pytest.mark.data
def test_recorded_datagrams_without_an_answer_make_sense(datagrams):
    for row, data in datagrams:
        packet = decode(data)
        if packet.id == EVENT:
            assert re.fullmatch(r"[A-Z]{4}", packet.event)
            if (row["name"] or "").startswith("event:"):
                assert packet.event == row["name"][6:]
        header = packet.body.header
        assert header.packet_format == row["format"]
        assert header.player_car_index < 24 or header.player_car_index == 255
        assert math.isfinite(header.session_time)


@pytest.mark.unit
def test_sizes_of_format_2026_are_those_of_the_specification():
    sizes = [ctypes.sizeof(layout(2026, i)) for i in range(len(PACKETS))]
    assert sizes == [1325, 926, 1399, 45, 1470, 1233, 1448, 1445, 1134, 1062, 1133, 1460, 231, 273, 104, 1231, 269]


@pytest.mark.unit
@pytest.mark.parametrize("fmt", range(OLDEST, NEWEST + 1))
def test_a_packet_written_in_any_format_reads_back(fmt):
    structure = layout(fmt, 2)()
    structure.header.packet_format = fmt
    structure.header.packet_id = 2
    structure.lap_data[19].car_position = 7
    packet = decode(bytes(structure))
    assert packet.format == fmt
    assert packet.body.lap_data[19].car_position == 7
    assert len(packet.body.lap_data) == {2018: 20, 2019: 20, 2026: 24}.get(fmt, 22)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes"),
        (b"\x00" * 40, "packet_format: 0"),
        (struct.pack("<H", 2017) + bytes(60), "packet_format: 2017, expected 2018 to 2026"),
        (struct.pack("<HBBBBB", 2025, 25, 1, 0, 1, 16) + bytes(60), "does not exist in format 2025"),
        (struct.pack("<HBBBBB", 2025, 25, 1, 0, 1, 2) + bytes(60), "expected 1285 for PacketLapData"),
        (struct.pack("<HBBBBB", 2025, 25, 1, 0, 1, 3) + bytes(20), "too few for an event"),
        (bytes(MAX_DATAGRAM + 1), "2049 bytes"),
    ],
)
def test_what_is_no_packet_is_refused_by_name(data, message):
    with pytest.raises(InputError, match=re.escape(message)):
        decode(data)


@pytest.mark.unit
@given(st.integers(OLDEST, NEWEST), st.integers(0, 16), st.binary(max_size=1500), st.booleans())
def test_no_datagram_breaks_the_decoder(fmt, packet_id, junk, sized):
    at = 3 if fmt == 2018 else 5 if fmt < 2023 else 6
    data = bytearray(struct.pack("<H", fmt) + bytes(at - 2) + bytes([packet_id]) + junk)
    if sized:
        try:
            size = ctypes.sizeof(layout(fmt, packet_id))
        except InputError:
            return
        data = data[:size].ljust(size, b"\xff")
    try:
        packet = decode(bytes(data))
    except InputError:
        assert not sized
        return
    assert isinstance(packet, Packet)
    assert plain(packet.body)
    json.dumps(packet.as_dict())
