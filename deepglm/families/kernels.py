"""Unit log-likelihoods in eta, from any link and any variance function.

A kernel returns, for unit weight and scale, the log-likelihood of each row and its derivatives in
the one linear predictor. The pairs that are met most have kernels of their own in ``fused``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from deepglm.families.contract import FloatArray, Level
from deepglm.families.laws import Law
from deepglm.families.variance import Variance
from deepglm.links import Link

__all__ = ["DevianceKernel", "Kernel", "MeanKernel", "TailKernel", "UnitTerms"]


class UnitTerms(NamedTuple):
    """Log-likelihood of each row at unit weight and scale, with derivatives in eta.

    ``information`` is Fisher or observed, as the level asks, and a number where it is the same for
    every row. ``outside`` marks rows whose mean the family cannot have. The arrays are the
    caller's to overwrite.
    """

    value: FloatArray
    score: FloatArray | None = None
    information: FloatArray | float | None = None
    outside: npt.NDArray[np.bool_] | None = None


class Kernel(Protocol):
    """The one call of this room."""

    def __call__(self, y: FloatArray, eta: FloatArray, level: Level) -> UnitTerms:
        """Return the unit terms that `level` asks for."""


def _without_nan(part: FloatArray) -> FloatArray:
    """Zeros for what is 0 * inf or 0 / 0, which the limits of these derivatives are."""
    if not np.isfinite(part).all():
        part[np.isnan(part)] = 0.0
    return part


@dataclass(frozen=True)
class MeanKernel:
    """Any link with any variance function.

    With ``mu`` and its derivatives in eta, the score is ``(y - mu) mu' / V``, the Fisher
    information ``mu'**2 / V``, and the observed one exceeds it by
    ``(y - mu) (mu'**2 V' - mu'' V) / V**2`` (McCullagh and Nelder 1989, section 2.5).
    """

    link: Link
    variance: Variance
    law: Law
    canonical: bool

    def __call__(self, y: FloatArray, eta: FloatArray, level: Level) -> UnitTerms:
        """Return the unit terms."""
        parts = self.link.evaluate(eta, self._order(level))
        with np.errstate(all="ignore"):
            spread = self.variance(parts[0])
            outside = self._outside(parts[0], spread)
            if outside is not None:
                # A mean of one half is inside every range; derivatives of zero keep NaN away.
                parts = tuple(
                    np.where(outside, 0.5 if k == 0 else 0.0, part) for k, part in enumerate(parts)
                )
                spread = np.where(outside, 1.0, spread)
            value = self.law.unit(y, parts[0])
            if level is Level.VALUE:
                return UnitTerms(value, outside=outside)
            residual = (y - parts[0]) / spread
            score = _without_nan(residual * parts[1])
            if level is Level.SCORE:
                return UnitTerms(value, score, outside=outside)
            information = parts[1] * parts[1] / spread
            if len(parts) == 3:
                slope = self.variance.deriv(parts[0])
                information += residual * (information * slope - parts[2])
            return UnitTerms(value, score, _without_nan(information), outside)

    def _order(self, level: Level) -> int:
        if level is Level.VALUE:
            return 0
        return 2 if level is Level.OBSERVED and not self.canonical else 1

    def _outside(self, mu: FloatArray, spread: FloatArray) -> npt.NDArray[np.bool_] | None:
        low, high = self.variance.means
        inside = (mu > low) & (mu < high) & (spread > 0.0) & (spread < np.inf)
        return None if inside.all() else ~inside


@dataclass(frozen=True)
class TailKernel:
    """Any link with the binomial, through logarithms of both tails of the mean."""

    link: Link

    def __call__(self, y: FloatArray, eta: FloatArray, level: Level) -> UnitTerms:
        """Return the unit terms."""
        log_mean, log_rest, mean_ratio, rest_ratio, curvature = self.link.tails(eta)
        rest = 1.0 - y
        with np.errstate(all="ignore"):
            outside = np.isneginf(log_mean) & np.isneginf(log_rest)
            value = _without_nan(y * log_mean) + _without_nan(rest * log_rest)
            value[outside] = 0.0
            if level is Level.VALUE:
                return UnitTerms(value, outside=outside)
            score = _without_nan(y * mean_ratio - rest * rest_ratio)
            if level is Level.SCORE:
                return UnitTerms(value, score, outside=outside)
            if level is Level.FISHER:
                information = mean_ratio * rest_ratio
            else:
                information = y * mean_ratio * (mean_ratio - curvature)
                information += rest * rest_ratio * (rest_ratio + curvature)
            return UnitTerms(value, score, _without_nan(information), outside)


@dataclass(frozen=True)
class DevianceKernel:
    """Another kernel with its value measured from the saturated model.

    Then the value is minus half the unit deviance, which is what an estimated scale needs.
    """

    kernel: Kernel
    saturated: Callable[[FloatArray], FloatArray]

    def __call__(self, y: FloatArray, eta: FloatArray, level: Level) -> UnitTerms:
        """Return the unit terms."""
        terms = self.kernel(y, eta, level)
        np.subtract(terms.value, self.saturated(y), out=terms.value)
        return terms
