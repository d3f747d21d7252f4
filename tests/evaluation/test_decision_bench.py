"""The decision suite measures what it says, on a small scale."""

from __future__ import annotations

import pytest

from racetwin.evaluation.benchmarks import decision as suite

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def figures():
    small = {"MOMENTS": suite.MOMENTS[:1], "TRUTH_RACES": 256, "SEARCHES": 1, "REPEATS": 3}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in small.items():
            patch.setattr(suite, name, value)
        patch.setattr(suite, "_cluster", lambda moment: [])
        yield {f.name: f for f in suite.decision()}


def test_every_figure_of_the_decision_is_there(figures):
    for name in (
        "60 plans x 2000 races, exhaustive",
        "all candidates ranked, p95",
        "what-if lever after that, p95",
        "mean regret against an exhaustive run",
    ):
        assert figures[name].value >= 0
        assert figures[name].must is not None


def test_more_races_cost_more_and_regret_is_never_negative(figures):
    curve = [f for name, f in figures.items() if name.startswith("regret with")]
    assert len(curve) == 4
    assert all(f.value >= 0 for f in curve)
    costs = [int(f.name.split()[2].replace(",", "")) for f in curve]
    assert costs == sorted(costs)
    assert figures["candidates"].value >= 60


def test_common_random_numbers_pay(figures):
    assert figures["variance of a difference, independent over common random numbers"].value > 2
