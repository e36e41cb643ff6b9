"""Log-likelihood, deviance, the model without regressors, and criteria made from them."""

from __future__ import annotations

import numpy as np

from deepglm.data import Rows
from deepglm.errors import SpecificationError
from deepglm.execution import Workers
from deepglm.families import Family, adapt
from deepglm.inference import residuals
from deepglm.inference.fitted import Array, Fitted
from deepglm.likelihood import Likelihood
from deepglm.predictor import Predictor
from deepglm.solvers import Objective, glm

__all__ = [
    "concentrated_scale",
    "deviance",
    "information_criterion",
    "loglike",
    "null_mean",
    "pearson_chi2",
    "pseudo_rsquared",
]

CRITERIA = ("aic", "bic", "qaic")
PSEUDO = ("cs", "mcf")


def loglike(family: Family, rows: Rows, eta: Array, scale: float) -> float:
    """Complete log-likelihood at a dispersion, constants included."""
    values = family.loglike_rows(rows.y, np.atleast_2d(eta), scale, rows.weight)
    return float(rows.freq @ values)


def concentrated_scale(fitted: Fitted) -> float | None:
    """Maximum likelihood dispersion of a Gaussian with the identity link; None for others.

    statsmodels reports that model's log-likelihood with the dispersion profiled out, and every
    other one's at the dispersion of the standard errors.
    """
    if fitted.family.name != "Gaussian" or fitted.family.link.name != "identity":
        return None
    rows = fitted.rows
    return float(rows.freq @ (rows.weight * (rows.y - fitted.mu) ** 2)) / fitted.wnobs


def deviance(family: Family, rows: Rows, mu: Array) -> float:
    """Twice the log-likelihood lost against a perfect fit, at dispersion 1."""
    return float(rows.freq @ family.unit_deviance(rows.y, mu, rows.weight))


def pearson_chi2(fitted: Fitted) -> float:
    """Sum of squared Pearson residuals."""
    return float(fitted.rows.freq @ residuals.pearson(fitted) ** 2)


def null_mean(family: Family, rows: Rows) -> Array:
    """(n,) means of the model with an intercept and the offset only."""
    total = rows.freq * rows.weight
    mean = float(rows.y @ total / total.sum())
    if (rows.offset == rows.offset[0]).all():
        return np.full(rows.n, mean)
    ones = np.ones((1, rows.n))
    likelihood = Likelihood(Predictor(1), adapt(family, 1.0))
    single = Rows(rows.y, (ones,), rows.offset, rows.weight, rows.freq)
    free = np.ones(1, dtype=bool)
    objective = Objective(likelihood, single, np.zeros(1), np.zeros(1), free, Workers())
    outcome = glm(objective)
    return np.asarray(family.mean(outcome.x[0] + rows.offset))


def information_criterion(kind: str, llf: float, k: float, n: float, scale: float | None) -> float:
    """AIC, BIC or QAIC of ``k`` parameters and ``n`` observations."""
    name = kind.lower()
    if name == "aic":
        return -2.0 * llf + 2.0 * k
    if name == "bic":
        return float(-2.0 * llf + k * np.log(n))
    if name == "qaic":
        if scale is None:
            raise SpecificationError(
                "crit='qaic' needs scale=, the dispersion of the largest model that is compared."
            )
        return -2.0 * llf / scale + 2.0 * k
    accepted = ", ".join(repr(c) for c in CRITERIA)
    raise SpecificationError(f"crit={kind!r} is not known; accepted are {accepted}.")


def pseudo_rsquared(kind: str, llf: float, llnull: float, nobs: float) -> float:
    """Cox and Snell's, or McFadden's."""
    name = kind.lower()
    if name.startswith("mcf"):
        return 1.0 - llf / llnull
    if name.startswith("cox") or name in ("cs", "lr"):
        return float(1.0 - np.exp((llnull - llf) * (2.0 / nobs)))
    accepted = ", ".join(repr(k) for k in PSEUDO)
    raise SpecificationError(f"kind={kind!r} is not known; accepted are {accepted}.")
