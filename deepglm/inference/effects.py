"""Marginal effects of the columns of an ordinary GLM, with their delta-method derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepglm.families import Family
from deepglm.inference.fitted import Array, Codes, Mask

__all__ = ["Columns", "Effects", "column_effects", "representative_row"]


@dataclass(frozen=True)
class Columns:
    """Rows at which effects are taken.

    Parameters
    ----------
    X
        (n, p) columns in the user's units.
    offset
        (n,) offset of eta.
    freq
        (n,) how often each row counts in an average.
    """

    X: Array
    offset: Array
    freq: Array


@dataclass(frozen=True)
class Effects:
    """Effects and their derivatives.

    Parameters
    ----------
    rows
        (n, p) effect of every column in every row.
    values
        (p,) averages over the rows.
    jacobian
        (p, p) derivative of the averages by the coefficients.
    """

    rows: Array
    values: Array
    jacobian: Array


def representative_row(columns: Columns, at: str, constant: Mask) -> Columns:
    """One row in place of all: the mean, the median, or zero in every column.

    Frequencies count; the offset is represented in the same way as the columns.
    """
    freq = columns.freq
    if at == "zero":
        x, offset = np.where(constant, 1.0, 0.0), 0.0
    elif at == "mean":
        x, offset = freq @ columns.X / freq.sum(), float(freq @ columns.offset / freq.sum())
    else:
        x = np.array([_median(column, freq) for column in columns.X.T])
        offset = _median(columns.offset, freq)
    return Columns(x[None, :], np.array([offset]), np.ones(1))


def _median(x: Array, freq: Array) -> float:
    order = np.argsort(x, kind="stable")
    order = order[freq[order] > 0]
    below = np.cumsum(freq[order])
    half = below[-1] / 2.0
    k = int(np.searchsorted(below, half, side="left"))
    if below[k] == half and k + 1 < len(order):
        return float(x[order[k]] + x[order[k + 1]]) / 2.0
    return float(x[order[k]])


def column_effects(
    family: Family, beta: Array, columns: Columns, method: str, dummies: Codes, counts: Codes
) -> Effects:
    """Effects of single columns on the mean, the others held.

    Parameters
    ----------
    family
        Y given eta.
    beta
        (p,) coefficients in the user's units.
    columns
        Where.
    method
        "dydx", "eyex", "dyex" or "eydx".
    dummies, counts
        Numbers of columns whose effect is a difference: from 0 to 1, and from one less to one more
        (halved).
    """
    n, p = columns.X.shape
    share = columns.freq / columns.freq.sum()
    rows, derivative = np.empty((n, p)), np.empty((p, p))
    slopes = _Slopes(family, columns.X @ beta + columns.offset, method)
    for j in range(p):
        if j in dummies or j in counts:
            rows[:, j], derivative[j] = _difference(
                family, beta, columns, method, j, share, j in dummies
            )
            continue
        x = columns.X[:, j] if "ex" in method else np.ones(n)
        rows[:, j] = slopes.first * beta[j] * x
        derivative[j] = (share * slopes.second * beta[j] * x) @ columns.X
        derivative[j, j] += share @ (slopes.first * x)
    return Effects(rows, share @ rows, derivative)


class _Slopes:
    """Derivative of the mean (or of its logarithm) by eta, and the derivative of that."""

    def __init__(self, family: Family, eta: Array, method: str) -> None:
        mu, first, second = family.link.evaluate(eta, 2)
        if "ey" in method:
            self.first = first / mu
            self.second = second / mu - self.first**2
        else:
            self.first, self.second = first, second


def _difference(
    family: Family,
    beta: Array,
    columns: Columns,
    method: str,
    j: int,
    share: Array,
    dummy: bool,
) -> tuple[Array, Array]:
    x = columns.X[:, j]
    low, high, width = (0.0 * x, 0.0 * x + 1.0, 1.0) if dummy else (x - 1.0, x + 1.0, 2.0)
    (f0, d0), (f1, d1) = (_moved(family, beta, columns, method, j, v) for v in (low, high))
    return (f1 - f0) / width, share @ (d1 - d0) / width


def _moved(
    family: Family, beta: Array, columns: Columns, method: str, j: int, values: Array
) -> tuple[Array, Array]:
    X = columns.X.copy()
    X[:, j] = values
    mu, slope = family.link.evaluate(X @ beta + columns.offset, 1)
    if "ey" in method:
        return np.log(mu), X * (slope / mu)[:, None]
    return mu, X * slope[:, None]
