"""A joint fit from several starts: a few rounds from each, then the best third to the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepglm.errors import SpecificationError
from deepglm.solvers.objective import Objective
from deepglm.solvers.scoring import Curvature, Stop, never, scoring
from deepglm.solvers.starts import Starts
from deepglm.solvers.status import Outcome
from deepglm.solvers.whitened import whitened

Array = npt.NDArray[np.float64]

METHODS = ("auto", "scoring", "whitened", "irls", "newton")

SAME = 0.01
"""Objectives closer than this, in log-likelihood units, are one optimum."""

ROUNDS = 5
"""Rounds (whitened) or a third as many again steps (scoring) before two thirds are dropped."""

BUDGET = 4e11
"""Counted floating-point operations that all starts together may cost by default."""

Solve = Callable[[Objective, Array, int | None], Outcome]


@dataclass(frozen=True)
class Run:
    """One start and where it came to."""

    params: Array
    """(size,) full vector at the end."""
    outcome: Outcome
    start: int
    """Number of the start."""


def choose_method(method: str, n: int, p: int) -> str:
    """Pick the solver of hidden layers by counted cost.

    Where an information matrix is cheap (fewer than 50 parameters, or fewer than 200,000 entries of
    the Jacobian) damped scoring; above it L-BFGS in whitened coordinates.
    """
    if method not in METHODS:
        accepted = ", ".join(repr(m) for m in METHODS)
        raise SpecificationError(f"method={method!r} is not known; accepted are {accepted}.")
    if method != "auto":
        return method
    return "scoring" if p < 50 or n * p < 2e5 else "whitened"


def default_starts(method: str, n: int, p: int) -> int:
    """How many starts, from counted operations and never from a clock."""
    overhead = 2e7  # a step of a small fit costs this much in calls, whatever the rows
    if method == "whitened":
        one = 600 * (6.0 * n * p + overhead) + 10.0 * n * p * p
    else:
        one = 40 * (n * p * p + 10.0 * p**3 + overhead)
    return int(np.clip(BUDGET / one, 2, 40))


def solver(method: str, seed: np.random.SeedSequence, tol: float, maxiter: int, stop: Stop) -> Solve:
    """Bind a method to its options: ``solve(objective, x, rounds)``."""
    if method == "whitened":
        return lambda f, x, rounds: whitened(f, x, seed, tol=tol, maxiter=rounds or maxiter, stop=stop)
    curvature = {
        "scoring": Curvature.BOTH,
        "irls": Curvature.FISHER,
        "newton": Curvature.NEWTON,
    }[method]

    def solve(f: Objective, x: Array, rounds: int | None) -> Outcome:
        steps = maxiter if rounds is None else 3 * rounds
        return scoring(f, x, curvature, tol=tol, maxiter=steps, stop=stop, name=method)

    return solve


def from_starts(
    starts: Starts,
    seeds: list[np.random.SeedSequence],
    given: list[Array],
    solve: Solve,
    *,
    stop: Stop = never,
    report: Callable[[str], None] = lambda text: None,
) -> list[Run]:
    """Fit from every start and return the runs, best first.

    Parameters
    ----------
    starts
        Makes starting values.
    seeds
        One for every random start.
    given
        Full vectors to start from as well (the embedded GLM, the user's own).
    solve
        Bound solver.
    stop
        Time limit.
    report
        Told in words how far the fit is.
    """
    total = len(given) + len(seeds)
    runs: list[Run] = []
    for number in range(total):
        if stop() and runs:
            break
        params = given[number] if number < len(given) else starts.random(seeds[number - len(given)])
        report(f"start {number + 1} of {total}")
        run = _advance(starts.objective, params, number, solve, ROUNDS if total > 2 else None)
        if np.isfinite(run.outcome.value):
            runs.append(run)
    runs.sort(key=lambda run: run.outcome.value)
    if total <= 2:
        return runs
    kept = max(2, -(-len(runs) // 3))
    finished = []
    for place, run in enumerate(runs[:kept]):
        report(f"finishing {place + 1} of {min(kept, len(runs))}")
        done = run.outcome.finished or stop()
        finished.append(
            run if done else _advance(starts.objective, run.params, run.start, solve, None)
        )
    finished.sort(key=lambda run: run.outcome.value)
    return finished


def _advance(
    objective: Objective, params: Array, number: int, solve: Solve, rounds: int | None
) -> Run:
    here = objective.from_origin(params)
    outcome = solve(here, params[here.free], rounds)
    return Run(here.expand(outcome.x), outcome, number)


def hits(runs: list[Run]) -> int:
    """How many of the finished runs reached the best optimum."""
    best = runs[0].outcome.value
    return sum(run.outcome.value - best < SAME for run in runs)
