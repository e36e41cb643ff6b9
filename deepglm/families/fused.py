"""Unit log-likelihoods of the pairs that are met most, in few passes and safe from overflow.

They are called on every row block of every iteration. Each works in place on what it allocates,
writes the log-likelihood in eta, and never forms a ratio that could be 0/0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepglm.families.contract import FloatArray, Level
from deepglm.families.kernels import UnitTerms
from deepglm.links import get

__all__ = [
    "NegativeBinomialLog",
    "PowerLog",
    "binomial_logit",
    "gamma_log",
    "gaussian_identity",
    "inverse_gaussian_log",
    "poisson_log",
]

_SOFTPLUS = get("softplus")


def gaussian_identity(y: FloatArray, eta: FloatArray, level: Level) -> UnitTerms:
    """Return minus half the squared residual, and its derivatives."""
    residual = y - eta
    value = residual * residual
    value *= -0.5
    if level is Level.VALUE:
        return UnitTerms(value)
    return UnitTerms(value, residual, None if level is Level.SCORE else 1.0)


def binomial_logit(y: FloatArray, eta: FloatArray, level: Level) -> UnitTerms:
    """Return ``y eta - log(1 + exp(eta))``, and its derivatives."""
    small = np.abs(eta)
    np.negative(small, out=small)
    np.exp(small, out=small)
    value = y * eta
    value -= np.maximum(eta, 0.0)
    value -= np.log1p(small)
    if level is Level.VALUE:
        return UnitTerms(value)
    larger = small + 1.0
    np.reciprocal(larger, out=larger)
    # The mean, 1/2 + sign(eta) (larger - 1/2), from the exponential that is already there.
    mean = larger - 0.5
    np.copysign(mean, eta, out=mean)
    mean += 0.5
    score = np.subtract(y, mean, out=mean)
    if level is Level.SCORE:
        return UnitTerms(value, score)
    small *= larger
    small *= larger
    return UnitTerms(value, score, small)


def poisson_log(y: FloatArray, eta: FloatArray, level: Level) -> UnitTerms:
    """Return ``y eta - exp(eta)``, and its derivatives."""
    with np.errstate(over="ignore"):
        mean = np.exp(eta)
    value = y * eta
    value -= mean
    if level is Level.VALUE:
        return UnitTerms(value)
    return UnitTerms(value, y - mean, None if level is Level.SCORE else mean)


def gamma_log(y: FloatArray, eta: FloatArray, level: Level) -> UnitTerms:
    """Return minus half the deviance ``log(r) + 1 - r`` with ``r = y exp(-eta)``."""
    ratio = np.negative(eta)
    value = np.log(y)
    value -= eta
    with np.errstate(over="ignore"):
        np.exp(ratio, out=ratio)
        ratio *= y
    score = ratio - 1.0
    value -= score
    if level is Level.VALUE:
        return UnitTerms(value)
    if level is Level.SCORE:
        return UnitTerms(value, score)
    return UnitTerms(value, score, ratio if level is Level.OBSERVED else 1.0)


def inverse_gaussian_log(y: FloatArray, eta: FloatArray, level: Level) -> UnitTerms:
    """Return minus half the deviance ``(y / mu - 1)**2 / y``, and its derivatives."""
    with np.errstate(over="ignore", invalid="ignore"):
        inverse = np.exp(-eta)
        excess = y * inverse
        excess -= 1.0
        value = excess * excess
        value /= y
        value *= -0.5
        if level is Level.VALUE:
            return UnitTerms(value)
        score = excess * inverse
        if level is Level.SCORE:
            return UnitTerms(value, score)
        # observed: 2 y / mu**2 - 1 / mu
        information = score + y * inverse * inverse if level is Level.OBSERVED else inverse
        return UnitTerms(value, score, information)


@dataclass(frozen=True)
class NegativeBinomialLog:
    """Counts with variance ``mu + alpha mu**2`` and log link.

    In ``z = eta + log(alpha)`` the log-likelihood is ``y z - (y + 1/alpha) log(1 + exp(z))``.
    """

    alpha: float

    def __call__(self, y: FloatArray, eta: FloatArray, level: Level) -> UnitTerms:
        """Return the unit terms."""
        z = eta + float(np.log(self.alpha))
        size = y + 1.0 / self.alpha
        if level is Level.VALUE:
            return UnitTerms(y * z - size * _SOFTPLUS.evaluate(z, 0)[0])
        growth, share = _SOFTPLUS.evaluate(z, 1)
        value = y * z
        value -= np.multiply(size, growth, out=growth)
        score = y - size * share
        if level is Level.SCORE:
            return UnitTerms(value, score)
        if level is Level.FISHER:
            return UnitTerms(value, score, share / self.alpha)
        size *= share
        size *= 1.0 - share
        return UnitTerms(value, score, size)


@dataclass(frozen=True)
class PowerLog:
    """Variance ``mu**power`` with log link, for powers other than 1 and 2 (Tweedie).

    Both exponentials are functions of eta, so that no power of a mean is divided by another. Where
    one of them overflows the deviance is infinite.
    """

    power: float

    def __call__(self, y: FloatArray, eta: FloatArray, level: Level) -> UnitTerms:
        """Return the unit terms."""
        first, second = 1.0 - self.power, 2.0 - self.power
        with np.errstate(over="ignore", invalid="ignore"):
            pull = np.exp(first * eta)
            pull *= y
            if not np.isfinite(pull).all():
                pull[y == 0.0] = 0.0
            mass = np.exp(second * eta)
            value = pull / first
            value -= mass / second
            value -= np.maximum(y, 0.0) ** second / (first * second)
            overflow = ~np.isfinite(value)
            outside = overflow if overflow.any() else None
            if outside is not None:
                pull[outside] = mass[outside] = value[outside] = 0.0
        if level is Level.VALUE:
            return UnitTerms(value, outside=outside)
        score = pull - mass
        if level is Level.SCORE:
            return UnitTerms(value, score, outside=outside)
        if level is Level.OBSERVED:
            mass *= second
            mass -= first * pull
        return UnitTerms(value, score, mass, outside)
