"""The linear part of a fit: the projection of its linear predictor on columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepglm.data import row_runs
from deepglm.inference.fitted import Array
from deepglm.inference.inputs import Place
from deepglm.inference.uncertainty import Functional
from deepglm.predictor import forward, jacobian

__all__ = ["Projection"]


@dataclass(frozen=True, eq=False)
class Projection:
    """Weighted least squares of every linear predictor, without offset, on columns.

    Parameters
    ----------
    place
        Rows.
    X
        (p, n) columns, none of them determined by the others.
    share
        (n,) share of the rows.
    T
        (q, p) matrix from the coefficients to those that are reported.
    mixed
        (k_eta, k_eta) matrix from linear predictors to those that are reported.

    References
    ----------
    White (1980), International Economic Review 21, 149-170, for least squares as an approximation.
    """

    place: Place
    X: Array
    share: Array
    T: Array
    mixed: Array

    def functional(self, population: bool) -> Functional:
        """The coefficients, (k_eta q,), predictor after predictor.

        Parameters
        ----------
        population
            Whether the projection is that of the population; else that of these rows.
        """
        if population:
            return Functional(self.value, self.jacobian, self.influences)
        return Functional(lambda theta, _: self.value(theta, self.share), self.jacobian)

    def value(self, theta: Array, share: Array) -> Array:
        """Coefficients, the rows weighted by their shares."""
        WX = self.X * share
        b = np.linalg.solve(WX @ self.X.T, WX @ self._eta(theta).T)
        return np.asarray((self.T @ b).T.ravel())

    def jacobian(self, theta: Array) -> Array:
        """Derivatives by the parameters."""
        coefficients, _ = self.place.split(theta)
        WX = self.X * self.share
        P = self.T @ np.linalg.solve(WX @ self.X.T, WX)
        predictor = self.place.predictor
        k = predictor.k_eta
        out = np.zeros((k, len(P), len(theta)))
        for lo, hi in row_runs(self.place.n, max(256, 2**20 // predictor.size)):
            _, designs, _ = self.place.block(lo, hi)
            state = forward(coefficients, predictor, designs, 1)
            for c in range(k):
                out[c, :, : predictor.size] += P[:, lo:hi] @ jacobian(state, predictor, c).T
        return np.asarray(np.tensordot(self.mixed, out, 1).reshape(-1, len(theta)))

    def influences(self, theta: Array) -> Array:
        """(k_eta q, n) numbers whose average is the value, and whose spread its sampling error."""
        WX, eta = self.X * self.share, self._eta(theta)
        M = WX @ self.X.T
        b = np.linalg.solve(M, WX @ eta.T)
        moved = self.T @ np.linalg.solve(M, self.X)
        residual = eta - b.T @ self.X
        level = (self.T @ b).T
        parts = level[:, :, None] + moved[None] * residual[:, None]
        return np.asarray(parts.reshape(-1, self.place.n))

    def _eta(self, theta: Array) -> Array:
        """(k_eta, n) linear predictors as reported, without offset."""
        coefficients, _ = self.place.split(theta)
        parts = [
            forward(coefficients, self.place.predictor, self.place.block(lo, hi)[1], 0).eta
            for lo, hi in self.place.runs()
        ]
        return np.asarray(self.mixed @ np.concatenate(parts, axis=1))
