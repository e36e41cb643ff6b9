"""L-BFGS in coordinates whitened by an information matrix that is refreshed a few times.

For these models a gradient is far cheaper than an information matrix, so the matrix serves as a
metric and not in every step: the expected information of a sample of the rows while far away, the
observed one near the optimum. Objective and gradient are those of all rows, except in the first
stages of a long fit, which see a share of the rows. Exact Newton steps (:mod:`.finish`) end the
fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import LinAlgError, cholesky, solve_triangular
from scipy.optimize import OptimizeResult, minimize

from deepglm.execution import row_runs
from deepglm.families import Level
from deepglm.solvers.contract import Control, Outcome, Step
from deepglm.solvers.objective import Objective
from deepglm.solvers.scoring import SWITCH, Curvature, scoring

Array = npt.NDArray[np.float64]
Runs = list[tuple[int, int]] | None

RUN_ROWS = 1024
"""Rows of one run of a sample of the rows."""

SADDLES = 8
"""Saddles that one run may leave by Newton steps."""

NEAR = 1e-3
"""Half the decrement in the observed metric below which exact Newton steps take over."""

FAR = 1e100
"""Stands for an infinite objective inside scipy's line search, which cannot work with infinity."""

SHORT = 5
"""Rounds of a short run."""

STAGES = (1 / 16, 1 / 4)
"""Shares of the rows that the first stages of a long fit see."""

STAGE_ROWS, STAGE_DEPTH = 15, 0.05
"""Rows per parameter that a stage needs, and the decrement per parameter at which it is left."""

MANY_ROWS, SHARE = 200_000, 0.3
"""Rows beyond which the observed metric is made from a share of them."""


@dataclass(frozen=True)
class Whitened:
    """L-BFGS in whitened coordinates.

    Parameters
    ----------
    tol
        Half the decrement, in the observed metric, at which the solver is content. Looser than
        ``NEAR`` the expected metric will do.
    maxiter
        Rounds of L-BFGS at most.
    pairs
        Iterations per round and stored pairs; None for 30, or 60 beyond 1,000 parameters.
    staged
        Whether the first rounds see a sixteenth and a quarter of the rows, where there are many
        rows per parameter.
    """

    tol: float = NEAR
    maxiter: int = 300
    pairs: int | None = None
    staged: bool = True

    @property
    def name(self) -> str:
        """See :class:`~deepglm.solvers.contract.Solver`."""
        return "whitened"

    def minimise(
        self,
        objective: Objective,
        x: Array,
        control: Control,
        seed: np.random.SeedSequence,
        short: bool = False,
    ) -> Outcome:
        """See :class:`~deepglm.solvers.contract.Solver`; draws the rows of samples."""
        rng = np.random.default_rng(seed)
        run = _Run(objective, control, rng, self, x, objective.at(x, Level.VALUE).value)
        for share in _stages(objective) if self.staged else ():
            run.stage(share)
        run.rounds(min(SHORT, self.maxiter) if short else self.maxiter)
        return run.outcome()


def _stages(objective: Objective) -> list[float]:
    enough = STAGE_ROWS * max(objective.size, 100)
    return [share for share in STAGES if share * objective.rows.n >= enough]


@dataclass
class _Run:
    """A run under way: the point, and the phase that it is in."""

    objective: Objective
    control: Control
    rng: np.random.Generator
    options: Whitened
    x: Array
    value: float
    decrement: float = np.inf
    iterations: int = 0
    newton: bool = False
    mu: float = 1e-2
    saddles: int = 0
    finished: bool = False
    history: tuple[Step, ...] = ()

    def outcome(self) -> Outcome:
        return Outcome(
            self.x,
            self.value,
            self.iterations,
            "whitened",
            self.decrement,
            self.finished,
            self.history,
        )

    def stage(self, share: float) -> None:
        """Rounds on a share of the rows, until they have little more to say."""
        rows = sample(self.objective, self.rng, int(share * self.objective.rows.n))
        for _ in range(self.options.maxiter):
            if self.control.stop() or not self._round(rows):
                break
            if self.decrement < STAGE_DEPTH * self.objective.size:
                break
        self.value = self.objective.at(self.x, Level.VALUE).value

    def rounds(self, most: int) -> None:
        """Rounds on all rows, from the expected to the observed metric."""
        for _ in range(most):
            if self.control.stop():
                return
            before = self.value
            if not self._round(None):
                if self.newton and self.saddles >= SADDLES:
                    return
                self._leave()
                continue
            # small in the Fisher metric may be a saddle; only a loose tolerance takes it for an end
            near = self.decrement <= self.options.tol
            if near and (self.newton or self.options.tol > NEAR):
                self.finished = True
                return
            # differences of the objective fall to rounding before the decrement does
            if self.newton and before - self.value < 1e-9 * abs(self.value):
                return
            if not self.newton and 2 * self.decrement < SWITCH:
                self.newton, self.mu = True, 1e-6
            elif not self.newton:
                self.mu = max(1e-4, self.mu / 2)

    def _leave(self) -> None:
        """Where the metric is not positive: more damping, or away from a saddle.

        Newton steps along the negative curvature lead away from a point that is flat but no
        maximum.
        """
        if not self.newton:
            self.mu *= 10
            return
        away = scoring(
            self.objective,
            self.x,
            Curvature.NEWTON,
            tol=1e-8,
            maxiter=4,
            control=self.control,
        )
        self.x, self.value, self.decrement = away.x, away.value, np.inf
        self.iterations += away.iterations
        self.history += tuple(step._replace(phase="saddle") for step in away.history[1:])
        self.newton, self.mu, self.saddles = False, 1e-2, self.saddles + 1

    def _round(self, rows: Runs) -> bool:
        """One run of L-BFGS; its last gradient gives the decrement. False without a metric."""
        L = self._metric(rows)
        if L is None:
            return False
        pairs = self.options.pairs or (30 if self.objective.size <= 1000 else 60)
        x0, objective = self.x, self.objective

        def f(phi: Array) -> tuple[float, Array]:
            x = x0 + solve_triangular(L, phi, lower=True, trans="T")
            here = objective.at(x, Level.SCORE, rows)
            if here.gradient is None:
                return FAR, np.zeros_like(phi)
            return here.value, solve_triangular(L, here.gradient, lower=True)

        def watch(intermediate_result: OptimizeResult) -> None:
            if self.control.stop():
                raise StopIteration

        end = minimize(
            f,
            np.zeros_like(x0),
            jac=True,
            method="L-BFGS-B",
            callback=watch,
            options={"maxcor": pairs, "maxiter": pairs, "ftol": 0.0, "gtol": 1e-5, "maxls": 30},
        )
        g = np.asarray(end.jac)
        self.x = x0 + solve_triangular(L, end.x, lower=True, trans="T")
        self.value, self.decrement = float(end.fun), 0.5 * float(g @ g)
        self.iterations += int(end.nit)
        phase = "observed metric" if self.newton else "expected metric"
        if rows is not None:
            phase = f"{sum(hi - lo for lo, hi in rows)} rows"
        self.history += (Step(phase, self.value, self.decrement),)
        self.control.tell(self.value, self.decrement)
        return True

    def _metric(self, rows: Runs) -> Array | None:
        """Lower Cholesky factor of a damped information, or None if it is not positive."""
        n, p = self.objective.rows.n, self.objective.size
        if self.newton:
            wanted = n if n <= MANY_ROWS else int(SHARE * n)
            level = Level.OBSERVED
        else:
            wanted = min(max(20 * p, n // 20), 50 * p)
            level = Level.FISHER
        inside = sample(self.objective, self.rng, wanted, rows)
        A = self.objective.at(self.x, level, inside).information
        if A is None:
            return None
        diagonal = np.diag_indices_from(A)
        if self.newton and not (A[diagonal] > 0).all():
            return None
        A = A.copy()
        A[diagonal] += (self.mu + 1e-12) * A[diagonal]
        try:
            return np.asarray(cholesky(A, lower=True, overwrite_a=True))
        except LinAlgError:
            return None


def sample(objective: Objective, rng: np.random.Generator, wanted: int, among: Runs = None) -> Runs:
    """Random runs of rows that hold so many, or None for all of them.

    Parameters
    ----------
    objective
        Whose rows.
    rng
        Source of randomness.
    wanted
        Rows at least, to a run.
    among
        Runs to choose from, if not all.
    """
    runs = row_runs(objective.rows.n, RUN_ROWS) if among is None else among
    k = max(1, -(-wanted // RUN_ROWS))
    if k >= len(runs):
        return among
    chosen = np.sort(rng.choice(len(runs), size=k, replace=False))
    return [runs[i] for i in chosen]


__all__ = ["Whitened", "sample"]
