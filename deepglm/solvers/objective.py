"""What a solver minimises: minus the penalised log-likelihood of the free parameters."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deepglm.data import Rows
from deepglm.execution import Workers
from deepglm.families import Level
from deepglm.likelihood import Likelihood

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class Evaluation(NamedTuple):
    """The objective at one point; second-order parts carry the penalty."""

    value: float
    gradient: Array | None = None
    information: Array | None = None


@dataclass(frozen=True)
class Objective:
    """Minus the penalised log-likelihood, as a function of the free parameters.

    Parameters
    ----------
    likelihood
        Log-likelihood of the full vector of parameters.
    rows
        The data, standardised.
    precision
        (size,) quadratic penalty.
    origin
        (size,) full vector; parameters that are not free stay at its values.
    free
        (size,) which parameters move.
    workers
        Who adds.
    share
        Share of the data that the rows are: their sums are scaled up to all of it.
    counts
        How often each level was evaluated, in passes over the rows.
    memory
        The last evaluation with an information, and which: the certificate asks for the one that
        the last step made, and a run for the one at its start.
    """

    likelihood: Likelihood
    rows: Rows
    precision: Array
    origin: Array
    free: Mask
    workers: Workers
    share: float = 1.0
    counts: Counter[str] = field(default_factory=Counter)
    memory: dict[bytes, tuple[Level, Evaluation]] = field(default_factory=dict)

    @cached_property
    def where(self) -> npt.NDArray[np.intp]:
        """(free,) places of the free parameters."""
        return np.flatnonzero(self.free)

    @property
    def size(self) -> int:
        """Number of free parameters."""
        return len(self.where)

    @cached_property
    def penalty(self) -> Array:
        """(free,) precisions of the free parameters."""
        return self.precision[self.where]

    @cached_property
    def only_final(self) -> bool:
        """Whether nothing below the final layer moves."""
        k = self.likelihood.predictor.size
        return not (self.free[:k] & ~self.likelihood.predictor.final).any()

    def expand(self, x: Array) -> Array:
        """Full vector of parameters."""
        params = self.origin.copy()
        params[self.where] = x
        return params

    def from_origin(self, origin: Array, free: Mask | None = None) -> Objective:
        """The same objective around other fixed values, or with other parameters free."""
        return replace(self, origin=origin, free=self.free if free is None else free)

    def sample(self, rng: np.random.Generator, wanted: int) -> Objective:
        """The same objective estimated from so many random rows, or itself where there are no more.

        The rows are copied; neighbours in a file are too often alike for runs of them to do.
        """
        n = self.rows.n
        if wanted >= n:
            return self
        chosen = np.sort(rng.choice(n, size=wanted, replace=False))
        return replace(self, rows=self.rows.only(chosen), share=wanted / n * self.share, memory={})

    def at(self, x: Array, level: Level) -> Evaluation:
        """Evaluate at the free parameters ``x``.

        Parameters
        ----------
        x
            (free,) parameters.
        level
            Value, gradient, and expected or observed information.
        """
        params = self.expand(x)
        if level is Level.FISHER and self.likelihood.one_information:
            level = Level.OBSERVED
        key = params.tobytes() + self.free.tobytes()
        known, here = self.memory.get(key, (None, None))
        if here is not None and (known is level or level in (Level.VALUE, Level.SCORE)):
            return here
        only_final = level not in (Level.VALUE, Level.SCORE) and self.only_final
        sums = self.workers.sums(self.likelihood, params, self.rows, level, only_final)
        share = self.share
        self.counts[level.name.lower()] += share  # type: ignore[assignment]
        value = -sums.value / share + 0.5 * float(np.dot(self.precision, params * params))
        if not math.isfinite(value) or sums.score is None:
            return Evaluation(value if math.isfinite(value) else np.inf)
        gradient = self.penalty * x - sums.score.take(self.where) / share
        if sums.information is None:
            return Evaluation(value, gradient)
        information = sums.information.take(self.where, 0).take(self.where, 1)
        information /= share
        information.reshape(-1)[:: len(x) + 1] += self.penalty
        information.setflags(write=False)
        here = Evaluation(value, gradient, information)
        self.memory.clear()
        self.memory[key] = level, here
        return here
