"""A model at its estimate, as arrays: what every function of this room takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from deepglm.data import Rows
from deepglm.execution import workers
from deepglm.families import Family, Level, MeanFamily, adapt
from deepglm.likelihood import Likelihood
from deepglm.predictor import Forward, Predictor, forward, jacobian

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.intp]

__all__ = ["Array", "Codes", "Fitted", "Mask", "RowDerivatives", "channel_jacobian"]


@dataclass(frozen=True)
class RowDerivatives:
    """Derivatives of a block of rows at dispersion 1, weights included, frequencies not.

    Channels are the linear predictors, then the auxiliary parameters.

    Parameters
    ----------
    jacobian
        (channels, free, m) derivatives of the channels by the free parameters.
    score
        (channels, m) derivative of the row's log-likelihood by its channels.
    information
        (channels, channels, m) minus its second derivative, or the expectation of that.
    freq
        (m,) frequency weights.
    """

    jacobian: Array
    score: Array
    information: Array
    freq: Array

    @property
    def scores(self) -> Array:
        """(free, m) derivative of the row's log-likelihood by the free parameters."""
        return np.asarray(np.einsum("cjm,cm->jm", self.jacobian, self.score))

    def leverage(self, N: Array) -> Array:
        """(m,) pull of one copy of a row on its own linear predictors.

        Parameters
        ----------
        N
            (free, free) covariance at dispersion 1.
        """
        total = np.zeros(len(self.freq))
        for c, J in enumerate(self.jacobian):
            pulled = N @ J
            for d, other in enumerate(self.jacobian):
                total += self.information[c, d] * np.einsum("jm,jm->m", other, pulled)
        return total


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
        (size,) coefficients, then auxiliary parameters other than a dispersion.
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

    @property
    def aux(self) -> Array:
        """Auxiliary parameters other than a dispersion."""
        return self.theta[self.predictor.size :]

    @cached_property
    def etas(self) -> Array:
        """(k_eta, n) linear predictors, offset included."""
        return self.unscaled.eta(self.theta, self.rows)

    @property
    def eta(self) -> Array:
        """(n,) linear predictor, offset included, of a family that has one."""
        return np.asarray(self.etas[0])

    @cached_property
    def given(self) -> Family:
        """The family with its auxiliary parameters known, where that is one with a mean."""
        return self.family.given(self.aux)

    @property
    def known(self) -> Fitted:
        """The same with its auxiliary parameters taken as known, where that is another family."""
        if self.given is self.family:
            return self
        k = self.predictor.size
        return replace(self, family=self.given, theta=self.theta[:k], free=self.free[:k])

    @cached_property
    def mu(self) -> Array:
        """(n,) mean."""
        return np.asarray(self.mean_family.mean(self.eta))

    @property
    def mean_family(self) -> MeanFamily:
        """The family, which has a mean that is its inverse link."""
        assert isinstance(self.given, MeanFamily)
        return self.given

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
        size = max(256, min(2048, 2**20 // max(1, self.predictor.size * self.predictor.k_eta)))
        for block in self.rows.blocks(size):
            state = forward(coefficients, self.predictor, block.designs, 1)
            eta = state.eta + block.offset
            terms = self.unscaled.family.rows(block.y, eta, aux, block.weight, level)
            if terms.score is None or terms.information is None:
                raise ValueError(f"blocks() needs a level with an information, not {level}")
            J = channel_jacobian(state, self.predictor, len(self.aux))[:, self.free]
            yield RowDerivatives(J, terms.score, terms.information, block.freq)


def channel_jacobian(state: Forward, predictor: Predictor, extra: int) -> Array:
    """(channels, size, m) derivatives of the channels of rows by every parameter.

    Parameters
    ----------
    state
        A forward pass of order 1 or more.
    predictor
        Shape of the predictor.
    extra
        Number of auxiliary parameters, each a channel of its own.
    """
    k, m = predictor.k_eta, state.eta.shape[1]
    J = np.zeros((k + extra, predictor.size + extra, m))
    for c in range(k):
        J[c, : predictor.size] = jacobian(state, predictor, c)
    for c in range(extra):
        J[k + c, predictor.size + c] = 1.0
    return J
