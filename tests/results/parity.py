"""Pairs of the same GLM in statsmodels and here, over families, links and kinds of rows."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from statsmodels.genmod.generalized_linear_model import GLM

import deepglm as dg
import deepglm.errors

links = sm.families.links

N = 90
FORMULA = "y ~ x + z + C(g)"

# family, and intercept and slope of eta at which every link keeps the mean inside its range
CASES: dict[str, tuple[Any, float, float]] = {
    "gaussian-identity": (sm.families.Gaussian(), 1.0, 1.0),
    "gaussian-log": (sm.families.Gaussian(links.Log()), 1.0, 0.6),
    "gaussian-inverse": (sm.families.Gaussian(links.InversePower()), 0.5, 0.4),
    "binomial-logit": (sm.families.Binomial(), -0.6, 1.0),
    "binomial-probit": (sm.families.Binomial(links.Probit()), -0.4, 0.7),
    "binomial-cloglog": (sm.families.Binomial(links.CLogLog()), -0.9, 0.8),
    "binomial-loglog": (sm.families.Binomial(links.LogLog()), 0.1, 0.7),
    "binomial-cauchit": (sm.families.Binomial(links.Cauchy()), -0.4, 0.8),
    "poisson-log": (sm.families.Poisson(), 0.7, 0.6),
    "poisson-identity": (sm.families.Poisson(links.Identity()), 5.0, 4.0),
    "poisson-sqrt": (sm.families.Poisson(links.Sqrt()), 2.0, 1.0),
    "gamma-inverse": (sm.families.Gamma(links.InversePower()), 0.6, 0.5),
    "gamma-log": (sm.families.Gamma(links.Log()), 0.5, 0.7),
    "gamma-identity": (sm.families.Gamma(links.Identity()), 3.0, 2.0),
    "inversegaussian-inverse_squared": (sm.families.InverseGaussian(), 0.6, 0.4),
    "inversegaussian-log": (sm.families.InverseGaussian(links.Log()), 0.5, 0.4),
    "negativebinomial-log": (sm.families.NegativeBinomial(alpha=0.7), 1.0, 0.5),
    "tweedie-log": (sm.families.Tweedie(links.Log(), var_power=1.5), 0.6, 0.5),
}

KINDS = ("plain", "var_weights", "freq_weights", "offset", "exposure", "missing", "counts")

DRAWS = {
    "Gaussian": lambda rng, mu: mu + 0.2 * rng.normal(size=len(mu)),
    "Binomial": lambda rng, mu: (rng.uniform(size=len(mu)) < mu).astype(float),
    "Poisson": lambda rng, mu: rng.poisson(mu).astype(float),
    "Gamma": lambda rng, mu: rng.gamma(6.0, mu / 6.0),
    "InverseGaussian": lambda rng, mu: rng.wald(mu, 12.0),
    "NegativeBinomial": lambda rng, mu: rng.poisson(rng.gamma(1.5, mu / 1.5)).astype(float),
    "Tweedie": lambda rng, mu: np.array(
        [
            rng.gamma(2.0, 1.0, size=k).sum() * m / 3.0
            for k, m in zip(rng.poisson(2, len(mu)), mu, strict=True)
        ]
    ),
}


@dataclass(frozen=True)
class Pair:
    """The two fits, the data, and the keywords that both were given."""

    ours: Any
    theirs: Any
    data: pd.DataFrame
    kind: str


def possible(case: str, kind: str) -> bool:
    """Whether the kind of rows exists for the family and the link."""
    if kind == "exposure":
        return case.endswith("-log")
    if kind == "counts":
        return case.startswith("binomial")
    return True


def table(case: str, seed: int = 5) -> pd.DataFrame:
    """Rows whose response has the family's law."""
    family, a, b = CASES[case]
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(
        {
            "x": rng.uniform(size=N),
            "z": rng.uniform(size=N),
            "g": rng.choice(list("abc"), N),
            "offset": 0.1 * rng.uniform(size=N),
            "exposure": rng.uniform(0.5, 2.0, N),
            "freq_weights": rng.integers(1, 4, N).astype(float),
            "var_weights": rng.uniform(0.5, 2.0, N),
            "trials": rng.integers(3, 12, N).astype(float),
            "cluster": rng.integers(0, 9, N),
        },
        index=[f"row{i}" for i in range(N)],
    )
    eta = a + b * (0.6 * data.x + 0.4 * data.z)
    mu = family.link.inverse(eta.to_numpy())
    data["y"] = DRAWS[type(family).__name__](rng, mu)
    data["hits"] = rng.binomial(data.trials.astype(int), np.clip(mu, 0.05, 0.95)).astype(float)
    data["misses"] = data.trials - data.hits
    return data


def fitted(
    case: str,
    kind: str,
    scale: Any = None,
    cov_type: str = "nonrobust",
    cov_kwds: dict[str, Any] | None = None,
    use_t: bool | None = None,
) -> Pair:
    """Fit the same model twice."""
    # statsmodels writes the trials into the family object
    family = copy.deepcopy(CASES[case][0])
    data = table(case)
    formula = FORMULA.replace("y ~", "hits + misses ~") if kind == "counts" else FORMULA
    if kind == "missing":
        data.loc["row4", "x"] = np.nan
        data.loc["row40", "z"] = np.nan
    given = {kind: kind} if kind in data.columns else {}
    options = {"cov_type": cov_type, "cov_kwds": cov_kwds, "use_t": use_t, "scale": scale}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = GLM.from_formula(
            formula, data, family=family, **{key: data[name] for key, name in given.items()}
        ).fit(tol=1e-13, tol_criterion="params", maxiter=300, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.errors.DroppedRowsWarning)
        ours = dg.DeepGLM(formula, data, family=family, hidden=(), **given).fit(**options)
    return Pair(ours, theirs, data, kind)


def column_wise(model: Any, theirs: Any, **options: Any) -> Any:
    """Our fit to statsmodels' columns, so that every column of a factor moves alone as there.

    Parameters
    ----------
    model
        Our model, made by a formula.
    theirs
        statsmodels' result, which has its columns.
    """
    data = model._data
    names = list(theirs.model.exog_names)[: theirs.model.exog.shape[1]]
    exog = pd.DataFrame(np.asarray(theirs.model.exog), columns=names, index=data.index)
    endog = data.endog
    if data.levels:
        labels = pd.Categorical.from_codes(data.endog.astype(int), list(data.levels))
        endog = pd.Series(labels, index=data.index)
    given = {role: variable.values for role, variable in data.variables.items()}
    return dg.DeepGLM.from_arrays(
        endog, exog, model.family, endog_name=model.endog_names, hidden=(), **given
    ).fit(**options)


def difference(a: Any, b: Any) -> float:
    """Largest difference relative to the largest value of the second."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    assert a.shape == b.shape, (a.shape, b.shape)
    assert np.array_equal(np.isnan(a), np.isnan(b))
    return float(np.nanmax(np.abs(a - b)) / max(1e-300, float(np.nanmax(np.abs(b)))))
