"""Centre and scale of columns, and which of them earlier columns determine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

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
    mean, sd = X @ share, np.zeros(len(X))
    dummy = np.zeros(len(X), dtype=bool)
    for j, x in enumerate(X):
        low, high = x.min(), x.max()
        if low == high:
            mean[j] = low
            continue
        moved = (x - mean[j]) / (high - low)  # so that squares cannot overflow
        sd[j] = (high - low) * np.sqrt(share @ (moved * moved))
        dummy[j] = high - low == 1.0 and ((x == low) | (x == high)).all()
    return Spread(mean, sd, dummy)


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


def triangle(X: Array, root_weight: Array, rows: int = BLOCK_ROWS) -> Array:
    """R of the QR decomposition of the weighted rows, block by block.

    One BLAS thread: on blocks of this size more of them are slower, ninety times under load.

    Returns
    -------
    ndarray
        (columns, columns) with ``R'R = X W X'``, never formed as a product.
    """
    p, n = X.shape
    R = np.zeros((0, p))
    with ThreadpoolController().limit(limits=1, user_api="blas"):
        for lo in range(0, n, rows):
            block = (X[:, lo : lo + rows] * root_weight[lo : lo + rows]).T
            R = np.asarray(np.linalg.qr(np.concatenate((R, block)), mode="r"))
    if len(R) < p:
        R = np.concatenate((R, np.zeros((p - len(R), p))))
    return R
