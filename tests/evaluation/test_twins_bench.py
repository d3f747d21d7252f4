"""The twins' bench times every lap event, and their work does not grow as a race goes on."""

from __future__ import annotations

import pytest

from racetwin.evaluation.benchmarks.twins import twins

pytestmark = pytest.mark.integration


def test_update_times_are_flat_in_race_length() -> None:
    told = {f.name: f for f in twins()}
    lap, field = told["twin update a lap event, median"], told["FieldTwin view, 22 cars, median"]
    assert lap.must is not None
    assert field.must is not None
    # Not how fast (that is the bench's business, and this machine may be busy), but not ten times too slow either.
    assert lap.value < 10 * lap.must
    assert field.value < 10 * field.must
    assert told["twin update a lap event, 95 %"].value >= lap.value
    assert told["FieldTwin view, 22 cars, 95 %"].value >= field.value
    assert told["lap event, last quarter over first"].value < 3
    assert told["FieldTwin view, last quarter over first"].value < 3
