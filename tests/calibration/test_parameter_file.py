"""The shipped parameter file: every number can be traced, and makes sense."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from builders.calibrated import FITTED, KINDS, elements, entries

from racetwin.calibration.assemble import digest, priors
from racetwin.simulation.parameter_file import load_parameters

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return json.loads(files("racetwin").joinpath("data/parameters.json").read_text(encoding="utf-8"))


def test_every_number_has_a_source_and_the_evidence_that_its_kind_must_carry(document: dict[str, Any]) -> None:
    fitted = 0
    for where, entry in entries(document):
        for _, source, sd, n in elements(entry):
            assert source in KINDS & document["provenance"].keys(), where
            if source in FITTED:
                assert n > 0, where
                assert sd > 0, where
                fitted += 1
            if source == "constant":
                assert len(entry["why"]) > 10, where
    assert fitted > 1000


def test_form_and_habits_say_what_they_rest_on(document: dict[str, Any]) -> None:
    form = document["form"]
    assert form["source"] == "fit"
    assert form["n"] > 500
    assert min(form["weights_sd"].values()) > 0
    assert form["races"].keys() == {*form["teams"], *form["drivers"]}
    assert min(form["habits"]["n"].values()) > 100
    for habit in ("stop", "cover", "undercut", "defence"):
        assert 0.3 < min(form["habits"][habit].values()) < 1 < max(form["habits"][habit].values()) < 3


def test_the_file_says_which_races_it_saw_and_has_not_been_edited_since(document: dict[str, Any]) -> None:
    c = document["calibration"]
    assert c["n_races"] == len(c["races"]) > 50
    assert c["races"][-1] == c["last_race"]
    assert c["diagnostics"]
    assert c["method"] == "nuts"
    assert len(c["data_hash"]) == 24
    assert len(c["commit"].rstrip("+")) == 12
    assert c["hash"] == digest(document)


def test_priors_hold_nothing_fitted(document: dict[str, Any]) -> None:
    base = priors()
    assert base["defaults"].keys() == document["defaults"].keys()
    used = {e["source"] for level in base["circuits"].values() for e in level.values()}
    assert used <= {"tum", "rules", "overtakes"}


def test_softer_tyres_wear_faster_and_wear_never_heals(document: dict[str, Any]) -> None:
    p = load_parameters(None, 2024)
    assert p.wear_s[0] > p.wear_s[1] > p.wear_s[2] > 0
    for circuit in document["circuits"]:
        c = load_parameters(circuit, 2024)
        assert min(c.wear_s[:3]) > 0
        assert min(c.cliff_s[:3]) >= 0


def test_a_stop_under_a_safety_car_is_cheaper(document: dict[str, Any]) -> None:
    for circuit in document["circuits"]:
        p = load_parameters(circuit, 2024)
        assert 0 < p.pit_loss_sc_s < p.pit_loss_s
        assert 0 < p.pit_loss_vsc_s < p.pit_loss_s


def test_nobody_passes_at_monaco() -> None:
    monaco, monza = (load_parameters(c, 2024) for c in ("monaco", "monza"))
    assert monaco.pass_circuit < monza.pass_circuit - 1


def test_a_circuit_never_seen_falls_back_to_the_field_with_its_spread(document: dict[str, Any]) -> None:
    unseen, field = load_parameters("nowhere-at-all", 2026), load_parameters(None, 2026)
    assert unseen.hash() == field.replace(circuit_id="nowhere-at-all").hash()
    spread = document["defaults"]["pit_loss_s"]["sd"]
    seen = [e["pit_loss_s"]["sd"] for e in document["circuits"].values() if "sd" in e.get("pit_loss_s", {})]
    assert spread > max(seen) > 0


def test_the_cars_of_2026_carry_less_fuel() -> None:
    assert load_parameters("monza", 2026).fuel_start_kg < load_parameters("monza", 2025).fuel_start_kg
