"""Mixtures of distributions, row by row: of several fits, or over what is not known of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import logsumexp

from deepglm.errors import DataError
from deepglm.families.quantiles import quantiles, whole_quantiles
from deepglm.inference.fitted import Array, Mask

__all__ = [
    "FEW",
    "MANY",
    "NARROW",
    "Interval",
    "Mixture",
    "Nodes",
    "gaussian_interval",
    "has_mass",
    "interval",
    "is_discrete",
    "log_mixture",
    "mixture_mean",
    "over_normal",
]

NODES = 20
"""Points of the Gauss-Hermite rule over a linear predictor."""

NARROW = 2.0
"""Standard error, in standard deviations of a response on the scale of eta, up to which that rule
is enough: its distribution function is then known to 2e-5, and at half of it to 2e-11."""


@dataclass(frozen=True, eq=False)
class Nodes:
    """Points and weights of a rule over the standard normal law.

    Parameters
    ----------
    z, w
        (K,) points in their order, and weights that add up to 1.
    """

    z: Array
    w: Array


def _gauss_hermite() -> Nodes:
    z, w = np.polynomial.hermite_e.hermegauss(NODES)
    kept = w > 1e-10 * w.sum()
    return Nodes(z[kept], w[kept] / w[kept].sum())


def _even() -> Nodes:
    z = np.linspace(-6.5, 6.5, 201)
    w = stats.norm.pdf(z)
    return Nodes(z, w / w.sum())


FEW = _gauss_hermite()
"""For responses that vary about as much as a linear predictor is uncertain, or more."""

MANY = _even()
"""For responses that vary much less: by 30 times, to 1e-4."""


def mixture_mean(values: npt.ArrayLike, weights: npt.ArrayLike) -> Array:
    """Weighted mean over the first axis; the weights add up to 1."""
    w = np.asarray(weights, dtype=np.float64)
    return np.asarray(np.einsum("k,k...->...", w, np.asarray(values, dtype=np.float64)))


def log_mixture(logs: npt.ArrayLike, weights: npt.ArrayLike) -> Array:
    """Log of the weighted mean of densities that are given by their logs, over the first axis.

    Examples
    --------
    >>> log_mixture([[-1000.0], [-1000.0]], [0.5, 0.5]).tolist()
    [-1000.0]
    """
    L = np.asarray(logs, dtype=np.float64)
    w = np.asarray(weights, dtype=np.float64).reshape(-1, *[1] * (L.ndim - 1))
    return np.asarray(logsumexp(L, axis=0, b=w))


def is_discrete(law: Any) -> bool:
    """Whether a distribution is one of whole numbers.

    Examples
    --------
    >>> is_discrete(stats.poisson(1.0)), is_discrete(stats.norm())
    (True, False)
    """
    return isinstance(getattr(law, "dist", None), stats.rv_discrete)


def has_mass(law: Any) -> bool:
    """Whether single values may have a probability: whole numbers, or limits and zeros."""
    return not isinstance(getattr(law, "dist", None), stats.rv_continuous)


@dataclass(frozen=True)
class Mixture:
    """Mixture of frozen scipy distributions, row by row, with the methods that those have.

    Parameters
    ----------
    parts
        Frozen scipy distributions of the same rows.
    weights
        Probability of each; they add up to 1.

    Notes
    -----
    ``pmf`` and ``logpmf`` are those of a discrete response, ``pdf`` and ``logpdf`` of a continuous
    one, as in scipy.

    Examples
    --------
    >>> from scipy import stats
    >>> mixture = Mixture((stats.poisson([1.0, 2.0]), stats.poisson([3.0, 2.0])), (0.5, 0.5))
    >>> mixture.mean().tolist(), mixture.var().tolist()
    ([2.0, 2.0], [3.0, 2.0])
    >>> mixture.ppf(0.9).tolist()
    [4.0, 4.0]
    """

    parts: tuple[Any, ...]
    weights: tuple[float, ...]

    def logpdf(self, y: npt.ArrayLike) -> Array:
        """Log of the density at responses."""
        return log_mixture([part.logpdf(y) for part in self.parts], self.weights)

    def pdf(self, y: npt.ArrayLike) -> Array:
        """Density at responses."""
        return mixture_mean([part.pdf(y) for part in self.parts], self.weights)

    def logpmf(self, y: npt.ArrayLike) -> Array:
        """Log of the probability of responses."""
        return log_mixture([part.logpmf(y) for part in self.parts], self.weights)

    def pmf(self, y: npt.ArrayLike) -> Array:
        """Probability of responses."""
        return mixture_mean([part.pmf(y) for part in self.parts], self.weights)

    def cdf(self, y: npt.ArrayLike) -> Array:
        """Probability of a response of `y` or less."""
        return mixture_mean([part.cdf(y) for part in self.parts], self.weights)

    def sf(self, y: npt.ArrayLike) -> Array:
        """Probability of a response of more than `y`."""
        return mixture_mean([part.sf(y) for part in self.parts], self.weights)

    def below(self, y: npt.ArrayLike) -> Array:
        """Probability of a response of less than `y`, mass at `y` not included."""
        y = np.asarray(y, dtype=np.float64)
        return self.cdf(np.ceil(y) - 1.0 if self._discrete else np.nextafter(y, -np.inf))

    def ppf(self, q: npt.ArrayLike) -> Array:
        """Smallest response at which the distribution function reaches `q`.

        Parameters
        ----------
        q
            One probability, or one for each row, or an array whose last axis is the rows; between 0
            and 1, neither of them included.

        Notes
        -----
        A quantile of a mixture is between the smallest and the largest of its parts' quantiles.
        """
        ends = np.asarray([_bracket(part, q) for part in self.parts], dtype=np.float64)
        low, high = ends.min(axis=(0, 1)), ends.max(axis=(0, 1))
        wanted = np.broadcast_to(np.asarray(q, dtype=np.float64), low.shape)
        invert = whole_quantiles if self._discrete else quantiles
        return invert(self.cdf, wanted, low, high)

    @property
    def _discrete(self) -> bool:
        return all(is_discrete(part) for part in self.parts)

    def mean(self) -> Array:
        """Means of the rows."""
        return mixture_mean([part.mean() for part in self.parts], self.weights)

    def var(self) -> Array:
        """Variances of the rows: the mean of the variances and the variance of the means."""
        means = np.asarray([part.mean() for part in self.parts])
        between = mixture_mean((means - self.mean()) ** 2, self.weights)
        return mixture_mean([part.var() for part in self.parts], self.weights) + between

    def std(self) -> Array:
        """Standard deviations of the rows."""
        return np.sqrt(self.var())

    def rvs(self, size: Any = None, random_state: Any = None) -> Array:
        """Draw responses; every row of every draw has a part of its own.

        Parameters
        ----------
        size
            Shape of the draws, its last axis the rows; by default one draw per row.
        random_state
            A seed or a ``numpy.random.Generator``.
        """
        unknown = np.flatnonzero(np.isnan(self.mean()))
        if unknown.size:
            raise DataError(
                f"row number {unknown[0]} has a missing input, so that there is no distribution to "
                "draw from. Leave such rows out, as in exog.dropna()."
            )
        rng = np.random.default_rng(random_state)
        draws = np.asarray([part.rvs(size=size, random_state=rng) for part in self.parts])
        chosen = rng.choice(len(self.parts), size=draws.shape[1:], p=self.weights)
        return np.asarray(np.take_along_axis(draws, chosen[None], axis=0)[0])


def _bracket(law: Any, q: npt.ArrayLike) -> tuple[Any, Any]:
    """Two numbers that a quantile lies between: twice the quantile, where it is cheap."""
    if hasattr(law, "bracket"):
        found: tuple[Any, Any] = law.bracket(q)
        return found
    y = law.ppf(q)
    return y, y


def over_normal(
    law: Callable[[Array], Any],
    eta: Array,
    error: Array,
    possible: Callable[[Array], Mask],
    nodes: Nodes = FEW,
) -> Mixture:
    """Distribution of responses whose linear predictor is known up to a normal error.

    Parameters
    ----------
    law
        From (m,) linear predictors to the distribution of the responses, which has a ``cdf``.
    eta, error
        (m,) estimates and their standard errors.
    possible
        From (m,) linear predictors to whether the family has a mean for them. The part of the
        normal beyond that counts as the last node inside.
    nodes
        The rule: few points by Gauss and Hermite, or many with even distances.

    Notes
    -----
    The integral of ``F(y | eta)`` over the normal law of eta.
    """
    z = nodes.z
    at = np.empty((len(z), *eta.shape))
    for side in (np.flatnonzero(z >= 0.0), np.flatnonzero(z < 0.0)[::-1]):  # from the middle out
        last = eta
        for k in side:
            moved = eta + z[k] * error
            last = np.where(possible(moved) | np.isnan(moved), moved, last)
            at[k] = last
    return Mixture(tuple(law(row) for row in at), tuple(nodes.w.tolist()))


@dataclass(frozen=True)
class Interval:
    """Prediction intervals of rows.

    Parameters
    ----------
    lower, upper
        (m,) ends, which belong to the intervals.
    probability
        (m,) probability of a response in them, under the distribution they come from.
    """

    lower: Array
    upper: Array
    probability: Array


def interval(law: Mixture, alpha: float) -> Interval:
    """Interval that leaves a probability of at most ``alpha / 2`` on either side.

    Of a continuous distribution it is exactly that. Whole numbers, and limits with mass, seldom
    have such ends: the interval then has a probability of more than ``1 - alpha``, which is stated.

    Examples
    --------
    >>> found = interval(Mixture((stats.poisson([3.0]),), (1.0,)), 0.05)
    >>> found.lower.tolist(), found.upper.tolist(), found.probability.round(4).tolist()
    ([0.0], [7.0], [0.9881])
    """
    lower, upper = law.ppf(0.5 * alpha), law.ppf(1.0 - 0.5 * alpha)
    with np.errstate(invalid="ignore"):
        return Interval(lower, upper, law.cdf(upper) - law.below(lower))


def gaussian_interval(mu: Array, variance: Array, df: float, alpha: float) -> Interval:
    """Interval of a Gaussian response around a mean that has a normal error.

    Parameters
    ----------
    mu
        (m,) means.
    variance
        (m,) dispersion over weight, and the squared standard error of the mean.
    df
        Degrees of freedom of the dispersion; infinite for one that is known.
    alpha
        Probability left outside.
    """
    half = stats.t.ppf(1.0 - 0.5 * alpha, df) * np.sqrt(variance)
    return Interval(mu - half, mu + half, np.where(np.isnan(half), np.nan, 1.0 - alpha))
