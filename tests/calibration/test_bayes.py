"""A sampled posterior is the one it should be, and one that has not converged is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from racetwin.calibration.bayes import ConvergenceError, sample, telling

pytestmark = pytest.mark.integration

GROUPS, EACH = 12, 8


def _means(y: Any, group: Any, n_groups: int) -> None:
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    field = numpyro.sample("field", dist.Normal(0.0, 100.0))
    # A scale of its own, as effects of one race have: seconds a lap beside seconds a lap and lap of age.
    small = numpyro.deterministic("small", 1e-3 * numpyro.sample("small_z", dist.Normal(0.0, 1.0)))
    effect = numpyro.sample("effect", dist.Normal(jnp.full(n_groups, field), 2.0).to_event(1))
    numpyro.sample("y", dist.Normal(effect[group] + small, 1.0), obs=y)


def _funnel() -> None:
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    wide = numpyro.sample("wide", dist.Normal(0.0, 3.0))
    numpyro.sample("x", dist.Normal(jnp.zeros(9), jnp.exp(wide)).to_event(1))


def _data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    group = np.repeat(np.arange(GROUPS), EACH)
    return 5.0 + 2.0 * rng.standard_normal(GROUPS)[group] + rng.standard_normal(len(group)), group


def _exact(y: np.ndarray, group: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of the field's mean, by hand: group means are normal around it."""
    means = np.array([y[group == g].mean() for g in range(GROUPS)])
    variance = 2.0**2 + 1.0 / EACH
    precision = GROUPS / variance + 1e-4
    return float(means.sum() / variance / precision), float(precision**-0.5)


@pytest.mark.parametrize("method", ["nuts", "laplace"])
def test_a_hierarchy_of_normals_has_the_posterior_worked_out_by_hand(method: Any) -> None:
    y, group = _data()
    p = sample("means", _means, y, group, GROUPS, method=method)
    mean, sd = _exact(y, group)
    assert p.mean("field") == pytest.approx(mean, abs=0.15 * sd)
    assert p.sd("field") == pytest.approx(sd, rel=0.12)
    assert p.draws["effect"].shape == (len(p.draws["field"]), GROUPS)
    assert p.sd("small") == pytest.approx(1e-3, rel=0.12)


def test_the_mode_of_normals_is_their_mean() -> None:
    y, group = _data()
    p = sample("means", _means, y, group, GROUPS, method="map")
    assert p.draws["field"].shape == (1,)
    assert p.mean("field") == pytest.approx(_exact(y, group)[0], abs=0.01)


def test_the_same_seed_draws_the_same() -> None:
    y, group = _data()
    one, again, other = (sample("means", _means, y, group, GROUPS, seed=s).draws["field"] for s in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_too_few_draws_are_refused() -> None:
    y, group = _data()
    with pytest.raises(ConvergenceError, match=r"effective draws >= \d+"):
        sample("means", _means, y, group, GROUPS, warmup=100, draws=60)


def test_a_funnel_is_refused() -> None:
    with pytest.raises(ConvergenceError, match="not converged; nothing was written"):
        sample("funnel", _funnel)


def test_sampling_tells_how_far_it_is() -> None:
    y, group = _data()
    told: list[float] = []
    with telling(told.append):
        sample("means", _means, y, group, GROUPS)
    assert told[0] == 0.0
    assert told == sorted(told)
    assert len(told) > 5
    assert max(told) < 1.0
    sample("means", _means, y, group, GROUPS, method="map")
    assert max(told) < 1.0  # nothing is told once the block is left
