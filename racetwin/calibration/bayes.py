"""Sampling with the diagnostics that decide whether a posterior may be used at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from racetwin.errors import ConfigurationError, RacetwinError

MAX_R_HAT = 1.03
MIN_EFFECTIVE = 100.0
MAX_DIVERGENT_SHARE = 0.02


class ConvergenceError(RacetwinError):
    """A sampler did not converge: its posterior must not become a parameter file."""


@dataclass(frozen=True, slots=True)
class Posterior:
    """Draws by name, shape ``(draws, ...)``, with the diagnostics they passed."""

    name: str
    draws: Mapping[str, npt.NDArray[np.float64]]
    max_r_hat: float
    min_effective: float
    divergent: int

    def mean(self, site: str) -> npt.NDArray[np.float64]:
        """Return the posterior mean of a site."""
        return np.asarray(self.draws[site].mean(axis=0), dtype=float)

    def sd(self, site: str) -> npt.NDArray[np.float64]:
        """Return the posterior standard deviation of a site."""
        return np.asarray(self.draws[site].std(axis=0), dtype=float)

    @property
    def line(self) -> str:
        """The diagnostics in one line, as printed by ``racetwin calibrate``."""
        return (
            f"{self.name}: r_hat <= {self.max_r_hat:.3f}, effective draws >= {self.min_effective:.0f}, "
            f"divergences {self.divergent}"
        )


def sample(
    name: str,
    model: Callable[..., None],
    *args: Any,
    seed: int = 0,
    warmup: int = 400,
    draws: int = 400,
    chains: int = 2,
    target_accept: float = 0.9,
    **kwargs: Any,
) -> Posterior:
    """Draw from a numpyro model by NUTS, in double precision, and refuse what did not converge.

    Raises
    ------
    ConvergenceError
        If split R-hat exceeds 1.03, the smallest effective sample size is under 100, or over 2 % of the draws diverged.
    """
    try:
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        import jax
        import numpyro
        from numpyro.diagnostics import summary
        from numpyro.infer import MCMC, NUTS
    except ImportError as error:
        raise ConfigurationError("calibration needs numpyro: pip install 'racetwin[calibrate]'") from error
    numpyro.enable_x64()
    kernel = NUTS(model, target_accept_prob=target_accept)
    mcmc = MCMC(
        kernel,
        num_warmup=warmup,
        num_samples=draws,
        num_chains=chains,
        chain_method="sequential",
        progress_bar=False,
    )
    mcmc.run(jax.random.PRNGKey(seed), *args, extra_fields=("diverging",), **kwargs)
    grouped = mcmc.get_samples(group_by_chain=True)
    table = summary({k: np.asarray(v) for k, v in grouped.items()}, group_by_chain=True)
    r_hat = max(float(np.nanmax(s["r_hat"])) for s in table.values())
    effective = min(float(np.nanmin(s["n_eff"])) for s in table.values())
    divergent = int(np.asarray(mcmc.get_extra_fields()["diverging"]).sum())
    posterior = Posterior(
        name,
        {k: np.asarray(v, dtype=float) for k, v in mcmc.get_samples().items()},
        r_hat,
        effective,
        divergent,
    )
    if r_hat > MAX_R_HAT or effective < MIN_EFFECTIVE or divergent > MAX_DIVERGENT_SHARE * draws * chains:
        raise ConvergenceError(f"{posterior.line}: not converged; nothing was written")
    return posterior
