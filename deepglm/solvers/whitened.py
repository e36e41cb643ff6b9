"""L-BFGS in coordinates whitened by an information matrix that is refreshed a few times.

For these models a gradient is far cheaper than an information matrix, so the matrix serves as a
metric and not in every step: on a sample of the rows while far away, on all of them at the end.
The gradient is always exact. One or two exact Newton steps end the run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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

SADDLES = 8
"""Saddles that one run may leave by Newton steps."""

NEAR = 1e-3
"""Half the decrement below which exact Newton steps take over from the end game's L-BFGS."""

FAR = 1e100
"""Stands for an infinite objective inside scipy's line search, which cannot work with infinity."""


def whitened(
    objective: Objective,
    x: Array,
    seed: np.random.SeedSequence,
    *,
    tol: float = 1e-8,
    maxiter: int = 300,
    pairs: int = 30,
    stop: Stop = never,
    report: Callable[[str], None] = lambda text: None,
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
        Half the decrement, in the metric in use, at which the solver is content. It is measured in
        the exact metric unless it is reached before the end game.
    maxiter
        Rounds of L-BFGS at most.
    pairs
        Iterations per round and stored pairs.
    stop
        Asked between rounds.
    report
        Told in words how far the run is.
    """
    rng = np.random.default_rng(seed)
    state = _State(x, objective.at(x, Level.VALUE).value, np.inf)
    newton, mu, saddles = False, 1e-2, 0
    history: list[float] = []
    for _ in range(maxiter):
        if stop():
            return _outcome(state, False, history)
        L = _metric(objective, state.x, newton, mu, rng)
        if L is None:
            if newton and saddles >= SADDLES:
                break
            if newton:
                # flat, but not a maximum: Newton steps along the negative curvature lead away
                away = scoring(objective, state.x, Curvature.NEWTON, tol=tol, maxiter=4, stop=stop)
                state = _State(away.x, away.value, np.inf, state.iterations + away.iterations)
                newton, mu, saddles = False, 1e-2, saddles + 1
            else:
                mu *= 10
            continue
        before, state = state, _round(objective, state, L, pairs)
        history.append(state.value)
        report(f"penalised log-likelihood {-state.value:.3f}, decrement {state.decrement:.1e}")
        # small in the Fisher metric may be a saddle; only a loose tolerance takes that for an end
        if state.decrement <= tol and (newton or tol > NEAR):
            return _outcome(state, True, history)
        # differences of the objective fall to rounding before the decrement does
        stalled = before.value - state.value < 1e-9 * abs(state.value)
        if newton and (state.decrement < NEAR or stalled):
            break
        if not newton and 2 * state.decrement < SWITCH:
            newton, mu = True, 1e-6
        elif not newton:
            mu = max(1e-4, mu / 2)
    return _finish(objective, state, tol, stop, history)


@dataclass(frozen=True)
class _State:
    """Where the run is: parameters, objective, half the squared decrement, iterations so far."""

    x: Array
    value: float
    decrement: float
    iterations: int = 0


def _finish(
    objective: Objective, state: _State, tol: float, stop: Stop, history: list[float]
) -> Outcome:
    """Exact Newton steps, and damped scoring if they do not end at a maximum."""
    end = scoring(
        objective, state.x, Curvature.NEWTON, tol=tol, maxiter=25, damping=1e-8, stop=stop
    )
    steps = state.iterations + end.iterations
    if not end.finished and not stop():
        end = scoring(objective, end.x, tol=tol, maxiter=100, stop=stop)
        steps += end.iterations
    done = _State(end.x, end.value, end.decrement, steps)
    return _outcome(done, end.finished, [*history, *end.history])


def _outcome(state: _State, finished: bool, history: list[float]) -> Outcome:
    return Outcome(
        state.x,
        state.value,
        state.iterations,
        "whitened",
        state.decrement,
        finished,
        tuple(history),
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
    A[diagonal] += (mu + 1e-12) * A[diagonal]
    try:
        return np.asarray(cholesky(A, lower=True, overwrite_a=True))
    except LinAlgError:
        return None


def _sample(objective: Objective, rng: np.random.Generator) -> list[tuple[int, int]] | None:
    """Random runs: a twentieth of the rows, within twenty to fifty rows per parameter."""
    n, p = objective.rows.n, objective.size
    wanted = min(max(20 * p, n // 20), 50 * p)
    runs = row_runs(n, RUN_ROWS)
    k = -(-wanted // RUN_ROWS)
    if k >= len(runs):
        return None
    chosen = np.sort(rng.choice(len(runs), size=k, replace=False))
    return [runs[i] for i in chosen]


def _round(objective: Objective, state: _State, L: Array, pairs: int) -> _State:
    """One run of L-BFGS in coordinates whitened by ``L L'``; its gradient gives the decrement."""

    def f(phi: Array) -> tuple[float, Array]:
        x = state.x + solve_triangular(L, phi, lower=True, trans="T")
        here = objective.at(x, Level.SCORE)
        if here.gradient is None:
            return FAR, np.zeros_like(phi)
        return here.value, solve_triangular(L, here.gradient, lower=True)

    end = minimize(
        f,
        np.zeros_like(state.x),
        jac=True,
        method="L-BFGS-B",
        options={"maxcor": pairs, "maxiter": pairs, "ftol": 0.0, "gtol": 1e-5, "maxls": 30},
    )
    g = np.asarray(end.jac)
    x = state.x + solve_triangular(L, end.x, lower=True, trans="T")
    return _State(x, float(end.fun), 0.5 * float(g @ g), state.iterations + int(end.nit))
