"""The timing feed's own way of writing values."""

from __future__ import annotations

import base64
import copy
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from racetwin.telemetry import f1_values as v

pytestmark = pytest.mark.unit

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["0", "1", "7", "a", "_deleted", "Lines"]), inner, max_size=4)
    ),
    max_leaves=20,
)


def test_objects_merge_key_by_key_and_lists_by_index():
    state = {"Lines": {"44": {"Position": "3", "Sectors": [{"Value": "30.1"}, {"Value": ""}]}}}
    got = v.merge(state, {"Lines": {"44": {"Sectors": {"1": {"Value": "29.9"}}}, "81": {"Position": "1"}}})
    assert got == {
        "Lines": {
            "44": {"Position": "3", "Sectors": [{"Value": "30.1"}, {"Value": "29.9"}]},
            "81": {"Position": "1"},
        }
    }


def test_the_next_index_appends_and_skipped_items_stay_unknown():
    assert v.merge([{"a": 1}], {"1": {"b": 2}, "3": {"c": 3}}) == [{"a": 1}, {"b": 2}, {}, {"c": 3}]


def test_deleted_keys_go():
    assert v.merge({"PitTimes": {"4": 1, "22": 2}}, {"PitTimes": {"_deleted": ["22"]}}) == {"PitTimes": {"4": 1}}


def test_a_list_sent_whole_replaces():
    assert v.merge({"Stints": {"0": 1}}, {"Stints": []}) == {"Stints": []}


def test_an_index_far_away_grows_nothing():
    assert v.merge([], {"999999": {"a": 1}, "-1": {}, "²": {}}) == []


@given(JSON, JSON)
def test_merging_never_raises_and_is_idempotent_on_plain_objects(old, delta):
    once = v.merge(copy.deepcopy(old), copy.deepcopy(delta))
    if isinstance(once, dict):
        assert v.merge(copy.deepcopy(once), {}) == once


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1:27.608", 87.608),
        ("31.892", 31.892),
        ("2:01.000", 121.0),
        ("", None),
        ("1:2:3", None),
        (None, None),
        ("0.000", None),
    ],
)
def test_lap_times(text, seconds):
    assert v.lap_time(text) == seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+4.951", (4.951, 0)),
        ("4.951", (4.951, 0)),
        ("+1:09.534", (69.534, 0)),
        ("LAP 19", (0.0, 0)),
        ("1L", (None, 1)),
        ("+2 LAPS", (None, 2)),
        ("+1 LAP", (None, 1)),
        (0.003, (0.003, 0)),
        ("", (None, None)),
        (float("nan"), (None, None)),
        (True, (None, None)),
        ([], (None, None)),
    ],
)
def test_gaps(text, expected):
    assert v.gap(text) == expected


def test_utc_to_a_tenth_of_a_microsecond_is_read():
    assert v.utc_seconds("2024-05-18T13:59:13.5465874Z") == pytest.approx(1716040753.546587, abs=1e-6)
    assert v.utc_seconds("2025-11-29T13:30:01") == v.utc_seconds("2025-11-29T13:30:01Z")
    assert v.utc_seconds("202103-28TZ") is None


def pack(data: bytes) -> str:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return base64.b64encode(packer.compress(data) + packer.flush()).decode()


def test_packed_payload_unfolds():
    assert v.inflate(pack(b'{"Entries":[]}')) == {"Entries": []}


def test_packed_payload_that_is_cut_off_or_huge_is_refused():
    whole = pack(b'{"Entries":[' + b"1," * 500 + b"1]}")
    assert v.inflate(whole[: len(whole) // 2]) is None
    assert v.inflate(pack(b"[" + b" " * (v.MAX_INFLATED + 1) + b"]")) is None


@given(st.text() | st.binary() | JSON)
def test_no_reader_raises(value):
    for reader in (
        v.inflate,
        v.lap_time,
        v.gap,
        v.number,
        v.integer,
        v.boolean,
        v.text,
        v.utc_seconds,
        v.clock_seconds,
        v.items,
    ):
        reader(value)
