"""Predicted rows in statsmodels' classes, with standard errors from the joint covariance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from statsmodels.base._prediction_inference import (
    PredictionResultsBase,
    PredictionResultsDelta,
    PredictionResultsMean,
    PredictionResultsMonotonic,
)
from statsmodels.stats._delta_method import NonlinearDeltaCov

from deepglm.errors import NotAvailableError
from deepglm.families import Family
from deepglm.inference import estimable, prediction
from deepglm.inference.fitted import Array

__all__ = ["AtRows", "at_rows", "mean_results", "statistic_results"]


@dataclass(frozen=True)
class AtRows:
    """Linear predictors of rows with what their covariance needs.

    Parameters
    ----------
    family
        Y given eta.
    eta
        (m,) linear predictors.
    jacobian
        (free, m) their derivatives by the free coefficients.
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
    eta: Array
    jacobian: Array
    cov: Array
    theta: Array
    scale: float
    tests: tuple[str, float]
    labels: Any

    @property
    def eta_variance(self) -> Array:
        """(m,) variances of the linear predictors."""
        return prediction.quadratic_form(self.jacobian, self.cov)


class _OrderedMean(PredictionResultsMean):  # type: ignore[misc,unused-ignore]
    """Intervals with their lower end first, for decreasing inverse links too."""

    def conf_int(self, method: str = "endpoint", alpha: float = 0.05, **kwds: Any) -> Array:
        return np.sort(super().conf_int(method=method, alpha=alpha, **kwds), axis=1)


class _OrderedMonotonic(PredictionResultsMonotonic):  # type: ignore[misc,unused-ignore]
    """The same for the generic class."""

    def conf_int(self, method: str = "endpoint", alpha: float = 0.05, **kwds: Any) -> Array:
        return np.sort(super().conf_int(method=method, alpha=alpha, **kwds), axis=1)


def at_rows(results: Any, designs: Sequence[Array], offset: Array, labels: Any) -> AtRows:
    """Evaluate rows and their derivatives; NaN where the data do not determine the mean."""
    numbers, estimate, model = results._numbers, results._estimate, results._model
    if results._robust is None:
        raise NotAvailableError(
            f"get_prediction: {numbers.withheld}. predict() gives the mean without them."
        )
    J = prediction.eta_jacobian(model.predictor, estimate.theta, designs)
    if estimate.aliased.any():
        inside = estimable(J.T, estimate.free, estimate.aliased, numbers.aliasing)
        J = np.where(inside, J, np.nan)
    return AtRows(
        numbers.fitted.family,
        prediction.linear(model.predictor, estimate.theta, designs, offset),
        J[estimate.free],
        results._robust.cov,
        estimate.theta[estimate.free],
        results.scale,
        ("t" if results.use_t else "norm", results.df_resid_inference),
        labels,
    )


def _linear(at: AtRows) -> PredictionResultsBase:
    dist, df = at.tests
    return PredictionResultsBase(at.eta, at.eta_variance, df=df, dist=dist, row_labels=at.labels)


def mean_results(at: AtRows) -> PredictionResultsMean:
    """The mean with its standard error, as ``GLMResults.get_prediction()`` gives it."""
    mu, slope = at.family.link.evaluate(at.eta, 1)
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
    """A statistic of the rows, or its average, in statsmodels' generic classes."""
    values = prediction.statistic(at.family, at.eta, which)
    if which == "linear" and not average:
        return _linear(at)
    slope = prediction.statistic_slope(at.family, at.eta, which)
    dist, df = at.tests
    if which == "mean" and not average:
        return _OrderedMonotonic(
            values,
            slope**2 * at.eta_variance,
            linpred=at.eta,
            linpred_se=np.sqrt(at.eta_variance),
            func=at.family.link.inverse,
            deriv=at.family.link.deriv1,
            df=df,
            dist=dist,
            row_labels=at.labels,
        )
    G = (at.jacobian * slope).T
    if average:
        w = np.broadcast_to(
            1.0 if weights is None else np.asarray(weights, dtype=float), values.shape
        )
        values, G = np.atleast_1d((values * w).mean()), (G * w[:, None]).mean(axis=0)[None, :]
    delta = NonlinearDeltaCov(lambda p: values, at.theta, at.cov, deriv=lambda p: G)
    labels = None if average else at.labels
    return PredictionResultsDelta(delta, df=df, dist=dist, row_labels=labels)
