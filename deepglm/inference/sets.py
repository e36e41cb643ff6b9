"""Probabilities of classes when the parameters are uncertain, and sets of classes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

from deepglm.families import Family, MeanFamily
from deepglm.inference.fitted import Array, Mask
from deepglm.inference.mixture import FEW

__all__ = ["contiguous_sets", "expected_probabilities", "probabilities_at", "smallest_sets"]

_POINTS = 512
"""Points of the rule over three and more uncertain numbers."""

_ROUNDING = 1e-12


def probabilities_at(family: Family, channels: Array) -> Array:
    """(J, m) probabilities of classes, where every row has cut-points of its own.

    Parameters
    ----------
    family
        One of classes, or a binomial family, whose classes are failure and success.
    channels
        (k_eta + auxiliary, m) linear predictors and auxiliary parameters.
    """
    if isinstance(family, MeanFamily):
        p = family.mean(channels)
        return np.stack((1.0 - p, p))
    if not family.cut_labels:
        return family.statistic("prob", channels, np.empty(0))
    cuts = np.concatenate((np.zeros((1, channels.shape[1])), np.cumsum(np.exp(channels[1:]), 0)))
    below = family.link.inverse(cuts - channels[0])
    return np.diff(below, axis=0, prepend=0.0, append=1.0)


def expected_probabilities(
    probabilities: Callable[[Array], Array], centre: Array, covariance: Array
) -> Array:
    """(J, m) probabilities of classes, averaged over a normal law of what they depend on.

    Parameters
    ----------
    probabilities
        From (d, m) linear predictors and auxiliary parameters to (J, m) probabilities.
    centre
        (d, m) estimates.
    covariance
        (m, d, d) their covariances.

    Notes
    -----
    One or two numbers by a Gauss-Hermite rule of 20 nodes in each direction; more by 512 points of
    a Sobol sequence with a fixed seed, so that the same rows have the same sets.
    """
    z, w = _nodes(len(centre))
    known = np.asarray(np.isfinite(covariance).all(axis=(1, 2)) & np.isfinite(centre).all(axis=0))
    e, Q = np.linalg.eigh(np.where(known[:, None, None], covariance, 0.0))
    root = Q * np.sqrt(np.maximum(e, 0.0))[:, None, :]
    total = sum(
        weight * probabilities(centre + (root @ point).T)
        for weight, point in zip(w, z, strict=True)
    )
    return np.where(known, total, np.nan)


def _nodes(d: int) -> tuple[Array, Array]:
    """(K, d) points and (K,) weights of a standard normal law."""
    if d > 2:
        uniform = stats.qmc.Sobol(d, seed=0).random(_POINTS)
        return np.asarray(stats.norm.ppf(uniform)), np.full(_POINTS, 1.0 / _POINTS)
    z, w = FEW.z, FEW.w
    if d == 1:
        return z[:, None], w
    both = np.stack(np.meshgrid(z, z), axis=-1).reshape(-1, 2)
    weights = np.outer(w, w).reshape(-1)
    kept = weights > 1e-12
    return both[kept], weights[kept] / weights[kept].sum()


def smallest_sets(p: Array, least: float) -> Mask:
    """(J, m) the fewest classes that reach a probability together: the likeliest ones.

    Examples
    --------
    >>> smallest_sets(np.array([[0.2], [0.7], [0.1]]), 0.85).ravel().tolist()
    [True, True, False]
    """
    order = np.argsort(-p, axis=0, kind="stable")
    before = np.cumsum(np.take_along_axis(p, order, axis=0), axis=0)
    taken = np.concatenate((np.zeros((1, p.shape[1])), before[:-1])) < least - _ROUNDING
    chosen = np.empty(p.shape, dtype=bool)
    np.put_along_axis(chosen, order, taken, axis=0)
    return chosen


def contiguous_sets(p: Array, least: float) -> Mask:
    """(J, m) the fewest neighbours among ordered classes that reach a probability together.

    Of several runs of that length the likeliest.

    Examples
    --------
    >>> contiguous_sets(np.array([[0.45], [0.05], [0.5]]), 0.6).ravel().tolist()
    [True, True, True]
    """
    J, m = p.shape
    below = np.concatenate((np.zeros((1, m)), np.cumsum(p, axis=0)))
    first, length = np.zeros(m, dtype=int), np.full(m, J)
    for size in range(J, 0, -1):
        runs = below[size:] - below[:-size]
        best = np.argmax(runs, axis=0)
        reached = runs[best, np.arange(m)] >= least - _ROUNDING
        first, length = np.where(reached, best, first), np.where(reached, size, length)
    code = np.arange(J)[:, None]
    return np.asarray((code >= first) & (code < first + length))
