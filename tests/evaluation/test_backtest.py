"""Walk forward: which races, which parameters, and the same rows each time."""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from racetwin.calibration.assemble import priors
from racetwin.calibration.bayes import ConvergenceError
from racetwin.calibration.tables import RaceTables, load
from racetwin.errors import InputError
from racetwin.evaluation import backtest as module
from racetwin.evaluation.backtest import Backtest, _left_out, backtest, choose_races
from racetwin.evaluation.forecasts import forecast_race
from racetwin.evaluation.outcome import Outcome
from racetwin.simulation.draw import draw_grand_prix
from racetwin.simulation.form import Form
from racetwin.simulation.parameter_file import load_parameters, read_document
from racetwin.telemetry.records import RaceRecord
from racetwin.telemetry.simulator import TelemetrySimulator


def _tables(n: int) -> RaceTables:
    ids = [f"2023-{k:02d}-x" for k in range(1, n + 1)]
    races = pd.DataFrame({"race_id": ids, "session": "R", "wet": False, "season": 2023})
    return RaceTables(races, pd.DataFrame({"race_id": ids}), pd.DataFrame({"race_id": ids}))


@pytest.mark.unit
def test_by_default_races_with_enough_history_are_scored() -> None:
    assert choose_races(_tables(12), None, None) == ["2023-09-x", "2023-10-x", "2023-11-x", "2023-12-x"]
    assert choose_races(_tables(12), None, "2023-10-x") == ["2023-09-x", "2023-10-x"]


@pytest.mark.unit
def test_races_are_named_by_their_beginning_and_unknown_ones_are_refused() -> None:
    assert choose_races(_tables(12), ["2023-03", "2023-01-x"], None) == ["2023-01-x", "2023-03-x"]
    with pytest.raises(InputError, match="2024"):
        choose_races(_tables(12), ["2024"], None)
    with pytest.raises(InputError, match="until"):
        choose_races(_tables(12), None, "2023-99-x")


@pytest.mark.unit
def test_a_whole_id_is_that_race_alone() -> None:
    why = "its laps are of another event"
    tables = replace(_tables(12), left_out={"2023-10-x-sprint": why, "2023-11-y": why})
    assert choose_races(tables, ["2023-10-x", "2023-1"], None) == ["2023-10-x", "2023-11-x", "2023-12-x"]
    assert _left_out(tables, ["2023-10-x"], None) == {}
    assert _left_out(tables, ["2023-10-x", "2023-10-x-sprint"], None) == {"2023-10-x-sprint": why}
    races = tables.races.assign(race_id=tables.races.race_id.replace("2023-11-x", "2023-10-x-sprint"))
    both = replace(tables, races=races, left_out={})
    assert choose_races(both, ["2023-10-x"], None) == ["2023-10-x"]
    assert choose_races(both, ["2023-10"], None) == ["2023-10-x", "2023-10-x-sprint"]


@pytest.mark.unit
def test_a_session_filed_under_another_event_is_not_scored_and_says_why() -> None:
    why = "its laps are of the Austrian Grand Prix, not of the round 10 that it is filed under"
    tables = replace(_tables(12), left_out={"2023-10-x-sprint": why})
    assert choose_races(tables, ["2023-10"], None) == ["2023-10-x"]
    assert _left_out(tables, ["2023-10"], None) == _left_out(tables, None, "2023-11-x") == {"2023-10-x-sprint": why}
    assert _left_out(tables, ["2023-11"], None) == _left_out(tables, None, "2023-09-x") == {}


@pytest.mark.data
def test_the_sprints_that_published_tables_file_twice_are_left_out(race_data: Path) -> None:
    tables = load(race_data)
    assert set(tables.left_out) >= {"2023-10-great-britain-sprint", "2023-21-las-vegas-sprint"}
    for table in (tables.races, tables.laps, tables.results):
        assert not table.race_id.isin(tables.left_out).any()
    assert {"2023-09-austria-sprint", "2023-10-great-britain"} <= set(tables.races.race_id)
    with pytest.raises(InputError, match="laps are of the Austrian Grand Prix"):
        backtest(race_data, ["2023-10-great-britain-sprint"])


@pytest.mark.unit
def test_what_happened_is_read_from_a_drawn_race() -> None:
    race = draw_grand_prix("monza", 2024, seed=5)
    record = RaceRecord.from_laps(
        race.laps, race_id=race.race_id, season=2024, circuit_id="monza", total_laps=race.total_laps, grid=race.grid
    )
    o = Outcome.of(record)
    winner = min(o.final, key=lambda c: o.final[c])
    last = race.laps[race.laps.lap == race.total_laps].sort_values("race_time_s")
    assert winner == str(last.driver_number.iloc[0])
    assert sorted(o.classified.values()) == list(range(1, len(o.classified) + 1))
    stops = race.laps[race.laps.pit_stop]
    for c, made in o.stops.items():
        assert {lap for lap, _ in made} <= set(stops[stops.driver_number == int(c)].lap)
    for c, lap in o.green_stops:
        assert lap in {at for at, _ in o.stops[c]}
        place, alone = o.place_among(c, lap, [k for k in o.stops if (k, lap + 1) in o.times])
        assert 1 <= place <= 22
        assert alone is o.green_stops[c, lap]
    some = next(c for c in o.stops if o.stops[c])
    first = o.stops[some][0][0]
    assert o.next_stop(some, 0) == first
    assert o.stint_start(some, first) == first
    assert o.stint_start(some, first - 1) == 0


@pytest.mark.data
@pytest.mark.integration
def test_parameters_of_a_walk_forward_race_never_saw_it(race_data: Path, tmp_path: Path) -> None:
    tables = load(race_data)
    seen: dict[str, list[str]] = {}

    def remember(before: RaceTables, out: Path) -> str:
        seen[out.stem] = list(before.races.race_id)
        module.write(module.priors(), out)
        return str(out)

    class Here:
        @staticmethod
        def submit(f: object, *args: object) -> object:
            class Done:
                @staticmethod
                def result() -> object:
                    return remember(*args)

            return Done

    chosen = [str(r) for r in tables.races.race_id[60:75]]
    order = list(tables.races.race_id)
    for refit in ("race", "season"):
        seen.clear()
        for race, _ in module._parameter_files(tables, chosen, refit, tmp_path, Here()):
            known = max(seen, key=lambda r: order.index(r) if order.index(r) <= order.index(race) else -1)
            assert race not in seen[known]
            assert all(order.index(r) < order.index(race) for r in seen[known])


@pytest.mark.data
@pytest.mark.integration
def test_a_race_scored_twice_gives_the_same_rows(race_data: Path) -> None:
    a, b = (backtest(race_data, ["2023-07-spain"], refit="never", workers=1, n=64) for _ in range(2))
    assert a.as_json() == b.as_json()
    assert not a.skipped
    names = {r.name for r in a.rows}
    assert {"finishing position at 50 %, MAE", "undercut succeeds, Brier", "laps 1-10 ahead, cover of 90 %"} <= names
    json.dumps(a.as_json(), allow_nan=False)


@pytest.mark.unit
def test_what_was_not_scored_or_not_fitted_is_in_the_json() -> None:
    done = Backtest([], [], {"2021-12-belgium": "no racing lap"}, ["2018-01-australia", "2018-02-bahrain"])
    skipped, unfitted = done.as_json()
    assert skipped["name"] == "skipped: 2021-12-belgium: no racing lap"
    assert "2018-01-australia, 2018-02-bahrain" in unfitted["name"]
    assert "priors" in unfitted["name"]
    assert skipped["n"] == 0
    assert skipped["value"] is None
    assert list(skipped) == ["name", "value", "low", "high", "n", "baseline", "must", "aim", "met"]


@pytest.mark.unit
def test_a_fit_that_does_not_converge_gives_way_to_the_latest_before_it(tmp_path: Path) -> None:
    ids = [f"{season}-{k:02d}-x" for season in (2021, 2022, 2023, 2024) for k in (1, 2)]
    races = pd.DataFrame({"race_id": ids, "session": "R", "wet": False, "season": [int(r[:4]) for r in ids]})
    tables = RaceTables(races, races[["race_id"]], races[["race_id"]])

    class Pool:
        """Fits of 2021 and 2023 do not converge."""

        @staticmethod
        def submit(_fit: object, _before: RaceTables, out: Path) -> Future[str]:
            done: Future[str] = Future()
            if out.stem[:4] in ("2021", "2023"):
                done.set_exception(ConvergenceError("pit loss: not converged; nothing was written"))
            else:
                module.write({**priors(), "calibration": {"until": out.stem}}, out)
                done.set_result(str(out))
            return done

    refused: dict[str, list[str]] = {}
    found = dict(module._parameter_files(tables, ids, "season", tmp_path, Pool(), refused))
    before = {r: document.get("calibration", {}).get("until") for r, (_, document) in found.items()}
    assert list(before.values()) == [None, None, *["2022-01-x"] * 4, "2024-01-x", "2024-01-x"]
    first, later = Backtest([], [], {}, [], refused).notes()
    why = "did not converge (pit loss: not converged; nothing was written)"
    assert first == f"warning: the fit on the races before 2021-01-x {why}, priors alone, for 2021-01-x, 2021-02-x"
    assert later == (
        f"warning: the fit on the races before 2023-01-x {why}, parameters fitted on those before 2022-01-x, "
        "for 2023-01-x, 2023-02-x"
    )


@pytest.mark.unit
def test_blocks_fitted_once_from_replays_are_told_where_they_saw_later_races(tmp_path: Path) -> None:
    shipped = read_document(None)
    last = shipped["replays"]["last_date"]
    said = module.saw_later(shipped, last)
    assert said is not None
    assert shipped["replays"]["last_race"] in said
    for block, entries in shipped["live"].items():
        assert (block in said) == any(e["source"] == "replays" for e in entries.values()), block
    assert module.saw_later(shipped, str(pd.Timestamp(last) + pd.Timedelta(days=1))[:10]) is None
    moved = {**shipped, "replays": {"last_race": "2020-17-abu-dhabi", "last_date": "2020-12-13"}}
    assert module.saw_later(moved, last) is None
    assert module.saw_later({**shipped, "live": {"slow_fuel": shipped["live"]["slow_fuel"]}}, last) is None
    assert priors()["replays"] == shipped["replays"]
    (note,) = Backtest([], [], {}, [], {}, {said: ["2021-01-bahrain", "2021-02-italy"]}).notes()
    assert note == f"warning: 2 of 0 races scored {said}"


@pytest.mark.data
@pytest.mark.integration
@pytest.mark.parametrize(("race", "told"), [("2021-15-russia", True), ("2023-07-spain", False)])
def test_a_run_says_how_many_of_its_races_that_concerns(race_data: Path, race: str, told: bool) -> None:
    done = backtest(race_data, [race], refit="never", workers=1, n=64)
    notes = [n for n in done.notes() if "1 of 1 races scored are no later than" in n]
    assert len(notes) == told
    assert [r["name"] for r in done.as_json()][-len(notes) :] == notes or not told


@pytest.mark.data
@pytest.mark.integration
def test_a_run_whose_fit_does_not_converge_scores_its_races_and_says_so(
    race_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(_tables: RaceTables, _out: Path) -> str:
        raise ConvergenceError("overtaking: not converged; nothing was written")

    monkeypatch.setattr(module, "_pool", lambda _workers: ThreadPoolExecutor(1))
    monkeypatch.setattr(module, "_fit_before", fit)
    done = backtest(race_data, ["2023-07-spain"], n=64)
    assert [r.race_id for r in done.races] == ["2023-07-spain"]
    assert done.rows
    assert done.unfitted == []  # not for want of races
    assert "the fit on the races before 2023-07-spain did not converge (overtaking" in done.as_json()[-1]["name"]


@pytest.mark.integration
def test_an_oracle_knows_the_stops_that_were_still_to_come() -> None:
    record = TelemetrySimulator("monza", 2024, seed=3).record
    p = load_parameters(record.circuit_id, record.season)
    told = forecast_race(record, p, Form(), n=64, oracle=True).tables
    plain = forecast_race(record, p, Form(), n=64).tables
    assert "oracle" not in plain
    keys = ["share", "car_id", "held", "actual"]
    pd.testing.assert_frame_equal(told["oracle"][keys], told["order"][keys])
    pd.testing.assert_frame_equal(told["order"], plain["order"])
    assert (told["oracle"].forecast != told["order"].forecast).any()
