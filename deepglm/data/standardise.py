"""Centre and scale of columns, and which of them earlier columns determine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepglm.data.rows import BLOCK_ROWS

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Standardisation:
    """Centre and scale of the columns of one design.

    ``(x - centre) / scale`` is what the fit sees. Columns that are not standardised have centre 0
    and scale 1.
    """

    centre: Array
    scale: Array

    def apply(self, X: Array) -> Array:
        """Standardise a (columns, rows) matrix in place and return it."""
        X -= self.centre[:, None]
        X /= self.scale[:, None]
        return X


def standardisation(X: Array, freq: Array, centre: bool) -> Standardisation:
    """Learn centre and scale from the rows.

    Numeric columns get mean 0 and standard deviation 1. A column of two values keeps its scale, so
    that a prior on its coefficient is a prior on the contrast whatever the prevalence; a constant
    column is left alone.

    Parameters
    ----------
    X
        (columns, n).
    freq
        (n,) frequency weights: a weight of two is a repeated row.
    centre
        False leaves the means in, as a design without an intercept needs.
    """
    total = freq.sum()
    means = (X @ freq) / total
    scales = np.ones(len(X))
    for j, x in enumerate(X):
        low, high = x.min(), x.max()
        if low == high:
            means[j] = 0.0
        elif not _two_valued(x, low, high):
            moved = x - means[j]
            scales[j] = np.sqrt(freq @ (moved * moved) / total)
    if not centre:
        means[:] = 0.0
    return Standardisation(means, scales)


def _two_valued(x: Array, low: float, high: float) -> bool:
    # A dummy has a scale of its own only if its contrast is one unit; two other values are numbers.
    return bool(high - low == 1.0 and ((x == low) | (x == high)).all())


def identity_standardisation(columns: int) -> Standardisation:
    """Leave every column as it is."""
    return Standardisation(np.zeros(columns), np.ones(columns))


def aliased_columns(X: Array, root_weight: Array, tol: float = 1e-7) -> list[int]:
    """Columns that earlier columns determine.

    Parameters
    ----------
    X
        (columns, n), in the order of the formula, an intercept first if there is one.
    root_weight
        (n,) square roots of row weights; zero takes a row out.
    tol
        A column is aliased when less than this share of its length is left after projection on
        the columns before it (R's ``lm`` uses the same rule and value).

    Returns
    -------
    list of int
        Numbers of the aliased columns.
    """
    R = triangle(X, root_weight)
    lengths = np.linalg.norm(R, axis=0)
    kept: list[Array] = []
    aliased = []
    for j in range(R.shape[1]):
        column = R[:, j].copy()
        for _ in range(2):  # twice is enough (Kahan, Parlett): orthogonal to rounding
            for q in kept:
                column -= (q @ column) * q
        left = np.linalg.norm(column)
        if left <= tol * lengths[j] or lengths[j] == 0.0:
            aliased.append(j)
        else:
            kept.append(column / left)
    return aliased


def triangle(X: Array, root_weight: Array, rows: int = 16 * BLOCK_ROWS) -> Array:
    """R of the QR decomposition of the weighted rows, block by block.

    Returns
    -------
    ndarray
        (columns, columns) with ``R'R = X W X'``, never formed as a product.
    """
    p, n = X.shape
    R = np.zeros((0, p))
    for lo in range(0, n, rows):
        block = (X[:, lo : lo + rows] * root_weight[lo : lo + rows]).T
        R = np.linalg.qr(np.concatenate((R, block)), mode="r")
    if len(R) < p:
        R = np.concatenate((R, np.zeros((p - len(R), p))))
    return R
