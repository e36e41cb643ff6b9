"""Derivatives of eta by the columns, and the gradient of what is made of them.

Eta's derivatives by the columns of a deep term come from one pass backwards, ``B_1' delta_1``; the
final layer's are its coefficients. The gradient by the coefficients of a derivative in a direction
comes from a pass backwards over the direction's pass forwards, at any depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from deepglm.predictor.derivatives import Forward, Pass, unit_derivatives
from deepglm.predictor.structure import Array, Coefficients

__all__ = ["Direction", "directional_gradient", "first_deltas"]


class Direction(Protocol):
    """How the columns of one design move with a variable."""

    @property
    def numbers(self) -> npt.NDArray[np.intp]:
        """(c,) columns that move."""

    @property
    def values(self) -> Array:
        """(c, m) derivatives, or (c, 1) where they are the same in all rows."""


def first_deltas(state: Forward, k: int) -> list[Array]:
    """For every deep term (units, m) derivatives of ``eta_k`` by its first linear predictors."""
    return [unit_derivatives(one, k)[0] for one in state.passes]


def directional_gradient(
    state: Forward,
    coefficients: Coefficients,
    direction: Sequence[Direction],
    r: Array,
    s: Array,
) -> Array:
    """Sum over a block of ``r eta + s d eta``, differentiated by the coefficients.

    ``d eta`` is the derivative of eta in a direction of the columns.

    Parameters
    ----------
    state
        A forward pass of order 2.
    coefficients
        Those that it was made with.
    direction
        For the final layer, then for every deep term, how its columns move.
    r, s
        (k_eta, m) row factors.

    Returns
    -------
    ndarray
        (size,) gradient.
    """
    beta = np.dot(r, state.glm.T)
    beta[:, direction[0].numbers] += _against(s, direction[0])
    parts = [beta.ravel()]
    for one, way in zip(state.passes, direction[1:], strict=True):
        parts += _term(one, way, r, s)
    return np.concatenate(parts)


def _term(one: Pass, way: Direction, r: Array, s: Array) -> list[Array]:
    """Gradient by one deep term's coefficients, layer by layer."""
    moves, units = _forward(one, way)
    grads = [(np.dot(r, one.last.T) + np.dot(s, units[-1].T)).ravel()]
    z, q = np.dot(one.v.T, r), np.dot(one.v.T, s)
    for depth in range(len(one.layers) - 1, -1, -1):
        a, b = _through_link(one, depth, moves[depth], z, q)
        grad = np.dot(a, one.below[depth].T)
        if depth:
            grad[:, 1:] += np.dot(b, units[depth - 1].T)
            weights = one.layers[depth][:, 1:].T
            z, q = np.dot(weights, a), np.dot(weights, b)
        else:
            grad[:, 1 + way.numbers] += _against(b, way)
        grads.append(grad.ravel())
    return grads[::-1]


def _forward(one: Pass, way: Direction) -> tuple[list[Array], list[Array]]:
    """Derivatives in the direction of every layer's linear predictors, and of its units."""
    m = one.last.shape[1]
    move = np.dot(one.layers[0][:, 1 + way.numbers], way.values)
    moves = [np.ascontiguousarray(np.broadcast_to(move, (len(move), m)))]
    units = []
    for depth in range(len(one.layers)):
        units.append(one.pull(depth, moves[depth].copy()))
        if depth + 1 < len(one.layers):
            moves.append(np.dot(one.layers[depth + 1][:, 1:], units[depth]))
    return moves, units


def _through_link(one: Pass, depth: int, move: Array, z: Array, q: Array) -> tuple[Array, Array]:
    """From derivatives by units and by their moves to those by linear predictors and by theirs."""
    h = one.h1[depth]
    if not one.across[depth]:
        return h * z + one.h2[depth] * move * q, h * q
    # softmax: the units are h, and they move by h (move - sum(h move))
    total = (h * move).sum(axis=0)
    by_units = z + q * (move - total) - move * (h * q).sum(axis=0)
    return one.pull(depth, by_units), one.pull(depth, q.copy())


def _against(rows: Array, way: Direction) -> Array:
    """(k, c) sums over the block of rows times slopes."""
    if way.values.shape[1] == 1:
        return np.asarray(rows.sum(axis=1)[:, None] * way.values.T)
    return np.asarray(np.dot(rows, way.values.T))
