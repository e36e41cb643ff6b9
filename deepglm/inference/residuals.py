"""Residuals of a fitted model, in statsmodels' definitions.

``weight`` divides the dispersion: variance weights, times the trials of a binomial.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from statsmodels.genmod.families import Binomial

from deepglm.errors import NotAvailableError
from deepglm.families import Family, Level
from deepglm.inference.fitted import Array, Codes, Fitted

__all__ = ["anscombe", "deviance", "pearson", "response", "working"]


def response(fitted: Fitted, trials: Array) -> Array:
    """Response minus mean; successes minus their expected number for binomial counts."""
    return trials * (fitted.rows.y - fitted.mu)


def pearson(fitted: Fitted) -> Array:
    """Response minus mean over its standard deviation at dispersion 1."""
    rows, mu = fitted.rows, fitted.mu
    values = _ratio(np.sqrt(rows.weight) * (rows.y - mu), np.sqrt(fitted.family.variance(mu)))
    which, score, information = _at_the_ends(fitted)
    values[which] = _ratio(score, np.sqrt(information))
    return values


def working(fitted: Fitted) -> Array:
    """``(y - mu) / mu'(eta)``, the residual of the last weighted regression."""
    slope = fitted.family.link.evaluate(fitted.eta, 1)[1]
    values = _ratio(fitted.rows.y - fitted.mu, slope)
    which, score, information = _at_the_ends(fitted)
    values[which] = _ratio(score, information)
    return values


def _ratio(distance: Array, unit: Array) -> Array:
    """Distances in units; zero for no distance, also where the unit has underflowed."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(distance == 0.0, 0.0, distance / unit)


# Below this variance of a proportion, one minus its mean has lost half its digits.
_NEAR_AN_END = 1e-8


def _at_the_ends(fitted: Fitted) -> tuple[Codes, Array, Array]:
    """Rows whose fitted probability is all but 0 or 1, with their score and expected information.

    There ``y - mu`` and the variance are lost to rounding. The score ``(y - mu) mu' / V`` and the
    information ``mu'**2 / V`` come from the tails of the link and give the same residuals.
    """
    rows, family = fitted.rows, fitted.family
    low, high = family.mean_range
    if (low, high) != (0.0, 1.0):
        return np.zeros(0, dtype=np.intp), np.zeros(0), np.zeros(0)
    which = np.flatnonzero(fitted.mu * (1.0 - fitted.mu) < _NEAR_AN_END)
    terms = fitted.unscaled.family.rows(
        rows.y[which], fitted.eta[None, which], np.zeros(0), rows.weight[which], Level.FISHER
    )
    assert terms.score is not None and terms.information is not None
    return which, terms.score[0], terms.information[0, 0]


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
        with np.errstate(divide="ignore", invalid="ignore"):
            values = family.resid_anscombe(
                rows.y, fitted.mu, var_weights=rows.weight / trials, scale=scale
            )
    except NotImplementedError:
        raise NotAvailableError(
            f"Anscombe residuals have no closed form for the family {fitted.family.name}; "
            "resid_deviance is close to normal as well."
        ) from None
    # at the end of a range its formula is 0 / 0, whose limit is zero
    return np.where(rows.y == fitted.mu, 0.0, values)


def _with_trials(family: Family, trials: Array) -> Any:
    known = family.statsmodels
    if isinstance(known, Binomial):
        # statsmodels keeps the trials on the family object; the user's own is left as it was.
        known = copy.copy(known)
        known.n = trials
    return known
