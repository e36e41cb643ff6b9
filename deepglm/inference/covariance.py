"""Joint covariance of all layers' coefficients, effective degrees of freedom and dispersion.

With ``F`` the Fisher information of all free coefficients at dispersion 1, ``S`` the precision of
the penalty and ``phi`` the dispersion, the covariance is ``phi (F + phi S)^-1``: a penalty in
log-likelihood units at the scale in force weighs ``phi S`` against an information at dispersion 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, optimize

from deepglm.inference.fitted import Array

__all__ = ["Dispersion", "Smoothing", "edf_by_coefficient", "inverse"]

_NOTHING = 1e-13
"""Eigenvalue of a unit-diagonal information below which a direction carries none."""


def inverse(A: Array) -> Array | None:
    """Invert a symmetric positive definite matrix, or return None; nothing is regularised.

    The matrix is brought to a unit diagonal first, so that the verdict does not depend on the units
    of the regressors.

    Examples
    --------
    >>> inverse(np.array([[4.0, 0.0], [0.0, 1e-8]])).round(3).tolist()
    [[0.25, 0.0], [0.0, 100000000.0]]
    >>> inverse(np.ones((2, 2))) is None
    True
    """
    diagonal = np.diag(A)
    if not np.isfinite(A).all() or not (diagonal > 0).all():
        return None
    d = np.sqrt(diagonal)
    scaled = A / d / d[:, None]
    try:
        L = linalg.cholesky(scaled, lower=True)
    except linalg.LinAlgError:
        return None
    if float(np.diag(L).min()) ** 2 < _NOTHING:
        return None
    half = linalg.solve_triangular(L, np.eye(len(A)), lower=True)
    return np.asarray(half.T @ half / d / d[:, None])


@dataclass(frozen=True)
class Smoothing:
    """How much of the data's information each direction keeps under a penalty.

    Parameters
    ----------
    F
        Fisher information at dispersion 1.
    penalty
        (free,) precisions.
    """

    F: Array
    penalty: Array

    def shares(self) -> Array:
        """Share of the penalty in each direction of ``F + S``, between 0 and 1.

        Directions in which neither data nor penalty say anything are left out: they add nothing to
        the trace.
        """
        A = self.F + np.diag(self.penalty)
        d = np.sqrt(np.maximum(np.diag(A), 1e-300))
        e, Q = np.linalg.eigh(A / d / d[:, None])
        kept = e > _NOTHING * max(float(e[-1]), 1e-300)
        W = Q[:, kept] / np.sqrt(e[kept]) / d[:, None]
        s = np.linalg.eigvalsh(W.T @ (self.penalty[:, None] * W))
        return np.asarray(np.clip(s, 0.0, 1.0))

    def edf(self, phi: float) -> float:
        """``tr[(F + phi S)^-1 F]``."""
        return _edf(self.shares(), phi)

    def settle(self, total: float, n: float) -> tuple[float, float]:
        """Dispersion and effective degrees of freedom that agree: ``phi = total / (n - edf(phi))``.

        Parameters
        ----------
        total
            Pearson's chi-square, or the deviance.
        n
            Observations.

        Returns
        -------
        phi, edf
            NaN for the dispersion where no degrees of freedom are left.
        """
        shares = self.shares()
        low = total / n
        edf = _edf(shares, low)
        if not (n - edf > 0 and total > 0):
            return np.nan, edf
        high = total / (n - edf)
        if high > low:
            # edf falls as phi grows, so there is exactly one crossing, between these two.
            low = optimize.brentq(
                lambda phi: phi - total / (n - _edf(shares, phi)),
                low,
                high,
                xtol=1e-300,
                rtol=1e-14,
            )
        return low, _edf(shares, low)


def _edf(shares: Array, phi: float) -> float:
    return float(np.sum((1.0 - shares) / (1.0 - shares + phi * shares)))


def edf_by_coefficient(F: Array, penalty: Array, phi: float) -> Array:
    """Diagonal of ``(F + phi S)^-1 F``; one for a coefficient that is not penalised at all."""
    N = inverse(F + phi * np.diag(penalty))
    if N is None:
        return np.full(len(F), np.nan)
    return np.asarray(np.einsum("ij,ji->i", N, F))


@dataclass(frozen=True)
class Dispersion:
    """The dispersion of a fit and the degrees of freedom that go with it.

    Parameters
    ----------
    scale
        Dispersion in standard errors.
    edf
        Effective number of estimated coefficients.
    penalised_at
        Dispersion at which the penalty is weighed against an information at dispersion 1.
    """

    scale: float
    edf: float
    penalised_at: float
