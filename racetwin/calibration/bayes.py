"""Posteriors with the diagnostics that decide whether they may be used at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from racetwin.errors import ConfigurationError, RacetwinError

MAX_R_HAT = 1.03
MIN_EFFECTIVE = 100.0
MAX_DIVERGENT_SHARE = 0.02
MAX_SLOPE = 1e-2
"""Largest gradient at a mode, against the size of the log density there."""
RESTARTS = 6

Method = Literal["nuts", "laplace", "map"]
"""How a posterior is found: sampled (what ships), by its normal approximation, or its mode alone (walk-forward refits)."""


class ConvergenceError(RacetwinError):
    """A fit did not converge: its posterior must not become a parameter file."""


@dataclass(frozen=True, slots=True)
class Posterior:
    """Draws by name, shape ``(draws, ...)``, with the diagnostics they passed in one line."""

    name: str
    draws: Mapping[str, npt.NDArray[np.float64]]
    line: str

    def mean(self, site: str) -> npt.NDArray[np.float64]:
        """Return the posterior mean of a site."""
        return np.asarray(self.draws[site].mean(axis=0), dtype=float)

    def sd(self, site: str) -> npt.NDArray[np.float64]:
        """Return the posterior standard deviation of a site."""
        return np.asarray(self.draws[site].std(axis=0), dtype=float)


def sample(
    name: str,
    model: Callable[..., None],
    *args: Any,
    method: Method = "nuts",
    seed: int = 0,
    warmup: int = 200,
    draws: int = 200,
    chains: int = 2,
    dense_mass: bool = False,
) -> Posterior:
    """Return the posterior of a numpyro model in double precision; refuse one that did not converge.

    Parameters
    ----------
    name
        What is fitted, for messages.
    model, *args
        A numpyro model and its data.
    method
        ``nuts``: no-U-turn sampling; ``laplace``: normal approximation at the mode; ``map``: the mode, as a single draw.
    seed, warmup, draws, chains, dense_mass
        As numpyro has them.

    Raises
    ------
    ConvergenceError
        If split R-hat exceeds 1.03, the smallest effective sample size is under 100 or over 2 % of the draws diverged; for the
        normal approximation, if the mode was not found.
    """
    try:
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        import jax
        import numpyro
    except ImportError as error:
        raise ConfigurationError("calibration needs numpyro: pip install 'racetwin[calibrate]'") from error
    numpyro.enable_x64()
    key = jax.random.PRNGKey(seed)
    if method != "nuts":
        return _at_mode(name, model, args, key, draws * chains if method == "laplace" else 0)
    return _nuts(name, model, args, key, warmup, draws, chains, dense_mass)


def _nuts(
    name: str,
    model: Callable[..., None],
    args: tuple[Any, ...],
    key: Any,
    warmup: int,
    draws: int,
    chains: int,
    dense_mass: bool,
) -> Posterior:
    from numpyro.diagnostics import summary
    from numpyro.infer import MCMC, NUTS

    mcmc = MCMC(
        NUTS(model, target_accept_prob=0.9, dense_mass=dense_mass),
        num_warmup=warmup,
        num_samples=draws,
        num_chains=chains,
        chain_method="sequential",
        progress_bar=False,
    )
    mcmc.run(key, *args, extra_fields=("diverging",))
    grouped = mcmc.get_samples(group_by_chain=True)
    table = summary({k: np.asarray(grouped[k]) for k in mcmc.last_state.z}, group_by_chain=True)
    r_hat = max(float(np.nanmax(s["r_hat"])) for s in table.values())
    effective = min(float(np.nanmin(s["n_eff"])) for s in table.values())
    divergent = int(np.asarray(mcmc.get_extra_fields()["diverging"]).sum())
    line = f"{name}: r_hat <= {r_hat:.3f}, effective draws >= {effective:.0f}, divergences {divergent}"
    if r_hat > MAX_R_HAT or effective < MIN_EFFECTIVE or divergent > MAX_DIVERGENT_SHARE * draws * chains:
        raise ConvergenceError(f"{line}: not converged; nothing was written")
    return Posterior(name, {k: np.asarray(v, dtype=float) for k, v in mcmc.get_samples().items()}, line)


def _at_mode(name: str, model: Callable[..., None], args: tuple[Any, ...], key: Any, draws: int) -> Posterior:
    """Find the mode (on the unconstrained scale) and draw from the normal approximation there; no draws: the mode itself."""
    import jax
    import jax.numpy as jnp
    from jax.flatten_util import ravel_pytree
    from numpyro.infer import Predictive
    from numpyro.infer.util import constrain_fn, initialize_model
    from scipy.optimize import minimize

    start_key, draw_key, site_key = jax.random.split(key, 3)
    info = initialize_model(start_key, model, model_args=args)
    flat, unravel = ravel_pytree(info.param_info.z)
    value = jax.jit(jax.value_and_grad(lambda v: info.potential_fn(unravel(v))))
    point, steps, slope, lowest = np.zeros(flat.size), 0, np.inf, np.inf
    for _ in range(RESTARTS):
        # A line search may give up where a heavy tail is flat; from there a fresh one goes on.
        found = minimize(
            lambda v: tuple(np.asarray(p, dtype=float) for p in value(v)), point, jac=True, method="L-BFGS-B"
        )
        point, steps, lowest = found.x, steps + int(found.nit), float(found.fun)
        slope = float(np.abs(value(jnp.asarray(point))[1]).max())
        if slope < MAX_SLOPE * (1 + abs(lowest)):
            break
    line = f"{name}: mode found in {steps} steps, gradient <= {slope:.2g}"
    if not np.isfinite(lowest) or slope > MAX_SLOPE * (1 + abs(lowest)):
        raise ConvergenceError(f"{line}: not converged; nothing was written")
    points = point[None, :]
    if draws:
        hessian = np.asarray(jax.hessian(lambda v: info.potential_fn(unravel(v)))(jnp.asarray(point)))
        w, q = np.linalg.eigh(hessian)
        line += f", curvature >= {w[0]:.2g}"
        if w[0] <= 0:
            raise ConvergenceError(f"{line}: not a maximum; nothing was written")
        z = np.asarray(jax.random.normal(draw_key, (draws, flat.size)))
        points = point + (z / np.sqrt(w)) @ q.T
    sites = jax.vmap(lambda v: constrain_fn(model, args, {}, unravel(v)))(jnp.asarray(points))
    more = Predictive(model, posterior_samples=sites, infer_discrete=False)(site_key, *args)
    return Posterior(name, {k: np.asarray(v, dtype=float) for k, v in {**more, **sites}.items()}, line)
