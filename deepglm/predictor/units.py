"""From standardised coefficients to the user's units and back: one linear map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from deepglm.predictor.structure import Array, Predictor


class Standard(Protocol):
    """Centre and scale of the columns of one design."""

    @property
    def centre(self) -> Array: ...
    @property
    def scale(self) -> Array: ...


def user_matrix(
    predictor: Predictor, standards: Sequence[Standard], intercept: int | None
) -> Array:
    """(size, size) matrix ``T`` with ``params = T theta``.

    A slope on ``(x - m) / s`` is ``s`` times a slope on ``x``; the centres move into the
    intercepts of the first layers and of the final one.

    Parameters
    ----------
    predictor
        Shape of the predictor.
    standards
        Centre and scale of the final layer's columns, then of every deep term's inputs.
    intercept
        Column of the final layer that is the intercept.
    """
    return _matrix(predictor, standards, intercept, inverse=False)


def standard_matrix(
    predictor: Predictor, standards: Sequence[Standard], intercept: int | None
) -> Array:
    """(size, size) inverse of :func:`user_matrix`: ``theta = T^-1 params``."""
    return _matrix(predictor, standards, intercept, inverse=True)


def _matrix(
    predictor: Predictor, standards: Sequence[Standard], intercept: int | None, inverse: bool
) -> Array:
    T = np.eye(predictor.size)
    numbers = predictor.unpack(np.arange(predictor.size, dtype=float))
    _place(T, numbers.beta.astype(int), standards[0], intercept, inverse)
    for layers, standard in zip(numbers.layers, standards[1:], strict=True):
        B = layers[0].astype(int)
        padded = _Padded(standard)
        _place(T, B, padded, 0, inverse)
    return T


class _Padded:
    """Centre and scale with the intercept's 0 and 1 in front."""

    def __init__(self, standard: Standard) -> None:
        self.centre = np.concatenate(([0.0], standard.centre))
        self.scale = np.concatenate(([1.0], standard.scale))


def _place(
    T: Array, numbers: Array, standard: Standard, intercept: int | None, inverse: bool
) -> None:
    factor = standard.scale if inverse else 1.0 / standard.scale
    shift = standard.centre if inverse else -standard.centre / standard.scale
    for row in numbers:
        T[row, row] = factor
        if intercept is not None:
            columns = np.arange(len(row)) != intercept
            T[row[intercept], row[columns]] = shift[columns]


__all__ = ["standard_matrix", "user_matrix"]
