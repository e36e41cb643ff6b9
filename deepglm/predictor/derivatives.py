"""Eta of a block of rows and its first derivatives, by hand and exactly.

Arrays are feature-major: a block of ``m`` rows is ``(features, m)``, so that a row-wise Kronecker
product is written along the memory. With ``a_l = B_l [1, z_(l-1)]``, ``z_l = h_l(a_l)`` and
``delta_l = d eta / d a_l``, the derivative of eta by row ``j`` of ``B_l`` is
``delta_l[j] [1, z_(l-1)]``.

Products with a short result are ``np.dot``: ``@`` would keep the interpreter's lock for them, and
threads would wait. A matrix that is not contiguous, however, ``np.dot`` copies before it multiplies
it by a vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deepglm.predictor.structure import Array, Coefficients, Network, Predictor


class Pass(NamedTuple):
    """What one deep term leaves behind on its way forward."""

    layers: tuple[Array, ...]
    v: Array
    below: tuple[Array, ...]
    """What enters every layer, ones for the intercept first: (1 + inputs, m)."""
    last: Array
    """(units, m) last hidden units."""
    h1: tuple[Array, ...]
    """First derivative of every layer's inverse link at a_l."""
    h2: tuple[Array, ...]
    """Second derivative; empty unless asked for."""
    across: tuple[bool, ...]
    """Which layers share one inverse link, softmax; h1 and h2 are then the units themselves."""

    @property
    def z(self) -> tuple[Array, ...]:
        """Inputs of every layer and the last hidden units: (inputs, m), ..., (units, m)."""
        return (*(z[1:] for z in self.below), self.last)

    def pull(self, level: int, delta: Array, axis: int = 0) -> Array:
        """Derivatives by a layer's linear predictors of derivatives by its units, in their place.

        Parameters
        ----------
        level
            Number of the layer.
        delta
            (..., units, ..., m) derivatives by the units, overwritten.
        axis
            Where the units stand.
        """
        h1 = self.h1[level]
        if delta.ndim == 3:
            h1 = h1[:, None] if axis == 0 else h1
        if self.across[level]:
            delta -= (h1 * delta).sum(axis=axis, keepdims=True)
        delta *= h1
        return delta


class Forward(NamedTuple):
    """Eta of a block and what its derivatives need."""

    eta: Array
    """(k_eta, m), without offset."""
    glm: Array
    """(k_glm, m) columns of the final layer."""
    passes: tuple[Pass, ...]
    inside: bool
    """Whether every linear predictor lies in its inverse link's domain."""
    jacobian: Array | None = None
    """(size, m) derivatives of the one eta by every coefficient, for who wants them twice."""


def forward(
    coefficients: Coefficients, predictor: Predictor, designs: Sequence[Array], order: int
) -> Forward:
    """Run a block of rows through the predictor.

    Parameters
    ----------
    coefficients
        Matrices of the coefficients.
    predictor
        Shape of the predictor.
    designs
        (k_glm, m) columns of the final layer, then (inputs, m) of every deep term.
    order
        Derivatives of the inverse links to keep: 0, 1 or 2.
    """
    glm = designs[0]
    eta = np.dot(coefficients.beta, glm)
    passes, inside = [], True
    for network, layers, v, X in zip(
        predictor.networks, coefficients.layers, coefficients.outputs, designs[1:], strict=True
    ):
        one, ok = _forward_network(network, layers, v, X, order)
        eta += np.dot(v, one.last)
        passes.append(one)
        inside = inside and ok
    return Forward(eta, glm, tuple(passes), inside)


def _forward_network(
    network: Network, layers: Sequence[Array], v: Array, X: Array, order: int
) -> tuple[Pass, bool]:
    z, below, h1, h2, inside = _room(X.shape), [], [], [], True
    z[1:] = X
    for link, B in zip(network.links, layers, strict=True):
        below.append(z)
        z = _room((len(B), X.shape[1]))
        a = np.dot(B, below[-1], out=z[1:])
        lo, hi = link.domain
        if lo > -np.inf or hi < np.inf:
            inside = inside and bool((a > lo).all() and (a < hi).all())
        derivatives = link.overwrite(a, order)
        if order > 0:
            h1.append(derivatives[1])
        if order > 1:
            h2.append(derivatives[2])
    one = Pass(tuple(layers), v, tuple(below), z[1:], tuple(h1), tuple(h2), network.across)
    return one, inside


def _room(shape: tuple[int, ...]) -> Array:
    """Memory for units below a row of ones."""
    out = np.empty((shape[0] + 1, shape[1]))
    out[0] = 1.0
    return out


def backward(state: Forward, r: Array) -> Array:
    """Sum over the block of ``r * d eta / d theta``.

    Parameters
    ----------
    state
        A forward pass of order 1 or more.
    r
        (k_eta, m) row factors, for the score the derivative of the log-likelihood by eta.

    Returns
    -------
    ndarray
        (size,) gradient.
    """
    if state.jacobian is not None:
        return np.asarray(np.dot(state.jacobian, r[0]))
    parts = [_times(r, state.glm)]
    for one in state.passes:
        grads = [_times(r, one.last)]
        delta = one.v.T * r if len(r) == 1 else np.dot(one.v.T, r)
        for depth in range(len(one.layers) - 1, -1, -1):
            delta = one.pull(depth, delta)
            grads.append(np.dot(delta, one.below[depth].T).ravel())
            if depth:
                delta = np.dot(one.layers[depth][:, 1:].T, delta)
        parts += grads[::-1]
    return np.concatenate(parts)


def _times(r: Array, X: Array) -> Array:
    """``r X'`` row after row; for one row, a matrix times a vector is faster."""
    if len(r) > 1:
        product: Array = np.dot(r, X.T).ravel()
    else:
        product = np.dot(X, r[0]) if X.flags.c_contiguous else X @ r[0]
    return product


def unit_derivatives(one: Pass, k: int) -> list[Array]:
    """``d eta_k / d a_l`` of every layer of a deep term, (units, m) each."""
    last = len(one.layers) - 1
    if one.across[last]:
        delta = one.pull(last, np.repeat(one.v[k][:, None], one.last.shape[1], axis=1))
    else:
        delta = one.h1[last] * one.v[k][:, None]
    deltas = [delta]
    for depth in range(last - 1, -1, -1):
        delta = one.pull(depth, np.dot(one.layers[depth + 1][:, 1:].T, delta))
        deltas.append(delta)
    return deltas[::-1]


def jacobian(
    state: Forward, predictor: Predictor, k: int = 0, factor: Array | None = None
) -> Array:
    """Derivatives of ``eta_k`` by every coefficient, row by row.

    Parameters
    ----------
    state
        A forward pass of order 1 or more.
    predictor
        Shape of the predictor.
    k
        Which linear predictor.
    factor
        (m,) row factors put into the small matrices before the large one is written, for example
        the square root of the working weights.

    Returns
    -------
    ndarray
        (size, m).
    """
    m = state.eta.shape[1]
    J = np.zeros((predictor.size, m)) if predictor.k_eta > 1 else np.empty((predictor.size, m))
    _fill(J, predictor.slices[0], k, state.glm, factor)
    at = 1
    for one in state.passes:
        for delta, below in zip(unit_derivatives(one, k), one.below, strict=True):
            if factor is not None:
                delta *= factor
            block = J[predictor.slices[at]].reshape(delta.shape[0], below.shape[0], m)
            np.multiply(delta[:, None, :], below, out=block)
            at += 1
        _fill(J, predictor.slices[at], k, one.last, factor)
        at += 1
    return J


def final_jacobian(
    state: Forward, predictor: Predictor, k: int = 0, factor: Array | None = None
) -> Array:
    """The rows of :func:`jacobian` that belong to the final layer, in the same order."""
    parts = [(predictor.slices[0], state.glm)]
    at = 1
    for one in state.passes:
        at += len(one.layers)
        parts.append((predictor.slices[at], one.last))
        at += 1
    m = state.eta.shape[1]
    J = np.zeros((int(predictor.final.sum()), m))
    row = 0
    for where, columns in parts:
        width = where.stop - where.start
        _fill(J, slice(row, row + width), k, columns, factor)
        row += width
    return J


def _fill(J: Array, where: slice, k: int, columns: Array, factor: Array | None) -> None:
    width = columns.shape[0]
    rows = J[where.start + k * width : where.start + (k + 1) * width]
    if factor is None:
        rows[:] = columns
    else:
        np.multiply(columns, factor, out=rows)
