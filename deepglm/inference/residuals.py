"""Residuals of a fitted model, in statsmodels' definitions.

``weight`` divides the dispersion: variance weights, times the trials of a binomial.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from statsmodels.genmod.families import Binomial

from deepglm.errors import NotAvailableError
from deepglm.families import Family
from deepglm.inference.fitted import Array, Fitted

__all__ = ["anscombe", "deviance", "pearson", "response", "working"]


def response(fitted: Fitted, trials: Array) -> Array:
    """Response minus mean; successes minus their expected number for binomial counts."""
    return trials * (fitted.rows.y - fitted.mu)


def pearson(fitted: Fitted) -> Array:
    """Response minus mean over its standard deviation at dispersion 1."""
    rows, family = fitted.rows, fitted.family
    return np.asarray(
        np.sqrt(rows.weight) * (rows.y - fitted.mu) / np.sqrt(family.variance(fitted.mu))
    )


def working(fitted: Fitted) -> Array:
    """``(y - mu) / mu'(eta)``, the residual of the last weighted regression."""
    slope = fitted.family.link.evaluate(fitted.eta, 1)[1]
    return np.asarray((fitted.rows.y - fitted.mu) / slope)


def deviance(fitted: Fitted) -> Array:
    """Signed root of each row's share of the deviance."""
    rows = fitted.rows
    d = fitted.family.unit_deviance(rows.y, fitted.mu, rows.weight)
    return np.asarray(np.sign(rows.y - fitted.mu) * np.sqrt(np.maximum(d, 0.0)))


def anscombe(fitted: Fitted, trials: Array, scale: float) -> Array:
    """Anscombe's residuals, from statsmodels' families.

    Parameters
    ----------
    fitted
        A model at its estimate.
    trials
        (n,) binomial trials.
    scale
        Dispersion to divide by; 1 for the unscaled ones.
    """
    family = _with_trials(fitted.family, trials)
    rows = fitted.rows
    try:
        values = family.resid_anscombe(
            rows.y, fitted.mu, var_weights=rows.weight / trials, scale=scale
        )
    except NotImplementedError:
        raise NotAvailableError(
            f"Anscombe residuals have no closed form for the family {fitted.family.name}; "
            "resid_deviance is close to normal as well."
        ) from None
    return np.asarray(values)


def _with_trials(family: Family, trials: Array) -> Any:
    known = family.statsmodels
    if isinstance(known, Binomial):
        # statsmodels keeps the trials on the family object; the user's own is left as it was.
        known = copy.copy(known)
        known.n = trials
    return known
