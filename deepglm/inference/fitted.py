"""A model at its estimate, as arrays: what every function of this room takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from deepglm.data import Rows
from deepglm.execution import workers
from deepglm.families import Family, Level, adapt
from deepglm.likelihood import Likelihood
from deepglm.predictor import Predictor, forward, jacobian

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.intp]

__all__ = ["Array", "Codes", "Fitted", "Mask", "RowDerivatives"]


@dataclass(frozen=True)
class RowDerivatives:
    """Derivatives of a block of rows at dispersion 1, weights included, frequencies not.

    Parameters
    ----------
    jacobian
        (free, m) derivatives of eta by the free coefficients.
    score
        (m,) derivative of the row's log-likelihood by eta.
    information
        (m,) minus its second derivative, or the expectation of that.
    freq
        (m,) frequency weights.
    """

    jacobian: Array
    score: Array
    information: Array
    freq: Array


@dataclass(frozen=True)
class Fitted:
    """A model at its estimate, on the standardised scale.

    Parameters
    ----------
    predictor
        Eta given x.
    family
        Y given eta; only what it says at dispersion 1 is used here.
    rows
        The rows of the model.
    theta
        (size,) coefficients.
    free
        (size,) which of them were estimated.
    """

    predictor: Predictor
    family: Family
    rows: Rows
    theta: Array
    free: Mask

    @cached_property
    def unscaled(self) -> Likelihood:
        """The log-likelihood with the dispersion held at 1."""
        return Likelihood(self.predictor, adapt(self.family, 1.0))

    @cached_property
    def eta(self) -> Array:
        """(n,) linear predictor, offset included."""
        return np.asarray(self.unscaled.eta(self.theta, self.rows)[0])

    @cached_property
    def mu(self) -> Array:
        """(n,) mean."""
        return np.asarray(self.family.mean(self.eta))

    @property
    def wnobs(self) -> float:
        """Rows, each counted with its frequency."""
        return float(self.rows.freq.sum())

    def information(self, level: Level, mask: Mask | None = None) -> Array:
        """Information of the free coefficients (or of those in a mask) at dispersion 1.

        Parameters
        ----------
        level
            ``Level.FISHER`` for the expected, ``Level.OBSERVED`` for the observed one.
        mask
            (size,) other coefficients to report on.
        """
        where = self.free if mask is None else mask
        with workers(None, self.rows.n) as crew:
            sums = crew.sums(self.unscaled, self.theta, self.rows, level)
        if sums.information is None:
            return np.full((int(where.sum()),) * 2, np.nan)
        return sums.information[np.ix_(where, where)]

    def blocks(self, level: Level) -> Iterator[RowDerivatives]:
        """Walk the rows with their derivatives; no array holds all of them."""
        coefficients, aux = self.unscaled.split(self.theta)
        size = max(256, min(2048, 2**20 // max(1, self.predictor.size)))
        for block in self.rows.blocks(size):
            state = forward(coefficients, self.predictor, block.designs, 1)
            eta = state.eta + block.offset
            terms = self.unscaled.family.rows(block.y, eta, aux, block.weight, level)
            if terms.score is None or terms.information is None:
                raise ValueError(f"blocks() needs a level with an information, not {level}")
            J = jacobian(state, self.predictor)[self.free]
            yield RowDerivatives(J, terms.score[0], terms.information[0, 0], block.freq)
