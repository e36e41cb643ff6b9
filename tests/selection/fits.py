"""Fits of one response that differ, for every family that can be averaged."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

import deepglm as dg
from deepglm.families import links

SEEDS = (1, 2, 3)


@cache
def rows(family: str) -> pd.DataFrame:
    """Rows with a response of the family, and labels that are no row numbers."""
    rng = np.random.default_rng(11)
    x, z, e = rng.normal(size=60), rng.uniform(-1, 1, 60), rng.uniform(0.5, 2.0, 60)
    mu = np.exp(0.3 + 0.4 * np.sin(2 * x) + 0.2 * z)
    y: Any = {
        "gaussian": mu + rng.normal(0, 0.3, 60),
        "gamma": rng.gamma(5.0, mu / 5.0),
        "inverse gaussian": rng.wald(mu, 5.0),
        "poisson": rng.poisson(mu * e),
        "binomial": rng.binomial(4, mu / 4),
        "negative binomial": rng.poisson(mu * e),
        "tweedie": rng.poisson(mu) * rng.gamma(3.0, 0.4, 60),
        "quasi": rng.poisson(mu),
    }[family]
    labels = [f"row {k}" for k in range(60)]
    data = {"y": y, "failures": 4 - y, "x": x, "z": z, "e": e, "w": rng.integers(1, 4, 60)}
    return pd.DataFrame(data, index=labels)


OF: dict[str, tuple[Any, dict[str, Any]]] = {
    "gaussian": (dg.Gaussian(), {"var_weights": "e"}),
    "gamma": (dg.Gamma(links.Log()), {"freq_weights": "w", "var_weights": "e"}),
    "inverse gaussian": (dg.InverseGaussian(links.Log()), {}),
    "poisson": (dg.Poisson(), {"exposure": "e", "freq_weights": "w"}),
    "binomial": (dg.Binomial(), {}),
    "negative binomial": (dg.NegativeBinomial(alpha=0.5), {"offset": "z"}),
    "tweedie": (dg.Tweedie(links.Log(), var_power=1.5), {}),
    "quasi": (dg.Quasi("log", "mu"), {}),
}
WITH_DISTRIBUTION = [name for name in OF if name not in ("tweedie", "quasi")]


@cache
def network(family: str, seed: int = 1, units: tuple[int, ...] = (3,)) -> Any:
    """A network from one start: seeds end in different optima."""
    ours, options = OF[family]
    left = "y + failures" if family == "binomial" else "y"
    model = dg.DeepGLM(f"{left} ~ x + z", rows(family), ours, hidden=units, **options)
    return model.fit(inference=None, seed=seed, starts=1, n_jobs=1)


@cache
def glm(family: str, terms: str = "x + z") -> Any:
    """The GLM beside it."""
    ours, options = OF[family]
    left = "y + failures" if family == "binomial" else "y"
    return dg.DeepGLM(f"{left} ~ {terms}", rows(family), ours, hidden=(), **options).fit()


def three(family: str) -> list[Any]:
    """Two networks and a GLM."""
    return [network(family, 1), network(family, 2), glm(family)]
