"""Whether one set of slopes serves all cut-points of an ordinal response: score tests.

With slopes of their own for every cut-point, ``P(Y <= c) = F(tau_c - x' beta_c)``. Each cut-point
less its linear predictor is a channel; the score and the expected information of a row in these
channels give those of all ``(tau_c, beta_c)``, and the test needs no other fit.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import linalg, stats

from deepglm.inference.fitted import Array, Fitted

__all__ = ["proportionality"]


def proportionality(
    fitted: Fitted, columns: Array, groups: list[list[int]]
) -> list[tuple[float, int, float]]:
    """Score tests that the slopes of groups of columns are the same at all cut-points.

    Parameters
    ----------
    fitted
        An unpenalised ordinal model without hidden layers, at its maximum.
    columns
        Numbers of the columns of the final layer that have slopes, the intercept left out.
    groups
        Positions among them, of the columns that are tested together.

    Returns
    -------
    list of (statistic, degrees of freedom, p-value)
        For every group; chi-square under the null hypothesis.

    References
    ----------
    Peterson and Harrell (1990), "Partial proportional odds models for ordinal response variables",
    Applied Statistics 39, 205-217.
    """
    score, information = _unconstrained(fitted, columns)
    cuts, p = len(score), len(columns)
    found = []
    for group in groups:
        T = _design(cuts, p, group)
        S = T.T @ score.ravel()
        F = T.T @ information @ T
        d = np.sqrt(np.diag(F))
        half = linalg.solve(F / d / d[:, None], S / d, assume_a="pos")
        statistic, df = float(half @ (S / d)), (cuts - 1) * len(group)
        found.append((statistic, df, float(stats.chi2.sf(statistic, df))))
    return found


def _unconstrained(fitted: Fitted, columns: Array) -> tuple[Array, Array]:
    """Score (cuts, 1 + p) and expected information of cut-points and slopes of their own."""
    width, cuts = 1 + len(columns), len(fitted.family.thresholds(fitted.aux)) + 1
    score = np.zeros((cuts, width))
    blocks = np.zeros((cuts, cuts, width, width))
    for X, u, W in _channels(fitted):
        Z = np.concatenate((np.ones((1, X.shape[1])), -X[columns]))
        score += u @ Z.T
        for c in range(cuts):
            for d in range(max(0, c - 1), min(cuts, c + 2)):
                blocks[c, d] += (Z * W[c, d]) @ Z.T
    return score, blocks.transpose(0, 2, 1, 3).reshape(cuts * width, cuts * width)


def _channels(fitted: Fitted) -> Iterator[tuple[Array, Array, Array]]:
    """Columns (k, m), score (cuts, m) and expected information (cuts, cuts, m) of the rows."""
    family, aux, lo = fitted.family, fitted.aux, 0
    for block in fitted.rows.blocks():
        eta = fitted.etas[:, lo : lo + block.n]
        lo += block.n
        p = family.statistic("prob", eta, aux)
        density = -family.statistic_slopes("cumprob", eta, aux)[:, 0]
        weight = block.weight * block.freq
        code, cuts = block.y.astype(int), len(density)
        at = np.arange(cuts)[:, None]
        own = np.maximum(p[code, np.arange(block.n)], 1e-300)
        u = weight * density * ((code == at).astype(float) - (code == at + 1)) / own
        W = np.zeros((cuts, cuts, block.n))
        safe = np.maximum(p, 1e-300)
        for c in range(cuts):
            W[c, c] = weight * density[c] ** 2 * (1.0 / safe[c] + 1.0 / safe[c + 1])
            if c + 1 < cuts:
                W[c, c + 1] = W[c + 1, c] = -weight * density[c] * density[c + 1] / safe[c + 1]
        yield block.designs[0], u, W


def _design(cuts: int, p: int, group: list[int]) -> Array:
    """Cut-points, common slopes, and what the slopes of a group add at the cuts after the first."""
    width = 1 + p
    T = np.zeros((cuts * width, cuts + p + (cuts - 1) * len(group)))
    for c in range(cuts):
        T[c * width, c] = 1.0
        T[c * width + 1 : (c + 1) * width, cuts : cuts + p] = np.eye(p)
        for k, j in enumerate(group):
            if c:
                T[c * width + 1 + j, cuts + p + (c - 1) * len(group) + k] = 1.0
    return T
