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
        self.deltas = [above * one.h1[-1]]
        self._answers: dict[tuple[int, int], Array] = {(self.top, self.top): above * one.h2[-1]}
        for level in range(self.top - 1, -1, -1):
            self._descend(level)

    def _descend(self, level: int) -> None:
        one, answers = self._one, self._answers
        W, h1 = one.layers[level + 1][:, 1:], one.h1[level]
        above = np.dot(W.T, self.deltas[0])
        self.deltas.insert(0, above * h1)
        for high in range(level + 1, self.top + 1):
            next_one = answers[level + 1, high]
            diagonal = next_one.ndim == 2
            below = W.T[:, :, None] * next_one if diagonal else _first_axis(W.T, next_one)
            below *= h1[:, None]
            answers[level, high] = below
        own = np.matmul(W.T, answers[level, level + 1])
        own *= h1
        units = np.arange(len(h1))
        own[units, units] += above * one.h2[level]
        answers[level, level] = own

    def of_delta(self, low: int, high: int) -> Array:
        """``d (r delta_high) / d a_low``: (low, high, m), or (units, m) where it is diagonal."""
        return self._answers[low, high]

    def of_units(self, low: int, high: int) -> Array:
        """``d z_high / d a_low``: (high, low, m), or (units, m) where it is diagonal."""
        one = self._one
        if high == low:
            return one.h1[low]
        answer = one.layers[low + 1][:, 1:, None] * one.h1[low]
        for level in range(low + 1, high):
            answer *= one.h1[level][:, None]
            answer = _first_axis(one.layers[level + 1][:, 1:], answer)
        answer *= one.h1[high][:, None]
        return answer


def _first_axis(W: Array, A: Array) -> Array:
    """Product of a matrix and the first axis of an array."""
    product: Array = np.dot(W, A.reshape(len(A), -1)).reshape(len(W), *A.shape[1:])
    return product


__all__ = ["SecondDerivatives"]
