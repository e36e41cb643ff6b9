"""Y given the linear predictor: how it is drawn, its mean, its distribution, and its family.

A linear predictor is (k_eta, n). Means are (K, n): one number for most responses, the probability
of every class for responses of classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy import special, stats
from statsmodels.genmod.families import links

import deepglm as dg

Array = npt.NDArray[np.float64]
Table = dict[str, Any]
Generator = np.random.Generator


class Law(Protocol):
    """What a truth says about the response."""

    def family(self) -> Any: ...
    def draw(self, rng: Generator, eta: Array, table: Table) -> Array: ...
    def mean(self, eta: Array) -> Array: ...
    def slope(self, eta: Array, direction: Array) -> Array: ...
    def below(self, y: Array, eta: Array, table: Table) -> Array:
        """P(Y <= y)."""
        ...

    def before(self, y: Array, eta: Array, table: Table) -> Array:
        """P(Y < y)."""
        ...


class _Smooth:
    """No value has a probability."""

    def before(self: Any, y: Array, eta: Array, table: Table) -> Array:
        return np.asarray(self.below(y, eta, table))


class _Whole:
    """Whole numbers."""

    def before(self: Any, y: Array, eta: Array, table: Table) -> Array:
        return np.asarray(self.below(y - 1.0, eta, table))


@dataclass(frozen=True)
class Gaussian(_Smooth):
    """Normal, identity link; ``tilt`` makes the standard deviation ``sd * exp(tilt * x2)``.

    With ``icc`` that share of the variance belongs to the cluster of the row.
    """

    sd: float
    tilt: float = 0.0
    icc: float = 0.0

    def family(self) -> Any:
        return dg.Gaussian()

    def _sd(self, table: Table) -> Any:
        return self.sd * np.exp(self.tilt * table["x2"]) if self.tilt else self.sd

    def draw(self, rng: Generator, eta: Array, table: Table) -> Array:
        e = rng.normal(size=eta.shape[1])
        if self.icc:
            codes = table["cluster"]
            u = rng.normal(size=codes.max() + 1)
            e = np.sqrt(self.icc) * u[codes] + np.sqrt(1.0 - self.icc) * e
        return np.asarray(eta[0] + self._sd(table) * e)

    def mean(self, eta: Array) -> Array:
        return eta

    def slope(self, eta: Array, direction: Array) -> Array:
        return direction

    def below(self, y: Array, eta: Array, table: Table) -> Array:
        return np.asarray(special.ndtr((y - eta[0]) / self._sd(table)))


@dataclass(frozen=True)
class Binomial(_Whole):
    """One trial, logit link."""

    def family(self) -> Any:
        return dg.Binomial()

    def draw(self, rng: Generator, eta: Array, table: Table) -> Array:
        return np.asarray(rng.uniform(size=eta.shape[1]) < special.expit(eta[0]), dtype=float)

    def mean(self, eta: Array) -> Array:
        return np.asarray(special.expit(eta))

    def slope(self, eta: Array, direction: Array) -> Array:
        return np.asarray(special.expit(eta) * special.expit(-eta) * direction)

    def below(self, y: Array, eta: Array, table: Table) -> Array:
        return np.asarray(stats.bernoulli.cdf(y, special.expit(eta[0])))


class _Log:
    """Mean exp(eta)."""

    def mean(self, eta: Array) -> Array:
        return np.exp(eta)

    def slope(self, eta: Array, direction: Array) -> Array:
        return np.asarray(np.exp(eta) * direction)


@dataclass(frozen=True)
class Poisson(_Log, _Whole):
    """Poisson, log link."""

    def family(self) -> Any:
        return dg.Poisson()

    def draw(self, rng: Generator, eta: Array, table: Table) -> Array:
        return np.asarray(rng.poisson(np.exp(eta[0])), dtype=float)

    def below(self, y: Array, eta: Array, table: Table) -> Array:
        return np.asarray(stats.poisson.cdf(y, np.exp(eta[0])))


@dataclass(frozen=True)
class Gamma(_Log, _Smooth):
    """Gamma with a known shape, log link."""

    shape: float

    def family(self) -> Any:
        return dg.Gamma(links.Log())

    def draw(self, rng: Generator, eta: Array, table: Table) -> Array:
        return np.asarray(rng.gamma(self.shape, np.exp(eta[0]) / self.shape))

    def below(self, y: Array, eta: Array, table: Table) -> Array:
        return np.asarray(stats.gamma.cdf(y, self.shape, scale=np.exp(eta[0]) / self.shape))


@dataclass(frozen=True)
class NegativeBinomial(_Log, _Whole):
    """Variance mu + alpha mu^2, log link."""

    alpha: float

    def family(self) -> Any:
        return dg.NegativeBinomial()

    def draw(self, rng: Generator, eta: Array, table: Table) -> Array:
        size = 1.0 / self.alpha
        return np.asarray(rng.poisson(rng.gamma(size, np.exp(eta[0]) / size)), dtype=float)

    def below(self, y: Array, eta: Array, table: Table) -> Array:
        size = 1.0 / self.alpha
        return np.asarray(stats.nbinom.cdf(y, size, size / (size + np.exp(eta[0]))))


@dataclass(frozen=True)
class Tobit:
    """max(0, N(eta, sigma^2)); the mean is that of the censored outcome."""

    sigma: float

    def family(self) -> Any:
        return dg.Tobit()

    def draw(self, rng: Generator, eta: Array, table: Table) -> Array:
        return np.maximum(0.0, eta[0] + self.sigma * rng.normal(size=eta.shape[1]))

    def mean(self, eta: Array) -> Array:
        z = eta / self.sigma
        return np.asarray(eta * special.ndtr(z) + self.sigma * stats.norm.pdf(z))

    def slope(self, eta: Array, direction: Array) -> Array:
        return np.asarray(special.ndtr(eta / self.sigma) * direction)

    def below(self, y: Array, eta: Array, table: Table) -> Array:
        return np.where(y >= 0.0, special.ndtr((y - eta[0]) / self.sigma), 0.0)

    def before(self, y: Array, eta: Array, table: Table) -> Array:
        return np.where(y > 0.0, special.ndtr((y - eta[0]) / self.sigma), 0.0)


@dataclass(frozen=True)
class Ordinal(_Whole):
    """P(Y <= c) = expit(cut_c - eta), levels 0, 1, ..."""

    cuts: tuple[float, ...]

    def family(self) -> Any:
        return dg.Ordinal()

    def draw(self, rng: Generator, eta: Array, table: Table) -> Array:
        latent = eta[0] + rng.logistic(size=eta.shape[1])
        return np.searchsorted(np.array(self.cuts), latent).astype(float)

    def _at_cuts(self, eta: Array) -> Array:
        return np.asarray(special.expit(np.array(self.cuts)[:, None] - eta))

    def mean(self, eta: Array) -> Array:
        F = self._at_cuts(eta)
        ends = np.zeros((1, F.shape[1]))
        return np.diff(np.concatenate((ends, F, ends + 1.0)), axis=0)

    def slope(self, eta: Array, direction: Array) -> Array:
        F = self._at_cuts(eta)
        ends = np.zeros((1, F.shape[1]))
        return -np.diff(np.concatenate((ends, F * (1.0 - F), ends)), axis=0) * direction

    def below(self, y: Array, eta: Array, table: Table) -> Array:
        raise NotImplementedError("classes have prediction sets")


@dataclass(frozen=True)
class Multinomial(_Whole):
    """Softmax of (0, eta_1, ..., eta_k): the first level is the baseline."""

    def family(self) -> Any:
        return dg.Multinomial()

    def mean(self, eta: Array) -> Array:
        return np.asarray(special.softmax(np.concatenate((0.0 * eta[:1], eta)), axis=0))

    def draw(self, rng: Generator, eta: Array, table: Table) -> Array:
        at = np.cumsum(self.mean(eta), axis=0)
        return (rng.uniform(size=eta.shape[1]) > at[:-1]).sum(axis=0).astype(float)

    def slope(self, eta: Array, direction: Array) -> Array:
        p = self.mean(eta)
        d = np.concatenate((0.0 * direction[:1], direction))
        return np.asarray(p * (d - (p * d).sum(axis=0)))

    def below(self, y: Array, eta: Array, table: Table) -> Array:
        raise NotImplementedError("classes have prediction sets")
