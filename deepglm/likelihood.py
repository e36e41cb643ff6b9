"""Family after predictor, summed over rows in blocks: one additive record.

Everything that a fit needs from the data is :class:`Sums`. Full data, blocks, threads, chunks of a
file and partitions of a cluster differ in who adds them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from deepglm.data import Rows
from deepglm.families import Family, Level, RowTerms, refuse_nan
from deepglm.predictor import (
    Coefficients,
    Forward,
    Information,
    Layout,
    Predictor,
    backward,
    forward,
    information,
)

Array = npt.NDArray[np.float64]

BLOCK_ROWS = 2**14
"""Rows of a block at most."""

BLOCK_NUMBERS = 2**20
"""Numbers that a block works on: eight megabytes, which the cache should hold."""


class Second:
    """Adds up the information of coefficients and auxiliary parameters.

    Parameters
    ----------
    inner
        Adds up that of the coefficients.
    wanted
        (coefficients,) ones for those that the information is about, and zeros.
    extra
        Number of auxiliary parameters.
    """

    def __init__(self, inner: Information, wanted: Array, extra: int) -> None:
        self._inner, self._wanted = inner, wanted
        self._border = np.zeros((extra, len(wanted) + extra))

    def __iadd__(self, other: Second) -> Second:
        self._inner += other._inner
        self._border += other._border
        return self

    def ready(self, state: Forward) -> Forward:
        """The forward pass with what is to be used more than once."""
        return self._inner.ready(state)

    def add(self, state: Forward, weights: Array, r: Array | None) -> None:
        """Add a block of rows.

        An auxiliary parameter is one more linear predictor, with the same value in every row.

        Parameters
        ----------
        state
            The forward pass.
        weights
            (channels, channels, m) information of every row.
        r
            (k_eta, m) factors of the second derivatives of eta, or None.
        """
        k, extra = len(state.eta), len(self._border)
        self._inner.add(state, weights[:k, :k], r)
        for border, w in zip(self._border, weights[k:], strict=True):
            if w[:k].any():  # in the expected information most families have none
                border[:-extra] += backward(state, w[:k]) * self._wanted
            border[-extra:] += w[k:].sum(axis=1)

    def matrix(self) -> Array:
        """(size, size) sum."""
        inner, extra = self._inner.matrix(), len(self._border)
        if not extra:
            return inner
        out = np.empty((len(inner) + extra,) * 2)
        out[:-extra, :-extra] = inner
        out[-extra:] = self._border
        out[:-extra, -extra:] = self._border[:, :-extra].T
        return out


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
    second
        Makes the information.
    """

    n: float
    value: float
    score: Array | None = None
    second: Second | None = None

    @cached_property
    def information(self) -> Array | None:
        """(size, size) minus the second derivative, observed or expected."""
        return None if self.second is None else self.second.matrix()

    def __iadd__(self, other: Sums) -> Sums:
        self.n += other.n
        self.value += other.value
        if self.score is not None and other.score is not None:
            self.score += other.score
        if self.second is not None and other.second is not None:
            self.second += other.second
            self.__dict__.pop("information", None)
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
    dtype
        Floating type in which an information is made. Single precision takes half the time and has
        seven digits: enough for a metric, and too few for a certificate.
    """

    predictor: Predictor
    family: Family
    dtype: npt.DTypeLike = np.float64

    @property
    def size(self) -> int:
        """Length of the vector of parameters."""
        return self.predictor.size + len(self.family.aux_names)

    @property
    def one_information(self) -> bool:
        """Whether the expected and the observed information are the same for any response."""
        family = self.family
        return family.canonical and not family.aux_names and not self.predictor.networks

    @cached_property
    def _layout(self) -> Layout:
        return Layout(self.predictor)

    def split(self, params: Array) -> tuple[Coefficients, Array]:
        """Coefficients as matrices, and the auxiliary parameters."""
        return self.predictor.unpack(params[: self.predictor.size]), params[self.predictor.size :]

    def eta(self, params: Array, rows: Rows) -> Array:
        """(k_eta, n) linear predictors, offset included."""
        coefficients, _ = self.split(params)
        eta = np.empty((self.predictor.k_eta, rows.n))
        lo = 0
        for block in rows.blocks(self.block_rows(Level.VALUE)):
            state = forward(coefficients, self.predictor, block.designs, 0)
            np.add(state.eta, block.offset, out=eta[:, lo : lo + block.n])
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
        n, value, k, p = rows.count, 0.0, self.predictor.k_eta, self.predictor.size
        score = np.zeros(self.size)
        bent = level is Level.OBSERVED and not final
        second = self._second(bent, final) if level in _WITH_INFORMATION else None
        for every in rows.blocks(self.block_rows(level)):
            block = every.counted()  # others may overflow, and infinity times zero is NaN
            if block.n == 0:
                continue
            state = forward(coefficients, self.predictor, block.designs, _ORDERS[level])
            if not state.inside:
                return Sums(n, -np.inf)
            eta = state.eta
            eta += block.offset
            terms = self.family.rows(block.y, eta, aux, block.weight, level, block.constant)
            value += float(np.dot(block.freq, terms.value))
            if not math.isfinite(value):
                self._refuse_nan(terms.value, terms, block, eta)
                return Sums(n, -np.inf)
            if level is Level.VALUE or terms.score is None:
                continue
            if second is not None:
                state = second.ready(state)
            r = terms.score * block.freq
            score[:p] += backward(state, r[:k])
            if len(r) > k:
                score[p:] += np.add.reduce(r[k:], axis=1)
            self._refuse_nan(score, terms, block, eta)
            if second is not None and terms.information is not None:
                self._refuse_nan(terms.information, terms, block, eta)
                second.add(state, terms.information * block.freq, r[:k] if bent else None)
        if level is Level.VALUE:
            return Sums(n, value)
        return Sums(n, value, score, second)

    def _refuse_nan(self, values: Array, terms: RowTerms, rows: Rows, eta: Array) -> None:
        """Raise where a sum is NaN because the family gave NaN; steps that overflow do too."""
        if math.isnan(np.add.reduce(values, axis=None)):
            refuse_nan(self.family, terms, rows.y, eta, rows.weight)

    def _second(self, bent: bool, final: bool) -> Second:
        inner = information(self._layout, hidden=not final, bent=bent, dtype=self.dtype)
        return Second(inner, self._wanted[final], len(self.family.aux_names))

    @cached_property
    def _wanted(self) -> tuple[Array, Array]:
        """Ones for every coefficient, and ones for those of the final layer."""
        return np.ones(self.predictor.size), self.predictor.final.astype(float)

    def block_rows(self, level: Level) -> int:
        """Rows of a block, so few that what they work on stays in the cache.

        They should not be fewer: threads wait for each other at every call.
        """
        return self._block_rows[level in _WITH_INFORMATION]

    @cached_property
    def _block_rows(self) -> tuple[int, int]:
        """Rows of a block without an information and with one."""
        few = self.predictor.k_glm + 8
        for network in self.predictor.networks:
            few += sum(p + 3 * q for q, p in network.widths)
        many = few + self._layout.products + self.family.k_channels**2
        less, more = (min(BLOCK_ROWS, max(256, BLOCK_NUMBERS // n)) for n in (few, many))
        return less, more


_WITH_INFORMATION = (Level.FISHER, Level.OBSERVED)
_ORDERS = {Level.VALUE: 0, Level.SCORE: 1, Level.FISHER: 1, Level.OBSERVED: 2}
"""Derivatives of the hidden units' inverse links."""
