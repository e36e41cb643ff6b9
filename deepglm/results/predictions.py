"""Predicted rows in statsmodels' classes, with standard errors from the joint covariance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special
from statsmodels.base._prediction_inference import (
    PredictionResultsBase,
    PredictionResultsDelta,
    PredictionResultsMean,
    PredictionResultsMonotonic,
)
from statsmodels.stats._delta_method import NonlinearDeltaCov

from deepglm.errors import NotAvailableError
from deepglm.families import Family, MeanFamily
from deepglm.inference import estimable, prediction
from deepglm.inference.fitted import Array

PROBABILITIES = ("prob", "cumprob", "prob_uncensored")

__all__ = ["AtRows", "at_rows", "mean_results", "statistic_results"]


@dataclass(frozen=True)
class AtRows:
    """Linear predictors of rows with what their covariance needs.

    Parameters
    ----------
    family
        Y given eta, its auxiliary parameters known where that is a family with a mean.
    whole
        Y given eta and the auxiliary parameters.
    eta
        (k_eta, m) linear predictors.
    level, level_slopes
        What a linear predictor is reported without, and its (free,) derivatives.
    aux
        Auxiliary parameters other than a dispersion.
    jacobian
        (channels, free, m) derivatives of linear predictors and auxiliary parameters by the free
        parameters.
    cov
        (free, free) covariance of those.
    theta
        (free,) estimates.
    scale
        Dispersion.
    tests
        ("norm" or "t", degrees of freedom).
    labels
        Labels of the rows.
    """

    family: Family
    whole: Family
    eta: Array
    level: float
    level_slopes: Array
    aux: Array
    jacobian: Array
    cov: Array
    theta: Array
    scale: float
    tests: tuple[str, float]
    labels: Any

    @property
    def eta_variance(self) -> Array:
        """(m,) variances of the linear predictor, of a family that has one."""
        return prediction.quadratic_form(self.jacobian[0] - self.level_slopes[:, None], self.cov)


class _OrderedMean(PredictionResultsMean):  # type: ignore[misc,unused-ignore]
    """Intervals with their lower end first, for decreasing inverse links too."""

    def conf_int(self, method: str = "endpoint", alpha: float = 0.05, **kwds: Any) -> Array:
        return np.sort(super().conf_int(method=method, alpha=alpha, **kwds), axis=1)


class _OrderedMonotonic(PredictionResultsMonotonic):  # type: ignore[misc,unused-ignore]
    """The same for the generic class."""

    def conf_int(self, method: str = "endpoint", alpha: float = 0.05, **kwds: Any) -> Array:
        return np.sort(super().conf_int(method=method, alpha=alpha, **kwds), axis=1)


def at_rows(
    results: Any, family: Family, designs: Sequence[Array], offset: Array, labels: Any
) -> AtRows:
    """Evaluate rows and their derivatives; NaN where the data do not determine the mean."""
    numbers, estimate, model = results._numbers, results._estimate, results._model
    if results._robust is None:
        raise NotAvailableError(
            f"get_prediction: {numbers.withheld}. predict() gives the mean without them."
        )
    J = prediction.channels(model.predictor, estimate.theta, designs)
    if estimate.aliased.any():
        known = [
            estimable(one.T, estimate.free, estimate.aliased, numbers.aliasing)
            for one in J[: model.predictor.k_eta]
        ]
        J = np.where(np.all(known, axis=0), J, np.nan)
    fitted = numbers.fitted
    return AtRows(
        family,
        family if fitted.given is fitted.family else fitted.family,
        prediction.linear(model.predictor, estimate.theta, designs, offset),
        numbers.level,
        numbers.level_slopes[estimate.free],
        fitted.aux,
        J[:, estimate.free],
        results._robust.cov,
        estimate.theta[estimate.free],
        results.scale,
        ("t" if results.use_t else "norm", results.df_resid_inference),
        labels,
    )


def _linear(at: AtRows) -> PredictionResultsBase:
    dist, df = at.tests
    linear = at.eta[0] - at.level
    return PredictionResultsBase(linear, at.eta_variance, df=df, dist=dist, row_labels=at.labels)


def mean_results(at: AtRows) -> PredictionResultsMean:
    """The mean with its standard error, as ``GLMResults.get_prediction()`` gives it."""
    mu, slope = at.family.link.evaluate(at.eta[0], 1)
    dist, df = at.tests
    return _OrderedMean(
        mu,
        slope**2 * at.eta_variance,
        at.scale,
        df=df,
        dist=dist,
        row_labels=at.labels,
        linpred=_linear(at),
        link=at.family.link,
    )


def statistic_results(at: AtRows, which: str, average: bool, weights: Any) -> PredictionResultsBase:
    """A statistic of the rows, or its average, in statsmodels' generic classes.

    A statistic of several values, such as the probabilities of classes, has a line for each: the
    labels are pairs of a row and a class.
    """
    single = at.family.k_eta == 1
    if which == "linear" and single and not average:
        return _linear(at)
    if which == "mean" and isinstance(at.family, MeanFamily) and not average:
        return _monotonic(at)
    values, G = _with_derivatives(at, which)
    if which == "linear":
        values, G = values - at.level, G - at.level_slopes
    names = at.family.statistic_labels(which)
    labels: Any = at.labels
    if average:
        w = np.broadcast_to(
            1.0 if weights is None else np.asarray(weights, dtype=float), values.shape[-1:]
        )
        values, G = (values * w).mean(axis=-1), (G * w[..., None]).mean(axis=-2)
        labels = list(names) or None
    elif names:
        labels = pd.MultiIndex.from_product([at.labels, names])
        values, G = values.T, G.swapaxes(0, 1)
    values, G = values.reshape(-1), G.reshape(-1, G.shape[-1])
    dist, df = at.tests
    if which in PROBABILITIES:
        return _between_zero_and_one(values, G, at, labels)
    delta = NonlinearDeltaCov(lambda p: values, at.theta, at.cov, deriv=lambda p: G)
    return PredictionResultsDelta(delta, df=df, dist=dist, row_labels=labels)


def _between_zero_and_one(
    values: Array, G: Array, at: AtRows, labels: Any
) -> PredictionResultsMonotonic:
    """Intervals on the scale of the logit, so that their ends are probabilities."""
    dist, df = at.tests
    variance = np.einsum("mj,jk,mk->m", G, at.cov, G)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(variance) / (values * (1.0 - values))
        logit = special.logit(values)
    return _OrderedMonotonic(
        values,
        variance,
        linpred=logit,
        linpred_se=error,
        func=special.expit,
        deriv=lambda x: special.expit(x) * special.expit(-x),
        df=df,
        dist=dist,
        row_labels=labels,
    )


def _with_derivatives(at: AtRows, which: str) -> tuple[Array, Array]:
    """(m,) or (S, m) statistic, and (..., m, free) derivatives."""
    values = prediction.statistic(at.family, at.eta, at.aux, which)
    slopes = at.whole.statistic_slopes(which, at.eta, at.aux)
    return values, np.einsum("...cm,cjm->...mj", slopes, at.jacobian)


def _monotonic(at: AtRows) -> PredictionResultsMonotonic:
    mu, slope = at.family.link.evaluate(at.eta[0], 1)
    dist, df = at.tests
    return _OrderedMonotonic(
        mu,
        slope**2 * at.eta_variance,
        linpred=at.eta[0],
        linpred_se=np.sqrt(at.eta_variance),
        func=at.family.link.inverse,
        deriv=at.family.link.deriv1,
        df=df,
        dist=dist,
        row_labels=at.labels,
    )
