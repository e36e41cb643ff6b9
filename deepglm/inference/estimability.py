"""Which linear combinations of coefficients the data determine."""

from __future__ import annotations

import numpy as np

from deepglm.inference.fitted import Array, Mask

__all__ = ["aliasing", "estimable"]

_TOLERANCE = 1e-6
_ROUNDING = 1e-12


def aliasing(F: Array, free: Mask, aliased: Mask) -> Array:
    """How the columns set aside follow from those in use: ``X_aliased = X_free A``.

    Parameters
    ----------
    F
        Fisher information of all coefficients in ``free`` or ``aliased``, in the order of the
        vector.
    free, aliased
        (size,) masks.

    Returns
    -------
    ndarray
        (free, aliased).
    """
    used = free | aliased
    f, a = free[used], aliased[used]
    block = F[np.ix_(f, f)]
    d = np.sqrt(np.maximum(np.diag(block), 1e-300))
    cross = F[np.ix_(f, a)] / d[:, None]
    solution = np.linalg.lstsq(block / d / d[:, None], cross, rcond=1e-12)[0]
    return np.asarray(solution / d[:, None])


def estimable(R: Array, free: Mask, aliased: Mask, A: Array) -> Mask:
    """Which rows of ``R`` lie in the row space of the design.

    A combination that leaves the aliased coefficients alone is read as one about the model without
    them, as R and statsmodels do, and passes.

    Parameters
    ----------
    R
        (k, size) contrasts on the scale of the fit.
    free, aliased
        (size,) masks.
    A
        What :func:`aliasing` returned.
    """
    expected = R[:, free] @ A
    found = R[:, aliased]
    size = np.abs(R[:, free]) @ np.abs(A) + np.abs(found)
    # what is zero in A comes out of its equations as rounding, in units of standardised columns
    rounding = _ROUNDING * np.abs(R).max(axis=1, initial=0.0)[:, None]
    return np.asarray((np.abs(found - expected) <= _TOLERANCE * size + rounding).all(axis=1))
