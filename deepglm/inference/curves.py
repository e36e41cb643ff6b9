"""Bands around curves, and where a curve is no longer held by data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from deepglm.inference.fitted import Array, Fitted
from deepglm.predictor import forward, jacobian

__all__ = ["critical_value", "tangent_leverage", "weighted_quantiles"]

DRAWS = 10_000
"""Draws of a curve's largest error; the quantile of .95 is known to about .01."""


def critical_value(cov: Array, alpha: float, draws: int = DRAWS) -> float:
    """How many standard errors the largest error of a curve exceeds with probability alpha.

    Parameters
    ----------
    cov
        (k, k) covariance of the curve's points; points without error are left out.
    alpha
        One minus the probability that the whole band covers.
    draws
        How many curves are drawn, always the same ones.

    References
    ----------
    Ruppert, Wand and Carroll (2003), Semiparametric Regression, section 6.5.
    """
    variance = np.diag(cov)
    some = np.isfinite(variance) & (variance > 0.0)
    least = float(stats.norm.ppf(1.0 - alpha / 2.0))
    if not some.any():
        return least
    se = np.sqrt(variance[some])
    values, vectors = np.linalg.eigh(cov[np.ix_(some, some)] / se / se[:, None])
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    root = root[:, values > 1e-12 * values[-1]]
    Z = np.random.default_rng(0).standard_normal((draws, root.shape[1]))
    largest = np.abs(Z @ root.T).max(axis=1)
    return max(least, float(np.quantile(largest, 1.0 - alpha)))


def weighted_quantiles(x: Array, share: Array, q: Array) -> Array:
    """Quantiles of weighted numbers: the least that has a share of at least q up to it.

    A weight of two counts as the number twice, and one of zero not at all.

    Parameters
    ----------
    x
        (n,) numbers.
    share
        (n,) weights.
    q
        Probabilities.

    Examples
    --------
    >>> weighted_quantiles(np.array([3.0, 1.0, 2.0]), np.array([1.0, 2.0, 0.0]), np.array([0.6, 1]))
    array([1., 3.])
    """
    order = np.argsort(x, kind="stable")
    order = order[share[order] > 0.0]
    below = np.cumsum(share[order])
    # shares add up to one but for rounding
    at = np.searchsorted(below, np.asarray(q) * (below[-1] * (1.0 - 1e-12)), side="left")
    return np.asarray(x[order][np.minimum(at, len(order) - 1)])


def tangent_leverage(fitted: Fitted, root: Array, designs: Sequence[Array]) -> Array:
    """(m,) squared standard error of eta at dispersion 1, summed over linear predictors.

    Parameters
    ----------
    fitted
        A model at its estimate.
    root
        (free, r) root of the covariance of the free parameters at dispersion 1, the coefficients
        first.
    designs
        Standardised (columns, m) designs.
    """
    predictor, free = fitted.predictor, fitted.free[: fitted.predictor.size]
    state = forward(predictor.unpack(fitted.theta[: predictor.size]), predictor, designs, 1)
    total = np.zeros(state.eta.shape[1])
    for k in range(predictor.k_eta):
        moved = root[: free.sum()].T @ jacobian(state, predictor, k)[free]
        total += np.square(moved).sum(axis=0)
    return total
