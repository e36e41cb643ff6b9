"""Families of one mean and one scale: every GLM family, from a kernel, a variance and a law."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from deepglm.errors import DataError
from deepglm.families.contract import FloatArray, Level, MeanFamily, RowTerms
from deepglm.families.kernels import Kernel, UnitTerms
from deepglm.families.laws import Law
from deepglm.families.variance import Variance

__all__ = ["DispersionFamily"]

# A scale beyond exp(230) = 1e100 is a step that went astray, and is refused like any other.
_LARGEST_LOG_SCALE = 230.0


@dataclass(frozen=True, kw_only=True)
class DispersionFamily(MeanFamily):
    """A family with ``Var(y) = scale * V(mu) / weight``.

    Parameters
    ----------
    variance_function : Variance
        ``V``, with its deviance and the values that a response may take.
    law : Law
        How the log-likelihood depends on scale and weight.
    kernel : Kernel
        The log-likelihood of a row in eta at unit scale and weight.

    Notes
    -----
    The log scale, where it is estimated, is exact for the Gaussian, gamma and inverse Gaussian
    laws. For Tweedie and quasi families ``exact_scale`` is False and the log scale enters by the
    extended quasi-likelihood ``-weight d / (2 scale) - log(scale) / 2`` of Nelder and Pregibon
    (1987), whose maximum is the mean deviance.
    """

    variance_function: Variance
    law: Law
    kernel: Kernel

    @property
    def exact_scale(self) -> bool:
        """Whether derivatives in the log scale are those of a distribution."""
        return self.law.exact

    def with_scale(self, scale: float) -> DispersionFamily:
        """Return this family with the scale held fixed."""
        return replace(self, scale=scale, aux_names=())

    def rows(
        self,
        y: FloatArray,
        eta: FloatArray,
        aux: FloatArray,
        weight: FloatArray,
        level: Level,
        constant: FloatArray | None = None,
    ) -> RowTerms:
        """Return log-likelihood, score and information of each row (see `Family`)."""
        if constant is None:
            constant = self.constant(y, weight)
        terms = self.kernel(y, _only_predictor(eta), level)
        if self.scale is None:
            return self._estimated_scale(terms, float(aux[0]), weight, level, constant)
        precision = weight if self.scale == 1.0 else weight / self.scale
        return _known_scale(terms, precision, constant)

    def _estimated_scale(
        self,
        terms: UnitTerms,
        log_scale: float,
        weight: FloatArray,
        level: Level,
        constant: FloatArray,
    ) -> RowTerms:
        if abs(log_scale) > _LARGEST_LOG_SCALE:
            log_scale, terms = 0.0, terms._replace(outside=np.ones(weight.shape, dtype=bool))
        precision = weight * float(np.exp(-log_scale))
        order = 0 if level is Level.VALUE else 1 if level is Level.SCORE else 2
        base, slope, curvature = self.law.scale_terms(weight, log_scale, order)
        fit = terms.value
        fit *= precision
        value = fit + base
        value += constant
        score = information = None
        if terms.score is not None:
            score = np.empty((2, fit.size), fit.dtype)
            np.multiply(terms.score, precision, out=score[0])
            np.subtract(slope, fit, out=score[1])
        if terms.information is not None and score is not None:
            information = np.empty((2, 2, fit.size), fit.dtype)
            np.multiply(terms.information, precision, out=information[0, 0])
            # The score in eta is proportional to 1 / scale, and zero on average.
            cross = score[0] if level is Level.OBSERVED else 0.0
            information[0, 1] = information[1, 0] = cross
            other = fit if level is Level.OBSERVED else slope
            np.negative(np.add(other, curvature, out=information[1, 1]), out=information[1, 1])
        return _refused(value, score, information, terms)

    def constant(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the terms of the log-likelihood that involve no parameter, row by row."""
        if self.scale is not None:
            return self.law.normaliser(y, weight, self.scale)
        empty = np.flatnonzero(~(weight > 0.0))
        if empty.size:
            raise DataError(
                f"row {empty[0]} has weight {weight[empty[0]]}: with an estimated scale every row "
                f"counts as an observation, so its weight must be positive. Leave the row out."
            )
        return self.law.data_terms(y, weight)

    def loglike_rows(
        self, y: FloatArray, eta: FloatArray, scale: float, weight: FloatArray
    ) -> FloatArray:
        """Return each row's complete log-likelihood at a given scale.

        Notes
        -----
        The definitions are those of statsmodels' ``loglike_obs``, with two differences: a weighted
        binomial includes its binomial coefficient (its weight is the number of trials), and a
        Tweedie of a power for which statsmodels has no density, like a quasi family, gives the
        extended quasi-likelihood.
        """
        terms = self.kernel(y, _only_predictor(eta), Level.VALUE)
        precision = self.law.precision(weight, scale)
        return _known_scale(terms, precision, self.law.normaliser(y, weight, scale)).value

    @property
    def mean_range(self) -> tuple[float, float]:
        """Open interval in which the means lie."""
        return self.variance_function.means

    def start_eta(self, y: FloatArray, weight: FloatArray, level: FloatArray) -> FloatArray:
        """Return one row of linear predictors from which scoring may start.

        Parameters
        ----------
        y, weight : ndarray of shape (m,)
            Responses and weights.
        level : ndarray of shape (1,)
            What :meth:`start_level` says of all responses, where `y` is a block of them.

        Notes
        -----
        The means are statsmodels': halfway between each response and the overall mean; for
        proportions the response after half a success and half a failure more, and the overall mean
        for the Gaussian. A row for which the link has no such mean starts at the overall mean.
        """
        overall = float(self.link.inverse(level)[0])
        eta = self.link.link(self.variance_function.start(y, weight, overall))
        return np.where(np.isfinite(eta), eta, level)[np.newaxis]

    def start_aux(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the log of the Pearson dispersion around the overall mean, if it is estimated."""
        if not self.aux_names:
            return np.empty(0)
        mu = np.atleast_1d(np.average(y, weights=weight))
        with np.errstate(all="ignore"):
            dispersion = float(np.mean(weight * (y - mu) ** 2 / self.variance(mu)))
        usable = np.isfinite(dispersion) and dispersion > 0.0
        return np.array([np.log(dispersion) if usable else 0.0])

    def check_response(self, y: FloatArray, name: str, labels: Any = None) -> None:
        """Raise DataError for a response that this family cannot have produced.

        Parameters
        ----------
        y : ndarray of shape (n,)
            The response.
        name : str
            What the message calls it.
        labels : sequence, optional
            What it calls the rows; by default their numbers.
        """
        support = self.variance_function.support
        wrong = np.flatnonzero(~support.contains(y))
        if wrong.size:
            row = int(wrong[0]) if labels is None else labels[wrong[0]]
            row = row.item() if isinstance(row, np.generic) else row
            raise DataError(
                f"response {name!r} has the value {y[wrong[0]]} in row {row!r}"
                f"{_and_others(wrong.size)}; the {self.name} family needs {support.words}. "
                f"Correct or leave out these rows, or choose a family for such values."
            )

    def mean(self, eta: FloatArray) -> FloatArray:
        """Return the mean of each row; `eta` has shape (1, m) or (m,)."""
        return self.link.inverse(_only_predictor(eta))

    def variance(self, mu: FloatArray) -> FloatArray:
        """Return the variance function at the mean, without scale and weight."""
        return self.variance_function(mu)

    def unit_deviance(self, y: FloatArray, mu: FloatArray, weight: FloatArray) -> FloatArray:
        """Return each row's share of the unscaled deviance, `weight` included.

        A row is infinite where `mu` is impossible.
        """
        low, high = self.variance_function.means
        with np.errstate(all="ignore"):
            deviance = weight * self.variance_function.deviance(y, mu)
        deviance[np.isnan(deviance) | (mu < low) | (mu > high)] = np.inf
        return deviance


def _only_predictor(eta: FloatArray) -> FloatArray:
    return eta if eta.ndim == 1 else eta[0]


def _and_others(count: int) -> str:
    return "" if count == 1 else f", and {count - 1} more rows like it"


def _known_scale(terms: UnitTerms, precision: FloatArray, constant: FloatArray) -> RowTerms:
    value = terms.value
    value *= precision
    value += constant
    score = information = None
    if terms.score is not None:
        score = np.multiply(terms.score, precision, out=terms.score)[np.newaxis]
    if terms.information is not None:
        information = np.multiply(terms.information, precision)[np.newaxis, np.newaxis]
    return _refused(value, score, information, terms)


def _refused(
    value: FloatArray, score: FloatArray | None, information: FloatArray | None, terms: UnitTerms
) -> RowTerms:
    """Rows outside the range have no likelihood, and derivatives that cannot spread NaN."""
    if terms.outside is not None:
        value[terms.outside] = -np.inf
        for part in (score, information):
            if part is not None:
                part[..., terms.outside] = 0.0
    return RowTerms(value, score, information)
