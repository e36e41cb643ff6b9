"""Eta of a block of rows, its derivatives and the sums they enter, by hand and exactly.

Arrays are feature-major: a block of ``m`` rows is ``(features, m)``, so that a row-wise Kronecker
product is written along the memory. With ``a_l = B_l [1, z_(l-1)]``, ``z_l = h_l(a_l)`` and
``delta_l = d eta / d a_l``, the derivative of eta by row ``j`` of ``B_l`` is
``delta_l[j] [1, z_(l-1)]``. The second derivative of eta by two layers ``l <= m`` is

    [1, z_(l-1)] (Gamma_lm [1, z_(m-1)] + delta_m D_l,m-1),

where ``Gamma_lm = d delta_m / d a_l`` and ``D_l,m = d z_m / d a_l`` follow from one recursion
upwards and one downwards: no differences and no tape (compare Bishop 1992, "Exact calculation of
the Hessian matrix for the multilayer perceptron").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepglm.predictor.structure import Array, Coefficients, Network, Predictor


@dataclass(frozen=True)
class Pass:
    """What one deep term leaves behind on its way forward."""

    layers: tuple[Array, ...]
    v: Array
    z: tuple[Array, ...]
    """Inputs of every layer and the last hidden units: (inputs, m), ..., (units, m)."""
    h1: tuple[Array, ...]
    """First derivative of every layer's inverse link at a_l."""
    h2: tuple[Array, ...]
    """Second derivative; empty unless asked for."""


@dataclass(frozen=True)
class Forward:
    """Eta of a block and what its derivatives need."""

    eta: Array
    """(k_eta, m), without offset."""
    glm: Array
    """(k_glm, m) columns of the final layer."""
    passes: tuple[Pass, ...]
    inside: bool
    """Whether every linear predictor lies in its inverse link's domain."""


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
    eta = coefficients.beta @ glm
    passes, inside = [], True
    for network, layers, v, X in zip(
        predictor.networks, coefficients.layers, coefficients.outputs, designs[1:], strict=True
    ):
        one, ok = _forward_network(network, layers, v, X, order)
        eta += v @ one.z[-1]
        passes.append(one)
        inside = inside and ok
    return Forward(eta, glm, tuple(passes), inside)


def _forward_network(
    network: Network, layers: Sequence[Array], v: Array, X: Array, order: int
) -> tuple[Pass, bool]:
    z, h1, h2, inside = [X], [], [], True
    for link, B in zip(network.links, layers, strict=True):
        a = B[:, 1:] @ z[-1]
        a += B[:, :1]
        lo, hi = link.domain
        if lo > -np.inf or hi < np.inf:
            inside = inside and bool((a > lo).all() and (a < hi).all())
        derivatives = link.evaluate(a, order)
        z.append(derivatives[0])
        if order > 0:
            h1.append(derivatives[1])
        if order > 1:
            h2.append(derivatives[2])
    return Pass(tuple(layers), v, tuple(z), tuple(h1), tuple(h2)), inside


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
    parts = [(r @ state.glm.T).ravel()]
    for one in state.passes:
        delta = one.v.T @ r
        grads = []
        for depth in range(len(one.layers) - 1, -1, -1):
            delta *= one.h1[depth]
            grad = np.empty(one.layers[depth].shape)
            grad[:, 0] = delta.sum(axis=1)
            np.matmul(delta, one.z[depth].T, out=grad[:, 1:])
            grads.append(grad.ravel())
            if depth:
                delta = one.layers[depth][:, 1:].T @ delta
        parts += grads[::-1]
        parts.append((r @ one.z[-1].T).ravel())
    return np.concatenate(parts)


def _deltas(one: Pass, k: int) -> list[Array]:
    """``d eta_k / d a_l`` of every layer, (units, m) each."""
    delta = one.h1[-1] * one.v[k][:, None]
    deltas = [delta]
    for depth in range(len(one.layers) - 2, -1, -1):
        delta = one.layers[depth + 1][:, 1:].T @ delta
        delta *= one.h1[depth]
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
        for delta, below in zip(_deltas(one, k), one.z[:-1], strict=True):
            if factor is not None:
                delta *= factor
            block = J[predictor.slices[at]].reshape(delta.shape[0], below.shape[0] + 1, m)
            block[:, 0] = delta
            np.multiply(delta[:, None, :], below[None, :, :], out=block[:, 1:])
            at += 1
        _fill(J, predictor.slices[at], k, one.z[-1], factor)
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
        parts.append((predictor.slices[at], one.z[-1]))
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


def curvature(state: Forward, predictor: Predictor, r: Array) -> Array:
    """Sum over the block of ``r_k * d2 eta_k / d theta d theta'``, exactly, at any depth.

    Parameters
    ----------
    state
        A forward pass of order 2.
    predictor
        Shape of the predictor.
    r
        (k_eta, m) row factors.

    Returns
    -------
    ndarray
        (size, size), symmetric. Zero in the GLM part, which is linear.
    """
    C = np.zeros((predictor.size, predictor.size))
    at = 1
    for one in state.passes:
        depth = len(one.layers)
        where = predictor.slices[at : at + depth + 1]
        at += depth + 1
        _curve_network(C, where, one, r)
    upper = np.triu(C)
    return upper + np.triu(C, 1).T


def _curve_network(C: Array, where: Sequence[slice], one: Pass, r: Array) -> None:
    """Write the upper blocks of one deep term.

    The factor ``r`` is summed over the linear predictors first: delta and Gamma are linear in the
    output weights, so one recursion serves them all.
    """
    depth = len(one.layers)
    above = one.v.T @ r
    deltas: list[Array] = [np.empty(0)] * depth
    gammas: list[Array | None] = [None] * depth
    diagonal = above * one.h2[-1]
    deltas[-1] = above * one.h1[-1]
    for level in range(depth - 2, -1, -1):
        W = one.layers[level + 1][:, 1:]
        above = W.T @ deltas[level + 1]
        deltas[level] = above * one.h1[level]
        gamma = _pulled_back(W, gammas[level + 1], diagonal)
        gamma *= one.h1[level][:, None, :]
        gamma *= one.h1[level][None, :, :]
        diagonal = above * one.h2[level]
        index = np.arange(len(diagonal))
        gamma[index, index] += diagonal
        gammas[level] = gamma
    below = [_with_one(z) for z in one.z[:-1]]
    for low in range(depth):
        _curve_layer(C, where, one, r, low, deltas, gammas, below)


def _pulled_back(W: Array, gamma: Array | None, diagonal: Array) -> Array:
    """``W' Gamma W`` row by row; ``gamma`` None means the diagonal one of the last layer."""
    if gamma is None:
        half = W[:, :, None] * diagonal[:, None, :]
    else:
        half = np.tensordot(gamma, W, axes=(1, 0)).transpose(0, 2, 1)
    return np.tensordot(W.T, half, axes=1)


def _with_one(z: Array) -> Array:
    return np.concatenate((np.ones((1, z.shape[1])), z))


def _curve_layer(
    C: Array,
    where: Sequence[slice],
    one: Pass,
    r: Array,
    low: int,
    deltas: Sequence[Array],
    gammas: Sequence[Array | None],
    below: Sequence[Array],
) -> None:
    """Second derivatives of one layer with itself and with every layer above it."""
    depth = len(one.layers)
    z_low = below[low]
    above = one.v.T @ r
    width, m = z_low.shape
    last = depth - 1
    for j in range(one.layers[low].shape[0]):
        rows = slice(where[low].start + j * width, where[low].start + (j + 1) * width)
        # d a_m / d a_low[j] and d z_m / d a_low[j], upwards from this unit.
        D = np.zeros_like(one.h1[low])
        D[j] = one.h1[low][j]
        own = gammas[low]
        if own is None:  # in the last layer a unit's eta bends with its own coefficients only
            C[rows, rows] += (z_low * (above[j] * one.h2[last][j])) @ z_low.T
        else:
            C[rows, rows.start : where[low].stop] += z_low @ _products(own[j, j:], z_low).T
        for high in range(low + 1, depth):
            A = one.layers[high][:, 1:] @ D
            full = gammas[high]
            if full is None:
                gamma = above * one.h2[last] * A
            else:
                gamma = np.einsum("tm,tsm->sm", A, full)
            both = _products(gamma, below[high]).reshape(len(gamma), -1, m)
            both[:, 1:] += deltas[high][:, None, :] * D
            C[rows, where[high]] += z_low @ both.reshape(-1, m).T
            D = A * one.h1[high]
        q = one.v.shape[1]
        for k in range(one.v.shape[0]):
            columns = slice(where[depth].start + k * q, where[depth].start + (k + 1) * q)
            # below the last layer every last unit answers to this one; in it only itself
            if low == last:
                C[rows, columns.start + j] += z_low @ (r[k] * D[j])
            else:
                C[rows, columns] += (z_low * r[k]) @ D.T


def _products(factors: Array, z: Array) -> Array:
    """Row-wise Kronecker product of (a, m) and (b, m): (a b, m)."""
    product: Array = (factors[:, None, :] * z).reshape(-1, z.shape[1])
    return product
