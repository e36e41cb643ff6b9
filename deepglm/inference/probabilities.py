"""Where responses lie in their fitted distributions: quantile residuals and their histogram.

Under the model the distribution function at a response is uniform. At a response that has a
probability of its own, as every count has, it jumps; both ends of the jump are kept, as
probabilities below and above, so that no digit is lost in either tail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special, stats

from deepglm.errors import NotAvailableError
from deepglm.families import MeanFamily
from deepglm.families.categorical import Categorical
from deepglm.families.compound_poisson import CompoundPoisson
from deepglm.inference.fitted import Array, Fitted

__all__ = ["Jumps", "jumps", "pit_histogram", "quantile_residuals", "whole"]

_SMALLEST = float(np.finfo(float).tiny)
"""In place of a probability that has underflowed: a residual of 37 and some."""


@dataclass(frozen=True, eq=False)
class Jumps:
    """Distribution functions of rows just before and at their responses.

    Parameters
    ----------
    below
        (2, n) probabilities of less than the response, and of at most it.
    above
        (2, n) one minus these, each to full accuracy.
    """

    below: Array
    above: Array

    @property
    def continuous(self) -> bool:
        """Whether no response has a probability of its own, so that nothing is random."""
        return bool((self.below[0] == self.below[1]).all())

    def normal(self, share: Array) -> Array:
        """(n,) normal quantiles at a share of the way up every jump."""
        p = self.below[0] + share * (self.below[1] - self.below[0])
        q = self.above[1] + (1.0 - share) * (self.above[0] - self.above[1])
        lower = special.ndtri(np.maximum(p, _SMALLEST))
        upper = -special.ndtri(np.maximum(q, _SMALLEST))
        return np.asarray(np.where(p < 0.5, lower, upper))


def quantile_residuals(ends: Jumps, rng: np.random.Generator) -> Array:
    """(n,) randomised quantile residuals, standard normal under the model.

    Parameters
    ----------
    ends
        Of the responses.
    rng
        Places a residual within its jump, uniformly; continuous responses need no draws.

    References
    ----------
    Dunn and Smyth (1996), Journal of Computational and Graphical Statistics 5, 236-244.
    """
    return ends.normal(np.asarray(rng.random(ends.below.shape[1])))


def pit_histogram(ends: Jumps, freq: Array, bins: int) -> Array:
    """(bins,) heights of the histogram of distribution functions at the responses; 1 on average.

    A jump is spread evenly over its length, so that nothing is random.

    References
    ----------
    Czado, Gneiting and Held (2009), Biometrics 65, 1254-1261, equation (2).
    """
    low, high = ends.below
    width = high - low
    shares = np.empty(bins + 1)
    for k, edge in enumerate(np.linspace(0.0, 1.0, bins + 1)):
        with np.errstate(divide="ignore", invalid="ignore"):
            inside = np.clip((edge - low) / width, 0.0, 1.0)
        shares[k] = freq @ np.where(width > 0.0, inside, high <= edge)
    shares[0] = 0.0
    return np.asarray(np.diff(shares) * bins / freq.sum())


def jumps(fitted: Fitted, trials: Array, scale: float) -> Jumps:
    """Distribution functions just before and at the responses.

    Parameters
    ----------
    fitted
        A model at its estimate.
    trials
        (n,) trials of binomial counts.
    scale
        Dispersion, for families that have one.
    """
    reading = fitted.family.reading
    if reading == "interval":
        return _of_intervals(fitted)
    if reading in ("classes", "ordered"):
        return _of_classes(fitted)
    if not isinstance(fitted.given, MeanFamily):
        raise _without(fitted)
    y, law = _law(fitted, trials, scale)
    return _of_law(y, law)


def _without(fitted: Fitted) -> NotAvailableError:
    return NotAvailableError(
        f"quantile residuals need a distribution, and the family {fitted.given.name} has a mean "
        "and a variance only. resid_deviance and resid_pearson need no distribution."
    )


def _law(fitted: Fitted, trials: Array, scale: float) -> tuple[Array, Any]:
    """Responses as numbers or counts, and their distribution.

    A weight of a binomial or Poisson row stands for trials or exposure: the response is a rate, and
    what is counted is the rate times the weight.
    """
    rows, family, mu = fitted.rows, fitted.mean_family, fitted.mu
    make = getattr(family.statsmodels, "get_distribution", None)
    if make is None:  # a family of a user's own may have one
        try:
            return rows.y, family.distribution(fitted.etas, fitted.aux, rows.weight)
        except NotAvailableError:
            raise _without(fitted) from None
    law = make(mu, scale, var_weights=rows.weight / np.where(trials > 0.0, trials, 1.0))
    if not _is_discrete(law):
        return rows.y, law
    name, weight = law.dist.name, rows.weight
    if name == "poisson":
        return whole(rows.y * weight, fitted), stats.poisson(mu * weight)
    if name == "binom":
        return whole(rows.y * weight, fitted), stats.binom(whole(weight, fitted), mu)
    if (weight != 1.0).any():
        raise NotAvailableError(
            f"quantile residuals: no {family.name} distribution has a variance divided by a "
            "weight. Fit without var_weights=, or use resid_deviance."
        )
    return rows.y, law


def whole(counts: Array, fitted: Fitted) -> Array:
    """Whole numbers of counts, or an error that says why there is no distribution of them."""
    found = np.round(counts)
    if (np.abs(counts - found) > 1e-8 * np.maximum(found, 1.0)).any():
        raise NotAvailableError(
            f"quantile residuals: responses times weights are not whole numbers, so that no "
            f"{fitted.family.name} distribution belongs to them. Use resid_deviance, or give "
            "counts with exposure= or trials."
        )
    return found


def _is_discrete(law: Any) -> bool:
    return isinstance(getattr(law, "dist", None), stats.rv_discrete)


def _of_law(y: Array, law: Any) -> Jumps:
    """By a distribution object; counts have jumps everywhere, sums of amounts one at zero."""
    upper = np.asarray(law.cdf(y))
    tail = np.asarray(law.sf(y)) if hasattr(law, "sf") else 1.0 - upper
    if _is_discrete(law):
        return Jumps(np.stack([law.cdf(y - 1.0), upper]), np.stack([law.sf(y - 1.0), tail]))
    lower, before = upper, tail
    if isinstance(law, CompoundPoisson):
        lower, before = np.where(y == 0.0, 0.0, upper), np.where(y == 0.0, 1.0, tail)
    return Jumps(np.stack([lower, upper]), np.stack([before, tail]))


def _of_classes(fitted: Fitted) -> Jumps:
    """By the order of the classes, with a trial for every row."""
    y, law = fitted.rows.y, fitted.given.distribution(fitted.etas, fitted.aux, fitted.rows.weight)
    assert isinstance(law, Categorical)
    p = law.probabilities
    if y.ndim == 2:
        if ((y != 0.0) & (y != 1.0)).any():
            raise NotAvailableError(
                "quantile residuals: rows with counts of several classes have no order, and no "
                "distribution function. resid_pearson has a column for every class."
            )
        y = y.argmax(axis=0)
    codes, columns = y.astype(np.intp), np.arange(p.shape[1])
    zero = np.zeros((1, p.shape[1]))
    up = np.concatenate((zero, np.cumsum(p, axis=0)))
    down = np.concatenate((np.cumsum(p[::-1], axis=0)[::-1], zero))
    where = np.stack([codes, codes + 1])
    return Jumps(np.minimum(up[where, columns], 1.0), np.minimum(down[where, columns], 1.0))


def _of_intervals(fitted: Fitted) -> Jumps:
    """By the distribution of the latent outcome, which jumps over what was not seen."""
    y = fitted.rows.y
    law = fitted.given.distribution(fitted.etas, fitted.aux, fitted.rows.weight)
    if len(y) == 2:
        low, high = y
    else:
        law, (value, lower, upper) = law.latent, y
        low = np.where(value <= lower, -np.inf, value)
        high = np.where(value >= upper, np.inf, value)
    return Jumps(np.stack([law.cdf(low), law.cdf(high)]), np.stack([law.sf(low), law.sf(high)]))
