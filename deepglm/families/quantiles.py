"""Quantiles of a distribution function that is known and not its inverse, many rows at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from deepglm.families.contract import FloatArray

__all__ = ["quantiles", "whole_quantiles"]

_CLOSE = 1e-13
"""Difference of a distribution function to a probability that is none."""

_STEPS = 200
"""Halvings of the widest bracket that there can be, and as many steps that are not."""


def quantiles(
    cdf: Callable[[FloatArray], FloatArray], q: FloatArray, low: FloatArray, high: FloatArray
) -> FloatArray:
    """Smallest value at which a distribution function reaches a probability, row by row.

    Parameters
    ----------
    cdf
        From values, in the shape of `q`, to probabilities in that shape; continuous between the
        ends of the brackets. A distribution may have mass at the ends.
    q
        Probabilities.
    low, high
        Brackets: the quantiles are between them.

    Returns
    -------
    ndarray
        In the shape of `q`; NaN where a bracket or the distribution is.

    References
    ----------
    Chandrupatla (1997), Advances in Engineering Software 28, 145-149.

    Examples
    --------
    >>> from scipy import stats
    >>> q = np.array([0.025, 0.975])
    >>> quantiles(stats.norm.cdf, q, np.full(2, -50.0), np.full(2, 80.0)).round(6).tolist()
    [-1.959964, 1.959964]
    """
    low, high = (np.array(end, dtype=np.float64) for end in (low, high))
    with np.errstate(all="ignore"):
        f_low, below = cdf(low) - q, cdf(np.nextafter(high, -np.inf)) - q
        at_low, at_high = f_low >= 0.0, below < 0.0
        settled = at_low | at_high | ~np.isfinite(low + high + f_low)
        answer = np.where(at_low, low, high)
        inside = _crossing(lambda y: cdf(y) - q, low, high, f_low, cdf(high) - q, settled)
    answer = np.where(settled, answer, inside)
    return np.where(np.isfinite(f_low) & np.isfinite(low + high), answer, np.nan)


def _crossing(
    f: Callable[[FloatArray], FloatArray],
    a: FloatArray,
    b: FloatArray,
    fa: FloatArray,
    fb: FloatArray,
    settled: np.ndarray,
) -> FloatArray:
    """Chandrupatla's method: an inverse quadratic where it is safe, half the bracket elsewhere."""
    t = np.full(a.shape, 0.5)
    best = b
    done = settled.copy()
    for _ in range(_STEPS):
        x = np.where(done, best, a + t * (b - a))
        fx = f(x)
        same = np.sign(fx) == np.sign(fa)
        # c is the point that is left behind
        c, fc = np.where(same, a, b), np.where(same, fa, fb)
        b, fb = np.where(same, b, a), np.where(same, fb, fa)
        a, fa = x, fx
        best = np.where(done, best, np.where(np.abs(fa) < np.abs(fb), a, b))
        width = np.abs(b - a)
        nearest = np.minimum(np.abs(fa), np.abs(fb))
        done = done | (nearest <= _CLOSE) | (width <= 4e-16 * np.abs(best)) | (width == 0.0)
        if done.all():
            break
        ratio, share = (a - b) / (c - b), (fa - fb) / (fc - fb)
        quadratic = (share**2 < ratio) & ((1.0 - share) ** 2 < 1.0 - ratio)
        step = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        t = np.where(quadratic & np.isfinite(step), np.clip(step, 1e-6, 1.0 - 1e-6), 0.5)
    return np.asarray(best)


def whole_quantiles(
    cdf: Callable[[FloatArray], FloatArray], q: FloatArray, low: FloatArray, high: FloatArray
) -> FloatArray:
    """The same for a distribution on whole numbers.

    Examples
    --------
    >>> from scipy import stats
    >>> q = np.array([0.025, 0.975])
    >>> whole_quantiles(stats.poisson(3.0).cdf, q, np.zeros(2), np.full(2, 50.0)).tolist()
    [0.0, 7.0]
    """
    known = np.isfinite(low + high)
    low, high = np.where(known, np.floor(low) - 1.0, -1.0), np.where(known, np.ceil(high), 0.0)
    while (high - low > 1.0).any():
        middle = np.floor(0.5 * (low + high))
        reached = cdf(middle) >= q
        high, low = np.where(reached, middle, high), np.where(reached, low, middle)
    return np.where(known, high, np.nan)
