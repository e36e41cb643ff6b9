"""The information of many rows, summed: products of units times products of inputs.

A row's derivative of eta by a hidden layer is ``delta_i z_k`` for unit ``i`` and input ``k``. In
the sum over rows of ``J W J' - r d2 eta / d theta d theta'``, the block of two layers a and b is

    (delta_a,i w delta_b,j - Gamma_ab,ij) z_a,k z_b,l  -  (d z_b,l / d a_a,i) r delta_b,j z_a,k,

whose first part is one matrix product: products of units times products of inputs. Within a layer
``i <= j`` and ``k <= l`` suffice, half of the work of ``J J'``, and the second derivatives of eta
cost next to nothing, because they are terms of the products of units. ``Gamma_ab`` is the
derivative of ``r delta_b`` by ``a_a``; one recursion downwards gives it at any depth (compare
Bishop 1992, "Exact calculation of the Hessian matrix for the multilayer perceptron").
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from deepglm.predictor.derivatives import Forward, Pass, jacobian, unit_derivatives
from deepglm.predictor.layout import GROUP, Layer, LayerPair, Layout, Pairs
from deepglm.predictor.second import SecondDerivatives
from deepglm.predictor.structure import Array


class Information(Protocol):
    """Adds up ``J W J' - r d2 eta / d theta d theta'`` over blocks of rows."""

    def ready(self, state: Forward) -> Forward:
        """The forward pass with what is to be used more than once."""

    def __iadd__(self, other: Self) -> Self:
        """Add what another one has added."""

    def add(self, state: Forward, weights: Array, r: Array | None) -> None:
        """Add a block of rows.

        Parameters
        ----------
        state
            A forward pass of order 1, or 2 with `r`.
        weights
            (k_eta, k_eta, m) symmetric row weights.
        r
            (k_eta, m) row factors of the second derivatives of eta; None leaves them out.
        """

    def matrix(self) -> Array:
        """(size, size) symmetric sum over everything that was added."""


def information(
    layout: Layout, *, hidden: bool, bent: bool, dtype: npt.DTypeLike = np.float64
) -> Information:
    """What adds up an information of the coefficients, by the faster way.

    Parameters
    ----------
    layout
        What belongs where.
    hidden
        Whether the hidden layers' part is wanted; without it that part stays zero.
    bent
        Whether second derivatives of eta belong to it.
    dtype
        Floating type of the products. Single precision takes half the time and has seven digits.
    """
    if hidden and (layout.direct_bent if bent else layout.direct):
        return Direct(layout, dtype)
    return ByProducts(layout, hidden, dtype)


class Direct:
    """Adds up ``J W J'`` itself, for one linear predictor.

    Of one hidden layer, the second derivatives of eta are few: they mix a unit's own coefficients.
    """

    def __init__(self, layout: Layout, dtype: npt.DTypeLike = np.float64) -> None:
        self._layout, self._dtype = layout, dtype
        self._total = np.zeros((layout.size, layout.size))

    def __iadd__(self, other: Self) -> Self:
        self._total += other._total
        return self

    def ready(self, state: Forward) -> Forward:
        """See :class:`Information`: the Jacobian serves the score as well."""
        return Forward(*state[:4], jacobian(state, self._layout.predictor))

    def add(self, state: Forward, weights: Array, r: Array | None = None) -> None:
        """See :class:`Information`; with `r`, of a predictor without a second hidden layer."""
        w = weights[0, 0]
        J = self.ready(state).jacobian if state.jacobian is None else state.jacobian
        assert J is not None
        if w.min() >= 0.0:
            root = (J * np.sqrt(w)).astype(self._dtype, copy=False)
            self._total += np.dot(root, root.T)
        else:
            J = J.astype(self._dtype, copy=False)
            self._total += np.dot(J * w.astype(self._dtype, copy=False), J.T)
        if r is not None:
            for layer, one in zip(self._layout.layers, state.passes, strict=True):
                self._bend(layer, one, r[0])

    def _bend(self, layer: Layer, one: Pass, r: Array) -> None:
        """Subtract ``r d2 eta`` by a unit's coefficients, and by those and its output weight."""
        q, width, z, inside = layer.units, layer.width, one.below[0], layer.where
        first = self._layout.columns[0, layer.output]
        outside = slice(first, first + q)
        bend = (one.v.T * (one.h2[0] * r))[:, None] * z
        own = self._total[inside, inside].reshape(q, width, q, width)
        unit = np.einsum("jkjl->jkl", own)
        unit -= np.dot(bend.reshape(q * width, -1), z.T).reshape(q, width, width)
        cross = np.dot(one.h1[0] * r, z.T)
        right = np.einsum("jkj->jk", self._total[inside, outside].reshape(q, width, q))
        right -= cross
        below = np.einsum("jjk->jk", self._total[outside, inside].reshape(q, q, width))
        below -= cross

    def matrix(self) -> Array:
        """(size, size) sum itself."""
        return self._total


class ByProducts:
    """Adds up products of units times products of inputs."""

    def __init__(
        self, layout: Layout, hidden: bool = True, dtype: npt.DTypeLike = np.float64
    ) -> None:
        self._dtype, self._layout = dtype, layout
        k, width = layout.columns.shape
        self._layers, self._pairs = (layout.layers, layout.pairs) if hidden else ([], [])
        self._final = np.zeros((k, k, width, width))
        self._cross = [np.zeros((k, one.units * one.width, width)) for one in self._layers]
        self._blocks = [np.zeros((len(p.units[0]), len(p.inputs[0]))) for p in self._pairs]

    def __iadd__(self, other: Self) -> Self:
        self._final += other._final
        for mine, theirs in zip(self._cross, other._cross, strict=True):
            mine += theirs
        for mine, theirs in zip(self._blocks, other._blocks, strict=True):
            mine += theirs
        return self

    def ready(self, state: Forward) -> Forward:
        """See :class:`Information`: as it is."""
        return state

    def add(self, state: Forward, weights: Array, r: Array | None = None) -> None:
        """See :class:`Information`."""
        F = self._cast(_final_columns(state))
        self._add_final(F, weights)
        if not self._layers:
            return
        below = [self._cast(z) for one in state.passes for z in one.below]
        deltas = [self._cast(d) for one in state.passes for d in _deltas(one, len(weights))]
        pulls = [self._cast(_weighted(weights, delta)) for delta in deltas]
        seconds = [None if r is None else SecondDerivatives(one, r) for one in state.passes]
        for one, pull, z, cross in zip(self._layers, pulls, below, self._cross, strict=True):
            for total, row in zip(cross, pull, strict=True):
                _accumulate(total, _Products(row[None], z[None], one.coefficients), F)
            second = seconds[one.term]
            if second is not None and r is not None:
                self._bend_outputs(cross, one, second, r, z)
        for pair, total in zip(self._pairs, self._blocks, strict=True):
            low, high = self._layers[pair.low], self._layers[pair.high]
            second = seconds[low.term] if low.term == high.term else None
            bend = None if second is None else second.of_delta(low.level, high.level)
            units = _Products(pulls[pair.low], deltas[pair.high], pair.units, bend)
            inputs = _Products(below[pair.low][None], below[pair.high][None], pair.inputs)
            if len(total) >= len(total.T):
                _accumulate(total, units, inputs.all())
            else:
                _accumulate(total.T, inputs, units.all())
            if second is not None and low is not high:
                self._bend_inputs(total, low, high, second, below[pair.low])

    def matrix(self) -> Array:
        """See :class:`Information`."""
        layout = self._layout
        if len(layout.columns[0]) == layout.size:  # nothing but one final layer
            return np.array(self._final[0, 0])
        out = np.zeros((layout.size, layout.size))
        for c, rows in enumerate(layout.columns):
            for d, columns in enumerate(layout.columns):
                out[rows[:, None], columns] = self._final[c, d] if c <= d else self._final[d, c].T
            for one, cross in zip(self._layers, self._cross, strict=True):
                out[one.where, rows] = cross[c]
                out[rows, one.where] = cross[c].T
        for pair, total in zip(self._pairs, self._blocks, strict=True):
            low, high = self._layers[pair.low], self._layers[pair.high]
            shape = (low.units, low.width, high.units, high.width)
            block = out[low.where, high.where].reshape(shape)
            if low is high:
                _unfold(block, total, pair)
            else:
                four = total.reshape(low.units, high.units, low.width, high.width)
                block[:] = four.transpose(0, 2, 1, 3)
                out[high.where, low.where] = out[low.where, high.where].T
        return out

    def _cast(self, values: Array) -> Array:
        return values.astype(self._dtype, copy=False)

    def _add_final(self, F: Array, weights: Array) -> None:
        for c in range(len(weights)):
            for d in range(c, len(weights)):
                w = weights[c, d]
                if c == d and w.min() >= 0.0:
                    self._final[c, c] += _square(F, self._cast(np.sqrt(w)))
                else:
                    self._final[c, d] += np.dot(F * self._cast(w), F.T)

    def _bend_outputs(
        self, cross: Array, one: Layer, second: SecondDerivatives, r: Array, z: Array
    ) -> None:
        """Second derivatives by a layer's coefficients and its deep term's output weights."""
        answer = second.of_units(one.level, second.top)
        for total, factor in zip(cross, r, strict=True):
            part = np.dot(self._rows(answer * factor), z.T)
            three = total.reshape(one.units, one.width, -1)
            if answer.ndim == 2:
                units = np.arange(one.units)
                three[units, :, one.output + units] -= part
            else:
                part = part.reshape(-1, one.units, one.width)
                three[:, :, one.output : one.output + len(part)] -= part.transpose(1, 2, 0)

    def _bend_inputs(
        self, total: Array, low: Layer, high: Layer, second: SecondDerivatives, z: Array
    ) -> None:
        """The part of two layers' second derivatives in which the upper one's inputs answer."""
        delta = second.deltas[high.level]
        answer = second.of_units(low.level, high.level - 1)
        four = total.reshape(low.units, high.units, low.width, high.width)
        if answer.ndim == 2:
            units = np.arange(low.units)
            part = np.dot(self._rows(answer[:, None] * delta), z.T)
            four[units, :, :, 1 + units] -= part.reshape(low.units, high.units, low.width)
            return
        for j in range(high.units):
            part = np.dot(self._rows(answer * delta[j]), z.T)
            four[:, j, :, 1:] -= part.reshape(-1, low.units, low.width).transpose(1, 2, 0)

    def _rows(self, values: Array) -> Array:
        return self._cast(values.reshape(-1, values.shape[-1]))


class _Products(NamedTuple):
    """Products of rows, ``sum_c left[c, i] * right[c, j]``, less ``bend[i, j]``.

    ``bend`` is (i, j, m), or (i, m) where only products of a row with itself have one.
    """

    left: Array
    right: Array
    pairs: Pairs
    bend: Array | None = None

    def some(self, lo: int, hi: int) -> Array:
        """Products ``lo`` to ``hi``."""
        i, j = self.pairs[0][lo:hi], self.pairs[1][lo:hi]
        out: Array = self.left[0].take(i, 0)
        out *= self.right[0].take(j, 0)
        for left, right in zip(self.left[1:], self.right[1:], strict=True):
            out += left.take(i, 0) * right.take(j, 0)
        if self.bend is None:
            return out
        if self.bend.ndim == 2:
            own = np.flatnonzero(i == j)
            out[own] -= self.bend[i[own]]
        else:
            out -= self.bend[i, j]
        return out

    def all(self) -> Array:
        """All products, made a group at a time so that they stay in the cache."""
        n = len(self.pairs[0])
        if n <= GROUP:
            return self.some(0, n)
        out: Array = np.empty((n, self.left.shape[-1]), self.left.dtype)
        for lo in range(0, n, GROUP):
            out[lo : lo + GROUP] = self.some(lo, lo + GROUP)
        return out


def _accumulate(total: Array, products: _Products, other: Array) -> None:
    for lo in range(0, len(total), GROUP):
        total[lo : lo + GROUP] += np.dot(products.some(lo, lo + GROUP), other.T)


def _final_columns(state: Forward) -> Array:
    if not state.passes:
        return state.glm
    return np.concatenate([state.glm, *(one.last for one in state.passes)])


def _square(F: Array, factor: Array) -> Array:
    """``(F factor) (F factor)'``, by a product that is slow at three rows above fours."""
    p, m = F.shape
    rows = np.empty((p + (p % 4 == 3), m), F.dtype)
    np.multiply(F, factor, out=rows[:p])
    rows[p:] = 0.0
    square: Array = np.dot(rows, rows.T)[:p, :p]
    return square


def _deltas(one: Pass, k_eta: int) -> list[Array]:
    """For every layer (k_eta, units, m) derivatives of eta by its linear predictors."""
    if k_eta == 1:
        return [delta[None] for delta in unit_derivatives(one, 0)]
    each = zip(*(unit_derivatives(one, k) for k in range(k_eta)), strict=True)
    return [np.stack(layer) for layer in each]


def _weighted(weights: Array, delta: Array) -> Array:
    if len(weights) == 1:
        return np.asarray(delta * weights[0])
    return np.stack([(row[:, None] * delta).sum(axis=0) for row in weights])


def _unfold(block: Array, total: Array, pair: LayerPair) -> None:
    """Write a layer's own block from the products of one half."""
    (i, j), (k, m) = pair.units, pair.inputs
    width = block.shape[1]
    full = np.empty((len(total), width, width))
    full[:, k, m] = total
    full[:, m, k] = total
    block[i, :, j, :] = full
    block[j, :, i, :] = full


__all__ = ["ByProducts", "Direct", "Information", "information"]
