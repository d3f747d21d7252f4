"""Posteriors with the diagnostics that decide whether they may be used at all.

Whatever the method, the mode of the density over unconstrained parameters is found first. Sampling goes on from there, in the
coordinates in which the normal approximation at the mode is standard normal: what is left for warming up is a step size and a
scale for each of them, and effects that are correlated or differ in scale by orders of magnitude cost no more than others.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from racetwin.errors import ConfigurationError, RacetwinError

FloatArray = npt.NDArray[np.float64]

MAX_R_HAT = 1.01
MIN_EFFECTIVE = 400.0
MAX_DIVERGENT_SHARE = 0.005
"""What a sampled posterior must keep to: split R-hat, effective draws and the share of divergences [Vehtari et al., 2021]."""
MAX_SLOPE = 1e-2
"""Largest gradient at a mode, against the size of the log density there."""
RESTARTS = 6
LEAST_CURVATURE = 0.1
"""Curvature that is taken at least for the coordinates of sampling: priors of unit width alone have more."""
START_WIDTH = 2.0
"""Chains start this many times as far from the mode as draws should lie, so that it means something when they agree."""
CHAINS = 2
WARMUP = 300
DRAWS = 800
"""Of each chain."""

_share_done: ContextVar[Callable[[float], None]] = ContextVar("share_done", default=lambda _share: None)


@contextmanager
def telling(share_done: Callable[[float], None]) -> Iterator[None]:
    """Tell how much of a fit is done, as a share, while one is sampled in this block."""
    token = _share_done.set(share_done)
    try:
        yield
    finally:
        _share_done.reset(token)


Method = Literal["nuts", "laplace", "map"]
"""How a posterior is found: sampled (what ships), by its normal approximation, or its mode alone (walk-forward refits)."""


class ConvergenceError(RacetwinError):
    """A fit did not converge: its posterior must not become a parameter file."""


@dataclass(frozen=True, slots=True)
class Posterior:
    """Draws by name, shape ``(draws, ...)``, with the diagnostics they passed in one line."""

    name: str
    draws: Mapping[str, FloatArray]
    line: str

    def mean(self, site: str) -> FloatArray:
        """Return the posterior mean of a site."""
        return np.asarray(self.draws[site].mean(axis=0), dtype=float)

    def sd(self, site: str) -> FloatArray:
        """Return the posterior standard deviation of a site."""
        return np.asarray(self.draws[site].std(axis=0), dtype=float)


def sample(
    name: str,
    model: Callable[..., None],
    *args: Any,
    method: Method = "nuts",
    seed: int = 0,
    warmup: int = WARMUP,
    draws: int = DRAWS,
) -> Posterior:
    """Return the posterior of a numpyro model in double precision; refuse one that did not converge.

    Parameters
    ----------
    name
        What is fitted, for messages.
    model, *args
        A numpyro model of continuous parameters, and its data.
    method
        ``nuts``: no-U-turn sampling; ``laplace``: normal approximation at the mode; ``map``: the mode, as a single draw.
    seed
        Of the draws.
    warmup, draws
        Of each of the two chains.

    Raises
    ------
    ConvergenceError
        If the mode was not found; of a sample, if split R-hat reaches 1.01, the smallest effective sample size is under 400 or
        over 0.5 % of the draws diverged; of the normal approximation, if what was found is no maximum.
    """
    try:
        import numpyro
    except ImportError as error:
        raise ConfigurationError("calibration needs numpyro: pip install 'racetwin[calibrate]'") from error
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    if method == "nuts":
        numpyro.set_host_device_count(CHAINS)  # one core a chain, unless JAX is running already
    numpyro.enable_x64()
    target = _Target(model, args)
    mode, line = _mode(name, target)
    if method == "map":
        return Posterior(name, target.sites(mode[None, :]), line)
    curvature, axes = np.linalg.eigh(target.hessian(mode))
    if method == "laplace":
        line += f", curvature >= {curvature[0]:.2g}"
        if curvature[0] <= 0:
            raise ConvergenceError(f"{line}: not a maximum; nothing was written")
        z = np.random.default_rng(seed).standard_normal((draws * CHAINS, len(mode)))
        return Posterior(name, target.sites(mode + (z / np.sqrt(curvature)) @ axes.T), line)
    points, line = _nuts(
        name, target, mode, axes / np.sqrt(np.maximum(curvature, LEAST_CURVATURE)), seed, warmup, draws
    )
    return Posterior(name, target.sites(points), line)


class _Target:
    """A model's density as a function of one vector, its unconstrained parameters in a row.

    The data are arguments of what is compiled, not constants in it: compilers fold constants, and those are large.
    """

    def __init__(self, model: Callable[..., None], args: tuple[Any, ...]) -> None:
        import jax
        import jax.numpy as jnp
        from jax.flatten_util import ravel_pytree
        from numpyro.infer.util import constrain_fn, potential_energy, unconstrain_fn

        data = {k: jnp.asarray(a) for k, a in enumerate(args) if isinstance(a, np.ndarray)}

        def whole(given: Mapping[int, Any]) -> tuple[Any, ...]:
            return tuple(given.get(k, a) for k, a in enumerate(args))

        def begin(given: Mapping[int, Any]) -> Any:
            from numpyro.handlers import seed, trace

            sites = trace(seed(model, 0)).get_trace(*whole(given))
            free = {k: s["value"] for k, s in sites.items() if s["type"] == "sample" and not s["is_observed"]}
            return unconstrain_fn(model, whole(given), {}, free)

        shapes = jax.eval_shape(begin, data)
        flat, unravel = ravel_pytree(jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes))
        self.size = int(flat.size)

        def potential(v: Any, given: Mapping[int, Any]) -> Any:
            return potential_energy(model, whole(given), {}, unravel(v))

        def constrained(v: Any, given: Mapping[int, Any]) -> Any:
            return constrain_fn(model, whole(given), {}, unravel(v), return_deterministic=True)

        def hessian(v: Any, given: Mapping[int, Any]) -> Any:
            slope = jax.grad(potential)
            return jax.lax.map(lambda e: jax.jvp(lambda u: slope(u, given), (v,), (e,))[1], jnp.eye(self.size))

        self.data = data
        self.potential = potential
        self._value = jax.jit(jax.value_and_grad(potential))
        self._hessian = jax.jit(hessian)
        # Point after point: thousands of points at once are linear algebra so wide that XLA shares it out, and on two threads
        # that was seen to wait for itself for ever.
        self._sites = jax.jit(lambda points, given: jax.lax.map(lambda v: constrained(v, given), points))

    def value(self, v: FloatArray) -> tuple[float, FloatArray]:
        """Return minus the log density at a point, and its gradient."""
        value, slope = self._value(v, self.data)
        return float(value), np.asarray(slope, dtype=float)

    def hessian(self, v: FloatArray) -> FloatArray:
        """Return the second derivatives at a point."""
        return np.asarray(self._hessian(v, self.data), dtype=float)

    def sites(self, points: FloatArray) -> dict[str, FloatArray]:
        """Return the model's parameters and what it derives from them at points ``(n, size)``, by name."""
        return {k: np.asarray(v, dtype=float) for k, v in self._sites(points, self.data).items()}


def _mode(name: str, target: _Target) -> tuple[FloatArray, str]:
    """Find the mode; returns it and a line that says how well."""
    from scipy.optimize import minimize

    point, steps, slope, lowest = np.zeros(target.size), 0, np.inf, np.inf
    for _ in range(RESTARTS):
        # A line search may give up where a heavy tail is flat; from there a fresh one goes on.
        found = minimize(target.value, point, jac=True, method="L-BFGS-B")
        point, steps, lowest = found.x, steps + int(found.nit), float(found.fun)
        slope = float(np.abs(target.value(point)[1]).max())
        if slope < MAX_SLOPE * (1 + abs(lowest)):
            break
    line = f"{name}: mode found in {steps} steps, gradient <= {slope:.2g}"
    if not np.isfinite(lowest) or slope > MAX_SLOPE * (1 + abs(lowest)):
        raise ConvergenceError(f"{line}: not converged; nothing was written")
    return np.asarray(point, dtype=float), line


def _nuts(
    name: str, target: _Target, mode: FloatArray, scale: FloatArray, seed: int, warmup: int, draws: int
) -> tuple[FloatArray, str]:
    """Draw points ``mode + scale v`` from the density; returns them, ``(chains * draws, size)``, and the diagnostics."""
    import jax
    import jax.numpy as jnp
    from numpyro.diagnostics import effective_sample_size, split_gelman_rubin
    from numpyro.infer import NUTS

    centre, spread = jnp.asarray(mode), jnp.asarray(scale)
    kernel = NUTS(
        potential_fn=lambda v: target.potential(centre + spread @ v, target.data),
        target_accept_prob=0.9,
    )
    start = START_WIDTH * np.random.default_rng(seed).standard_normal((CHAINS, target.size))
    keys = jax.random.split(jax.random.PRNGKey(seed), CHAINS)
    block = math.gcd(warmup, draws)

    def begin(given: tuple[Any, Any]) -> Any:
        key, point = given
        return kernel.init(key, warmup, point, (), {})

    def step(now: Any, _: None) -> tuple[Any, tuple[Any, Any]]:
        then = kernel.sample(now, (), {})
        return then, (then.z, then.diverging)

    def onward(now: Any) -> Any:
        return jax.lax.scan(step, now, None, length=block)

    def each_chain(f: Callable[[Any], Any]) -> Any:
        parallel = jax.local_device_count() >= CHAINS
        return jax.pmap(f) if parallel else jax.jit(lambda all_of_them: jax.lax.map(f, all_of_them))

    # One block is compiled, once, and run again and again, so that it can be told how far the chains are.
    state, run = each_chain(begin)((keys, jnp.asarray(start))), each_chain(onward)
    tell, drawn, diverging = _share_done.get(), [], []
    for done in range(0, warmup + draws, block):
        tell(done / (warmup + draws))
        state, (z, failed) = run(state)
        drawn.append(np.asarray(z, dtype=float))
        diverging.append(np.asarray(failed))
    points = mode + np.concatenate(drawn, axis=1)[:, warmup:] @ scale.T
    divergent = int(np.concatenate(diverging, axis=1)[:, warmup:].sum())
    r_hat = float(np.max(split_gelman_rubin(points)))
    effective = float(np.min(effective_sample_size(points)))
    line = f"{name}: r_hat <= {r_hat:.3f}, effective draws >= {effective:.0f}, divergences {divergent}"
    converged = r_hat < MAX_R_HAT and effective >= MIN_EFFECTIVE  # false too for what is not a number
    if not converged or divergent > MAX_DIVERGENT_SHARE * draws * CHAINS:
        raise ConvergenceError(f"{line}: not converged; nothing was written")
    return points.reshape(-1, target.size), line
