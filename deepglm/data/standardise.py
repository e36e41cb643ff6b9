"""Centre and scale of columns, and which of them earlier columns determine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deepglm.data.rows import BLOCK_ROWS
from deepglm.data.threads import each, one_blas_thread

Array = npt.NDArray[np.float64]


ALIASED = 1e-7
"""Share of a column's length up to which earlier columns determine it, as in R's ``lm``."""


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

        def move(j: int) -> None:
            if self.centre[j] != 0.0:
                X[j] -= self.centre[j]
            if self.scale[j] != 1.0:
                X[j] /= self.scale[j]

        each(move, range(len(X)), X.size)
        return X


class Spread(NamedTuple):
    """Means and standard deviations of columns over the rows that count."""

    mean: Array
    sd: Array
    """0 for a column of one value."""
    dummy: npt.NDArray[np.bool_]
    """Columns of two values one unit apart."""


def spread(X: Array, freq: Array) -> Spread:
    """Describe the columns of a design.

    Parameters
    ----------
    X
        (columns, n).
    freq
        (n,) frequency weights: two is a repeated row, and a row of zero is not looked at.
    """
    counted = freq > 0
    if not counted.all():
        X, freq = X[:, counted], freq[counted]
    share = freq / freq.sum()
    with one_blas_thread():
        found = each(lambda x: _spread_of_column(x, share), X, X.size)
    mean, sd, dummy = np.array(found).reshape(-1, 3).T
    return Spread(mean, sd, dummy > 0)


def _spread_of_column(x: Array, share: Array) -> tuple[float, float, bool]:
    low, high = float(x.min()), float(x.max())
    if low == high:
        return low, 0.0, False
    mean = float(share @ x)
    moved = x - mean
    unit = 1.0
    if not 1e-100 < high - low < 1e100:  # squares would leave the range of floats
        unit = high - low
        moved /= unit
    np.multiply(moved, moved, out=moved)
    dummy = high - low == 1.0 and bool(((x == low) | (x == high)).all())
    return mean, unit * float(np.sqrt(share @ moved)), dummy


def standardisation(columns: Spread, centre: bool) -> Standardisation:
    """Choose centre and scale of the columns of a design.

    Numeric columns get mean 0 and standard deviation 1. A dummy, whose two values are one unit
    apart, keeps its scale, so that a prior on its coefficient is a prior on the contrast whatever
    the prevalence. A column of one value is left alone.

    Parameters
    ----------
    columns
        What :func:`spread` says about them.
    centre
        False leaves the means in, as a design without an intercept needs.
    """
    varies = columns.sd > 0
    means = np.where(varies, columns.mean, 0.0) if centre else np.zeros(len(varies))
    return Standardisation(means, np.where(varies & ~columns.dummy, columns.sd, 1.0))


def identity_standardisation(columns: int) -> Standardisation:
    """Leave every column as it is."""
    return Standardisation(np.zeros(columns), np.ones(columns))


def unit_intercept(standard: Standardisation, column: int, value: float) -> Standardisation:
    """Scale a constant column to ones, which the fit's intercept has to be.

    The other columns keep their means: a centre moves into an intercept of ones only.
    """
    if value == 1.0:
        return standard
    scale = standard.scale.copy()
    scale[column] = value
    return Standardisation(np.zeros_like(scale), scale)


def aliased_columns(
    X: Array, root_weight: Array, order: Sequence[int] | None = None, tol: float = ALIASED
) -> list[int]:
    """Columns that earlier columns determine.

    Parameters
    ----------
    X
        (columns, n).
    root_weight
        (n,) square roots of row weights; zero takes a row out.
    order
        Numbers of the columns, earlier ones first, an intercept first if there is one; -1 stands
        for a column of ones. By default as they are.
    tol
        A column is aliased when less than this share of its length is left after projection on
        the columns before it (R's ``lm`` uses the same rule and value).

    Returns
    -------
    list of int
        Numbers of the aliased columns.

    Notes
    -----
    A projection leaves at least as much of a column as it leaves of some of its rows. Where columns
    are told apart by a few thousand rows, as they mostly are, the others are not decomposed.
    """
    order = range(len(X)) if order is None else order
    n = X.shape[1]
    some = np.random.default_rng(0).integers(0, n, max(4096, 20 * len(order)))
    if 4 * len(some) < n:
        some = np.unique(some)
        R = triangle(X[:, some], root_weight[some], order)
        if not _short_columns(R, tol * _lengths(X, root_weight, order)):
            return []
    R = triangle(X, root_weight, order)
    return [order[j] for j in _short_columns(R, tol * np.linalg.norm(R, axis=0))]


def _lengths(X: Array, root_weight: Array, order: Sequence[int]) -> Array:
    """Weighted length of every column."""
    weight = root_weight * root_weight

    def square(j: int) -> float:
        return float(weight.sum() if j < 0 else (X[j] * X[j]) @ weight)

    with one_blas_thread():
        return np.sqrt(each(square, order, X.size))


def _short_columns(R: Array, least: Array) -> list[int]:
    """Columns of which not more than this length is left after projection on earlier ones."""
    if (np.abs(np.diag(R)) > least).all():  # what is left, where no column before it is short
        return []
    kept: list[Array] = []
    short = []
    for j in range(R.shape[1]):
        column = R[:, j].copy()
        for _ in range(2):  # twice is enough (Kahan, Parlett): orthogonal to rounding
            for q in kept:
                column -= (q @ column) * q
        left = np.linalg.norm(column)
        if left <= least[j]:
            short.append(j)
        else:
            kept.append(column / left)
    return short


def triangle(
    X: Array, root_weight: Array, order: Sequence[int] | None = None, rows: int = BLOCK_ROWS
) -> Array:
    """R of the QR decomposition of the weighted rows, block by block.

    One BLAS thread: on blocks of this size more of them are slower, ninety times under load.

    Parameters
    ----------
    X, root_weight, order
        As in :func:`aliased_columns`.
    rows
        Rows of a block; it has at least twice as many as columns.

    Returns
    -------
    ndarray
        (columns, columns) with ``R'R = X W X'``, never formed as a product.
    """
    numbers = np.arange(len(X)) if order is None else np.array(order, dtype=np.intp)
    p, given = len(numbers), numbers >= 0
    rows = max(rows, 2 * p)  # R is decomposed with every block, which had better not be short
    R = np.zeros((0, p))
    with one_blas_thread():
        for lo in range(0, X.shape[1], rows):
            block = np.ones((p, min(rows, X.shape[1] - lo)))
            block[given] = X[numbers[given], lo : lo + rows]
            block *= root_weight[lo : lo + rows]
            R = np.asarray(np.linalg.qr(np.concatenate((R, block.T)), mode="r"))
    if len(R) < p:
        R = np.concatenate((R, np.zeros((p - len(R), p))))
    return R
