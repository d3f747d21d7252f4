"""The list of feeds says what is true."""

from __future__ import annotations

import json
import socket
from importlib import import_module

import pytest
from typer.testing import CliRunner

from racetwin.cli.app import app
from racetwin.config import Settings
from racetwin.errors import ConfigurationError
from racetwin.telemetry.feed_opening import feed_spec, open_feed
from racetwin.telemetry.feeds import FEEDS, feed, feed_status, feeds_table

pytestmark = pytest.mark.unit


def settings(**changes) -> Settings:
    free = {"telemetry_port": 0, "udp_json_port": 0, "udp_game_port": 0}
    return Settings(**(free | changes))


def test_names_are_unique_and_modules_exist():
    assert len({f.name for f in FEEDS}) == len(FEEDS)
    for info in FEEDS:
        import_module(info.module)


def test_the_table_has_a_row_for_each_and_no_secret():
    rows = feeds_table(settings(f1tv_token="f1tv-secret", openf1_token="openf1-secret", token="pit-secret"))
    assert [r["feed"] for r in rows] == [f.name for f in FEEDS]
    assert {r["status"] for r in rows} <= {"ready", "limited", "unavailable"}
    assert "secret" not in str(rows)


def test_a_taken_port_shows():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        status = feed_status(feed("udp-json"), settings(udp_json_port=taken.getsockname()[1]))
    assert status.state == "unavailable"
    assert "not free" in status.detail


def test_tokens_decide_what_comes():
    assert feed_status(feed("f1-live"), settings()).state == "limited"
    assert feed_status(feed("f1-live"), settings(f1tv_token="x")).state == "ready"
    pytest.importorskip("aiomqtt", reason="OpenF1's live feed needs the extra [feeds]")
    assert feed_status(feed("openf1-live"), settings()).state == "unavailable"
    assert feed_status(feed("openf1-live"), settings(openf1_username="me", openf1_password="x")).state == "ready"


def test_beyond_loopback_a_token_is_asked_for():
    wide = settings(host="0.0.0.0")
    assert feed_status(feed("websocket-server"), wide).state == "unavailable"
    assert feed_status(feed("udp-json"), wide).state == "unavailable"
    assert feed_status(feed("websocket-server"), settings(host="0.0.0.0", token="x")).state == "ready"
    pytest.importorskip("f1.packets", reason="the EA game feed needs the extra [feeds]")
    assert feed_status(feed("ea-udp"), wide).state == "limited"
    assert feed_status(feed("ea-udp"), settings(host="0.0.0.0", game_senders="192.168.1.20")).state == "ready"


def test_a_data_folder_makes_the_laps_ready(tmp_path):
    assert feed_status(feed("laps"), settings(library=tmp_path / "none", data=None)).state == "unavailable"
    (tmp_path / "laps.parquet").touch()
    assert feed_status(feed("laps"), settings(data=tmp_path)).state == "ready"


@pytest.mark.parametrize("name", ["websocket-client", "udp-json", "ea-udp", "f1-live", "openf1-live"])
def test_live_feeds_open_from_the_settings(name):
    s = settings(openf1_username="me", openf1_password="x", game_senders="10.0.0.1, 10.0.0.2")
    opened = open_feed(name, s)
    assert hasattr(opened, "__aiter__")
    assert opened.name == name


def test_the_command_prints_all_of_them():
    table = CliRunner().invoke(app, ["feeds", "--examples"])
    assert table.exit_code == 0
    assert all(f.name in table.output for f in FEEDS)
    assert "[feeds]" in table.output, "what stands in brackets is no markup"
    told = CliRunner().invoke(app, ["feeds", "--json"])
    assert [row["feed"] for row in json.loads(told.output)] == [f.name for f in FEEDS]


def test_what_cannot_be_opened_says_what_to_do():
    with pytest.raises(ConfigurationError, match="read, not opened"):
        open_feed("laps", settings())
    with pytest.raises(ConfigurationError, match="choose one of"):
        open_feed("f2-live", settings())
    with pytest.raises(ConfigurationError, match="session_key"):
        open_feed("openf1-history", settings())


def test_the_original_schema_is_exported_and_what_it_describes_is_taken_at_the_door():
    import jsonschema  # JupyterLab brings it

    from racetwin.telemetry import TelemetryIngestor

    told = CliRunner().invoke(app, ["schema", "telemetry-original"])
    schema = json.loads(told.output)
    message = {
        "timestamp": "2024-07-07T14:03:10.500Z", "lap": 12, "session_type": "race",
        "track_conditions": {"temperature": 31.5, "weather": "dry", "track_status": "green"},
        "cars": [{
            "car_id": "44", "team": "Mercedes", "driver": "HAM", "position": 1, "speed": 287.5,
            "tire": {"compound": "medium", "age": 11, "wear_level": 0.23}, "fuel_level": 78.2, "lap_time": 89.1,
            "sector_times": [28.1, 35.9, 25.1],
        }],
    }  # fmt: skip
    jsonschema.validate(message, schema)
    assert TelemetryIngestor().process(message) is not None
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**message, "cars": []}, schema)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("f1-live:token=abc", "does not belong on a command line"),
        ("f1-live:hz=fast", "expected a number"),
        ("udp-json:colour=red", "no option of it"),
        ("openf1-history", "session_key: missing"),
        ("laps", "read, not opened"),
        ("f9-live", "does not exist"),
        ("udp-json:source=a b", "expected up to 40 letters"),
    ],
)
def test_a_wrong_specification_is_one_clear_line(text, message):
    with pytest.raises(ConfigurationError, match=message) as wrong:
        feed_spec(text)
    assert "abc" not in str(wrong.value)
