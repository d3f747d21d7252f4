"""Figures show the laps they were given, in either naming of the columns."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from racetwin import plots
from racetwin.errors import InputError

pytestmark = pytest.mark.unit

COLOUR = re.compile(r"--rt-([\w-]+): (#[0-9a-f]{6});")


@pytest.fixture(scope="module")
def laps(race: ModuleType) -> pd.DataFrame:
    return race.snapshot(40).lap_table()


def line(figure: object, name: str) -> object:
    return next(t for t in figure.data if t.name == name and t.mode == "lines")


def test_race_trace_against_a_car_shows_true_gaps(laps: pd.DataFrame) -> None:
    figure = plots.race_trace(laps, reference="44", highlight=["1"])
    times = laps.pivot_table(index="lap", columns="car_id", values="line_time_s")
    trace = line(figure, "1")
    np.testing.assert_allclose(trace.y, (times["1"] - times["44"]).to_numpy())
    assert set(line(figure, "44").y) == {0.0}


def test_race_trace_agrees_with_the_pit_walls(laps: pd.DataFrame, race: ModuleType) -> None:
    from racetwin.widgets.trace import reference_times

    np.testing.assert_allclose(plots.reference_pace(laps), reference_times(race.lap_rows(40)), atol=1e-6)


def test_columns_of_a_race_record_are_understood(laps: pd.DataFrame) -> None:
    record = laps.rename(columns={"car_id": "driver_number", "line_time_s": "race_time_s", "pit_in": "pit_stop"}).drop(
        columns=["pit_out"]
    )
    one, two = plots.race_trace(laps), plots.race_trace(record)
    np.testing.assert_allclose(one.data[0].y, two.data[0].y)


def test_stints_cover_every_lap_once(laps: pd.DataFrame, race: ModuleType) -> None:
    figure = plots.stints(laps)
    assert {t.name for t in figure.data} == {"medium", "hard"}
    assert sum(float(np.sum(t.x)) for t in figure.data) == len(laps)


def test_gap_is_positive_where_the_first_car_is_behind(laps: pd.DataFrame) -> None:
    one, two = plots.gap(laps, "44", "1").data[0].y, plots.gap(laps, "1", "44").data[0].y
    np.testing.assert_allclose(one, -np.asarray(two))


def test_lap_times_leave_out_stops_and_the_safety_car(laps: pd.DataFrame) -> None:
    trace = plots.lap_times(laps, ["44"]).data[0]
    assert not set(trace.x) & {11, 12, 13, 17, 18}
    assert max(trace.y) < 100


def test_wear_is_what_the_laps_were_made_with(laps: pd.DataFrame) -> None:
    figure = plots.tyre_wear(laps, "44", fuel_s_per_lap=0.03)
    slopes = [(t.y[-1] - t.y[0]) / (t.x[-1] - t.x[0]) for t in figure.data if t.mode == "lines" and t.line.color]
    assert slopes == pytest.approx([0.05, 0.05], abs=0.03)


def test_finishing_positions_are_the_answers(race: ModuleType) -> None:
    answer = race.answer("63", 22)
    figure = plots.finishing_positions(answer, top=3)
    assert tuple(figure.data[0].y) == answer.plans[0].position_probability
    assert figure.data[1].name == "L24 HARD (too close to call)"


def css(theme: str) -> dict[str, str]:
    """The pit wall's colours of a theme, by name, as its style sheet has them."""
    text = (Path(plots.__file__).parent / "widgets" / "theme.css").read_text(encoding="utf-8")
    dark, light = text.split('.rt[data-theme="light"] {')[:2]
    found = dict(COLOUR.findall(dark))
    return found if theme == "dark" else found | dict(COLOUR.findall(light.split("}")[0]))


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_figures_are_in_the_pit_walls_colours(theme: str) -> None:
    wall = css(theme)
    names = ("ours", "ahead", "behind", "good", "bad", "soft")
    assert plots.LINE_COLOURS[theme] == tuple(wall[n] for n in names)
    tyres = {"SOFT": "soft", "MEDIUM": "medium", "HARD": "hard", "INTERMEDIATE": "inter", "WET": "wet"}
    assert plots.COMPOUND_COLOURS[theme] == {c: wall[f"{n}-tyre"] for c, n in tyres.items()}
    layout = plots.new_figure(theme, "t", "x", "y").layout
    assert (layout.paper_bgcolor, layout.font.color, layout.xaxis.gridcolor) == (
        wall["panel"],
        wall["text"],
        wall["line"],
    )


# Machado, Oliveira and Fernandes (2009): what protanopes, deuteranopes and tritanopes see of a colour, linear RGB.
VISION = {
    "all three": np.eye(3),
    "no red": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "no green": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "no blue": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def linear(colour: str) -> np.ndarray:
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb
    f = xyz / np.array([0.9505, 1.0, 1.089])
    f = np.where(f > 0.008856, np.cbrt(f), 7.787 * f + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(a: str, b: str) -> float:
    dark, light = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("sight", VISION)
def test_colours_are_told_apart_by_every_kind_of_colour_vision(theme: str, sight: str) -> None:
    """CIE distance 2.3 is just noticeable; lines that cross need several times that."""
    wall = css(theme)

    def nearest(*names: str) -> float:
        seen = [lab(np.clip(VISION[sight] @ linear(wall[n]), 0, 1)) for n in names]
        return min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2))

    assert nearest("ours", "ahead", "behind") > 12
    assert nearest("ours", "ahead", "behind", "good", "bad", "soft") > 9
    assert nearest("soft-tyre", "medium-tyre", "hard-tyre", "inter-tyre", "wet-tyre") > 12


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_text_and_lines_stand_out_from_the_panel(theme: str) -> None:
    wall = css(theme)
    for name in ("text", "soft", "faint", "ours", "ahead", "behind", "good", "bad"):
        assert contrast(wall[name], wall["panel"]) >= 4.5, name  # WCAG AA for text
    assert contrast(wall["alarm-text"], wall["alarm"]) >= 3  # large and bold


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: plots.race_trace(d, reference="99"), "reference: car '99' is not in these laps"),
        (lambda d: plots.gap(d, "44", "99"), "car: '99' is not in these laps"),
        (lambda d: plots.tyre_wear(d, "99"), "car: '99' is not in these laps"),
        (lambda d: plots.stints(d.drop(columns="compound")), "laps: no column compound"),
    ],
)
def test_errors_name_what_is_wrong(laps: pd.DataFrame, call: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(laps)
