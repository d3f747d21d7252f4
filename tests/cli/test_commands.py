"""The commands as a user types them: what they print, and one clear line with exit code 2 when something is wrong."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from racetwin.cli import app

pytestmark = pytest.mark.integration

PLAN_FIELDS = {
    "plan",
    "expected_position",
    "p_win",
    "p_podium",
    "p_points",
    "mean_race_time_s",
    "standard_error",
    "n_races",
    "seed",
}


def racetwin(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "racetwin", *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, **environment},
        check=False,
    )


def assert_one_clear_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("racetwin: ")
    assert len(done.stderr.strip().splitlines()) == 1
    for word in words:
        assert word in done.stderr


COMMANDS = [str(c.name) for c in app.registered_commands] + [
    f"{group.name} {c.name}"
    for group in app.registered_groups
    if group.typer_instance is not None
    for c in group.typer_instance.registered_commands
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_has_an_example(command: str) -> None:
    done = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0
    assert f"racetwin {command}" in done.output.split("Usage", 1)[1].split("\n", 1)[1]


def test_missing_race_is_one_clear_line(race_data: Path) -> None:
    done = racetwin(
        "strategy", "--race", "2023-15-singapur", "--lap", "20", "--car", "55", RACETWIN_DATA=str(race_data)
    )
    assert_one_clear_line(done, "2023-15-singapur", "2023-15-singapore")


def test_unreadable_data_folder_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "laps.parquet").write_bytes(b"this is no parquet file")
    (tmp_path / "races.csv").write_text("neither is this a table of races\n")
    done = racetwin("data", "list", RACETWIN_DATA=str(tmp_path))
    assert_one_clear_line(done, str(tmp_path))


def test_car_that_is_not_in_the_race_is_one_clear_line(race_data: Path) -> None:
    done = racetwin(
        "strategy", "--race", "2023-15-singapore", "--lap", "20", "--car", "7", RACETWIN_DATA=str(race_data)
    )
    assert_one_clear_line(done, "'7'", "55")


@pytest.mark.parametrize("command", ["serve", "race-day"])
def test_taken_port_is_one_clear_line(command: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = racetwin(command, "--simulated", RACETWIN_API_PORT=str(port))
    assert_one_clear_line(done, str(port), "RACETWIN_API_PORT")


def test_strategy_prints_ranked_plans_and_the_same_bytes_twice(race_data: Path) -> None:
    question = ("strategy", "--race", "2023-15-singapore", "--lap", "20", "--car", "55", "--json")
    first, second = (racetwin(*question, RACETWIN_DATA=str(race_data)) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    plans = json.loads(first.stdout)["plans"]
    assert len(plans) >= 60
    assert all(set(p) >= PLAN_FIELDS for p in plans)
    assert [p["rank"] for p in plans] == list(range(1, len(plans) + 1))
    points = [p["expected_points"] for p in plans]
    assert points[0] == max(points)


@pytest.mark.parametrize(
    ("question", "said"), [("why not lap 27?", "Boxing on lap 27"), ("why not two stops?", "L"), ("why soft?", "SOFT")]
)
def test_strategy_answers_a_follow_up(race_data: Path, question: str, said: str) -> None:
    asked = (
        "strategy",
        "--race",
        "2023-15-singapore",
        "--lap",
        "20",
        "--car",
        "55",
        "--races",
        "100",
        "--ask",
        question,
    )
    done = racetwin(*asked, "--json", RACETWIN_DATA=str(race_data))
    assert done.returncode == 0, done.stderr
    (told,) = json.loads(done.stdout)["follow_ups"]
    assert said in told["text"]
    assert told["checked"]["refused"] == 0


def test_simulated_race_says_so_and_is_the_same_twice() -> None:
    first, second = (racetwin("simulate", "--circuit", "monza", "--seed", "7", "--json") for _ in range(2))
    assert first.stdout == second.stdout
    race = json.loads(first.stdout)
    assert race["simulated"] is True
    places = [r["position"] for r in race["classification"]]
    finishers = [p for p in places if p != "DNF"]
    assert finishers == [str(i) for i in range(1, len(finishers) + 1)]
    assert set(places[len(finishers) :]) <= {"DNF"}


def test_validate_tells_what_is_ready() -> None:
    done = racetwin("validate", "--json")
    checks = {c["name"]: c for c in json.loads(done.stdout)["checks"]}
    assert done.returncode == (0 if all(c["ok"] or not c["required"] for c in checks.values()) else 1)
    assert checks["kernel"]["ok"], checks["kernel"]
    assert checks["imports"]["ok"]
    assert not checks["MAX"]["required"]


def test_replay_prints_frames_as_lines_of_json(race_data: Path) -> None:
    done = racetwin("replay", "2023-15-singapore", "--to-lap", "1", "--json", RACETWIN_DATA=str(race_data))
    frames = [json.loads(line) for line in done.stdout.splitlines()]
    times = [f["time_s"] for f in frames]
    assert times == sorted(times)
    assert {f["race_id"] for f in frames} == {"2023-15-singapore"}
    assert len(frames[-1]["cars"]) >= 19


def test_unknown_bench_suite_is_one_clear_line() -> None:
    assert_one_clear_line(racetwin("bench", "tyres"), "'tyres'", "kernel")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--what-if", "sc@24"), ["safety car in lap 24", "change"]),
        (("--sensitivity",), ["what would change it", "slower"]),
        (("--team",), ["both cars", "points of both"]),
        (("--respond",), ["rivals answer", "our plan against theirs"]),
        (("--rival", "16", "--laps"), ["gap at the flag", "place by lap", "rejoins"]),
    ],
)
def test_strategy_answers_every_question_of_the_desk(race_data: Path, option: tuple[str, ...], said: list[str]) -> None:
    question = ("strategy", "--race", "2023-15-singapore", "--lap", "20", "--car", "55", "--races", "100", *option)
    done = racetwin(*question, RACETWIN_DATA=str(race_data))
    assert done.returncode == 0, done.stderr
    for words in said:
        assert words in " ".join(done.stdout.split())  # a title is as wide as its table
    if option[0] == "--what-if":
        found = json.loads(racetwin(*question, "--json", RACETWIN_DATA=str(race_data)).stdout)
        assert found["changes"]
        assert found["after"]["plans"][0]["rank"] == 1


def test_a_question_that_cannot_be_answered_keeps_no_other_back(race_data: Path) -> None:
    asked = ("strategy", "--race", "2023-15-singapore", "--lap", "18", "--car", "SAI", "--races", "100")
    questions = ("--ask", "why not three stops?", "--ask", "why not lap 40?", "--json")
    done = racetwin(*asked, *questions, RACETWIN_DATA=str(race_data))
    assert done.returncode == 0, done.stderr
    first, second = json.loads(done.stdout)["follow_ups"]
    assert "cannot be done" in first["error"]
    assert "L40" in second["text"]


def test_one_moment_of_advice_has_its_json_and_its_bounds(race_data: Path) -> None:
    asked = ("advice", "--race", "2023-15-singapore", "--car", "SAI", "--lap")
    late = racetwin(*asked, "99", RACETWIN_DATA=str(race_data))
    assert_one_clear_line(late, "lap", "99", "0 to 61")
    done = racetwin(*asked, "19", "--json", RACETWIN_DATA=str(race_data))
    moment = json.loads(done.stdout)["cars"][0]["moment"]
    assert 19 <= moment["laps"] < 20
    assert moment["track_status"] == "SC"
    assert moment["advice"][0]["facts"]
