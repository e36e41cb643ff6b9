"""Who does the adding: one thread or several, always in the same order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepglm.data import Rows, cores, keep_freed_memory, one_blas_thread, row_runs
from deepglm.errors import whole_number
from deepglm.families import Level
from deepglm.likelihood import Likelihood, Sums

Array = npt.NDArray[np.float64]

CHUNK_ROWS = 16 * 1024
"""Rows that one worker adds up before its record is added to the others'."""

__all__ = ["Workers", "n_workers", "row_runs", "workers"]


def n_workers(n_jobs: int | None) -> int:
    """Threads to use; None means every core that this process may run on."""
    if n_jobs is None:
        return cores()
    return whole_number("n_jobs", n_jobs, 1, " None uses every core.")


@dataclass(frozen=True)
class Workers:
    """Adds a likelihood over rows; the result has the same bits for any number of threads."""

    pool: ThreadPoolExecutor | None = None

    def sums(
        self,
        likelihood: Likelihood,
        params: Array,
        rows: Rows,
        level: Level,
        final: bool = False,
        runs: Sequence[tuple[int, int]] | None = None,
    ) -> Sums:
        """Add up the rows, or the given runs of them.

        Parameters
        ----------
        likelihood, params, rows, level, final
            See :meth:`deepglm.likelihood.Likelihood.chunk`.
        runs
            First and last row (exclusive) of the runs to use; None for all rows.
        """
        if runs is None:
            runs = row_runs(rows.n, CHUNK_ROWS)

        def one(run: tuple[int, int]) -> Sums:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                return likelihood.chunk(params, rows.take(*run), level, final)

        total: Sums | None = None
        for part in self._map(one, runs):
            if not math.isfinite(part.value):
                return Sums(rows.count, -np.inf)
            if total is None:
                total = part
            else:
                total += part
        assert total is not None
        return total

    def _map(
        self, one: Callable[[tuple[int, int]], Sums], runs: Sequence[tuple[int, int]]
    ) -> Iterator[Sums]:
        if self.pool is None or len(runs) == 1:
            return map(one, runs)
        return self.pool.map(one, runs)


@contextmanager
def workers(n_jobs: int | None, rows: int) -> Iterator[Workers]:
    """Threads for the length of a fit, each with one BLAS thread.

    BLAS threads on small blocks make them slower, ten times under load; the limit is taken back
    at the end.
    """
    threads = min(n_workers(n_jobs), -(-rows // CHUNK_ROWS))
    keep_freed_memory()
    with one_blas_thread():
        if threads == 1:
            yield Workers()
        else:
            with ThreadPoolExecutor(threads) as pool:
                yield Workers(pool)
