"""Second derivatives of eta, row by row, in the linear predictors of the hidden layers."""

from __future__ import annotations

import numpy as np

from deepglm.predictor.derivatives import Pass
from deepglm.predictor.structure import Array


class SecondDerivatives:
    """How one deep term's ``r delta`` and its units answer to the linear predictors below.

    Parameters
    ----------
    one
        A forward pass of order 2.
    r
        (k_eta, m) row factors. They are summed over the linear predictors of the response first:
        delta is linear in the output weights, so one recursion serves them all.

    Attributes
    ----------
    top
        Number of the last layer.
    deltas
        For every layer (units, m) ``sum_k r_k d eta_k / d a``.
    """

    def __init__(self, one: Pass, r: Array) -> None:
        self._one = one
        self.top = len(one.layers) - 1
        above = np.dot(one.v.T, r)
        self.deltas = [one.pull(self.top, above.copy())]
        self._answers: dict[tuple[int, int], Array] = {(self.top, self.top): self._own(above)}
        for level in range(self.top - 1, -1, -1):
            self._descend(level)

    def _descend(self, level: int) -> None:
        one, answers = self._one, self._answers
        W = one.layers[level + 1][:, 1:]
        above = np.dot(W.T, self.deltas[0])
        self.deltas.insert(0, one.pull(level, above.copy()))
        for high in range(level + 1, self.top + 1):
            next_one = answers[level + 1, high]
            diagonal = next_one.ndim == 2
            below = W.T[:, :, None] * next_one if diagonal else _first_axis(W.T, next_one)
            answers[level, high] = one.pull(level, below)
        own = one.pull(level, np.matmul(W.T, answers[level, level + 1]), axis=1)
        bend = self._own(above)
        if bend.ndim == 3:
            own += bend
        else:
            units = np.arange(len(bend))
            own[units, units] += bend
        answers[level, level] = own

    def _own(self, above: Array) -> Array:
        """How a layer's ``r delta`` answers to its own linear predictors, its units' slopes held.

        Of the lowest layer so far. (units, m) where every unit has an inverse link of its own; of
        softmax with values z, (units, units, m): ``diag(delta) - z delta' - delta z'``.
        """
        one, level = self._one, self.top + 1 - len(self.deltas)
        if not one.across[level]:
            return np.asarray(above * one.h2[level])
        z, delta = one.h1[level], self.deltas[0]
        answer = -(z[:, None] * delta + delta[:, None] * z)
        units = np.arange(len(z))
        answer[units, units] += delta
        return np.asarray(answer)

    def of_delta(self, low: int, high: int) -> Array:
        """``d (r delta_high) / d a_low``: (low, high, m), or (units, m) where it is diagonal."""
        return self._answers[low, high]

    def of_units(self, low: int, high: int) -> Array:
        """``d z_high / d a_low``: (high, low, m), or (units, m) where it is diagonal."""
        one = self._one
        if high == low:
            return one.h1[low] if not one.across[low] else _jacobian(one.h1[low])
        W, m = one.layers[low + 1][:, 1:, None], one.last.shape[1]
        answer = one.pull(low, np.repeat(W, m, axis=2), axis=1)
        for level in range(low + 1, high):
            answer = _first_axis(one.layers[level + 1][:, 1:], one.pull(level, answer))
        return one.pull(high, answer)


def _jacobian(z: Array) -> Array:
    """(units, units, m) derivatives of softmax values."""
    answer = -z[:, None] * z
    units = np.arange(len(z))
    answer[units, units] += z
    return np.asarray(answer)


def _first_axis(W: Array, A: Array) -> Array:
    """Product of a matrix and the first axis of an array."""
    product: Array = np.dot(W, A.reshape(len(A), -1)).reshape(len(W), *A.shape[1:])
    return product


__all__ = ["SecondDerivatives"]
