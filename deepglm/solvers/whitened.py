"""L-BFGS in coordinates whitened by an information matrix that is refreshed a few times.

For these models a gradient is far cheaper than an information matrix, so the matrix serves as a
metric and not in every step: the expected information of a sample of the rows while far away, the
observed one near the optimum. Objective and gradient are those of all rows, except in the first
stages of a long fit, which see a share of the rows. Exact Newton steps (:mod:`.finish`) end the
fit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.linalg import LinAlgError, cholesky, eigh, solve_triangular
from scipy.optimize import OptimizeResult, minimize

from deepglm.errors import positive_number, truth_value, whole_number
from deepglm.families import Level
from deepglm.solvers.contract import Control, Outcome, Step
from deepglm.solvers.objective import Objective
from deepglm.solvers.scoring import SWITCH, escape

Array = npt.NDArray[np.float64]
Map = Callable[[Array], Array]

SADDLES = 10
"""Saddles that one run may leave."""

NEAR = 1e-3
"""Half the decrement in the observed metric below which exact Newton steps take over."""

CURVED = 1e-4
"""Smallest eigenvalue of a unit-diagonal metric; negative ones count by their size."""

PAIRS, MOST_PAIRS = 30, 100
"""Iterations of a round with the expected metric, and at most with the observed one."""

GRADIENTS = 6
"""Gradients cost as much as an information matrix if there are so many times fewer of them than
parameters."""

FAR = 1e100
"""Stands for an infinite objective inside scipy's line search, which cannot work with infinity."""

SHORT = 5
"""Rounds of a short run."""

STAGES = (1 / 16, 1 / 4)
"""Shares of the rows that the first stages of a long fit see."""

STAGE_ROWS, STAGE_DEPTH = 15, 0.05
"""Rows per parameter that a stage needs, and the decrement per parameter at which it is left."""

MOST_ROWS = 2**17
"""Rows of a stage at most: they are copied."""

MANY_ROWS, SOME_ROWS, ROWS_EACH = 200_000, 100_000, 100
"""Rows beyond which the observed metric is made from some of them: so many at least, and so many
for every parameter."""


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
        Iterations per round and stored pairs; None for 30, and with the observed metric for as many
        gradients as that costs, 100 at most.
    staged
        Whether the first rounds see a sixteenth and a quarter of the rows, where there are many
        rows per parameter.
    """

    tol: float = NEAR
    maxiter: int = 300
    pairs: int | None = None
    staged: bool = True

    def __post_init__(self) -> None:
        positive_number("Whitened.tol", self.tol)
        whole_number("Whitened.maxiter", self.maxiter, 1)
        if self.pairs is not None:
            whole_number("Whitened.pairs", self.pairs, 1)
        truth_value("Whitened.staged", self.staged)

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
        for share in _stages(objective) if self.staged and run.far() else ():
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
    down: tuple[Array, float] | None = None
    """A direction of negative curvature where the metric had one, and its size."""
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

    def far(self) -> bool:
        """Whether a full step promises more than a log-likelihood unit per parameter."""
        gradient = self.objective.at(self.x, Level.SCORE).gradient
        if gradient is None:
            return True
        g = self._metric(self.objective)[1](gradient)
        return 0.5 * float(g @ g) > len(g)

    def stage(self, share: float) -> None:
        """Rounds on a share of the rows, until they have little more to say."""
        rows = min(int(share * self.objective.rows.n), MOST_ROWS)
        few = self.objective.sample(self.rng, rows)
        self.value = few.at(self.x, Level.VALUE).value
        for _ in range(self.options.maxiter):
            if self.control.stop():
                break
            self._round(few, f"{rows} rows")
            if self.decrement < STAGE_DEPTH * self.objective.size:
                break
        self.value = self.objective.at(self.x, Level.VALUE).value

    def rounds(self, most: int) -> None:
        """Rounds on all rows, from the expected to the observed metric."""
        for _ in range(most):
            if self.control.stop():
                return
            before = self.value
            self._round(self.objective, "observed metric" if self.newton else "expected metric")
            near = self.decrement <= self.options.tol
            # small in the Fisher metric may be a saddle; only a loose tolerance takes it for an end
            if near and self.options.tol > NEAR:
                self.finished = True
                return
            if not self.newton:
                self.newton = 2 * self.decrement < SWITCH
                self.mu = 1e-6 if self.newton else max(1e-4, self.mu / 2)
                continue
            # differences of the objective fall to rounding before the decrement does
            still = near or before - self.value < 1e-9 * abs(self.value)
            if still and self.down is None:
                self.finished = near
                return
            if still and not self._leave():
                self.finished = near
                return

    def _leave(self) -> bool:
        """Step off a saddle along its negative curvature; false if that leads nowhere."""
        assert self.down is not None
        if self.saddles >= SADDLES:
            return False
        direction, curvature = self.down
        away = escape(self.objective, self.x, self.value, direction, curvature)
        if away is None:
            return False
        self.x, self.value = away, self.objective.at(away, Level.VALUE).value
        self.history += (Step("escape", self.value, np.nan),)
        self.newton, self.mu, self.saddles = False, 1e-2, self.saddles + 1
        return True

    def _round(self, objective: Objective, phase: str) -> None:
        """One run of L-BFGS; its last gradient gives the decrement."""
        out, back = self._metric(objective)
        pairs = self.options.pairs or PAIRS
        if self.newton and self.options.pairs is None:  # as many gradients as the metric costs
            pairs = int(np.clip(objective.size / GRADIENTS, PAIRS, MOST_PAIRS))
        x0 = self.x

        def f(phi: Array) -> tuple[float, Array]:
            here = objective.at(x0 + out(phi), Level.SCORE)
            if here.gradient is None:
                return FAR, np.zeros_like(phi)
            return here.value, back(here.gradient)

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
        self.x = x0 + out(end.x)
        self.value, self.decrement = float(end.fun), 0.5 * float(g @ g)
        self.iterations += int(end.nit)
        self.history += (Step(phase, self.value, self.decrement),)
        self.control.tell(self.value, self.decrement)

    def _metric(self, objective: Objective) -> tuple[Map, Map]:
        """Coordinates in which an information of sampled rows is the identity.

        ``x = x0 + out(phi)`` with ``out(phi) = L^-T phi`` for the Cholesky factor of the damped
        information; a gradient comes ``back`` by ``L^-1``. An observed information that is not
        positive is replaced by the one with its eigenvalues' sizes, so that directions of negative
        curvature keep a natural length; its lowest direction is kept, to leave a saddle by.
        """
        n, p = self.objective.rows.n, self.objective.size
        wanted = min(max(20 * p, n // 20), 50 * p)
        if self.newton:
            wanted = n if n <= MANY_ROWS else max(SOME_ROWS, ROWS_EACH * p)
        level = Level.OBSERVED if self.newton else Level.FISHER
        rows = objective.sample(self.rng, wanted)
        single = replace(rows.likelihood, dtype=np.float32)  # a metric needs no more digits
        A = replace(rows, likelihood=single, memory={}).at(self.x, level).information
        self.down = None
        if A is None:
            return _identity, _identity
        diagonal = np.abs(np.diag(A))
        scale = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        A = A / scale / scale[:, None]
        A[np.diag_indices_from(A)] += self.mu + 1e-12
        try:
            L = cholesky(A, lower=True)
        except LinAlgError:
            e, Q = eigh(A)
            if e[0] < 0:
                self.down = Q[:, 0] / scale, float(-e[0])
            root = np.sqrt(np.maximum(np.abs(e), CURVED))
            return lambda phi: (Q @ (phi / root)) / scale, lambda g: (Q.T @ (g / scale)) / root
        return (
            lambda phi: solve_triangular(L, phi, lower=True, trans="T", check_finite=False) / scale,
            lambda g: solve_triangular(L, g / scale, lower=True, check_finite=False),
        )


def _identity(vector: Array) -> Array:
    return vector


__all__ = ["Whitened"]
