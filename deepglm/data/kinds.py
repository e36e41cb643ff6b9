"""What kind of column stands in a design."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

FIRST = 1000
"""Rows that already tell most columns of more than two values."""


def two_valued(X: Array) -> npt.NDArray[np.bool_]:
    """Which columns of a design have exactly two values: the dummies.

    Parameters
    ----------
    X
        (columns, n).

    Examples
    --------
    >>> two_valued(np.array([[0.0, 1.0, 1.0], [1.0, 2.0, 3.0], [5.0, 5.0, 5.0]])).tolist()
    [True, False, False]
    """
    return np.array([_has_two_values(x) for x in X], dtype=bool)


def _has_two_values(x: Array) -> bool:
    if len(np.unique(x[:FIRST])) > 2:
        return False
    low, high = x.min(), x.max()
    return bool(low < high and ((x == low) | (x == high)).all())
