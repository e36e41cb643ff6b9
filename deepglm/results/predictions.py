"""Predicted rows in statsmodels' classes, with what their uncertainty allows to say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import special
from statsmodels.base._prediction_inference import (
    PredictionResultsBase,
    PredictionResultsDelta,
    PredictionResultsMean,
    PredictionResultsMonotonic,
)

from deepglm.errors import probability
from deepglm.families import Family, MeanFamily
from deepglm.inference import prediction
from deepglm.inference.fitted import Array, Mask
from deepglm.inference.mixture import (
    Interval,
)
from deepglm.inference.prediction import PROBABILITIES, Points
from deepglm.inference.uncertainty import Functional, Uncertainty
from deepglm.links import get
from deepglm.results.around import Around

__all__ = ["Asked", "Prediction", "average_results", "mean_results", "statistic_results"]


@dataclass(frozen=True, eq=False)
class Asked:
    """Rows that are to be predicted.

    Parameters
    ----------
    points
        The rows.
    family
        Y given eta, its auxiliary parameters known where that is a family with a mean.
    theta
        (size,) estimates.
    known
        (m,) whether the data determine the row's linear predictors.
    uncertainty
        How far functions of the fit are from the truth; None where that cannot be said.
    why_not
        Why it cannot.
    tests
        ("norm" or "t", degrees of freedom).
    labels
        Labels of the rows.
    beyond
        To (m,) whether the rows have more leverage than any row of the fit.
    """

    points: Points
    family: Family
    theta: Array
    known: Mask
    uncertainty: Uncertainty | None
    why_not: str
    tests: tuple[str, float]
    labels: Any
    beyond: Callable[[], Mask]

    def values(self, which: str) -> Array:
        """(m, S) statistic of the rows."""
        return self.points.values(which, self.theta)

    def variances(self, which: str) -> Array:
        """(m, S) variances, of logits for probabilities; NaN where nothing can be said."""
        if self.uncertainty is None:
            return np.full(self.values(which).shape, np.nan)
        found = prediction.variances(self.uncertainty, self.points, which)
        return np.where(self.known[:, None], found, np.nan)

    def variance_of(self, f: Functional, size: int) -> Array:
        """(size,) variances of an average over the rows."""
        if self.uncertainty is None or not self.known.all():
            return np.full(size, np.nan)
        return self.uncertainty.errors(f) ** 2

    @property
    def options(self) -> dict[str, Any]:
        """Keywords that all classes of statsmodels take."""
        dist, df = self.tests
        return {"df": df, "dist": dist, "row_labels": self.labels}


class _Stated:
    """What a prediction says beside its numbers."""

    method: str | None = None
    """"delta" or "bootstrap": where standard errors come from; None where there are none."""

    withheld: str = ""
    """Why there are no standard errors; empty where there are."""

    _beyond: Callable[[], Mask] | None = None

    @property
    def extrapolated(self) -> Mask:
        """(m,) rows with more leverage than any row of the fit: the model is extended there."""
        return np.zeros(0, dtype=bool) if self._beyond is None else self._beyond()

    def summary_frame(self, alpha: float = 0.05) -> pd.DataFrame:
        """Return all numbers by name; ``attrs`` of the frame say where they come from."""
        frame: pd.DataFrame = super().summary_frame(alpha=probability("alpha", alpha))  # type: ignore[misc]
        frame.attrs.update(method=self.method, withheld=self.withheld)
        return frame

    def conf_int(self, method: str = "endpoint", alpha: float = 0.05, **kwds: Any) -> Array:
        """Return (m, 2) confidence limits, the lower one first for decreasing inverse links too."""
        level = probability("alpha", alpha)
        return np.sort(super().conf_int(method=method, alpha=level, **kwds), axis=1)  # type: ignore[misc]

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on the numbers."""
        if self.withheld:
            found = f"No standard errors: {self.withheld.removeprefix('no standard errors: ')}."
        else:
            found = f"Standard errors by the {_METHODS[str(self.method)]}."
        far = int(self.extrapolated.sum())
        if not far:
            return (found,)
        rows = "1 row has" if far == 1 else f"{far} rows have"
        return (found, f"Extrapolation: {rows} more leverage than any row of the fit.")

    def __str__(self) -> str:
        return "\n".join((self.summary_frame().to_string(), "", *self.notes))


_METHODS = {"delta": "delta method", "bootstrap": "bootstrap (refits to resampled rows)"}


class _Linear(_Stated, PredictionResultsBase):  # type: ignore[misc,unused-ignore]
    """statsmodels' class with limits on the scale of the numbers themselves."""


class _Delta(_Stated, PredictionResultsDelta):  # type: ignore[misc,unused-ignore]
    """The same for averages and for statistics that are no monotonic function of eta."""


class _Monotonic(_Stated, PredictionResultsMonotonic):  # type: ignore[misc,unused-ignore]
    """statsmodels' class with limits taken through a function."""


class Prediction(_Stated, PredictionResultsMean):  # type: ignore[misc,unused-ignore]
    """Means of rows with confidence intervals, and prediction intervals of responses.

    Attributes
    ----------
    method
        "delta" or "bootstrap": where standard errors come from; None where there are none.
    withheld
        Why there are none; empty where there are.
    obs_withheld
        Why there are no prediction intervals; empty where there are.
    notes
        These as sentences, and what the intervals are about.
    """

    _around: Around | None = None
    _eta: Array
    _eta_error: Array
    obs_withheld: str = ""

    def conf_int(
        self, method: str = "endpoint", alpha: float = 0.05, obs: bool = False, **kwds: Any
    ) -> Array:
        """Return (m, 2) limits.

        Parameters
        ----------
        method
            "endpoint" takes the limits of the linear predictor through the inverse link, "delta"
            is symmetric around the mean.
        alpha
            Probability outside, between 0 and 1.
        obs
            Whether the limits are for responses in place of means, as in statsmodels' OLS.
        """
        if obs:
            found = self.prediction_interval(alpha)
            return np.column_stack((found.lower, found.upper))
        return super().conf_int(self._method_for(method), alpha, **kwds)

    def _method_for(self, method: str) -> str:
        return "delta" if method == "endpoint" and self.link.name == "identity" else method

    def prediction_interval(self, alpha: float = 0.05) -> Interval:
        """Return limits for responses, and the probability of a response between them.

        Parameters
        ----------
        alpha
            Probability outside, between 0 and 1.
        """
        alpha = probability("alpha", alpha)
        if self._around is None:
            return Interval(*(np.full(len(self.predicted), np.nan) for _ in range(3)))
        return self._around.interval(self._eta, self._eta_error, alpha)

    def summary_frame(self, alpha: float = 0.05) -> pd.DataFrame:
        """Return the numbers by name.

        Parameters
        ----------
        alpha
            Probability outside of the intervals, between 0 and 1.

        Returns
        -------
        DataFrame
            ``mean``, ``mean_se``, ``mean_ci_lower``, ``mean_ci_upper``; ``obs_ci_lower`` and
            ``obs_ci_upper``, between which a new response lies with a probability of at least
            ``1 - alpha``; and ``obs_ci_prob``, that probability, for responses of which single
            values may have one. ``attrs`` say where the numbers come from, and why some are
            missing.
        """
        frame = super().summary_frame(alpha)
        found = self.prediction_interval(alpha)
        frame["obs_ci_lower"], frame["obs_ci_upper"] = found.lower, found.upper
        if self._around is not None and self._around.has_mass:
            frame["obs_ci_prob"] = found.probability
        frame.attrs["obs_withheld"] = self.obs_withheld
        return frame

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on the numbers."""
        if self.withheld:
            return super().notes
        if self.obs_withheld:
            return (*super().notes, f"No prediction intervals: {self.obs_withheld}.")
        return (*super().notes, *_ABOUT)


_ABOUT = (
    "mean_ci is for the mean of rows with these inputs, obs_ci for a new response of such a row.",
    "Both take the model and its family as given.",
)


class _Values(NamedTuple):
    """Estimates and variances as statsmodels' delta class asks for them."""

    estimates: Array
    variances: Array

    def predicted(self) -> Array:
        return self.estimates

    def var(self) -> Array:
        return self.variances


def _stated(result: Any, asked: Asked) -> Any:
    """A prediction that says where its standard errors come from."""
    result.method = None if asked.uncertainty is None else asked.uncertainty.name
    result.withheld = asked.why_not
    result._beyond = asked.beyond
    return result


def mean_results(asked: Asked, around: Around | None, why_not: str) -> Prediction:
    """The mean with its standard error and prediction intervals.

    Parameters
    ----------
    asked
        The rows.
    around
        What prediction intervals need; None where there are none.
    why_not
        Why there are none.
    """
    eta, eta_variance = asked.values("linear")[:, 0], asked.variances("linear")[:, 0]
    family = asked.family
    if isinstance(family, MeanFamily):
        mu, slope = family.link.evaluate(eta, 1)
        variance, link = slope**2 * eta_variance, family.link
    else:  # the mean is no function of eta alone, and its limits are symmetric
        which = prediction.accepted(family, None)
        mu, variance = asked.values(which)[:, 0], asked.variances(which)[:, 0]
        link = get("identity", "link")
    linear = _stated(_Linear(eta, eta_variance, **asked.options), asked)
    result = Prediction(mu, variance, linpred=linear, link=link, **asked.options)
    result._around, result.obs_withheld = around, why_not or asked.why_not
    result._eta, result._eta_error = eta, np.sqrt(eta_variance)
    _stated(result, asked)
    return result


def statistic_results(asked: Asked, which: str) -> PredictionResultsBase:
    """A statistic of the rows in statsmodels' generic classes.

    A statistic of several values, such as the probabilities of classes, has a line for each: the
    labels are pairs of a row and a class.
    """
    names = asked.family.statistic_labels(which)
    options = asked.options
    if names:
        options["row_labels"] = pd.MultiIndex.from_product([asked.labels, names])
    values, variances = asked.values(which), asked.variances(which)
    if which in PROBABILITIES:
        return _stated(_between_zero_and_one(values, variances, options), asked)
    if which == "mean" and isinstance(asked.family, MeanFamily):
        return _stated(_monotonic(asked, options), asked)
    values, variances = values.reshape(-1), variances.reshape(-1)
    if which == "linear" and not names:
        return _stated(_Linear(values, variances, **options), asked)
    return _stated(_Delta(_Values(values, variances), **options), asked)


def _no_rows() -> Mask:
    return np.zeros(0, dtype=bool)


def average_results(asked: Asked, which: str, weights: Any, share: Array) -> PredictionResultsBase:
    """A statistic averaged over the rows.

    Parameters
    ----------
    asked
        The rows.
    which
        The statistic.
    weights
        (m,) weights of the rows, a number, None, or "population".
    share
        (n,) share of every row in the fit, for the population.
    """
    points, names = asked.points, asked.family.statistic_labels(which)
    if isinstance(weights, str):
        f = points.population(which, share)
    else:
        w = np.broadcast_to(1.0 if weights is None else weights, (points.m,))
        share = w / points.m
        f = points.average(which, share)
    values = np.asarray(f.value(asked.theta, share)).reshape(-1)
    variances = asked.variance_of(f, len(values))
    options = asked.options | {"row_labels": list(names) or None}
    asked = replace(asked, beyond=_no_rows)
    if which in PROBABILITIES:
        with np.errstate(divide="ignore", invalid="ignore"):
            variances = variances / (values * (1.0 - values)) ** 2
        return _stated(_between_zero_and_one(values, variances, options), asked)
    return _stated(_Delta(_Values(values, variances), **options), asked)


def _between_zero_and_one(p: Array, variances: Array, options: dict[str, Any]) -> _Monotonic:
    """Intervals on the scale of the logit, so that their ends are probabilities."""
    p, variances = p.reshape(-1), variances.reshape(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        logit = special.logit(p)
    return _Monotonic(
        p,
        (p * (1.0 - p)) ** 2 * variances,
        linpred=logit,
        linpred_se=np.sqrt(variances),
        func=special.expit,
        deriv=lambda x: special.expit(x) * special.expit(-x),
        **options,
    )


def _monotonic(asked: Asked, options: dict[str, Any]) -> _Monotonic:
    eta, variance = asked.values("linear")[:, 0], asked.variances("linear")[:, 0]
    assert isinstance(asked.family, MeanFamily)
    link = asked.family.link
    mu, slope = link.evaluate(eta, 1)
    return _Monotonic(
        mu,
        slope**2 * variance,
        linpred=eta,
        linpred_se=np.sqrt(variance),
        func=link.inverse,
        deriv=link.deriv1,
        **options,
    )
