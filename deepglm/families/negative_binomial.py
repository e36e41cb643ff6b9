"""The negative binomial whose alpha is estimated together with the mean.

With ``r = 1 / alpha`` and ``m = alpha mu`` the log-likelihood of a row is

    S(y) - log y! + y log(mu) - (y + r) log(1 + m),   S(y) = sum over j < y of log(1 + alpha j).

The sum is a difference of log-gamma functions, which says what it is for any ``y``. Its
derivatives, and those of the rest, are written so that they keep their digits as alpha goes to
zero, where the terms of both cancel down to the square of ``alpha mu``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import Chebyshev
from scipy import special
from statsmodels.genmod import families as sm_families

from deepglm.families.contract import Family, FloatArray, Level, RowTerms
from deepglm.families.dispersion import DispersionFamily
from deepglm.families.estimated import EstimatedFamily
from deepglm.families.laws import PoissonLaw
from deepglm.families.variance import PowerVariance
from deepglm.links import get

__all__ = ["NegativeBinomial", "NegativeBinomialFamily"]

# An alpha beyond exp(230) = 1e100 is a step that went astray, and is refused like any other.
_LARGEST_LOG_ALPHA = 230.0
# From here on Stirling's series of the gamma function has every digit.
_SERIES_FROM = 40.0
# Below it the expected information is a series in alpha, and above it an integral.
_SMALL_ALPHA = 1e-3
_PANEL, _DEGREE = 2.0, 15
_COUNTS = PoissonLaw(PowerVariance(1.0))
_SOFTPLUS = get("softplus")


class NegativeBinomial(sm_families.NegativeBinomial):  # type: ignore[misc,unused-ignore]
    """Counts with variance ``mu + alpha mu**2``: statsmodels' family, or with alpha estimated.

    Parameters
    ----------
    link : statsmodels link, optional
        The link; by default the log.
    alpha : float, optional
        A known alpha. By default alpha is estimated together with the coefficients.
    check_link : bool
        Whether statsmodels checks that the link suits the family.

    Attributes
    ----------
    estimated : bool
        Whether alpha is estimated. The attribute ``alpha`` is then 1, and stands for nothing.

    Examples
    --------
    >>> NegativeBinomial().estimated, NegativeBinomial(alpha=0.5).estimated
    (True, False)
    """

    def __init__(
        self, link: Any = None, alpha: float | None = None, check_link: bool = True
    ) -> None:
        self.estimated = alpha is None
        super().__init__(link, 1.0 if alpha is None else alpha, check_link)


@dataclass(frozen=True, kw_only=True)
class NegativeBinomialFamily(EstimatedFamily):
    """Counts with variance ``mu + alpha mu**2`` and alpha estimated.

    Parameters
    ----------
    statsmodels : NegativeBinomial
        The family as the user gave it; its link is `link`.

    Notes
    -----
    The auxiliary parameter is ``log(alpha)``. A weight multiplies the log-likelihood of its row.
    In expectation the information has no term between the mean and alpha (Lawless 1987); that of
    ``log(alpha)`` is exact to 1e-11. Below an alpha of 0.001 it is a polynomial. Above, it is an
    integral at 16 values of ``alpha mu`` in each range of these by a factor of ``exp(2)``, between
    which it is interpolated: 0.1 microseconds a row, and a millisecond for all rows together.

    References
    ----------
    Lawless, J. F. (1987). Negative binomial and mixed Poisson regression. Canadian Journal of
    Statistics, 15, 209-225.
    """

    name: str = "NegativeBinomial"
    aux_names: tuple[str, ...] = ("log_alpha",)
    effort: float = 3.0

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
        usable = abs(float(aux[0])) <= _LARGEST_LOG_ALPHA
        log_alpha = float(aux[0]) if usable else 0.0
        known, outside = self._known(log_alpha), np.full(weight.shape, not usable)
        with np.errstate(all="ignore"):
            terms = known.kernel(y, eta[0], level)
            if terms.outside is not None:
                outside |= terms.outside
            value = weight * (terms.value + _of_counts(_sum, y, log_alpha) - y * log_alpha)
            value += constant
            outside |= ~np.isfinite(value)
            value[outside] = -np.inf
            if terms.score is None:
                return RowTerms(value, None, None)
            z = self._log_alpha_mean(eta[0], log_alpha)
            slopes = _slopes(y, z, log_alpha, level)
            score = weight * np.stack([terms.score, slopes[0]])
            score[:, outside] = 0.0
            if terms.information is None:
                return RowTerms(value, score, None)
            information = np.zeros((2, 2, len(value)))
            information[0, 0] = weight * terms.information
            information[1, 1] = weight * slopes[1]
            if level is Level.OBSERVED:
                information[0, 1] = information[1, 0] = score[0] * special.expit(z)
        information[..., outside] = 0.0
        return RowTerms(value, score, information)

    def _log_alpha_mean(self, eta: FloatArray, log_alpha: float) -> FloatArray:
        """Log of ``alpha mu``, which the log link gives where the mean overflows."""
        return log_alpha + (eta if self.link.name == "exp" else np.log(self.link.inverse(eta)))

    def constant(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return minus the log factorials."""
        return _COUNTS.normaliser(y, weight, 1.0)

    def _known(self, a: float) -> DispersionFamily:
        from deepglm.families.adapter import adapt  # it stands after this module

        alpha = float(np.exp(a))  # a is its logarithm
        link = self.statsmodels.link
        known = adapt(sm_families.NegativeBinomial(link, alpha, check_link=False))
        assert isinstance(known, DispersionFamily)
        return known

    def given(self, aux: FloatArray) -> Family:
        """Return the family with this alpha known."""
        return self._known(float(aux[0]))

    @property
    def aux_labels(self) -> tuple[str, ...]:
        """Return the name of alpha."""
        return ("alpha",)

    @property
    def aux_may_be_zero(self) -> bool:
        """False: an alpha of zero is the end of its range, where z is not normal."""
        return False

    def at_an_end(self, aux: FloatArray, y: FloatArray) -> bool:
        """Whether alpha is zero: the responses vary no more than a Poisson law lets them."""
        return bool(np.exp(aux[0]) * max(float(np.mean(y)), 1e-300) < 1e-6)

    def reported(self, aux: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return alpha, and its derivative by its logarithm."""
        alpha = np.exp(aux)
        return alpha, np.diag(alpha)

    def reported_bend(self, aux: FloatArray, slopes: FloatArray) -> FloatArray:
        """Return the second derivative of alpha by its logarithm, times `slopes`."""
        return np.diag(slopes * np.exp(aux))

    def unreported(self, values: FloatArray) -> FloatArray:
        """Return the log of alpha; of one that is none, no number."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.log(values))

    def start_aux(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the log of alpha by moments around the mean response, 0.01 at least."""
        mu = np.average(y, weights=weight)
        excess = np.average((y - mu) ** 2, weights=weight) - mu
        return np.array([np.log(max(0.01, excess / mu**2 if mu > 0.0 else 0.0))])

    def statistic(self, which: str, eta: FloatArray, aux: FloatArray) -> FloatArray:
        """Return the mean, the linear predictor or the variance of every row, (m,)."""
        return self.given(aux).statistic(which, eta, np.empty(0))

    def statistic_slopes(self, which: str, eta: FloatArray, aux: FloatArray) -> FloatArray:
        """Return its derivatives by eta and log alpha, (2, m)."""
        slopes = np.zeros((2, eta.shape[1]))
        slopes[0] = self.given(aux).statistic_slopes(which, eta, np.empty(0))[0]
        if which == "var_unscaled":
            slopes[1] = np.exp(aux[0]) * self.link.inverse(eta[0]) ** 2
        return slopes

    def deviance_rows(
        self, y: FloatArray, eta: FloatArray, aux: FloatArray, weight: FloatArray
    ) -> FloatArray:
        """Return each row's deviance at this alpha, `weight` included."""
        return self.given(aux).deviance_rows(y, eta, np.empty(0), weight)

    def distribution(self, eta: FloatArray, aux: FloatArray, weight: FloatArray) -> Any:
        """Return scipy's negative binomial."""
        return self.given(aux).distribution(eta, np.empty(0), weight)


# ---------------------------------------------------------------------------------------------
# The sum S, and the rest, with derivatives in log alpha.


def _of_counts(
    function: Callable[[FloatArray, float], FloatArray], y: FloatArray, log_alpha: float
) -> FloatArray:
    """A function of the response; of counts, computed once for each."""
    largest = float(y.max(initial=0.0))
    if largest < y.size and y.min(initial=0.0) >= 0.0:
        counts = y.astype(np.intp)
        if (counts == y).all():
            return function(np.arange(largest + 1.0), log_alpha)[..., counts]
    return function(y, log_alpha)


def _defect(t: FloatArray) -> FloatArray:
    """``t - log(1 + t)``, for small t by the series of the logarithm in ``u = t / (2 + t)``."""
    u = t / (2.0 + t)
    s = u * u
    tail = 1 / 3 + s * (1 / 5 + s * (1 / 7 + s * (1 / 9 + s * (1 / 11 + s / 13))))
    return np.where(t < 0.1, t * t / (2.0 + t) - 2.0 * u * s * tail, t - np.log1p(t))


def _falls(
    log: FloatArray, alpha: float, orders: tuple[int, ...], terms: tuple[float, ...]
) -> FloatArray:
    """Differences, from y + r to r, of an asymptotic series of the gamma function or its slopes.

    Its powers of ``r / (y + r)`` are taken from one without rounding; `log` is minus their log.
    """
    total = np.zeros_like(log)
    for k, (order, term) in enumerate(zip(orders, terms, strict=True)):
        total -= np.expm1(-order * log) * alpha ** (2 * k + 1) / term
    return total


def _sum(y: FloatArray, log_alpha: float) -> FloatArray:
    """Return S."""
    alpha, r = float(np.exp(log_alpha)), float(np.exp(-log_alpha))
    if r < _SERIES_FROM:
        return np.asarray(special.gammaln(y + r) - special.gammaln(r) + y * log_alpha)
    t = y / r
    log = np.log1p(t)
    series = _falls(log, alpha, (1, 3, 5, 7), (-12.0, 360.0, -1260.0, 1680.0))
    return np.asarray(r * (t * log - _defect(t)) - 0.5 * log + series)


def _sum_slopes(y: FloatArray, log_alpha: float) -> FloatArray:
    """Return the first and second derivative of S, (2, m)."""
    alpha, r = float(np.exp(log_alpha)), float(np.exp(-log_alpha))
    if r < _SERIES_FROM:
        first = r * (special.digamma(y + r) - special.digamma(r))
        second = r * r * (special.polygamma(1, y + r) - special.polygamma(1, r))
        return np.stack([y - first, first + second])
    t = y / r
    log = np.log1p(t)
    first = r * _defect(t) + 0.5 * np.expm1(-log)
    first += _falls(log, alpha, (2, 4, 6, 8), (-12.0, 120.0, -252.0, 240.0))
    second = r * t * (t / (1.0 + t)) - first + 0.5 * np.expm1(-2.0 * log)
    second += _falls(log, alpha, (3, 5, 7, 9), (-6.0, 30.0, -42.0, 30.0))
    return np.stack([first, second])


def _slopes(y: FloatArray, z: FloatArray, log_alpha: float, level: Level) -> tuple[FloatArray, ...]:
    """Score in log alpha, and its information as `level` asks; `z` is the log of m."""
    r = float(np.exp(-log_alpha))
    growth, share = _SOFTPLUS.evaluate(z, 1)
    m = np.exp(np.minimum(z, 0.0))
    small, defect = m < 0.1, _defect(m)
    first, second = _of_counts(_sum_slopes, y, log_alpha)
    rest = np.where(small, m * share - defect, growth - share)
    score = first + r * rest - y * share
    if level is Level.SCORE:
        return (score,)
    if level is Level.FISHER:
        return score, _expected(z, log_alpha)
    bend = np.where(small, defect - m * share * share, share * (1.0 + share) - growth)
    return score, y * share * special.expit(-z) - second - r * bend


# ---------------------------------------------------------------------------------------------
# The expected information of log alpha, by its ratio to ``share**2`` with ``share = m / (1 + m)``.

# Coefficients of 1, alpha, alpha**2, alpha**3 in twice the ratio, as polynomials in the share.
_SERIES = ((1.0,), (4 / 3, -1.0), (3.0, -4.0, 1.0), (48 / 5, -18.0, 28 / 3, -1.0))
# The trapezoidal rule in the logarithm of tau is exact to 1e-15.
_STEP = 0.25
_LOG_TAU = np.arange(-36.0, 4.0, _STEP)
_TAU = np.exp(_LOG_TAU)
_TAU_WEIGHTS = _STEP * _TAU * np.exp(-_TAU)


def _expected(z: FloatArray, log_alpha: float) -> FloatArray:
    """Expected information of log alpha in rows whose ``alpha mu`` is ``exp(z)``."""
    alpha, share = float(np.exp(log_alpha)), special.expit(z)
    if alpha < _SMALL_ALPHA:
        ratio = 0.5 * np.polyval([np.polyval(c, share) for c in reversed(_SERIES)], alpha)
        return np.asarray(ratio * share * share)
    # Below -40 the ratio is that of its limit; where a step went far astray that of 1e6 will do,
    # as a panel there would be narrower than the spacing of doubles.
    near = np.clip(z, -40.0, 1e6)
    place = np.floor(near / _PANEL)
    ratio = np.zeros_like(z)
    for panel in np.unique(place[np.isfinite(place)]):
        here = place == panel
        line = Chebyshev.interpolate(
            _ratio, _DEGREE, domain=[_PANEL * panel, _PANEL * (panel + 1.0)], args=(alpha,)
        )
        ratio[here] = line(near[here])
    return np.asarray(ratio * share * share)


def _ratio(z: FloatArray, alpha: float) -> FloatArray:
    """The ratio by an integral.

    ``E sum over j < Y of 1 / (1 + alpha j)**2`` is the integral of ``tau exp(-tau) K(tau)`` with
    ``K = (1 - (1 + m x)**-r) / x`` and ``x = 1 - exp(-alpha tau)``, by the generating function of
    Y. The information is this less ``mu / (1 + m)``, which is the integral of ``r exp(-tau) (1 -
    exp(-m tau))``. For small ``m tau`` the difference of both is written in what is left of each
    beyond its first term, as the first terms cancel.
    """
    r, z = 1.0 / alpha, z[:, None]
    x = -np.expm1(-alpha * _TAU)
    m_tau, m_x = np.exp(z + _LOG_TAU), np.exp(z + np.log(x))
    power = r * np.logaddexp(0.0, z + np.log(x))
    stretch = alpha * _TAU / x
    near = _excess(m_tau) - stretch * (r * _defect(m_x) + _excess(power))
    away = np.expm1(-m_tau) - stretch * np.expm1(-power)
    integrand = np.where(m_tau < 1.0, near, away)
    return np.asarray(r * (integrand @ _TAU_WEIGHTS) / special.expit(z[:, 0]) ** 2)


def _excess(t: FloatArray) -> FloatArray:
    """``t - 1 + exp(-t)``, for small t by its series."""
    series = t * t * np.polyval([(-1.0) ** k / special.factorial(k) for k in range(10, 1, -1)], t)
    return np.where(t < 0.3, series, t + np.expm1(-t))
