"""From the parameters of a fit to those that are reported, and back.

A fit moves standardised coefficients and, for some families, auxiliary parameters on a scale of
their own. Reported are coefficients in the user's units, log odds against a reference class,
cut-points in place of an intercept, an alpha in place of its logarithm. All of it is one smooth
one-to-one map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from deepglm.families import Family
from deepglm.inference.fitted import Array, Mask
from deepglm.predictor import Predictor

__all__ = ["Units", "auxiliary"]


def auxiliary(family: Family) -> int:
    """Number of auxiliary parameters that are estimated like coefficients.

    A dispersion is none: it has an estimate of its own for standard errors, as in any GLM.
    """
    return 0 if family.scale is None else len(family.aux_names)


@dataclass(frozen=True, eq=False)
class Units:
    """The map from a fit's parameters to the reported ones.

    Parameters
    ----------
    predictor
        Shape of the predictor.
    family
        The family of the response.
    from_standard, to_standard
        (size, size) coefficients in the user's units from standardised ones, and back.
    intercept
        (size,) the final layer's intercepts.
    column_names
        Names of the columns of the final layer, then of the inputs of every deep term.
    """

    predictor: Predictor
    family: Family
    from_standard: Array
    to_standard: Array
    intercept: Mask
    column_names: Sequence[Sequence[str]]

    @property
    def size(self) -> int:
        """Number of parameters, of a fit and reported."""
        return self.predictor.size + auxiliary(self.family)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the reported parameters."""
        glm, *inputs = self.column_names
        names = [
            *self.predictor.names(glm, inputs, self.family.eta_names),
            *(self.family.aux_labels if auxiliary(self.family) else ()),
        ]
        if self.family.cut_labels:
            names[self._first_cut] = self.family.cut_labels[0]
        return tuple(names[j] for j in self.order)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """Position in a fit of every reported parameter: cut-points come last."""
        order = list(range(self.size))
        if self.family.cut_labels:
            order.remove(self._first_cut)
            order.insert(self.predictor.size - 1, self._first_cut)
        return tuple(order)

    @property
    def _first_cut(self) -> int:
        return int(np.flatnonzero(self.intercept)[0])

    @property
    def cut(self) -> int | None:
        """Position in a fit of the intercept that is reported as a cut-point, if one is."""
        return self._first_cut if self._moves else None

    @property
    def level_slopes(self) -> Array:
        """(size,) derivatives of :meth:`level` by the parameters of a fit."""
        slopes = np.zeros(self.size)
        if self.cut is not None:
            slopes[: self.predictor.size] = self.from_standard[self.cut]
        return slopes

    def level(self, theta: Array) -> float:
        """What a linear predictor is reported without: an intercept that is a cut-point, or 0."""
        return float(self.level_slopes @ theta) if self.cut is not None else 0.0

    def reported(self, theta: Array) -> Array:
        """(size,) reported parameters of (size,) parameters of a fit."""
        k = self.predictor.size
        aux = self.family.reported(theta[k:])[0] if auxiliary(self.family) else theta[k:]
        return np.asarray(self._arranged @ np.concatenate((self._coefficients @ theta[:k], aux)))

    def placed(self, values: Array) -> Array:
        """(size,) values of reported parameters, in the order of the fit."""
        out = np.empty_like(values)
        out[list(self.order)] = values
        return out

    def along(self, direction: Array) -> Array:
        """(size,) reported form of a direction of a fit that leaves auxiliary parameters alone."""
        k = self.predictor.size
        moved = np.concatenate((self._coefficients @ direction[:k], direction[k:]))
        return np.asarray(self._arranged @ moved)

    def derivative(self, theta: Array) -> Array:
        """(size, size) derivative of :meth:`reported`."""
        return np.asarray(self._arranged @ self._before(theta))

    def backwards(self, theta: Array) -> Array:
        """(size, size) inverse of :meth:`derivative`."""
        k, extra = self.predictor.size, auxiliary(self.family)
        B = self._standard
        if extra:
            B = np.zeros((k + extra, k + extra))
            B[:k, :k] = self._standard
            B[k:, k:] = np.linalg.inv(self.family.reported(theta[k:])[1])
        return np.asarray(np.linalg.solve(self._arranged.T, B.T).T) if self._moves else B

    def bend(self, theta: Array, score: Array) -> Array:
        """(size, size) second derivatives of ``score @ reported(theta)`` by ``theta``.

        Parameters
        ----------
        theta
            (size,) parameters of a fit.
        score
            (size,) factors of the reported parameters.
        """
        k, out = self.predictor.size, np.zeros((self.size, self.size))
        if auxiliary(self.family):
            out[k:, k:] = self.family.reported_bend(theta[k:], (score @ self._arranged)[k:])
        return out

    def inside(self, params: Array) -> Array:
        """(size,) parameters of a fit from reported ones."""
        k = self.predictor.size
        values: Array = params
        if self._moves:
            values = np.asarray(np.linalg.solve(self._arranged, params))
        aux = self.family.unreported(values[k:]) if auxiliary(self.family) else values[k:]
        return np.concatenate((self._standard @ values[:k], aux))

    def _before(self, theta: Array) -> Array:
        k, extra = self.predictor.size, auxiliary(self.family)
        if not extra:
            return self._coefficients
        T = np.zeros((k + extra, k + extra))
        T[:k, :k] = self._coefficients
        T[k:, k:] = self.family.reported(theta[k:])[1]
        return T

    @property
    def _moves(self) -> bool:
        return bool(self.family.cut_labels)

    @cached_property
    def _arranged(self) -> Array:
        """(size, size) cut-points from intercept and gaps, in the order of the report."""
        C = np.eye(self.size)
        if self._moves:
            k, i = self.predictor.size, self._first_cut
            C[i, i] = -1.0
            C[k:, i] = -1.0
        return np.asarray(C[list(self.order)])

    @cached_property
    def _coefficients(self) -> Array:
        mixed = self._mixed(self.family.to_reported)
        return self.from_standard if mixed is None else mixed @ self.from_standard

    @cached_property
    def _standard(self) -> Array:
        M = self.family.to_reported
        mixed = self._mixed(None if M is None else np.asarray(np.linalg.inv(M)))
        return self.to_standard if mixed is None else self.to_standard @ mixed

    def _mixed(self, M: Array | None) -> Array | None:
        """(size, size) matrix that mixes the final layer's coefficients over linear predictors."""
        if M is None:
            return None
        T = np.eye(self.predictor.size)
        numbers = self.predictor.unpack(np.arange(self.predictor.size, dtype=float))
        for part in (numbers.beta, *numbers.outputs):
            for column in part.T.astype(int):
                T[np.ix_(column, column)] = M
        return T
