"""The distribution of sums of a Poisson number of gamma amounts: Tweedie's between 1 and 2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special
from statsmodels.genmod.families import Tweedie

from deepglm.families.contract import FloatArray
from deepglm.families.quantiles import quantiles

__all__ = ["CompoundPoisson"]


@dataclass(frozen=True, eq=False)
class CompoundPoisson:
    """Sums of a Poisson number of gamma amounts, with the methods of a frozen scipy distribution.

    Parameters
    ----------
    mu, phi : float or ndarray
        Mean and dispersion: the variance is ``phi mu**p``.
    power : float
        The power ``p``, between 1 and 2.

    Examples
    --------
    >>> law = CompoundPoisson(2.0, 0.5, 1.5)
    >>> float(law.var()), round(float(law.cdf(0.0)), 4)
    (1.4142135623730951, 0.0035)
    >>> law.ppf([0.003, 0.5]).round(3).tolist()
    [0.0, 1.82]
    """

    mu: Any
    phi: Any
    power: float

    @property
    def _numbers(self) -> tuple[FloatArray, float, FloatArray]:
        """Mean number of amounts, their shape, and their scale."""
        mu, phi, p = np.asarray(self.mu), np.asarray(self.phi), self.power
        rate = mu ** (2.0 - p) / (phi * (2.0 - p))
        return rate, (2.0 - p) / (p - 1.0), phi * (p - 1.0) * mu ** (p - 1.0)

    def mean(self) -> FloatArray:
        """Return the means."""
        return np.asarray(self.mu, dtype=np.float64)

    def var(self) -> FloatArray:
        """Return the variances."""
        return np.asarray(self.phi * np.asarray(self.mu) ** self.power)

    def std(self) -> FloatArray:
        """Return the standard deviations."""
        return np.asarray(np.sqrt(self.var()))

    def cdf(self, y: npt.ArrayLike) -> FloatArray:
        """Return the probability of `y` or less.

        The sum over the number of amounts has every number, or for large rates so many evenly
        spaced ones that the summands are a smooth function of them.
        """
        rate, shape, scale = self._numbers
        y = np.asarray(y, dtype=np.float64)
        rate, amount = np.broadcast_arrays(rate, np.maximum(y / scale, 0.0))
        reach = 9.0 * np.sqrt(rate)
        first = np.maximum(1.0, np.floor(rate - reach) - 3.0)
        # half a standard deviation of what varies fastest in the summands
        step = np.floor(reach / (18.0 * max(1.0, np.sqrt(shape))))
        step = np.where(first > 1.0, np.maximum(step, 1.0), 1.0)
        most = (rate + reach + 25.0 - first) / step
        below = whole = np.exp(-rate)
        for k in range(int(np.max(most, initial=0.0, where=np.isfinite(most))) + 1):
            j = first + k * step
            chance = step * np.exp(special.xlogy(j, rate) - rate - special.gammaln(j + 1.0))
            whole = whole + chance
            below = below + chance * special.gammainc(j * shape, amount)
        return np.where(y < 0.0, 0.0, np.minimum(below / whole, 1.0))

    def bracket(self, q: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return two numbers that quantiles lie between, by the inequality of Cantelli."""
        q, mean, sd = np.asarray(q, dtype=np.float64), self.mean(), self.std()
        low = np.maximum(mean - sd * np.sqrt((1.0 - q) / q), 0.0)
        return low, np.asarray(mean + sd * np.sqrt(q / (1.0 - q)))

    def ppf(self, q: npt.ArrayLike) -> FloatArray:
        """Return quantiles; zero up to the probability that there is no amount."""
        low, high = self.bracket(q)
        return quantiles(self.cdf, np.broadcast_to(np.asarray(q), high.shape), low, high)

    def logpdf(self, y: npt.ArrayLike) -> FloatArray:
        """Return the log of the density, and at zero that of the probability."""
        family = Tweedie(var_power=self.power)
        y, mu, phi = np.broadcast_arrays(np.asarray(y, dtype=np.float64), self.mu, self.phi)
        return np.asarray(family.loglike_obs(y, mu, scale=phi))

    def pdf(self, y: npt.ArrayLike) -> FloatArray:
        """Return the density, and at zero the probability."""
        return np.exp(self.logpdf(y))

    def rvs(self, size: Any = None, random_state: Any = None) -> FloatArray:
        """Draw responses; by default one for each row."""
        rate, shape, scale = self._numbers
        rng = np.random.default_rng(random_state)
        number = rng.poisson(rate, size)
        amounts = rng.gamma(np.maximum(number, 1) * shape, scale)
        return np.where(number > 0, amounts, 0.0)
