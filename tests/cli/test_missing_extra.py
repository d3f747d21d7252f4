"""Where the extra [calibrate] is not installed: one clear line, or a way without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

WITHOUT = (
    "import sys; sys.modules.update(dict.fromkeys(('scipy', 'numpyro', 'jax', 'sklearn')));"
    "from racetwin.cli import main; main()"
)
HOW = "install it with pip install 'racetwin[calibrate]'"


def without_the_extra(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process in which nothing of the extra can be imported."""
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, **environment},
        check=False,
    )


def assert_the_extra_is_named(done: subprocess.CompletedProcess[str], end: str) -> None:
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("racetwin: ")
    assert line.endswith(end)
    assert not done.stdout


@pytest.mark.parametrize("command", [("calibrate", "--out", "parameters.json"), ("backtest",)], ids=lambda c: c[0])
def test_what_fits_names_the_extra(command: tuple[str, ...], tmp_path: Path) -> None:
    assert_the_extra_is_named(without_the_extra(*command, "--data", str(tmp_path)), HOW)


@pytest.mark.data
def test_a_review_that_would_fit_names_the_extra_and_the_way_without(race_data: Path) -> None:
    done = without_the_extra("review", "2023-15-singapore", "55", RACETWIN_DATA=str(race_data))
    assert_the_extra_is_named(done, f"{HOW}, or use --shipped")


@pytest.mark.data
def test_a_review_with_the_shipped_parameters_needs_no_extra(race_data: Path) -> None:
    asked = ("review", "2023-15-singapore", "SAI", "--shipped", "--worlds", "2", "--races", "16", "--json")
    done = without_the_extra(*asked, RACETWIN_DATA=str(race_data))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["car_id"], found["stops"][0]["lap"]) == ("55", 20)


def test_a_simulated_race_is_reviewed_without_the_extra() -> None:
    asked = ("review", "simulated", "73", "--circuit", "monza", "--worlds", "2", "--races", "16", "--json")
    done = without_the_extra(*asked, RACETWIN_DATA="")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["simulated"] is True
