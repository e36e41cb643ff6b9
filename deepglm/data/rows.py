"""Rows of data as the numerical core sees them, and the blocks in which they are walked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepglm.errors import DataError

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
        return self.y.shape[-1]

    def take(self, lo: int, hi: int) -> Rows:
        """Rows ``lo`` to ``hi`` as views."""
        return Rows(
            self.y[..., lo:hi],
            tuple(X[:, lo:hi] for X in self.designs),
            self.offset[lo:hi],
            self.weight[lo:hi],
            self.freq[lo:hi],
            None if self.constant is None else self.constant[lo:hi],
        )

    def blocks(self, size: int = BLOCK_ROWS) -> Iterator[Rows]:
        """Walk the rows in blocks of ``size``."""
        for lo in range(0, self.n, size):
            yield self.take(lo, min(lo + size, self.n))


def check_weights(values: Array, name: str) -> None:
    """Raise unless every weight is finite and not negative and some are positive."""
    bad = np.flatnonzero(~np.isfinite(values) | (values < 0))
    if bad.size:
        raise DataError(
            f"{name} has the value {values[bad[0]]} in row {bad[0]} ({bad.size} such rows); weights "
            "are finite and not negative. Correct them, or leave those rows out with subset=."
        )
    if not (values > 0).any():
        raise DataError(f"{name} is zero in every row; at least one row must count.")


def check_exposure(values: Array, name: str) -> None:
    """Raise unless every exposure is finite and positive."""
    bad = np.flatnonzero(~np.isfinite(values) | (values <= 0))
    if bad.size:
        raise DataError(
            f"exposure {name!r} has the value {values[bad[0]]} in row {bad[0]} ({bad.size} such rows); "
            "its logarithm enters the linear predictor, so it must be finite and above zero. Leave "
            "those rows out with subset=, or correct them."
        )
