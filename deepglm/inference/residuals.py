"""Residuals of a fitted model, in statsmodels' definitions.

``weight`` divides the dispersion: variance weights, times the trials of a binomial.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from scipy import special
from statsmodels.genmod.families import Binomial

from deepglm.errors import NotAvailableError
from deepglm.families import Family, Level, MeanFamily, adapt
from deepglm.inference.fitted import Array, Codes, Fitted
from deepglm.inference.prediction import statistic

__all__ = [
    "anscombe",
    "deviance",
    "deviance_of_classes",
    "pearson",
    "pearson_of_classes",
    "response",
    "working",
]


def response(fitted: Fitted, trials: Array) -> Array:
    """Response minus mean; successes minus their expected number for binomial counts.

    Classes have a residual each, (classes, n): the count of the class minus its expectation. A
    censored response is compared with the expected outcome, and an interval has none.
    """
    if isinstance(fitted.given, MeanFamily):
        return trials * (fitted.rows.y - fitted.mu)
    if fitted.family.reading == "interval":
        return _outcome(fitted) - statistic(fitted.given, fitted.etas, fitted.aux, "mean")
    return np.asarray(trials * (_shares(fitted) - _probabilities(fitted)))


def _shares(fitted: Fitted) -> Array:
    """(classes, n) shares of the classes, zeros and ones for one trial."""
    y, p = fitted.rows.y, _probabilities(fitted)
    return y if y.ndim == 2 else (np.arange(len(p))[:, None] == y).astype(float)


def _probabilities(fitted: Fitted) -> Array:
    return statistic(fitted.given, fitted.etas, fitted.aux, "prob")


def _outcome(fitted: Fitted) -> Array:
    """(n,) what was seen of a censored response; NaN for an interval."""
    y = fitted.rows.y
    return y[0] if len(y) == 3 else np.where(y[0] == y[1], y[0], np.nan)


def pearson(fitted: Fitted) -> Array:
    """Response minus mean over its standard deviation at dispersion 1."""
    rows = fitted.rows
    if fitted.family.reading in ("classes", "ordered"):
        p = _probabilities(fitted)
        return np.asarray(np.sqrt(rows.weight) * _ratio(_shares(fitted) - p, np.sqrt(p * (1 - p))))
    if not isinstance(fitted.given, MeanFamily):
        raise NotAvailableError(
            "Pearson residuals compare a response with its mean, and a censored response is not "
            "seen. resid_deviance has a value for every row."
        )
    mu = fitted.mu
    with np.errstate(all="ignore"):  # a row that counts nothing may have any mean
        deviation = np.sqrt(fitted.mean_family.variance(mu))
    values = _ratio(np.sqrt(rows.weight) * (rows.y - mu), deviation)
    which, score, information = _at_the_ends(fitted)
    values[which] = _ratio(score, np.sqrt(information))
    return values


def pearson_of_classes(fitted: Fitted) -> Array:
    """(n,) terms of Pearson's chi-square of classes, ``weight sum (y - p)**2 / p``."""
    p = _probabilities(fitted)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0.0, (_shares(fitted) - p) ** 2 / p, 0.0)
    return np.asarray(fitted.rows.weight * terms.sum(axis=0))


def deviance_of_classes(fitted: Fitted, p: Array) -> Array:
    """(n,) ``2 weight sum(y log(y / p))`` at (classes, n) probabilities."""
    y = _shares(fitted)
    return np.asarray(2.0 * fitted.rows.weight * special.rel_entr(y, p).sum(axis=0))


def working(fitted: Fitted) -> Array:
    """``(y - mu) / mu'(eta)``, the residual of the last weighted regression.

    For other families of one linear predictor the score in it over the expected information.
    """
    if not isinstance(fitted.given, MeanFamily):
        score, information = _in_eta(fitted, "working residuals")
        return _ratio(score, information)
    slope = fitted.mean_family.link.evaluate(fitted.eta, 1)[1]
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
    rows, family = fitted.rows, fitted.mean_family
    low, high = family.mean_range
    if (low, high) != (0.0, 1.0):
        return np.zeros(0, dtype=np.intp), np.zeros(0), np.zeros(0)
    which = np.flatnonzero(fitted.mu * (1.0 - fitted.mu) < _NEAR_AN_END)
    terms = adapt(family, 1.0).rows(
        rows.y[which], fitted.eta[None, which], np.zeros(0), rows.weight[which], Level.FISHER
    )
    assert terms.score is not None and terms.information is not None
    return which, terms.score[0], terms.information[0, 0]


def deviance(fitted: Fitted) -> Array:
    """Signed root of each row's share of the deviance.

    The sign is that of the response minus the mean, or of the score in the linear predictor; of
    unordered classes there is none.
    """
    rows = fitted.rows
    d = fitted.given.deviance_rows(rows.y, fitted.etas, fitted.aux, rows.weight)
    root = np.sqrt(np.maximum(d, 0.0))
    if isinstance(fitted.given, MeanFamily):
        return np.asarray(np.sign(rows.y - fitted.mu) * root)
    if fitted.family.k_eta > 1:
        return root
    return np.asarray(np.sign(_in_eta(fitted, "deviance residuals")[0]) * root)


def _in_eta(fitted: Fitted, what: str) -> tuple[Array, Array]:
    """(n,) score and expected information of the rows in their one linear predictor."""
    rows, family = fitted.rows, fitted.family
    if family.k_eta > 1:
        raise NotAvailableError(
            f"{what}: a family of several linear predictors has no single one. resid_response and "
            "resid_pearson have a column for every class."
        )
    terms = family.rows(rows.y, fitted.etas, fitted.aux, rows.weight, Level.FISHER)
    assert terms.score is not None and terms.information is not None
    return terms.score[0], terms.information[0, 0]


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
    if not isinstance(fitted.given, MeanFamily):
        raise NotAvailableError(
            f"Anscombe residuals have no closed form for the family {fitted.family.name}; "
            "resid_deviance is close to normal as well."
        )
    family = _with_trials(fitted.mean_family, trials)
    rows = fitted.rows
    try:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = family.resid_anscombe(
                rows.y, fitted.mu, var_weights=rows.weight / trials, scale=scale
            )
    except NotImplementedError:
        raise NotAvailableError(
            f"Anscombe residuals have no closed form for the family {fitted.mean_family.name}; "
            "resid_deviance is close to normal as well."
        ) from None
    # at the end of a range its formula is 0 / 0, whose limit is zero; without trials it is as well
    return np.where((rows.y == fitted.mu) | (trials == 0.0), 0.0, values)


def _with_trials(family: Family, trials: Array) -> Any:
    known = family.statsmodels
    if isinstance(known, Binomial):
        # statsmodels keeps the trials on the family object; the user's own is left as it was.
        known = copy.copy(known)
        known.n = trials
    return known
