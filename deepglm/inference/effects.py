"""Marginal effects of the columns of an ordinary GLM, with their delta-method derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepglm.families import Family
from deepglm.inference.fitted import Array, Codes, Mask

__all__ = ["Columns", "Effects", "Outcomes", "column_effects", "representative_row"]


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


STEP = 1e-2
"""Length of a difference, in standard errors; its error is of the fourth order."""


@dataclass(frozen=True)
class Outcomes:
    """What columns do to a statistic of a response that has several, such as probabilities.

    Parameters
    ----------
    family
        Y given eta.
    which
        The statistic.
    columns
        Where.
    method
        "dydx", "eyex", "dyex" or "eydx".
    dummies, counts
        As for :func:`column_effects`.
    """

    family: Family
    which: str
    columns: Columns
    method: str
    dummies: Codes
    counts: Codes

    def rows(self, params: Array) -> Array:
        """(S, n, p) effects in every row.

        Parameters
        ----------
        params
            (k_eta p + auxiliary,) coefficients of the columns in the user's units, predictor after
            predictor, then the auxiliary parameters.
        """
        X = self.columns.X
        p = X.shape[1]
        B = params[: self.family.k_eta * p].reshape(self.family.k_eta, p)
        aux = params[B.size :]
        value, slopes = self._at(X, B, aux)
        effects = np.einsum("skn,kj->snj", slopes, B)
        if "ey" in self.method:
            effects /= value[:, :, None]
        if "ex" in self.method:
            effects *= X
        for j in (*self.dummies, *self.counts):
            effects[:, :, j] = self._difference(B, aux, int(j))
        return np.asarray(effects)

    def average(self, params: Array) -> Array:
        """(S, p) effects, averaged over the rows."""
        share = self.columns.freq / self.columns.freq.sum()
        return np.asarray(np.einsum("snj,n->sj", self.rows(params), share))

    def jacobian(self, params: Array, V: Array) -> Array:
        """(S, p, params) derivatives of :meth:`average`, by differences.

        Parameters
        ----------
        params
            As for :meth:`rows`.
        V
            Their covariance, which says how far a step is small.
        """
        error = np.sqrt(np.diag(V))
        out = np.zeros((*self.average(params).shape, len(params)))
        for k in np.flatnonzero(error > 0.0):
            move = np.zeros_like(params)
            move[k] = STEP * error[k]
            near = self.average(params + move) - self.average(params - move)
            far = self.average(params + 2 * move) - self.average(params - 2 * move)
            out[..., k] = (8.0 * near - far) / (12.0 * move[k])
        return out

    def _at(self, X: Array, B: Array, aux: Array) -> tuple[Array, Array]:
        """(S, n) statistic and (S, k_eta, n) slopes."""
        eta = B @ X.T + self.columns.offset
        value = np.atleast_2d(self.family.statistic(self.which, eta, aux))
        slopes = self.family.statistic_slopes(self.which, eta, aux)[..., : len(B), :]
        return value, slopes.reshape(len(value), len(B), -1)

    def _difference(self, B: Array, aux: Array, j: int) -> Array:
        x = self.columns.X[:, j]
        dummy = j in self.dummies
        low, high, width = (0.0 * x, 0.0 * x + 1.0, 1.0) if dummy else (x - 1.0, x + 1.0, 2.0)
        ends = []
        for values in (low, high):
            X = self.columns.X.copy()
            X[:, j] = values
            value, _ = self._at(X, B, aux)
            ends.append(np.log(value) if "ey" in self.method else value)
        return np.asarray((ends[1] - ends[0]) / width)
