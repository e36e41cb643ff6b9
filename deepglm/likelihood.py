"""Family after predictor, summed over rows in blocks: one additive record.

Everything that a fit needs from the data is :class:`Sums`. Full data, blocks, threads, chunks of a
file and partitions of a cluster differ in who adds them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepglm.data import BLOCK_ROWS, Rows
from deepglm.families import Family, Level
from deepglm.predictor import (
    Coefficients,
    Forward,
    Predictor,
    backward,
    curvature,
    final_jacobian,
    forward,
    jacobian,
)

Array = npt.NDArray[np.float64]


@dataclass
class Sums:
    """What rows contribute to a fit, added up.

    Parameters
    ----------
    n
        Rows, each counted with its frequency.
    value
        Log-likelihood.
    score
        (size,) derivative of the log-likelihood by coefficients and auxiliary parameters.
    information
        (size, size) minus the second derivative, observed or expected.
    """

    n: float
    value: float
    score: Array | None = None
    information: Array | None = None

    def __iadd__(self, other: Sums) -> Sums:
        self.n += other.n
        self.value += other.value
        if self.score is not None and other.score is not None:
            self.score += other.score
        if self.information is not None and other.information is not None:
            self.information += other.information
        return self


@dataclass(frozen=True)
class Likelihood:
    """The log-likelihood of coefficients and auxiliary parameters, for blocks of rows.

    The argument is one vector: the predictor's coefficients, then the family's auxiliary
    parameters.

    Parameters
    ----------
    predictor
        Eta given x.
    family
        Y given eta.
    """

    predictor: Predictor
    family: Family

    @property
    def size(self) -> int:
        """Length of the vector of parameters."""
        return self.predictor.size + len(self.family.aux_names)

    def split(self, params: Array) -> tuple[Coefficients, Array]:
        """Coefficients as matrices, and the auxiliary parameters."""
        return self.predictor.unpack(params[: self.predictor.size]), params[self.predictor.size :]

    def eta(self, params: Array, rows: Rows) -> Array:
        """(k_eta, n) linear predictors, offset included."""
        coefficients, _ = self.split(params)
        eta = np.empty((self.predictor.k_eta, rows.n))
        lo = 0
        for block in rows.blocks():
            state = forward(coefficients, self.predictor, block.designs, 0)
            eta[:, lo : lo + block.n] = state.eta + block.offset
            lo += block.n
        return eta

    def chunk(self, params: Array, rows: Rows, level: Level, final: bool = False) -> Sums:
        """Add up a run of rows, block by block.

        Parameters
        ----------
        params
            (size,) coefficients, then auxiliary parameters.
        rows
            Any number of rows.
        level
            How much is wanted: value, score, expected or observed information.
        final
            Only the final layer's part of the information is wanted; the rest is left at zero.
        """
        coefficients, aux = self.split(params)
        total: Sums | None = None
        for block in rows.blocks(self._block_rows(level)):
            one = self._block(coefficients, aux, block, level, final)
            if total is None:
                total = one
            else:
                total += one
            if not np.isfinite(total.value):
                return Sums(float(rows.freq.sum()), -np.inf)
        assert total is not None
        return total

    def _block_rows(self, level: Level) -> int:
        # A Jacobian block should stay within a few megabytes.
        if level in (Level.VALUE, Level.SCORE):
            return BLOCK_ROWS
        return max(256, min(BLOCK_ROWS, 2**20 // max(1, self.predictor.size)))

    def _block(
        self, coefficients: Coefficients, aux: Array, rows: Rows, level: Level, final: bool
    ) -> Sums:
        second = level is Level.OBSERVED and not final
        order = 0 if level is Level.VALUE else 2 if second else 1
        state = forward(coefficients, self.predictor, rows.designs, order)
        n = float(rows.freq.sum())
        if not state.inside:
            return Sums(n, -np.inf)
        eta = state.eta
        eta += rows.offset
        terms = self.family.rows(rows.y, eta, aux, rows.weight, level, rows.constant)
        value = float(rows.freq @ terms.value)
        if level is Level.VALUE or not np.isfinite(value):
            return Sums(n, value)
        assert terms.score is not None
        r = terms.score * rows.freq
        k = self.predictor.k_eta
        score = np.concatenate((backward(state, r[:k]), r[k:].sum(axis=1)))
        if level is Level.SCORE:
            return Sums(n, value, score)
        assert terms.information is not None
        information = self._information(state, terms.information * rows.freq, final)
        if second and self.predictor.networks:
            size = self.predictor.size
            information[:size, :size] -= curvature(state, self.predictor, r[:k])
        return Sums(n, value, score, information)

    def _information(self, state: Forward, weights: Array, final: bool) -> Array:
        """``sum J_c W_cd J_d'`` over the channels c, d: linear predictors and auxiliaries."""
        predictor, k, size = self.predictor, self.predictor.k_eta, self.predictor.size
        make = final_jacobian if final else jacobian
        where = np.flatnonzero(predictor.final) if final else np.arange(size)
        small = np.zeros((len(where), len(where)))
        cross = np.zeros((len(where), len(self.family.aux_names)))
        if k == 1 and bool((weights[0, 0] >= 0).all()) and not len(self.family.aux_names):
            J = make(state, predictor, 0, np.sqrt(weights[0, 0]))
            small = J @ J.T
        else:
            jacobians = [make(state, predictor, c) for c in range(k)]
            for c, J in enumerate(jacobians):
                for d in range(c, k):
                    block = (J * weights[c, d]) @ jacobians[d].T
                    small += block if c == d else block + block.T
                cross += J @ weights[c, k:].T
        information = np.zeros((self.size, self.size))
        information[np.ix_(where, where)] = small
        information[where, size:] = cross
        information[size:, where] = cross.T
        information[size:, size:] = weights[k:, k:].sum(axis=2)
        return information
