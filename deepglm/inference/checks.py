"""Is the distribution right? Tests of variance and zeros, calibration, and of the delta method.

Fitted means follow the responses, the closer the more coefficients there are: the mean square of a
residual is too small by the share ``h`` of its leverage, which is put back.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import statsmodels.api as sm
from scipy import optimize, special, stats
from statsmodels.stats.proportion import proportion_confint
from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

from deepglm.families import Level
from deepglm.inference.criteria import loglike_rows
from deepglm.inference.fitted import Array, Fitted
from deepglm.inference.uncertainty import Functional

__all__ = [
    "Check",
    "Counts",
    "Curve",
    "Events",
    "Simulated",
    "Zeros",
    "calibration_curve",
    "calibration_errors",
    "calibration_tests",
    "cameron_trivedi",
    "dean_binomial",
    "dean_lawless",
    "koenker",
    "pearson",
    "recalibrated",
    "simulated",
    "spiegelhalter",
]


_NO_ZEROS = 0.01
"""Expected number of zeros below which there is nothing to test."""

_TINY = 1e-150
"""In place of a probability of zero that has all but underflowed; its square has not."""


class Check(NamedTuple):
    """A test: its statistic, degrees of freedom (NaN for a normal one) and p-value."""

    statistic: float
    df: float
    pvalue: float


def _normal(z: float) -> Check:
    return Check(z, np.nan, float(2.0 * stats.norm.sf(abs(z))))


def _chi2(statistic: float, df: float) -> Check:
    return Check(statistic, df, float(stats.chi2.sf(statistic, df)))


@dataclass(frozen=True, eq=False)
class Counts:
    """Counts with their fitted means.

    Parameters
    ----------
    y, mu
        (n,) counts and means.
    h
        (n,) leverages of single copies of rows.
    freq
        (n,) frequencies.
    """

    y: Array
    mu: Array
    h: Array
    freq: Array

    @property
    def excess(self) -> Array:
        """(n,) squared residuals beyond what Poisson counts have, in expectation zero."""
        return np.asarray((self.y - self.mu) ** 2 - self.y + self.h * self.mu)


def pearson(chi2: float, df: float) -> Check:
    """Pearson's chi-square, for means that are not small; two-sided."""
    lower, upper = stats.chi2.cdf(chi2, df), stats.chi2.sf(chi2, df)
    return Check(chi2, df, float(min(1.0, 2.0 * min(lower, upper))))


def dean_lawless(counts: Counts) -> Check:
    """Score test of Poisson counts against a variance of ``mu + a mu**2``.

    References
    ----------
    Dean and Lawless (1989), Journal of the American Statistical Association 84, 467-472.
    """
    total = counts.freq @ counts.excess
    return _normal(float(total / np.sqrt(2.0 * counts.freq @ counts.mu**2)))


def cameron_trivedi(counts: Counts, power: int) -> Check:
    """Regression test of Poisson counts against a variance of ``mu + a mu**power``, power 1 or 2.

    The excess over the mean is regressed on ``mu**(power - 1)``; z with a robust standard error.

    References
    ----------
    Cameron and Trivedi (1990), Journal of Econometrics 46, 347-364.
    """
    z, x, freq = counts.excess / counts.mu, counts.mu ** (power - 1), counts.freq
    a = float(freq @ (x * z) / (freq @ (x * x)))
    n = float(freq.sum())
    variance = freq @ (x * x * (z - a * x) ** 2) / (freq @ (x * x)) ** 2 * n / (n - 1.0)
    return _normal(a / float(np.sqrt(variance)))


def dean_binomial(counts: Counts, trials: Array) -> Check:
    """Score test of binomial counts against probabilities that vary within a row.

    Parameters
    ----------
    counts
        Successes, and means that are trials times probability.
    trials
        (n,) trials; some above 1.

    References
    ----------
    Dean (1992), Journal of the American Statistical Association 87, 451-457.
    """
    p = counts.mu / trials
    residual = counts.y - counts.mu
    square = residual**2 + counts.h * counts.mu * (1.0 - p)
    terms = (square + p * residual - counts.y * (1.0 - p)) / (p * (1.0 - p))
    scale = np.sqrt(2.0 * counts.freq @ (trials * (trials - 1.0)))
    return _normal(float(counts.freq @ terms / scale))


@dataclass(frozen=True, eq=False)
class Zeros:
    """Zeros among counts, and their probabilities.

    Parameters
    ----------
    fitted
        A model of counts at its estimate.
    N
        (free, free) inverse of the information with the penalty.
    F
        (free, free) information without it.
    """

    fitted: Fitted
    N: Array
    F: Array

    @cached_property
    def chance(self) -> Array:
        """(n,) probabilities of a zero."""
        none = self._empty
        return np.asarray(np.exp(loglike_rows(none, none.etas, none.aux, 1.0)))

    @property
    def seen(self) -> float:
        """How many there are."""
        rows = self.fitted.rows
        return float(rows.freq @ (rows.y == 0.0))

    @property
    def expected(self) -> float:
        """How many the model expects."""
        return float(self.fitted.rows.freq @ self.chance)

    def modified(self) -> Check:
        """Score test of a common share of zeros beside (or missing from) the distribution.

        One row of a large mean, in which a zero is next to impossible, takes its power away.

        References
        ----------
        Van den Broek (1995), Biometrics 51, 738-743, for the Poisson.
        """
        return self._test(1.0 / np.maximum(self.chance, _TINY))

    def excess(self) -> Check:
        """Test of the number of zeros against the one that is expected.

        References
        ----------
        He, Zhang, Ye and Tang (2019), Statistical Methods in Medical Research 28, 1157-1169, for
        the Poisson.
        """
        return self._test(np.ones_like(self.chance))

    @cached_property
    def _empty(self) -> Fitted:
        """The same model with a response of zero in every row."""
        rows = self.fitted.rows
        return replace(self.fitted, rows=replace(rows, y=np.zeros_like(rows.y), constant=None))

    def _test(self, weight: Array) -> Check:
        """Sum over the rows of weights times zeros less their probability, standardised.

        The parameters are estimated, which takes from its variance what it has in common with the
        scores of the rows: the covariance of a zero with a score is the score at a zero, times the
        probability.
        """
        rows, p = self.fitted.rows, self.chance
        if self.seen == 0.0 and self.expected < _NO_ZEROS:
            return Check(np.nan, np.nan, np.nan)
        total = rows.freq @ (weight * ((rows.y == 0.0) - p))
        own = rows.freq @ (weight**2 * p * (1.0 - p))
        common, at = np.zeros(len(self.N)), 0
        for block in self._empty.blocks(Level.FISHER):
            here = slice(at, at + len(block.freq))
            common += block.scores @ (block.freq * weight[here] * p[here])
            at = here.stop
        c = self.N @ common
        variance = own - 2.0 * common @ c + c @ self.F @ c
        return _normal(float(total / np.sqrt(variance)))


def koenker(squares: Array, X: Array, freq: Array) -> Check:
    """Studentised Breusch-Pagan test: squared residuals regressed on columns.

    Parameters
    ----------
    squares
        (n,) squared residuals.
    X
        (k, n) columns; an intercept is added, and linear combinations of others do not count.
    freq
        (n,) frequencies.

    References
    ----------
    Koenker (1981), Journal of Econometrics 17, 107-112.
    """
    design = np.concatenate((np.ones((1, X.shape[1])), X)).T
    root = np.sqrt(freq)
    centred = root * (squares - freq @ squares / freq.sum())
    design *= root[:, None]
    slopes, _, rank, _ = np.linalg.lstsq(design, centred, rcond=1e-10)
    explained = float(np.sum((design @ slopes) ** 2) / (centred @ centred))
    return _chi2(float(freq.sum()) * explained, float(rank - 1))


# -- calibration of probabilities ---------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Events:
    """Shares of trials in which an event came, and its probabilities.

    Parameters
    ----------
    y, p
        (n,) shares and probabilities.
    trials
        (n,) trials, each with its frequency.
    """

    y: Array
    p: Array
    trials: Array

    @property
    def logit(self) -> Array:
        """(n,) log odds, those of a certain event 36."""
        tiny = np.finfo(float).eps
        return np.asarray(special.logit(np.clip(self.p, tiny, 1.0 - tiny)))

    @property
    def separated(self) -> bool:
        """Whether all log odds of events are on one side of those of the rest."""
        x = self.logit
        some, others = x[self.y > 0.0], x[self.y < 1.0]
        if not self.mixed:
            return True
        apart = others.max() <= some.min() or some.max() <= others.min()
        return bool(apart and x.min() < x.max())

    @property
    def mixed(self) -> bool:
        """Whether there are events, and others."""
        return bool((self.y > 0.0).any() and (self.y < 1.0).any())

    @property
    def pooled(self) -> float:
        """Least deviance of a logistic regression on log odds that separate events from the rest.

        What is left is that of rows with the same log odds on the border.
        """
        x = self.logit
        border = np.intersect1d(x[self.y > 0.0], x[self.y < 1.0])
        here = np.isin(x, border)
        y, trials = self.y[here], self.trials[here]
        mean = trials @ y / max(trials.sum(), np.finfo(float).tiny)
        terms = special.rel_entr(y, mean) + special.rel_entr(1.0 - y, 1.0 - mean)
        return float(2.0 * trials @ terms)


def recalibrated(events: Events) -> tuple[Array, Array]:
    """Intercept and slope of a logistic regression on the log odds, and their standard errors.

    NaN where the log odds separate events from the rest, so that the slope has no finite estimate.

    References
    ----------
    Cox (1958), Biometrika 45, 562-565.
    """
    if events.separated:
        return np.full(2, np.nan), np.full(2, np.nan)
    fit = _regression(events, np.column_stack((np.ones(len(events.p)), events.logit)), None)
    return np.asarray(fit.params), np.asarray(fit.bse)


def _regression(events: Events, X: Array, offset: Array | None) -> Any:
    family = sm.families.Binomial()
    model = sm.GLM(events.y, X, family=family, offset=offset, freq_weights=events.trials)
    with warnings.catch_warnings(), np.errstate(over="ignore"):
        # a level beside log odds that foretell all events, whose estimate is not shown
        warnings.simplefilter("ignore", PerfectSeparationWarning)
        return model.fit()


def calibration_tests(events: Events) -> dict[str, Check]:
    """Likelihood ratio tests of the intercept at slope 1, and of intercept 0 and slope 1."""

    def deviance(eta: Array) -> float:
        found = special.expit(eta)
        terms = special.rel_entr(events.y, found) + special.rel_entr(1.0 - events.y, 1.0 - found)
        return float(2.0 * events.trials @ terms)

    given = deviance(events.logit)
    large, both = given, given - events.pooled
    if events.mixed:
        one = np.ones((len(events.p), 1))
        large -= deviance(_regression(events, one, events.logit).params[0] + events.logit)
    if not events.separated:
        free = recalibrated(events)[0]
        both = given - deviance(free[0] + free[1] * events.logit)
    return {
        "in the large": _chi2(max(large, 0.0), 1.0),
        "intercept 0 and slope 1": _chi2(max(both, 0.0), 2.0),
        "Spiegelhalter": spiegelhalter(events),
    }


def spiegelhalter(events: Events) -> Check:
    """Test of the Brier score against its expectation.

    References
    ----------
    Spiegelhalter (1986), Statistics in Medicine 5, 421-433.
    """
    p, m = events.p, events.trials
    total = m @ ((events.y - p) * (1.0 - 2.0 * p))
    variance = float(m @ ((1.0 - 2.0 * p) ** 2 * p * (1.0 - p)))
    if variance == 0.0:  # all is certain
        return Check(np.nan, np.nan, np.nan)
    return _normal(float(total / np.sqrt(variance)))


class Curve(NamedTuple):
    """Groups of rows of similar probabilities: (bins,) arrays."""

    predicted: Array
    observed: Array
    lower: Array
    upper: Array
    trials: Array


def calibration_curve(events: Events, bins: int, alpha: float) -> Curve:
    """Mean probability and share of events in groups of equal size, with Wilson's intervals."""
    order = np.argsort(events.p, kind="stable")
    before = np.cumsum(events.trials[order]) - 0.5 * events.trials[order]
    group = np.zeros(len(order), dtype=np.intp)
    group[order] = np.minimum((before / events.trials.sum() * bins).astype(np.intp), bins - 1)
    trials = np.bincount(group, events.trials, bins).astype(np.float64)
    used = trials > 0.0
    trials = trials[used]
    predicted = np.bincount(group, events.trials * events.p, bins)[used] / trials
    successes = np.bincount(group, events.trials * events.y, bins)[used]
    lower, upper = proportion_confint(successes, trials, alpha, method="wilson")
    return Curve(predicted, successes / trials, np.asarray(lower), np.asarray(upper), trials)


def calibration_errors(events: Events) -> Array:
    """Mean, median and 90% quantile of how far probabilities are from an isotonic regression.

    References
    ----------
    Austin and Steyerberg (2019), Statistics in Medicine 38, 4051-4065, with another smoother.
    """
    order = np.argsort(events.p, kind="stable")
    weights = events.trials[order]
    smooth = optimize.isotonic_regression(events.y[order], weights=weights).x
    off = np.abs(smooth - events.p[order])
    ranked = np.argsort(off)
    share = (np.cumsum(weights[ranked]) - 0.5 * weights[ranked]) / weights.sum()
    middle, high = np.interp([0.5, 0.9], share, off[ranked])
    return np.array([off @ weights / weights.sum(), middle, high])


# -- the delta method ---------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Simulated:
    """Functions of parameters drawn around the estimate, against their linearisation.

    Parameters
    ----------
    value
        (k,) at the estimate.
    delta
        (k,) standard errors by the delta method, of these rows.
    sd, median
        (k,) standard deviations and medians of the draws.
    """

    value: Array
    delta: Array
    sd: Array
    median: Array

    @property
    def ratio(self) -> Array:
        """(k,) standard deviation of the draws over standard error."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.sd / self.delta)

    @property
    def shift(self) -> Array:
        """(k,) how far the median of the draws is from the estimate, in standard errors."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((self.median - self.value) / self.delta)

    @property
    def curved(self) -> Array:
        """(k,) where the delta method should not be relied on."""
        return np.asarray(~((self.ratio >= 0.8) & (self.ratio <= 1.25) & (abs(self.shift) <= 0.25)))


def simulated(
    fitted: Fitted, cov: Array, f: Functional, draws: int, rng: np.random.Generator
) -> Simulated:
    """Compare standard errors of the delta method with normal draws of the parameters.

    Parameters
    ----------
    fitted
        A model at its estimate.
    cov
        (free, free) covariance of the estimated parameters.
    f
        The functions.
    draws
        How many.
    rng
        Draws.

    References
    ----------
    Ross (1987), The American Statistician 41, 12-17, on simulation from the asymptotic
    distribution; Bates and Watts (1980), Journal of the Royal Statistical Society B 42, 1-25.
    """
    share = fitted.rows.freq / fitted.wnobs
    G = f.jacobian(fitted.theta)[:, fitted.free]
    e, Q = np.linalg.eigh(cov)
    root = Q * np.sqrt(np.maximum(e, 0.0))
    theta = fitted.theta.copy()
    found = np.empty((draws, len(G)))
    for k in range(draws):
        theta[fitted.free] = fitted.theta[fitted.free] + root @ rng.normal(size=len(e))
        found[k] = f.value(theta, share)
    return Simulated(
        f.value(fitted.theta, share),
        np.sqrt(np.einsum("kj,jl,kl->k", G, cov, G)),
        found.std(axis=0, ddof=1),
        np.median(found, axis=0),
    )
