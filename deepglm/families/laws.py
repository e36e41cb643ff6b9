"""Laws: how the log-likelihood of a row depends on scale and weight.

Every family of this package is written as ``weight / scale * unit(y, mu) + normaliser``, where the
unit log-likelihood does not involve the scale and the normaliser does not involve the mean. Where
the scale is estimated the unit is minus half the unit deviance, so that the derivatives in the log
scale need no others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy import special

from deepglm.families.contract import FloatArray
from deepglm.families.variance import Variance

__all__ = [
    "BinomialLaw",
    "ExtendedQuasiLaw",
    "GammaLaw",
    "GaussianLaw",
    "InverseGaussianLaw",
    "Law",
    "NegativeBinomialLaw",
    "PoissonLaw",
    "ScaleTerms",
    "TweedieLaw",
]

# value, first and second derivative of the normaliser's part in the log scale; numbers where they
# are the same for every row
ScaleTerms = tuple[FloatArray | float, FloatArray | float, FloatArray | float]

_LOG_2PI = float(np.log(2.0 * np.pi))
# From here on the asymptotic series of the gamma function has every digit, and direct differences
# of logarithms lose them.
_SERIES_FROM = 40.0


class Law(Protocol):
    """What the rest of the room asks of a law."""

    @property
    def exact(self) -> bool:
        """Whether the scale terms are those of a distribution."""

    def precision(self, weight: FloatArray, scale: float) -> FloatArray:
        """Return what multiplies the unit in a reported log-likelihood."""

    def unit(self, y: FloatArray, mu: FloatArray) -> FloatArray:
        """Return the log-likelihood of a row at unit scale and weight, without normaliser."""

    def normaliser(self, y: FloatArray, weight: FloatArray, scale: float) -> FloatArray:
        """Return the terms of the log-likelihood that do not involve the mean."""

    def data_terms(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the part of the normaliser that does not involve the scale."""

    def scale_terms(self, weight: FloatArray, log_scale: float, order: int) -> ScaleTerms:
        """Return the other part, with its derivatives in the log scale up to `order`."""


@dataclass(frozen=True)
class _ByDeviance:
    variance: Variance
    exact: bool = True

    def precision(self, weight: FloatArray, scale: float) -> FloatArray:
        """Return weight over scale."""
        return weight / scale

    def unit(self, y: FloatArray, mu: FloatArray) -> FloatArray:
        """Return minus half the unit deviance."""
        return -0.5 * self.variance.deviance(y, mu)

    def data_terms(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return half the log of the weight over 2 pi."""
        return np.asarray(0.5 * (np.log(weight) - _LOG_2PI))

    def scale_terms(self, weight: FloatArray, log_scale: float, order: int) -> ScaleTerms:
        """Return the terms of a Gaussian."""
        return -0.5 * log_scale, -0.5, 0.0

    def normaliser(self, y: FloatArray, weight: FloatArray, scale: float) -> FloatArray:
        """Return data and scale terms together."""
        return self.data_terms(y, weight) + self.scale_terms(weight, float(np.log(scale)), 0)[0]


@dataclass(frozen=True)
class GaussianLaw(_ByDeviance):
    """The normal law."""


@dataclass(frozen=True)
class ExtendedQuasiLaw(_ByDeviance):
    """Extended quasi-likelihood: a Gaussian in the signed root of the deviance.

    The log-likelihood is ``-weight d / (2 scale) - log(scale / weight) / 2 - log(2 pi) / 2``. The
    term ``-log(V(y)) / 2`` of Nelder and Pregibon is left out: it involves no parameter, and is
    infinite for a count of zero.
    """

    exact: bool = False


@dataclass(frozen=True)
class InverseGaussianLaw(_ByDeviance):
    """The inverse Gaussian, whose deviance is exactly chi-square."""

    def data_terms(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the terms in y and the weight."""
        return super().data_terms(y, weight) - 1.5 * np.log(y)


@dataclass(frozen=True)
class GammaLaw(_ByDeviance):
    """The gamma law of shape ``weight / scale``."""

    def data_terms(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return minus the log of the response."""
        return np.asarray(-np.log(y))

    def scale_terms(self, weight: FloatArray, log_scale: float, order: int) -> ScaleTerms:
        """Return the terms in the shape; once, where all rows share it."""
        first = weight[:1]
        common = bool(weight.size) and bool((weight == first).all())
        shape = (first if common else weight) * np.exp(-log_scale)
        terms = [_split(shape, *_GAMMA_TERMS[k]) for k in range(order + 1)]
        terms += [np.zeros(1)] * (2 - order)
        value, slope, curvature = [float(t[0]) for t in terms] if common else terms
        return value, slope, curvature


def _split(
    shape: FloatArray,
    direct: Callable[[FloatArray], FloatArray],
    series: Callable[[FloatArray], FloatArray],
) -> FloatArray:
    large = shape >= _SERIES_FROM
    if large.all():
        return series(shape)
    if not large.any():
        return direct(shape)
    result = np.empty_like(shape)
    result[large] = series(shape[large])
    result[~large] = direct(shape[~large])
    return result


def _tail_of_stirling(k: FloatArray) -> tuple[FloatArray, FloatArray]:
    inverse = 1.0 / k
    return inverse, inverse * inverse


def _value_direct(k: FloatArray) -> FloatArray:
    return np.asarray(k * np.log(k) - k - special.gammaln(k))


def _value_series(k: FloatArray) -> FloatArray:
    r, s = _tail_of_stirling(k)
    return np.asarray(
        0.5 * (np.log(k) - _LOG_2PI) - r * (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s / 1680)))
    )


def _slope_direct(k: FloatArray) -> FloatArray:
    return np.asarray(-k * (np.log(k) - special.digamma(k)))


def _slope_series(k: FloatArray) -> FloatArray:
    r, s = _tail_of_stirling(k)
    return np.asarray(-0.5 - r * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s / 240))))


def _curvature_direct(k: FloatArray) -> FloatArray:
    # The trigamma function is slow, and weights are often few distinct numbers.
    distinct, place = np.unique(k, return_inverse=True)
    trigamma = special.polygamma(1, distinct)[place.reshape(k.shape)]
    return np.asarray(k * (np.log(k) - special.digamma(k)) + k - k * k * trigamma)


def _curvature_series(k: FloatArray) -> FloatArray:
    r, s = _tail_of_stirling(k)
    return np.asarray(-r * (1 / 12 - s * (3 / 120 - s * (5 / 252 - s * 7 / 240))))


# k log k - k - log Gamma(k) and its derivatives in minus log k, each direct and as a series
_GAMMA_TERMS = (
    (_value_direct, _value_series),
    (_slope_direct, _slope_series),
    (_curvature_direct, _curvature_series),
)


@dataclass(frozen=True)
class TweedieLaw(ExtendedQuasiLaw):
    """A compound Poisson of gammas, power between 1 and 2.

    At a given scale this is the exact density, which statsmodels computes. Where the scale is
    estimated together with the mean, its derivatives are those of the extended quasi-likelihood.
    """

    statsmodels: Any = None

    def normaliser(self, y: FloatArray, weight: FloatArray, scale: float) -> FloatArray:
        """Return the exact terms: those of the density at a mean of one."""
        one = np.ones_like(y)
        density = self.statsmodels.loglike_obs(y, one, var_weights=weight, scale=scale * one)
        return np.asarray(density - weight / scale * self.unit(y, one))


@dataclass(frozen=True)
class _FixedScale:
    variance: Variance
    exact: bool = True

    def precision(self, weight: FloatArray, scale: float) -> FloatArray:
        """Return weight over scale."""
        return weight / scale

    def data_terms(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Refuse: the scale of this law is known."""
        raise NotImplementedError

    def scale_terms(self, weight: FloatArray, log_scale: float, order: int) -> ScaleTerms:
        """Refuse: the scale of this law is known."""
        raise NotImplementedError


def _log_factorial(y: FloatArray) -> FloatArray:
    """Log of the gamma function of ``y + 1``; of counts, computed once for each."""
    largest = float(y.max(initial=0.0))
    if largest < y.size and y.min(initial=0.0) >= 0.0:
        counts = y.astype(np.intp)
        if (counts == y).all():
            return np.asarray(special.gammaln(np.arange(1.0, largest + 2.0)).take(counts))
    return np.asarray(special.gammaln(y + 1.0))


@dataclass(frozen=True)
class PoissonLaw(_FixedScale):
    """Counts; a weight multiplies the log-likelihood of its row."""

    def unit(self, y: FloatArray, mu: FloatArray) -> FloatArray:
        """Return ``y log(mu) - mu``."""
        return np.asarray(special.xlogy(y, mu) - mu)

    def normaliser(self, y: FloatArray, weight: FloatArray, scale: float) -> FloatArray:
        """Return minus the log factorial."""
        return np.asarray(-weight / scale * _log_factorial(y))


@dataclass(frozen=True)
class NegativeBinomialLaw(_FixedScale):
    """Counts with variance ``mu + alpha mu**2``; alpha is known."""

    alpha: float = 1.0

    def unit(self, y: FloatArray, mu: FloatArray) -> FloatArray:
        """Return the log-likelihood without the binomial coefficient."""
        ratio = self.alpha * mu
        growth = np.log1p(ratio)
        return np.asarray(y * (np.log(ratio) - growth) - growth / self.alpha)

    def normaliser(self, y: FloatArray, weight: FloatArray, scale: float) -> FloatArray:
        """Return the log of the binomial coefficient, accurate for small alpha."""
        size = 1.0 / self.alpha
        return np.asarray(-weight / scale * (special.betaln(size, y + 1.0) + np.log(size + y)))


@dataclass(frozen=True)
class BinomialLaw(_FixedScale):
    """Proportions `y` of `weight` trials.

    The binomial coefficient is that of ``weight * y`` successes, by the gamma function where
    they are not whole. A scale other than one multiplies variances but, as in statsmodels, leaves
    the reported log-likelihood that of the binomial.
    """

    def precision(self, weight: FloatArray, scale: float) -> FloatArray:
        """Return the number of trials."""
        return weight

    def unit(self, y: FloatArray, mu: FloatArray) -> FloatArray:
        """Return the log-likelihood of one trial."""
        return np.asarray(special.xlogy(y, mu) + special.xlog1py(1.0 - y, -mu))

    def normaliser(self, y: FloatArray, weight: FloatArray, scale: float) -> FloatArray:
        """Return the log of the binomial coefficient."""
        if (weight == 1.0).all() and ((y == 0.0) | (y == 1.0)).all():
            return np.zeros(y.shape)
        successes, failures = weight * y, weight * (1.0 - y)
        return np.asarray(-special.betaln(successes + 1.0, failures + 1.0) - np.log1p(weight))
