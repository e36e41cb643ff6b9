"""Leverage in the tangent plane: the pull of each row on its own fitted value."""

from __future__ import annotations

import numpy as np

from deepglm.families import Level
from deepglm.inference.fitted import Array, Fitted

__all__ = ["leverage"]


def leverage(fitted: Fitted, N: Array, level: Level = Level.FISHER) -> Array:
    """Diagonal of the hat matrix of the linearised model.

    ``h_i = w_i J_i N J_i'`` with ``J_i`` the derivative of eta by all free coefficients; of several
    linear predictors it is the trace of that matrix. With
    ``N = (F + phi S)^-1`` and expected weights the values add up to the effective degrees of
    freedom.

    Parameters
    ----------
    fitted
        A model at its estimate.
    N
        (free, free) covariance at dispersion 1.
    level
        Expected or observed weights ``w_i``; frequency weights are part of them.
    """
    parts = []
    for block in fitted.blocks(level):
        with np.errstate(invalid="ignore"):  # a row that counts nothing may have any mean
            parts.append(np.where(block.freq > 0.0, block.freq * block.leverage(N), 0.0))
    return np.concatenate(parts)
