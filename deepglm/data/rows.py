"""Rows of data as the numerical core sees them, and the blocks in which they are walked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

BLOCK_ROWS = 2048
"""Rows of a block: a few hundred columns of them fit the second-level cache."""


@dataclass(frozen=True)
class Rows:
    """Rows of data as the numerical core sees them: finite, aligned, feature-major.

    Parameters
    ----------
    y
        (n,) response; the proportion of successes for binomial counts.
    designs
        (k_glm, n) columns of the final layer, then (inputs, n) of every deep term.
    offset
        (n,) added to eta; the log of the exposure is in it.
    weight
        (n,) divides the dispersion: ``var_weights``, times the trials of a binomial.
    freq
        (n,) multiplies the log-likelihood: ``freq_weights``.
    constant
        (n,) terms of the log-likelihood that involve no parameter, if they are known already.
    """

    y: Array
    designs: tuple[Array, ...]
    offset: Array
    weight: Array
    freq: Array
    constant: Array | None = None

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.y.shape[-1])

    @cached_property
    def count(self) -> float:
        """Number of rows, each counted with its frequency."""
        return float(self.freq.sum())

    @cached_property
    def all_count(self) -> bool:
        """Whether no row has a frequency of zero."""
        return bool((self.freq > 0.0).all())

    def take(self, lo: int, hi: int) -> Rows:
        """Rows ``lo`` to ``hi`` as views; all of them are these rows themselves."""
        if lo == 0 and hi >= self.n:
            return self
        return Rows(
            self.y[..., lo:hi],
            tuple(X[:, lo:hi] for X in self.designs),
            self.offset[lo:hi],
            self.weight[lo:hi],
            self.freq[lo:hi],
            None if self.constant is None else self.constant[lo:hi],
        )

    def only(self, index: npt.NDArray[np.intp]) -> Rows:
        """Some of the rows, copied; a design that shares memory with the first one still does."""
        designs = [np.ascontiguousarray(self.designs[0][:, index])]
        for X in self.designs[1:]:
            within = X.base is not None and np.shares_memory(X, self.designs[0])
            designs.append(designs[0][-len(X) :] if within else X[:, index])
        return Rows(
            self.y[..., index],
            tuple(designs),
            self.offset[index],
            self.weight[index],
            self.freq[index],
            None if self.constant is None else self.constant[index],
        )

    def counted(self) -> Rows:
        """The rows that count: those whose ``freq`` is not zero."""
        return self if self.all_count else self.only(np.flatnonzero(self.freq > 0.0))

    def total(self, values: Array) -> float:
        """Sum of (n,) values, each as often as its row counts.

        A row that counts nothing may be one that the family cannot have: infinity times zero is
        zero here.
        """
        return float(np.dot(self.freq, np.where(self.freq > 0.0, values, 0.0)))

    def blocks(self, size: int | None = None) -> Iterator[Rows]:
        """Walk the rows in blocks of the same size: at most ``size``, by default ``BLOCK_ROWS``."""
        for lo, hi in row_runs(self.n, BLOCK_ROWS if size is None else size):
            yield self.take(lo, hi)


def row_runs(n: int, size: int) -> list[tuple[int, int]]:
    """Cut ``n`` rows into as few runs of at most ``size`` as will do, all of nearly one length."""
    step = -(-n // max(1, -(-n // size)))
    return [(lo, min(lo + step, n)) for lo in range(0, n, step)]
