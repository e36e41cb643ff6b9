"""What inputs do to the response: derivatives and levels of a statistic, row by row.

A quantity has a value in every row: the derivative of the mean by an input, or the mean with an
input at some level. Its derivatives by the parameters are exact, at any depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from deepglm.data import Change, row_runs
from deepglm.families import Family, MeanFamily, with_limits
from deepglm.inference.fitted import Array, Fitted
from deepglm.predictor import (
    Coefficients,
    Forward,
    Predictor,
    backward,
    directional_gradient,
    first_deltas,
    forward,
)

__all__ = ["Levels", "Outcome", "Place", "Quantity", "Slopes", "place_of"]

Changes = tuple[Change, ...]

ROWS = 2048
"""Rows of a block."""

_NEAR, _FAR = 8.0 / 12.0, -1.0 / 12.0


# -- the statistic ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """A statistic of the response as a function of the channels, or its logarithm.

    Parameters
    ----------
    family
        Y given eta.
    which
        One of its statistics.
    log
        Whether effects are on the logarithm of it.
    """

    family: Family
    which: str
    log: bool = False

    @cached_property
    def size(self) -> int:
        """Values of the statistic: classes, or one."""
        return max(1, len(self.family.statistic_labels(self.which)))

    def value(self, eta: Array, aux: Array) -> Array:
        """(S, m)."""
        value = np.atleast_2d(self.family.statistic(self.which, eta, aux))
        return np.log(value) if self.log else value

    def slopes(self, eta: Array, aux: Array) -> Array:
        """(S, C, m) derivatives by the channels."""
        slopes = self.family.statistic_slopes(self.which, eta, aux)
        slopes = slopes.reshape(self.size, -1, eta.shape[1])
        if not self.log:
            return slopes
        return slopes / np.atleast_2d(self.family.statistic(self.which, eta, aux))[:, None]

    def bend(self, eta: Array, aux: Array, way: Array) -> tuple[Array, Array]:
        """(S, C, m) slopes, and how they change along a direction of eta.

        Exact where the statistic is a mean. Otherwise a difference of exact slopes, of the fourth
        order, whose error is that of rounding.

        Parameters
        ----------
        way
            (k_eta, m) direction.
        """
        if isinstance(self.family, MeanFamily) and self.which == "mean":
            mu, first, second = self.family.link.evaluate(eta[0], 2)
            if self.log:
                first, second = first / mu, second / mu - (first / mu) ** 2
            return first[None, None], (second * way[0])[None, None]
        length = np.abs(way).max(axis=0)
        unit = way / np.where(length > 0.0, length, 1.0)
        h = 2e-3
        change = sum(
            weight * (self.slopes(eta + k * h * unit, aux) - self.slopes(eta - k * h * unit, aux))
            for k, weight in ((1, _NEAR), (2, _FAR))
        )
        return self.slopes(eta, aux), np.asarray(change) * (length / h)

    def take(self, lo: int, hi: int) -> Outcome:
        """The same of some rows: limits of a censored response belong to rows."""
        limits = [np.asarray(getattr(self.family, name, 0.0)) for name in ("lower", "upper")]
        if all(limit.ndim == 0 for limit in limits):
            return self
        low, high = (limit if limit.ndim == 0 else limit[lo:hi] for limit in limits)
        return replace(self, family=with_limits(self.family, low, high))


# -- where: all rows, or one that stands for them -----------------------------------------------


@dataclass(frozen=True)
class Place:
    """Rows at which quantities are taken.

    Parameters
    ----------
    predictor, outcome
        Eta given x, and the statistic given eta.
    designs
        Standardised (columns, n) designs.
    offset
        (n,) offset of eta.
    """

    predictor: Predictor
    outcome: Outcome
    designs: tuple[Array, ...]
    offset: Array

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.offset)

    def runs(self) -> list[tuple[int, int]]:
        """First and last row of the blocks."""
        return row_runs(self.n, ROWS)

    def block(self, lo: int, hi: int) -> tuple[Outcome, list[Array], Array]:
        """Statistic, designs and offset of a block of rows."""
        if hi - lo == self.n:
            return self.outcome, list(self.designs), self.offset
        return self.outcome.take(lo, hi), [X[:, lo:hi] for X in self.designs], self.offset[lo:hi]

    def split(self, theta: Array) -> tuple[Coefficients, Array]:
        """Coefficients, and the auxiliary parameters."""
        return self.predictor.unpack(theta[: self.predictor.size]), theta[self.predictor.size :]


def place_of(fitted: Fitted, which: str, log: bool = False) -> Place:
    """All rows of a fit."""
    outcome = Outcome(fitted.given, which, log)
    return Place(fitted.predictor, outcome, fitted.rows.designs, fitted.rows.offset)


# -- quantities: values in every row ------------------------------------------------------------


class Quantity(Protocol):
    """Several numbers in every row, each for every value of the statistic."""

    @property
    def place(self) -> Place:
        """Where."""

    @property
    def size(self) -> int:
        """How many numbers a row has."""

    def rows(self, theta: Array, lo: int, hi: int) -> Array:
        """(size, m) values in a block of rows."""

    def gradient(self, theta: Array, weights: Array, lo: int, hi: int) -> Array:
        """(size, K, parameters) derivatives of the sums over a block with (K, m) weights."""


@dataclass(frozen=True, eq=False)
class Slopes:
    """Derivatives of a statistic by numeric inputs.

    Parameters
    ----------
    place
        Where.
    directions
        For every input how the columns of every design move with it.
    """

    place: Place
    directions: Sequence[Changes]

    @property
    def size(self) -> int:
        """Inputs times values of the statistic; those of an input stand together."""
        return len(self.directions) * self.place.outcome.size

    @cached_property
    def _stacks(self) -> list[_Stack]:
        designs = range(len(self.place.designs))
        widths = [len(X) for X in self.place.designs]
        return [_Stack([one[t] for one in self.directions], widths[t]) for t in designs]

    def rows(self, theta: Array, lo: int, hi: int) -> Array:
        """See :class:`Quantity`."""
        outcome, designs, offset = self.place.block(lo, hi)
        coefficients, aux = self.place.split(theta)
        state = forward(coefficients, self.place.predictor, designs, 1)
        moved = self._moves(coefficients, state, lo, hi)
        slopes = outcome.slopes(state.eta + offset, aux)[:, : len(moved)]
        if slopes.shape[:2] == (1, 1):
            return np.asarray(moved[0] * slopes[0, 0])
        by_value = np.einsum("skm,kem->esm", slopes, moved)
        return np.asarray(by_value.reshape(self.size, hi - lo))

    def _moves(self, coefficients: Coefficients, state: Forward, lo: int, hi: int) -> Array:
        """(k_eta, E, m) derivatives of the linear predictors by the inputs."""
        out = np.empty((len(coefficients.beta), len(self.directions), hi - lo))
        for k, beta in enumerate(coefficients.beta):
            total = self._stacks[0].of_final(beta, lo, hi)
            deltas = first_deltas(state, k)
            for stack, layers, delta in zip(
                self._stacks[1:], coefficients.layers, deltas, strict=True
            ):
                total = total + stack.of_hidden(layers[0][:, 1:], delta, lo, hi)
            out[k] = total
        return out

    def gradient(self, theta: Array, weights: Array, lo: int, hi: int) -> Array:
        """See :class:`Quantity`."""
        outcome, designs, offset = self.place.block(lo, hi)
        coefficients, aux = self.place.split(theta)
        state = forward(coefficients, self.place.predictor, designs, 2)
        eta, k = state.eta + offset, len(state.eta)
        moved = self._moves(coefficients, state, lo, hi)
        out = np.zeros((len(self.directions), outcome.size, len(weights), len(theta)))
        for e, direction in enumerate(self.directions):
            way = [change.take(lo, hi) for change in direction]
            slopes, bends = outcome.bend(eta, aux, moved[:, e])
            for s, first, second in zip(range(outcome.size), slopes, bends, strict=True):
                for w, weight in enumerate(weights):
                    r, d = second[:k] * weight, first[:k] * weight
                    grad = directional_gradient(state, coefficients, way, r, d)
                    out[e, s, w, : len(grad)] = grad
                    _add_aux(out[e, s, w], second[k:] @ weight, len(aux))
        return out.reshape(self.size, len(weights), -1)


@dataclass(frozen=True, eq=False)
class Levels:
    """A statistic with columns moved to given values.

    Parameters
    ----------
    place
        Where.
    changes
        For every one of the values the columns that it decides.
    """

    place: Place
    changes: Sequence[Changes]

    @property
    def size(self) -> int:
        """Values times those of the statistic; those of one value stand together."""
        return len(self.changes) * self.place.outcome.size

    def rows(self, theta: Array, lo: int, hi: int) -> Array:
        """See :class:`Quantity`."""
        outcome, designs, offset = self.place.block(lo, hi)
        coefficients, aux = self.place.split(theta)
        parts = []
        for changes in self.changes:
            moved = _moved(designs, changes, lo, hi)
            eta = forward(coefficients, self.place.predictor, moved, 0).eta + offset
            parts.append(outcome.value(eta, aux))
        return np.concatenate(parts)

    def gradient(self, theta: Array, weights: Array, lo: int, hi: int) -> Array:
        """See :class:`Quantity`."""
        outcome, designs, offset = self.place.block(lo, hi)
        coefficients, aux = self.place.split(theta)
        out = np.zeros((len(self.changes), outcome.size, len(weights), len(theta)))
        for c, changes in enumerate(self.changes):
            moved = _moved(designs, changes, lo, hi)
            state = forward(coefficients, self.place.predictor, moved, 1)
            slopes, k = outcome.slopes(state.eta + offset, aux), len(state.eta)
            for s, slope in enumerate(slopes):
                for w, weight in enumerate(weights):
                    grad = backward(state, slope[:k] * weight)
                    out[c, s, w, : len(grad)] = grad
                    _add_aux(out[c, s, w], slope[k:] @ weight, len(aux))
        return out.reshape(self.size, len(weights), -1)


def _add_aux(row: Array, slopes: Array, extra: int) -> None:
    """Derivatives by auxiliary parameters, of a statistic that has some."""
    if extra and len(slopes):
        row[len(row) - extra :] = slopes


def _moved(designs: Sequence[Array], changes: Changes, lo: int, hi: int) -> list[Array]:
    out = []
    for X, change in zip(designs, changes, strict=True):
        if len(change.numbers):
            X = X.copy()
            X[change.numbers] = change.fixed[:, None]
            if len(change.varying):
                X[change.numbers[change.varying]] = change.rows[:, lo:hi]
        out.append(X)
    return out


class _Stack:
    """How the columns of one design move with several inputs, ready for products."""

    def __init__(self, changes: Sequence[Change], width: int) -> None:
        self._fixed = np.zeros((len(changes), width))
        self._varying = [(e, one) for e, one in enumerate(changes) if len(one.varying)]
        for e, change in enumerate(changes):
            self._fixed[e, change.numbers] = change.fixed
            self._fixed[e, change.numbers[change.varying]] = 0.0

    def of_final(self, beta: Array, lo: int, hi: int) -> Array:
        """(E, m), or (E, 1), derivatives of eta through the final layer's columns."""
        out = (self._fixed @ beta)[:, None]
        if not self._varying:
            return out
        out = np.repeat(out, hi - lo, axis=1)
        for e, change in self._varying:
            out[e] += beta[change.numbers[change.varying]] @ change.rows[:, lo:hi]
        return out

    def of_hidden(self, weights: Array, delta: Array, lo: int, hi: int) -> Array:
        """(E, m) derivatives of eta through a deep term's columns."""
        out: Array = np.dot(self._fixed @ weights.T, delta)
        for e, change in self._varying:
            by_column = np.dot(weights[:, change.numbers[change.varying]].T, delta)
            out[e] += np.einsum("cm,cm->m", by_column, change.rows[:, lo:hi])
        return out
