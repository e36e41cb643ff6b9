"""Log-likelihood, deviance, the model without regressors, and criteria made from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from statsmodels.tools.eval_measures import aicc

from deepglm.errors import SpecificationError
from deepglm.execution import Workers
from deepglm.families import Level, MeanFamily
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
    "loglike_rows",
    "null_model",
    "pearson_chi2",
    "pseudo_rsquared",
    "score_products",
]

CRITERIA = ("aic", "aicc", "bic", "qaic", "tic")
PSEUDO = ("cs", "mcf")


def loglike(fitted: Fitted, eta: Array, aux: Array, scale: float) -> float:
    """Complete log-likelihood of a model's rows at a dispersion, constants included.

    Parameters
    ----------
    fitted
        The model.
    eta, aux
        (k_eta, n) linear predictors, and auxiliary parameters other than a dispersion.
    scale
        Dispersion.
    """
    return fitted.rows.total(loglike_rows(fitted, eta, aux, scale))


def loglike_rows(fitted: Fitted, eta: Array, aux: Array, scale: float) -> Array:
    """(n,) its parts."""
    rows, family = fitted.rows, fitted.family.given(aux)
    if isinstance(family, MeanFamily):
        return family.loglike_rows(rows.y, eta, scale, rows.weight)
    return family.rows(rows.y, eta, aux, rows.weight, Level.VALUE).value


def concentrated_scale(fitted: Fitted) -> float | None:
    """Maximum likelihood dispersion of a Gaussian with the identity link; None for others.

    statsmodels reports that model's log-likelihood with the dispersion profiled out, and every
    other one's at the dispersion of the standard errors.
    """
    if fitted.family.name != "Gaussian" or fitted.family.link.name != "identity":
        return None
    rows = fitted.rows
    return float(rows.freq @ (rows.weight * (rows.y - fitted.mu) ** 2)) / fitted.wnobs


def deviance(fitted: Fitted, eta: Array, aux: Array) -> float:
    """Twice the log-likelihood lost against a perfect fit, at dispersion 1.

    Parameters
    ----------
    fitted, eta, aux
        As for :func:`loglike`.
    """
    rows, family = fitted.rows, fitted.family.given(aux)
    return rows.total(family.deviance_rows(rows.y, eta, aux, rows.weight))


def pearson_chi2(fitted: Fitted) -> float:
    """Sum of squared Pearson residuals; over all classes, of a response of classes."""
    if fitted.family.reading in ("classes", "ordered"):
        values = residuals.pearson_of_classes(fitted)
    else:
        values = residuals.pearson(fitted) ** 2
    return fitted.rows.total(values)


def null_model(fitted: Fitted) -> tuple[Array, Array]:
    """(k_eta, n) linear predictors and auxiliary parameters of intercepts and offset only."""
    family, rows = fitted.unscaled.family, fitted.rows
    flat = bool((rows.offset == rows.offset[0]).all())
    if flat and isinstance(family, MeanFamily):
        mean = np.average(rows.y, weights=rows.freq * rows.weight)
        return np.full((1, rows.n), family.link.link(np.array([mean]))), np.empty(0)
    likelihood = Likelihood(Predictor(1, (), family.k_eta), family)
    single = replace(rows, designs=(np.ones((1, rows.n)),), constant=None)
    size = likelihood.size
    origin = np.zeros(size)
    origin[family.k_eta :] = family.start_aux(rows.y, rows.weight * rows.freq)
    free = np.ones(size, dtype=bool)
    end = glm(Objective(likelihood, single, np.zeros(size), origin, free, Workers())).x
    return end[: family.k_eta, None] + rows.offset, end[family.k_eta :]


def score_products(fitted: Fitted) -> Array:
    """(free, free) sum over the rows of products of their scores, at dispersion 1.

    A row with a frequency counts as so many rows.
    """
    k = int(fitted.free.sum())
    total = np.zeros((k, k))
    for block in fitted.blocks(Level.OBSERVED):
        scores = np.where(block.freq > 0.0, block.scores, 0.0)
        total += (scores * block.freq) @ scores.T
    return total


def information_criterion(kind: str, llf: float, k: float, n: float, scale: float | None) -> float:
    """AIC, AICc, BIC, QAIC or TIC of ``k`` parameters and ``n`` observations.

    For TIC ``k`` is the trace that takes their place.
    """
    name = kind.lower()
    if name in ("aic", "tic"):
        return -2.0 * llf + 2.0 * k
    if name == "aicc":
        return float(aicc(llf, n, k))
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
