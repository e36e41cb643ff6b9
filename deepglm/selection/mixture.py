"""The mixture of several distributions, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from deepglm.errors import DataError

__all__ = ["Mixture", "log_mixture", "mixture_mean"]

Array = npt.NDArray[np.float64]


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
