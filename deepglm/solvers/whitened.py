"""L-BFGS in coordinates whitened by an information matrix that is refreshed a few times.

For these models a gradient is far cheaper than an information matrix, so the matrix serves as a
metric and not in every step: on a sample of the rows while far away, on all of them at the end.
The gradient is always exact. One or two exact Newton steps end the run.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import LinAlgError, cholesky, solve_triangular
from scipy.optimize import minimize

from deepglm.execution import row_runs
from deepglm.families import Level
from deepglm.solvers.objective import Objective
from deepglm.solvers.scoring import SWITCH, Curvature, Stop, never, scoring
from deepglm.solvers.status import Outcome

Array = npt.NDArray[np.float64]

RUN_ROWS = 1024
"""Rows of one run of the sample that the metric is made from."""

FAR = 1e100
"""Stands for an infinite objective inside scipy's line search, which cannot work with infinity."""


def whitened(
    objective: Objective,
    x: Array,
    seed: np.random.SeedSequence,
    *,
    tol: float = 1e-10,
    maxiter: int = 300,
    pairs: int = 30,
    stop: Stop = never,
) -> Outcome:
    """Minimise an objective by whitened L-BFGS and finish by exact Newton steps.

    Parameters
    ----------
    objective
        What is minimised.
    x
        (free,) where to start.
    seed
        Draws the rows that make the metric.
    tol
        Half the decrement at which the solver is content.
    maxiter
        Rounds of L-BFGS at most.
    pairs
        Iterations per round and stored pairs.
    stop
        Asked between rounds.
    """
    rng = np.random.default_rng(seed)
    newton, mu = False, 1e-2
    value, history = np.inf, []
    decrement, iterations = np.inf, 0
    for _ in range(maxiter):
        if stop():
            return Outcome(x, value, iterations, "whitened", decrement, False, tuple(history))
        L = _metric(objective, x, newton, mu, rng)
        if L is None:
            newton, mu = False, max(mu, 1e-2) * 10
            continue
        x_new, new, g, steps = _round(objective, x, L, pairs)
        iterations += steps
        progress = value - new
        x, value = x_new, new
        history.append(value)
        decrement = 0.5 * float(g @ g)
        if newton:
            # differences of the objective fall to rounding before the decrement does
            if 2 * decrement < 2e-3 or progress < 1e-9 * abs(value) or steps == 0:
                break
        elif 2 * decrement < SWITCH:
            newton, mu = True, 1e-6
        else:
            mu = max(1e-4, mu / 2)
    end = scoring(objective, x, Curvature.NEWTON, tol=tol, maxiter=25, damping=1e-8, stop=stop)
    if not end.finished:
        end = scoring(objective, end.x, tol=tol, maxiter=100, stop=stop)
    return Outcome(
        end.x,
        end.value,
        iterations + end.iterations,
        "whitened",
        end.decrement,
        end.finished,
        (*history, *end.history),
    )


def _metric(
    objective: Objective, x: Array, newton: bool, mu: float, rng: np.random.Generator
) -> Array | None:
    """Lower Cholesky factor of a damped information, or None if it is not positive."""
    level = Level.OBSERVED if newton else Level.FISHER
    runs = None if newton else _sample(objective, rng)
    A = objective.at(x, level, runs).information
    if A is None:
        return None
    diagonal = np.diag_indices_from(A)
    if newton and not (A[diagonal] > 0).all():
        return None
    A[diagonal] += mu * A[diagonal] + 1e-12 * A[diagonal].max()
    try:
        return np.asarray(cholesky(A, lower=True, overwrite_a=True))
    except LinAlgError:
        return None


def _sample(objective: Objective, rng: np.random.Generator) -> list[tuple[int, int]] | None:
    """Random runs of rows: at least twenty rows per parameter, a twentieth of all, at most fifty."""
    n, p = objective.rows.n, objective.size
    wanted = min(max(20 * p, n // 20), 50 * p)
    runs = row_runs(n, RUN_ROWS)
    k = -(-wanted // RUN_ROWS)
    if k >= len(runs):
        return None
    chosen = np.sort(rng.choice(len(runs), size=k, replace=False))
    return [runs[i] for i in chosen]


def _round(objective: Objective, x: Array, L: Array, pairs: int) -> tuple[Array, float, Array, int]:
    """One run of L-BFGS from ``x`` in whitened coordinates."""

    def f(phi: Array) -> tuple[float, Array]:
        here = objective.at(x + solve_triangular(L, phi, lower=True, trans="T"), Level.SCORE)
        if here.gradient is None:
            return FAR, np.zeros_like(phi)
        return here.value, solve_triangular(L, here.gradient, lower=True)

    options = {"maxcor": pairs, "maxiter": pairs, "ftol": 0.0, "gtol": 1e-4, "maxls": 30}
    end = minimize(f, np.zeros_like(x), jac=True, method="L-BFGS-B", options=options)
    step = solve_triangular(L, end.x, lower=True, trans="T")
    return x + step, float(end.fun), np.asarray(end.jac), int(end.nit)
