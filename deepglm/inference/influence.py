"""Influence of rows: what one step says of the estimate without each of them, for any depth.

With ``A`` the information of the penalised likelihood, ``J`` the derivatives of a row's channels
(its linear predictors and the auxiliary parameters), ``u`` its score and ``W`` its information in
them, one step of scoring from the estimate towards that without the row is ``-D`` with

    D = A^-1 J' (I - W K)^-1 u,        K = J A^-1 J',

which is Pregibon's ``A^-1 J' u / (1 - h)`` where there is one channel. All is at dispersion 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from deepglm.execution import Workers
from deepglm.families import Level
from deepglm.inference.fitted import Array, Fitted, RowDerivatives
from deepglm.solvers import Control, Problem, Scoring

__all__ = ["Deletion", "deletion", "functional_changes", "refit_without"]

_CLOSE = 1e-12
"""Half the decrement, in log-likelihood units, at which a refit without a row is done."""


@dataclass(frozen=True, eq=False)
class Deletion:
    """What one step says of the estimate without each row.

    Parameters
    ----------
    leverage
        (n,) trace of ``W K``, with all copies of a row.
    channels
        (C, n) how much higher the row's own channels are with it than without it.
    covariance
        (C, C, n) covariances of the row's channels, ``K``.
    distance
        (n,) ``D' A D``: the squared length of the step in the metric of the information.
    """

    leverage: Array
    channels: Array
    covariance: Array
    distance: Array


def deletion(fitted: Fitted, N: Array, level: Level = Level.FISHER) -> Deletion:
    """Delete every row in turn, all its copies at once, by one step.

    Parameters
    ----------
    fitted
        A model at its estimate.
    N
        (free, free) inverse of the information with the penalty, at dispersion 1.
    level
        Expected or observed information of the rows; `N` should be of the same.

    References
    ----------
    Pregibon (1981), Annals of Statistics 9, 705-724.
    """
    parts = []
    for block in fitted.blocks(level):
        K, pulled = _pull(block, N)
        moved = np.einsum("cdm,dm->cm", K, pulled)
        lever = np.einsum("cdm,dcm->m", _weights(block), K)
        parts.append((lever, moved, K, (pulled * moved).sum(axis=0)))
    return Deletion(*(np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)))


def functional_changes(fitted: Fitted, N: Array, G: Array, level: Level = Level.FISHER) -> Array:
    """(k, n) how much larger functions of the parameters are with each row than without it.

    Parameters
    ----------
    fitted, N, level
        As for :func:`deletion`.
    G
        (k, free) derivatives of the functions by the estimated parameters.
    """
    GN, parts = G @ N, []
    for block in fitted.blocks(level):
        pulled = _pull(block, N)[1]
        parts.append(GN @ np.einsum("cjm,cm->jm", block.jacobian, pulled))
    return np.concatenate(parts, axis=1)


def refit_without(problem: Problem, phi: float, theta: Array, row: int) -> tuple[Array, bool]:
    """Fit again without a row, from the estimate: the parameters, and whether they converged.

    Parameters
    ----------
    problem
        What was fitted, with the penalty in force.
    phi
        Dispersion in force.
    theta
        (size,) parameters of the fit.
    row
        Number of the row; all its copies are left out.
    """
    freq = problem.rows.freq.copy()
    freq[row] = 0.0
    rest = replace(problem, rows=replace(problem.rows, freq=freq).counted())
    objective = rest.objective(Workers(), phi).from_origin(theta)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        end = Scoring(tol=_CLOSE).minimise(
            objective, theta[objective.free], Control(), np.random.SeedSequence(0)
        )
    return problem.aligned(objective.expand(end.x), theta), end.finished


def _weights(block: RowDerivatives) -> Array:
    """(C, C, m) information of rows with all their copies; zero for a row that counts nothing."""
    return np.where(block.freq > 0.0, block.freq * block.information, 0.0)


def _pull(block: RowDerivatives, N: Array) -> tuple[Array, Array]:
    """(C, C, m) ``K`` and (C, m) ``(I - W K)^-1 u`` of a block."""
    J, W = block.jacobian, _weights(block)
    K = np.stack([np.einsum("cjm,jm->cm", J, N @ one) for one in J], axis=1)
    u = np.where(block.freq > 0.0, block.freq * block.score, 0.0)
    if len(J) == 1:
        with np.errstate(divide="ignore", invalid="ignore"):
            return K, np.asarray(u / (1.0 - W[0] * K[0]))
    M = np.eye(len(J)) - np.einsum("cdm,dem->mce", W, K)
    return K, np.linalg.solve(M, u.T[:, :, None])[:, :, 0].T
